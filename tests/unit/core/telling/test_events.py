"""Events: one for each turn of a condition, none twice, none without something to tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api.common import Condition, Truth
from catalyst_operator.api.conditions import CONDITIONS, DOMAIN_CONDITIONS, ConditionType, Reason
from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core import conditions
from catalyst_operator.core.telling.events import MAX_NOTE, between, reason_of
from tests.support import gen
from tests.support.gen import NOW


def made(type_: str, status: Truth, reason: str, message: str = "why") -> Condition:
    return conditions.condition(ConditionType(type_), status, Reason(reason), message, generation=1, now=NOW)


def told(before: list[Condition], after: list[Condition]) -> list[dict[str, Any]]:
    was = gen.status(conditions=[c.model_dump(mode="json", by_alias=True) for c in before])
    return between(gen.sovereign(was), SovereignStatus(conditions=tuple(after)), NOW + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("before", "after", "type_", "reason", "why"),
    [
        ([], made("TofuInit", "True", "Succeeded"), "Normal", "TofuInitSucceeded", "a phase went well"),
        ([], made("TofuApply", "False", "Failed"), "Warning", "TofuApplyFailed", "a phase failed"),
        ([], made("Stalled", "True", "RunFailed"), "Warning", "StalledRunFailed", "a person is needed"),
        ([], made("Deleting", "True", "Destroying"), "Normal", "DeletingDestroying", "progress of a deletion"),
        ([], made("Deleting", "True", "DestroyFailed"), "Warning", "DeletingDestroyFailed", "it is tried again"),
        ([], made("TofuPlan", "False", "AwaitingApproval"), "Normal", "TofuPlanAwaitingApproval", "nothing is wrong"),
        ([], made("PreflightPassed", "True", "Passed"), "Normal", "PreflightPassed", "the project is fine"),
        ([], made("PreflightPassed", "False", "CheckFailed"), "Warning", "PreflightPassedCheckFailed", "it is not"),
        ([], made("Stalled", "True", "StateLocked"), "Warning", "StalledStateLocked", "a person is needed"),
        (
            [made("Stalled", "True", "CheckFailed")],
            made("Stalled", "True", "RunFailed"),
            "Warning",
            "StalledRunFailed",
            "another reason to be needed",
        ),
        (
            [made("Deleting", "True", "Destroying")],
            made("Deleting", "True", "CleaningUp"),
            "Normal",
            "DeletingCleaningUp",
            "the reason is news although the status is not",
        ),
    ],
)
def test_a_turn_is_told(before: list[Condition], after: Condition, type_: str, reason: str, why: str) -> None:
    (event,) = told(before, [after])
    assert (event["type"], event["reason"], event["message"]) == (type_, reason, "why"), why


@pytest.mark.parametrize(
    ("type_", "reason", "told"),
    [
        ("KitReady", "Ready", "KitReady"),
        ("HandedOff", "HandedOff", "HandedOff"),
        ("HandedOff", "AwaitingHandOff", "AwaitingHandOff"),
        ("Drifted", "DriftDetected", "DriftDetected"),
        ("Drifted", "NoDrift", "NoDrift"),
        ("Drifted", "ServersOff", "DriftedServersOff"),
        ("DomainReserved", "Reserved", "DomainReserved"),
        ("DomainReady", "Succeeded", "DomainReadySucceeded"),
        ("RegistrarCredentialsValid", "CredentialsInvalid", "CredentialsInvalid"),
        ("KitReady", "Failed", "KitReadyFailed"),
    ],
)
def test_an_events_reason_says_each_word_once(type_: str, reason: str, told: str) -> None:
    assert reason_of(type_, reason) == told


def test_no_reason_of_an_event_is_the_beginning_of_itself_twice() -> None:
    for doc in (*CONDITIONS, *DOMAIN_CONDITIONS):
        for reason in doc.reasons:
            told = reason_of(doc.type.value, reason.value)
            assert told in (doc.type.value, reason.value, f"{doc.type.value}{reason.value}")
            assert told != f"{doc.type.value}{reason.value}" or not doc.type.value.endswith(reason.value), told


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ([made("TofuInit", "True", "Succeeded")], [made("TofuInit", "True", "Succeeded", "other words")], "no turn"),
        ([made("TofuInit", "True", "Succeeded")], [made("TofuInit", "Unknown", "Waiting")], "nothing is known yet"),
        ([], [made("TofuApply", "Unknown", "Cancelled")], "Stalled tells that a run was stopped"),
        ([], [made("PreflightPassed", "Unknown", "NotChecked")], "what could not be checked is no news"),
        ([], [made("Ready", "False", "Provisioning"), made("Reconciling", "True", "Provisioning")], "these sum up"),
        ([made("Stalled", "True", "RunFailed")], [], "what is gone says nothing"),
    ],
)
def test_what_is_no_news_is_not_told(before: list[Condition], after: list[Condition], why: str) -> None:
    assert told(before, after) == [], why


def test_the_same_turn_is_the_same_event() -> None:
    """A crash between status and event, or a stale write that is repeated: the name makes the second a conflict."""
    turn = [made("TofuApply", "False", "Failed")]
    assert told([], turn)[0]["metadata"] == told([], turn)[0]["metadata"]
    other = [made("TofuApply", "False", "Failed", "other")]
    assert told([], turn)[0]["metadata"]["name"] != told([], other)[0]["metadata"]["name"]


def test_it_is_about_the_sovereign() -> None:
    (event,) = told([], [made("TofuInit", "True", "Succeeded")])
    assert event["involvedObject"]["uid"] == gen.UID
    assert event["metadata"]["namespace"] == event["involvedObject"]["namespace"] == "team-a"
    assert len(event["metadata"]["name"]) <= 63


def test_a_long_message_fits_an_event() -> None:
    (event,) = told([], [made("TofuApply", "False", "Failed", "x" * 5000)])
    assert len(event["message"]) <= MAX_NOTE


def test_what_two_conditions_say_in_the_same_words_is_told_once() -> None:
    after = [made("Stalled", "True", "DestroyFailed"), made("Deleting", "True", "DestroyFailed")]
    assert [event["reason"] for event in told([], after)] == ["StalledDestroyFailed"]


@pytest.mark.parametrize(
    ("type_", "truth", "why", "kind"),
    [
        ("HandedOff", "False", Reason.AWAITING_HAND_OFF, "Normal"),
        ("DomainReady", "False", Reason.AWAITING_DELEGATION, "Normal"),
        ("KitReady", "False", Reason.FAILED, "Warning"),
        ("Reconciling", "True", Reason.CREDENTIALS_MISSING, "Warning"),
    ],
    ids=["waits to be handed off", "waits for a delegation", "the kit failed", "a Secret is missing"],
)
def test_what_is_a_part_of_every_good_course_is_no_warning(type_: str, truth: Truth, why: Reason, kind: str) -> None:
    [event] = told([], [made(type_, truth, why)])
    assert event["type"] == kind
