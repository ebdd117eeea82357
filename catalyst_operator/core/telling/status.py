"""The whole status of a Sovereign, from the record, the run in view and a verdict.

Nothing here decides what is done; it only says what is, so that `kubectl get -w` reads well on its own.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition, LastError, Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.phases import OperationState, OperationType, Phase, RunResult, RunVerb
from catalyst_operator.api.sovereign_status import (
    MAX_STAMP,
    CurrentRun,
    JobRef,
    LastOperation,
    Outputs,
    Plan,
    QueuePlace,
    RunRecord,
    ServerStatus,
    SovereignStatus,
)
from catalyst_operator.core import conditions, naming
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.errors.last_errors import MAX_ERRORS, last_error
from catalyst_operator.core.manifests import namespace_of
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project import prices, sizing
from catalyst_operator.core.ready.assessment import Assessment, assess
from catalyst_operator.core.record import ErrorEntry, Record, RunEntry, RunState
from catalyst_operator.core.redact import shorten
from catalyst_operator.core.telling import cluster_status, drift, preflight_checks
from catalyst_operator.core.telling.phase_conditions import PHASE_CONDITIONS, Told, phase_condition, shown
from catalyst_operator.core.telling.progress import percent
from catalyst_operator.core.telling.verdict_errors import errors_of
from catalyst_operator.core.verdict import Stance, Verdict

MAX_ADDRESSES = 10


def build(o: Observation, record: Record, run: RunEntry | None, verdict: Verdict) -> SovereignStatus:
    """The status after this observation. `run` is the latest run as it stands now, also when not recorded yet."""
    before = o.sovereign.status
    outputs = record.outputs
    found = None if verdict.deleting else assess(o, record)
    ready = _ready(o, verdict, record, found)
    operation = _last_operation(o, record, run, verdict)
    phase = _phase(verdict, ready, found)
    made = before.model_copy(
        update={
            "observed_generation": o.sovereign.metadata.generation,
            "phase": phase,
            "summary": short(verdict.message),
            "retry_at": verdict.retry_at,
            "progress_percent": percent(o, verdict, run, record, found, operation.type, phase),
            "conditions": conditions.merge(before.conditions, _conditions(o, record, run, verdict, found, ready)),
            "last_operation": operation,
            "last_errors": tuple(_error(o, e) for e in _errors(o, record, verdict)[:MAX_ERRORS]),
            "preflight": preflight_checks.checks(o, record, run, verdict),
            "plan": _plan(o, record, run),
            "drift": None if verdict.deleting else drift.found(o, record),
            "outputs": Outputs(control_plane_ips=outputs.control_plane_ips, load_balancer_ip=outputs.load_balancer_ip)
            if outputs
            else before.outputs,
            "servers": _servers(o, record),
            **cluster_status.fields(o, record, found),
            "cost": prices.cost_of(o.sovereign.spec, record.sizes),
            "run_namespace": namespace_of(o.sovereign) if record.runs else before.run_namespace,
            "current_run": _current(o, record, run),
            "history": tuple(_history(r) for r in reversed(record.runs) if not r.active),
            "last_handled_reconcile_at": _stamp(o.sovereign.metadata.annotations.get(labels.ANNOTATION_RECONCILE)),
            "last_handled_retry_at": _stamp(record.handled.get(labels.ANNOTATION_RETRY)),
            "last_handled_cancel_at": _stamp(record.handled.get(labels.ANNOTATION_CANCEL)),
            "last_handled_rejoin_at": _stamp(record.handled.get(labels.ANNOTATION_REJOIN)),
            "last_handled_hand_off_at": _stamp(record.handled.get(labels.ANNOTATION_HAND_OFF)),
            "last_handled_project_confirmed_at": _stamp(record.handled.get(labels.ANNOTATION_CONFIRM_PROJECT)),
            "last_handled_rebuild": record.handled.get(labels.ANNOTATION_REBUILD),
        }
    )
    seen = cluster_status.seen_at(o) if found else None
    # That it was seen again is no news: told with what is, and when it cannot be seen any more.
    news = made.to_wire() != before.to_wire() or not (found and found.seen)
    return made.model_copy(update={"cluster_seen_at": seen}) if seen and news else made


def of_trouble(o: Observation, verdict: Verdict) -> SovereignStatus:
    """The status when the world could not be read or changed: all that was known stays, and what is wrong is said."""
    before, generation = o.sovereign.status, o.sovereign.metadata.generation
    summary = (ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED)
    of_stance = {Stance.WORKING: ConditionType.RECONCILING, Stance.STALLED: ConditionType.STALLED}[verdict.stance]
    once = conditions.find(before.conditions, ConditionType.READY)
    told: tuple[tuple[ConditionType, Truth], ...] = (
        # Of the cluster nothing new is known: what was ready may still be.
        (ConditionType.READY, "Unknown" if once and once.status != "False" else "False"),
        (of_stance, "True"),
    )
    made = tuple(
        conditions.condition(type_, truth, verdict.reason, verdict.message, generation=generation, now=o.now)
        for type_, truth in told
    )
    kept = tuple(c for c in before.conditions if c.type not in {type_.value for type_ in summary})
    return before.model_copy(
        update={
            "observed_generation": generation,
            "phase": before.phase or verdict.phase,
            "summary": short(verdict.message),
            "last_operation": _unqueued(before.last_operation),
            "retry_at": None,
            "conditions": conditions.merge(before.conditions, (*made, *kept)),
            "last_errors": tuple(_error(o, e) for e in verdict.errors),
        }
    )


def _unqueued(operation: LastOperation | None) -> LastOperation | None:
    """What cannot go on leaves the queue: nobody else waits for it."""
    return operation.model_copy(update={"queue": None}) if operation and operation.queue else operation


def _stamp(value: str | None) -> str | None:
    """An annotation's value as status takes it: people may write anything there, of any length."""
    return value[:MAX_STAMP] if value else None


# --- conditions -------------------------------------------------------------------------------------------------------


def _conditions(
    o: Observation, record: Record, run: RunEntry | None, verdict: Verdict, found: Assessment | None, ready: Truth
) -> tuple[Condition, ...]:
    told: list[tuple[ConditionType, Truth, str, str]] = [
        (ConditionType.READY, ready, verdict.reason, verdict.message),
    ]
    if verdict.stance is Stance.WORKING:
        told.append((ConditionType.RECONCILING, "True", verdict.reason, verdict.message))
    if verdict.stance is Stance.STALLED:
        told.append((ConditionType.STALLED, "True", verdict.reason, verdict.message))
    told += [(type_, *words) for type_, words in _domain_conditions(o, record).items()]
    told += [(ConditionType.PREFLIGHT_PASSED, *words) for words in preflight_checks.condition(o, record, verdict)]
    told += [(type_, *phase_condition(o, shown(record, run, type_), type_)) for type_ in PHASE_CONDITIONS]
    told += [(type_, *words) for type_, words in cluster_status.conditions_of(o, record, found).items()]
    told += [(ConditionType.DRIFTED, *words) for words in drift.condition(o, record, verdict)]
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


def _ready(o: Observation, verdict: Verdict, record: Record, found: Assessment | None) -> Truth:
    """Ready speaks of the cluster: one that is well stays so while nothing is worked on, although something that was
    asked for cannot be done. Unknown while something that was ready once is worked on, or cannot be seen for longer
    than a restart takes."""
    if verdict.ready:
        return "True"
    once = record.bootstrap is not None and record.bootstrap.was_ready
    if not once or verdict.deleting or verdict.lost:
        return "False"
    if verdict.stance is Stance.WORKING:
        return "Unknown"
    if found is None or not found.missing:
        return "True" if found else "False"
    return _before(o) if found.stands_until else "False"


def _before(o: Observation) -> Truth:
    told = conditions.find(o.sovereign.status.conditions, ConditionType.READY)
    return told.status if told else "Unknown"


def _phase(verdict: Verdict, ready: Truth, found: Assessment | None) -> Phase:
    """For people: a cluster that is well is ready whatever cannot be done to it, and one whose Flux is at work boots no
    more, although nothing is started."""
    if ready == "True" and verdict.phase not in _OF_THE_CLUSTER:
        return Phase.READY
    if verdict.phase is Phase.FLUX_BOOTSTRAP and found is not None and found.flux.done:
        return Phase.PHASE_1
    return verdict.phase


_OF_THE_CLUSTER = frozenset({Phase.READY, Phase.HANDED_OFF, Phase.AWAITING_APPROVAL})
"""Phases that say enough of a cluster that is ready."""


def short(message: str) -> str:
    """The first sentence, for a column."""
    first = _SENTENCE.split(message, maxsplit=1)[0]
    return shorten(first, MAX_SUMMARY)


_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])")
MAX_SUMMARY = 120


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
        queue=_queue(verdict),
        project=_project(run, verdict),
        start_time=_operation_start(o, type_, run),
        last_update_time=o.now,
    )
    same = before is not None and before.model_copy(update={"last_update_time": fresh.last_update_time}) == fresh
    return before if before is not None and same else fresh


def _queue(verdict: Verdict) -> QueuePlace | None:
    place = verdict.place
    return QueuePlace(position=place.position, of=place.of, since=place.since) if place else None


def _project(run: RunEntry | None, verdict: Verdict) -> str | None:
    if verdict.place:
        return verdict.place.project or None
    return run.project or None if run and run.active else None


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
    meta, secret = o.sovereign.metadata, o.sovereign.spec.credentials_secret_ref.name
    marks = {"{namespace}": meta.namespace, "{name}": meta.name, "{secret}": secret}
    return last_error(entry, o.settings.runbook_url, marks)


def _plan(o: Observation, record: Record, run: RunEntry | None) -> Plan | None:
    wanted = run if run and run.plan else next((r for r in reversed(record.runs) if r.plan and not r.drift_check), None)
    shown = drift.check_to_show(record, wanted) or wanted
    if shown is None or shown.plan is None:
        return None
    plan = shown.plan
    return Plan(
        digest=plan.digest,
        config_map=naming.plan_config_map(o.sovereign.metadata.name, o.uid)
        if record.published_plan == plan.digest
        else None,
        add=plan.add,
        change=plan.change,
        destroy=plan.destroy,
        adopt=plan.adopt,
        replacing=plan.replacing[:MAX_ADDRESSES],
        destroying=plan.destroying[:MAX_ADDRESSES],
        powering_off=plan.powering_off[:MAX_ADDRESSES],
    )


def _errors(o: Observation, record: Record, verdict: Verdict) -> tuple[ErrorEntry, ...]:
    """Why it does not go on, and what would keep it from going on once there is something to do."""
    told = errors_of(verdict)
    if verdict.deleting or preflight_checks.mismatch_of(verdict):
        return told
    known = {error.code for error in told}
    further = (*preflight_checks.failures(o, record), *drift.errors(o, record))
    return (*told, *(error for error in further if error.code not in known))


def _servers(o: Observation, record: Record) -> tuple[ServerStatus, ...]:
    """The servers with the sizes chosen for them, once a run was made that creates them."""
    if record.outputs is None and not any(r.verb is RunVerb.APPLY for r in record.runs):
        return o.sovereign.status.servers
    prefix = naming.cluster_name(o.sovereign.metadata.name, o.uid)
    return tuple(
        ServerStatus(name=f"{prefix}-{s.key}", role=s.role, size=sizing.current(s, record.sizes, record.made))
        for s in sizing.servers(o.sovereign.spec)
    )


def _current(o: Observation, record: Record, run: RunEntry | None) -> CurrentRun | None:
    current = next((r for r in (run, record.last_check) if r and r.active), None)
    if current is None:
        return None
    reference = JobRef(namespace=namespace_of(o.sovereign), name=current.job)
    return CurrentRun(
        job_ref=reference,
        verb=current.verb,
        drift_check=current.drift_check,
        attempt=current.attempt,
        start_time=current.created,
    )


def _history(run: RunEntry) -> RunRecord:
    finished = run.finished or run.created
    return RunRecord(
        verb=run.verb,
        drift_check=run.drift_check,
        attempt=run.attempt,
        result=RunResult(run.state.value),
        start_time=run.created,
        completion_time=finished,
        duration=max(timedelta(0), finished - run.created),
        job_name=run.job,
        error_code=run.errors[0].code if run.errors else None,
    )
