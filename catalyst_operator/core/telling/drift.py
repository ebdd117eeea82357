"""What people read about drift: what differs from what was applied, whose doing it is, and what to do about it."""

from __future__ import annotations

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import DriftMode
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign_status import Drift
from catalyst_operator.core.drift import schedule
from catalyst_operator.core.error_text import named
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import DriftEntry, ErrorEntry, PlanEntry, Record, RunEntry, RunState
from catalyst_operator.core.telling.approval import plan_command
from catalyst_operator.core.telling.messages import failed_words
from catalyst_operator.core.telling.phase_conditions import Told
from catalyst_operator.core.verdict import Verdict

MAX_ADDRESSES = 10


def condition(o: Observation, record: Record, verdict: Verdict) -> tuple[Told, ...]:
    """The condition Drifted; nothing where nobody wants to know, or the cloud is not the operator's to look at. What
    differed goes on to be told until it is seen not to; that nothing did, only until a check should have been made and
    could not."""
    if not _is_told(o, record) or verdict.deleting:
        return ()
    found, why = record.drift, _not_checked(record, verdict)
    told = _found(o, record, found) if found else _NOTHING_YET
    if not why:
        return (told,)
    if told[0] == "True":
        return ((told[0], told[1], f"{told[2]} That was the last answer. {why}"),)
    return (("Unknown", Reason.NOT_CHECKED, why),)


def found(o: Observation, record: Record) -> Drift | None:
    """The same as data."""
    entry = record.drift
    if not _is_told(o, record) or entry is None:
        return None
    plan = entry.plan or _NO_PLAN
    return Drift(
        checked_at=entry.at,
        next_check_at=schedule.next_check(o, record),
        add=plan.add,
        change=_changed(plan),
        destroy=plan.destroy,
        addresses=plan.differing[:MAX_ADDRESSES],
        powered_off=entry.off[:MAX_ADDRESSES],
        of_others=plan.of_others[:MAX_ADDRESSES],
    )


def errors(o: Observation, record: Record) -> tuple[ErrorEntry, ...]:
    """Why the last check came to nothing, or what it found must not be applied."""
    if not _is_told(o, record):
        return ()
    check, entry = record.last_check, record.drift
    if check is not None and schedule.came_to_nothing(record, check):
        return check.errors if check.state is RunState.FAILED else ()
    return (entry.error,) if entry and entry.error else ()


def check_to_show(record: Record, wanted: RunEntry | None) -> RunEntry | None:
    """The last check, if it planned something since the run that somebody asked for."""
    check, entry = record.last_check, record.drift
    if check is None or check.plan is None or entry is None or entry.plan != check.plan or not entry.differs:
        return None
    return check if wanted is None or check.attempt > wanted.attempt else None


_NO_PLAN = PlanEntry(digest="", add=0, change=0, destroy=0)
_NOTHING_YET: Told = ("Unknown", Reason.NOT_CHECKED, "No check was made yet.")


def _is_told(o: Observation, record: Record) -> bool:
    wanted = o.sovereign.spec.drift_detection is not None
    return wanted and record.outputs is not None and record.hand_off is None


def _not_checked(record: Record, verdict: Verdict) -> str:
    """Why nothing newer is known, as sentences; empty while all is as it should be."""
    if verdict.unchecked:
        return f"A check is due and cannot be made: {verdict.unchecked}"
    check = record.last_check
    if check is None or not schedule.came_to_nothing(record, check):
        return ""
    error = check.errors[0] if check.errors else None
    why = f": {error.code}: {error.message.rstrip('.')}. {error.remedy}" if error else "."
    return f"The last check came to nothing, and is made again by itself. {failed_words(check)} did not end well{why}"


def _found(o: Observation, record: Record, entry: DriftEntry) -> Told:
    plan = entry.plan or _NO_PLAN
    notes = " ".join(filter(None, (_off_words(entry), _others_words(plan))))
    if entry.differs:
        return "True", Reason.DRIFT_DETECTED, f"{_difference(o, plan)} {_what_next(o, record, entry)} {notes}".rstrip()
    if entry.off:
        return "True", Reason.SERVERS_OFF, f"Nothing differs from what was asked for. {notes}"
    fine = "The cloud is as it was applied."
    return "False", Reason.NO_DRIFT, f"{fine} {notes}".rstrip()


def _difference(o: Observation, plan: PlanEntry) -> str:
    counts = f"{plan.add} to add, {_changed(plan)} to change, {plan.destroy} to destroy"
    return f"The cloud is not as it was applied: {counts} ({named(plan.differing)}). Read it with `{plan_command(o)}`."


def _what_next(o: Observation, record: Record, entry: DriftEntry) -> str:
    """Who puts it right."""
    wanted, last = o.sovereign.spec.drift_detection, record.last_of(RunVerb.APPLY)
    if entry.error:
        return f"{entry.error.code}: it must not be applied: {entry.error.message.rstrip('.')}. {entry.error.remedy}"
    check = record.last_check
    if last is not None and check is not None and last.attempt > check.attempt:
        return "A run puts it right; Ready says how that stands."
    if wanted is not None and wanted.mode is DriftMode.REPAIR:
        return "It is about to be put right."
    meta = o.sovereign.metadata
    command = (
        f"kubectl -n {meta.namespace} annotate sovereign {meta.name} --overwrite {labels.ANNOTATION_RETRY}=$(date +%s)"
    )
    return f"Nothing is changed in mode Report: to have it put right, run `{command}`."


def _off_words(entry: DriftEntry) -> str:
    if not entry.off:
        return ""
    return f"Powered off, and left so, since nobody but whoever did it knows why: {named(entry.off)}."


def _others_words(plan: PlanEntry) -> str:
    if not plan.of_others:
        return ""
    where = named(plan.of_others)
    return f"Not counted: labels or firewalls of others on {where}; the next apply takes them away."


def _changed(plan: PlanEntry) -> int:
    return max(0, plan.change - plan.others)
