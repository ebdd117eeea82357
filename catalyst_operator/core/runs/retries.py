"""When a run is made again: by itself after a pause, or because somebody did something that is worth another try."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.drift import findings
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import UNSUCCESSFUL, Record, RunEntry, RunState
from catalyst_operator.core.runs.attempts import unanswered
from catalyst_operator.core.runs.tfvars import inputs_digest
from catalyst_operator.core.settings import CoreSettings


def retry_at(o: Observation, run: RunEntry) -> datetime:
    """When a run that failed in passing is tried again: doubling from the base up to the cap. The first interruption
    from outside says nothing against going on at once."""
    ended = run.finished or run.created
    if run.tries == 1 and run.state is RunState.INTERRUPTED:
        return ended
    return ended + pause(o.settings, run.tries)


def pause(settings: CoreSettings, failures: int) -> timedelta:
    """How long what failed so many times in a row is left alone: doubling from the base up to the cap."""
    doublings: int = 2 ** max(0, min(failures - 1, 16))
    return min(settings.retry_cap, settings.retry_base * doublings)


def pause_after_timeouts(settings: CoreSettings, timeouts: int) -> timedelta:
    """Until what is tried for ever is tried again. What OpenTofu came to no end with costs others their turn."""
    return pause(settings, timeouts) if timeouts else settings.poll


def changed_since(o: Observation, record: Record, run: RunEntry) -> bool:
    """Whether a person did something after this run that is worth another try."""
    return (
        o.sovereign.metadata.generation != run.generation
        or (o.credentials.version if o.credentials else "") != run.credentials
        or record.given_version != run.given_version
        or unanswered(o, record, labels.ANNOTATION_RETRY)
        or unanswered(o, record, labels.ANNOTATION_CONFIRM_PROJECT)
        or _rebuild_since(record, run)
    )


def _rebuild_since(record: Record, run: RunEntry) -> bool:
    """Whether a server is to be made again for which this run was not: it may be what the run failed at."""
    return record.rebuild is not None and not record.rebuild.begun and run.rebuild != record.rebuild.server


def unresolved_failure(o: Observation, record: Record, run: RunEntry | None) -> RunEntry | None:
    """The run, if it did not end well and nobody did anything since."""
    if run is None or run.state not in UNSUCCESSFUL or changed_since(o, record, run):
        return None
    return run


def run_wanted_again(o: Observation, record: Record, variables: dict[str, Any]) -> bool:
    """Whether what was applied last is to be applied once more: a retry was asked for, or a later dry run of the same
    announced that something is to be done, because the project is not as it was left; or a drift check found that, and
    it is to be repaired; or a server is to be made again."""
    if record.rebuild is not None:
        return True
    digest = inputs_digest(RunVerb.PLAN, variables)
    again = unanswered(o, record, labels.ANNOTATION_RETRY) or _announced(record, digest)
    return again or findings.to_repair(o, record, digest)


def _announced(record: Record, digest: str) -> bool:
    planned, applied = record.last_of(RunVerb.PLAN), record.last_of(RunVerb.APPLY)
    if planned is None or planned.state is not RunState.SUCCEEDED or planned.digest != digest:
        return False
    later = applied is None or planned.attempt > applied.attempt
    return later and planned.plan is not None and planned.plan.does_something
