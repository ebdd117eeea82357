"""Thirty Sovereigns of three owners at once: limits hold, turns are fair, everybody is told, whoever restarts.

The runs are dry runs; Job controller and kubelet are the test's: a run goes on until the test ends it.
"""

from __future__ import annotations

import base64
import gzip
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from catalyst_operator.adapters.git.repository_looks import RepositoryLooks
from catalyst_operator.adapters.project.preflights import Preflights
from catalyst_operator.adapters.project.project_looks import ProjectLooks
from catalyst_operator.api import labels
from catalyst_operator.api.scalars import format_time
from catalyst_operator.core import naming
from catalyst_operator.core.queue.order import RunLimits
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.queue import WorkQueue
from catalyst_operator.reconcilers.run_queue import RunQueue
from catalyst_operator.reconcilers.sovereign import Key, SovereignReconciler
from e2e.support.waiting import until
from tests.support import fake_kube, gen
from tests.support.fake_kube import FakeApi, Object
from tests.support.outside import all_offered, any_repository, outside, own_project

LIMITS = RunLimits(operator=4, project=2, namespace=3)
WANTED = {"flood": 20, "second": 5, "third": 5}
"""Owner, by its namespace -> how many Sovereigns it asks for, all in a project of its own."""
STATE = {"tfstate": base64.b64encode(gzip.compress(b'{"serial": 7, "lineage": "l"}')).decode()}
TOTAL = sum(WANTED.values())
PATIENCE = 120.0


class World:
    """What the owners asked for, and what becomes of it."""

    def __init__(self, wanted: Mapping[str, int] = WANTED, limits: RunLimits = LIMITS) -> None:
        self.api = FakeApi()
        self.limits = limits
        self.ended: list[str] = []
        """Owners in the order in which their runs ended, which is that in which they began."""
        self.api.put("namespaces", {"metadata": {"name": gen.HOME}})
        for owner, count in wanted.items():
            self.api.put("namespaces", {"metadata": {"name": owner}})
            token = base64.b64encode(owner[0].encode() * 64).decode()
            self.api.put("secrets", {"metadata": {"name": "hcloud", "namespace": owner}, "data": {"token": token}})
            for number in range(count):
                self._ask(owner, f"s{number:02}")

    def _ask(self, owner: str, name: str) -> None:
        domain = {"mode": "pool", "fqdn": f"{owner}-{name}.omani.works"}
        place = gen.meta(name=name, namespace=owner, finalizers=[])
        self.api.put("sovereigns", gen.raw_sovereign(place, gen.spec(dryRun=True, domain=domain)))

    def all(self) -> list[Object]:
        return self.api.all("sovereigns")

    def running(self) -> list[Object]:
        """The open Jobs, the oldest first. The limits hold."""
        jobs = [job for job in self.api.all("jobs") if "status" not in job]
        owners = Counter(map(owner_of, jobs))
        assert len(jobs) <= self.limits.operator, owners
        assert all(count <= min(self.limits.project, self.limits.namespace) for count in owners.values()), owners
        return sorted(jobs, key=lambda job: int(job["metadata"]["resourceVersion"]))

    def end(self, job: Object) -> Key:
        """Its Pod has planned, and the Job is complete. Whose it was."""
        meta, template = job["metadata"], job["spec"]["template"]
        self.ended.append(owner_of(job))
        told = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": meta["name"]}
        place = {"name": f"{meta['name']}-x", "namespace": meta["namespace"], "labels": told}
        self.api.put("pods", {"metadata": place, "spec": template["spec"], "status": _planned(template["spec"])})
        complete = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
        self.api.change(fake_kube.Key("jobs", meta["namespace"], meta["name"]), lambda o: o.update(complete))
        return Key(told[labels.LABEL_SOVEREIGN_NAMESPACE], told[labels.LABEL_SOVEREIGN])

    def delete(self, key: Key) -> None:
        """Of one that was applied, as far as its state tells."""
        place = fake_kube.Key("sovereigns", key.namespace, key.name)
        space = self.told(key)["runNamespace"]
        self.api.put("secrets", {"metadata": {"name": naming.STATE_SECRET, "namespace": space}, "data": STATE})
        self.api.change(place, lambda o: o["spec"].update(deletionProtection=False))
        self.api.change(place, lambda o: o["metadata"].update(deletionTimestamp=format_time(gen.NOW)))

    def places(self) -> list[tuple[str, int, int]]:
        """Of those that wait: owner, place, of how many."""
        operations = [(one["metadata"]["namespace"], _operation(one)) for one in self.all()]
        return sorted(
            (owner, told["queue"]["position"], told["queue"]["of"]) for owner, told in operations if "queue" in told
        )

    def told(self, key: Key) -> Object:
        """Its status."""
        found = self.api.get("sovereigns", key.namespace, key.name)
        assert found is not None
        status: Object = found["status"]
        return status

    def done(self) -> int:
        return sum(_reason(one) == "DryRun" for one in self.all())


def owner_of(job: Object) -> str:
    owner: str = job["metadata"]["labels"][labels.LABEL_SOVEREIGN_NAMESPACE]
    return owner


def _operation(sovereign: Object) -> dict[str, Any]:
    return (sovereign.get("status") or {}).get("lastOperation") or {}


def _reason(sovereign: Object) -> str:
    found = (sovereign.get("status") or {}).get("conditions", ())
    return next((c["reason"] for c in found if c["type"] == "Ready"), "")


def _planned(spec: Object) -> Object:
    at = format_time(gen.NOW)

    def over(name: str) -> Object:
        message = gen.GATE_MESSAGE if name == "plan-gate" else ""
        ended = {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at, "message": message}
        return {"name": name, "state": {"terminated": ended}}

    kinds = {"initContainerStatuses": "initContainers", "containerStatuses": "containers"}
    return {"phase": "Succeeded", **{told: [over(c["name"]) for c in spec[given]] for told, given in kinds.items()}}


class Operator:
    """One that knows nothing but what it finds."""

    def __init__(self, world: World) -> None:
        self._client = world.api.client()
        self._around = outside(
            self._client,
            runs=RunQueue(world.limits),
            projects=ProjectLooks(own_project, lambda: gen.NOW),
            preflights=Preflights(all_offered, lambda: gen.NOW),
            repositories=RepositoryLooks(any_repository, lambda: gen.NOW),
        )
        clock = lambda: gen.NOW  # noqa: E731
        metrics = Metrics(CollectorRegistry())
        settings = replace(gen.SETTINGS, limits=world.limits)
        reconciler = SovereignReconciler(self._client, self._around, settings, metrics, clock=clock)
        self.passes: Counter[Key] = Counter()

        async def reconcile(key: Key) -> Any:
            again = await reconciler.reconcile(key)
            self.passes[key] += 1
            return again

        self.queue: WorkQueue[Key] = WorkQueue(reconcile)
        reconciler.wake = self.queue.wake
        self._around.runs.wake = lambda namespace, name: self.queue.wake(Key(namespace, name))
        self._world = world

    async def start(self) -> None:
        await self._around.runs.fill(self._client)
        for one in self._world.all():
            self.queue.wake(Key(one["metadata"]["namespace"], one["metadata"]["name"]))

    async def close(self) -> None:
        await self.queue.close()
        await self._around.close()


def _run(world: World, count: int) -> bool:
    return len(world.running()) >= count


async def test_thirty_at_once_take_turns_whoever_floods_and_whenever_the_operator_restarts() -> None:
    world = World()
    soon = partial(until, seconds=PATIENCE)
    first = Operator(world)
    await first.start()
    await soon(lambda: len(world.places()) == TOTAL - LIMITS.operator and _run(world, LIMITS.operator))
    began = [job["metadata"]["name"] for job in world.running()]
    told = next(one for one in world.all() if "queue" in _operation(one))
    assert _operation(told)["description"].startswith("Waiting: ")
    await first.close()

    second = Operator(world)
    await second.start()
    await soon(lambda: len(second.passes) == TOTAL)
    assert [job["metadata"]["name"] for job in world.running()] == began, "a new operator starts nothing out of turn"
    while jobs := world.running():
        second.queue.wake(world.end(jobs[0]))
        left = TOTAL - len(world.ended)
        # Towards the end only the flood is left, and its project's limit is narrower than the operator's.
        await soon(partial(_run, world, min(LIMITS.project, left)))
    await soon(lambda: world.done() == TOTAL)
    await second.close()
    early = Counter(world.ended[:12])
    assert early["second"] >= 3 <= early["third"], f"the flood came first and filled the queue: {world.ended}"
    assert world.places() == []


async def test_a_deletion_is_first_within_its_namespace() -> None:
    """Whoever waits longer waits for it: it ends what costs."""
    world = World({"owner": 4}, RunLimits(project=1))
    soon = partial(until, seconds=PATIENCE)
    operator = Operator(world)
    await operator.start()
    await soon(lambda: _run(world, 1) and len(world.places()) == 3)
    gone = world.end(world.running()[0])
    operator.queue.wake(gone)
    await soon(lambda: world.done() == 1 and _run(world, 1) and len(world.places()) == 2)
    world.delete(gone)
    operator.queue.wake(gone)
    await soon(lambda: "queue" in world.told(gone)["lastOperation"])
    assert world.told(gone)["lastOperation"]["queue"]["position"] == 1
    operator.queue.wake(world.end(world.running()[0]))
    await soon(partial(_run, world, 1))
    [job] = world.running()
    await operator.close()
    assert job["metadata"]["name"].startswith("destroy-")
    assert job["metadata"]["labels"][labels.LABEL_SOVEREIGN] == gone.name
