"""Names above and below each other: whoever proves one has it, and never do two owners."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.core.domains.actions import AskDns, DeleteZone, DomainDecision
from catalyst_operator.core.domains.claims.names import related
from catalyst_operator.core.domains.claims.proof import claim_of, evidence, is_proven
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import (
    Claim,
    DnsAnswer,
    DnsReport,
    DomainObservation,
    RegistrarCredentials,
    RegistrarProblem,
    RegistrarReport,
    Trouble,
    ZoneView,
)
from catalyst_operator.core.domains.questions import key_of
from catalyst_operator.core.domains.registering import key_of as talk_key_of
from catalyst_operator.core.domains.registrar import RegistrarView
from tests.support import gen
from tests.support.reservations import (
    ADDRESS,
    APEX,
    BANK,
    BY_API,
    HELD,
    HOSTS,
    OLD,
    SERVERS,
    answered,
    flaws,
    look,
    our_zone,
    reservation,
    told,
)

ELSEWHERE = DnsAnswer("a.parent.test", "203.0.113.1", OLD)
TO_US = DnsAnswer("a.parent.test", "203.0.113.1", HOSTS)
SILENT = DnsAnswer("b.parent.test", "203.0.113.2", (), "no answer")
OURS = DnsAnswer(SERVERS[0].host, SERVERS[0].address, HOSTS)
OURS_BY_ANOTHER_NAME = DnsAnswer("ns.vanity.test", SERVERS[0].address, HOSTS)
SHOWN: dict[str, Any] = {"proven": True}
PROVEN, UNPROVEN = (Claim(APEX, "another", proven=proven) for proven in (True, False))
AWAITED = Claim(APEX, "another", held=False, proven=True)


def held(name: str = BANK, *, made: bool = True, **status: Any) -> DomainObservation:
    """A name of one's own that is held and served, and not delegated."""
    conditions = told(Ready="False AwaitingDelegation", Reserved="True Committed", ZoneReady="True Succeeded")
    conditions += told(Delegated="False AwaitingDelegation")
    found = reservation(
        name,
        spec={"mode": "byo-manual", "loadBalancerIP": ADDRESS},
        status={"conditions": conditions, **status},
        **(HELD if made else {}),
    )
    o = look(found, zone=our_zone(name) if made else ZoneView(), registered=APEX)
    return answered(o, parent=APEX, delegation=(ELSEWHERE,))


def asking(name: str = BANK, **seen: Any) -> DomainObservation:
    """One that nobody has judged."""
    return look(reservation(name, spec={"mode": "byo-manual"}), registered=APEX, **seen)


def seen(o: DomainObservation, *answers: DnsAnswer) -> DomainObservation:
    return replace(o, dns=DnsReport(key_of(o), o.now, parent="com", delegation=answers))


def sound(o: DomainObservation) -> DomainDecision:
    decision = decide(o)
    assert flaws(decision, o) == []
    return decision


def reserved(o: DomainObservation) -> str:
    status = sound(o).status
    assert status is not None
    found = next(c for c in status.conditions if c.type == "Reserved")
    return f"{found.status} {found.reason}"


def is_believed(o: DomainObservation) -> bool:
    status = sound(o).status
    return status is not None and bool(status.proven)


# --- what proves a name -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ((TO_US,), True),
        ((TO_US, SILENT), True),
        ((ELSEWHERE,), False),
        ((ELSEWHERE, SILENT), False),
        ((TO_US, ELSEWHERE), None),
        ((SILENT,), None),
        ((), None),
        ((OURS,), None),
        ((OURS_BY_ANOTHER_NAME,), None),
        ((OURS, ELSEWHERE), False),
    ],
    ids=[
        "delegated to us",
        "one is silent",
        "to others",
        "to others, and one is silent",
        "to both",
        "silent",
        "not found",
        "only our own servers say so",
        "also by another name",
        "ours against the parent's",
    ],
)
def test_what_a_delegation_shows(answers: tuple[DnsAnswer, ...], shown: bool | None) -> None:
    """What our own servers give is what any reservation made them serve, the one above included."""
    assert evidence(seen(asking(), *answers)) is shown


def by_account(trouble: Trouble | None, *answers: DnsAnswer) -> DomainObservation:
    o = look(reservation(BANK, spec=BY_API), registered=APEX, credentials=RegistrarCredentials("s/1"))
    problem = RegistrarProblem(trouble, "it says no") if trouble else None
    o = replace(o, registrar=RegistrarReport(talk_key_of(o), o.now, RegistrarView(OLD), problem))
    return seen(o, *answers)


@pytest.mark.parametrize(
    ("o", "shown"),
    [
        (by_account(None, ELSEWHERE), True),
        (by_account(Trouble.REFUSED, ELSEWHERE), False),
        (by_account(Trouble.UNAUTHORIZED, ELSEWHERE), False),
        (by_account(Trouble.UNAUTHORIZED, TO_US), True),
        (by_account(Trouble.UNAVAILABLE, ELSEWHERE), None),
        (by_account(Trouble.RATE_LIMITED, ELSEWHERE), None),
        (by_account(Trouble.UNAUTHORIZED), None),
        (replace(by_account(None, ELSEWHERE), registrar=None), None),
    ],
)
def test_what_a_registrars_account_shows(o: DomainObservation, shown: bool | None) -> None:
    assert evidence(o) is shown


@pytest.mark.parametrize(
    ("o", "proven"),
    [
        (seen(held(), TO_US), True),
        (seen(held(), SILENT), False),
        (seen(held(**SHOWN), SILENT), True),
        (seen(held(**SHOWN), TO_US, ELSEWHERE), True),
        (seen(held(**SHOWN), ELSEWHERE), False),
        (replace(seen(held(), TO_US), claims=(PROVEN,)), False),
        (replace(seen(held(), TO_US), claims=(AWAITED,)), False),
        (replace(seen(held(), TO_US), claims=(UNPROVEN,)), True),
        (replace(seen(held(), TO_US), claims=(Claim(APEX, gen.UID, proven=True),)), True),
        (replace(seen(held(), TO_US), claims=(Claim("else.com", "another", proven=True),)), True),
    ],
    ids=[
        "seen",
        "not seen",
        "nobody takes it back",
        "half of them do not",
        "all do",
        "somebody else was first",
        "and waits to hold it",
        "somebody has the name and no proof",
        "the same owner has another",
        "it has nothing to do with this one",
    ],
)
def test_a_proof_is_believed_of_one_owner_and_stays(o: DomainObservation, proven: bool) -> None:
    assert is_proven(o) is proven
    assert is_believed(o) is proven


@pytest.mark.parametrize(("told_so", "proven"), [({}, True), ({"proven": True}, True), ({"proven": False}, False)])
def test_what_an_earlier_version_saw_delegated_is_proven(told_so: dict[str, Any], proven: bool) -> None:
    """Else the first who comes after an upgrade would take it."""
    wire = held(**told_so).reservation.to_wire()
    next(c for c in wire["status"]["conditions"] if c["type"] == "Delegated")["status"] = "True"
    assert claim_of(wire) == Claim(BANK, gen.UID, held=True, proven=proven, namespace="team-a")


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("o", "becomes"),
    [
        (asking(claims=(PROVEN,)), "False DomainTaken"),
        (asking(claims=(AWAITED,)), "False DomainTaken"),
        (asking(claims=(UNPROVEN,)), "False DomainTaken"),
        (seen(asking(claims=(UNPROVEN,)), TO_US), "False Pending"),
        (seen(asking(claims=(PROVEN,)), TO_US), "False DomainTaken"),
        (seen(asking(), TO_US), "True Reserved"),
        (replace(held(), claims=(UNPROVEN,)), "True Committed"),
        (replace(held(), claims=(PROVEN,)), "False DomainTaken"),
        (replace(held(), claims=(AWAITED,)), "False DomainTaken"),
        (replace(held(**SHOWN), claims=(PROVEN,)), "False DomainTaken"),
        (replace(seen(held(**SHOWN), SILENT), claims=()), "True Committed"),
    ],
    ids=[
        "somebody has proven it",
        "somebody has, and waits",
        "somebody came first",
        "and gives way to a proof",
        "two proofs: the first counts",
        "nobody else wants it",
        "what is held is not taken by whoever comes later without proof",
        "it is by whoever proves it",
        "before they hold it",
        "also where its own was taken back",
        "nobody else wants it",
    ],
)
def test_whose_it_becomes(o: DomainObservation, becomes: str) -> None:
    assert reserved(o) == becomes


def test_whoever_gives_way_serves_the_name_no_longer() -> None:
    """Else what lies below somebody's domain would lead to a stranger's servers."""
    decision = sound(replace(held(), claims=(PROVEN,)))
    assert decision.actions == (DeleteZone(BANK),)
    assert decision.status is not None
    (error,) = decision.status.last_errors
    assert (error.code, error.affected) == ("ERR_DOMAIN_TAKEN", (APEX,))
    gone = sound(replace(held(), claims=(PROVEN,), zone=ZoneView()))
    assert gone.actions == ()


def test_a_zone_is_not_taken_away_for_whoever_has_no_proof() -> None:
    """After statuses were lost, whoever is judged first would take all."""
    found = held().reservation.model_copy(update={"status": reservation().status})
    o = replace(held(), reservation=found, claims=(UNPROVEN,))
    assert not any(isinstance(action, DeleteZone) for action in sound(o).actions)


def test_whoever_is_refused_is_told_how_to_prove_it_and_is_looked_at() -> None:
    decision = sound(asking(claims=(UNPROVEN,)))
    assert [type(action) for action in decision.actions] == [AskDns]
    assert decision.requeue_after == timedelta(minutes=1)
    assert decision.status is not None
    (error,) = decision.status.last_errors
    assert f"set its name servers to {', '.join(HOSTS)}" in error.remedy
    assert "set its name servers" not in sound(asking(claims=(PROVEN,))).status.last_errors[0].remedy  # type: ignore[union-attr]


# --- a registrar's account first --------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [*Trouble])
def test_a_name_is_not_held_before_the_registrar_accepts_the_credentials(trouble: Trouble) -> None:
    o = by_account(trouble, ELSEWHERE)
    assert reserved(o) == "False Pending"
    assert not is_believed(o)
    assert reserved(by_account(None, ELSEWHERE)) == "True Reserved"


def test_nor_before_it_was_asked() -> None:
    o = replace(by_account(None), registrar=None)
    assert reserved(o) == "False Pending"
    assert [type(action).__name__ for action in sound(o).actions] == ["AskRegistrar"]


# --- how many ---------------------------------------------------------------------------------------------------------


def test_a_namespace_holds_so_many_names_and_keeps_what_it_holds() -> None:
    assert reserved(asking(names_held=19)) == "True Reserved"
    assert reserved(asking(names_held=20)) == "False DomainQuota"
    assert reserved(replace(held(), names_held=25)) == "True Committed"
    alone = look(reservation(BANK, owner="", spec={"mode": "byo-manual"}), registered=APEX, names_held=25)
    assert reserved(alone) == "True Reserved"


# --- any number of owners, in any order -------------------------------------------------------------------------------

NAMES = (APEX, BANK, f"eu.{BANK}", f"shop.{APEX}", "else.com")
OWNERS = ("u1", "u2", "u3", "")


@dataclass
class Play:
    """Reservations whose statuses are written as they are decided, one look at a time."""

    found: dict[str, DomainReservation] = field(default_factory=dict)
    delegated: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    blind: bool = False
    """Whether no server answers."""

    def apply(self, name: str, owner: str, mode: str) -> None:
        if name not in self.found:
            spec = BY_API if mode == "byo-api" else {"mode": mode}
            self.found[name] = reservation(name, owner=owner, spec={**spec, "loadBalancerIP": ADDRESS}, **HELD)

    def look(self, name: str) -> None:
        if name not in self.found:
            return
        o = look(self.found[name], registered=name, zone=ZoneView(), credentials=RegistrarCredentials("s/1"))
        wires = {other: r.to_wire() for other, r in self.found.items() if other != name}
        o = replace(o, owned=True, claims=tuple(c for c in map(claim_of, wires.values()) if c.held or c.proven))
        answer = TO_US if name in self.delegated else ELSEWHERE
        o = seen(o, SILENT if self.blind else answer)
        problem = None if name in self.accounts else RegistrarProblem(Trouble.REFUSED, "it is not there")
        o = replace(o, registrar=RegistrarReport(talk_key_of(o), o.now, RegistrarView(OLD), problem))
        decision = decide(o)
        assert flaws(decision, o) == []
        assert decision.status is not None
        self.found[name] = self.found[name].model_copy(update={"status": decision.status})

    def check(self) -> None:
        claims = [claim_of(r.to_wire()) for r in self.found.values()]
        for which in ("held", "proven"):
            having = [c for c in claims if getattr(c, which)]
            two = [(a, b) for a in having for b in having if a.owner != b.owner and related(a.name, b.name)]
            assert not two, f"{which} by two: {two}"


APPLIED = st.tuples(*(st.tuples(st.sampled_from(OWNERS), st.sampled_from(["byo-manual", "byo-api"])) for _ in NAMES))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["delegate", "account"]), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["take back", "close", "delete"]), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["apply", "apply by api"]), st.sampled_from(NAMES), st.sampled_from(OWNERS)),
        st.tuples(st.sampled_from(["blind", "see"])),
        *(st.tuples(st.just("look"), st.sampled_from(NAMES)) for _ in range(3)),
    ),
    max_size=40,
)


@given(APPLIED, st.sets(st.sampled_from(NAMES)), STEPS)
@settings(max_examples=300, deadline=None)
def test_never_two_owners_of_related_names(
    applied: tuple[tuple[str, str], ...], shown: set[str], steps: list[tuple[str, ...]]
) -> None:
    play = Play(delegated=set(shown), accounts=set(shown))
    for name, (owner, mode) in zip(NAMES, applied, strict=True):
        play.apply(name, owner, mode)
    for what, *about in steps:
        perform(play, what, *about)
        play.check()


def perform(play: Play, what: str, name: str = "", owner: str = "") -> None:
    match what:
        case "apply":
            play.apply(name, owner, "byo-manual")
        case "apply by api":
            play.apply(name, owner, "byo-api")
        case "delegate":
            play.delegated.add(name)
        case "take back":
            play.delegated.discard(name)
        case "account":
            play.accounts.add(name)
        case "close":
            play.accounts.discard(name)
        case "delete":
            play.found.pop(name, None)
        case "blind" | "see":
            play.blind = what == "blind"
        case _:
            play.look(name)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES[:4]), st.sampled_from(OWNERS[:3])), min_size=1, max_size=4), st.data())
def test_in_the_end_whoever_proves_it_has_it(others: list[tuple[str, str]], data: st.DataObject) -> None:
    """However many came before without proof, and in whatever order all are looked at."""
    play = Play()
    for name, owner in others:
        play.apply(name, owner, "byo-manual")
        play.look(name)
    mine = data.draw(st.sampled_from([n for n in NAMES[:4] if n not in play.found] or [""]))
    if not mine:
        return
    play.apply(mine, "victim", "byo-manual")
    play.delegated.add(mine)
    for _ in range(3):
        for name in data.draw(st.permutations(list(play.found))):
            play.look(name)
            play.check()
    claim = claim_of(play.found[mine].to_wire())
    assert (claim.held, claim.proven) == (True, True)
