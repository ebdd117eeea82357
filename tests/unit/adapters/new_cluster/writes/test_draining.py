"""Emptying nodes: only the very node, only what has to move, and a report whatever the cluster answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.writes import draining
from catalyst_operator.core.access.draining import DrainReport, LeavingNode, movable
from catalyst_operator.core.access.identity import Access
from tests.support.fake_cluster import NODES, FakeCluster, refusal, running
from tests.support.gen import NOW

PODS = "/api/v1/pods"
NODE = LeavingNode("worker-0", "uid-0")
DAEMON_SET: dict[str, Any] = {"ownerReferences": [{"kind": "DaemonSet", "controller": True}]}
STATIC: dict[str, Any] = {"annotations": {"kubernetes.io/config.mirror": "x"}}


def pod(name: str, *, phase: str = "Running", **meta: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", **meta}
    return {"metadata": metadata, "spec": {"nodeName": NODE.name}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("raw", "moves", "why"),
    [
        (pod("web"), True, "any Pod"),
        (pod("web", ownerReferences=[{"kind": "ReplicaSet", "controller": True}]), True, "its owner makes another"),
        (pod("web", deletionTimestamp="2026-11-30T12:00:00Z"), True, "it is on its way, and waited for"),
        (pod("agent", **DAEMON_SET), False, "its DaemonSet would make it again at once"),
        (pod("etcd", **STATIC), False, "the kubelet runs it, whatever the API says"),
        (pod("job", phase="Succeeded"), False, "it has ended"),
        (pod("../../nodes"), False, "no name of an object"),
        (pod("web", uid=7), False, "no UID"),
        ({"metadata": [], "status": "x"}, False, "no Pod at all"),
        (None, False, "nothing"),
    ],
)
def test_what_has_to_move(raw: Any, moves: bool, why: str) -> None:
    assert (movable(raw) is not None) is moves, why


def bodies(cluster: FakeCluster, content: str) -> list[Any]:
    """What was sent as this type of content."""
    return [body for type_, body in cluster.bodies if type_ == content]


async def one(act: Callable[..., Any], cluster: FakeCluster, node: LeavingNode = NODE) -> DrainReport:
    async def access() -> Access:
        return cluster.access()

    report: DrainReport = await act(RemoteCluster, access, nodes=(node,), key="first", clock=lambda: NOW)
    return report


def with_pods(cluster: FakeCluster, *pods: dict[str, Any]) -> list[str]:
    """The cluster's node and Pods; returns the list of those that are evicted. One called db is held by a budget."""
    evicted: list[str] = []

    def answer(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("/eviction"):
            name = request.path.split("/")[-2]
            if name == "db":
                return refusal(429, "Cannot evict pod as it would violate the pod's disruption budget.")
            if name == "guarded":
                return refusal(500, "This pod has more than one PodDisruptionBudget")
            evicted.append(name)
            return web.json_response({"kind": "Status", "status": "Success"})
        return None

    cluster.fault = answer
    cluster.put(NODES, {"metadata": {"name": NODE.name, "uid": NODE.uid}, "spec": {}})
    cluster.serve(PODS)
    for raw in pods:
        cluster.put(PODS, raw)
    return evicted


async def test_a_round_closes_the_node_and_asks_each_pod_once() -> None:
    async with running(FakeCluster()) as cluster:
        evicted = with_pods(cluster, pod("web"), pod("db"), pod("guarded"), pod("agent", **DAEMON_SET))
        report = await one(draining.drain, cluster)
        assert evicted == ["web"]
        assert (report.left, report.held, report.trouble) == (3, 2, "")
        assert report.pods == ("shop/db", "shop/guarded", "shop/web"), "what is held comes first"
        assert bodies(cluster, "application/json-patch+json")[0] == [
            {"op": "test", "path": "/metadata/uid", "value": NODE.uid},
            {"op": "add", "path": "/spec/unschedulable", "value": True},
        ]
        asked = bodies(cluster, "application/json")
        assert {body["metadata"]["name"]: body["deleteOptions"]["preconditions"] for body in asked} == {
            name: {"uid": f"uid-{name}"} for name in ("web", "db", "guarded")
        }
        assert ("GET", PODS) in {(method, path) for method, path, _ in cluster.requests}
        assert all(
            query["fieldSelector"] == f"spec.nodeName={NODE.name}"
            for method, path, query in cluster.requests
            if (method, path) == ("GET", PODS)
        )


REFUSALS = {
    "busy": (429, "Too many requests, please try again later."),
    "webhook": (500, 'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": no endpoints'),
    "policy": (400, 'admission webhook "validate.kyverno.svc-fail" denied the request: not during business hours'),
    "silent": (429, ""),
    "rights": (403, 'pods "rights" is forbidden: User "system:node-remover" cannot create resource "pods/eviction"'),
}
"""What API servers answer to an eviction besides a budget's 429. Busy: https://github.com/kubernetes/website/pull/31982;
a policy engine that is away: https://github.com/kyverno/kyverno/issues/3039."""


def refusing(cluster: FakeCluster, *names: str) -> None:
    """The cluster's node with Pods that are refused as they are called."""
    answered = with_pods(cluster, *map(pod, names))
    inner = cluster.fault

    def answer(request: web.Request) -> web.StreamResponse | None:
        name = request.path.split("/")[-2]
        return refusal(*REFUSALS[name]) if request.path.endswith("/eviction") and name in REFUSALS else inner(request)

    assert answered == [] and inner is not None
    cluster.fault = answer


@pytest.mark.parametrize("name", REFUSALS)
async def test_what_holds_a_pod_is_told_in_the_clusters_words_unless_it_is_a_budget(name: str) -> None:
    async with running(FakeCluster()) as cluster:
        refusing(cluster, "db", name)
        report = await one(draining.drain, cluster)
        assert (report.left, report.held, report.trouble) == (2, 2, "")
        status, words = REFUSALS[name]
        assert report.why == f"shop/{name}: {words or f'HTTP status {status}'}"


async def test_budgets_need_no_words() -> None:
    async with running(FakeCluster()) as cluster:
        with_pods(cluster, pod("db"), pod("guarded"))
        assert (await one(draining.drain, cluster)).why == ""


async def test_a_pod_whose_namespace_is_being_deleted_goes_with_it() -> None:
    """https://github.com/kubernetes/kops/issues/5988: nothing can be made in such a namespace, evictions included."""
    async with running(FakeCluster()) as cluster:
        words = "unable to create new content in namespace shop because it is being terminated"
        with_pods(cluster, pod("web"))
        cluster.fault = lambda request: (
            refusal(403, f'pods "web" is forbidden: {words}') if request.path.endswith("/eviction") else None
        )
        report = await one(draining.drain, cluster)
        assert (report.left, report.held, report.why) == (1, 0, "")


async def test_a_pod_that_is_on_its_way_is_not_asked_again() -> None:
    """https://github.com/kubernetes/kubernetes/issues/91141: its budget, which counts it already, would hold it for as
    long as it takes to end."""
    async with running(FakeCluster()) as cluster:
        with_pods(cluster, pod("db", deletionTimestamp="2026-11-30T12:00:00Z"))
        report = await one(draining.drain, cluster)
        assert (report.left, report.held) == (1, 0)
        assert not [path for _, path, _ in cluster.requests if path.endswith("/eviction")]


async def test_nothing_left_is_told() -> None:
    async with running(FakeCluster()) as cluster:
        with_pods(cluster, pod("agent", **DAEMON_SET))
        assert await one(draining.drain, cluster) == DrainReport("first", NOW)


async def test_nodes_are_opened_again() -> None:
    async with running(FakeCluster()) as cluster:
        with_pods(cluster)
        assert await one(draining.reopen, cluster) == DrainReport("first", NOW)
        (body,) = bodies(cluster, "application/json-patch+json")
        assert body[1] == {"op": "add", "path": "/spec/unschedulable", "value": False}


@pytest.mark.parametrize(
    ("answer", "lasting"),
    [(refusal(403, "nodes is forbidden"), True), (refusal(503, "etcd is down"), False)],
    ids=["no right to it, as on an older cluster", "broken"],
)
async def test_what_stands_in_the_way_is_told(answer: web.Response, lasting: bool) -> None:
    async with running(FakeCluster()) as cluster:
        cluster.fault = lambda request: web.Response(
            status=answer.status, body=json.dumps({"message": "no"}), content_type="application/json"
        )
        report = await one(draining.drain, cluster)
        assert (report.lasting, bool(report.trouble), report.left) == (lasting, True, 0)


async def test_another_node_of_the_name_is_left_alone() -> None:
    """The API server compares; it answers 422 where a test does not hold."""
    async with running(FakeCluster()) as cluster:
        cluster.fault = lambda request: refusal(422, "the test did not hold") if request.method == "PATCH" else None
        assert await one(draining.drain, cluster) == DrainReport("first", NOW)
        assert [method for method, _, _ in cluster.requests] == ["PATCH"]


async def test_a_cluster_that_takes_its_time_does_not_get_more_than_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(FakeCluster()) as cluster:
        monkeypatch.setattr(draining, "ROUND_SECONDS", 0.2)

        async def slow() -> Access:
            await asyncio.Event().wait()
            raise AssertionError

        report = await draining.drain(RemoteCluster, slow, nodes=(NODE,), key="first", clock=lambda: NOW)
        assert report.trouble == "the new cluster answers too slowly"
        assert cluster.requests == []
