"""Decisions for a DomainReservation, checked for what every one has to keep to."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from catalyst_operator.api.common import Condition
from catalyst_operator.api.conditions import DOMAIN_CONDITIONS
from catalyst_operator.core import conditions
from catalyst_operator.core.domains.actions import Decision
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import Observation

A = TypeVar("A")
REASONS = {doc.type.value: {reason.value for reason in doc.reasons} for doc in DOMAIN_CONDITIONS}


def decided(o: Observation) -> Decision:
    """What is decided, once it is known to be sound: documented reasons, coherent conditions, no hot loop."""
    decision = decide(o)
    assert decide(o) == decision, "the same look gives another decision"
    if decision.status is None:
        return decision
    assert conditions.violations(decision.status.conditions, o.reservation.metadata.generation) == []
    assert [c for c in decision.status.conditions if c.reason not in REASONS[c.type]] == []
    news = decision.status.to_wire() != o.reservation.status.to_wire()
    at_once = decision.requeue_after is not None and decision.requeue_after <= timedelta(0)
    assert not at_once or decision.actions or news, "it looks again at once, and nothing has changed"
    return decision


def names(decision: Decision) -> tuple[str, ...]:
    """What is done, in order."""
    return tuple(type(action).__name__ for action in decision.actions)


def told(decision: Decision, type_: str) -> Condition:
    """A condition of its status."""
    assert decision.status is not None
    (found,) = [c for c in decision.status.conditions if c.type == type_]
    return found


def stands(decision: Decision) -> set[str]:
    """All conditions, as `type=status reason`."""
    assert decision.status is not None
    return {f"{c.type}={c.status} {c.reason}" for c in decision.status.conditions}


def only(decision: Decision, kind: type[A]) -> A:
    """Its one action of this kind."""
    (found,) = [action for action in decision.actions if isinstance(action, kind)]
    return found
