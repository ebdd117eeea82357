"""A survey: what could not be read is told from what is not there, and a huge cluster costs little."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from catalyst_operator.adapters.new_cluster import survey
from catalyst_operator.adapters.new_cluster.intake import Intake
from catalyst_operator.adapters.new_cluster.limits import IntakeLimits
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.core.phase1.views import DeploymentView, StorageClassView, Survey
from catalyst_operator.errors import Refused, Unauthorized, Unavailable
from tests.support.fake_cluster import (
    DEPLOYMENTS,
    GIT_REPOSITORIES,
    KUBE_SYSTEM,
    NODES,
    FakeCluster,
    flux_object,
    refusal,
    running,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
AN_HOUR_AGO = "2026-11-25T11:00:00Z"
SOURCE = "/apis/source.toolkit.fluxcd.io"
SPACE = "/namespaces/flux-system"
OCI_BETA = f"{SOURCE}/v1beta2{SPACE}/ocirepositories"
OF_ALL = f"{SOURCE}/v1/helmcharts"
OCI_BETA_OF_ALL = f"{SOURCE}/v1beta2/ocirepositories"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
PODS, CLAIMS, EVENTS = "/api/v1/pods", "/api/v1/persistentvolumeclaims", "/api/v1/events"
CERTIFICATES, REQUESTS = "/apis/cert-manager.io/v1/certificates", "/apis/cert-manager.io/v1/certificaterequests"
ORDERS = "/apis/acme.cert-manager.io/v1/orders"
LISTS = (NODES, DEPLOYMENTS, GIT_REPOSITORIES, CLASSES, PODS, CLAIMS, EVENTS)

Object = dict[str, Any]


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    """An empty cluster without cert-manager."""
    async with running(FakeCluster()) as cluster:
        cluster.serve(*LISTS)
        yield cluster


async def look(cluster: FakeCluster, *, kit_settled: bool = False, **limits: Any) -> Survey:
    async with RemoteCluster(cluster.access(), Intake(IntakeLimits(**limits))) as api:
        return await survey.survey(api, lambda: NOW, kit_settled=kit_settled)


def named(name: str, namespace: str = "", **fields: Any) -> Object:
    return {"metadata": {"name": name, "creationTimestamp": AN_HOUR_AGO, "namespace": namespace}, **fields}


def pod(name: str, reason: str = "ImagePullBackOff") -> Object:
    waiting = {"name": "main", "state": {"waiting": {"reason": reason, "message": "denied"}}}
    return named(name, "keycloak", status={"phase": "Pending", "containerStatuses": [waiting]})


def event(name: str, minutes_ago: int) -> Object:
    at = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return named(name, "keycloak", lastTimestamp=at, message=name, involvedObject={"kind": "Pod", "name": "x"})


def certificate(name: str, ready: str, namespace: str = "istio", kind: str = "Certificate") -> Object:
    found = flux_object(kind, "cert-manager.io/v1", name, ready)
    return {**found, "metadata": {**found["metadata"], "namespace": namespace}}


# --- what there is ----------------------------------------------------------------------------------------------------


async def test_an_empty_cluster(cluster: FakeCluster) -> None:
    found = await look(cluster)
    assert found == Survey(NOW, cluster.uid, (), (), (), (), (), (), (), ())


async def test_what_is_there_is_seen(cluster: FakeCluster) -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    cluster.put(NODES, named("omantel-control-plane-0", status=ready))
    cluster.put(DEPLOYMENTS, named("helm-controller", status={"conditions": []}))
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    cluster.put(CLASSES, {"metadata": {"name": "local-path", "annotations": default}})
    cluster.put(GIT_REPOSITORIES, flux_object("GitRepository", "source.toolkit.fluxcd.io/v1", "openova-public"))
    found = await look(cluster)
    assert [(node.name, node.ready) for node in found.nodes or ()] == [("omantel-control-plane-0", True)]
    assert found.deployments == (DeploymentView("helm-controller", False),)
    assert found.storage_classes == (StorageClassView("local-path", True),)
    assert [(s.kind, s.name) for s in found.sources or ()] == [("GitRepository", "openova-public")]


async def test_a_kind_of_source_that_is_still_a_beta_is_seen(cluster: FakeCluster) -> None:
    """OCIRepositories of the Flux that the default release has."""
    cluster.put(OCI_BETA, flux_object("OCIRepository", "source.toolkit.fluxcd.io/v1beta2", "charts"))
    assert [s.kind for s in (await look(cluster)).sources or ()] == ["OCIRepository"]


async def test_a_source_of_another_namespace_is_kept_while_it_is_not_as_it_should_be(cluster: FakeCluster) -> None:
    """A chart may come from anywhere, and somebody may have many sources that have nothing to do with the kit."""
    for name, ready in (("fine", "True"), ("broken", "False")):
        cluster.put(OF_ALL, elsewhere(flux_object("HelmChart", "source.toolkit.fluxcd.io/v1", name, ready)))
    beta = flux_object("OCIRepository", "source.toolkit.fluxcd.io/v1beta2", "refused", "False")
    cluster.put(OCI_BETA_OF_ALL, elsewhere(beta))
    cluster.put(OF_ALL, flux_object("HelmChart", "source.toolkit.fluxcd.io/v1", "of-flux", "False"))
    assert [s.reference for s in (await look(cluster)).sources or ()] == [
        "HelmChart/charts/broken",
        "OCIRepository/charts/refused",
    ]


async def test_of_many_that_are_not_only_some_are_kept(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "MAX_KEPT", 3)
    for n in range(9):
        cluster.put(OF_ALL, elsewhere(flux_object("HelmChart", "source.toolkit.fluxcd.io/v1", f"c-{n}", "False")))
    cluster.put(GIT_REPOSITORIES, flux_object("GitRepository", "source.toolkit.fluxcd.io/v1", "openova-public"))
    assert [s.name for s in (await look(cluster)).sources or ()] == ["openova-public", "c-0", "c-1", "c-2"]


async def test_once_the_kit_is_settled_sources_of_other_namespaces_are_left_alone(cluster: FakeCluster) -> None:
    await look(cluster, kit_settled=True)
    assert OF_ALL not in {path for _, path, _ in cluster.requests}


def elsewhere(found: Object) -> Object:
    """The same, in another namespace."""
    return {**found, "metadata": {**found["metadata"], "namespace": "charts"}}


# --- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 429, 500])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        (DEPLOYMENTS, "deployments"),
        (GIT_REPOSITORIES, "sources"),
        (CLASSES, "storage_classes"),
        (CLAIMS, "claims"),
        (PODS, "pods"),
        (EVENTS, "events"),
    ],
)
async def test_a_list_that_cannot_be_read_leaves_the_others(
    cluster: FakeCluster, path: str, field: str, status: int
) -> None:
    cluster.fault = lambda r: refusal(status, "no") if r.path == path else None
    found = await look(cluster)
    assert {name for name, value in vars(found).items() if value is None} == {field}


async def test_nodes_and_certificates_that_cannot_be_read(cluster: FakeCluster) -> None:
    cluster.fault = lambda r: refusal(500, "no") if r.path in (NODES, CERTIFICATES) else None
    found = await look(cluster)
    assert (found.nodes, found.certificates) == (None, ())


async def test_silence_is_not_a_survey(cluster: FakeCluster) -> None:
    """It would say that nothing is known, and take the place of one that knows."""

    def cut(request: web.Request) -> None:
        if request.path == CLASSES and request.transport:
            request.transport.close()

    cluster.fault = cut
    with pytest.raises(Unavailable):
        await look(cluster)


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (403, Refused), (404, Unavailable)])
async def test_who_may_not_even_ask_which_cluster_it_is_asks_no_more(
    cluster: FakeCluster, status: int, error: type[Exception]
) -> None:
    cluster.fault = lambda r: refusal(status, "no") if r.path == KUBE_SYSTEM else None
    with pytest.raises(error):
        await look(cluster)
    assert len(cluster.requests) == 1


async def test_objects_of_any_form_are_survived(cluster: FakeCluster) -> None:
    for path in (*LISTS, CERTIFICATES, ORDERS):
        cluster.put(path, {"metadata": {"name": "strange"}, "spec": 1, "status": ["x"], "involvedObject": 7})
    found = await look(cluster)
    assert [node.name for node in found.nodes or ()] == ["strange"]
    assert None not in vars(found).values()


# --- what is in trouble -----------------------------------------------------------------------------------------------


async def test_only_what_is_in_trouble_is_kept(cluster: FakeCluster) -> None:
    cluster.put(PODS, pod("keycloak-0"))
    cluster.put(PODS, named("keycloak-1", "keycloak", status={"phase": "Running"}))
    cluster.put(CLAIMS, named("data-0", "gitea", status={"phase": "Pending"}, spec={}))
    cluster.put(CLAIMS, named("data-1", "gitea", status={"phase": "Bound"}, spec={}))
    found = await look(cluster)
    assert [p.name for p in found.pods or ()] == ["keycloak-0"]
    assert [c.name for c in found.claims or ()] == ["data-0"]


async def test_pods_that_ended_are_not_even_asked_for(cluster: FakeCluster) -> None:
    await look(cluster)
    queries = {path: query.get("fieldSelector") for _, path, query in cluster.requests}
    assert queries[PODS] == "status.phase!=Succeeded,status.phase!=Failed"
    assert queries[EVENTS] == "type=Warning"


async def test_events_are_the_newest_of_the_last_half_hour(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last is the newest, whatever the order of their names."""
    monkeypatch.setattr(survey, "MAX_KEPT", 3)
    for name, minutes_ago in (("a", 2), ("b", 31), ("c", 29), ("d", 1), ("e", 20)):
        cluster.put(EVENTS, event(name, minutes_ago))
    assert [e.message for e in (await look(cluster)).events or ()] == ["e", "a", "d"]


async def test_once_the_kit_is_settled_nobody_looks_for_causes(cluster: FakeCluster) -> None:
    found = await look(cluster, kit_settled=True)
    assert (found.pods, found.claims, found.events) == (None, None, None)
    assert not {PODS, CLAIMS, EVENTS} & {path for _, path, _ in cluster.requests}


async def test_a_huge_cluster_is_not_read_to_its_end(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """For causes of trouble the beginning is enough."""
    monkeypatch.setattr(survey, "MAX_KEPT", 5)
    for n in range(500):
        cluster.put(PODS, pod(f"pod-{n:03}"))
    found = await look(cluster, page=10, list_objects=50)
    assert len(found.pods or ()) == 5
    assert cluster.count(PODS) == 5
    assert found.too_much == ""


# --- certificates -----------------------------------------------------------------------------------------------------


async def test_only_certificates_that_are_not_ready_are_told(cluster: FakeCluster) -> None:
    cluster.put(CERTIFICATES, certificate("wildcard", "False"))
    cluster.put(CERTIFICATES, certificate("internal", "True", "gitea"))
    cluster.put(REQUESTS, certificate("wildcard-1", "False", kind="CertificateRequest"))
    cluster.put(ORDERS, named("wildcard-1-2", "istio", kind="Order", status={"state": "errored", "reason": "429"}))
    found = (await look(cluster)).certificates
    assert [(c.kind, c.name) for c in found] == [
        ("Certificate", "wildcard"),
        ("CertificateRequest", "wildcard-1"),
        ("Order", "wildcard-1-2"),
    ]


async def test_old_attempts_for_a_certificate_that_is_there_are_not(cluster: FakeCluster) -> None:
    """A request that failed a week ago stays, and says nothing of today."""
    cluster.put(CERTIFICATES, certificate("internal", "False", "gitea"))
    cluster.put(CERTIFICATES, certificate("wildcard", "True"))
    cluster.put(REQUESTS, certificate("wildcard-1", "False", kind="CertificateRequest"))
    assert [c.name for c in (await look(cluster)).certificates] == ["internal"]


async def test_a_request_whose_condition_knows_no_generation_is_ready(cluster: FakeCluster) -> None:
    cluster.put(CERTIFICATES, certificate("wildcard", "False"))
    done = certificate("wildcard-1", "True", kind="CertificateRequest")
    done["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    cluster.put(REQUESTS, done)
    assert [c.name for c in (await look(cluster)).certificates] == ["wildcard"]
