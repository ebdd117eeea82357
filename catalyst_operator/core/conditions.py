"""Conditions, and the rules they keep: the kstatus summary, and transition times that tell the truth.

Why: docs/explanation.md#conditions
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from catalyst_operator.api.common import Condition, Truth
from catalyst_operator.api.conditions import ConditionType

MAX_MESSAGE = 1024


def condition(
    type_: ConditionType, status: Truth, reason: str, message: str, *, generation: int, now: datetime
) -> Condition:
    """A condition as of now; `merge` keeps the older transition time where status did not change. The reason is one of
    `Reason`, or one that an earlier version wrote."""
    return Condition(
        type=type_.value,
        status=status,
        observed_generation=generation,
        last_transition_time=now,
        reason=str(reason),
        message=message[:MAX_MESSAGE],
    )


def merge(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[Condition, ...]:
    """The new conditions, each with the transition time of the old one if its status is the same."""
    known = {c.type: c for c in before}
    return tuple(_keep_time(known.get(c.type), c) for c in after)


def find(conditions: Iterable[Condition], type_: ConditionType) -> Condition | None:
    """The condition of that type."""
    return next((c for c in conditions if c.type == type_.value), None)


def violations(conditions: Iterable[Condition], generation: int) -> list[str]:
    """Which rules a set of conditions breaks, in words; empty for a sound one. Scenario tests check every status."""
    listed = list(conditions)
    by_type = {c.type: c for c in listed}
    ready, reconciling, stalled = (by_type.get(t) for t in ("Ready", "Reconciling", "Stalled"))
    rules = (
        (len(by_type) != len(listed), "a condition type appears twice"),
        (ready is None, "Ready is missing"),
        (bool(reconciling and stalled), "Reconciling and Stalled are both present"),
        (
            any(c and c.status != "True" for c in (reconciling, stalled)),
            "Reconciling or Stalled is present but not True",
        ),
        (
            # A cluster that is well stays Ready also where an edit of it cannot be carried out: that is Stalled.
            bool(ready and ready.status == "True" and reconciling),
            "Ready is True while Reconciling",
        ),
        (
            any(c.observed_generation > generation for c in listed),
            "a condition speaks of a generation that is not there yet",
        ),
        (any(not c.message for c in listed), "a condition has no message"),
    )
    return [text for broken, text in rules if broken]


def _keep_time(before: Condition | None, after: Condition) -> Condition:
    if before is None or before.status != after.status:
        return after
    return after.model_copy(update={"last_transition_time": before.last_transition_time})
