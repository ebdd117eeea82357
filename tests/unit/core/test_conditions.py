"""The rules of conditions, and that the checker which all scenario tests call finds each broken one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from catalyst_operator.api.common import Condition, Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.core import conditions
from catalyst_operator.core.conditions import MAX_MESSAGE, find, merge, violations
from tests.support.gen import NOW

EARLIER = NOW - timedelta(hours=1)


def made(type_: str = "Ready", status: Truth = "False", message: str = "why", generation: int = 1) -> Condition:
    return conditions.condition(
        ConditionType(type_), status, Reason.PROGRESSING, message, generation=generation, now=NOW
    )


def test_a_condition_speaks_of_its_generation_and_is_cut() -> None:
    long = made(message="x" * 5000, generation=7)
    assert (long.observed_generation, len(long.message)) == (7, MAX_MESSAGE)


def test_the_transition_time_moves_only_with_the_status() -> None:
    before = (made().model_copy(update={"last_transition_time": EARLIER, "reason": "Other", "message": "other"}),)
    (same,) = merge(before, (made(),))
    assert (same.last_transition_time, same.reason, same.message) == (EARLIER, "Progressing", "why")
    (turned,) = merge(before, (made(status="True"),))
    assert turned.last_transition_time == NOW


def test_what_is_left_out_is_gone() -> None:
    assert merge((made("Stalled", "True"),), (made(),)) == (made(),)
    assert find(merge((made("Stalled", "True"),), (made(),)), ConditionType.STALLED) is None


def test_a_sound_set_breaks_no_rule() -> None:
    assert violations([made(), made("Reconciling", "True"), made("TofuInit", "Unknown")], 1) == []


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ([made("TofuInit")], "Ready is missing"),
        ([made(), made()], "appears twice"),
        ([made(), made("Reconciling", "True"), made("Stalled", "True")], "both present"),
        ([made(), made("Reconciling", "False")], "present but not True"),
        ([made(), made("Stalled", "Unknown")], "present but not True"),
        ([made(status="True"), made("Reconciling", "True")], "Ready is True while"),
        ([made(generation=2)], "generation that is not there yet"),
        ([made(message="")], "no message"),
    ],
)
def test_each_broken_rule_is_found(broken: list[Condition], rule: str) -> None:
    assert [text for text in violations(broken, 1) if rule in text]
