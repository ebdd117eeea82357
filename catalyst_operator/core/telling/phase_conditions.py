"""What each phase's condition says, from the containers of the run that it speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from catalyst_operator.api.common import Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import conditions
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import PhaseEntry, PhaseState, Record, RunEntry, RunState, StopCause
from catalyst_operator.core.runs.job import phases_of
from catalyst_operator.core.telling.messages import ending_words, plan_words, seconds

Told = tuple[Truth, str, str]
"""Status, reason and message of a condition."""

PHASE_CONDITIONS: dict[ConditionType, tuple[str, ...]] = {
    ConditionType.TOFU_INIT: ("tofu-init",),
    ConditionType.TOFU_PLAN: ("tofu-plan", "plan-gate"),
    ConditionType.TOFU_APPLY: ("tofu-apply",),
    ConditionType.TOFU_OUTPUT: ("tofu-output",),
}
"""Which containers speak for which condition: the plan is only good once the gate let it pass."""

_NO_RUN: Told = ("Unknown", Reason.WAITING, "No run with this phase has been started yet.")
_PHASE_TRUTH: dict[PhaseState, Told] = {
    PhaseState.WAITING: ("Unknown", Reason.WAITING, "waits for an earlier phase"),
    PhaseState.RUNNING: ("Unknown", Reason.RUNNING, "is running"),
    PhaseState.SUCCEEDED: ("True", Reason.SUCCEEDED, "succeeded"),
    PhaseState.FAILED: ("False", Reason.FAILED, "failed"),
    PhaseState.SKIPPED: ("Unknown", Reason.SKIPPED, "was not reached: an earlier phase ended the run"),
}


def phase_condition(o: Observation, run: RunEntry | None, type_: ConditionType) -> Told:
    """The condition of a phase, as the run tells it."""
    if run is None:
        # After many attempts to destroy, the last apply is not in the record any more.
        before = conditions.find(o.sovereign.status.conditions, type_)
        return (before.status, before.reason, before.message) if before else _NO_RUN
    if run.state is RunState.LOST:
        lost = f"Job {run.job} vanished before its end was seen; the next run starts with a plan."
        return "Unknown", Reason.RUN_LOST, lost
    entries = [phase for name in PHASE_CONDITIONS[type_] if (phase := run.phase(name))]
    if not entries:
        return "Unknown", Reason.WAITING, f"Job {run.job} has not started yet."
    entry = next((e for e in entries if e.state is not PhaseState.SUCCEEDED), entries[-1])
    return _unfinished(run, entry) or _of_entry(run, entry, entries)


def _unfinished(run: RunEntry, entry: PhaseEntry) -> Told | None:
    """Of a phase whose end is no failure, or not known to be one."""
    if run.state is RunState.AWAITING_APPROVAL and entry.name == "plan-gate" and run.plan:
        return "False", Reason.AWAITING_APPROVAL, f"The plan {run.plan.digest} waits for spec.approvePlan."
    if run.active and entry.state is PhaseState.FAILED:
        return "Unknown", Reason.RUNNING, ending_words(entry)
    if run.state is RunState.CANCELLED and entry.state is not PhaseState.SUCCEEDED:
        why = "on request" if run.stopping is StopCause.REQUESTED else "because the spec was edited"
        return "Unknown", Reason.CANCELLED, f"Job {run.job} was stopped {why} before {entry.name} had ended."
    return None


def _of_entry(run: RunEntry, entry: PhaseEntry, entries: Sequence[PhaseEntry]) -> Told:
    truth, reason, words = _PHASE_TRUTH[entry.state]
    return truth, reason, _phase_sentence(run, entry, entries, words)


def _phase_sentence(run: RunEntry, entry: PhaseEntry, entries: Sequence[PhaseEntry], words: str) -> str:
    began = entries[0].started
    lasted = entry.finished - began if entry.finished and began else None
    took = f" in {seconds(lasted)}" if lasted and lasted >= timedelta(seconds=1) else ""
    if entry.state is PhaseState.SUCCEEDED:
        return _success(run, entry.name).format(took=took)
    why = _why(run, entry) if entry.state is PhaseState.FAILED else ""
    return f"{entry.name} {words}{took}{why}".rstrip(": ") + "."


def _success(run: RunEntry, phase: str) -> str:
    """What a phase achieved, with a place for how long it took."""
    plan = run.plan
    done = f": {plan.add} added, {plan.change} changed, {plan.destroy} destroyed" if plan else ""
    done += f", {plan.adopt} adopted" if plan and plan.adopt else ""
    return {
        "tofu-init": "OpenTofu was initialised{took}.",
        "plan-gate": f"Planned{{took}}: {plan_words(run)}.",
        "tofu-apply": f"Applied{{took}}{done}.",
        "tofu-output": "The outputs were read{took}.",
    }[phase]


def _why(run: RunEntry, entry: PhaseEntry) -> str:
    said = run.errors[0].message if run.errors else entry.message
    return f": {said}" if entry.exit_code is None else f" (exit code {entry.exit_code}): {said}"


def shown(record: Record, run: RunEntry | None, type_: ConditionType) -> RunEntry | None:
    """The run that a phase's condition speaks of: the latest that has such a phase; no destroy, no drift check."""
    recorded = tuple(r for r in record.runs if not r.drift_check)
    latest = (*recorded[:-1], run) if run else recorded
    names = PHASE_CONDITIONS[type_]
    fitting = (r for r in reversed(latest) if r.verb is not RunVerb.DESTROY and set(names) <= set(phases_of(r.verb)))
    return next(fitting, None)
