"""Watching new clusters: nothing is lost, nothing is told twice, and nobody is asked too often, whatever they do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from aiohttp import web

from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.adapters.new_cluster.clusters import Clusters
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.timings import Timings
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView, ConsoleView, Link
from catalyst_operator.errors import NotFound
from e2e.bench.hostile import shapes
from e2e.support.waiting import until
from tests.support.fake_cluster import (
    DEPLOYMENTS,
    FQDN,
    GIT_REPOSITORIES,
    KUBE_SYSTEM,
    KUSTOMIZATIONS,
    NODES,
    RELEASES,
    FakeCluster,
    connections_to,
    kustomization,
    refusal,
    release,
    running,
    saying,
    serial_of,
)

PATIENCE = 5.0
UID = "sovereign"
QUICK = Timings(
    failed=(0.02, 0.1),
    refused=(0.05, 0.2),
    too_much=(0.02, 0.1),
    calm=0.0,
    absent=0.02,
    eager=0.05,
    spacing=0.01,
    gather=0.02,
    chance=lambda: 1.0,
)
SLOW = timedelta(minutes=10)
"""A pace at which nothing is surveyed a second time during a test."""


def counting(timings: Timings) -> tuple[Timings, list[float]]:
    """The same timings, and the pauses that are made with them."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await timings.sleep(seconds)

    return replace(timings, sleep=sleep), pauses


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Bench:
    """Clusters over one fake cluster, with what was minted and told."""

    def __init__(self, cluster: FakeCluster, timings: Timings = QUICK, pace: timedelta = SLOW) -> None:
        self.cluster = cluster
        self.clock = Clock()
        self.minted: list[Access] = []
        self.mint: Callable[[], Access] = cluster.access
        self.told = 0
        self.links: set[Link] = set()
        self.console = ConsoleView(self.clock(), True)
        self.asked: list[tuple[str, str]] = []
        self.clusters = Clusters(RemoteCluster, self.probe, self.clock, timings)
        self.target = Target((cluster.host,), FQDN, "203.0.113.7", console=False, pace=pace)

    async def access(self) -> Access:
        self.minted.append(self.mint())
        return self.minted[-1]

    async def probe(self, address: str, fqdn: str) -> ConsoleView:
        self.asked.append((address, fqdn))
        return replace(self.console, at=self.clock())

    def changed(self) -> None:
        self.told += 1
        self.links.add(self.view.link.state)

    def watch(self, target: Target | None = None) -> None:
        self.target = target or self.target
        self.clusters.watch(UID, self.target, self.access, self.changed)

    @property
    def view(self) -> ClusterView:
        found = self.clusters.view(UID)
        assert found is not None
        return found

    @property
    def releases(self) -> dict[str, bool]:
        return {r.name: r.ready for r in self.view.releases}

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so."""
        await until(condition, seconds=PATIENCE)

    async def calm(self) -> int:
        """Wait until nothing is told for a while; how often something was, so far."""
        async with asyncio.timeout(PATIENCE):
            before = -1
            while before != self.told:
                before = self.told
                await asyncio.sleep(3 * QUICK.gather)  # the length of the silence is the subject
        return before

    async def up(self) -> None:
        """Watch, until everything was seen for the first time."""
        self.watch()
        await self.until(lambda: self.view.synced and self.view.survey and self.cluster.watching == 2)


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    """A cluster with Flux and a small kit."""
    async with running(FakeCluster()) as cluster:
        equip(cluster)
        yield cluster


@pytest.fixture
async def bench(cluster: FakeCluster) -> AsyncIterator[Bench]:
    bench = Bench(cluster)
    yield bench
    await bench.clusters.close()


def equip(cluster: FakeCluster) -> None:
    """What a cluster has once Flux is at work."""
    cluster.serve(NODES, f"{KUSTOMIZATIONS}")
    for name in ("source-controller", "kustomize-controller", "helm-controller"):
        available = {"conditions": [{"type": "Available", "status": "True"}]}
        cluster.put(DEPLOYMENTS, {"metadata": {"name": name}, "status": available})
    cluster.put(
        GIT_REPOSITORIES, {"kind": "GitRepository", "metadata": {"name": "openova-public", "namespace": "flux-system"}}
    )
    cluster.put(KUSTOMIZATIONS, kustomization())
    for name in ("bp-cilium", "bp-flux"):
        cluster.put(RELEASES, release(name))


# --- what is seen -----------------------------------------------------------------------------------------------------


async def test_it_begins_with_nothing_and_sees_all(bench: Bench) -> None:
    assert bench.clusters.view(UID) is None
    bench.watch()
    assert (bench.view.link.state, bench.view.synced, bench.view.releases) == (Link.CONNECTING, False, ())
    await bench.up()
    assert bench.view.link.state is Link.UP
    assert bench.releases == {"bp-cilium": True, "bp-flux": True}
    assert [k.name for k in bench.view.kustomizations] == [f"{FQDN}-bootstrap-kit"]
    assert bench.view.survey is not None
    assert bench.view.survey.cluster_uid == bench.cluster.uid
    assert bench.told >= 1


async def test_a_change_is_seen_and_told(bench: Bench) -> None:
    await bench.up()
    told = bench.told
    bench.cluster.put(RELEASES, release("bp-cilium", ready="False"))
    await bench.until(lambda: bench.releases["bp-cilium"] is False and bench.told > told)
    told = bench.told
    bench.cluster.drop(RELEASES, "bp-flux")
    await bench.until(lambda: "bp-flux" not in bench.releases and bench.told > told)
    told = bench.told
    bench.cluster.put(KUSTOMIZATIONS, kustomization(ready="False"))
    await bench.until(lambda: not bench.view.kustomizations[0].ready and bench.told > told)


async def test_what_makes_no_difference_is_not_told(cluster: FakeCluster) -> None:
    """Zero writes when quiet: neither a label of no interest, nor a bookmark, nor one more survey."""
    bench = Bench(cluster, pace=timedelta(seconds=0.01))
    await bench.up()
    before, surveys = await bench.calm(), cluster.count(NODES)
    same = release("bp-cilium")
    cluster.put(RELEASES, {**same, "metadata": {**same["metadata"], "labels": {"a": "b"}}})
    cluster.bookmark(RELEASES)
    cluster.put(RELEASES, release("bp-last"))
    await bench.until(lambda: "bp-last" in bench.releases and cluster.count(NODES) > surveys + 3)
    assert await bench.calm() == before + 1
    await bench.clusters.close()


async def test_a_burst_is_told_at_once_and_then_together(bench: Bench) -> None:
    await bench.up()
    before, first = await bench.calm(), bench.cluster.version
    seen: list[int] = []
    times: list[float] = []

    def tell() -> None:
        seen.append(len(bench.releases))
        times.append(asyncio.get_running_loop().time())

    bench.clusters.watch(UID, bench.target, bench.access, tell)
    for n in range(200):
        bench.cluster.put(RELEASES, release(f"bp-{n}"))
    await bench.until(lambda: seen and seen[-1] == 202)
    assert seen[0] == 3, "the first change was not told at once"
    # How often it is told depends on how long 200 changes take on this machine, and the pauses do not.
    assert min(later - earlier for earlier, later in pairwise(times)) > QUICK.gather / 2
    assert (bench.told, bench.cluster.version) == (before, first + 200)


async def test_flux_may_come_later(cluster: FakeCluster) -> None:
    """Without its kinds there is nothing to list, which is normal and no fault of the link."""
    async with running(FakeCluster()) as bare:
        bench = Bench(bare)
        bench.watch()
        await bench.until(lambda: bare.count(RELEASES) > 3)
        assert (bench.view.link.state, bench.view.synced) == (Link.UP, False)
        equip(bare)
        await bench.until(lambda: bench.view.synced and len(bench.releases) == 2)
        await bench.clusters.close()


async def test_flux_may_go(bench: Bench) -> None:
    """Then nothing is known of it any more, instead of what was known last."""
    await bench.up()
    del bench.cluster.collections[RELEASES]
    bench.cluster.event(RELEASES, "ERROR", {"code": 404, "message": "gone"})
    await bench.until(lambda: not bench.view.synced and not bench.releases)
    assert bench.view.link.state is Link.UP


async def test_what_lies_in_another_namespace_is_seen_too(bench: Bench) -> None:
    """What is not watched is not absent: the kit may put a component anywhere, and others may depend on it."""
    for path, made in ((RELEASES, release("bp-tenant")), (KUSTOMIZATIONS, kustomization("tenants"))):
        bench.cluster.put(path, {**made, "metadata": {**made["metadata"], "namespace": "tenants"}})
    await bench.up()
    assert "tenants/bp-tenant" in {r.key for r in bench.view.releases}
    assert "tenants/tenants" in {k.key for k in bench.view.kustomizations}


async def test_since_when_it_is_not_seen(bench: Bench) -> None:
    """From the start on until everything was looked at, and again once it is lost sight of."""
    bench.watch()
    begun = bench.clock.now
    assert bench.view.unseen_since == begun
    await bench.up()
    assert bench.view.unseen_since is None
    bench.clock.now += timedelta(minutes=5)
    await bench.cluster.stop()
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    assert bench.view.unseen_since == begun + timedelta(minutes=5)
    bench.clock.now += timedelta(minutes=5)
    await bench.cluster.start()
    await bench.until(lambda: bench.view.link.state is Link.UP)
    assert bench.view.unseen_since is None


async def test_nodes_that_could_not_be_read_are_not_seen(bench: Bench) -> None:
    bench.cluster.fault = lambda r: refusal(500, "no") if r.path == NODES else None
    bench.watch()
    await bench.until(lambda: bench.view.synced and bench.view.survey)
    assert bench.view.unseen_since == bench.clock.now


async def test_a_kustomization_that_is_asked_again_wakes_nobody_who_looks_for_trouble(bench: Bench) -> None:
    """As each few minutes, for ever."""
    pods = "/api/v1/pods"
    bench.cluster.serve(pods, "/api/v1/events", "/api/v1/persistentvolumeclaims")
    await bench.up()
    bench.clusters.look_again(UID)
    await bench.until(lambda: bench.view.survey is not None and bench.view.survey.pods is None)
    looks = bench.cluster.count(pods)
    applied = {"lastAppliedRevision": "main@sha1:1", "lastAttemptedRevision": "main@sha1:1"}
    asked = kustomization(ready="Unknown")
    bench.cluster.put(KUSTOMIZATIONS, {**asked, "status": {**asked["status"], **applied}})
    await bench.until(lambda: not bench.view.kustomizations[0].ready)
    bench.clusters.look_again(UID)
    before = bench.cluster.count(NODES)
    await bench.until(lambda: bench.cluster.count(NODES) > before)
    await bench.calm()
    assert bench.cluster.count(pods) == looks


# --- a link that breaks -----------------------------------------------------------------------------------------------


async def test_an_api_server_that_is_away_is_told_and_nothing_is_lost(bench: Bench) -> None:
    await bench.up()
    bench.clock.now += timedelta(minutes=1)
    since = bench.clock.now
    await bench.cluster.stop()
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    bench.clock.now += timedelta(minutes=1)
    assert (bench.view.link.since, bench.view.link.message) == (since, "connection refused")
    assert (bench.view.synced, len(bench.releases)) == (True, 2), "what was known was forgotten"
    bench.cluster.put(RELEASES, release("bp-late"))
    bench.cluster.drop(RELEASES, "bp-flux")
    await bench.cluster.start()
    await bench.until(lambda: bench.releases == {"bp-cilium": True, "bp-late": True})
    # Another connection's attempt of a moment before may be refused still, and told last.
    await bench.until(lambda: bench.view.link.state is Link.UP)
    assert bench.view.link.since == bench.clock.now
    assert bench.cluster.count(RELEASES, watch=False) == 1, "it could have gone on from where it was"


async def test_a_server_that_was_never_there_is_awaited(cluster: FakeCluster) -> None:
    timings, pauses = counting(QUICK)
    bench = Bench(cluster, timings)
    await cluster.stop()
    bench.watch()
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    assert bench.view.link.message == "connection refused"
    told, since = await bench.calm(), bench.view.link.since
    bench.clock.now += timedelta(minutes=1)
    tried = len(pauses)
    await bench.until(lambda: len(pauses) > tried + 10)
    assert (await bench.calm(), bench.view.link.since) == (told, since), "the same was told again"
    await cluster.start()
    await bench.until(lambda: bench.view.link.state is Link.UP and bench.view.synced)
    await bench.clusters.close()


async def test_a_watch_that_breaks_off_says_nothing_of_the_link(bench: Bench) -> None:
    """An API server, or what is before it, may end a connection at any time."""
    await bench.up()
    told = await bench.calm()
    bench.cluster.event(RELEASES, "ERROR", {"code": 500, "message": "restarting"})
    await bench.until(lambda: bench.cluster.count(RELEASES, watch=True) == 2 and bench.cluster.watching == 2)
    assert (await bench.calm(), bench.view.link.state) == (told, Link.UP)


async def test_a_watch_that_cannot_be_had_does(bench: Bench) -> None:
    """What is seen is getting old then, and nothing may be concluded from it."""
    await bench.up()
    bench.cluster.fault = lambda r: refusal(500, "etcd is slow") if r.path == RELEASES else None
    bench.cluster.event(RELEASES, "ERROR", {"code": 500, "message": "restarting"})
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    assert bench.view.link.message == "etcd is slow"
    told, asked = await bench.calm(), bench.cluster.count(RELEASES)
    await bench.until(lambda: bench.cluster.count(RELEASES) > asked + 3)
    assert await bench.calm() == told, "the same was told again"
    bench.cluster.fault = lambda r: None
    bench.cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: bench.view.link.state is Link.UP and "bp-late" in bench.releases)


async def test_a_link_that_is_dead_without_a_word_is_found(cluster: FakeCluster) -> None:
    """Half open: nothing comes, and nobody says that nothing will."""
    bench = Bench(cluster, replace(QUICK, silence=0.3))
    await bench.up()
    cluster.frozen = True
    cluster.put(RELEASES, release("bp-late"))
    watches = cluster.count(RELEASES, watch=True)
    await bench.until(lambda: cluster.count(RELEASES, watch=True) > watches)
    assert "bp-late" not in bench.releases
    cluster.frozen = False
    cluster.wake()
    await bench.until(lambda: "bp-late" in bench.releases)
    await bench.clusters.close()


async def test_five_black_holes_do_not_disturb_another_cluster(bench: Bench) -> None:
    async with saying(None) as hole:

        async def access() -> Access:
            return bench.cluster.access(servers=(hole,))

        for n in range(5):
            bench.clusters.watch(f"hole-{n}", bench.target, access, bench.changed)
        await bench.up()
        bench.cluster.put(RELEASES, release("bp-late"))
        await bench.until(lambda: "bp-late" in bench.releases)
        await asyncio.wait_for(bench.clusters.close(), PATIENCE)
        assert connections_to(int(hole.partition(":")[2]), bench.cluster.port) == 0


# --- refusals and certificates ----------------------------------------------------------------------------------------


async def test_a_certificate_is_replaced_before_it_ends(cluster: FakeCluster) -> None:
    """What is under way goes on, and only new requests use the new one."""
    bench = Bench(cluster, pace=timedelta(seconds=0.01))
    await bench.up()
    bench.clock.now += timedelta(minutes=44)
    surveys = cluster.count(NODES)
    await bench.until(lambda: cluster.count(NODES) > surveys + 2)
    assert len(bench.minted) == 1
    bench.clock.now += timedelta(minutes=2)
    await bench.until(lambda: len(bench.minted) == 2 and cluster.serials[-1] == serial_of(bench.minted[1]))
    assert (cluster.count(RELEASES, watch=True), cluster.watching) == (1, 2), "a watch was cut"
    cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: "bp-late" in bench.releases)
    await bench.clusters.close()


async def test_one_that_ended_is_replaced_without_a_word(bench: Bench) -> None:
    """As after the operator's machine slept: the server says 401, and a new certificate helps."""
    await bench.up()
    bench.cluster.refused.add(serial_of(bench.minted[0]))
    bench.cluster.event(RELEASES, "ERROR", {"code": 500, "message": "ended"})
    bench.cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: "bp-late" in bench.releases)
    assert len(bench.minted) == 2
    assert bench.links == {Link.UP}
    assert bench.cluster.count(KUSTOMIZATIONS, watch=False) == 1, "what was known was lost"


async def test_a_refusal_that_stays_is_told(bench: Bench) -> None:
    bench.cluster.fault = lambda request: refusal(401, "Unauthorized")
    bench.watch()
    await bench.until(lambda: bench.view.link.state is Link.UNAUTHORIZED)
    assert bench.view.link.message == "Unauthorized"
    assert len(bench.minted) >= 2, "a fresh certificate was not tried"
    bench.cluster.fault = lambda request: None
    await bench.until(lambda: bench.view.synced)
    assert bench.view.link.state is Link.UP


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_for_ten_minutes_it_asks_less_than_once_a_second(cluster: FakeCluster, status: int) -> None:
    """Neither at first nor later, and from whatever was running before."""
    times: list[datetime] = []
    end = asyncio.Event()

    async def sleep(seconds: float) -> None:
        bench.clock.now += timedelta(seconds=seconds)
        if bench.clock.now > begin + timedelta(minutes=10):
            end.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    def refuse(_: web.Request) -> web.Response:
        times.append(bench.clock.now)
        return refusal(status, "not you")

    bench = Bench(cluster, Timings(sleep=sleep, chance=lambda: 0.0))
    begin = bench.clock.now
    bench.mint = lambda: cluster.access(lifetime=timedelta(hours=9))
    cluster.fault = refuse
    bench.watch()
    await asyncio.wait_for(end.wait(), PATIENCE)
    assert bench.view.link.state is Link.UNAUTHORIZED
    assert len(times) > 5, "it gave up"
    assert min(b - a for a, b in pairwise(times)) >= timedelta(seconds=1)
    await bench.clusters.close()


async def test_rights_that_are_taken_away_are_told(bench: Bench) -> None:
    """A single list that is refused is enough: without it there is no verdict."""
    await bench.up()
    bench.cluster.fault = lambda r: refusal(403, "helmreleases is forbidden") if r.path == RELEASES else None
    bench.cluster.event(RELEASES, "ERROR", {"code": 500, "message": "ended"})
    await bench.until(lambda: bench.view.link.state is Link.UNAUTHORIZED)
    assert bench.view.link.message == "helmreleases is forbidden"


async def test_a_stranger_is_told_and_learns_nothing(cluster: FakeCluster) -> None:
    stranger = FakeCluster(authorities.make(datetime.now(UTC)))
    async with running(stranger):
        bench = Bench(cluster)
        bench.mint = lambda: cluster.access(servers=(stranger.server,))
        bench.watch()
        await bench.until(lambda: bench.view.link.state is Link.UNTRUSTED)
        assert "its certificate is not accepted" in bench.view.link.message
        assert stranger.requests == []
        await bench.clusters.close()


async def test_without_a_certificate_it_says_so(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Access:
        raise NotFound(404, "secrets cluster-secrets not found")

    mint, bench.mint = bench.mint, fail
    bench.watch()
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    assert bench.view.link.message == "no certificate can be made for it (secrets cluster-secrets not found)"
    bench.mint = mint
    await bench.until(lambda: bench.view.synced)
    assert caplog.records == []


async def test_the_old_certificate_does_while_no_new_one_can_be_made(cluster: FakeCluster) -> None:
    """The management cluster's API may be away just then."""

    def fail() -> Access:
        failures.append(1)
        raise KeyError("surprise")

    failures: list[int] = []
    bench = Bench(cluster, pace=timedelta(seconds=0.01))
    await bench.up()
    bench.mint = fail
    bench.clock.now += timedelta(minutes=50)
    surveys = cluster.count(NODES)
    await bench.until(lambda: failures and cluster.count(NODES) > surveys + 2)
    assert bench.view.link.state is Link.UP
    bench.clock.now += timedelta(minutes=11)
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    assert bench.view.link.message == "no certificate can be made for it ('surprise')"
    await bench.clusters.close()


# --- several servers, other clusters ----------------------------------------------------------------------------------


async def test_the_first_of_two_servers_may_be_dead(bench: Bench) -> None:
    bench.mint = lambda: bench.cluster.access(servers=("127.0.0.1:1", bench.cluster.server))
    await bench.up()
    assert bench.view.link.state is Link.UP


async def test_a_cluster_made_anew_at_the_same_address_is_another_one(bench: Bench) -> None:
    """Its versions are lower, so that a watch from the old ones would wait for ever."""
    await bench.up()
    old = bench.view.survey
    await bench.cluster.stop()
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    anew = FakeCluster()
    anew.port, anew.uid = bench.cluster.port, "22222222-0000-0000-0000-000000000000"
    anew.put(RELEASES, release("bp-other"))
    anew.serve(KUSTOMIZATIONS)
    async with running(anew):
        await bench.until(lambda: bench.view.synced and bench.releases == {"bp-other": True})
        await bench.until(lambda: bench.view.survey is not None and bench.view.survey.cluster_uid == anew.uid)
        assert bench.view.kustomizations == ()
        assert old is not None
        await bench.clusters.close()


async def test_a_survey_tells_of_another_cluster_as_well(cluster: FakeCluster) -> None:
    """Where an old watch still hangs on a dead link."""
    bench = Bench(cluster, pace=timedelta(seconds=0.05))
    await bench.up()
    cluster.frozen = True
    cluster.uid = "22222222-0000-0000-0000-000000000000"
    cluster.drop(RELEASES, "bp-flux")
    await bench.until(lambda: bench.releases == {"bp-cilium": True})
    assert bench.view.survey is None or bench.view.survey.cluster_uid == cluster.uid
    await bench.clusters.close()


# --- more than is read ------------------------------------------------------------------------------------------------


async def test_a_list_that_is_too_large_is_told_at_once_and_says_nothing_of_what_is_there(bench: Bench) -> None:
    """That it is too much will be so the next time too; what was seen before stays."""
    await bench.up()
    bench.cluster.flood = lambda r: shapes.empty_items() if r.path == RELEASES else None
    bench.cluster.event(RELEASES, "ERROR", {"code": 410, "message": "too old"})
    await bench.until(lambda: bench.view.link.state is Link.TOO_MUCH)
    assert bench.view.link.message == "an answer of more than 4 MiB"
    assert (bench.view.synced, bench.releases) == (True, {"bp-cilium": True, "bp-flux": True})
    bench.cluster.flood = lambda r: None
    bench.cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: "bp-late" in bench.releases)
    bench.cluster.bookmark(RELEASES)
    await bench.until(lambda: bench.view.link.state is Link.UP)


async def test_one_that_is_from_the_start_is_no_empty_cluster(bench: Bench) -> None:
    bench.cluster.flood = lambda r: shapes.empty_items() if r.path == RELEASES else None
    bench.watch()
    await bench.until(lambda: bench.view.link.state is Link.TOO_MUCH)
    assert (bench.view.synced, bench.view.releases) == (False, ())


async def test_a_survey_that_is_too_large_leaves_the_link_as_it_is_and_is_repeated_rarely(cluster: FakeCluster) -> None:
    cluster.flood = lambda r: shapes.empty_items() if r.path == NODES else None
    bench = Bench(cluster, replace(QUICK, too_much=(60.0, 60.0)), pace=timedelta(seconds=0.01))
    await bench.up()
    assert bench.view.survey is not None
    assert (bench.view.survey.nodes, bench.view.survey.too_much) == (None, "an answer of more than 2 MiB")
    cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: "bp-late" in bench.releases)
    assert bench.view.link.state is Link.UP
    assert cluster.count(NODES) == 1
    await bench.clusters.close()


async def test_the_first_question_may_be_answered_with_too_much(bench: Bench) -> None:
    bench.cluster.flood = lambda r: shapes.empty_items()
    bench.watch()
    await bench.until(lambda: bench.view.link.state is Link.TOO_MUCH)
    assert {path for _, path, _ in bench.cluster.requests} == {KUBE_SYSTEM}


async def test_a_cluster_that_is_another_each_time_it_is_asked_makes_no_storm(cluster: FakeCluster) -> None:
    """Each time, all of it would have to be read anew."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(min(seconds, 0.005))

    def anew(request: web.Request) -> None:
        cluster.uid = f"{len(cluster.requests)}"

    cluster.fault = anew
    bench = Bench(cluster, replace(QUICK, failed=(1.0, 30.0), spacing=0.0, calm=60.0, sleep=sleep))
    bench.watch()
    await bench.until(lambda: 30.0 in pauses)
    assert [pause for pause in pauses if pause in (1, 2, 4, 8, 16, 30)][:6] == [1, 2, 4, 8, 16, 30]
    await bench.clusters.close()


async def test_changes_without_end_are_told_rarely(cluster: FakeCluster) -> None:
    """Each time costs a reconcile, and the management cluster's API server some requests."""
    bench = Bench(cluster, replace(QUICK, gather=0.0, told_burst=10, told_every=PATIENCE))
    await bench.up()
    before = await bench.calm()
    for n in range(40):
        cluster.put(RELEASES, release("bp-flux", ready="False", message=str(n)))
        await bench.until(lambda n=n: any(c.message == str(n) for r in bench.view.releases for c in r.conditions))  # type: ignore[misc]
    assert bench.told - before <= 10
    await bench.clusters.close()


# --- the survey and the console ---------------------------------------------------------------------------------------


async def test_it_is_surveyed_often_until_flux_is_there(cluster: FakeCluster) -> None:
    timings, pauses = counting(QUICK)
    bench = Bench(cluster, timings)
    cluster.drop(DEPLOYMENTS, "helm-controller")
    bench.watch()
    await bench.until(lambda: cluster.count(DEPLOYMENTS) > 3)
    available = {"conditions": [{"type": "Available", "status": "True"}]}
    cluster.put(DEPLOYMENTS, {"metadata": {"name": "helm-controller"}, "status": available})
    await bench.until(lambda: bench.view.survey and len(bench.view.survey.deployments or ()) == 3)
    assert max(pauses) < SLOW.total_seconds() / 2
    await bench.until(lambda: max(pauses) > SLOW.total_seconds() / 2)
    await bench.clusters.close()


async def test_one_can_ask_for_a_look(bench: Bench) -> None:
    await bench.up()
    surveys = bench.cluster.count(NODES)
    bench.clusters.look_again(UID)
    await bench.until(lambda: bench.cluster.count(NODES) == surveys + 1)
    bench.clusters.look_again("unknown")


async def test_one_can_ask_to_try_again_at_once(cluster: FakeCluster) -> None:
    bench = Bench(cluster, replace(QUICK, failed=(60.0, 60.0)))
    await cluster.stop()
    bench.watch()
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    await cluster.start()
    bench.clusters.look_again(UID)
    await bench.until(lambda: bench.view.synced)
    await bench.clusters.close()


async def test_what_is_in_trouble_is_looked_for_only_while_something_is(bench: Bench) -> None:
    pods = "/api/v1/pods"
    bench.cluster.serve(pods, "/api/v1/events", "/api/v1/persistentvolumeclaims")
    await bench.up()
    bench.clusters.look_again(UID)
    await bench.until(lambda: bench.view.survey is not None and bench.view.survey.pods is None)
    bench.cluster.put(RELEASES, release("bp-cilium", ready="False"))
    await bench.until(lambda: bench.view.survey is not None and bench.view.survey.pods == ())


async def test_a_survey_that_fails_keeps_the_one_before(bench: Bench) -> None:
    await bench.up()
    before = bench.view.survey
    bench.cluster.fault = lambda r: refusal(500, "slow") if r.path == KUBE_SYSTEM else None
    bench.clusters.look_again(UID)
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    assert bench.view.survey == before


async def test_the_console_is_asked_for_once_there_are_components(cluster: FakeCluster) -> None:
    bench = Bench(cluster)
    bench.console = replace(bench.console, answers=False, message="connection refused")
    bench.target = replace(bench.target, console=True)
    for name in ("bp-cilium", "bp-flux"):
        cluster.drop(RELEASES, name)
    await bench.up()
    assert (bench.asked, bench.view.console) == ([], None)
    cluster.put(RELEASES, release("bp-cilium"))
    await bench.until(lambda: len(bench.asked) > 2)
    assert bench.asked[0] == ("203.0.113.7", FQDN)
    assert bench.view.console is not None
    assert bench.view.console.message == "connection refused"
    told = bench.told
    bench.console = replace(bench.console, answers=True, message="")
    await bench.until(lambda: bench.view.console is not None and bench.view.console.answers)
    assert bench.told > told
    await bench.clusters.close()


async def test_the_console_is_not_asked_for_where_it_does_not_count(bench: Bench) -> None:
    await bench.up()
    assert bench.asked == []


async def test_a_defect_ends_no_watch(cluster: FakeCluster, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in what it tells, nor in the console's probe."""
    bench = Bench(cluster)
    bench.target = replace(bench.target, console=True)

    async def broken(address: str, fqdn: str) -> ConsoleView:
        bench.asked.append((address, fqdn))
        raise KeyError("surprise")

    bench.clusters = Clusters(RemoteCluster, broken, bench.clock, QUICK)
    with caplog.at_level(logging.ERROR):
        await bench.up()
        await bench.until(lambda: len(bench.asked) > 2)
    assert "surprise" in caplog.text
    cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: "bp-late" in bench.releases)
    await bench.clusters.close()


# --- beginning again, and the end -------------------------------------------------------------------------------------


async def test_watching_again_is_harmless_and_takes_over_what_is_new(bench: Bench) -> None:
    await bench.up()
    heard: list[str] = []
    access = bench.access
    bench.clusters.watch(UID, replace(bench.target, pace=timedelta(seconds=0.01)), access, lambda: heard.append("new"))
    surveys, told = bench.cluster.count(NODES), bench.told
    await bench.until(lambda: bench.cluster.count(NODES) > surveys + 3)
    bench.cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: heard)
    assert (bench.told, len(bench.minted), bench.cluster.count(RELEASES, watch=True)) == (told, 1, 1)


async def test_another_target_is_another_watch(bench: Bench) -> None:
    await bench.up()
    async with running(FakeCluster()) as other:
        other.put(RELEASES, release("bp-other"))
        other.serve(KUSTOMIZATIONS)
        bench.mint = other.access
        bench.watch(replace(bench.target, addresses=("127.0.0.2",)))
        assert (bench.view.link.state, bench.view.releases) == (Link.CONNECTING, ())
        await bench.until(lambda: bench.releases == {"bp-other": True})
        await bench.until(lambda: connections_to(bench.cluster.port) == 0)
        await bench.clusters.forget(UID)
        assert connections_to(bench.cluster.port, other.port) == 0


async def test_what_is_forgotten_has_no_connection_and_tells_nothing(bench: Bench) -> None:
    await bench.up()
    assert connections_to(bench.cluster.port) >= 2
    bench.cluster.put(RELEASES, release("bp-late"))
    await bench.until(lambda: "bp-late" in bench.releases)
    bench.cluster.put(RELEASES, release("bp-later"))
    await bench.clusters.forget(UID)
    told = bench.told
    assert (connections_to(bench.cluster.port), bench.clusters.view(UID)) == (0, None)
    bench.cluster.put(RELEASES, release("bp-last"))
    assert await bench.calm() == told
    await bench.clusters.forget(UID)


async def test_forgetting_closes_what_does_not_answer(bench: Bench) -> None:
    """A dead link would never answer a farewell."""
    await bench.up()
    bench.cluster.frozen = True
    await asyncio.wait_for(bench.clusters.forget(UID), PATIENCE)
    assert connections_to(bench.cluster.port) == 0


async def test_what_was_left_is_closed_with_the_rest(bench: Bench) -> None:
    """Forgetting right after another target waits for the old connection as well."""
    await bench.up()
    bench.watch(replace(bench.target, fqdn="other.omani.works"))
    await bench.clusters.forget(UID)
    assert connections_to(bench.cluster.port) == 0
    bench.watch()
    bench.watch(replace(bench.target, fqdn="third.omani.works"))
    await bench.clusters.close()
    assert connections_to(bench.cluster.port) == 0
