"""A new cluster that does its worst: it is read within its limits, told by its name, and costs nobody else anything.

Where time is limited, the limit is given to what reads; nobody waits for one of many seconds.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster import survey
from catalyst_operator.adapters.new_cluster.intake import Intake
from catalyst_operator.adapters.new_cluster.limits import MIB, IntakeLimits
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.core.phase1.views import Survey
from catalyst_operator.errors import Refused, TooMuch, Unavailable
from e2e.bench.hostile import shapes
from tests.support import large_kit
from tests.support.fake_cluster import (
    DEPLOYMENTS,
    KUSTOMIZATIONS,
    NODES,
    FakeCluster,
    Flood,
    listed,
    release,
    running,
    saying_over_tls,
)
from tests.support.fake_cluster import RELEASES_OF_FLUX as RELEASES
from tests.support.gen import NOW

PATIENCE = 5.0
WHERE = (Kind("helm.toolkit.fluxcd.io/v2", "helmreleases"), "flux-system")
PODS = "/api/v1/pods"
MESSAGE: dict[str, Any] = release("bp-loud", ready="False", message="@")


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with running(FakeCluster()) as cluster:
        cluster.serve(RELEASES, KUSTOMIZATIONS, NODES, DEPLOYMENTS, PODS)
        yield cluster


def within(cluster: FakeCluster, **limits: Any) -> RemoteCluster:
    """A connection within these limits."""
    return RemoteCluster(cluster.access(), Intake(IntakeLimits(**limits)))


def at(path: str, answer: Callable[[], AsyncIterator[bytes]]) -> Flood:
    """That answer for that path."""
    return lambda request: answer() if request.path == path else None


class Peak:
    """The most memory of Python's that was in use, in MiB, over what was before."""

    mib = 0.0


@contextmanager
def memory() -> Any:
    found = Peak()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield found
        found.mib = (tracemalloc.get_traced_memory()[1] - before) / MIB
    finally:
        tracemalloc.stop()


# --- answers that are too large ---------------------------------------------------------------------------------------


async def test_sixteen_mebibytes_of_empty_items_are_not_even_read(cluster: FakeCluster) -> None:
    """They would take half a gibibyte as objects."""
    cluster.flood = at(RELEASES, shapes.empty_items)
    with memory() as peak:
        async with within(cluster) as api:
            with pytest.raises(TooMuch, match="an answer of more than 4 MiB"):
                await listed(api, *WHERE)
    assert peak.mib < 16


async def test_what_is_short_to_send_and_long_to_keep_is_not_parsed(cluster: FakeCluster) -> None:
    """Within the bytes, and sixty mebibytes of empty objects all the same."""
    cluster.flood = at(RELEASES, lambda: shapes.empty_items(3 * MIB))
    with memory() as peak:
        async with within(cluster) as api:
            with pytest.raises(TooMuch, match="more than 262144 values"):
                await listed(api, *WHERE)
    assert peak.mib < 16


async def test_what_may_be_parsed_takes_little_memory(cluster: FakeCluster) -> None:
    """The most values that there may be, of the most wasteful kind, and every text of the widest letters."""
    body = b'{"items":[' + b",".join([b'{"":0}'] * 130_000) + b'],"x":"' + "\U0001f4a5".encode() + b"x" * MIB + b'"}'
    cluster.fault = lambda r: web.Response(body=body) if r.path == RELEASES else None
    with memory() as peak:
        async with within(cluster) as api:
            with pytest.raises(TooMuch, match="a list of more than 1000 helmreleases"):
                await listed(api, *WHERE)
    assert peak.mib < 50


async def test_a_message_of_ten_mebibytes_is_not_read(cluster: FakeCluster) -> None:
    cluster.flood = at(RELEASES, lambda: shapes.long_message({"items": [MESSAGE]}))
    with memory() as peak:
        async with within(cluster) as api:
            with pytest.raises(TooMuch, match="an answer of more than 4 MiB"):
                await listed(api, *WHERE)
    assert peak.mib < 16


async def test_what_is_small_only_while_it_is_compressed_counts_as_it_is(cluster: FakeCluster) -> None:
    body = gzip.compress(b'{"items":[' + b" " * (256 * MIB) + b"]}")
    cluster.fault = lambda r: web.Response(body=body, headers={"Content-Encoding": "gzip"})
    with memory() as peak:
        async with within(cluster) as api:
            with pytest.raises(TooMuch, match="an answer of more than 4 MiB"):
                await listed(api, *WHERE)
    assert peak.mib < 16


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.get(*WHERE, "bp-cilium"),
        lambda api: api.may_list(*WHERE),
        lambda api: api.merge(*WHERE, "bp-cilium", {}),
        lambda api: api.delete(*WHERE, "bp-cilium"),
        lambda api: api.apply(WHERE[0], {"metadata": {"name": "bp-cilium", "namespace": "flux-system"}}),
        lambda api: listed(api, *WHERE),
    ],
    ids=["get", "may_list", "merge", "delete", "apply", "each"],
)
@pytest.mark.parametrize("status", [200, 403], ids=["done", "refused"])
async def test_whatever_is_asked_no_answer_is_endless(
    cluster: FakeCluster, ask: Callable[..., Any], status: int
) -> None:
    """A refusal neither: its text is cut, but it has to be read before."""
    sent = 0

    def endless(request: web.Request) -> web.Response:
        nonlocal sent
        sent += 1
        return web.Response(body=b"x" * (5 * MIB), status=status)

    cluster.fault = endless
    async with within(cluster) as api:
        with pytest.raises(TooMuch):
            await ask(api)
    assert sent == 1


async def test_answers_that_are_never_finished_have_one_room(cluster: FakeCluster) -> None:
    """However many are asked for."""
    waiting = asyncio.Event()

    async def unfinished() -> AsyncIterator[bytes]:
        yield b"x" * 900
        await waiting.wait()

    cluster.flood = lambda request: unfinished()
    async with within(cluster, answers_bytes=1500, request_seconds=60.0) as api:
        first, second = (asyncio.ensure_future(listed(api, *WHERE)) for _ in range(2))
        done, _ = await asyncio.wait({first, second}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        with pytest.raises(TooMuch, match="unfinished answers of more than 1500 bytes"):
            await done.pop()
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
    waiting.set()


# --- lists without end ------------------------------------------------------------------------------------------------


async def test_pages_without_end_are_not_turned_for_ever(cluster: FakeCluster) -> None:
    cluster.fault = lambda r: web.Response(body=shapes.NEXT_PAGE)
    async with within(cluster, page=10, list_objects=50) as api, asyncio.timeout(PATIENCE):
        with pytest.raises(TooMuch, match="a list of helmreleases of more than 12 pages"):
            await listed(api, *WHERE)
    assert len(cluster.requests) == 12


async def test_nor_for_longer_than_a_list_may_take(cluster: FakeCluster) -> None:
    cluster.fault = lambda r: web.Response(body=shapes.NEXT_PAGE)
    async with within(cluster, list_seconds=-1.0) as api, asyncio.timeout(PATIENCE):
        with pytest.raises(TooMuch, match="a list of helmreleases that takes more than"):
            await listed(api, *WHERE)
    assert len(cluster.requests) == 1


async def test_objects_without_end_are_not_counted_for_ever(cluster: FakeCluster) -> None:
    for n in range(40):
        cluster.put(RELEASES, release(f"bp-{n:02}"))
    async with within(cluster, page=5, list_objects=12) as api:
        with pytest.raises(TooMuch, match="a list of more than 12 helmreleases"):
            await listed(api, *WHERE)
        seen: list[Any] = []
        await api.each(*WHERE, seen.extend, whole=False)
    assert len(seen) == 12
    assert len(cluster.requests) == 6


@pytest.mark.parametrize("name", ["continue", "resourceVersion"])
async def test_what_is_sent_back_is_no_longer_than_it_ever_is(cluster: FakeCluster, name: str) -> None:
    cluster.fault = lambda r: web.json_response({"metadata": {name: "x" * 5000}, "items": []})
    async with within(cluster) as api:
        with pytest.raises(TooMuch, match=f"a {name} of more than 4096 characters"):
            await listed(api, *WHERE)


async def test_a_token_that_is_no_text_is_none(cluster: FakeCluster) -> None:
    cluster.fault = lambda r: web.json_response({"metadata": {"continue": {"a": "b" * 5000}}, "items": []})
    async with within(cluster) as api:
        assert await listed(api, *WHERE) == []
    assert len(cluster.requests) == 1


async def test_in_the_long_run_only_so_much_is_read(cluster: FakeCluster) -> None:
    """Whoever answers at once and without end is read as slowly as is good for others."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    cluster.fault = lambda r: web.Response(body=shapes.NEXT_PAGE)
    limits = IntakeLimits(burst_bytes=8_000_000, bytes_a_second=1_000_000, request_cost=1_000_000)
    reading = RemoteCluster(cluster.access(), Intake(limits, clock=lambda: 0.0, sleep=sleep))
    async with reading as api, asyncio.timeout(PATIENCE):
        with pytest.raises(TooMuch, match="at once, or as much work"):
            await listed(api, *WHERE)
    assert slept[:8] == [0] * 8
    assert slept[9:] == [pytest.approx(n, abs=0.3) for n in range(1, 8)], "the clock stands still: it is never enough"


# --- answers that take for ever ---------------------------------------------------------------------------------------


async def test_a_byte_a_second_is_no_answer(cluster: FakeCluster) -> None:
    """It is never silent for long."""
    cluster.flood = lambda request: shapes.drip(b'{"items":[]}', every=0.01)
    async with within(cluster, request_seconds=0.3) as api:
        with pytest.raises(Unavailable, match="no answer in time"):
            await asyncio.wait_for(listed(api, *WHERE), PATIENCE)


async def begin(server: str, way: str) -> None:
    """Ask somebody for a list or a watch, of which nothing is read but the beginning."""
    access = FakeCluster().access(servers=(server,))
    async with RemoteCluster(access, Intake(IntakeLimits(request_seconds=0.3))) as api, asyncio.timeout(PATIENCE):
        if way == "list":
            await listed(api, *WHERE)
        else:
            async with api.watch(*WHERE, {}, silence=PATIENCE):
                pass


@pytest.mark.parametrize("way", ["list", "watch"])
async def test_headers_that_never_end_are_not_waited_for(way: str) -> None:
    """A watch may last, but has to begin."""
    text = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 500
    async with saying_over_tls(lambda: shapes.drip(text, every=0.001)) as server:
        with pytest.raises(Unavailable, match="no answer in time"):
            await begin(server, way)


@pytest.mark.parametrize("way", ["list", "watch"])
async def test_nor_is_what_only_says_that_an_answer_will_come(way: str) -> None:
    async def informational() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"HTTP/1.1 100 Continue\r\n\r\n"

    async with saying_over_tls(informational) as server:
        with pytest.raises(Unavailable, match="an answer that is not HTTP"):
            await begin(server, way)


@pytest.mark.parametrize("pieces", [8, 2000], ids=["some", "many"])
async def test_an_answer_in_the_smallest_pieces_counts_as_the_work_that_it_makes(pieces: int) -> None:
    """A chunk of HTTP for each byte."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        yield b"".join(b"1\r\n%c\r\n" % c for c in b'{"items":[' + b" " * pieces + b"]}") + b"0\r\n\r\n"

    async with saying_over_tls(chunks) as server:
        access = FakeCluster().access(servers=(server,))
        limits = IntakeLimits(burst_bytes=200_000, request_cost=0)
        async with RemoteCluster(access, Intake(limits)) as api:
            if pieces < 100:
                assert await listed(api, *WHERE) == []
            else:
                with pytest.raises(TooMuch, match="as much work"):
                    await listed(api, *WHERE)


async def test_a_refusal_of_a_watch_that_drips_is_not_waited_for(cluster: FakeCluster) -> None:
    cluster.flood, cluster.flood_status = lambda request: shapes.drip(b"no ", every=0.01), 403
    async with within(cluster, request_seconds=0.3) as api:
        with pytest.raises(Unavailable, match="no answer in time"):
            async with asyncio.timeout(PATIENCE), api.watch(*WHERE, {}, silence=PATIENCE):
                pass


async def test_a_line_of_a_watch_that_drips_is_silence(cluster: FakeCluster) -> None:
    cluster.flood = lambda request: shapes.drip(b'{"type":"ADDED"', every=0.01)
    async with within(cluster) as api, api.watch(*WHERE, {}, silence=0.3) as events:
        with pytest.raises(Unavailable, match="no answer in time"):
            await asyncio.wait_for(anext(events), PATIENCE)


# --- events -----------------------------------------------------------------------------------------------------------


async def test_an_event_with_more_values_than_any_is_not_parsed(cluster: FakeCluster) -> None:
    line = b'{"type":"ADDED","object":{"items":[' + b",".join([b"{}"] * 20_000) + b"]}}\n"
    cluster.raw = line
    async with within(cluster) as api, api.watch(*WHERE, {"resourceVersion": "1"}, silence=PATIENCE) as events:
        with pytest.raises(TooMuch, match="more than 32768 values"):
            await anext(events)


async def test_a_line_without_end_is_not_read_to_its_end(cluster: FakeCluster) -> None:
    cluster.flood = lambda request: shapes.long_message({"type": "ADDED", "object": MESSAGE})
    with memory() as peak:
        async with within(cluster) as api, api.watch(*WHERE, {}, silence=PATIENCE) as events:
            with pytest.raises(TooMuch, match="an answer of more than 1 MiB"):
                await anext(events)
    assert peak.mib < 8


async def test_a_flood_of_events_is_read_slowly_and_then_no_more(cluster: FakeCluster) -> None:
    now, slept = 0.0, 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now, slept
        now, slept = now + seconds, slept + seconds
        await asyncio.sleep(0)

    limits = IntakeLimits(burst_bytes=10 * MIB, bytes_a_second=5 * MIB, event_cost=MIB, request_cost=0)
    cluster.flood = lambda request: shapes.events(MESSAGE)
    taken = 0
    async with (
        RemoteCluster(cluster.access(), Intake(limits, clock=lambda: now, sleep=sleep)) as api,
        api.watch(*WHERE, {}, silence=PATIENCE) as events,
    ):
        with pytest.raises(TooMuch, match="more events than 5 a second"):
            async for _ in events:
                taken += 1
    assert taken == pytest.approx(10 + 5 * limits.flood_seconds, abs=7)
    assert slept == pytest.approx(limits.flood_seconds, abs=1)


async def test_a_burst_that_ends_is_no_flood() -> None:
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    share = Intake(IntakeLimits(), clock=lambda: now, sleep=sleep).share("customers", "a")
    share.spend(40 * MIB)
    await share.admitted()
    for _ in range(60):
        now += 1.0
        share.spend(MIB * 9 // 10)
        assert not share.flooded, "it is read as fast as it comes, and no more than may"


async def test_others_get_their_turn_between_two_events(cluster: FakeCluster) -> None:
    """Also while all of them are there already."""
    cluster.raw = b'{"type":"BOOKMARK","object":{}}\n' * 200
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with within(cluster) as api, api.watch(*WHERE, {"resourceVersion": "1"}, silence=PATIENCE) as events:
        await anext(events)
        task = asyncio.create_task(other())
        before = turns
        heard = 0
        async for _ in events:
            heard += 1
        task.cancel()
    assert heard == 199
    assert turns - before >= 150


# --- a survey ---------------------------------------------------------------------------------------------------------


async def look(cluster: FakeCluster, **limits: Any) -> Survey:
    async with within(cluster, **limits) as api:
        return await survey.survey(api, lambda: NOW)


async def test_a_list_that_is_too_large_counts_as_unknown_and_not_as_empty(cluster: FakeCluster) -> None:
    cluster.flood = at(NODES, shapes.empty_items)
    found = await look(cluster)
    assert found.nodes is None
    assert found.deployments == ()
    assert found.too_much == "an answer of more than 2 MiB"


async def test_more_nodes_than_are_read_are_unknown(cluster: FakeCluster) -> None:
    """Half of them would say that the other half has not joined."""
    for n in range(12):
        cluster.put(NODES, {"metadata": {"name": f"node-{n}"}})
    found = await look(cluster, page=5, list_objects=10)
    assert (found.nodes, found.too_much) == (None, "a list of more than 10 nodes")


async def test_what_one_survey_reads_is_counted_over_all_its_lists(cluster: FakeCluster) -> None:
    cluster.put(NODES, {"metadata": {"name": "a", "x": "x" * 3000}})
    cluster.put(DEPLOYMENTS, {"metadata": {"name": "a", "x": "x" * 3000}})
    found = await look(cluster, survey_bytes=5000)
    assert found.nodes is not None
    assert found.deployments is None
    assert found.too_much == "lists of more than 5000 bytes together"


async def test_and_so_is_its_time(cluster: FakeCluster) -> None:
    found = await look(cluster, survey_seconds=-1.0)
    assert (found.nodes, found.deployments) == (None, None)
    assert found.too_much == "lists that take more than -1 s together"


async def test_and_what_is_kept_of_it(cluster: FakeCluster) -> None:
    """One list that says too much leaves the others."""
    for n in range(8):
        told = {"conditions": [{"type": "Ready", "status": "False", "message": "x" * 300}]}
        cluster.put(NODES, {"metadata": {"name": f"node-{n}"}, "status": told})
    cluster.put(DEPLOYMENTS, {"metadata": {"name": "helm-controller"}})
    found = await look(cluster, kept_bytes=3000)
    assert found.nodes is None
    assert found.deployments is not None
    assert found.too_much == "objects that say more than 3000 bytes"


# --- the largest good one ---------------------------------------------------------------------------------------------


async def test_the_largest_kit_is_far_within_all_limits(cluster: FakeCluster) -> None:
    """38 components with 200 Pods need at most half of each."""
    limits = IntakeLimits()
    cluster.collections = {
        path: {item["metadata"]["name"]: item for item in items} for path, items in large_kit.collections().items()
    }
    half = {
        "page_bytes": limits.page_bytes // 2,
        "page_bytes_of": {kind: most // 2 for kind, most in limits.page_bytes_of.items()},
        "values": limits.values // 2,
        "list_objects": limits.list_objects // 2,
        "survey_bytes": limits.survey_bytes // 2,
        "kept_bytes": limits.kept_bytes // 2,
        "answers_bytes": limits.answers_bytes // 2,
        "burst_bytes": limits.burst_bytes // 2,
    }
    found = await look(cluster, **half)
    assert found.too_much == ""
    assert len(found.nodes or ()) == 10
    largest = max(
        len(json.dumps(item)) for items in large_kit.collections().values() for item in items if "status" in item
    )
    assert largest < limits.event_bytes / 8


async def test_a_second_such_look_is_within_them_too(cluster: FakeCluster) -> None:
    """Every ten seconds there is one: what it costs has to come in meanwhile."""
    now, slept = 0.0, 0.0

    async def sleep(seconds: float) -> None:
        nonlocal slept
        slept += seconds

    cluster.collections = {
        path: {item["metadata"]["name"]: item for item in items} for path, items in large_kit.collections().items()
    }
    intake = Intake(IntakeLimits(), clock=lambda: now, sleep=sleep)
    for _ in range(12):
        async with RemoteCluster(cluster.access(), intake) as api:
            await survey.survey(api, lambda: NOW)
        now += 10.0
    assert slept == 0


def test_refused_is_not_too_much() -> None:
    """Whoever handles refusals must not be given this for one."""
    assert not issubclass(TooMuch, Refused)


async def test_all_that_comes_over_the_network_is_counted(cluster: FakeCluster) -> None:
    """Also what is in no answer: TLS and HTTP. It is read at the socket, by the event loop."""
    cluster.put(RELEASES, {"metadata": {"name": "a", "namespace": "flux-system"}, "x": "x" * 100_000})
    intake = Intake(IntakeLimits(request_cost=0), clock=lambda: 0.0)
    access = cluster.access()
    async with RemoteCluster(access, intake) as api:
        await listed(api, *WHERE)
    used = IntakeLimits().burst_bytes - intake.share(access.owner, access.tls_name)._left
    assert used > 2 * 100_000
