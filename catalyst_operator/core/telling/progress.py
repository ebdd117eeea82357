"""The percentage of PROGRESS: where each phase begins and ends."""

from __future__ import annotations

from catalyst_operator.api.phases import OperationType, Phase, RunVerb
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.ready.assessment import Assessment
from catalyst_operator.core.record import PhaseState, Record, RunEntry, RunState
from catalyst_operator.core.runs.job import ADOPT, phases_of
from catalyst_operator.core.telling import cluster_status
from catalyst_operator.core.verdict import Verdict

DONE = 100
PERCENT: dict[str, tuple[int, int]] = {
    "tofu-init": (1, 3),
    ADOPT: (3, 3),
    "tofu-plan": (3, 6),
    "plan-gate": (6, 8),
    "tofu-apply": (8, 48),
    "tofu-output": (48, 50),
}
"""Where each phase of an apply begins and ends; the second half is the bootstrap of the new cluster."""
COMPLETE = frozenset({Phase.READY, Phase.UPGRADING, Phase.HANDED_OFF})
"""Phases in which all was there once: never less than all of it is told then."""


def percent(
    o: Observation,
    verdict: Verdict,
    run: RunEntry | None,
    record: Record,
    found: Assessment | None,
    operation: OperationType,
    phase: Phase,
) -> int:
    """How far the operation is. It never falls while it is the same operation: an approval, another try or a look that
    fails takes nothing back of what was reached."""
    if phase in COMPLETE:
        return DONE
    before = o.sovereign.status
    same = before.last_operation is not None and before.last_operation.type is operation
    floor = before.progress_percent if same and before.progress_percent < DONE else 0
    return max(floor, _now(verdict, run, record, found))


def _now(verdict: Verdict, run: RunEntry | None, record: Record, found: Assessment | None) -> int:
    if verdict.deleting:
        return _destroy_progress(run)
    if verdict.ready or record.handed_off:
        return DONE
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
