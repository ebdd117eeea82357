"""Who is woken by an event of a DomainReservation: the name itself, and the Sovereign that it is for."""

from __future__ import annotations

from typing import Any

import pytest

from catalyst_operator.reconcilers.sovereign import Key
from tests.support import gen
from tests.support.reservations import NAME
from tests.support.wakes import Wakes


@pytest.fixture
def wakes() -> Wakes:
    return Wakes()


def reservation(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": NAME}, "spec": {"mode": "pool", **spec}}


async def test_a_sovereigns_reservation_wakes_both(wakes: Wakes) -> None:
    """It waits for its name before anything is spent, and for its delegation before it is ready."""
    reference = {"namespace": "team-a", "name": "omantel", "uid": gen.UID}
    await wakes.event("domainreservations", reservation(sovereignRef=reference))
    assert (wakes.names, wakes.sovereigns) == ([NAME], [Key("team-a", "omantel")])


async def test_one_that_stands_alone_wakes_itself_alone(wakes: Wakes) -> None:
    await wakes.event("domainreservations", reservation())
    assert (wakes.names, wakes.sovereigns) == ([NAME], [])


async def test_a_sovereign_wakes_itself_and_no_name(wakes: Wakes) -> None:
    await wakes.event("sovereigns", {"metadata": {"name": "omantel", "namespace": "team-a"}, "spec": {}})
    assert (wakes.names, wakes.sovereigns) == ([], [Key("team-a", "omantel")])
