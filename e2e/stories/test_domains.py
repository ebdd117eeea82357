"""Domains, with real PowerDNS servers: a pool's names, names of one's own, what is in the way, and giving back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from e2e.lab.layout import Layout
from e2e.stories.conftest import Make
from e2e.support.dns import BOTH, PARENT, SECOND, SOVEREIGNS, Dns
from e2e.support.kubectl import Kubectl, KubectlError
from e2e.support.reservations import Reservation
from e2e.support.sovereigns import codes, condition
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

OURS = ["ns1.lab.test.", "ns2.lab.test."]
ADDRESS, OTHER_ADDRESS = "203.0.113.20", "203.0.113.21"
DELEGATED_SECONDS = 5.0
NOTICED_SECONDS = 30.0
OUTAGE_SECONDS = 120.0

Reserve = Callable[..., Reservation]


@pytest.fixture
def dns() -> Dns:
    return Dns(Layout.of_checkout())


@pytest.fixture
def reserve(kubectl: Kubectl) -> Iterator[Reserve]:
    """Makes reservations that stand alone, and takes them back after the story."""
    made: list[Reservation] = []

    def new(name: str, **spec: object) -> Reservation:
        reservation = Reservation(kubectl, name, **spec)
        made.append(reservation)
        return reservation

    yield new
    for reservation in made:
        reservation.delete()


@pytest.fixture
def above(dns: Dns) -> Iterator[Callable[..., None]]:
    """Makes zones above names of one's own, which both parents serve, and takes them away after the story."""
    made: list[str] = []

    def new(*names: str) -> None:
        for name in names:
            dns.create_zone(name, *BOTH)
            made.append(name)

    yield new
    for name in made:
        dns.delete_zone(name, *BOTH)


def _answers(dns: Dns, name: str, address: str) -> bool:
    return dns.dig(SOVEREIGNS, name, "A") == [address]


def delegate(dns: Dns, zone: str, name: str, *servers: str) -> None:
    """What an owner does by hand."""
    for server in servers or BOTH:
        dns.replace(server, zone, name, "NS", *OURS)


# --- pool -------------------------------------------------------------------------------------------------------------


def test_a_pools_name_answers_within_seconds_of_the_address(make: Make, dns: Dns, kubectl: Kubectl) -> None:
    sovereign, _ = make("pooled")
    fqdn = "pooled.omani.works"
    before = [dns.snapshot(server) for server in (SOVEREIGNS, PARENT)]
    sovereign.apply()
    sovereign.wait("reserved", DomainReserved="True")
    sovereign.until("outputs", lambda status: status.get("outputs"))
    begin = time.monotonic()
    address = sovereign.status["outputs"]["loadBalancerIP"]

    wait_for(lambda: dns.dig(PARENT, fqdn, "NS") == OURS, "the delegation", seconds=30)
    for name in (f"console.{fqdn}", f"anything.{fqdn}", fqdn):
        wait_for(partial(_answers, dns, name, address), name, seconds=30)
    took = time.monotonic() - begin
    assert took < DELEGATED_SECONDS, f"it took {took:.1f} s"

    sovereign.wait("its domain is ready", DomainReady="True", seconds=30)
    listed = kubectl("get", "domainreservations")
    assert "pooled" in listed and address in listed
    sovereign.delete()
    assert [dns.snapshot(server) for server in (SOVEREIGNS, PARENT)] == before


def test_one_name_has_one_owner(make: Make, kubectl: Kubectl) -> None:
    first, _ = make("first-owner", domain={"mode": "pool", "fqdn": "wanted.omani.works"})
    second, _ = make("second-owner", domain={"mode": "pool", "fqdn": "wanted.omani.works"})
    first.apply()
    first.wait("reserved", DomainReserved="True")
    second.apply()
    status = second.wait("taken", Stalled="DomainTaken", DomainReserved="False")
    assert codes(status) == ["ERR_DOMAIN_TAKEN"]
    assert first.namespace not in str(status), "whose it is, is nobody's business"
    assert "runNamespace" not in status, "a run was made"

    second.apply()
    second.look_again()
    assert condition(second.status, "DomainReserved")["reason"] == "DomainTaken"
    holder = (kubectl.find("domainreservation", "wanted.omani.works") or {})["spec"]["sovereignRef"]
    assert holder["uid"] == first.uid

    first.delete()
    second.wait("it follows", DomainReserved="True", seconds=120)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("www.omani.works", "NameReserved"),
        ("deep.down.omani.works", "NotInPool"),
        ("acme.somewhere-else.test", "NotInPool"),
    ],
)
def test_a_pool_does_not_give_out_every_name(reserve: Reserve, name: str, reason: str) -> None:
    reservation = reserve(name, mode="pool")
    reservation.apply()
    reservation.wait("refused", Stalled=reason, Ready=reason, Reserved="False")


def test_an_address_that_changes_is_followed(reserve: Reserve, dns: Dns) -> None:
    reservation = reserve("moving.omani.works", mode="pool", loadBalancerIP=ADDRESS)
    reservation.apply()
    reservation.ready()
    reservation.patch(loadBalancerIP=OTHER_ADDRESS)
    reservation.ready()
    assert dns.dig(SOVEREIGNS, "console.moving.omani.works", "A") == [OTHER_ADDRESS]


@pytest.mark.slow
def test_an_uncommitted_name_ends_by_itself(reserve: Reserve, kubectl: Kubectl) -> None:
    reservation = reserve("fleeting.omani.works", mode="pool", ttl="1m")
    reservation.apply()
    status = reservation.wait("reserved", Reserved="True", Ready="AwaitingAddress")
    assert status["expiresAt"]
    wait_for(lambda: reservation.read() is None, "it to be removed", seconds=90, shown=reservation.describe)
    told = kubectl.items("-n", "default", "events", "--field-selector=involvedObject.name=fleeting.omani.works")
    assert any("ran out" in event["message"] for event in told)


# --- a domain of one's own --------------------------------------------------------------------------------------------


def test_a_delegation_by_hand_is_noticed(reserve: Reserve, dns: Dns, above: Callable[..., None]) -> None:
    above("bank.test")
    reservation = reserve("cloud.bank.test", loadBalancerIP=ADDRESS)
    reservation.apply()
    status = reservation.wait("it says what to set", Delegated="AwaitingDelegation", ZoneReady="True")
    assert status["nameservers"] == ["ns1.lab.test", "ns2.lab.test"]
    told = reservation.message("Delegated")
    assert "ns1.lab.test, ns2.lab.test" in told and "a.parent.lab.test" in told

    delegate(dns, "bank.test", "cloud.bank.test", PARENT)
    reservation.wait("the parents disagree", Delegated="ServersDisagree", Ready="AwaitingDelegation", seconds=45)
    told = reservation.message("Delegated")
    assert "a.parent.lab.test (10.99.0.54): ns1.lab.test, ns2.lab.test" in told
    assert "b.parent.lab.test (10.99.0.55): nothing" in told

    delegate(dns, "bank.test", "cloud.bank.test", SECOND)
    took = reservation.seconds_until("delegated", Ready="True", Delegated="True")
    assert took < NOTICED_SECONDS, f"it was noticed after {took:.0f} s"
    assert dns.dig(SOVEREIGNS, "anything.cloud.bank.test", "A") == [ADDRESS]


def test_names_of_all_kinds(reserve: Reserve, dns: Dns, above: Callable[..., None]) -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 56, "test"])
    assert len(longest) == 253
    names = {
        "acme.co.uk": "co.uk",
        "acme.bank.com": "bank.com",
        "xn--mnchen-3ya.test": "test",
        longest: "test",
    }
    above("co.uk", "bank.com", "test")
    for name in names:
        reserve(name, loadBalancerIP=ADDRESS).apply()
    for name, zone in names.items():
        delegate(dns, zone, name)
    for name in names:
        reserve(name).ready(seconds=60)
        assert dns.dig(SOVEREIGNS, name, "A") == [ADDRESS]


@pytest.mark.parametrize("name", ["Upper.bank.test", "dot.bank.test.", "bücher.test", "x" * 64 + ".test"])
def test_names_that_are_none_are_refused_at_once(reserve: Reserve, name: str) -> None:
    with pytest.raises(KubectlError, match="name"):
        Reservation(reserve("unused.bank.test").kubectl, name).apply()


def test_names_above_and_below_each_other_have_one_owner(make: Make, reserve: Reserve) -> None:
    sovereign, _ = make("lower", domain={"mode": "byo-manual", "fqdn": "lower.related.test"})
    sovereign.apply()
    sovereign.wait("reserved", DomainReserved="True")
    for name in ("related.test", "still.lower.related.test"):
        other = reserve(name)
        other.apply()
        other.wait("taken", Stalled="DomainTaken")
        assert "lower.related.test" in other.message()


def test_a_public_suffix_is_nobodys(reserve: Reserve) -> None:
    reservation = reserve("co.uk")
    reservation.apply()
    reservation.wait("refused", Stalled="InvalidSpec")


# --- in the way -------------------------------------------------------------------------------------------------------


def test_a_foreign_zone_is_never_touched(reserve: Reserve, dns: Dns) -> None:
    name = "occupied.omani.works"
    dns.create_zone(name, SOVEREIGNS)
    try:
        before = dns.snapshot(SOVEREIGNS)[f"{name}."]
        reservation = reserve(name, mode="pool", loadBalancerIP=ADDRESS)
        reservation.apply()
        reservation.wait("foreign", Stalled="ZoneForeign", ZoneReady="ZoneForeign")
        assert "pdnsutil set-account" in reservation.message()
        assert dns.dig(PARENT, name, "NS") == [], "it was delegated to"
        reservation.delete()
        assert dns.snapshot(SOVEREIGNS)[f"{name}."] == before
    finally:
        dns.delete_zone(name, SOVEREIGNS)


def test_a_foreign_record_blocks_nothing_else(reserve: Reserve, dns: Dns) -> None:
    name = "shared.omani.works"
    reservation = reserve(name, mode="pool", loadBalancerIP=ADDRESS)
    reservation.apply()
    reservation.ready()
    dns.replace(SOVEREIGNS, name, f"gitea.{name}", "A")
    dns.replace(SOVEREIGNS, name, f"gitea.{name}", "CNAME", "elsewhere.example.")
    dns.replace(SOVEREIGNS, name, name, "TXT", '"somebody else\'s"')
    reservation.patch(loadBalancerIP=OTHER_ADDRESS)
    status = reservation.ready()
    assert f"gitea.{name} CNAME" in condition(status, "ZoneReady")["message"]
    assert dns.dig(SOVEREIGNS, f"gitea.{name}", "CNAME") == ["elsewhere.example."]
    assert dns.dig(SOVEREIGNS, name, "TXT")
    assert dns.dig(SOVEREIGNS, f"console.{name}", "A") == [OTHER_ADDRESS]


def test_records_that_a_delegation_would_hide_stop_it(reserve: Reserve, dns: Dns) -> None:
    name = "hidden.omani.works"
    dns.replace(PARENT, "omani.works", f"www.{name}", "A", "203.0.113.99")
    try:
        reservation = reserve(name, mode="pool", loadBalancerIP=ADDRESS)
        reservation.apply()
        reservation.wait("in the way", Stalled="ZoneForeign", Delegated="ZoneForeign")
        assert f"www.{name} A" in reservation.message()
        assert dns.dig(PARENT, f"www.{name}", "A") == ["203.0.113.99"]
    finally:
        dns.replace(PARENT, "omani.works", f"www.{name}", "A")
    reservation.ready(seconds=90)


def test_powerdns_down_in_the_middle(reserve: Reserve, dns: Dns) -> None:
    standing = reserve("standing.omani.works", mode="pool", loadBalancerIP=ADDRESS)
    standing.apply()
    standing.ready()
    late = reserve("late.omani.works", mode="pool")
    late.apply()
    late.wait("reserved", Reserved="True")
    with dns.stopped(SOVEREIGNS):
        late.patch(loadBalancerIP=ADDRESS)
        late.wait("unreachable", ZoneReady="PowerDNSUnreachable", Reconciling="Retrying")
        assert "did not answer" in late.message()
    late.ready()
    standing.ready()


@pytest.mark.slow
def test_powerdns_down_for_two_minutes_in_the_middle_of_a_provisioning(make: Make, dns: Dns) -> None:
    """It is down from the reservation on: the servers are made meanwhile, and the name follows once it is back."""
    sovereign, _ = make("outage")
    sovereign.apply()
    sovereign.wait("reserved", DomainReserved="True")
    with dns.stopped(SOVEREIGNS):
        begin = time.monotonic()
        sovereign.wait("told", DomainReady="PowerDNSUnreachable", TofuOutput="True", seconds=90)
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - begin)))  # the length of the outage is the subject
    sovereign.wait("served", DomainReady="True", seconds=60)
    assert dns.dig(PARENT, "outage.omani.works", "NS") == OURS


# --- giving back ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sovereign_deleted_at_every_step_leaves_dns_as_before(make: Make, dns: Dns, kubectl: Kubectl) -> None:
    servers = (SOVEREIGNS, PARENT, SECOND)
    before = [dns.snapshot(server) for server in servers]
    steps = {
        "step-reserved": ("DomainReserved", "True"),
        "step-planned": ("TofuPlan", "True"),
        "step-output": ("TofuOutput", "True"),
        "step-served": ("DomainReady", "True"),
    }
    for name, (type_, value) in steps.items():
        sovereign, project = make(name)
        sovereign.apply()
        sovereign.wait(f"reached {type_}", seconds=90, **{type_: value})
        sovereign.delete(seconds=150)
        assert project.inventory() == {}
        assert kubectl.find("domainreservation", f"{name}.omani.works") is None
        assert [dns.snapshot(server) for server in servers] == before, f"after {name}"
