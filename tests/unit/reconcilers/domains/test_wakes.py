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


SOVEREIGN = {"metadata": {"name": "omantel", "namespace": "team-a"}, "spec": {}}
RUN_NAMESPACE: dict[str, Any] = {"metadata": {"name": gen.SPACE}}


@pytest.mark.parametrize(("type", "looks"), [("ADDED", 0), ("MODIFIED", 0), ("DELETED", 1)])
async def test_a_sovereign_that_is_gone_has_its_run_namespace_looked_for(wakes: Wakes, type: str, looks: int) -> None:
    """It may have gone without our leave."""
    await wakes.event("sovereigns", SOVEREIGN, type)
    assert (wakes.looks, wakes.sovereigns) == (looks, [Key("team-a", "omantel")])


async def test_a_run_namespace_that_somebody_deletes_is_looked_at_at_once(wakes: Wakes) -> None:
    await wakes.event("namespaces", RUN_NAMESPACE)
    assert wakes.looks == 0
    gone = {"metadata": {**RUN_NAMESPACE["metadata"], "deletionTimestamp": "2026-11-22T12:00:00Z"}}
    await wakes.event("namespaces", gone)
    assert wakes.looks == 1
