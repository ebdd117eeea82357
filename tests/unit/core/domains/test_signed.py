"""A name that its parent calls signed: our zones carry no signatures, so that resolvers which validate, Let's Encrypt's
among them, would refuse whatever our servers say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalyst_operator.core.domains.actions import AskRegistrar, DomainDecision, RememberNameservers
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import DnsAnswer, DomainObservation
from catalyst_operator.core.domains.of_sovereign import errors_of, standing
from tests.support import gen
from tests.support.reservations import BY_API, HELD, OLD, answered, asked, by_api, flaws, look, manual, pooled, reserved

DS = ("2371 13 2 1f987cc6583e92df0890718c42",)
ACKNOWLEDGED = {"registrar": {**BY_API["registrar"], "acknowledgeLiveRecords": True}}


def sound(o: DomainObservation) -> DomainDecision:
    decision = decide(o)
    assert flaws(decision, o) == []
    return decision


def shown(o: DomainObservation) -> dict[str, str]:
    status = sound(o).status
    assert status is not None
    return {c.type: f"{c.status} {c.reason}" for c in status.conditions}


def message(o: DomainObservation) -> str:
    status = sound(o).status
    assert status is not None
    return next(c.message for c in status.conditions if c.type == "Delegated")


@pytest.mark.parametrize("o", [manual(signed=DS), answered(pooled(), signed=DS)], ids=["by hand", "pool"])
def test_a_delegation_that_nobody_believes_is_none(o: DomainObservation) -> None:
    found = shown(o)
    assert (found["Delegated"], found["Ready"], found["Stalled"]) == (
        "False DNSSECEnabled",
        "False DNSSECEnabled",
        "True DNSSECEnabled",
    )
    assert "Turn DNSSEC off" in message(o)


def test_it_goes_on_soon_after_the_record_is_gone() -> None:
    again = sound(manual(signed=DS)).requeue_after
    assert again is not None and again.total_seconds() <= 20


def test_by_hand_it_is_said_together_with_what_to_set() -> None:
    o = manual(delegation=(DnsAnswer("a", "1", OLD),), signed=DS)
    assert "add these NS records" in message(o)
    assert "turn DNSSEC off" in message(o)
    assert shown(o)["Delegated"] == "False AwaitingDelegation"


@pytest.mark.parametrize("previous", [False, True], ids=["nothing remembered", "remembered"])
def test_a_registrar_does_not_get_our_servers_for_a_signed_domain(previous: bool) -> None:
    """Else it would be gone from the net at once, whatever its owner acknowledged."""
    o = asked(by_api(previous=previous, signed=DS, spec=ACKNOWLEDGED), *OLD)
    decision = sound(o)
    assert not [a for a in decision.actions if isinstance(a, AskRegistrar | RememberNameservers)]
    assert shown(o)["Delegated"] == "False DNSSECEnabled"


def test_it_is_said_before_anything_is_spent() -> None:
    o = look(reserved(**HELD, name="bank.com", spec=BY_API), registered="bank.com")
    o = answered(replace(asked(o, *OLD)), authority=(), signed=DS)
    found = o.reservation.model_copy(update={"status": sound(o).status})
    stands = standing(gen.sovereign(), found)
    assert (stands.reserved[1], stands.is_reserved, stands.stalled) == ("DNSSECEnabled", False, True)
    (error,) = errors_of(gen.sovereign(), found, stands)
    assert error.code == "ERR_DNSSEC"


def test_what_is_in_use_comes_first() -> None:
    o = asked(by_api(signed=DS, live=("MX 10 mail.bank.com.",)), *OLD)
    assert shown(o)["Delegated"] == "False LiveRecords"


def test_an_unsigned_one_needs_nothing() -> None:
    assert shown(manual())["Ready"] == "True Succeeded"


@pytest.mark.parametrize("previous", [False, True], ids=["before it is remembered", "before it is set"])
def test_nothing_is_changed_while_it_is_not_known_whether_the_name_is_signed(previous: bool) -> None:
    """A server that does not tell has not said that there are no signatures."""
    unknown = "no server of the zone above answers"
    o = asked(by_api(previous=previous, spec=ACKNOWLEDGED, signed_error=unknown), *OLD)
    assert not [a for a in sound(o).actions if isinstance(a, AskRegistrar | RememberNameservers)]
    assert unknown in message(o)
    assert "Stalled" not in shown(o)
