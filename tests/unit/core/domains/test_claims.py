"""Who may have which name, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.adapters import suffixes
from catalyst_operator.core.domains.actions import DeleteReservation, DomainDecision
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import Claim, DomainObservation, ZoneView
from tests.support import gen
from tests.support.reservations import (
    ADDRESS,
    NAME,
    SETTINGS,
    delegated,
    flaws,
    going,
    look,
    manual,
    our_zone,
    pool,
    pooled,
    ready,
    reservation,
    reserved,
    told,
)

HOUR, TTL = timedelta(hours=1), timedelta(minutes=10)
OTHER = "another-uid"
REFUSED = {"conditions": told(Ready="False DomainTaken", Stalled="True DomainTaken", Reserved="False DomainTaken")}
IDN = "xn--mnchen-3ya.example.com"


def sound(o: DomainObservation) -> DomainDecision:
    decision = decide(o)
    assert flaws(decision, o) == []
    return decision


def reasons(o: DomainObservation) -> dict[str, str]:
    status = sound(o).status
    assert status is not None
    return {c.type: f"{c.status} {c.reason}" for c in status.conditions}


def judged(name: str, mode: str, *rivals: Claim, owner: str = gen.UID, pools: tuple[str, ...] = SETTINGS.pools) -> str:
    """How a name is judged that nobody has looked at: the reason of Reserved."""
    try:
        registered = suffixes.domain_of(name).registered
    except suffixes.NotRegistrable:
        registered = ""
    o = look(reservation(name, owner=owner, spec={"mode": mode}), registered=registered, claims=rivals)
    o = replace(o, settings=replace(o.settings, domains=replace(SETTINGS, pools=pools)))
    return reasons(o)["Reserved"].split()[1]


NESTED = ("omani.works", "europe.omani.works")


@pytest.mark.parametrize(
    ("name", "mode", "reason"),
    [
        ("omantel.omani.works", "pool", "Reserved"),
        ("xn--mnchen-3ya.omani.works", "pool", "Reserved"),
        ("www.omani.works", "pool", "NameReserved"),
        ("a.omantel.omani.works", "pool", "NotInPool"),
        ("omantel.example.com", "pool", "NotInPool"),
        ("omantel.xomani.works", "pool", "NotInPool"),
        ("omani.works", "byo-manual", "UnderPool"),
        ("omantel.omani.works", "byo-api", "UnderPool"),
        ("deep.omantel.omani.works", "byo-manual", "UnderPool"),
        ("xomani.works", "byo-manual", "Reserved"),
        ("acme.com", "byo-manual", "Reserved"),
        ("acme.co.uk", "byo-manual", "Reserved"),
        ("co.uk", "byo-manual", "InvalidSpec"),
        ("acme.bank.com", "byo-manual", "Reserved"),
        ("a.b.c.bank.com", "byo-api", "Pending"),
        (IDN, "byo-manual", "Reserved"),
        ("bank.test", "byo-manual", "Reserved"),
    ],
)
def test_a_name_is_judged(name: str, mode: str, reason: str) -> None:
    assert judged(name, mode) == reason


def test_what_holds_a_pool_is_not_its_owners_to_delegate() -> None:
    assert judged("omani.works", "byo-manual", pools=("eu.omani.works",)) == "UnderPool"


def test_a_pool_domain_is_not_given_out_by_the_pool_above_it() -> None:
    """All names of the lower pool would be its owner's."""
    assert judged("europe.omani.works", "pool", pools=NESTED) == "UnderPool"
    assert judged("asia.omani.works", "pool", pools=("omani.works", "a.asia.omani.works")) == "UnderPool"
    assert judged("acme.europe.omani.works", "pool", pools=NESTED) == "Reserved"
    assert judged("asia.omani.works", "pool", pools=NESTED) == "Reserved"


@pytest.mark.parametrize(
    ("rival", "reason"),
    [
        (Claim("bank.com", OTHER), "DomainTaken"),
        (Claim("www.acme.bank.com", OTHER), "DomainTaken"),
        (Claim("bank.com", ""), "DomainTaken"),
        (Claim("bank.com", gen.UID), "Reserved"),
    ],
    ids=["above", "below", "a reservation that stands alone", "the same owner's"],
)
def test_a_related_name_is_its_owners(rival: Claim, reason: str) -> None:
    assert judged("acme.bank.com", "byo-manual", rival) == reason


def test_reservations_that_stand_alone_have_one_owner() -> None:
    assert judged("acme.bank.com", "byo-manual", Claim("bank.com", ""), owner="") == "Reserved"
    assert judged("acme.bank.com", "byo-manual", Claim("bank.com", OTHER), owner="") == "DomainTaken"


def test_a_name_that_was_refused_is_given_once_the_rival_is_gone() -> None:
    o = look(reservation("acme.bank.com", spec={"mode": "byo-manual"}, status=REFUSED))
    assert sound(replace(o, claims=(Claim("bank.com", OTHER),))).requeue_after == timedelta(minutes=1)
    assert reasons(o)["Reserved"] == "True Reserved"
    assert "Stalled" not in reasons(o)


# --- for how long -----------------------------------------------------------------------------------------------------


def after(o: DomainObservation, decision: DomainDecision, pause: timedelta = timedelta(0)) -> DomainObservation:
    """The next look, with what was written."""
    assert decision.status is not None
    found = o.reservation.model_copy(update={"status": decision.status})
    return replace(o, now=o.now + pause, reservation=found, zone=ZoneView())


def test_a_name_is_held_for_as_long_as_it_says_from_the_moment_it_was_given() -> None:
    """One that waited an hour for a rival to go is not over at once."""
    o = replace(look(reservation(owner="", status=REFUSED)), now=gen.NOW + HOUR)
    given = sound(o)
    assert given.status is not None and given.status.expires_at == o.now + TTL
    held = after(o, given)
    assert reasons(held)["Reserved"] == "True Reserved"
    assert sound(held).requeue_after == TTL
    assert reasons(after(o, given, TTL - timedelta(seconds=1)))["Reserved"] == "True Reserved"
    assert reasons(after(o, given, TTL))["Reserved"] == "False Expired"


def test_it_runs_out_is_told_and_goes() -> None:
    o = replace(look(reserved(owner=""), zone=ZoneView()), now=gen.NOW + HOUR)
    first = sound(o)
    assert first.actions == () and first.status is not None
    second = sound(after(o, first))
    assert second.actions == (DeleteReservation(),)
    assert second.status == first.status, "there is nothing to write to what is gone"


def test_a_sovereigns_is_renewed_at_half_of_its_time() -> None:
    o = look(reserved(status={**reserved().status.to_wire(), "expiresAt": "2026-11-22T12:05:01Z"}), owned=True)
    decision = sound(o)
    assert decision.status is not None and decision.status.expires_at == gen.NOW + timedelta(minutes=5, seconds=1)
    assert decision.requeue_after == timedelta(seconds=1)
    renewed = sound(replace(o, now=o.now + timedelta(seconds=1)))
    assert renewed.status is not None and renewed.status.expires_at == gen.NOW + timedelta(minutes=10, seconds=1)
    assert renewed.requeue_after == TTL / 2


def test_a_sovereigns_runs_out_once_that_is_gone() -> None:
    o = replace(look(reserved(), zone=ZoneView()), now=gen.NOW + HOUR)
    assert reasons(o)["Reserved"] == "False Expired"
    assert reasons(replace(o, owned=True))["Reserved"] == "True Reserved"


@pytest.mark.parametrize(
    "o",
    [
        look(reserved(owner="", spec={"loadBalancerIP": ADDRESS}), zone=ZoneView(), parent=pool()),
        look(reserved(owner="", finalizers=["catalyst.openova.io/domain-reservation"]), zone=our_zone(), parent=pool()),
        look(reserved(owner=""), zone=our_zone(), parent=pool()),
    ],
    ids=["it has an address", "something may have been made", "its zone is there"],
)
def test_what_is_committed_does_not_run_out(o: DomainObservation) -> None:
    later = replace(o, now=gen.NOW + 100 * HOUR)
    assert reasons(later)["Reserved"] == "True Committed"
    status = sound(later).status
    assert status is not None and status.expires_at is None


def with_ttl(o: DomainObservation, ttl: timedelta) -> DomainObservation:
    """The spec was edited."""
    spec = o.reservation.spec.model_copy(update={"ttl": ttl})
    meta = o.reservation.metadata.model_copy(update={"generation": 2})
    return replace(o, reservation=o.reservation.model_copy(update={"spec": spec, "metadata": meta}))


@pytest.mark.parametrize("ttl", [timedelta(minutes=2), HOUR])
def test_another_time_moves_the_end_of_what_is_held(ttl: timedelta) -> None:
    given = sound(look(reservation(owner="")))
    o = with_ttl(after(look(reservation(owner="")), given, timedelta(minutes=1)), ttl)
    status = sound(o).status
    assert status is not None and status.expires_at == gen.NOW + ttl, "counted from when it was given"


def test_a_sovereigns_end_is_never_further_off_than_its_time() -> None:
    o = look(reserved(status={**reserved().status.to_wire(), "expiresAt": "2026-11-22T13:00:00Z"}), owned=True)
    status = sound(with_ttl(o, timedelta(minutes=2))).status
    assert status is not None and status.expires_at == gen.NOW + timedelta(minutes=2)


def test_a_claim_that_nobody_asks_for_any_more_goes_although_it_was_never_held() -> None:
    """The object alone keeps others from the name: its Sovereign has been given another one by now."""
    o = look(
        reservation("acme.bank.com", spec={"mode": "byo-manual"}, status=REFUSED), claims=(Claim("bank.com", "x"),)
    )
    assert reasons(replace(o, owned=True, now=gen.NOW + HOUR))["Reserved"] == "False DomainTaken"
    assert reasons(replace(o, now=gen.NOW))["Reserved"] == "False DomainTaken"
    assert reasons(replace(o, now=gen.NOW + HOUR))["Reserved"] == "False Expired"


# --- what was given stays given ---------------------------------------------------------------------------------------


def test_a_label_that_a_later_version_keeps_is_not_taken_away() -> None:
    """A Sovereign that lives under it would lose its domain with an upgrade of the operator."""
    name = "www.omani.works"
    o = look(ready(name=name, finalizers=["catalyst.openova.io/domain-reservation"]), zone=our_zone(name))
    assert reasons(replace(o, parent=delegated(name)))["Reserved"] == "True Committed"


@pytest.mark.parametrize(
    ("o", "reason"),
    [
        (look(ready(spec={"mode": "byo-manual"}), zone=our_zone()), "UnderPool"),
        (replace(manual("bank.com"), reservation=ready(name="bank.com")), "NotInPool"),
    ],
    ids=["a pool's as one's own", "one's own as a pool's"],
)
def test_another_mode_gives_nobody_another_right(o: DomainObservation, reason: str) -> None:
    """Nothing is written into a zone that the new mode does not give."""
    assert reasons(o)["Reserved"] == f"False {reason}"
    assert sound(o).actions == ()


# --- an operator without PowerDNS -------------------------------------------------------------------------------------


def without(o: DomainObservation) -> DomainObservation:
    return replace(o, settings=gen.SETTINGS)


@pytest.mark.parametrize("o", [look(reservation()), pooled(), look(reserved()), going()])
def test_without_powerdns_nothing_is_done(o: DomainObservation) -> None:
    decision = sound(without(o))
    assert (decision.actions, decision.requeue_after) == ((), None)
    assert reasons(without(o))["Ready"] == "False DNSNotConfigured"


def test_without_powerdns_what_was_never_held_is_not_held_up() -> None:
    found = reservation(deleted=True)
    meta = found.metadata.model_copy(update={"finalizers": ()})
    assert decide(without(look(found.model_copy(update={"metadata": meta})))) == DomainDecision()


# --- what status shows ------------------------------------------------------------------------------------------------


def test_status_names_the_servers_the_zone_and_what_was_seen() -> None:
    status = sound(pooled()).status
    assert status is not None
    wire: dict[str, Any] = status.to_wire()
    assert wire["nameservers"] == ["ns1.openova.test", "ns2.openova.test"]
    assert wire["zone"] == f"{NAME}."
    assert wire["records"][:2] == [
        {"name": "@", "type": "A", "values": [ADDRESS]},
        {"name": "@", "type": "NS", "values": ["ns1.openova.test.", "ns2.openova.test."]},
    ]
    assert {r["name"] for r in wire["records"]} == {"@", "*", "console", "api", "gitea", "harbor"}
    assert wire["delegation"]["seen"] == wire["delegation"]["expected"] == wire["nameservers"]


def test_what_cannot_be_seen_now_stays_as_it_was_told() -> None:
    before = sound(pooled()).status
    assert before is not None
    o = pooled(zone=ZoneView(problem="it did not answer"))
    now = sound(replace(o, reservation=o.reservation.model_copy(update={"status": before}))).status
    assert now is not None and (now.zone, now.records) == (before.zone, before.records)
