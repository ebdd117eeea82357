"""One attempt after another: what makes a new run, what it takes to start it, and when a failed one is tried again."""

from __future__ import annotations

from datetime import datetime

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming, status
from catalyst_operator.core.actions import (
    Action,
    CreateJob,
    DeleteInputs,
    PrepareNamespace,
    WriteInputs,
    WriteRecord,
)
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import Record, RunEntry
from catalyst_operator.core.scene import Scene

TOKEN_LENGTH = 64
"""The provider refuses any other length before it asks Hetzner."""


def next_run(o: Observation, record: Record, verb: RunVerb, digest: str) -> RunEntry:
    """The run to make next."""
    attempt = max(record.attempts, *(job.attempt for job in o.jobs), 0) + 1
    return RunEntry(
        verb=verb,
        digest=digest,
        attempt=attempt,
        credentials=o.credentials.version if o.credentials else "",
        generation=o.sovereign.metadata.generation,
        created=o.now,
        job=naming.job_name(verb.value, digest, attempt),
        approved=o.sovereign.spec.approve_plan or "",
        retry=_retry_requested(o),
    )


def start_actions(scene: Scene, run: RunEntry, record: Record | None = None) -> tuple[Action, ...]:
    """All it takes to get a run going; done again after a crash it changes nothing."""
    write = (WriteRecord(record),) if record else ()
    return (
        PrepareNamespace(refresh_token=has_usable_token(scene.o)),
        WriteInputs(run.digest, scene.variables),
        *write,
        CreateJob(run),
    )


def forgotten_inputs(before: Record, after: Record) -> tuple[Action, ...]:
    """Inputs of runs that fell out of the history."""
    kept = {run.digest for run in after.runs}
    return tuple(DeleteInputs(digest) for digest in sorted({run.digest for run in before.runs} - kept))


def changed_since(o: Observation, record: Record, run: RunEntry) -> bool:
    """Whether a person did something after this run that is worth another try."""
    retry = _retry_requested(o)
    return (
        o.sovereign.metadata.generation != run.generation
        or (o.credentials.version if o.credentials else "") != run.credentials
        or (bool(retry) and retry != record.handled.get(labels.ANNOTATION_RETRY))
    )


def handled(o: Observation, record: Record) -> dict[str, str]:
    """The annotations that a new run answers."""
    retry = _retry_requested(o)
    return {**record.handled, labels.ANNOTATION_RETRY: retry} if retry else record.handled


def _retry_requested(o: Observation) -> str:
    """The value of the annotation, as far as status can show it."""
    return o.sovereign.metadata.annotations.get(labels.ANNOTATION_RETRY, "")[: status.MAX_STAMP]


def well_formed(token: str) -> bool:
    """Whether a token can be one; whether it is valid only Hetzner knows."""
    return len(token) == TOKEN_LENGTH and token.isascii() and token.isalnum()


def has_usable_token(o: Observation) -> bool:
    """Whether the owner's Secret holds something that can be a token."""
    token = o.credentials.token if o.credentials else None
    return token is not None and well_formed(token.get_secret_value())


def retry_at(o: Observation, record: Record, run: RunEntry) -> datetime:
    """When a run that failed transiently is tried again: doubling from the base up to the cap."""
    failures = record.consecutive_failures(run)
    doublings: int = 2 ** max(0, min(failures - 1, 16))
    delay = min(o.settings.retry_cap, o.settings.retry_base * doublings)
    return (run.finished or run.created) + delay
