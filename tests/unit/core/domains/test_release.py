"""Giving a name back: what each mode takes back at every step, and what keeps it from that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from catalyst_operator.api import labels
from catalyst_operator.core.domains.actions import AskRegistrar
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import (
    DnsAnswer,
    DomainObservation,
    RegistrarCredentials,
    RegistrarProblem,
    Trouble,
    ZoneView,
)
from catalyst_operator.core.domains.zone import RRset, Zone
from tests.support.reservations import (
    APEX,
    BANK,
    BY_API,
    HOSTS,
    NAME,
    OLD,
    answered,
    asked,
    flaws,
    going,
    leaving,
    look,
    named,
    our_zone,
    pool,
    ready,
    reservation,
)

NO_ZONE = ZoneView()
DOWN, DENIED = ZoneView(problem="it did not answer"), ZoneView(problem="it does not accept the key", lasting=True)
NOTHING_KNOWN = {labels.ANNOTATION_PREVIOUS_NAMESERVERS: ""}
STRANGE = RRset(f"www.{NAME}", "A", 60, ("203.0.113.9",))


def problem(trouble: Trouble, **more: object) -> RegistrarProblem:
    return RegistrarProblem(trouble, "it says no", "Do this.", **more)  # type: ignore[arg-type]


def by_hand(**seen: object) -> DomainObservation:
    return look(ready(**named(BANK), deleted=True), **{"zone": our_zone(BANK), "registered": APEX, **seen})


def child(*hosts: str) -> DomainObservation:
    """A name below a registered domain, which had no delegation before."""
    found = ready(**named(BANK, annotations=NOTHING_KNOWN, spec=BY_API), deleted=True)
    return asked(answered(look(found, zone=our_zone(BANK), registered=APEX)), *hosts)


def unknown_before(o: DomainObservation) -> DomainObservation:
    """The registrar had no name servers at all before."""
    meta = o.reservation.metadata.model_copy(update={"annotations": NOTHING_KNOWN})
    return replace(o, reservation=o.reservation.model_copy(update={"metadata": meta}))


@dataclass(frozen=True)
class Row:
    """One row. Without a reason there is nothing left to write status to."""

    why: str
    o: DomainObservation
    does: tuple[str, ...] = ()
    reason: str = ""
    stalled: bool = False
    says: tuple[str, ...] = ()


POOL = (
    Row("the delegation goes first", going(), ("ChangePool", "AskDns"), "Deleting"),
    Row("then the zone", going(parent=pool()), ("DeleteZone", "AskDns"), "Deleting"),
    Row("then the finalizer", going(parent=pool(), zone=NO_ZONE), ("LetGo",)),
    Row("others' records in the pool stay", going(parent=pool(STRANGE), zone=NO_ZONE), ("LetGo",)),
    Row(
        "the pool's zone is gone: so is the delegation",
        going(parent=NO_ZONE, zone=our_zone()),
        ("DeleteZone", "AskDns"),
        "Deleting",
    ),
    Row(
        "the pool's server is down: the zone stays as long as it is delegated",
        going(parent=DOWN),
        ("AskDns",),
        "Retrying",
    ),
    Row(
        "the pool's server refuses the key",
        going(parent=DENIED),
        ("AskDns",),
        "PowerDNSUnreachable",
        True,
        ("CATALYST_POWERDNS_",),
    ),
    Row("PowerDNS is down", going(parent=pool(), zone=DOWN), (), "Retrying"),
    Row("PowerDNS refuses the key", going(parent=pool(), zone=DENIED), (), "PowerDNSUnreachable", True),
    Row("a zone of somebody else's stays", going(parent=pool(), zone=ZoneView(Zone(NAME, "somebody"))), ("LetGo",)),
    Row("a zone without an account stays", going(parent=pool(), zone=ZoneView(Zone(NAME, ""))), ("LetGo",)),
    Row("nothing was made yet, and it is held", look(reservation(deleted=True), parent=pool()), ("LetGo",)),
)

BY_HAND = (
    Row("the zone goes", by_hand(), ("DeleteZone", "AskDns"), "Deleting"),
    Row("then the finalizer", by_hand(zone=NO_ZONE), ("LetGo",)),
    Row("PowerDNS is down", by_hand(zone=DOWN), (), "Retrying"),
    Row("a zone of somebody else's stays", by_hand(zone=ZoneView(Zone(BANK, "somebody"))), ("LetGo",)),
)

REGISTRAR = (
    Row("what it had is set again", asked(leaving(), *HOSTS), ("AskRegistrar", "AskDns"), "Deleting", says=OLD),
    Row("a mixture is ours, too", asked(leaving(), OLD[0], HOSTS[0]), ("AskRegistrar", "AskDns"), "Deleting"),
    Row(
        "a child gets back that it had none",
        child(*HOSTS),
        ("AskRegistrar", "AskDns"),
        "Deleting",
        says=("it had: none",),
    ),
    Row("a child without a delegation has it back", child(), ("DeleteZone", "AskDns"), "Deleting"),
    Row("somebody else set others since", asked(leaving(), "ns1.new.test"), ("DeleteZone", "AskDns"), "Deleting"),
    Row(
        "nothing was ever changed there: the registrar is not asked",
        look(ready(**named(APEX, spec=BY_API), deleted=True), zone=our_zone(APEX), registered=APEX),
        ("DeleteZone", "AskDns"),
        "Deleting",
    ),
    Row(
        "a registered domain cannot be left without any",
        asked(unknown_before(leaving()), *HOSTS),
        ("AskDns",),
        "RegistrarDenied",
        True,
        ("spec.rollbackNameservers",),
    ),
    Row(
        "the Secret may not be read",
        replace(leaving(), denied="It is not read."),
        ("AskDns",),
        "CredentialsMissing",
        True,
        ("It is not read.", "previous-nameservers"),
    ),
    Row(
        "the Secret is gone, and not all of the parent's servers answer",
        leaving(delegation=(DnsAnswer("a", "1", OLD), DnsAnswer("b", "2", (), "no answer"))),
        (),
        "CredentialsMissing",
        True,
    ),
    Row(
        "the Secret is gone, and one of the parent's servers is dead",
        leaving(
            delegation=(DnsAnswer("a", "1", OLD), DnsAnswer("b", "2", (), "no answer"), DnsAnswer("c", "3", OLD)),
        ),
        ("DeleteZone",),
        "Deleting",
    ),
    Row(
        "the Secret is gone, and the parent's servers are not known",
        leaving(delegation=(), error="the resolver does not answer"),
        (),
        "CredentialsMissing",
        True,
    ),
    Row(
        "nobody was asked yet",
        replace(leaving(), credentials=RegistrarCredentials("s/1")),
        ("AskRegistrar",),
        "Progressing",
        says=("have to be given back",),
    ),
    Row("a key is missing", asked(leaving(), problem=problem(Trouble.INCOMPLETE)), (), "CredentialsMissing", True),
    Row("refused", asked(leaving(), problem=problem(Trouble.UNAUTHORIZED)), (), "CredentialsInvalid", True),
    Row("a right is missing", asked(leaving(), problem=problem(Trouble.FORBIDDEN)), (), "RegistrarDenied", True),
    Row("the way back is refused", asked(leaving(), problem=problem(Trouble.REFUSED)), (), "RegistrarDenied", True),
    Row("too many requests", asked(leaving(), problem=problem(Trouble.RATE_LIMITED)), (), "Retrying"),
    Row("no answer", asked(leaving(), problem=problem(Trouble.UNAVAILABLE)), (), "Retrying"),
)


@pytest.mark.parametrize("row", [*POOL, *BY_HAND, *REGISTRAR], ids=lambda row: row.why)
def test_release(row: Row) -> None:
    decision = decide(row.o)
    assert flaws(decision, row.o) == []
    done = tuple(type(action).__name__ for action in decision.actions)
    if not row.reason:
        assert (decision.status, done) == (None, row.does)
        return
    assert decision.status is not None
    told = {c.type: c for c in decision.status.conditions}
    ready_now = told["Ready"]
    assert (ready_now.reason, "Stalled" in told) == (row.reason, row.stalled), ready_now.message
    assert [part for part in row.says if part not in ready_now.message] == [], ready_now.message
    # Whether the servers are asked meanwhile is another matter.
    assert [name for name in done if name != "AskDns"] == [name for name in row.does if name != "AskDns"]
    assert decision.requeue_after is not None


def test_a_reservation_that_never_was_held_needs_nothing() -> None:
    o = look(reservation(deleted=True))
    meta = o.reservation.metadata.model_copy(update={"finalizers": ()})
    unheld = replace(o, reservation=o.reservation.model_copy(update={"metadata": meta}))
    assert decide(unheld).actions == ()


def hosts_set(o: DomainObservation) -> list[tuple[str, ...] | None]:
    return [action.hosts for action in decide(o).actions if isinstance(action, AskRegistrar)]


def later(o: DomainObservation, pause: timedelta) -> DomainObservation:
    return replace(o, now=o.now + pause)


# --- what is known of the registrar has to be of now ------------------------------------------------------------------


def test_while_a_talk_is_under_way_nothing_is_taken_for_given_back() -> None:
    """It may be having our servers set: what was read before it says nothing."""
    o = replace(asked(leaving(), *OLD), talking=True)
    decision = decide(o)
    assert [type(a).__name__ for a in decision.actions if not isinstance(a, AskRegistrar)] == []
    assert flaws(decision, o) == []


@pytest.mark.parametrize("then", [HOSTS, OLD], ids=["ours", "the old ones"])
def test_what_was_read_before_the_deletion_is_read_again(then: tuple[str, ...]) -> None:
    """Somebody may have set others since, and these have to stay."""
    before = asked(leaving(), *then)
    assert before.registrar is not None
    weeks = replace(before, registrar=replace(before.registrar, at=before.now - timedelta(days=20)))
    assert hosts_set(weeks) == [None]
    decision = decide(weeks)
    assert "DeleteZone" not in {type(action).__name__ for action in decision.actions}
    assert flaws(decision, weeks) == []


def test_a_registrar_is_read_every_few_seconds_at_most() -> None:
    """Also where the API server's clock is ahead of ours."""
    o = asked(leaving(), *HOSTS)
    meta = o.reservation.metadata.model_copy(update={"deletion_timestamp": o.now + timedelta(minutes=5)})
    ahead = replace(o, reservation=o.reservation.model_copy(update={"metadata": meta}))
    assert hosts_set(ahead) == []
    assert hosts_set(later(ahead, timedelta(seconds=5))) == [None]


# --- what does not work is not hammered -------------------------------------------------------------------------------


def test_a_way_back_that_failed_is_told_and_tried_again_after_minutes() -> None:
    o = asked(leaving(), *HOSTS, failed="task 8 failed", set_to=OLD, set_at=leaving().now)
    decision = decide(o)
    assert decision.status is not None
    stalled = next(c for c in decision.status.conditions if c.type == "Stalled")
    assert (stalled.reason, "task 8 failed" in stalled.message) == ("RegistrarDenied", True)
    assert hosts_set(o) == []
    assert hosts_set(later(o, timedelta(minutes=2))) == [None]
    assert hosts_set(later(o, timedelta(minutes=10))) == [OLD]


def test_name_servers_that_a_person_sets_instead_are_noticed() -> None:
    """The message promises it."""
    o = asked(unknown_before(leaving()), *HOSTS)
    assert hosts_set(later(o, timedelta(minutes=1))) == [None]
    there = asked(unknown_before(leaving()), "ns1.new.test")
    assert "DeleteZone" in {type(action).__name__ for action in decide(there).actions}


def test_what_the_spec_names_is_set_where_nothing_was_known() -> None:
    o = unknown_before(leaving(spec={"rollbackNameservers": ["ns9.other.test"]}))
    assert hosts_set(asked(o, *HOSTS)) == [("ns9.other.test",)]


def test_a_name_that_was_undone_by_hand_goes_although_its_zone_is_gone_already() -> None:
    """What the parent's servers said stays true when the zone goes."""
    o = leaving(delegation=(DnsAnswer("a", "1", OLD),))
    assert "DeleteZone" in {type(action).__name__ for action in decide(o).actions}
    assert [type(action).__name__ for action in decide(replace(o, zone=NO_ZONE)).actions] == ["LetGo"]


def test_what_the_parent_gives_is_asked_for_also_where_no_zone_is_left() -> None:
    o = replace(leaving(), zone=NO_ZONE, dns=None)
    assert [type(action).__name__ for action in decide(o).actions] == ["AskDns"]


def test_what_the_parent_gave_before_the_registrar_was_talked_to_proves_nothing() -> None:
    """It takes its servers minutes to give what was set."""
    o = leaving(delegation=(DnsAnswer("a", "1", OLD),))
    talked = asked(o, *OLD).registrar
    assert talked is not None
    with_talk = replace(o, registrar=replace(talked, at=o.now - timedelta(minutes=4)))
    assert [type(action).__name__ for action in decide(with_talk).actions] == []
    before = replace(o, registrar=replace(talked, at=o.now - timedelta(minutes=5)))
    assert "DeleteZone" in {type(action).__name__ for action in decide(before).actions}


def test_name_servers_of_ours_are_never_the_way_back() -> None:
    o = leaving()
    mixed = {labels.ANNOTATION_PREVIOUS_NAMESERVERS: ",".join((HOSTS[0], *OLD))}
    meta = o.reservation.metadata.model_copy(update={"annotations": mixed})
    o = replace(o, reservation=o.reservation.model_copy(update={"metadata": meta}))
    assert hosts_set(asked(o, *HOSTS)) == [OLD]
