"""The vocabulary of conditions: every word is documented where it may appear, and spelt as programs expect it."""

import re

import pytest

from catalyst_operator.api.conditions import CONDITIONS, DOMAIN_CONDITIONS, ConditionDoc, ConditionType, Reason
from catalyst_operator.api.phases import Phase, Phase1Outcome

DOCUMENTED = (*CONDITIONS, *DOMAIN_CONDITIONS)

each_resource = pytest.mark.parametrize(
    "table", [CONDITIONS, DOMAIN_CONDITIONS], ids=["Sovereign", "DomainReservation"]
)


@each_resource
def test_every_type_is_documented_once(table: tuple[ConditionDoc, ...]) -> None:
    assert len(table) == len({condition.type for condition in table})


def test_every_type_is_documented() -> None:
    assert {condition.type for condition in DOCUMENTED} == set(ConditionType)


def test_every_reason_is_documented_somewhere() -> None:
    documented = {reason for condition in DOCUMENTED for reason in condition.reasons}
    assert documented == set(Reason), f"not documented: {set(Reason) - documented}"


def test_words_are_camel_case() -> None:
    assert all(re.fullmatch("[A-Z][A-Za-z0-9]*", word) for word in (*ConditionType, *Reason))


def test_phases_are_lower_case() -> None:
    assert all(re.fullmatch("[a-z0-9-]+", phase) for phase in (*Phase, *Phase1Outcome))


def test_kit_ready_has_the_outcomes_as_reasons() -> None:
    (kit_ready,) = (condition for condition in CONDITIONS if condition.type is ConditionType.KIT_READY)
    camel = {"".join(word.capitalize() for word in outcome.split("-")) for outcome in Phase1Outcome}
    assert camel <= {reason.value for reason in kit_ready.reasons}


@each_resource
def test_the_summary_is_documented(table: tuple[ConditionDoc, ...]) -> None:
    assert {ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED} <= {one.type for one in table}
