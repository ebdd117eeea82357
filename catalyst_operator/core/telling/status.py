"""The whole status of a Sovereign, from the record, the run in view and a verdict.

Nothing here decides what is done; it only says what is, so that `kubectl get -w` reads well on its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition, Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.phases import OperationState, OperationType, PreflightResult, RunResult, RunVerb
from catalyst_operator.api.sovereign_status import (
    MAX_STAMP,
    CurrentRun,
    JobRef,
    LastError,
    LastOperation,
    Outputs,
    Plan,
    PreflightCheck,
    RunRecord,
    ServerStatus,
    SovereignStatus,
)
from catalyst_operator.core import conditions, naming
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.errors import codes
from catalyst_operator.core.manifests import namespace_of
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project import prices, sizing
from catalyst_operator.core.project.preflight import SIZES, SOLD_OUT
from catalyst_operator.core.ready.assessment import Assessment, assess
from catalyst_operator.core.record import ErrorEntry, PhaseState, Record, RunEntry, RunState
from catalyst_operator.core.runs.job import ADOPT, phases_of
from catalyst_operator.core.telling import cluster_status
from catalyst_operator.core.telling.phase_conditions import PHASE_CONDITIONS, Told, phase_condition, shown
from catalyst_operator.core.verdict import Stance, Verdict

USER_DATA = "user-data"
USER_DATA_CODES = frozenset({codes.USERDATA_TOO_BIG.code, codes.USERDATA_INVALID.code})
MAX_ADDRESSES = 10
MAX_ERRORS = 10


def build(o: Observation, record: Record, run: RunEntry | None, verdict: Verdict) -> SovereignStatus:
    """The status after this observation. `run` is the latest run as it stands now, also when not recorded yet."""
    before = o.sovereign.status
    outputs = record.outputs
    found = None if verdict.deleting else assess(o, record)
    return before.model_copy(
        update={
            "observed_generation": o.sovereign.metadata.generation,
            "phase": verdict.phase,
            "progress_percent": _progress(verdict, run, record, found),
            "conditions": conditions.merge(before.conditions, _conditions(o, record, run, verdict, found)),
            "last_operation": _last_operation(o, record, run, verdict),
            "last_errors": tuple(_error(o, e) for e in verdict.errors[:MAX_ERRORS]),
            "preflight": _preflight(o, run),
            "plan": _plan(record, run),
            "outputs": Outputs(control_plane_ips=outputs.control_plane_ips, load_balancer_ip=outputs.load_balancer_ip)
            if outputs
            else before.outputs,
            "servers": _servers(o, record),
            **cluster_status.fields(o, record, found),
            "cost": prices.cost_of(o.sovereign.spec, record.sizes),
            "run_namespace": namespace_of(o.sovereign) if record.runs else before.run_namespace,
            "current_run": _current(o, run),
            "history": tuple(_history(r) for r in reversed(record.runs) if not r.active),
            "last_handled_reconcile_at": _stamp(o.sovereign.metadata.annotations.get(labels.ANNOTATION_RECONCILE)),
            "last_handled_retry_at": _stamp(record.handled.get(labels.ANNOTATION_RETRY)),
            "last_handled_cancel_at": _stamp(record.handled.get(labels.ANNOTATION_CANCEL)),
            "last_handled_rejoin_at": _stamp(record.handled.get(labels.ANNOTATION_REJOIN)),
            "last_handled_hand_off_at": _stamp(record.handled.get(labels.ANNOTATION_HAND_OFF)),
        }
    )


def of_trouble(o: Observation, verdict: Verdict) -> SovereignStatus:
    """The status when the world could not be read or changed: all that was known stays, and what is wrong is said."""
    before, generation = o.sovereign.status, o.sovereign.metadata.generation
    summary = (ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED)
    of_stance = {Stance.WORKING: ConditionType.RECONCILING, Stance.STALLED: ConditionType.STALLED}[verdict.stance]
    told: tuple[tuple[ConditionType, Truth], ...] = ((ConditionType.READY, "False"), (of_stance, "True"))
    made = tuple(
        conditions.condition(type_, truth, verdict.reason, verdict.message, generation=generation, now=o.now)
        for type_, truth in told
    )
    kept = tuple(c for c in before.conditions if c.type not in {type_.value for type_ in summary})
    return before.model_copy(
        update={
            "observed_generation": generation,
            "phase": before.phase or verdict.phase,
            "conditions": conditions.merge(before.conditions, (*made, *kept)),
            "last_errors": tuple(_error(o, e) for e in verdict.errors),
        }
    )


def _stamp(value: str | None) -> str | None:
    """An annotation's value as status takes it: people may write anything there, of any length."""
    return value[:MAX_STAMP] if value else None


# --- conditions -------------------------------------------------------------------------------------------------------


def _conditions(
    o: Observation, record: Record, run: RunEntry | None, verdict: Verdict, found: Assessment | None
) -> tuple[Condition, ...]:
    told: list[tuple[ConditionType, Truth, str, str]] = [
        (ConditionType.READY, _ready(verdict, record), verdict.reason, verdict.message),
    ]
    if verdict.stance is Stance.WORKING:
        told.append((ConditionType.RECONCILING, "True", verdict.reason, verdict.message))
    if verdict.stance is Stance.STALLED:
        told.append((ConditionType.STALLED, "True", verdict.reason, verdict.message))
    told += [(type_, *words) for type_, words in _domain_conditions(o, record).items()]
    told += [(ConditionType.PREFLIGHT_PASSED, *words) for words in _preflight_condition(o)]
    told += [(type_, *phase_condition(o, shown(record, run, type_), type_)) for type_ in PHASE_CONDITIONS]
    told += [(type_, *words) for type_, words in cluster_status.conditions_of(o, record, found).items()]
    if verdict.deleting:
        told.append((ConditionType.DELETING, "True", verdict.deleting, verdict.message))
    generation = o.sovereign.metadata.generation
    return tuple(conditions.condition(*entry, generation=generation, now=o.now) for entry in told)


def _domain_conditions(o: Observation, record: Record) -> dict[ConditionType, Told]:
    """How the name stands; nothing for an operator that serves no domains, nor while nothing was reserved."""
    begun = o.sovereign.metadata.deletion_timestamp is None and (record.outputs is not None or record.runs)
    if o.settings.domains is None or (o.reservation is None and not begun):
        return {}
    stands = of_sovereign.standing(o.sovereign, o.reservation)
    return {ConditionType.DOMAIN_RESERVED: stands.reserved, ConditionType.DOMAIN_READY: stands.ready}


def _preflight_condition(o: Observation) -> tuple[Told, ...]:
    """What the last look at the project found; before the first, nothing is said."""
    if o.preflight is None:
        before = conditions.find(o.sovereign.status.conditions, ConditionType.PREFLIGHT_PASSED)
        return ((before.status, before.reason, before.message),) if before else ()
    if o.preflight.failed:
        return (("False", Reason.CHECK_FAILED, " ".join(check.message for check in o.preflight.failed)),)
    unknown = [check for check in o.preflight.checks if check.result is PreflightResult.UNKNOWN]
    if unknown:
        return (("Unknown", Reason.NOT_CHECKED, unknown[0].message),)
    told = f"Checked with Hetzner: {', '.join(c.name for c in o.preflight.checks)}."
    scarce = " ".join(c.message for c in o.preflight.checks if c.name == SIZES and SOLD_OUT in c.message)
    return (("True", Reason.PASSED, f"{told} {scarce}".rstrip()),)


def _ready(verdict: Verdict, record: Record) -> Truth:
    """Unknown while something that was ready once is worked on, or cannot be seen."""
    if verdict.ready:
        return "True"
    once = record.bootstrap is not None and record.bootstrap.was_ready
    return "Unknown" if verdict.stance is Stance.WORKING and once and not verdict.deleting else "False"


# --- progress ---------------------------------------------------------------------------------------------------------

PERCENT: dict[str, tuple[int, int]] = {
    "tofu-init": (1, 3),
    ADOPT: (3, 3),
    "tofu-plan": (3, 6),
    "plan-gate": (6, 8),
    "tofu-apply": (8, 48),
    "tofu-output": (48, 50),
}
"""Where each phase of an apply begins and ends; the second half is the bootstrap of the new cluster."""


def _progress(verdict: Verdict, run: RunEntry | None, record: Record, found: Assessment | None) -> int:
    if verdict.deleting:
        return _destroy_progress(run)
    if verdict.ready or record.handed_off:
        return 100
    if run and run.active and run.verb is not RunVerb.DESTROY:
        return _apply_progress(run)
    if found is not None and (run is None or run.state is RunState.SUCCEEDED):
        return cluster_status.progress(found)
    return _apply_progress(run) if run and run.verb is not RunVerb.DESTROY else 0


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
    phases = phases_of(run.verb, adopt=run.adopt)
    reached = done + (run.fraction if run.active and done == phases.index("tofu-apply") else 0)
    return int(100 * reached / (len(phases) + 1))


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


def _applied(run: RunEntry) -> bool:
    return run.verb is RunVerb.APPLY and run.state is RunState.SUCCEEDED


def _operation_type(record: Record, run: RunEntry | None, verdict: Verdict) -> OperationType:
    if verdict.deleting:
        return OperationType.DELETE
    if record.outputs is None:
        return OperationType.CREATE
    first = not any(_applied(r) and r is not run for r in record.runs) and record.attempts <= len(record.runs)
    return OperationType.CREATE if first else OperationType.RECONCILE


def _error(o: Observation, entry: ErrorEntry) -> LastError:
    return LastError(
        code=entry.code,
        message=entry.message,
        remedy=entry.remedy,
        runbook=f"{o.settings.runbook_url}#{entry.code.lower()}",
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
        adopt=plan.adopt,
        replacing=plan.replacing[:MAX_ADDRESSES],
        destroying=plan.destroying[:MAX_ADDRESSES],
        powering_off=plan.powering_off[:MAX_ADDRESSES],
    )


def _preflight(o: Observation, run: RunEntry | None) -> tuple[PreflightCheck, ...]:
    """What was found in the project, and what the plan found in what new servers would be told."""
    before = o.sovereign.status.preflight
    looked = o.preflight.checks if o.preflight else ()
    asked = tuple(PreflightCheck(name=c.name, result=c.result, message=c.message) for c in looked)
    told = _user_data_check(run) or tuple(check for check in before if check.name == USER_DATA)
    return (*(asked or (check for check in before if check.name != USER_DATA)), *told)


def _user_data_check(run: RunEntry | None) -> tuple[PreflightCheck, ...]:
    """The module checks what it renders when it is planned."""
    bad = next((e for e in run.errors if e.code in USER_DATA_CODES), None) if run else None
    if bad:
        return (PreflightCheck(name=USER_DATA, result=PreflightResult.FAILED, message=bad.message),)
    planned = run.phase("tofu-plan") if run and run.verb is not RunVerb.DESTROY else None
    if planned is None or planned.state is not PhaseState.SUCCEEDED:
        return ()
    fine = "What new servers are told at their first boot is valid and fits into Hetzner's 32 KiB."
    return (PreflightCheck(name=USER_DATA, result=PreflightResult.PASSED, message=fine),)


def _servers(o: Observation, record: Record) -> tuple[ServerStatus, ...]:
    """The servers with the sizes chosen for them, once a run was made that creates them."""
    if record.outputs is None and not any(r.verb is RunVerb.APPLY for r in record.runs):
        return o.sovereign.status.servers
    prefix = naming.cluster_name(o.sovereign.metadata.name, o.uid)
    return tuple(
        ServerStatus(name=f"{prefix}-{s.key}", role=s.role, size=sizing.current(s, record.sizes, record.made))
        for s in sizing.servers(o.sovereign.spec)
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
