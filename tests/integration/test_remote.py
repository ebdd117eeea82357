"""Watching a real API server with minted certificates and the rights that first boot gives, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from catalyst_operator.adapters.kube import SECRETS
from catalyst_operator.adapters.new_cluster.clusters import Clusters, Timings
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.core.access.identity import OBSERVER, SEEDER, Access
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView, ConsoleView, Link
from catalyst_operator.errors import Refused, Unauthorized, Untrusted
from tests.integration.apiserver import ApiError
from tests.integration.new_cluster import NewCluster, new_cluster, wait_until
from tests.support.fake_cluster import FQDN, connections_to, listed

pytestmark = pytest.mark.integration

FLUX = "/namespaces/flux-system"
RELEASES = f"/apis/helm.toolkit.fluxcd.io/v2{FLUX}/helmreleases"
ELSEWHERE = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/tenants/helmreleases"
KUSTOMIZATIONS = f"/apis/kustomize.toolkit.fluxcd.io/v1{FLUX}/kustomizations"
PROMPT = 0.2
PATIENCE = 20.0
UID = "sovereign"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewCluster]:
    """One that has just booted: the tests below let it grow, in this order."""
    with new_cluster(tmp_path_factory.mktemp("new-cluster")) as cluster:
        yield cluster


class Bench:
    """The operator's eye on it."""

    def __init__(self, cluster: NewCluster) -> None:
        self.cluster = cluster
        self.told = asyncio.Event()
        self.times = 0
        timings = Timings(failed=(0.1, 0.5), refused=(1.0, 1.0), absent=0.1, eager=0.2, spacing=0.1)
        self.clusters = Clusters(RemoteCluster, self.probe, partial(datetime.now, UTC), timings)
        self.access = partial(cluster.access, OBSERVER)

    def watch(self) -> None:
        target = Target(("127.0.0.1",), FQDN, "203.0.113.7", console=False, pace=timedelta(minutes=10))
        self.clusters.watch(UID, target, self.mint, self.changed)

    async def mint(self) -> Access:
        return self.access()

    async def probe(self, address: str, fqdn: str) -> ConsoleView:
        raise AssertionError("the console was not to be asked for")

    def changed(self) -> None:
        self.times += 1
        self.told.set()

    @property
    def view(self) -> ClusterView:
        found = self.clusters.view(UID)
        assert found is not None
        return found

    @property
    def releases(self) -> dict[str, int]:
        return {release.name: release.generation for release in self.view.releases}

    async def until(self, condition: Callable[[], object], patience: float = PATIENCE) -> float:
        """Wait until it was told of something; how long that took."""
        begin = time.monotonic()
        async with asyncio.timeout(patience):
            while not condition():
                self.told.clear()
                await self.told.wait()
        return time.monotonic() - begin


@pytest.fixture
async def bench(cluster: NewCluster) -> AsyncIterator[Bench]:
    bench = Bench(cluster)
    yield bench
    await bench.clusters.close()


def release(name: str, chart: str = "1.0.0") -> dict[str, Any]:
    source = {"kind": "HelmRepository", "name": "openova"}
    spec = {"interval": "15m", "chart": {"spec": {"chart": name, "version": chart, "sourceRef": source}}}
    meta = {"name": name, "namespace": "flux-system"}
    return {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": meta, "spec": spec}


def create(cluster: NewCluster, name: str) -> None:
    cluster.api.create(RELEASES, release(name))


async def test_from_a_bare_cluster_to_one_with_flux(cluster: NewCluster, bench: Bench) -> None:
    """First it refuses, since it has no roles; then it has no kinds; then there is something to see."""
    bench.watch()
    await bench.until(lambda: bench.view.link.state is Link.UNAUTHORIZED)
    assert "catalyst-observer" in bench.view.link.message
    await asyncio.to_thread(cluster.install_rights)
    await bench.until(lambda: bench.view.link.state is Link.UP and bench.view.survey)
    assert bench.view.synced is False
    await asyncio.to_thread(cluster.install_flux)
    await bench.until(lambda: bench.view.synced)
    assert bench.view.link.state is Link.UP


async def test_each_change_is_seen_promptly(cluster: NewCluster, bench: Bench) -> None:
    bench.watch()
    await bench.until(lambda: bench.view.synced)
    await asyncio.to_thread(create, cluster, "bp-cilium")
    assert await bench.until(lambda: "bp-cilium" in bench.releases) < PROMPT
    await asyncio.to_thread(cluster.api.patch, f"{RELEASES}/bp-cilium", {"spec": {"interval": "1m"}})
    assert await bench.until(lambda: bench.releases["bp-cilium"] == 2) < PROMPT
    await asyncio.to_thread(cluster.api.delete, f"{RELEASES}/bp-cilium")
    assert await bench.until(lambda: "bp-cilium" not in bench.releases) < PROMPT


async def test_what_the_kit_puts_into_other_namespaces_is_seen_with_the_rights_of_first_boot(
    cluster: NewCluster, bench: Bench
) -> None:
    """HelmReleases, and the source of a chart that nobody could fetch yet."""
    await asyncio.to_thread(put_elsewhere, cluster)
    bench.watch()
    await bench.until(lambda: bench.view.synced and bench.view.survey)
    assert "tenants/bp-tenant" in {r.key for r in bench.view.releases}
    (found,) = (r for r in bench.view.releases if r.name == "bp-tenant")
    assert found.chart == "OCIRepository/tenants/bp-tenant"
    assert found.chart in {s.reference for s in (bench.view.survey.sources or () if bench.view.survey else ())}
    await asyncio.to_thread(cluster.api.delete, f"{ELSEWHERE}/bp-tenant")
    assert await bench.until(lambda: "bp-tenant" not in bench.releases) < PROMPT


def put_elsewhere(cluster: NewCluster) -> None:
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": "tenants"}})
    made = release("bp-tenant")
    reference = {"kind": "OCIRepository", "name": "bp-tenant"}
    meta = {"name": "bp-tenant", "namespace": "tenants"}
    cluster.api.create(ELSEWHERE, {**made, "metadata": meta, "spec": {"interval": "15m", "chartRef": reference}})
    kind = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "metadata": meta}
    spec = {"interval": "15m", "url": "oci://registry.example/bp-tenant"}
    cluster.api.create("/apis/source.toolkit.fluxcd.io/v1/namespaces/tenants/ocirepositories", {**kind, "spec": spec})


async def test_a_survey_asks_for_nothing_that_is_not_there_or_not_allowed(cluster: NewCluster, bench: Bench) -> None:
    """A selector that is not supported, or a list without a right to it, would leave a gap for ever."""
    await asyncio.to_thread(put_into, cluster)
    bench.watch()
    await bench.until(lambda: bench.view.survey)
    found = bench.view.survey
    assert found is not None
    assert found.cluster_uid == cluster.api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    assert [node.name for node in found.nodes or ()] == ["omantel-control-plane-0"]
    assert [(c.name, c.default) for c in found.storage_classes or ()] == [("local-path", True)]
    assert [(c.namespace, c.name) for c in found.claims or ()] == [("flux-system", "data-0")]
    assert [e.reason for e in found.events or () if e.kind == "Pod"] == ["FailedMount"]
    assert None not in vars(found).values()


def put_into(cluster: NewCluster) -> None:
    """A node, a class, a claim, and two events of which one is a warning."""
    api = cluster.api
    api.create("/api/v1/nodes", {"metadata": {"name": "omantel-control-plane-0"}})
    marks = {"storageclass.kubernetes.io/is-default-class": "true"}
    body = {"metadata": {"name": "local-path", "annotations": marks}, "provisioner": "rancher.io/local-path"}
    api.create("/apis/storage.k8s.io/v1/storageclasses", body)
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    api.create(f"/api/v1{FLUX}/persistentvolumeclaims", {"metadata": {"name": "data-0"}, "spec": spec})
    about = {"kind": "Pod", "namespace": "flux-system", "name": "a"}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for type_, reason in (("Warning", "FailedMount"), ("Normal", "Pulled")):
        event = {"type": type_, "reason": reason, "involvedObject": about, "lastTimestamp": now}
        api.create(f"/api/v1{FLUX}/events", {"metadata": {"generateName": "a-"}, **event})


async def test_an_api_server_that_comes_back_is_seen_whole(cluster: NewCluster, bench: Bench) -> None:
    bench.watch()
    await bench.until(lambda: bench.view.synced)
    for name in ("bp-cilium", "bp-flux"):
        await asyncio.to_thread(create, cluster, name)
    await bench.until(lambda: len(bench.releases) == 2)
    await asyncio.to_thread(cluster.stop)
    await bench.until(lambda: bench.view.link.state is Link.DOWN)
    assert bench.view.link.message == "connection refused"
    assert set(bench.releases) == {"bp-cilium", "bp-flux"}, "what was known was forgotten"
    await asyncio.to_thread(cluster.start)
    await asyncio.to_thread(cluster.api.delete, f"{RELEASES}/bp-flux")
    await asyncio.to_thread(create, cluster, "bp-late")
    await bench.until(lambda: bench.view.link.state is Link.UP and set(bench.releases) == {"bp-cilium", "bp-late"})
    assert bench.view.synced


async def test_a_list_says_the_same_as_the_watch(cluster: NewCluster, bench: Bench) -> None:
    """Otherwise a list after an interruption would look like a change of everything."""
    bench.watch()
    await bench.until(lambda: bench.view.synced)
    await asyncio.to_thread(cluster.api.patch, f"{RELEASES}/bp-cilium", {"spec": {"interval": "2m"}})
    await bench.until(lambda: bench.releases["bp-cilium"] > 1)
    watched = bench.view.releases
    await bench.clusters.forget(UID)
    bench.watch()
    await bench.until(lambda: bench.view.synced)
    assert bench.view.releases == watched
    assert [release.kind for release in watched] == ["HelmRelease"] * len(watched)


async def test_after_forgetting_no_connection_is_open(cluster: NewCluster, bench: Bench) -> None:
    bench.watch()
    await bench.until(lambda: bench.view.synced and bench.view.survey)
    assert connections_to(cluster.port) >= 2
    await bench.clusters.forget(UID)
    assert connections_to(cluster.port) == 0


async def test_the_seeder_fills_secrets_that_it_cannot_read(cluster: NewCluster) -> None:
    async with RemoteCluster(cluster.access(SEEDER)) as seeder:
        with pytest.raises(Refused):
            await seeder.get(SECRETS, "flux-system", "catalyst-crossplane")
        await seeder.merge(SECRETS, "flux-system", "catalyst-crossplane", {"data": {"token": "eA=="}})
        with pytest.raises(Refused):
            await seeder.merge(SECRETS, "flux-system", "other", {"data": {}})
    stored = await asyncio.to_thread(cluster.api.get, f"/api/v1{FLUX}/secrets/catalyst-crossplane")
    assert stored["data"] == {"token": "eA=="}


async def test_a_certificate_that_ended_is_refused(cluster: NewCluster) -> None:
    """With a 401, which is what makes the operator mint another one."""
    async with RemoteCluster(cluster.access(OBSERVER, timedelta(seconds=-1))) as observer:
        with pytest.raises(Unauthorized):
            await listed(observer, SECRETS, "flux-system")


async def test_a_stranger_with_the_same_name_is_not_trusted(cluster: NewCluster, tmp_path: Any) -> None:
    other = NewCluster(tmp_path / "other", "")
    other.port = cluster.port
    async with RemoteCluster(other.access(OBSERVER)) as observer:
        with pytest.raises(Untrusted):
            await listed(observer, SECRETS, "flux-system")


def test_what_the_tests_ask_for_is_refused_to_strangers(cluster: NewCluster) -> None:
    """The API server of these tests does judge who asks."""
    wait_until(cluster.api.is_ready, "it answers")
    nobody = type(cluster.api)(cluster.api.url, "wrong", cluster.api.ca)
    with pytest.raises(ApiError, match="Unauthorized"):
        nobody.get(RELEASES)
