"""One attempt after another: what makes a new run, what it takes to start it, and which requests it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.enums import Approval
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign_status import MAX_REQUEST, MAX_STAMP
from catalyst_operator.core import naming
from catalyst_operator.core.actions import (
    Action,
    CreateJob,
    DeleteInputs,
    GiveBootSecrets,
    PrepareNamespace,
    TakeTurn,
    WriteInputs,
    WriteRecord,
)
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project import sizing, ssh_keys
from catalyst_operator.core.project.hetzner import well_formed
from catalyst_operator.core.queue import turn
from catalyst_operator.core.queue.order import kind_of
from catalyst_operator.core.record import UNSUCCESSFUL, Record, RunEntry, StopCause
from catalyst_operator.core.runs.tfvars import inputs_digest
from catalyst_operator.core.tofu.backends import StateBackend


def next_run(o: Observation, record: Record, verb: RunVerb, variables: dict[str, Any]) -> RunEntry:
    """The run to make next, of these variables."""
    digest = inputs_digest(verb, variables)
    wanted = sizing.servers(o.sovereign.spec)
    store = store_of(o, record)
    attempt = max(record.attempts, *(job.attempt for job in o.jobs), 0) + 1
    run = RunEntry(
        verb=verb,
        digest=digest,
        attempt=attempt,
        credentials=o.credentials.version if o.credentials else "",
        generation=o.sovereign.metadata.generation,
        created=o.now,
        job=naming.job_name(verb.value, digest, attempt),
        inputs=naming.digest_of(variables),
        approved=o.sovereign.spec.approve_plan or "",
        manual=o.sovereign.spec.approval is Approval.MANUAL,
        members=record.members,
        later=tuple(server.key for server in sizing.later(wanted, record.sizes, record.made)),
        resize_approved=record.resize_approved == sizing.goal(wanted, record.sizes),
        retry=requested(o, labels.ANNOTATION_RETRY),
        adopt=record.orphans,
        standing=record.made if record.outputs else (),
        given_version=record.given_version,
        keys=ssh_keys.digest(variables["ssh_public_keys"]),
        project=turn.project_mark(o),
        backend=store.fingerprint if store else "",
        over=tuple(before.job for before in record.runs if not before.active) if store else (),
    )
    return replace(run, tries=_tries(record.last_of(verb), run))


def store_of(o: Observation, record: Record) -> StateBackend | None:
    """The store outside that has the state. Once a Sovereign is handed over its working state is made of the archive,
    which lies in the run namespace, and goes with it."""
    return o.settings.state_backend if record.hand_off is None else None


def _tries(before: RunEntry | None, run: RunEntry) -> int:
    """Which try at the same request a run is, after the one before it."""
    if before is None or before.state not in UNSUCCESSFUL or _asked(before) != _asked(run):
        return 1
    return before.tries if before.stepped_down else before.tries + 1


def _asked(run: RunEntry) -> tuple[int, str, str, str]:
    """What a run was asked for: another answer means that a person did something in between."""
    return run.generation, run.credentials, run.retry, run.given_version


def start_actions(
    o: Observation, run: RunEntry, variables: dict[str, Any], record: Record | None = None
) -> tuple[Action, ...]:
    """All it takes to get a run going; done again after a crash it changes nothing."""
    write = (WriteRecord(record),) if record else ()
    # A destroy makes no servers.
    give = () if run.verb is RunVerb.DESTROY else (GiveBootSecrets(authorities=not variables["cluster_started"]),)
    return (
        TakeTurn(turn.entry(o, kind_of(run.verb, drift_check=run.drift_check))),
        PrepareNamespace(refresh_token=has_usable_token(o), in_store=bool(run.backend)),
        WriteInputs(run.inputs_secret, variables, in_store=bool(run.backend)),
        *write,
        *give,
        CreateJob(run),
    )


def forgotten_inputs(before: Record, after: Record) -> tuple[Action, ...]:
    """Inputs of runs that fell out of the history."""
    kept = {run.inputs_secret for run in after.runs}
    return tuple(DeleteInputs(name) for name in sorted({run.inputs_secret for run in before.runs} - kept))


def unanswered(o: Observation, record: Record, annotation: str) -> bool:
    """Whether a request by annotation has not been answered yet."""
    value = requested(o, annotation)
    return bool(value) and value != record.handled.get(annotation)


def handled(o: Observation, record: Record) -> dict[str, str]:
    """The annotations that are answered once a new run begins; a cancellation asked for earlier is not meant for it."""
    answered = (labels.ANNOTATION_RETRY, labels.ANNOTATION_CANCEL, labels.ANNOTATION_CONFIRM_PROJECT)
    values = {name: requested(o, name) for name in answered}
    return {**record.handled, **{name: value for name, value in values.items() if value}}


def requested(o: Observation, annotation: str) -> str:
    """The value of a request's annotation, as far as status can show it."""
    most = MAX_REQUEST if annotation == labels.ANNOTATION_REBUILD else MAX_STAMP
    return o.sovereign.metadata.annotations.get(annotation, "")[:most]


def with_stop(o: Observation, record: Record, run: RunEntry, cause: StopCause) -> Record:
    """The record of a run that is about to be told to stop. What is recorded of it so far stays."""
    known = next(r for r in record.runs if r.attempt == run.attempt)
    cancel = requested(o, labels.ANNOTATION_CANCEL)
    answered = {labels.ANNOTATION_CANCEL: cancel} if cancel else {}
    stopped = record.with_run(replace(known, stopping=cause))
    return replace(stopped, handled={**record.handled, **answered})


def has_usable_token(o: Observation) -> bool:
    """Whether the owner's Secret holds something that can be a token."""
    token = o.credentials.token if o.credentials else None
    return token is not None and well_formed(token.get_secret_value())
