"""What is decided for a DomainReservation: a table of rows, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from catalyst_operator.api.domain_reservation import DomainReservationStatus
from catalyst_operator.core.domains import zone as zones
from catalyst_operator.core.domains.actions import (
    AskRegistrar,
    ChangePool,
    ChangeZone,
    CreateZone,
    DomainAction,
    DomainDecision,
    RememberNameservers,
)
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import (
    Claim,
    DnsAnswer,
    DnsReport,
    DomainObservation,
    RegistrarCredentials,
    RegistrarProblem,
    Trouble,
    ZoneView,
)
from catalyst_operator.core.domains.zone import RRset, Zone
from tests.support import gen
from tests.support.reservations import (
    ADDRESS,
    APEX,
    BANK,
    BY_API,
    HELD,
    HOSTS,
    NAME,
    OLD,
    UID,
    answered,
    asked,
    by_api,
    delegated,
    flaws,
    going,
    leaving,
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

AT_ONCE = timedelta(0)
NO_ZONE = ZoneView()
BROKEN, DENIED = ZoneView(problem="it did not answer"), ZoneView(problem="it does not accept the API key", lasting=True)
HIDDEN = RRset(f"www.{NAME}", "A", 60, ("203.0.113.9",))


@dataclass(frozen=True)
class Row:
    """One row. Without a reason there is nothing left to write status to."""

    why: str
    o: DomainObservation
    reason: str = ""
    summary: str = "Reconciling"
    ready: str = "False"
    says: tuple[str, ...] = ()
    does: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()


CLAIMS = (
    Row("a name in a pool is given", look(reservation()), "AwaitingAddress", "", shows=("Reserved=True Reserved",)),
    Row(
        "a label that the pool keeps",
        look(reservation("www.omani.works")),
        "NameReserved",
        "Stalled",
        says=("'www' is kept",),
    ),
    Row(
        "two labels in front of a pool",
        look(reservation("deep.down.omani.works")),
        "NotInPool",
        "Stalled",
        says=("one label in front of a pool domain: omani.works",),
    ),
    Row("no pool at all", look(reservation("acme.example.com")), "NotInPool", "Stalled"),
    Row(
        "a name of a pool in another mode",
        look(reservation(spec={"mode": "byo-manual"})),
        "UnderPool",
        "Stalled",
        says=("Use mode pool",),
    ),
    Row("what holds a pool", look(reservation("omani.works", spec={"mode": "byo-manual"})), "UnderPool", "Stalled"),
    Row(
        "a public suffix",
        look(reservation("co.uk", spec={"mode": "byo-manual"}), registered=""),
        "InvalidSpec",
        "Stalled",
        says=("nobody can own it",),
    ),
    Row(
        "somebody has a name above",
        look(reservation(BANK, spec={"mode": "byo-manual"}), claims=(Claim(APEX, "another"),)),
        "DomainTaken",
        "Stalled",
        says=("bank.com, the name above this one", "because the other owner has not proven"),
        does=("AskDns",),
    ),
    Row(
        "somebody has a name below",
        look(reservation(APEX, spec={"mode": "byo-manual"}), claims=(Claim(BANK, "another"),)),
        "DomainTaken",
        "Stalled",
        says=("acme.bank.com, the name below this one", "because the other owner has not proven"),
        does=("AskDns",),
    ),
    Row(
        "the same owner may have both",
        look(reservation(BANK, spec={"mode": "byo-manual"}), claims=(Claim(APEX, gen.UID),)),
        "AwaitingAddress",
        "",
    ),
    Row(
        "a name that was refused is kept, however old it is",
        replace(
            look(
                reservation(
                    "www.omani.works",
                    owner="",
                    status={"conditions": told(Ready="False NameReserved", Reserved="False NameReserved")},
                )
            ),
            now=gen.NOW + timedelta(days=9),
        ),
        "NameReserved",
        "Stalled",
    ),
    Row(
        "it ran out: that is said first",
        replace(look(reserved(owner=""), zone=NO_ZONE), now=gen.NOW + timedelta(hours=1)),
        "Expired",
        "Stalled",
        says=("ran out at 2026-11-22 12:09:00 UTC",),
        shows=("Reserved=False Expired",),
    ),
    Row(
        "it was said: it goes",
        look(reservation(owner="", status={"conditions": told(Ready="False Expired", Reserved="False Expired")})),
        "Expired",
        "Stalled",
        does=("DeleteReservation",),
    ),
    Row(
        "its Sovereign lives: it does not run out",
        replace(look(reserved(), owned=True, zone=NO_ZONE), now=gen.NOW + timedelta(hours=1)),
        "AwaitingAddress",
        "",
        shows=("Reserved=True Reserved",),
    ),
    Row(
        "an operator without PowerDNS holds nothing",
        replace(look(reservation()), settings=gen.SETTINGS),
        "DNSNotConfigured",
        "Stalled",
        says=("CATALYST_POWERDNS_URL",),
    ),
)

ZONES = (
    Row(
        "an address: it is held before anything is made",
        look(reserved(spec={"loadBalancerIP": ADDRESS}), zone=NO_ZONE, parent=pool()),
        "Progressing",
        does=("Hold", "CreateZone"),
    ),
    Row("no zone: it is made", look(ready(**HELD), zone=NO_ZONE, parent=pool()), "Progressing", does=("CreateZone",)),
    Row(
        "a zone of somebody else's is never touched",
        look(ready(**HELD), zone=ZoneView(Zone(NAME, "somebody")), parent=pool()),
        "ZoneForeign",
        "Stalled",
        says=("account 'somebody'", f"pdnsutil set-account {NAME} {UID}"),
        shows=("ZoneReady=False ZoneForeign", "Delegated=False ZoneForeign"),
    ),
    Row(
        "another address: it is followed",
        answered(look(ready(**HELD), zone=our_zone(address="203.0.113.9"), parent=delegated())),
        "Progressing",
        does=("ChangeZone",),
    ),
    Row("PowerDNS is down", pooled(zone=BROKEN), "Retrying", ready="Unknown", says=("did not answer",), does=()),
    Row(
        "PowerDNS refuses the key",
        pooled(zone=DENIED),
        "PowerDNSUnreachable",
        "Stalled",
        "Unknown",
        says=("CATALYST_POWERDNS_",),
    ),
    Row(
        "no server was asked yet",
        look(ready(**HELD), zone=our_zone(), parent=delegated()),
        "Progressing",
        says=(f"its servers are asked for console.{NAME}",),
        does=("AskDns",),
    ),
    Row(
        "one of our servers is silent",
        answered(pooled(), authority=(DnsAnswer("ns1.openova.test", "203.0.113.53", (), "no answer"),)),
        "Progressing",
        says=("ns1.openova.test (203.0.113.53): no answer",),
    ),
)

DELEGATIONS = (
    Row(
        "all is well", pooled(), "Succeeded", "", "True", shows=("Delegated=True Succeeded", "ZoneReady=True Succeeded")
    ),
    Row("the pool does not delegate yet", pooled(parent=pool()), "Progressing", does=("ChangePool",)),
    Row(
        "a record in the pool would be hidden",
        pooled(parent=pool(HIDDEN)),
        "ZoneForeign",
        "Stalled",
        says=(f"www.{NAME} A", "would hide them"),
        shows=("ZoneReady=True Succeeded",),
    ),
    Row("the pool's server is down", pooled(parent=BROKEN), "Retrying", ready="Unknown"),
    Row(
        "the pool's zone is not there",
        pooled(parent=NO_ZONE),
        "PowerDNSUnreachable",
        "Stalled",
        "Unknown",
        says=("CATALYST_POOL_DOMAINS",),
    ),
    Row(
        "the parent's servers disagree",
        answered(pooled(), delegation=(DnsAnswer("a", "1", HOSTS), DnsAnswer("b", "2", ()))),
        "AwaitingDelegation",
        says=("b (2): nothing",),
        shows=("Delegated=False ServersDisagree",),
    ),
    Row(
        "by hand, below a registered domain: what to add is said",
        manual(delegation=(DnsAnswer("a", "1", ()),)),
        "AwaitingDelegation",
        says=(
            "In the zone above acme.bank.com, add these NS records",
            "ns1.openova.test, ns2.openova.test",
            "a (1): nothing",
        ),
    ),
    Row(
        "by hand, a registered domain: what to set is said",
        manual(APEX, delegation=(DnsAnswer("a", "1", OLD),)),
        "AwaitingDelegation",
        says=("At your registrar, set the name servers of bank.com",),
    ),
    Row(
        "a mixture is not a delegation",
        manual(delegation=(DnsAnswer("a", "1", tuple(sorted((*HOSTS, *OLD)))),)),
        "AwaitingDelegation",
    ),
    Row(
        "the parent cannot be found",
        manual(delegation=(), error="the resolver does not answer"),
        "AwaitingDelegation",
        says=("the resolver does not answer",),
    ),
    Row("by hand, and there", manual(), "Succeeded", "", "True"),
)


def problem(trouble: Trouble, **more: object) -> RegistrarProblem:
    return RegistrarProblem(trouble, "it says no", "Do this.", **more)  # type: ignore[arg-type]


REGISTRARS = (
    Row(
        "no Secret",
        by_api(),
        "CredentialsMissing",
        "Stalled",
        says=("Secret team-a/ovh does not exist",),
        shows=("Delegated=False CredentialsMissing",),
    ),
    Row(
        "a Secret that may not be read",
        replace(by_api(), denied="It is not read."),
        "CredentialsMissing",
        "Stalled",
        says=("It is not read.",),
    ),
    Row(
        "nobody was asked yet",
        replace(by_api(), credentials=RegistrarCredentials("s/1")),
        "Progressing",
        ready="Unknown",
        does=("AskRegistrar",),
    ),
    Row(
        "a key is missing",
        asked(by_api(), problem=problem(Trouble.INCOMPLETE)),
        "CredentialsMissing",
        "Stalled",
        says=("Secret team-a/ovh: it says no. Do this.",),
    ),
    Row(
        "refused credentials",
        asked(by_api(), problem=problem(Trouble.UNAUTHORIZED)),
        "CredentialsInvalid",
        "Stalled",
        says=("ovh: it says no. Do this.",),
    ),
    Row("a right is missing", asked(by_api(), problem=problem(Trouble.FORBIDDEN)), "RegistrarDenied", "Stalled"),
    Row("not acceptable", asked(by_api(), problem=problem(Trouble.REFUSED)), "RegistrarDenied", "Stalled"),
    Row(
        "too many requests: until then nobody asks",
        asked(by_api(), problem=problem(Trouble.RATE_LIMITED, until=gen.NOW + timedelta(minutes=1))),
        "Retrying",
        ready="Unknown",
        says=("Next try at 12:01:00 UTC",),
    ),
    Row(
        "too many requests, and the time is over",
        asked(by_api(), problem=problem(Trouble.RATE_LIMITED, until=gen.NOW)),
        "Retrying",
        ready="Unknown",
        does=("AskRegistrar",),
    ),
    Row("no answer", asked(by_api(), problem=problem(Trouble.UNAVAILABLE)), "Retrying", ready="Unknown"),
    Row(
        "a domain in use is not taken over",
        asked(by_api(live=("MX 10 mail.bank.com.",)), *OLD),
        "LiveRecords",
        "Stalled",
        says=("MX 10 mail.bank.com.", "acknowledgeLiveRecords"),
    ),
    Row(
        "whether it is in use is not known: nothing is changed",
        asked(by_api(live_error="the resolver does not answer"), *OLD),
        "Progressing",
        ready="Unknown",
        says=("cannot be seen",),
    ),
    Row(
        "its owner said that this may happen",
        asked(
            by_api(
                live=("MX 10 mail.bank.com.",),
                spec={"registrar": {**BY_API["registrar"], "acknowledgeLiveRecords": True}},
            ),
            *OLD,
        ),
        "Progressing",
        does=("RememberNameservers",),
    ),
    Row(
        "a name below a registered domain has nothing live to lose",
        asked(by_api(BANK, live=("A 1",))),
        "Progressing",
        does=("RememberNameservers",),
    ),
    Row(
        "what was there is remembered before anything is changed",
        asked(by_api(), *OLD),
        "Progressing",
        does=("RememberNameservers",),
    ),
    Row(
        "it is remembered: the change is asked for",
        asked(by_api(previous=True), *OLD),
        "Progressing",
        does=("AskRegistrar",),
    ),
    Row(
        "the registrar is at it",
        asked(by_api(previous=True), *OLD, pending="task 7 is todo"),
        "Progressing",
        says=("task 7 is todo",),
    ),
    Row(
        "its task failed: a person is told, and it is not hammered",
        asked(by_api(previous=True), *OLD, failed="task 7 failed", set_at=gen.NOW, set_to=HOSTS),
        "RegistrarDenied",
        "Stalled",
        says=("task 7 failed",),
    ),
    Row(
        "its task failed long ago: once more",
        asked(
            by_api(previous=True), *OLD, failed="task 7 failed", set_at=gen.NOW - timedelta(minutes=11), set_to=HOSTS
        ),
        "Progressing",
        does=("AskRegistrar",),
    ),
    Row(
        "accepted, and not shown yet",
        asked(by_api(previous=True), *OLD, set_at=gen.NOW, set_to=HOSTS),
        "Progressing",
        says=("does not show it yet",),
    ),
    Row(
        "set there: the parent's servers are waited for",
        asked(by_api(previous=True), *HOSTS),
        "AwaitingDelegation",
        says=("Waiting for the parent's servers",),
    ),
    Row(
        "delegated: nobody needs the Secret any more",
        answered(by_api(previous=True)),
        "Succeeded",
        "",
        "True",
        shows=("RegistrarCredentialsValid=False CredentialsMissing", "Delegated=True Succeeded"),
    ),
)

RELEASES = (
    Row("the pool's delegation goes first", going(), "Deleting", does=("ChangePool", "AskDns")),
    Row("then the zone", going(parent=pool()), "Deleting", does=("DeleteZone", "AskDns")),
    Row("then the reservation", going(parent=pool(), zone=NO_ZONE), does=("LetGo",)),
    Row("a foreign zone stays", going(parent=pool(HIDDEN), zone=ZoneView(Zone(NAME, "somebody"))), does=("LetGo",)),
    Row("PowerDNS is down: it is waited for", going(parent=pool(), zone=BROKEN), "Retrying", ready="Unknown"),
    Row("the registrar gets back what it had", asked(leaving(), *HOSTS), "Deleting", does=("AskRegistrar",)),
    Row(
        "a change to our servers that was accepted a moment ago does not count for the way back",
        asked(leaving(), *HOSTS, set_at=gen.NOW, set_to=HOSTS),
        "Deleting",
        does=("AskRegistrar",),
    ),
    Row(
        "the way back was accepted: it is waited for",
        asked(leaving(), *HOSTS, set_at=gen.NOW, set_to=OLD),
        "Deleting",
        says=("Waiting for the registrar to give bank.com back",),
    ),
    Row(
        "a change to our servers is still under way, though it has what it had: letting go now would leave it without",
        asked(leaving(), *OLD, pending="task 7 is doing"),
        "Deleting",
        says=("task 7 is doing",),
    ),
    Row("given back: the zone goes", asked(leaving(), *OLD), "Deleting", does=("DeleteZone",)),
    Row(
        "somebody has set others since: they stay",
        asked(leaving(), "ns1.new.test"),
        "Deleting",
        does=("DeleteZone",),
    ),
    Row(
        "the Secret is gone: it stays, and says what else would do",
        leaving(),
        "CredentialsMissing",
        "Stalled",
        says=("have to be given back", "previous-nameservers"),
    ),
    Row(
        "the Secret is gone, and the parent does not delegate to us any more: that is proof enough",
        leaving(delegation=(DnsAnswer("a", "1", OLD),)),
        "Deleting",
        does=("DeleteZone",),
    ),
)
ROWS = (*CLAIMS, *ZONES, *DELEGATIONS, *REGISTRARS, *RELEASES)


def names(decision: DomainDecision) -> tuple[str, ...]:
    return tuple(type(action).__name__ for action in decision.actions)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.why)
def test_decision(row: Row) -> None:
    decision = decide(row.o)
    if not row.reason:
        assert decision.status is None
        assert names(decision) == row.does
        return
    assert decision.status is not None
    assert flaws(decision, row.o) == []
    found = {c.type: c for c in decision.status.conditions}
    assert (found["Ready"].reason, found["Ready"].status) == (row.reason, row.ready), found["Ready"].message
    assert [c for c in ("Reconciling", "Stalled") if c in found] == ([row.summary] if row.summary else [])
    assert [part for part in row.says if part not in found["Ready"].message] == [], found["Ready"].message
    assert names(decision) == row.does
    assert set(row.shows) <= {f"{c.type}={c.status} {c.reason}" for c in found.values()}


def test_no_row_is_there_twice() -> None:
    assert len({row.why for row in ROWS}) == len(ROWS)


def only(decision: DomainDecision, kind: type[DomainAction]) -> DomainAction:
    (found,) = [action for action in decision.actions if isinstance(action, kind)]
    return found


def test_what_is_made_carries_our_mark() -> None:
    made = only(decide(look(ready(**HELD), zone=NO_ZONE, parent=pool())), CreateZone)
    assert isinstance(made, CreateZone) and made.zone == zones.new_zone(
        NAME, UID, ADDRESS, look(ready()).domains.nameservers
    )
    change = only(decide(pooled(parent=pool())), ChangePool)
    assert isinstance(change, ChangePool) and {r.mark for r in change.changes} == {UID}


def test_only_what_differs_is_changed() -> None:
    changed = replace(our_zone().zone, rrsets=tuple(r for r in our_zone().zone.rrsets if "harbor" not in r.name))  # type: ignore[type-var, union-attr]
    change = only(decide(answered(look(ready(**HELD), zone=ZoneView(changed), parent=delegated()))), ChangeZone)
    assert isinstance(change, ChangeZone)
    assert [r.name for r in change.changes] == [f"harbor.{NAME}"]


def test_what_is_remembered_and_what_is_set() -> None:
    remembered = only(decide(asked(by_api(), *OLD)), RememberNameservers)
    assert remembered == RememberNameservers(OLD)
    change = only(decide(asked(by_api(previous=True), *OLD)), AskRegistrar)
    assert isinstance(change, AskRegistrar) and change.hosts == HOSTS
    back = only(decide(asked(leaving(), *HOSTS)), AskRegistrar)
    assert isinstance(back, AskRegistrar) and back.hosts == OLD


def test_the_way_back_is_what_the_spec_says() -> None:
    o = leaving(spec={"rollbackNameservers": ["ns9.other.test.", "NS8.other.test".lower()]})
    back = only(decide(asked(o, *HOSTS)), AskRegistrar)
    assert isinstance(back, AskRegistrar) and back.hosts == ("ns8.other.test", "ns9.other.test")


@pytest.mark.parametrize(
    ("waited", "pause"),
    [(timedelta(0), 2), (timedelta(seconds=60), 6), (timedelta(hours=3), 20)],
    ids=["at first", "after a minute", "after hours"],
)
def test_a_delegation_by_hand_is_asked_for_ever_more_seldom_but_within_half_a_minute(
    waited: timedelta, pause: int
) -> None:
    o = manual(delegation=(DnsAnswer("a", "1", ()),))
    since = o.now - waited
    told_since = [
        c.model_copy(update={"last_transition_time": since, "status": "False"} if c.type == "Delegated" else {})
        for c in o.reservation.status.conditions
    ]
    status = o.reservation.status.model_copy(update={"conditions": tuple(told_since)})
    decision = decide(replace(o, reservation=o.reservation.model_copy(update={"status": status})))
    assert decision.requeue_after == timedelta(seconds=pause)


def test_once_all_answer_nobody_is_asked_for_minutes() -> None:
    assert decide(pooled()).requeue_after == timedelta(minutes=5)


def test_an_answer_to_another_question_does_not_count() -> None:
    o = pooled()
    assert isinstance(o.dns, DnsReport)
    decision = decide(replace(o, dns=replace(o.dns, key="another")))
    assert names(decision) == ("AskDns",)


@pytest.mark.parametrize("name", ["", "\\000" * 250 + ".test", "\u202e"], ids=["the root", "binary", "unseen"])
def test_whatever_the_zone_above_names_there_is_a_status(name: str) -> None:
    """It belongs to whoever owns the domain, and may hold `NS .` or names of any octets."""
    status = decide(manual(delegation=(DnsAnswer("a.parent.test", "203.0.113.1", (name,)),))).status
    assert status is not None
    assert DomainReservationStatus.model_validate_json(status.model_dump_json(by_alias=True)).delegation is not None
