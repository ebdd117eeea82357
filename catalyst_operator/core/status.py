"""The whole status of a Sovereign, from the record, the run in view and a verdict.

Nothing here decides what is done; it only says what is, so that `kubectl get -w` reads well on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition, Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.phases import OperationState, OperationType, Phase, RunResult, RunVerb
from catalyst_operator.api.scalars import format_duration
from catalyst_operator.api.sovereign_status import (
    CurrentRun,
    JobRef,
    LastError,
    LastOperation,
    Outputs,
    Plan,
    RunRecord,
    SovereignStatus,
)
from catalyst_operator.core import catalogue, conditions, runs
from catalyst_operator.core.job import PHASES
from catalyst_operator.core.manifests import namespace_of
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import ErrorEntry, PhaseEntry, PhaseState, Record, RunEntry, RunState

MAX_STAMP = 64
"""As much of an annotation's value as status has room for."""


class Stance(Enum):
    """Whose turn it is."""

    WORKING = "the operator's: it goes on by itself"
    STALLED = "a person's: nothing happens until something is changed"
    SETTLED = "nobody's: what can be done is done"


@dataclass(frozen=True)
class Verdict:
    """What `decide` concluded, for people: where things stand and why. `ready` is the Ready condition's status."""

    stance: Stance
    phase: Phase
    reason: Reason
    message: str
    errors: tuple[ErrorEntry, ...] = ()
    deleting: Reason | None = None


def build(o: Observation, record: Record, run: RunEntry | None, verdict: Verdict) -> SovereignStatus:
    """The status after this observation. `run` is the latest run as it stands now, also when not recorded yet."""
    before = o.sovereign.status
    outputs = record.outputs
    return before.model_copy(
        update={
            "observed_generation": o.sovereign.metadata.generation,
            "phase": verdict.phase,
            "progress_percent": _progress(verdict, run, record),
            "conditions": conditions.merge(before.conditions, _conditions(o, record, run, verdict)),
            "last_operation": _last_operation(o, record, run, verdict),
            "last_errors": tuple(_error(o, e) for e in verdict.errors),
            "plan": _plan(record, run),
            "outputs": Outputs(control_plane_ips=outputs.control_plane_ips, load_balancer_ip=outputs.load_balancer_ip)
            if outputs
            else before.outputs,
            "cost": catalogue.cost_of(o.sovereign.spec),
            "run_namespace": namespace_of(o.sovereign) if record.runs else before.run_namespace,
            "current_run": _current(o, run),
            "history": tuple(_history(r) for r in reversed(record.runs) if not r.active),
            "last_handled_reconcile_at": _stamp(o.sovereign.metadata.annotations.get(labels.ANNOTATION_RECONCILE)),
            "last_handled_retry_at": _stamp(record.handled.get(labels.ANNOTATION_RETRY)),
        }
    )


def _stamp(value: str | None) -> str | None:
    """An annotation's value as status takes it: people may write anything there, of any length."""
    return value[:MAX_STAMP] if value else None


def seconds(duration: timedelta) -> str:
    """A duration for people: `42s`, `3m5s`."""
    return format_duration(duration)


# --- conditions -------------------------------------------------------------------------------------------------------


def _conditions(o: Observation, record: Record, run: RunEntry | None, verdict: Verdict) -> tuple[Condition, ...]:
    shown = run if run and run.verb is RunVerb.APPLY else record.last_of(RunVerb.APPLY)
    found: list[tuple[ConditionType, Truth, Reason, str]] = [
        (ConditionType.READY, _ready(verdict, record), verdict.reason, verdict.message),
    ]
    if verdict.stance is Stance.WORKING:
        found.append((ConditionType.RECONCILING, "True", verdict.reason, verdict.message))
    if verdict.stance is Stance.STALLED:
        found.append((ConditionType.STALLED, "True", verdict.reason, verdict.message))
    found += [(type_, *_phase_condition(o, shown, type_)) for type_ in PHASE_CONDITIONS]
    if verdict.deleting:
        found.append((ConditionType.DELETING, "True", verdict.deleting, verdict.message))
    generation = o.sovereign.metadata.generation
    return tuple(conditions.condition(*entry, generation=generation, now=o.now) for entry in found)


def _ready(verdict: Verdict, record: Record) -> Truth:
    """False until Ready can be earned; Unknown while something that stood before is worked on."""
    return "Unknown" if verdict.stance is Stance.WORKING and record.outputs and not verdict.deleting else "False"


PHASE_CONDITIONS: dict[ConditionType, tuple[str, ...]] = {
    ConditionType.TOFU_INIT: ("tofu-init",),
    ConditionType.TOFU_PLAN: ("tofu-plan", "plan-gate"),
    ConditionType.TOFU_APPLY: ("tofu-apply",),
    ConditionType.TOFU_OUTPUT: ("tofu-output",),
}
"""Which containers speak for which condition: the plan is only good once the gate let it pass."""

_NO_RUN: tuple[Truth, Reason, str] = ("Unknown", Reason.WAITING, "No run has been started yet.")
_PHASE_TRUTH: dict[PhaseState, tuple[Truth, Reason, str]] = {
    PhaseState.WAITING: ("Unknown", Reason.WAITING, "waits for an earlier phase"),
    PhaseState.RUNNING: ("Unknown", Reason.RUNNING, "is running"),
    PhaseState.SUCCEEDED: ("True", Reason.SUCCEEDED, "succeeded"),
    PhaseState.FAILED: ("False", Reason.FAILED, "failed"),
    PhaseState.SKIPPED: ("Unknown", Reason.SKIPPED, "was not reached: an earlier phase ended the run"),
}


def _phase_condition(o: Observation, run: RunEntry | None, type_: ConditionType) -> tuple[Truth, Reason, str]:
    if run is None:
        # After many attempts to destroy, the last apply is not in the record any more.
        before = conditions.find(o.sovereign.status.conditions, type_)
        return (before.status, Reason(before.reason), before.message) if before else _NO_RUN
    if run.state is RunState.LOST:
        return (
            "Unknown",
            Reason.RUN_LOST,
            f"Job {run.job} vanished before its end was seen; the next run starts with a plan.",
        )
    entries = [phase for name in PHASE_CONDITIONS[type_] if (phase := run.phase(name))]
    if not entries:
        return "Unknown", Reason.WAITING, f"Job {run.job} has not started yet."
    entry = next((e for e in entries if e.state is not PhaseState.SUCCEEDED), entries[-1])
    if run.state is RunState.AWAITING_APPROVAL and entry.name == "plan-gate" and run.plan:
        return "False", Reason.AWAITING_APPROVAL, f"The plan {run.plan.digest} waits for spec.approvePlan."
    if run.active and entry.state is PhaseState.FAILED:
        # Why is told once the Pod has ended and its log was read; until then it may be no failure at all.
        return "Unknown", Reason.RUNNING, f"{entry.name} ended with exit code {entry.exit_code}; its Pod is ending."
    truth, reason, words = _PHASE_TRUTH[entry.state]
    return truth, reason, _phase_sentence(run, entry, entries, words)


def _phase_sentence(run: RunEntry, entry: PhaseEntry, entries: Sequence[PhaseEntry], words: str) -> str:
    began = entries[0].started
    took = f" in {seconds(entry.finished - began)}" if entry.finished and began else ""
    if entry.state is PhaseState.SUCCEEDED:
        return _success(run, entry.name).format(took=took)
    why = _why(run, entry) if entry.state is PhaseState.FAILED else ""
    return f"{entry.name} {words}{took}{why}".rstrip(": ") + "."


def _success(run: RunEntry, phase: str) -> str:
    """What a phase achieved, with a place for how long it took."""
    plan = run.plan
    done = f": {plan.add} added, {plan.change} changed, {plan.destroy} destroyed" if plan else ""
    return {
        "tofu-init": "OpenTofu was initialised{took}.",
        "plan-gate": f"Planned{{took}}: {plan_words(run)}.",
        "tofu-apply": f"Applied{{took}}{done}.",
        "tofu-output": "The outputs were read{took}.",
    }[phase]


def _why(run: RunEntry, entry: PhaseEntry) -> str:
    said = run.errors[0].message if run.errors else entry.message
    return f": {said}" if entry.exit_code is None else f" (exit code {entry.exit_code}): {said}"


def plan_words(run: RunEntry) -> str:
    """What the plan does: `22 to add, 0 to change, 0 to destroy`."""
    plan = run.plan
    return f"{plan.add} to add, {plan.change} to change, {plan.destroy} to destroy" if plan else "plan not known"


# --- progress ---------------------------------------------------------------------------------------------------------

PERCENT: dict[str, tuple[int, int]] = {
    "tofu-init": (1, 3),
    "tofu-plan": (3, 6),
    "plan-gate": (6, 8),
    "tofu-apply": (8, 48),
    "tofu-output": (48, 50),
}
"""Where each phase of an apply begins and ends; the second half is the bootstrap of the new cluster."""
INFRASTRUCTURE_DONE = 50


def _progress(verdict: Verdict, run: RunEntry | None, record: Record) -> int:
    if verdict.deleting:
        return _destroy_progress(run)
    if run and run.active and run.verb is RunVerb.APPLY:
        return _apply_progress(run)
    if record.outputs and verdict.phase is Phase.FLUX_BOOTSTRAP:
        return INFRASTRUCTURE_DONE
    return _apply_progress(run) if run and run.verb is RunVerb.APPLY else 0


def _apply_progress(run: RunEntry) -> int:
    reached = [p for p in run.phases if p.state not in (PhaseState.WAITING, PhaseState.SKIPPED)]
    if not reached:
        return 0
    last = reached[-1]
    begin, end = PERCENT[last.name]
    if last.state is PhaseState.SUCCEEDED:
        return end
    return begin + int((end - begin) * run.fraction) if last.name == "tofu-apply" else begin


def _destroy_progress(run: RunEntry | None) -> int:
    if run is None or run.verb is not RunVerb.DESTROY:
        return 0
    done = sum(phase.state is PhaseState.SUCCEEDED for phase in run.phases)
    reached = done + (run.fraction if run.active and done == 3 else 0)
    return int(100 * reached / (len(PHASES[RunVerb.DESTROY]) + 1))


# --- the rest ---------------------------------------------------------------------------------------------------------

_OPERATION_STATE = {
    Stance.WORKING: OperationState.PROCESSING,
    Stance.STALLED: OperationState.FAILED,
    Stance.SETTLED: OperationState.SUCCEEDED,
}


_WAITING_FOR_A_PERSON = frozenset(
    {Reason.AWAITING_APPROVAL, Reason.SUSPENDED, Reason.DRY_RUN, Reason.CREDENTIALS_MISSING}
)
_FAILED_FOR_NOW = frozenset({Reason.RETRYING, Reason.DESTROY_FAILED})


def _operation_state(verdict: Verdict) -> OperationState:
    reason = verdict.deleting or verdict.reason
    if reason in _WAITING_FOR_A_PERSON:
        return OperationState.WAITING
    if verdict.stance is Stance.WORKING and reason in _FAILED_FOR_NOW:
        return OperationState.ERROR
    return _OPERATION_STATE[verdict.stance]


def _last_operation(o: Observation, record: Record, run: RunEntry | None, verdict: Verdict) -> LastOperation:
    before = o.sovereign.status.last_operation
    type_ = _operation_type(record, run, verdict)
    fresh = LastOperation(
        type=type_,
        state=_operation_state(verdict),
        description=verdict.message[: conditions.MAX_MESSAGE],
        start_time=_operation_start(o, type_, run),
        last_update_time=o.now,
    )
    same = before is not None and before.model_copy(update={"last_update_time": fresh.last_update_time}) == fresh
    return before if before is not None and same else fresh


def _operation_start(o: Observation, type_: OperationType, run: RunEntry | None) -> datetime:
    before = o.sovereign.status.last_operation
    if type_ is OperationType.DELETE and o.sovereign.metadata.deletion_timestamp:
        return o.sovereign.metadata.deletion_timestamp
    if run:
        return run.created
    return before.start_time if before and before.type is type_ else o.now


def _operation_type(record: Record, run: RunEntry | None, verdict: Verdict) -> OperationType:
    if verdict.deleting:
        return OperationType.DELETE
    if record.outputs is None:
        return OperationType.CREATE
    first = not any(r.state is RunState.SUCCEEDED and r is not run for r in record.runs) and record.attempts <= len(
        record.runs
    )
    return OperationType.CREATE if first else OperationType.RECONCILE


def _error(o: Observation, entry: ErrorEntry) -> LastError:
    chapter = entry.code.lower().replace("_", "-")
    return LastError(
        code=entry.code,
        message=entry.message,
        remedy=entry.remedy,
        runbook=f"{o.settings.runbook_url}#{chapter}",
    )


def _plan(record: Record, run: RunEntry | None) -> Plan | None:
    shown = run if run and run.plan else next((r for r in reversed(record.runs) if r.plan), None)
    if shown is None or shown.plan is None:
        return None
    plan = shown.plan
    return Plan(
        digest=plan.digest,
        add=plan.add,
        change=plan.change,
        destroy=plan.destroy,
        replacing=plan.replacing[:10],
    )


def _current(o: Observation, run: RunEntry | None) -> CurrentRun | None:
    if run is None or not run.active:
        return None
    reference = JobRef(namespace=namespace_of(o.sovereign), name=run.job)
    return CurrentRun(job_ref=reference, verb=run.verb, attempt=run.attempt, start_time=run.created)


def _history(run: RunEntry) -> RunRecord:
    finished = run.finished or run.created
    return RunRecord(
        verb=run.verb,
        attempt=run.attempt,
        result=RunResult(run.state.value),
        start_time=run.created,
        completion_time=finished,
        duration=max(timedelta(0), finished - run.created),
        job_name=run.job,
        error_code=run.errors[0].code if run.errors else None,
    )


def failed_words(run: RunEntry) -> str:
    """Which phase ended the run, for a message."""
    failed = runs.failed_phase(run)
    return f"{failed.name} of Job {run.job}" if failed else f"Job {run.job}"
