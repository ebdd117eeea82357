"""A registrar that does not do as it is told is not told so every few seconds, and is read before it is changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.core.domains.actions import AskRegistrar, DomainDecision, RememberNameservers
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import DomainObservation
from tests.support import gen
from tests.support.reservations import APEX, HOSTS, OLD, asked, by_api, flaws, leaving

JUST_NOW = gen.NOW - timedelta(seconds=10)
LONG_AGO = gen.NOW - timedelta(minutes=40)


def sound(o: DomainObservation) -> DomainDecision:
    decision = decide(o)
    assert flaws(decision, o) == []
    return decision


def changes(o: DomainObservation) -> list[tuple[str, ...]]:
    """What the registrar is told to set."""
    return [a.hosts for a in sound(o).actions if isinstance(a, AskRegistrar) and a.hosts is not None]


def ready_message(o: DomainObservation) -> str:
    status = sound(o).status
    assert status is not None
    return next(c.message for c in status.conditions if c.type == "Ready")


def test_a_change_that_failed_is_not_repeated_with_every_look() -> None:
    """Reading works, setting does not: the vendor has an outage of its own there."""
    o = asked(by_api(previous=True), *OLD, tried_at=JUST_NOW)
    assert changes(o) == []
    assert "once more" in ready_message(o)
    again = sound(o).requeue_after
    assert again is not None and again <= timedelta(minutes=1)


def test_it_is_repeated_after_a_minute() -> None:
    assert changes(asked(by_api(previous=True), *OLD, tried_at=gen.NOW - timedelta(seconds=61))) == [HOSTS]


def test_also_on_the_way_back() -> None:
    o = replace(leaving(), now=gen.NOW + timedelta(minutes=5))
    assert changes(asked(o, *HOSTS, tried_at=o.now - timedelta(seconds=10))) == []
    assert changes(asked(o, *HOSTS, tried_at=o.now - timedelta(seconds=61))) == [OLD]


def test_a_way_back_does_not_wait_for_what_was_tried_before_the_deletion() -> None:
    """It was deleted a second ago; the change that failed was the way there."""
    assert changes(asked(leaving(), *HOSTS, tried_at=gen.NOW - timedelta(seconds=2))) == [OLD]


# --- what is remembered -----------------------------------------------------------------------------------------------


def read_then(o: DomainObservation) -> DomainObservation:
    """The registrar was read long ago: when the name was reserved, before there was an address."""
    assert o.registrar is not None
    return replace(o, registrar=replace(o.registrar, at=LONG_AGO))


def test_what_is_remembered_was_read_just_before() -> None:
    """Provisioning takes its time; what the owner set meanwhile is what there is to come back to."""
    o = read_then(asked(by_api(), *OLD))
    decision = sound(o)
    assert not [a for a in decision.actions if isinstance(a, RememberNameservers)]
    assert [a.hosts for a in decision.actions if isinstance(a, AskRegistrar)] == [None]
    (remembered,) = [a for a in sound(asked(by_api(), "ns1.new.test")).actions if isinstance(a, RememberNameservers)]
    assert remembered.hosts == ("ns1.new.test",)


def test_what_is_in_use_is_said_without_reading_again() -> None:
    o = read_then(asked(by_api(live=(f"A 203.0.113.7 of {APEX}",)), *OLD))
    assert not [a for a in sound(o).actions if isinstance(a, AskRegistrar)]
    assert "is in use" in ready_message(o)
