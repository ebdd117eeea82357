"""What was seen lives in memory, and questions get lost: neither may make a name that is well look broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.core.domains.actions import AskDns, AskRegistrar
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import DnsAnswer, DomainObservation, RegistrarCredentials
from tests.support.reservations import (
    HELD,
    HOSTS,
    OLD,
    answered,
    asked,
    by_api,
    delegated,
    flaws,
    look,
    manual,
    our_zone,
    pooled,
    ready,
)

SILENT = DnsAnswer("b.parent.test", "203.0.113.2", (), "no answer")
RIGHT = DnsAnswer("a.parent.test", "203.0.113.1", HOSTS)


def shown(o: DomainObservation) -> dict[str, str]:
    decision = decide(o)
    assert flaws(decision, o) == []
    assert decision.status is not None
    return {c.type: f"{c.status} {c.reason}" for c in decision.status.conditions}


def settled(o: DomainObservation) -> DomainObservation:
    """The same, once its status says what was decided."""
    decision = decide(o)
    assert decision.status is not None
    found = o.reservation.model_copy(update={"status": decision.status})
    return replace(o, reservation=found)


def restarted(o: DomainObservation) -> DomainObservation:
    """Another process: nobody was asked yet."""
    return replace(o, dns=None, registrar=None)


def edited(o: DomainObservation, **spec: Any) -> DomainObservation:
    """Its spec was changed, and nobody has looked since."""
    wire = o.reservation.to_wire()
    wire["metadata"]["generation"] += 1
    wire["spec"].update(spec)
    return replace(o, reservation=DomainReservation.parse(wire))


WELL = {
    "pool": settled(pooled()),
    "by hand": settled(manual()),
    "by a registrar": settled(asked(answered(by_api(previous=True)), *HOSTS)),
}


@pytest.mark.parametrize("o", WELL.values(), ids=WELL)
def test_a_restart_takes_nothing_back(o: DomainObservation) -> None:
    assert shown(o)["Ready"] == "True Succeeded"
    again = restarted(o)
    found = shown(again)
    assert (found["Ready"], found["ZoneReady"], found["Delegated"]) == ("True Succeeded",) * 3
    actions = decide(again).actions
    assert any(isinstance(action, AskDns) for action in actions)
    assert not [a for a in actions if isinstance(a, AskRegistrar) and a.hosts], "nothing is set unseen"


def test_a_restart_without_the_registrars_secret_takes_nothing_back() -> None:
    o = replace(restarted(WELL["by a registrar"]), credentials=None)
    assert shown(o)["Ready"] == "True Succeeded"


@pytest.mark.parametrize("o", WELL.values(), ids=WELL)
def test_what_is_learnt_after_a_restart_counts(o: DomainObservation) -> None:
    assert shown(answered(restarted(o), delegation=(DnsAnswer("a", "1", OLD),)))["Ready"].startswith(
        ("False", "Unknown")
    )
    silent = (DnsAnswer("ns1.openova.test", "203.0.113.53", (), "no answer"),)
    assert shown(answered(restarted(o), authority=silent))["ZoneReady"] == "False Pending"


def test_another_address_is_not_answered_before_it_is_seen() -> None:
    o = edited(restarted(WELL["pool"]), loadBalancerIP="203.0.113.99")
    found = shown(replace(o, zone=our_zone(address="203.0.113.99")))
    assert (found["ZoneReady"], found["Ready"]) == ("False Pending", "False Progressing")
    assert found["Delegated"] == "True Succeeded", "an address has nothing to do with it"


def test_other_name_servers_of_ours_are_not_delegated_to_before_it_is_seen() -> None:
    o = restarted(WELL["by hand"])
    domains = o.domains
    others = replace(domains, nameservers=domains.nameservers[:1])
    assert shown(replace(o, settings=replace(o.settings, domains=others)))["Delegated"] == "False AwaitingDelegation"


def test_what_was_never_well_is_not_taken_for_it() -> None:
    o = look(ready(**HELD), zone=our_zone(), parent=delegated())
    bare = o.reservation.model_copy(update={"status": o.reservation.status.model_copy(update={"conditions": ()})})
    told = [c for c in o.reservation.status.conditions if c.type == "Reserved"]
    status = bare.status.model_copy(update={"conditions": tuple(told), "nameservers": HOSTS})
    assert shown(replace(o, reservation=bare.model_copy(update={"status": status})))["Ready"] == "False Progressing"


# --- a server that does not answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("o", WELL.values(), ids=WELL)
def test_a_server_of_the_parent_that_is_silent_takes_nothing_back(o: DomainObservation) -> None:
    """One lost packet of thirteen servers, or a secondary that is down for a while."""
    found = answered(o, delegation=(RIGHT, SILENT))
    assert shown(found)["Ready"] == "True Succeeded"
    decision = decide(found)
    assert decision.status is not None
    told = next(c.message for c in decision.status.conditions if c.type == "Delegated")
    assert "b.parent.test (203.0.113.2): no answer" in told


def test_a_server_that_says_something_else_does() -> None:
    other = DnsAnswer("b.parent.test", "203.0.113.2", OLD)
    assert shown(answered(WELL["pool"], delegation=(RIGHT, other)))["Delegated"] == "False ServersDisagree"


BLIND: dict[str, dict[str, Any]] = {
    "silent": {"delegation": (SILENT,)},
    "not found": {"delegation": (), "parent": "", "error": "the resolver does not answer"},
    "too late": {"delegation": (), "parent": "", "authority": (), "error": "no answer within 15 s"},
}


@pytest.mark.parametrize("answers", BLIND.values(), ids=BLIND)
@pytest.mark.parametrize("o", WELL.values(), ids=WELL)
def test_an_operator_that_sees_nothing_takes_nothing_back(o: DomainObservation, answers: dict[str, Any]) -> None:
    """Its resolver is down for a while: the names of all Sovereigns are as well as before."""
    found = replace(answered(o, **answers), credentials=None)
    for _ in range(2):
        assert shown(found)["Ready"] == "True Succeeded"
        decision = decide(found)
        assert decision.status is not None
        told = next(c.message for c in decision.status.conditions if c.type == "Delegated")
        assert "when that was last seen" in told and ("no answer" in told or "does not answer" in told)
        assert decision.requeue_after is not None and decision.requeue_after.total_seconds() <= 20
        found = settled(found)


@pytest.mark.parametrize("answers", BLIND.values(), ids=BLIND)
def test_an_operator_that_never_saw_it_does_not_take_it_for_well(answers: dict[str, Any]) -> None:
    assert shown(manual(**answers))["Delegated"] == "False AwaitingDelegation"


UNREACHABLE = DnsAnswer("c.parent.test", "2001:db8::1", (), "not reachable from here over IPv6")
NAMELESS = DnsAnswer("d.parent.test", "", (), "d.parent.test has no address")


@pytest.mark.parametrize("others", [(SILENT,), (UNREACHABLE,), (SILENT, UNREACHABLE, NAMELESS)])
def test_a_dead_server_does_not_hold_up_a_delegation_and_is_named(others: tuple[DnsAnswer, ...]) -> None:
    """One that is dead for good, or only has IPv6 where the operator has none, would do so for ever."""
    o = manual(delegation=(*others, RIGHT))
    assert shown(o)["Delegated"] == "True Succeeded"
    assert shown(o)["Ready"] == "True Succeeded"
    status = decide(o).status
    assert status is not None
    message = next(c.message for c in status.conditions if c.type == "Delegated")
    assert all(other.words in message for other in others)


def test_a_dead_server_does_not_outvote_one_that_says_something_else() -> None:
    other = DnsAnswer("b.parent.test", "203.0.113.2", OLD)
    assert shown(manual(delegation=(RIGHT, SILENT, other)))["Delegated"] == "False ServersDisagree"
    assert shown(manual(delegation=(SILENT, other)))["Delegated"] == "False AwaitingDelegation"


def test_a_silent_server_does_not_have_the_registrar_asked_for_a_change() -> None:
    found = answered(WELL["by a registrar"], delegation=(RIGHT, SILENT))
    assert not [a for a in decide(found).actions if isinstance(a, AskRegistrar)]


# --- dead servers of ours ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("previous", [False, True], ids=["before it is remembered", "before it is set"])
def test_a_registrar_does_not_get_name_servers_that_do_not_answer(previous: bool) -> None:
    """Its domain would be gone from the net: the old servers go on until ours are there."""
    dead = (DnsAnswer("ns1.openova.test", "203.0.113.53", (), "no answer"),)
    o = asked(by_api(previous=previous, authority=dead), *OLD)
    decision = decide(o)
    assert flaws(decision, o) == []
    assert [type(action).__name__ for action in decision.actions] == []
    assert shown(o)["Delegated"] == "False Pending"
    assert shown(o)["Ready"] == "False Progressing"


def test_what_is_in_use_is_told_all_the_same() -> None:
    dead = (DnsAnswer("ns1.openova.test", "203.0.113.53", (), "no answer"),)
    o = asked(by_api(authority=dead, live=("MX 10 mail.bank.com.",)), *OLD)
    assert shown(o)["Delegated"] == "False LiveRecords"


def test_once_they_answer_it_is_set() -> None:
    credentials = RegistrarCredentials("s/1")
    o = asked(replace(by_api(previous=True), credentials=credentials), *OLD)
    assert [a.hosts for a in decide(o).actions if isinstance(a, AskRegistrar)] == [HOSTS]
