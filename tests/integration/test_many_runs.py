"""Thirty Sovereigns of three owners at once, on a real API server: limits hold, turns are fair, and everybody is told.

The runs are dry runs, and Job controller and kubelet are the test's: a Job stays open until the test ends it.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from catalyst_operator.adapters.git.repository_looks import RepositoryLooks
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.project.preflights import Preflights
from catalyst_operator.adapters.project.project_looks import ProjectLooks
from catalyst_operator.api import labels
from catalyst_operator.api.scalars import format_time
from catalyst_operator.clock import now
from catalyst_operator.core import naming
from catalyst_operator.core.queue.order import RunLimits
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.queue import WorkQueue
from catalyst_operator.reconcilers.run_queue import RunQueue
from catalyst_operator.reconcilers.sovereign import Key, SovereignReconciler
from e2e.support.waiting import LOOK_EVERY
from tests.integration import actors
from tests.integration.actors import NAMESPACES
from tests.integration.admission import sovereign, sovereigns
from tests.integration.apiserver import Api, ApiServer
from tests.support import gen
from tests.support.outside import all_offered, any_repository, outside, own_project

pytestmark = pytest.mark.integration

Object = dict[str, Any]
LIMITS = RunLimits(operator=4, project=2, namespace=3)
WANTED = {"flood": 20, "second": 5, "third": 5}
"""Owner -> how many Sovereigns it asks for, all in a project of its own."""
PATIENCE = 300.0
DONE = "DryRun"


class World:
    """What the owners asked for, and what becomes of it."""

    def __init__(self, api: Api, wanted: Mapping[str, int] = WANTED, limits: RunLimits = LIMITS) -> None:
        self.api = api
        self.wanted = wanted
        self.limits = limits
        self.owner: dict[str, str] = {}
        """Namespace -> owner."""
        self.started: list[str] = []
        """Owners in the order in which their runs began."""
        self._ended: set[str] = set()

    def ask(self) -> None:
        for owner, count in self.wanted.items():
            name = self.api.create(NAMESPACES, {"metadata": {"generateName": f"{owner}-"}})["metadata"]["name"]
            self.owner[name] = owner
            secret = {"metadata": {"name": "hetzner-token"}, "stringData": {"token": owner[0].upper() * 64}}
            self.api.create(f"{NAMESPACES}/{name}/secrets", secret)
            for number in range(count):
                edits = {"dryRun": True, "domain.fqdn": f"{owner}-{number:02}.omani.works"}
                self.api.create(sovereigns(name), sovereign(edits, f"s{number:02}"))

    def all(self) -> list[Object]:
        return [one for name in self.owner for one in self.api.get(sovereigns(name))["items"]]

    def keys(self) -> list[Key]:
        return [Key(one["metadata"]["namespace"], one["metadata"]["name"]) for one in self.all()]

    def wake_all(self, queue: WorkQueue[Key]) -> None:
        for key in self.keys():
            queue.wake(key)

    def open_jobs(self) -> list[Object]:
        """Also notes in which order they came."""
        selector = f"{labels.LABEL_ROLE}={labels.ROLE_RUN}"
        found = self.api.request("GET", "/apis/batch/v1/jobs", labelSelector=selector)["items"]
        mine = [job for job in found if job["metadata"]["labels"][labels.LABEL_SOVEREIGN_NAMESPACE] in self.owner]
        return [job for job in mine if job["metadata"]["uid"] not in self._ended]

    def delete(self, key: Key) -> None:
        """Of one that was applied, as far as its state tells."""
        path = f"{sovereigns(key.namespace)}/{key.name}"
        space = self.api.get(path)["status"]["runNamespace"]
        state = base64.b64encode(gzip.compress(b'{"serial": 7, "lineage": "l"}')).decode()
        secret = {"metadata": {"name": naming.STATE_SECRET}, "data": {"tfstate": state}}
        actors.run(self.api, space).create(f"{NAMESPACES}/{space}/secrets", secret)
        self.api.patch(path, {"spec": {"deletionProtection": False}})
        self.api.delete(path)

    def place(self, key: Key) -> tuple[int, int] | None:
        """In the queue, as its status tells it."""
        told = self.api.get(f"{sovereigns(key.namespace)}/{key.name}").get("status", {}).get("lastOperation", {})
        return (told["queue"]["position"], told["queue"]["of"]) if "queue" in told else None

    def owner_of(self, job: Object) -> str:
        return self.owner[job["metadata"]["labels"][labels.LABEL_SOVEREIGN_NAMESPACE]]

    def startable(self) -> int:
        """How many runs the limits let be under way, of those that have not ended."""
        ended = Counter(self.started)
        each = min(self.limits.project, self.limits.namespace)
        return min(self.limits.operator, sum(min(each, count - ended[owner]) for owner, count in self.wanted.items()))

    def end(self, job: Object) -> Key:
        """Its Pod has planned, and the Job is complete."""
        self._ended.add(job["metadata"]["uid"])
        self.started.append(self.owner_of(job))
        meta, template = job["metadata"], job["spec"]["template"]
        told = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": meta["name"]}
        pods = f"{NAMESPACES}/{meta['namespace']}/pods"
        metadata = {"name": f"{meta['name']}-x", "labels": told, "finalizers": template["metadata"]["finalizers"]}
        controller = actors.controller(self.api, "job-controller")
        controller.create(pods, {"metadata": metadata, "spec": template["spec"]})
        controller.patch(f"{pods}/{metadata['name']}/status", {"status": _planned(template["spec"])})
        return Key(told[labels.LABEL_SOVEREIGN_NAMESPACE], told[labels.LABEL_SOVEREIGN])


def _planned(spec: Object) -> Object:
    at = format_time(datetime.now(UTC))

    def over(name: str) -> Object:
        message = gen.GATE_MESSAGE if name == "plan-gate" else ""
        ended = {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at, "message": message}
        rest = {"ready": False, "restartCount": 0, "image": "i", "imageID": "i"}
        return {"name": name, "state": {"terminated": ended}, **rest}

    return {
        "phase": "Succeeded",
        "initContainerStatuses": [over(container["name"]) for container in spec["initContainers"]],
        "containerStatuses": [over(container["name"]) for container in spec["containers"]],
    }


@asynccontextmanager
async def operating(server: ApiServer, limits: RunLimits = LIMITS) -> AsyncIterator[tuple[WorkQueue[Key], set[Key]]]:
    """An operator that knows nothing but what it finds; and whom it has looked at."""
    client: Kube = actors.kube(server)
    around = outside(
        client,
        runs=RunQueue(limits),
        projects=ProjectLooks(own_project, now),
        preflights=Preflights(all_offered, now),
        repositories=RepositoryLooks(any_repository, now),
    )
    reconciler = SovereignReconciler(client, around, replace(gen.SETTINGS, limits=limits), Metrics(CollectorRegistry()))
    looked: set[Key] = set()

    async def reconcile(key: Key) -> timedelta | None:
        again = await reconciler.reconcile(key)
        looked.add(key)
        return again

    queue: WorkQueue[Key] = WorkQueue(reconcile)
    reconciler.wake = queue.wake
    around.runs.wake = lambda namespace, name: queue.wake(Key(namespace, name))
    await around.runs.fill(client)
    try:
        yield queue, looked
    finally:
        await queue.close()
        await around.close()
        await client.close()


def check(world: World) -> list[Object]:
    """The limits hold. The open Jobs."""
    jobs = world.open_jobs()
    assert len(jobs) <= world.limits.operator
    owners = Counter(map(world.owner_of, jobs))
    assert all(count <= min(world.limits.project, world.limits.namespace) for count in owners.values()), owners
    return jobs


def places(world: World) -> dict[str, list[tuple[int, int]]]:
    """Owner -> the places in the queue that its Sovereigns tell, in order."""
    told: dict[str, list[tuple[int, int]]] = {owner: [] for owner in world.wanted}
    for one in world.all():
        place = one.get("status", {}).get("lastOperation", {}).get("queue")
        if place:
            told[world.owner[one["metadata"]["namespace"]]].append((place["position"], place["of"]))
    return {owner: sorted(found) for owner, found in told.items()}


def done(world: World) -> int:
    return sum(
        any(c["type"] == "Ready" and c["reason"] == DONE for c in one.get("status", {}).get("conditions", ()))
        for one in world.all()
    )


@pytest.mark.slow
async def test_thirty_at_once_take_turns_whoever_floods_and_whenever_the_operator_restarts(
    api: Api, apiserver: ApiServer
) -> None:
    world, total = World(api), sum(WANTED.values())
    world.ask()
    waiting = total - LIMITS.operator
    async with operating(apiserver) as (queue, _):
        world.wake_all(queue)
        await soon(lambda: sum(map(len, places(world).values())) == waiting)
        await soon(partial(_run_at_least, world, LIMITS.operator))
        first = check(world)
        told = next(c["message"] for c in _waiting(world)["conditions"] if c["type"] == "Ready")
        assert told.startswith("Waiting: ")
        assert "under way, and at most" in told
    async with operating(apiserver) as (queue, looked):
        world.wake_all(queue)
        await soon(lambda: len(looked) == total)
        jobs = check(world)
        assert _uids(jobs) == _uids(first), "a new operator starts nothing whose turn it is not"
        while jobs:
            queue.wake(world.end(jobs[0]))
            await soon(partial(_run_at_least, world, world.startable()))
            jobs = check(world)
        await soon(lambda: done(world) == total)
    early = Counter(world.started[:12])
    assert early["second"] >= 3 <= early["third"], f"the flood came first and filled the queue: {world.started}"
    assert sum(map(len, places(world).values())) == 0


async def test_a_deletion_is_first_within_its_namespace(api: Api, apiserver: ApiServer) -> None:
    """Whoever waits longer waits for it: it ends what costs."""
    limits = RunLimits(project=1)
    world = World(api, {"owner": 4}, limits)
    world.ask()
    async with operating(apiserver, limits) as (queue, _):
        world.wake_all(queue)
        await soon(partial(_run_at_least, world, 1))
        gone = world.end(check(world)[0])
        queue.wake(gone)
        await soon(lambda: done(world) == 1 and _run_at_least(world, 1) and len(places(world)["owner"]) == 2)
        world.delete(gone)
        queue.wake(gone)
        await soon(lambda: world.place(gone) == (1, 3))
        queue.wake(world.end(check(world)[0]))
        await soon(partial(_run_at_least, world, 1))
        [job] = check(world)
    assert job["metadata"]["name"].startswith("destroy-")
    assert job["metadata"]["labels"][labels.LABEL_SOVEREIGN] == gone.name


async def soon(holds: Callable[[], object]) -> None:
    """Within what a busy machine takes. The look is a thread's: the operator works in this event loop."""
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - what an API server holds sets no event
            await asyncio.sleep(LOOK_EVERY)


def _run_at_least(world: World, count: int) -> bool:
    return len(check(world)) >= count


def _uids(objects: list[Object]) -> set[str]:
    return {one["metadata"]["uid"] for one in objects}


def _waiting(world: World) -> Object:
    found = (one["status"] for one in world.all())
    status: Object = next(status for status in found if status.get("lastOperation", {}).get("queue"))
    return status
