"""The vocabulary of conditions: every word is documented where it may appear, and spelt as programs expect it."""

import re

from catalyst_operator.api.conditions import CONDITIONS, ConditionType, Reason
from catalyst_operator.api.phases import Phase, Phase1Outcome

BY_TYPE = {condition.type: condition for condition in CONDITIONS}


def test_every_type_is_documented_once() -> None:
    assert len(CONDITIONS) == len(BY_TYPE)
    assert set(BY_TYPE) == set(ConditionType)


def test_every_reason_is_documented_somewhere() -> None:
    documented = {reason for condition in CONDITIONS for reason in condition.reasons}
    assert documented == set(Reason), f"not documented: {set(Reason) - documented}"


def test_words_are_camel_case() -> None:
    assert all(re.fullmatch("[A-Z][A-Za-z0-9]*", word) for word in (*ConditionType, *Reason))


def test_phases_are_lower_case() -> None:
    assert all(re.fullmatch("[a-z0-9-]+", phase) for phase in (*Phase, *Phase1Outcome))


def test_kit_ready_has_the_outcomes_as_reasons() -> None:
    camel = {"".join(word.capitalize() for word in outcome.split("-")) for outcome in Phase1Outcome}
    assert camel <= {reason.value for reason in BY_TYPE[ConditionType.KIT_READY].reasons}


def test_whatever_stalls_or_reconciles_shows_in_ready_of_its_resource() -> None:
    """Ready is always present, so that people who look at one condition only see the same reason there."""
    ready = BY_TYPE[ConditionType.READY].reasons
    shown_elsewhere = {
        Reason.LEFTOVERS,
        Reason.EXPORT_NOT_ACKNOWLEDGED,
        Reason.NAME_RESERVED,
        Reason.NOT_IN_POOL,
        Reason.UNDER_POOL,
        Reason.LIVE_RECORDS,
        Reason.REGISTRAR_DENIED,
        Reason.ZONE_FOREIGN,
    }
    for kind in (ConditionType.STALLED, ConditionType.RECONCILING):
        assert set(BY_TYPE[kind].reasons) - set(ready) <= shown_elsewhere
