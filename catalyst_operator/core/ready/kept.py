"""What was told last of a new cluster, for as long as it cannot be seen: people see nothing of an operator that was
restarted, or of a link that broke for a moment."""

from __future__ import annotations

from catalyst_operator.api.common import Condition
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.phases import Phase
from catalyst_operator.core import conditions
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.verdict import Stance, Verdict

_OF_THE_CLUSTER = frozenset(
    {
        Reason.SUCCEEDED,
        Reason.AWAITING_FLUX_BOOTSTRAP,
        Reason.API_UNREACHABLE,
        Reason.FLUX_MISSING,
        Reason.FLUX_NOT_RECONCILING,
        Reason.FAILED,
        Reason.TIMEOUT,
        Reason.UPGRADING,
        Reason.KIT_NOT_READY,
        Reason.KUSTOMIZATION_NOT_READY,
        Reason.NODES_NOT_READY,
        Reason.DNS_NOT_READY,
        Reason.CONSOLE_UNREACHABLE,
    }
)
"""Reasons of Ready that speak of the new cluster, and of no run or obstacle that came before it."""


def as_told(o: Observation) -> Verdict | None:
    """The verdict that status has; None where that speaks of something else, or has none."""
    before = o.sovereign.status
    ready = conditions.find(before.conditions, ConditionType.READY)
    if ready is None or before.phase is None or ready.reason not in _OF_THE_CLUSTER:
        return None
    return Verdict(
        _stance(o, ready),
        Phase(before.phase),
        Reason(ready.reason),
        ready.message,
        errors=tuple(ErrorEntry(e.code, e.message, e.remedy, terminal=False) for e in before.last_errors),
        ready=ready.status == "True",
        lost=ready.status == "False",
    )


def _stance(o: Observation, ready: Condition) -> Stance:
    if ready.status == "True":
        return Stance.SETTLED
    stalled = conditions.find(o.sovereign.status.conditions, ConditionType.STALLED)
    return Stance.STALLED if stalled and stalled.status == "True" else Stance.WORKING
