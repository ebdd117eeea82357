"""The section hostile: the fake does what it is told, the operator's own client follows it, and the report is right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster import authorities, minting
from catalyst_operator.adapters.new_cluster.clusters import Clusters
from catalyst_operator.adapters.new_cluster.intake import Intake
from catalyst_operator.adapters.new_cluster.limits import IntakeLimits
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.timings import Timings
from catalyst_operator.core.access.identity import OBSERVER, Access
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView, ConsoleView, Link
from catalyst_operator.errors import ApiError, TooMuch, Unavailable
from e2e.bench import targets
from e2e.bench.fleet.objects import Kit
from e2e.bench.fleet.run import Begin, Stretch
from e2e.bench.hostile import report, shapes
from e2e.bench.hostile.api_server import HostileApiServer
from e2e.bench.hostile.measure import Hostile, Pair, Taken
from e2e.bench.hostile.shapes import Shape
from e2e.support.waiting import until

KIT = Kit("omantel.omani.works", ("one-control-plane-0",), ("bp-cilium", "bp-flux", "bp-catalyst-platform"))
TRUST = authorities.make(datetime.now(UTC))
RELEASES = (Kind("helm.toolkit.fluxcd.io/v2", "helmreleases"), "")
PATIENCE = 10.0


@pytest.fixture
async def server() -> AsyncIterator[HostileApiServer]:
    server = HostileApiServer("one", "127.0.0.1", KIT, TRUST.files)
    await server.start([0])
    yield server
    await server.stop()


def access(server: HostileApiServer) -> Access:
    return minting.access(
        TRUST.files,
        servers=(f"127.0.0.1:{server.port}",),
        fqdn=KIT.fqdn,
        user=OBSERVER,
        groups=(),
        now=datetime.now(UTC),
        lifetime=timedelta(hours=1),
    )


LISTED: dict[Shape, type[ApiError] | None] = {
    Shape.EMPTY_ITEMS: TooMuch,
    Shape.PAGES: TooMuch,
    Shape.MESSAGE: TooMuch,
    Shape.EVENTS: None,
}


@pytest.mark.parametrize("shape", LISTED, ids=lambda shape: shape.name)
async def test_lists_are_as_they_were_ordered(server: HostileApiServer, shape: Shape) -> None:
    server.behave(shape)
    async with asyncio.timeout(PATIENCE), RemoteCluster(access(server)) as api:
        if wanted := LISTED[shape]:
            with pytest.raises(wanted):
                await api.each(*RELEASES, lambda items: None)
        else:
            await api.each(*RELEASES, lambda items: None)
    assert server.requests


async def test_the_most_that_is_read_is_read_and_is_the_most(server: HostileApiServer) -> None:
    limits, page = IntakeLimits(), shapes.most(IntakeLimits().page_bytes - 1000, IntakeLimits().values)
    assert limits.page_bytes * 0.95 < len(page) < limits.page_bytes
    assert limits.values * 0.95 < page.count(b"{") + page.count(b"[") + page.count(b",") <= limits.values
    server.behave(Shape.MOST)
    seen: list[Any] = []
    async with asyncio.timeout(PATIENCE), RemoteCluster(access(server), Intake(IntakeLimits(list_objects=1))) as api:
        await api.each(*RELEASES, seen.extend, whole=False)
    assert len(seen) == 1


async def test_what_was_said_before_is_cut_off(server: HostileApiServer) -> None:
    server.behave(Shape.DRIP)
    async with asyncio.timeout(PATIENCE), RemoteCluster(access(server)) as api:
        asking = asyncio.ensure_future(api.each(*RELEASES, lambda items: None))
        await until(lambda: server.requests, seconds=PATIENCE)
        server.behave(None)
        with pytest.raises(Unavailable):
            await asking
        await api.each(*RELEASES, lambda items: None)


async def test_it_says_that_it_is_out_of_order_before_it_has_said_too_much(
    server: HostileApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2e.bench.hostile.api_server.MOST_REQUESTS", 3)
    server.behave(Shape.PAGES)
    async with asyncio.timeout(PATIENCE), RemoteCluster(access(server)) as api:
        with pytest.raises(Unavailable, match="503"):
            await api.each(*RELEASES, lambda items: None)
    assert server.requests == 4


@pytest.mark.parametrize("shape", [Shape.EMPTY_ITEMS, Shape.EVENTS, Shape.MESSAGE], ids=lambda shape: shape.name)
async def test_the_operator_tells_what_is_wrong_with_it(server: HostileApiServer, shape: Shape) -> None:
    async def no_console(_address: str, _fqdn: str) -> ConsoleView:
        return ConsoleView(datetime.now(UTC), True)

    async def mint() -> Access:
        return access(server)

    server.behave(shape)
    limits = IntakeLimits(burst_bytes=4 * shapes.MIB, flood_seconds=0.5)
    intake = Intake(limits)
    clusters = Clusters(
        lambda given: RemoteCluster(given, intake), no_console, lambda: datetime.now(UTC), Timings(gather=0.0)
    )
    clusters.watch("u", Target(("127.0.0.1",), KIT.fqdn, "127.0.0.1", False, timedelta(seconds=10)), mint, lambda: None)

    def view() -> ClusterView:
        found = clusters.view("u")
        assert found
        return found

    try:
        await until(lambda: view().link.state is Link.TOO_MUCH, seconds=PATIENCE)
    finally:
        await clusters.close()


# --- the report -------------------------------------------------------------------------------------------------------


def taken(rare: float, resident: float, told: float | None = None) -> Taken:
    stretch = Stretch("none is hostile", 10, 30, 0.5, 2, 0, 0, (0.01,), (0.1, rare), resident, 30.0)
    return Taken(Begin(5, 6, resident - 5, 4.0), stretch, 7, 3.5, told)


FOUND = Hostile(
    10, 0.1, (Pair("a", taken(0.2, 100), taken(0.5, 130, told=12)), Pair("b", taken(0.3, 90), taken(0.3, 135)))
)


def test_the_worst_shape_is_held_against_the_targets() -> None:
    assert dict(report.held(FOUND)) == {targets.HOSTILE_RARE: 0.5, targets.HOSTILE_MEMORY: 45}
    assert report.held(None) == []


def test_memory_of_the_start_counts_too() -> None:
    pair = FOUND.pairs[0]
    assert replace(pair, beside=replace(pair.beside, begin=Begin(5, 6, 400, 4.0))).over_mib == 300


def test_the_report_has_a_row_for_each_shape_and_what_was_before_it() -> None:
    text = report.as_text(FOUND)
    for words in ("none is hostile", "2.50", "+45.0 MiB", "3.5 MiB", "12 s"):
        assert words in text
    assert json.loads(json.dumps(report.as_json(FOUND)))["figures"][0]["ratio"] == 2.5
