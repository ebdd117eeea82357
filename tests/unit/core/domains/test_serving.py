"""The zone and its delegation: what is said and done about whatever is found there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.core.domains import zone as zones
from catalyst_operator.core.domains.actions import ChangePool, ChangeZone, CreateZone, DomainDecision
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import DnsAnswer, DomainObservation, ZoneView
from catalyst_operator.core.domains.zone import RRset, Zone
from catalyst_operator.core.settings import Nameserver
from tests.support.reservations import (
    ADDRESS,
    APEX,
    BANK,
    HELD,
    HOSTS,
    NAME,
    OLD,
    SERVERS,
    SETTINGS,
    UID,
    answered,
    delegated,
    flaws,
    look,
    manual,
    our_zone,
    pool,
    pooled,
    ready,
)


def sound(o: DomainObservation) -> DomainDecision:
    decision = decide(o)
    assert flaws(decision, o) == []
    return decision


def told(o: DomainObservation, type_: str) -> tuple[str, str]:
    """How a condition stands, and its message."""
    status = sound(o).status
    assert status is not None
    found = next(c for c in status.conditions if c.type == type_)
    return f"{found.status} {found.reason}", found.message


def with_sets(*rrsets: RRset) -> ZoneView:
    """Our zone, in which these stand in the place of ours."""
    made = our_zone().zone
    assert made is not None
    taken = {r.key for r in rrsets}
    return ZoneView(replace(made, rrsets=(*(r for r in made.rrsets if r.key not in taken), *rrsets)))


def theirs(label: str, address: str = "203.0.113.99") -> RRset:
    return RRset(f"{label}.{NAME}" if label else NAME, "A", 60, (address,), "")


# --- the zone ---------------------------------------------------------------------------------------------------------


def test_a_zone_that_was_just_made_and_is_not_shown_is_not_asked_for_in_a_loop() -> None:
    """A server that has it and does not give it answers each creation with a conflict, which is no error."""
    decision = sound(look(ready(**HELD), zone=ZoneView(), parent=pool()))
    assert any(isinstance(action, CreateZone) for action in decision.actions)
    assert decision.requeue_after is not None and decision.requeue_after >= timedelta(seconds=1)


@pytest.mark.parametrize("account", ["", "somebody"])
def test_a_foreign_zone_is_said_to_be_one(account: str) -> None:
    status, message = told(look(ready(**HELD), zone=ZoneView(Zone(NAME, account)), parent=pool()), "ZoneReady")
    assert status == "False ZoneForeign"
    assert ("has no account" if not account else f"has the account {account!r}") in message


def test_a_foreign_record_is_left_and_told_and_the_rest_goes_on() -> None:
    o = answered(look(ready(**HELD), zone=with_sets(theirs("gitea")), parent=delegated()))
    status, message = told(o, "ZoneReady")
    assert status == "True Succeeded"
    assert f"Left as it is, because somebody else set it: gitea.{NAME} A." in message
    assert sound(o).actions == ()


@pytest.mark.parametrize(
    ("type_", "value"),
    [("CNAME", "web.example."), ("ALIAS", "web.example."), ("LUA", "A \"pickrandom({'203.0.113.99'})\"")],
)
@pytest.mark.parametrize("label", ["gitea", "*"])
def test_a_name_is_somebody_elses_whatever_type_they_chose(label: str, type_: str, value: str) -> None:
    """Ours beside it would answer in its place: it is not added, and goes where it was first."""
    name = f"{label}.{NAME}"
    other = RRset(name, type_, 60, (value,), "")
    beside = our_zone().zone
    assert beside is not None
    without = replace(beside, rrsets=(*(r for r in beside.rrsets if r.name != name), other))
    o = answered(look(ready(**HELD), zone=ZoneView(without), parent=delegated()))
    status, message = told(o, "ZoneReady")
    assert (status, sound(o).actions) == ("True Succeeded", ())
    assert f"Left as it is, because somebody else set it: {name} {type_}." in message
    o = answered(
        look(ready(**HELD), zone=ZoneView(replace(beside, rrsets=(*beside.rrsets, other))), parent=delegated())
    )
    (change,) = (a for a in sound(o).actions if isinstance(a, ChangeZone))
    assert [(r.key, r.values) for r in change.changes] == [((name, "A"), ())]


@pytest.mark.parametrize(
    ("label", "type_", "value"),
    [
        ("gitea", "TXT", '"heritage=external-dns"'),
        ("gitea", "AAAA", "2001:db8::99"),
        ("gitea", "LUA", "TXT \"'x'\""),
        ("", "MX", "10 mail.example."),
        ("", "CAA", '0 issue "letsencrypt.org"'),
        ("mail", "A", "203.0.113.99"),
        ("a.gitea", "ALIAS", "web.example."),
        ("eu", "NS", "ns1.example."),
        ("_acme-challenge.gitea", "NS", "ns1.example."),
    ],
)
def test_what_answers_other_questions_takes_no_name_away(label: str, type_: str, value: str) -> None:
    beside = our_zone().zone
    assert beside is not None
    other = RRset(f"{label}.{NAME}" if label else NAME, type_, 60, (value,), "")
    o = answered(
        look(ready(**HELD), zone=ZoneView(replace(beside, rrsets=(*beside.rrsets, other))), parent=delegated())
    )
    assert (told(o, "ZoneReady")[0], sound(o).actions) == ("True Succeeded", ())


def test_the_servers_are_asked_for_a_name_that_is_ours() -> None:
    o = look(ready(**HELD), zone=with_sets(theirs("console")), parent=delegated())
    assert f"its servers are asked for {NAME}." in told(o, "ZoneReady")[1]


def test_where_all_names_are_somebody_elses_there_is_nothing_to_ask_for() -> None:
    """external-dns may have them all; waiting for an answer with our address would never end."""
    mine = with_sets(*(theirs(label) for label in ("", "*", "console", "api", "gitea", "harbor")))
    o = answered(look(ready(**HELD), zone=mine, parent=delegated()), authority=())
    status, message = told(o, "ZoneReady")
    assert (status, told(o, "Ready")[0]) == ("True Succeeded", "True Succeeded")
    assert "Left as it is" in message
    again = sound(o).requeue_after
    assert again is not None and again >= o.domains.settled_check


def test_several_silent_servers_are_all_named() -> None:
    silent = tuple(DnsAnswer(s.host, s.address, (), "no answer") for s in SERVERS)
    _, message = told(answered(pooled(), authority=silent), "ZoneReady")
    assert all(server.host in message for server in SERVERS)


def test_an_old_address_is_no_answer() -> None:
    old = tuple(DnsAnswer(s.host, s.address, ("203.0.113.99",)) for s in SERVERS)
    assert told(answered(pooled(), authority=old), "ZoneReady")[0] == "False Pending"


def test_other_name_servers_are_followed_in_the_zone_and_in_the_pool() -> None:
    moved = replace(SETTINGS, nameservers=(SERVERS[0], Nameserver("ns3.openova.test", "203.0.113.55")))
    o = pooled()
    o = replace(o, settings=replace(o.settings, domains=moved))
    changes = {type(a): a.changes for a in sound(o).actions if isinstance(a, ChangeZone | ChangePool)}
    expected = ("ns1.openova.test.", "ns3.openova.test.")
    assert {kind: [r.values for r in found] for kind, found in changes.items()} == {
        ChangeZone: [expected],
        ChangePool: [expected],
    }


def test_nothing_is_delegated_before_the_zone_is_there() -> None:
    o = look(ready(**HELD), zone=ZoneView(problem="it did not answer"), parent=pool())
    assert not any(isinstance(action, ChangePool) for action in sound(o).actions)
    assert told(o, "Delegated")[0].startswith("Unknown")


# --- the pool ---------------------------------------------------------------------------------------------------------


def test_a_delegation_of_somebody_else_is_never_replaced() -> None:
    other = RRset(NAME, "NS", 60, ("ns1.other.test.",), "")
    o = pooled(parent=pool(other))
    assert told(o, "Delegated")[0] == "False ZoneForeign"
    assert sound(o).actions == ()


def test_what_is_beside_the_name_does_not_matter() -> None:
    beside = RRset(f"x{NAME}", "A", 60, ("203.0.113.9",), "")
    assert told(pooled(parent=pool(beside, *zones.delegation(NAME, UID, SERVERS))), "Ready")[0] == "True Succeeded"


def test_an_old_delegation_of_ours_is_brought_up_to_date() -> None:
    old = RRset(NAME, "NS", 900, ("ns9.openova.test.",), UID)
    (change,) = (a for a in sound(pooled(parent=pool(old))).actions if isinstance(a, ChangePool))
    assert [r.values for r in change.changes] == [("ns1.openova.test.", "ns2.openova.test.")]


def test_a_pool_whose_server_refuses_the_key() -> None:
    o = pooled(parent=ZoneView(problem="it does not accept the API key", lasting=True))
    assert told(o, "Delegated")[0] == "Unknown PowerDNSUnreachable"
    assert told(o, "Stalled")[0] == "True PowerDNSUnreachable"


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says"),
    [(APEX, "At your registrar, set the name servers of bank.com to"), (BANK, "In the zone above acme.bank.com, add")],
)
@pytest.mark.parametrize(
    "answers",
    [
        {"delegation": (DnsAnswer("a", "1", ()),)},
        {"delegation": (DnsAnswer("a", "1", OLD),)},
        {"delegation": (DnsAnswer("a", "1", (), "no answer"),)},
        {"delegation": (), "error": "the resolver knows no zone"},
    ],
    ids=["nothing", "others", "silent", "unknown"],
)
def test_what_to_set_is_said_whatever_is_there(name: str, says: str, answers: dict[str, object]) -> None:
    status, message = told(manual(name, **answers), "Delegated")
    assert status == "False AwaitingDelegation"
    assert says in message and all(host in message for host in HOSTS)
    assert sound(manual(name, **answers)).actions == ()


@pytest.mark.parametrize("other", [OLD, (), (*HOSTS, "ns1.old.test")], ids=["others", "nothing", "a mixture"])
def test_all_of_the_parents_servers_have_to_agree(other: tuple[str, ...]) -> None:
    o = manual(delegation=(DnsAnswer("a", "1", HOSTS), DnsAnswer("b", "2", tuple(sorted(other)))))
    status, message = told(o, "Delegated")
    assert status == "False ServersDisagree"
    assert "b (2):" in message


def test_both_are_waited_for_and_both_are_told() -> None:
    """Neither the zone's servers nor the parent's give anything: each condition says its own."""
    silent = tuple(DnsAnswer(s.host, s.address, (), "no answer") for s in SERVERS)
    o = manual(authority=silent, delegation=(DnsAnswer("a", "1", ()),))
    assert told(o, "ZoneReady")[0] == "False Pending"
    assert told(o, "Delegated")[0] == "False AwaitingDelegation"
    assert told(o, "Ready")[0].startswith("False")


def test_what_it_answers_with_is_said_once_all_is_well() -> None:
    assert told(manual(), "Ready") == (
        "True Succeeded",
        f"{BANK} is served with {ADDRESS} and delegated to {', '.join(HOSTS)}.",
    )
