"""When drift is checked for: in each interval at a Sovereign's own time, and never soon after an apply."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from catalyst_operator.core import naming
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import UNSUCCESSFUL, Record, RunEntry

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_check(o: Observation, record: Record) -> datetime | None:
    """When the next check is due, which may be long ago; None where there is none to come. Times follow from the UID
    and the interval alone, so that every operator finds the same ones."""
    wanted = o.sovereign.spec.drift_detection
    if wanted is None or record.outputs is None or record.hand_off is not None:
        return None
    interval = min(wanted.interval, o.settings.drift_longest_interval)
    applied, check = _applied_at(o, record), record.last_check
    last = max(applied, check.created) if check else applied
    due = _slot_after(last, interval, o.uid)
    if check and came_to_nothing(record, check):
        due = min(due, check.over_at(o.now) + o.settings.drift_rest)
    rested = applied + o.settings.drift_rest
    return due if due >= rested else _slot_after(rested, interval, o.uid)


def came_to_nothing(record: Record, check: RunEntry) -> bool:
    """Whether a check, the latest, ended without an answer, and no apply has looked at everything since."""
    later = any(run.attempt > check.attempt for run in record.runs if not run.drift_check)
    return check.state in UNSUCCESSFUL and check.plan is None and not later


def _applied_at(o: Observation, record: Record) -> datetime:
    """When the last apply ended, as far as that is remembered; it took the cloud as it was."""
    ended = [run.over_at(o.now) for run in record.runs if run.phase("tofu-apply")]
    begun = [record.bootstrap.since] if record.bootstrap else []
    return max((*ended, *begun), default=EPOCH)


def _slot_after(time: datetime, interval: timedelta, uid: str) -> datetime:
    """The first of a Sovereign's times after this one."""
    first = EPOCH + interval * naming.share(uid)
    return first + interval * ((time - first) // interval + 1)
