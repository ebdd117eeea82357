"""List and watch: whatever the server does in between, what is kept is what is there, and no storm of requests."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster.intake import Intake
from catalyst_operator.adapters.new_cluster.limits import IntakeLimits
from catalyst_operator.adapters.new_cluster.list_watch import ListWatch
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.timings import Timings
from catalyst_operator.core.phase1.flux import helm_release
from catalyst_operator.core.phase1.views import HelmReleaseView
from catalyst_operator.errors import ApiError, Gone, NotFound, TooMuch, Unavailable
from e2e.bench.hostile import shapes
from e2e.support.waiting import until
from tests.support.fake_cluster import RELEASES_OF_FLUX as RELEASES
from tests.support.fake_cluster import FakeCluster, refusal, release, running

PATIENCE = 5.0
HELM_RELEASES = Kind("helm.toolkit.fluxcd.io/v2", "helmreleases")


class Bench:
    """One list+watch over a fake cluster. Pauses are written down instead of waited for."""

    def __init__(
        self,
        cluster: FakeCluster,
        parse: Callable[[Any], HelmReleaseView] = helm_release,
        changed: dict[str, Any] | None = None,
        **limits: Any,
    ) -> None:
        self.cluster = cluster
        self.pauses: list[float] = []
        self.outcomes: list[ApiError | None] = []
        self.told = 0
        timings = Timings(silence=0.3, held=60.0, chance=lambda: 1.0, sleep=self.sleep)
        self.watch = ListWatch(HELM_RELEASES, "flux-system", parse, self.changed, replace(timings, **changed or {}))
        self.remote = RemoteCluster(cluster.access(), Intake(IntakeLimits(**limits)))
        self.task: asyncio.Task[None] | None = None

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    def changed(self) -> None:
        self.told += 1

    @asynccontextmanager
    async def use(self) -> AsyncIterator[RemoteCluster]:
        yield self.remote

    async def start(self) -> None:
        await self.remote.__aenter__()
        self.task = asyncio.create_task(self.watch.run(self.use, self.outcomes.append))

    async def close(self) -> None:
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.remote.close()

    @property
    def names(self) -> list[str]:
        return sorted(view.name for view in self.watch.objects.values())

    @property
    def lists(self) -> int:
        return self.cluster.count(RELEASES, watch=False)

    @property
    def watched_from(self) -> list[int]:
        """The versions that were watched from."""
        return [int(q["resourceVersion"]) for _, p, q in self.cluster.requests if q.get("watch") and p == RELEASES]

    async def until(self, condition: Callable[[], object]) -> None:
        await until(condition, seconds=PATIENCE)

    async def synced(self) -> None:
        await self.start()
        await self.until(lambda: self.watch.synced and self.cluster.watching)

    async def hung_up(self) -> None:
        """The server ends the watch, and there is another one."""
        await self.until(lambda: self.cluster.watching)
        seen = len(self.watched_from)
        self.cluster.hang_up()
        await self.until(lambda: len(self.watched_from) > seen)

    async def takes(self, name: str) -> None:
        """One more object is there, and is seen."""
        self.cluster.put(RELEASES, release(name))
        await self.until(lambda: name in self.names)


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with running(FakeCluster()) as cluster:
        for name in ("bp-cilium", "bp-flux"):
            cluster.put(RELEASES, release(name))
        yield cluster


@asynccontextmanager
async def limited(cluster: FakeCluster, changed: dict[str, Any] | None = None, **limits: Any) -> AsyncIterator[Bench]:
    """One that reads within these limits, with other timings."""
    bench = Bench(cluster, changed=changed, **limits)
    try:
        yield bench
    finally:
        await bench.close()


@pytest.fixture
async def bench(cluster: FakeCluster) -> AsyncIterator[Bench]:
    bench = Bench(cluster)
    yield bench
    await bench.close()


# --- when all goes well -----------------------------------------------------------------------------------------------


async def test_it_lists_once_and_watches_from_there(bench: Bench) -> None:
    await bench.synced()
    assert (bench.names, bench.lists, bench.watched_from) == (["bp-cilium", "bp-flux"], 1, [bench.cluster.version])
    assert (bench.told, bench.outcomes, bench.pauses) == (1, [None], [])
    query = bench.cluster.requests[-1][2]
    assert query["allowWatchBookmarks"] == "true"
    assert 300 <= int(query["timeoutSeconds"]) <= 600


async def test_a_list_of_many_pages_is_one_list(cluster: FakeCluster) -> None:
    for n in range(8):
        cluster.put(RELEASES, release(f"bp-{n}"))
    async with limited(cluster, page=3) as bench:
        await bench.synced()
        assert (len(bench.names), bench.told) == (10, 1)


async def test_what_happens_is_followed(bench: Bench) -> None:
    await bench.synced()
    await bench.takes("bp-keycloak")
    bench.cluster.put(RELEASES, release("bp-flux", ready="False"))
    await bench.until(lambda: not bench.watch.objects["flux-system/bp-flux"].ready)
    bench.cluster.drop(RELEASES, "bp-flux")
    await bench.until(lambda: bench.names == ["bp-cilium", "bp-keycloak"])
    assert (bench.told, bench.lists) == (4, 1)


async def test_an_event_that_says_nothing_new_is_not_told(bench: Bench) -> None:
    await bench.synced()
    bench.cluster.put(RELEASES, release("bp-flux"))
    bench.cluster.event(RELEASES, "DELETED", release("bp-unknown"))
    bench.cluster.event(RELEASES, "SURPRISE", release("bp-strange"))
    await bench.takes("bp-keycloak")
    assert (bench.told, bench.names) == (2, ["bp-cilium", "bp-flux", "bp-keycloak"])


async def test_no_object_is_kept_as_it_came(bench: Bench) -> None:
    """A hundred clusters would fill the memory."""
    await bench.synced()
    assert all(type(view) is HelmReleaseView for view in bench.watch.objects.values())


# --- interruptions that it goes on from -------------------------------------------------------------------------------


async def test_a_watch_that_ends_is_taken_up_without_a_pause(bench: Bench) -> None:
    """The server ends each after some minutes."""
    await bench.synced()
    bench.cluster.put(RELEASES, release("bp-keycloak"))
    await bench.until(lambda: "bp-keycloak" in bench.names)
    bench.cluster.hang_up()
    await bench.until(lambda: len(bench.watched_from) == 2)
    assert (bench.lists, bench.pauses, bench.watched_from[1]) == (1, [], bench.cluster.version)


async def test_bookmarks_say_from_where(bench: Bench) -> None:
    await bench.synced()
    bench.cluster.bookmark(RELEASES)
    bench.cluster.hang_up()
    await bench.until(lambda: len(bench.watched_from) == 2)
    assert bench.watched_from[1] == bench.cluster.version
    assert bench.told == 1


async def test_watches_that_end_at_once_are_not_begun_in_a_storm(bench: Bench) -> None:
    await bench.start()
    await bench.until(lambda: bench.watch.synced)
    for _ in range(6):
        await bench.hung_up()
    assert bench.pauses[:6] == [1, 2, 4, 8, 16, 30]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_overloaded_server_is_given_time(bench: Bench, status: int) -> None:
    """Each pause is twice the one before; it then goes on from where it was."""
    await bench.synced()
    before = bench.watched_from[0]
    refused: list[web.Request] = []

    def overloaded(request: web.Request) -> web.Response | None:
        refused.append(request)
        return refusal(status, "too much") if len(refused) <= 7 else None

    bench.cluster.fault = overloaded
    bench.cluster.abort()
    bench.cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: "bp-late" in bench.names)
    assert bench.pauses[:8] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert bench.lists == 1
    assert set(bench.watched_from) == {before}
    await bench.takes("bp-more")
    bench.cluster.abort()
    await bench.until(lambda: len(bench.pauses) > 8)
    assert bench.pauses[8] == 1, "it did not begin again after it went well"


async def test_a_server_that_is_away_is_told_each_time(bench: Bench) -> None:
    await bench.synced()
    await bench.cluster.stop()
    await bench.until(lambda: len(bench.outcomes) > 4)
    assert all(isinstance(error, Unavailable) for error in bench.outcomes[1:])
    assert bench.names == ["bp-cilium", "bp-flux"], "it forgot what it knew"
    await bench.cluster.start()
    await bench.takes("bp-late")
    assert bench.lists == 1


async def test_a_dead_link_is_found_and_nothing_is_lost(bench: Bench) -> None:
    await bench.synced()
    bench.cluster.frozen = True
    bench.cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: len(bench.watched_from) > 1)
    assert str(bench.outcomes[1]) == "no answer in time"
    bench.cluster.frozen = False
    bench.cluster.wake()
    await bench.until(lambda: "bp-late" in bench.names)
    assert bench.lists == 1


# --- interruptions after which it lists again -------------------------------------------------------------------------


def _http(status: int) -> Callable[[Bench], None]:
    def begin(bench: Bench) -> None:
        once: list[int] = []

        def fault(request: web.Request) -> web.Response | None:
            if request.query.get("watch") and not once:
                once.append(1)
                return refusal(status, "no more")
            return None

        bench.cluster.fault = fault
        bench.cluster.hang_up()

    return begin


def _event(kind: str, obj: Any) -> Callable[[Bench], None]:
    return lambda bench: bench.cluster.event(RELEASES, kind, obj)


def _sent(raw: bytes) -> Callable[[Bench], None]:
    def begin(bench: Bench) -> None:
        bench.cluster.raw = raw
        bench.cluster.hang_up()

    return begin


_LINE = json.dumps({"type": "ADDED", "object": release("bp-broken")}).encode()
_BROKEN = {
    "410": _http(410),
    "a resourceVersion that the server has not got yet": _http(504),
    "a resourceVersion that the server does not understand": _http(400),
    "an ERROR event that says 410": _event("ERROR", {"code": 410, "message": "too old"}),
    "an ERROR event that says 500": _event("ERROR", {"code": 500, "message": "broken"}),
    "an ERROR event that says nothing": _event("ERROR", {}),
    "an event without an object": _event("ADDED", None),
    "truncated JSON": _sent(_LINE[:60]),
    "no JSON": _sent(b"<html>\n"),
}


@pytest.mark.parametrize("begin", _BROKEN.values(), ids=_BROKEN)
async def test_what_cannot_be_gone_on_from_is_listed_again(bench: Bench, begin: Callable[[Bench], None]) -> None:
    """What went in between is dropped, what came is there, and there was a pause."""
    await bench.synced()
    await bench.takes("bp-keycloak")
    bench.cluster.compact()
    begin(bench)
    del bench.cluster.collections[RELEASES]["bp-flux"]
    bench.cluster.collections[RELEASES]["bp-silent"] = release("bp-silent")
    await bench.until(lambda: bench.names == ["bp-cilium", "bp-keycloak", "bp-silent"])
    assert bench.pauses[0] == 1
    assert bench.lists == 2
    await bench.takes("bp-late")
    assert bench.lists == 2
    assert all(error is None or isinstance(error, ApiError) for error in bench.outcomes)


async def test_a_version_that_is_always_too_old_makes_no_storm(bench: Bench) -> None:
    bench.cluster.fault = lambda r: refusal(410, "too old") if r.query.get("watch") else None
    await bench.start()
    await bench.until(lambda: len(bench.pauses) >= 6)
    assert bench.pauses[:6] == [1, 2, 4, 8, 16, 30]
    assert isinstance(bench.outcomes[0], Gone)


async def test_a_list_that_says_the_same_is_not_told(bench: Bench) -> None:
    await bench.synced()
    bench.cluster.event(RELEASES, "ERROR", {"code": 410})
    await bench.until(lambda: bench.lists == 2 and bench.cluster.watching)
    assert bench.told == 1


async def test_a_list_that_breaks_off_between_two_pages_is_none(cluster: FakeCluster) -> None:
    """Half a list would say that the rest is gone."""
    cluster.fault = lambda r: refusal(410, "the continue token is too old") if r.query.get("continue") else None
    async with limited(cluster, page=1) as bench:
        await bench.start()
        await bench.until(lambda: len(bench.pauses) > 2)
        assert (bench.watch.synced, bench.names) == (False, [])
        cluster.fault = lambda r: None
        await bench.until(lambda: bench.names == ["bp-cilium", "bp-flux"])


# --- refusals, and kinds that are not there ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_is_not_argued_with(bench: Bench, status: int) -> None:
    bench.cluster.fault = lambda r: refusal(status, "not you")
    await bench.start()
    await bench.until(lambda: len(bench.pauses) >= 6)
    assert bench.pauses[:6] == [5, 10, 20, 40, 60, 60]


async def test_a_kind_that_is_not_there_yet_is_asked_for_steadily(bench: Bench) -> None:
    del bench.cluster.collections[RELEASES]
    await bench.start()
    await bench.until(lambda: len(bench.pauses) >= 10)
    assert (set(bench.pauses[:10]), bench.watch.synced, bench.told) == ({3}, False, 0)
    assert isinstance(bench.outcomes[0], NotFound)
    bench.cluster.put(RELEASES, release("bp-cilium"))
    await bench.until(lambda: bench.watch.synced)


async def test_a_kind_that_is_gone_takes_its_objects_with_it(bench: Bench) -> None:
    await bench.synced()
    del bench.cluster.collections[RELEASES]
    bench.cluster.hang_up()
    await bench.until(lambda: not bench.watch.synced)
    assert (bench.names, bench.told) == ([], 2)


# --- what should not happen -------------------------------------------------------------------------------------------


async def test_a_defect_in_reading_is_logged_and_survived(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    def parse(raw: Any) -> HelmReleaseView:
        if raw["metadata"]["name"] == "bp-poison":
            raise KeyError("surprise")
        return helm_release(raw)

    bench = Bench(cluster, parse)
    await bench.synced()
    with caplog.at_level(logging.ERROR):
        cluster.put(RELEASES, release("bp-poison"))
        await bench.until(lambda: len(bench.pauses) > 1)
    assert "surprise" in caplog.text
    cluster.drop(RELEASES, "bp-poison")
    await bench.takes("bp-late")
    await bench.close()


async def test_after_a_reset_nothing_is_believed(bench: Bench) -> None:
    await bench.synced()
    bench.watch.reset()
    assert (bench.watch.synced, bench.names) == (False, [])
    bench.cluster.hang_up()
    await bench.until(lambda: bench.watch.synced and bench.lists == 2)


# --- more than is read ------------------------------------------------------------------------------------------------

TOO_MUCH_PAUSES = [10, 20, 40, 80, 160, 300, 300]


async def test_a_list_that_is_too_long_is_none_and_is_asked_for_ever_more_rarely(cluster: FakeCluster) -> None:
    async with limited(cluster, list_objects=1) as bench:
        await bench.start()
        await bench.until(lambda: len(bench.pauses) >= 7)
        assert bench.pauses[:7] == TOO_MUCH_PAUSES
        assert (bench.watch.synced, bench.names, bench.told) == (False, [], 0)
        assert str(bench.outcomes[0]) == "a list of more than 1 helmreleases"
        del cluster.collections[RELEASES]["bp-flux"]
        await bench.until(lambda: bench.names == ["bp-cilium"])


async def test_one_object_too_many_takes_away_none_of_the_others(cluster: FakeCluster) -> None:
    """That it is too much says nothing of what is there."""
    async with limited(cluster, list_objects=2) as bench:
        await bench.synced()
        cluster.put(RELEASES, release("bp-one-too-many"))
        await bench.until(lambda: len(bench.pauses) > 2)
        assert str(bench.outcomes[1]) == "more than 2 objects of a kind in one namespace"
        assert str(bench.outcomes[-1]) == "a list of more than 2 helmreleases"
        assert bench.names == ["bp-cilium", "bp-flux"]
        cluster.drop(RELEASES, "bp-cilium")
        await bench.until(lambda: bench.names == ["bp-flux", "bp-one-too-many"])


async def test_an_object_that_grows_too_large_is_kept_as_it_was(cluster: FakeCluster) -> None:
    async with limited(cluster, kept_bytes=5000) as bench:
        await bench.synced()
        before = bench.watch.objects["flux-system/bp-flux"]
        loud = release("bp-flux", ready="False", message="x" * 400)
        loud["status"]["conditions"] = [{**loud["status"]["conditions"][0], "type": f"Type{n}"} for n in range(12)]
        cluster.put(RELEASES, loud)
        await bench.until(lambda: bench.pauses)
        assert str(bench.outcomes[1]) == "objects of a kind in one namespace that say more than 5000 bytes"
        assert bench.watch.objects["flux-system/bp-flux"] == before
        cluster.put(RELEASES, release("bp-flux", ready="False"))
        await bench.until(lambda: not bench.watch.objects["flux-system/bp-flux"].ready)


async def test_what_is_gone_weighs_nothing_any_more(cluster: FakeCluster) -> None:
    async with limited(cluster, kept_bytes=6000) as bench:
        await bench.synced()
        for n in range(30):
            await bench.takes(f"bp-{n}")
            cluster.drop(RELEASES, f"bp-{n}")
        await bench.until(lambda: bench.names == ["bp-cilium", "bp-flux"])
        assert bench.pauses == []


async def test_objects_of_other_namespaces_are_none_of_these(bench: Bench) -> None:
    """Two of one name would be told twice in a list that is a map."""
    foreign = release("bp-flux", ready="False")
    foreign["metadata"]["namespace"] = "elsewhere"
    bench.cluster.collections[RELEASES]["foreign"] = foreign
    await bench.synced()
    bench.cluster.event(RELEASES, "ADDED", foreign)
    await bench.takes("bp-late")
    assert sorted(bench.watch.objects) == ["flux-system/bp-cilium", "flux-system/bp-flux", "flux-system/bp-late"]


async def test_a_flood_is_told_until_it_has_been_over_for_a_while(cluster: FakeCluster) -> None:
    """Each time it begins anew all seems well at first: that is no end of it. What is there is known all the while."""
    flood = release("bp-flux", ready="False", message="@")
    floods = 0

    def flooding(request: web.Request) -> AsyncIterator[bytes] | None:
        nonlocal floods
        if not request.query.get("watch") or floods >= 3:
            return None
        floods += 1
        return shapes.events(flood)

    cluster.flood = flooding
    few = {"burst_bytes": 60_000, "bytes_a_second": 1_000_000, "event_cost": 20_000, "request_cost": 0}
    async with limited(cluster, {"calm": 0.2, "silence": PATIENCE}, flood_seconds=-1.0, **few) as bench:
        await bench.start()
        await bench.until(lambda: floods == 3 and cluster.watching)
        assert bench.pauses == [10, 20, 40]
        assert bench.lists == 4, "it did not look anew what is there now"
        assert [type(outcome) for outcome in bench.outcomes] == [type(None), TooMuch, TooMuch, TooMuch]
        assert bench.watch.objects["flux-system/bp-flux"].ready, "what the last list said counts"

        def calm() -> bool:
            cluster.bookmark(RELEASES)
            return bench.outcomes[-1] is None

        # Oftener, and the bookmarks themselves would be a flood: each costs event_cost.
        await until(calm, seconds=PATIENCE, every=0.1)


async def test_a_watch_that_is_not_ended_is_left(cluster: FakeCluster) -> None:
    """The server was asked to end it, and there is another one at once."""
    short = {"watch": (0.0, 0.0), "held": 0.1, "silence": PATIENCE}
    async with limited(cluster, short, watch_grace_seconds=0.2) as bench:
        await bench.start()
        await bench.until(lambda: len(bench.watched_from) == 3)
        assert bench.pauses == []
        assert bench.lists == 1


async def test_what_the_server_calls_an_error_is_cut_and_cleaned(bench: Bench) -> None:
    await bench.synced()
    bench.cluster.event(RELEASES, "ERROR", {"code": 500, "message": "\u202egone\x1b[31m " + "x" * 5000})
    await bench.until(lambda: len(bench.outcomes) > 1)
    told = str(bench.outcomes[1])
    assert told.startswith("gone x")
    assert len(told) <= 300
