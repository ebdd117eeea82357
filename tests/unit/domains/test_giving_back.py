"""Giving a name back: only on what was seen after it was asked for, and never in a loop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.core.domains.actions import AskRegistrar
from catalyst_operator.core.domains.observation import (
    Answer,
    Observation,
    RegistrarProblem,
    Trouble,
    ZoneView,
)
from catalyst_operator.core.domains.zone import RRset, Zone
from tests import gen
from tests.reservations import (
    BY_API,
    HOSTS,
    NAME,
    OLD,
    UID,
    answered,
    asked,
    delegated,
    look,
    our_zone,
    pool,
    ready,
)
from tests.unit.domains.decisions import decided, names, only, told

APEX = "bank.com"
PREVIOUS = {labels.ANNOTATION_PREVIOUS_NAMESERVERS: ",".join(OLD)}
BEFORE = gen.NOW - timedelta(hours=2)
"""Long before the reservation was deleted, which was a second ago."""


def leaving(previous: tuple[str, ...] | None = OLD, **spec: Any) -> Observation:
    """A registrar's name that is to be given back, served and delegated to us as yet."""
    annotations = {} if previous is None else {labels.ANNOTATION_PREVIOUS_NAMESERVERS: ",".join(previous)}
    found = ready(name=APEX, annotations=annotations, spec={**BY_API, **spec}, deleted=True)
    return answered(look(found, zone=our_zone(APEX), registered=APEX), parent="com")


def earlier(o: Observation) -> Observation:
    """What the registrar said is from before the deletion."""
    assert o.registrar is not None
    return replace(o, registrar=replace(o.registrar, at=BEFORE))


@pytest.mark.parametrize("seen", [OLD, HOSTS, ("ns1.new.test",)], ids=["what it had", "ours", "others"])
def test_what_the_registrar_said_before_the_deletion_does_not_count(seen: tuple[str, ...]) -> None:
    """A change of ours may be under way that this look is older than, or somebody may have set others since."""
    decision = decided(earlier(asked(leaving(), *seen)))
    assert only(decision, AskRegistrar).hosts is None
    assert (told(decision, "Ready").reason, told(decision, "Reconciling").reason) == ("Deleting", "Deleting")
    assert "DeleteZone" not in names(decision)


def test_while_a_talk_is_under_way_nobody_asks_in_a_loop() -> None:
    decision = decided(earlier(asked(leaving(), *OLD)))
    assert decision.requeue_after is not None and decision.requeue_after >= timedelta(seconds=1)


def test_a_change_that_was_accepted_before_the_deletion_is_taken_back_once_it_is_seen() -> None:
    decision = decided(asked(leaving(), *HOSTS, set_at=BEFORE, set_to=HOSTS))
    assert only(decision, AskRegistrar).hosts == OLD


def test_a_way_back_that_failed_is_not_asked_for_in_a_loop() -> None:
    """The vendor's task failed: each look says so again, and none of them may bring about the next task."""
    o = asked(leaving(), *HOSTS, failed="task 9 ended as error", set_at=gen.NOW - timedelta(seconds=20), set_to=OLD)
    decision = decided(o)
    assert not [a for a in decision.actions if isinstance(a, AskRegistrar) and a.hosts]
    ready_ = told(decision, "Ready")
    assert ready_.reason == "RegistrarDenied"
    assert "task 9 ended as error" in ready_.message
    assert "removes" not in ready_.message
    assert told(decision, "Stalled").reason == "RegistrarDenied"


def test_a_way_back_that_failed_is_asked_for_again_after_ten_minutes() -> None:
    o = asked(leaving(), *HOSTS, failed="task 9 ended as error", set_at=gen.NOW - timedelta(minutes=11), set_to=OLD)
    assert only(decided(o), AskRegistrar).hosts == OLD


def test_a_failed_task_of_the_way_there_does_not_hold_up_the_way_back() -> None:
    o = asked(leaving(), *HOSTS, failed="task 7 ended as error", set_at=gen.NOW, set_to=HOSTS)
    assert only(decided(o), AskRegistrar).hosts == OLD


def test_a_name_that_was_never_flipped_needs_no_registrar() -> None:
    """Neither a Secret nor a talk: nothing was changed there."""
    assert names(decided(leaving(previous=None))) == ("DeleteZone",)


def test_nothing_to_come_back_to_is_a_persons_turn() -> None:
    decision = decided(asked(leaving(previous=()), *HOSTS))
    assert told(decision, "Stalled").reason == "RegistrarDenied"
    assert "spec.rollbackNameservers" in told(decision, "Ready").message
    assert not [a for a in decision.actions if isinstance(a, AskRegistrar) and a.hosts is not None]


def test_ours_are_never_what_it_is_given_back_to() -> None:
    """What was found before may name one of our servers already: it will not know the name any more."""
    o = asked(leaving(previous=(*OLD, HOSTS[0])), *HOSTS)
    assert only(decided(o), AskRegistrar).hosts == OLD


def test_a_child_that_had_no_servers_gets_none() -> None:
    name = f"acme.{APEX}"
    annotations = {labels.ANNOTATION_PREVIOUS_NAMESERVERS: ""}
    found = ready(name=name, annotations=annotations, spec=BY_API, deleted=True)
    o = answered(look(found, zone=our_zone(name), registered=APEX), parent=APEX)
    assert only(decided(asked(o, *HOSTS)), AskRegistrar).hosts == ()
    assert "DeleteZone" in names(decided(asked(o)))


@pytest.mark.parametrize(
    ("trouble", "reason", "summary"),
    [
        (Trouble.INCOMPLETE, "CredentialsMissing", "Stalled"),
        (Trouble.UNAUTHORIZED, "CredentialsInvalid", "Stalled"),
        (Trouble.FORBIDDEN, "RegistrarDenied", "Stalled"),
        (Trouble.REFUSED, "RegistrarDenied", "Stalled"),
        (Trouble.RATE_LIMITED, "Retrying", "Reconciling"),
        (Trouble.UNAVAILABLE, "Retrying", "Reconciling"),
    ],
)
def test_a_registrar_that_does_not_do_it_keeps_the_reservation(trouble: Trouble, reason: str, summary: str) -> None:
    decision = decided(asked(leaving(), *HOSTS, problem=RegistrarProblem(trouble, "it says no", "Do this.")))
    assert told(decision, summary).reason == reason
    assert "have to be given back" in told(decision, "Ready").message
    assert "it says no. Do this." in told(decision, "Ready").message
    assert set(names(decision)) <= {"AskRegistrar", "AskDns"}


@pytest.mark.parametrize(
    "answers",
    [
        {"delegation": (Answer("a", "1", HOSTS),)},
        {"delegation": (Answer("a", "1", OLD), Answer("b", "2", (), "no answer"))},
        {"delegation": (), "error": "the resolver does not answer"},
    ],
    ids=["still ours", "one does not answer", "nobody can be asked"],
)
def test_without_the_secret_only_the_parents_word_is_proof(answers: dict[str, Any]) -> None:
    o = leaving()
    decision = decided(answered(o, **answers))
    assert told(decision, "Ready").reason == "CredentialsMissing"
    assert "DeleteZone" not in names(decision)


# --- the pool ---------------------------------------------------------------------------------------------------------


def test_a_pools_delegation_goes_whatever_the_mode_says_now() -> None:
    """Somebody edits the mode, is refused, and deletes the reservation to begin anew."""
    found = ready(deleted=True, spec={"mode": "byo-manual"})
    assert names(decided(look(found, zone=our_zone(), parent=delegated())))[0] == "ChangePool"


def test_what_is_others_below_the_name_stays_in_the_pool() -> None:
    other = RRset(f"www.{NAME}", "A", 60, ("203.0.113.9",), "somebody")
    parent = delegated().zone
    assert parent is not None
    o = look(ready(deleted=True), zone=our_zone(), parent=pool(*parent.rrsets, other))
    (change, *_) = decided(o).actions
    assert [(r.name, r.type, r.values) for r in change.changes] == [(NAME, "NS", ())]  # type: ignore[union-attr]


def test_a_pool_whose_zone_is_gone_holds_nothing_of_ours() -> None:
    assert names(decided(look(ready(deleted=True), zone=our_zone(), parent=ZoneView())))[0] == "DeleteZone"


@pytest.mark.parametrize("side", ["zone", "parent"])
def test_a_server_that_refuses_the_key_keeps_the_reservation(side: str) -> None:
    denied = ZoneView(problem="it does not accept the API key", lasting=True)
    seen = {"zone": our_zone(), "parent": pool(), side: denied}
    decision = decided(look(ready(deleted=True), **seen))
    assert told(decision, "Stalled").reason == "PowerDNSUnreachable"
    assert set(names(decision)) <= {"AskDns"}


def test_a_foreign_zone_stays_and_the_reservation_goes() -> None:
    foreign = ZoneView(Zone(NAME, "somebody", (RRset(NAME, "A", 60, ("203.0.113.9",), UID),)))
    assert names(decided(look(ready(deleted=True), zone=foreign, parent=pool()))) == ("LetGo",)


def test_one_that_is_not_held_is_nobodys_to_keep() -> None:
    found = ready(deleted=True)
    meta = found.metadata.model_copy(update={"finalizers": ("somebody/else",)})
    decision = decided(look(found.model_copy(update={"metadata": meta})))
    assert (decision.actions, decision.status) == ((), None)
