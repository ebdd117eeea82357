"""Reading a run: from the states of a Pod's containers to phases, plan, outputs and result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from catalyst_operator.api.phases import RunVerb, ServerRole
from catalyst_operator.core import error_text
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.observation import ContainerView, JobView, PodView
from catalyst_operator.core.project import sweeping
from catalyst_operator.core.record import (
    ErrorEntry,
    OutputsEntry,
    PhaseEntry,
    PhaseState,
    PlanEntry,
    RunEntry,
    RunState,
    StopCause,
    SweepEntry,
)
from catalyst_operator.core.redact import shorten
from catalyst_operator.core.runs.job import LEFTOVERS, STATE_KEEPER, SWEEP, phases_of
from catalyst_operator.core.tofu.apply_progress import Progress
from catalyst_operator.core.tofu.plan_gate import EXIT_APPROVAL_NEEDED, EXIT_DIGEST_MISMATCH
from catalyst_operator.core.tofu.server_names import unpacked

NOT_SEEN = frozenset({"Unknown", "ContainerStatusUnknown"})
"""Reasons of containers whose end nobody saw, as when a node is restarted; their exit codes are made up."""
SIGKILL, SIGTERM = 137, 143


def read(run: RunEntry, job: JobView | None, pod: PodView | None, progress: Progress | None, now: datetime) -> RunEntry:
    """The run as it stands, from what is there of it. Idempotent, and pure in `now` once the run has ended."""
    if not run.active:
        return run
    if pod is not None:
        return _from_pod(run, pod, progress, now)
    if job is None and run.state is RunState.PENDING and run.stopping is None:
        return run
    if job is None or job.ended:
        return replace(run, state=RunState.CANCELLED if _cancelled(run) else RunState.LOST, finished=now)
    return replace(run, state=RunState.RUNNING)


def outputs(pod: PodView) -> OutputsEntry | None:
    """The module's outputs, from the termination message of tofu-output."""
    values = _json_message(pod.containers.get("tofu-output"))
    ips = _value(values, "control_plane_ips")
    balancer = _value(values, "load_balancer_ip")
    if not isinstance(ips, list) or not isinstance(balancer, str):
        return None
    return OutputsEntry(
        tuple(str(ip) for ip in ips),
        balancer,
        str(_value(values, "network_id") or ""),
        _server_ids(_value(values, "server_ids")),
    )


def _server_ids(told: Any) -> dict[str, str]:
    """The ids of control planes and workers by name, from two lists with a space between them."""
    if not isinstance(told, str):
        return {}
    lists = zip((ServerRole.CONTROL_PLANE, ServerRole.WORKER), told.split(" "), strict=False)
    return {
        f"{role.value}-{index}": id_ for role, ids in lists for index, id_ in enumerate(filter(None, ids.split(",")))
    }


def swept(pod: PodView) -> SweepEntry:
    """What a destroy saw and removed besides what OpenTofu did, from the termination messages of its containers."""
    before, after = (_swept(_json_message(pod.containers.get(name))) for name in (SWEEP, LEFTOVERS))
    return before.joined(after)


def _swept(told: dict[str, Any]) -> SweepEntry:
    found, removed, unclear = (sweeping.unpacked(told.get(name)) for name in ("found", "removed", "unclear"))
    more = told.get("more")
    counts = [n for n in more.values() if isinstance(n, int)] if isinstance(more, dict) else []
    return SweepEntry(found, removed, unclear, sum(counts))


def running_phase(run: RunEntry) -> PhaseEntry | None:
    """The phase in progress: the one that runs, else the first that waits; none once one has failed."""
    if failed_phase(run):
        return None
    states = (PhaseState.RUNNING, PhaseState.WAITING)
    return next((phase for state in states for phase in run.phases if phase.state is state), None)


def failed_phase(run: RunEntry) -> PhaseEntry | None:
    """The phase that ended the run with an error."""
    return next((phase for phase in run.phases if phase.state is PhaseState.FAILED), None)


def asks_for_approval(failed: PhaseEntry) -> bool:
    """Whether nothing failed but that nobody has approved the plan."""
    return failed.name == "plan-gate" and failed.exit_code in (EXIT_APPROVAL_NEEDED, EXIT_DIGEST_MISMATCH)


def still_creating(progress: Progress | None, now: datetime, limit: timedelta) -> tuple[str, ...]:
    """Addresses of what has been in creation for longer than the limit."""
    return still_at_work(RunVerb.APPLY, progress, now, limit)


def still_at_work(verb: RunVerb, progress: Progress | None, now: datetime, limit: timedelta) -> tuple[str, ...]:
    """Addresses of what has been in creation or, by a destroy, in destruction for longer than the limit."""
    found = progress.resources.items() if progress else ()
    late = ((address, r) for address, r in found if r.action == _ACTION[verb] and r.state == "running")
    return tuple(address for address, r in late if now - r.started > limit)


def at_work(pod: PodView) -> bool:
    """Whether something of a run may still act. The sidecar alone does not: it only saves what is left."""
    phases = [container for name, container in pod.containers.items() if name != STATE_KEEPER]
    return not pod.ended and not (phases and all(container.state == "terminated" for container in phases))


def waiting_for(pod: PodView) -> str:
    """Why a Pod that should run does not, in the kubelet's words; empty while all is well."""
    troubled = (c for c in pod.containers.values() if c.state == "waiting" and c.reason not in _NORMAL_WAITS)
    return next((f"{c.reason}: {shorten(c.message, 200)}" for c in troubled), shorten(pod.message, 200))


_NORMAL_WAITS = frozenset({"", "PodInitializing", "ContainerCreating"})


def _from_pod(run: RunEntry, pod: PodView, progress: Progress | None, now: datetime) -> RunEntry:
    phases = tuple(_phase(name, pod) for name in phases_of(run.verb, adopt=run.adopt))
    plan = _plan(pod.containers.get("plan-gate")) or run.plan
    seen = replace(run, state=RunState.RUNNING, phases=phases, plan=plan)
    # Once every phase succeeded there is nothing left to save: the sidecar's own end need not be waited for.
    if not pod.ended and any(phase.state is not PhaseState.SUCCEEDED for phase in phases):
        return seen
    result = _result(run, phases, pod, progress)
    kept = _json_message(pod.containers.get(STATE_KEEPER))
    over = replace(
        seen,
        state=result,
        finished=min(_end(phases, now), now),
        restarted=tuple(map(str, kept.get("started") or ())),
    )
    if result is RunState.SUCCEEDED and run.verb is RunVerb.APPLY and outputs(pod) is None:
        return replace(over, state=RunState.FAILED, errors=diagnosis.diagnose("tofu-output", 0, _NO_OUTPUTS, ()))
    off = tuple(map(str, kept.get("off") or ()))
    left = (diagnosis.left_off(off),) if off else ()
    if result is RunState.INTERRUPTED:
        cause = _cause(phases, pod)
        return replace(over, cause=cause, errors=(diagnosis.interrupted(cause), *left))
    if result is RunState.FAILED:
        return replace(over, errors=(*_errors(run, phases, pod, progress), *left))
    return over


_NO_OUTPUTS = "tofu-output ended well, but the module's outputs could not be read from its termination message"


def _cause(phases: Sequence[PhaseEntry], pod: PodView) -> str:
    failed = next((phase for phase in phases if phase.state is PhaseState.FAILED), None)
    told = ": ".join(part for part in (pod.reason, pod.message) if part)
    deleted = "its Pod was deleted" if pod.terminating else ""
    said = failed.message if failed else ""
    if failed and said == "Unknown":
        said = f"Nobody saw how {failed.name} ended, as when its node is restarted"
    if not failed and LEFTOVERS in pod.containers:
        said = "Nobody saw what is left in the project, as when a node is restarted"
    return shorten(told or deleted or said, 200)


def _phase(name: str, pod: PodView) -> PhaseEntry:
    container = pod.containers.get(name)
    if container is None or container.state == "waiting":
        return PhaseEntry(name, PhaseState.SKIPPED if pod.ended else PhaseState.WAITING)
    if container.state == "running" and pod.ended:
        return PhaseEntry(name, PhaseState.FAILED, started=container.started, message="its end was never reported")
    if container.state == "running":
        return PhaseEntry(name, PhaseState.RUNNING, started=container.started)
    state = PhaseState.SUCCEEDED if container.exit_code == 0 else PhaseState.FAILED
    return PhaseEntry(
        name,
        state,
        started=container.started,
        finished=container.finished,
        exit_code=container.exit_code,
        message="" if state is PhaseState.SUCCEEDED else _words(container),
    )


def _words(container: ContainerView) -> str:
    """What a failed container said. A tail of JSON lines is not for people: its diagnostics are read from the log."""
    told = _json_message(container)
    text = str(told.get("explanation") or "") or _left(told) or container.message
    readable = bool(text) and '"@level"' not in text and not text.startswith("{")
    return shorten(error_text.of_output(text) if readable else container.reason)


def _left(told: dict[str, Any]) -> str:
    """What `leftovers` found, as a sentence."""
    names = told.get("left")
    if not isinstance(names, list) or not names:
        return ""
    more = int(told.get("count") or len(names)) - len(names)
    return f"still in the project: {', '.join(map(str, names))}{f' and {more} more' if more > 0 else ''}"


def _cancelled(run: RunEntry) -> bool:
    """Whether the operator stopped it although nothing was wrong with it."""
    return run.stopping in (StopCause.REQUESTED, StopCause.SUPERSEDED)


def _result(run: RunEntry, phases: Sequence[PhaseEntry], pod: PodView, progress: Progress | None) -> RunState:
    if all(phase.state is PhaseState.SUCCEEDED for phase in phases):
        return RunState.SUCCEEDED if _is_told(run, pod) else RunState.INTERRUPTED
    if _cancelled(run):
        return RunState.CANCELLED
    if run.stopping is StopCause.STUCK:
        # What was late may have come in the last moment.
        return RunState.FAILED if _not_done(run.verb, progress) else RunState.INTERRUPTED
    failed = next((phase for phase in phases if phase.state is PhaseState.FAILED), None)
    return RunState.INTERRUPTED if failed is None else _result_of(failed, pod)


def _is_told(run: RunEntry, pod: PodView) -> bool:
    """Whether a destroy has said that nothing is left. Its exit code alone does not: some kubelets report 0 for what
    was running when its node lost power."""
    return run.verb is not RunVerb.DESTROY or "left" in _json_message(pod.containers.get(LEFTOVERS))


def _result_of(failed: PhaseEntry, pod: PodView) -> RunState:
    """What a phase that did not end well makes of its run."""
    if asks_for_approval(failed):
        return RunState.AWAITING_APPROVAL
    if _out_of_memory(pod, failed):
        return RunState.FAILED
    container = pod.containers.get(failed.name)
    not_seen = failed.exit_code is None or (container is not None and container.reason in NOT_SEEN)
    # A Pod as a whole has a reason only where its kubelet, or whoever watches over nodes, ended it: Evicted, NodeLost,
    # Preempting, Shutdown, or NodeAffinity and the like of a kubelet that was started again. Containers have their own.
    stopped = bool(pod.reason) or pod.terminating or not_seen
    return RunState.INTERRUPTED if stopped or failed.exit_code in (SIGKILL, SIGTERM) else RunState.FAILED


def _errors(
    run: RunEntry, phases: Sequence[PhaseEntry], pod: PodView, progress: Progress | None
) -> tuple[ErrorEntry, ...]:
    if run.stopping is StopCause.STUCK:
        return (diagnosis.stuck(_not_done(run.verb, progress), run.verb),)
    failed = next(phase for phase in phases if phase.state is PhaseState.FAILED)
    if _out_of_memory(pod, failed):
        return (diagnosis.out_of_memory(failed.name),)
    diagnostics = progress.errors if progress else ()
    found = diagnosis.diagnose(failed.name, failed.exit_code or 0, failed.message, diagnostics)
    return tuple(diagnosis.of_a_resize(error) if _resized(error, progress) else error for error in found)


def _resized(error: ErrorEntry, progress: Progress | None) -> bool:
    """Whether an error is about servers that exist, and that were to get another size."""
    resources = progress.resources if progress else {}
    tried = [resources[address].action for address in error.addresses if address in resources]
    return error.code == codes.CAPACITY.code and bool(tried) and all(action == "update" for action in tried)


def _out_of_memory(pod: PodView, failed: PhaseEntry) -> bool:
    container = pod.containers.get(failed.name)
    return container is not None and container.reason == "OOMKilled"


def _not_done(verb: RunVerb, progress: Progress | None) -> tuple[str, ...]:
    found = progress.resources.items() if progress else ()
    return tuple(address for address, r in found if r.action == _ACTION[verb] and r.state != "done")


_ACTION = {RunVerb.PLAN: "create", RunVerb.APPLY: "create", RunVerb.DESTROY: "delete"}
"""What a run's operations are called that may take too long."""


def _end(phases: Sequence[PhaseEntry], now: datetime) -> datetime:
    return max((phase.finished for phase in phases if phase.finished), default=now)


def _plan(container: ContainerView | None) -> PlanEntry | None:
    values = _json_message(container)
    if "digest" not in values:
        return None
    return PlanEntry(
        digest=str(values["digest"]),
        add=int(values.get("add") or 0),
        change=int(values.get("change") or 0),
        destroy=int(values.get("destroy") or 0),
        adopt=int(values.get("adopt") or 0),
        settling=int(values.get("settling") or 0),
        held=int(values.get("held") or 0),
        missed=tuple(map(str, values.get("missed") or ())),
        replacing=tuple(map(str, values.get("replacing") or ())),
        destroying=tuple(map(str, values.get("destroying") or ())),
        powering_off=tuple(map(str, values.get("powering_off") or ())),
        why=shorten(str(values.get("explanation") or "")),
        creating=unpacked(str(values.get("creating") or "")),
        differing=tuple(map(str, values.get("differing") or ())),
        of_others=tuple(map(str, values.get("of_others") or ())),
        others=int(values.get("others") or 0),
        off=tuple(map(str, values.get("off") or ())),
    )


def _json_message(container: ContainerView | None) -> dict[str, Any]:
    """A container's termination message as JSON; {} for one that has none or was cut."""
    if container is None or container.state != "terminated":
        return {}
    try:
        values = json.loads(container.message)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _value(outputs: dict[str, Any], name: str) -> Any:
    entry = outputs.get(name)
    return entry.get("value") if isinstance(entry, dict) else None
