"""A world for the real operator to live in: an API server in memory, and around it everything else, simulated.

The operator's half is real (observer, decision, executor, status writer, adapters); cluster, OpenTofu, cloud and people
are not. The world checks after each change, whoever made it, that what must always hold does hold.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr, ValidationError

from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.git.repository_looks import RepositoryLooks
from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.project.preflights import Preflights
from catalyst_operator.adapters.project.project_looks import ProjectLooks
from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import conditions, naming, record
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.kit.repository import RepositoryQuestion, RepositoryView
from catalyst_operator.core.phase1.views import ClusterView, NodeView
from catalyst_operator.core.project.identity import ForeignMember, ProjectAnswer, ProjectQuestion
from catalyst_operator.core.project.preflight import CloudView, SizeOffer, Wanted
from catalyst_operator.errors import (
    ApiError,
    CloudUnauthorized,
    CloudUnavailable,
    CorruptRecord,
    NotFound,
    Refused,
    Unavailable,
)
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.sovereign import Key as SovereignKey
from catalyst_operator.reconcilers.sovereign import SovereignReconciler
from tests.support import cluster, gen, new_cluster, tofu
from tests.support.cluster import Cluster, key_of
from tests.support.fake_kube import Crash, FakeApi, Key, Object, Request
from tests.support.outside import FakeClusters, outside
from tests.support.tofu import Broken, Cloud, OpenTofu

SECRET = Key("secrets", "team-a", "hcloud")
SOVEREIGN = Key("sovereigns", "team-a", "omantel")
RECORD = Key("configmaps", gen.SPACE, naming.RECORD)
WRONG_TOKEN = "Wrong0Token0" + "y" * 52


class World:
    """One Sovereign's world. `enabled` lists the steps of the cluster that could happen next."""

    settings = gen.SETTINGS
    """Of the operator."""

    def __init__(self, *mods: gen.RawMod) -> None:
        self.now = gen.NOW
        self.api = FakeApi(self.clock)
        self.api.guarded = True
        self.cloud = Cloud()
        self.tofu = OpenTofu(self.api, self.cloud, self.clock)
        self.cluster = Cluster(self.api, self.tofu, self.clock, self._check_single)
        self.events: list[str] = []
        """What happened, for the reader of a failure."""
        self.late: list[Request] = []
        """Requests whose answer was lost, and which have not arrived yet."""
        self.refs = {GitRef(branch="main"), GitRef(tag=gen.SETTINGS.default_git_tag)}
        """Of the Git repository that the new cluster is to follow."""
        self.foreign: tuple[ForeignMember, ...] = ()
        """Who else is in the Sovereign's network."""
        self.joined: dict[str, int] = {}
        """Node of the new cluster -> which server of its name it is."""
        self.cordoned: set[str] = set()
        """Nodes that take no new Pods."""
        self.shop: dict[str, list[str]] = {}
        """Node -> Pods of the owner's that run there."""
        self.budgeted: set[str] = set()
        """Pods that a budget holds where they are."""
        self.wake = True
        self.timer: datetime | None = None
        self.reconciles = 0
        self.orphaned = False
        """Whether the Sovereign went with policy Orphan: its objects may stay."""
        self._ran: dict[int, str] = {}
        self._strays: set[str] = set()
        self._stamp = 0
        self.resync: timedelta | None = None
        """How often the operator looks although nothing was heard; never, so that a world can come to rest."""
        self.api.on_change = self._changed
        for name in ("team-a", gen.HOME):
            self.api.put("namespaces", {"metadata": {"name": name}})
        self.set_token(gen.TOKEN)
        raw = gen.raw_sovereign(*mods)
        raw["metadata"].pop("finalizers")
        self.api.put("sovereigns", raw)
        self.api.change(SOVEREIGN, lambda o: o["metadata"].update(uid=gen.UID))
        self.restart()

    def fork(self) -> World:
        """Another world that stands where this one came to rest."""
        other = World()
        other.api.take_over(self.api)
        other.cloud.objects.update(self.cloud.objects)
        other.cloud.sizes.update(self.cloud.sizes)
        other.cloud.ids.update(self.cloud.ids)
        other.joined.update(self.joined)
        other.now = self.now
        return other

    def clock(self) -> datetime:
        """The time that everybody sees."""
        return self.now

    # --- the operator -------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """A new process of the operator: it remembers nothing, lists everything, and so is woken."""
        client = self.api.client()
        self.logs = RunLogs(client)
        self.projects = ProjectLooks(self._look_whose, self.clock)
        self.preflights = Preflights(self._look, self.clock)
        self.foreseen: tuple[type[Exception], ...] = (ApiError, CorruptRecord)
        """Errors after which the queue tries again; any other ends the test."""
        metrics = Metrics(CollectorRegistry())
        self.clusters = _Healthy(self)
        self._outside = outside(
            client,
            logs=self.logs,
            projects=self.projects,
            crossplane_projects=ProjectLooks(self._look_whose, self.clock),
            preflights=self.preflights,
            repositories=RepositoryLooks(self._read, self.clock),
            clusters=self.clusters,
            connect=lambda _: NewClusterApi(self),
        )
        self._reconciler = SovereignReconciler(
            client, self._outside, self.settings, metrics, clock=self.clock, resync=self.resync
        )
        self._reconciler.wake = lambda _: self._wake()
        self._wake()

    async def close(self) -> None:
        """The end of the operator's process."""
        await self._outside.close()

    async def _look_whose(self, token: SecretStr, _: ProjectQuestion) -> ProjectAnswer:
        """What the project has of the Sovereign."""
        there = self.cloud.project(token.get_secret_value())
        if not self.cloud.answers_looks:
            raise CloudUnavailable("Hetzner's API did not answer")
        if there is None:
            raise CloudUnauthorized("Hetzner does not know this token")
        found = sorted(name for name, uid in there.items() if uid == gen.UID)
        return ProjectAnswer(found[0] if found else "", self.foreign)

    async def _look(self, token: SecretStr, wanted: Wanted) -> CloudView:
        """What the project answers to the preflight."""
        if self.cloud.project(token.get_secret_value()) is None:
            raise CloudUnauthorized("Hetzner does not know this token")
        asked = {size for ladder in wanted.sizes.values() for size in ladder}
        offers = {size: {wanted.location: SizeOffer(available=size not in self.cloud.sold_out)} for size in asked}
        return CloudView(offers=offers, architectures=dict.fromkeys(asked, "x86"))

    async def _read(self, _owner: str, repository: Repository, question: RepositoryQuestion) -> RepositoryView:
        """What the Git repository answers to the look before anything is spent."""
        if repository.followed not in self.refs:
            return RepositoryView(default_branch="main")
        return RepositoryView(new_cluster.REVISION.rpartition(":")[2], "main")

    async def reconcile(self) -> None:
        """One reconcile, as the work queue runs it: an error of the API is tried again soon, a crash is a restart."""
        self.wake, self.timer = False, None
        self.reconciles += 1
        try:
            again = await self._reconciler.reconcile(SovereignKey(SOVEREIGN.namespace, SOVEREIGN.name))
        except self.foreseen as error:
            self.events.append(f"reconcile failed: {error}")
            self.timer = self.now + timedelta(seconds=1)
        except Crash:
            self.events.append("operator crashed")
            self.restart()
        else:
            self.timer = None if again is None else self.now + again

    def _wake(self) -> None:
        self.wake = True

    # --- what can be seen ---------------------------------------------------------------------------------------------

    @property
    def sovereign(self) -> Object | None:
        """The Sovereign as it lies in the API server."""
        return self.api.get(*SOVEREIGN)

    @property
    def status(self) -> Object:
        """Its status, {} if there is none."""
        found: Object = (self.sovereign or {}).get("status") or {}
        return found

    def condition(self, type_: str) -> Object:
        """A condition of the Sovereign, {} if absent."""
        return next((c for c in self.status.get("conditions") or () if c["type"] == type_), {})

    def wanted(self) -> set[str]:
        """The cloud objects that the spec asks for."""
        spec = (self.sovereign or {})["spec"]
        return tofu.wanted(spec.get("workers", {}).get("replicas", 0), spec["controlPlane"].get("replicas", 1))

    def pods(self) -> list[Object]:
        """The Pods of runs."""
        return self.api.all("pods")

    def jobs(self) -> list[Object]:
        """The Jobs of runs."""
        return self.api.all("jobs")

    def record(self) -> record.Record | None:
        """The record, if there is one."""
        text = (self.api.get(*RECORD) or {}).get("data", {}).get("record.json")
        return record.from_json(text) if text else None

    # --- people -------------------------------------------------------------------------------------------------------

    def set_token(self, token: str | None) -> None:
        """The owner writes the credential Secret, or removes it."""
        self.api.remove(*SECRET)
        if token is not None:
            data = {"token": base64.b64encode(token.encode()).decode()}
            self.api.put("secrets", {"metadata": {"name": SECRET.name, "namespace": SECRET.namespace}, "data": data})

    def token(self) -> str | None:
        """What the owner's Secret holds."""
        found = self.api.get(*SECRET)
        return base64.b64decode(found["data"]["token"]).decode() if found else None

    def edit(self, **spec: Any) -> None:
        """The owner edits the spec, if the Sovereign is still there."""
        if self.sovereign is not None:
            self.api.change(SOVEREIGN, gen.spec(**spec))

    def rebuild(self, server: str) -> None:
        """The owner asks for a server to be made again; empty: for none."""
        name = f"{naming.cluster_name('omantel', gen.UID)}-{server}" if server else ""
        self.api.change(SOVEREIGN, gen.annotated(rebuild=name))

    def annotate(self, name: str) -> None:
        """The owner sets one of our annotations to a value that was not there before."""
        self._stamp += 1
        if self.sovereign is not None:
            self.api.change(SOVEREIGN, gen.annotated(**{name: f"at-{self._stamp}"}))

    def delete(self) -> None:
        """The owner deletes the Sovereign, protected or not (a CRD's deletion does so, past admission)."""
        self.api.remove(*SOVEREIGN)

    def delete_job(self) -> None:
        """Somebody deletes the latest Job."""
        for job in sorted(self.jobs(), key=_attempt)[-1:]:
            self.api.remove(*key_of("jobs", job))

    def delete_pod(self) -> None:
        """Somebody deletes a run's Pod, or drains its node."""
        for pod in sorted(self.pods(), key=_attempt)[-1:]:
            self.api.remove(*key_of("pods", pod))

    def forget_ids(self) -> None:
        """The record is one of an operator that knew no ids of servers."""
        found = self.record()
        assert found is not None
        assert found.outputs is not None
        older = replace(found, outputs=replace(found.outputs, server_ids={}))
        self.api.change(RECORD, lambda o: o["data"].update({"record.json": record.to_json(older)}))

    # --- the cluster --------------------------------------------------------------------------------------------------

    def enabled(self) -> list[Callable[[], None]]:
        """What could happen next, one small step each."""
        return [*self.cluster.enabled(), *(partial(self._arrive, request) for request in self.late)]

    def _arrive(self, request: Request) -> None:
        """A request takes effect long after its sender gave it up."""
        self.late.remove(request)
        if request.key.plural == "jobs" and request.method == "POST":
            self._strays.add(request.body["metadata"]["name"])
        self.api.replay(request)

    def evict_pod(self) -> None:
        """The kubelet evicts a run's Pod."""
        self._fail(reason="Evicted")

    def kill_pod(self) -> None:
        """The kernel kills what runs in a Pod: out of memory."""
        self._fail(reason="")

    def _fail(self, reason: str) -> None:
        for pod in self.pods():
            if not cluster.ended(pod) and any("running" in s["state"] for s in cluster.statuses(pod)):
                self.cluster.fail(pod, 137, reason)

    # --- what must always hold ----------------------------------------------------------------------------------------

    def _changed(self, key: Key, before: Object | None, after: Object | None) -> None:
        """Called by the API server with every change: wakes the operator as its watches do, and checks."""
        if key.plural in ("sovereigns", "jobs", "pods"):
            self.wake = True
        if key == SOVEREIGN and before is not None:
            self._check_sovereign(before, after)
        if key.plural == "pods" and before is not None:
            self._check_evidence(before, after)
        if key.plural == "jobs" and before is None:
            self._check_one_job()

    def _check_sovereign(self, before: Object, after: Object | None) -> None:
        if after is None:
            self.orphaned = before["spec"].get("deletionPolicy") == "Orphan"
            if self.cloud.objects and not self.orphaned:
                raise Broken(f"the finalizer was removed while the cloud still has {sorted(self.cloud.objects)}")
        elif after.get("status") != before.get("status"):
            self._check_status(before, after)

    def _check_status(self, before: Object, after: Object) -> None:
        try:
            new, old = Sovereign.parse(after), Sovereign.parse(before)
        except ValidationError as error:
            raise Broken(f"the schema refuses the status: {error}") from error
        wrong = conditions.violations(new.status.conditions, new.metadata.generation)
        wrong += gen.undocumented(new.status.conditions)
        wrong += _wrong_times(old.status.conditions, new.status.conditions, self.now.replace(microsecond=0))
        if new.status.observed_generation != new.metadata.generation:
            wrong.append("the status was written over a spec that it does not speak of")
        if old.status.outputs and not new.status.outputs:
            wrong.append("outputs were forgotten")
        if wrong:
            raise Broken("; ".join(wrong))

    def _check_evidence(self, before: Object, after: Object | None) -> None:
        """A Pod is let go once its end is in the record, and not before."""
        if not _held(before) or _held(after):
            return
        attempt = _attempt(before)
        found = self.record()
        if found is None or any(r.active for r in found.runs if r.attempt == attempt):
            raise Broken(f"Pod of attempt {attempt} was let go before its end was recorded")
        if not cluster.ended(before) and not (cluster.going(before) and not cluster.scheduled(before)):
            raise Broken(f"Pod of attempt {attempt} was let go while it was running")

    def _check_one_job(self) -> None:
        """Two runs are never made to work at once. One whose creation arrived late is for the state's lock to stop."""
        jobs = [job for job in self.jobs() if job["metadata"]["name"] not in self._strays]
        live = [job["metadata"]["name"] for job in jobs if not self._over(job)]
        if len(live) > 1:
            raise Broken(f"two Jobs are live: {live}")
        at_work = [p["metadata"]["name"] for p in self.pods() if cluster.at_work(p) and _job_of(p) not in self._strays]
        if live and at_work:
            raise Broken(f"Job {live} was created while {at_work} still runs")

    def _over(self, job: Object) -> bool:
        mine = (pod for pod in self.pods() if cluster.owned(pod, job))
        return not cluster.open_(job) or any(map(cluster.over, mine))

    def _check_single(self, pod: Object) -> None:
        attempt, uid = _attempt(pod), pod["metadata"]["uid"]
        if self._ran.setdefault(attempt, uid) != uid:
            raise Broken(f"attempt {attempt} ran in two Pods")


class _Healthy(FakeClusters):
    """The new cluster is as it should be as soon as it is watched, but for servers that are off."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.instead: tuple[ClusterView | None] | None = None
        """What is seen of it, where a story says so."""

    def view(self, uid: str) -> ClusterView | None:
        raw = self._world.sovereign
        if uid not in self.watched or raw is None:
            return None
        if self.instead:
            return self.instead[0]
        view = new_cluster.healthy(Sovereign.parse(raw), gen.NOW)
        assert view.survey is not None
        assert view.survey.nodes is not None
        now = self._world.now
        silent = self._world.cloud.silent(now)
        names = dict.fromkeys((*(node.name for node in view.survey.nodes), *self._world.joined))
        nodes = tuple(node for name in names if (node := self._node(name, silent)))
        return replace(view, survey=replace(view.survey, at=now, nodes=nodes))

    def _node(self, name: str, silent: set[str]) -> NodeView | None:
        """A server that was made again joins once the node of the one before it is gone."""
        world, server = self._world, name.removeprefix(f"{naming.cluster_name('omantel', gen.UID)}-")
        there = world.cloud.ids.get(server, 0) if server in {**world.cloud.objects, **world.cloud.elsewhere} else 0
        if not there and name not in world.joined:
            return None
        joined = world.joined.setdefault(name, there)
        ready = joined == there and server not in silent
        return NodeView(name, ready, uid=f"{name}/{joined}", cordoned=name in world.cordoned)


class NewClusterApi:
    """As much of the new cluster's API as the operator changes: nodes, and the Pods on them."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self) -> NewClusterApi:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def patch(self, _: Kind, _namespace: str, name: str, operations: list[Object]) -> None:
        test, act = operations
        if name not in self._world.joined:
            raise NotFound(404, f"nodes {name!r} not found")
        if test["value"] != f"{name}/{self._world.joined[name]}":
            raise Refused(422, "the test does not hold")
        (self._world.cordoned.add if act["value"] else self._world.cordoned.discard)(name)

    async def each(
        self, _: Kind, _namespace: str, take: Callable[[list[Object]], None], *, query: dict[str, str]
    ) -> None:
        node = query["fieldSelector"].removeprefix("spec.nodeName=")
        take([{"metadata": {"namespace": "shop", "name": n, "uid": n}} for n in self._world.shop.get(node, ())])

    async def evict(self, _namespace: str, name: str, _uid: str) -> None:
        if name in self._world.budgeted:
            raise Unavailable(429, "would violate the budget")
        for pods in self._world.shop.values():
            if name in pods:
                pods.remove(name)

    async def delete(self, _: Kind, _namespace: str, name: str, *, uid: str) -> None:
        if uid == f"{name}/{self._world.joined.get(name)}":
            del self._world.joined[name]
            self._world.cordoned.discard(name)


def _held(pod: Object | None) -> bool:
    return pod is not None and labels.FINALIZER_OBSERVED in pod["metadata"].get("finalizers", ())


def _attempt(o: Object) -> int:
    return int(o["metadata"]["labels"][labels.LABEL_ATTEMPT])


def _job_of(pod: Object) -> str:
    name: str = pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]
    return name


def _wrong_times(old: tuple[Condition, ...], new: tuple[Condition, ...], now: datetime) -> list[str]:
    """Transition times that moved without their status, or stayed although it moved."""
    known = {c.type: c for c in old}
    expected = {
        c.type: known[c.type].last_transition_time if c.type in known and known[c.type].status == c.status else now
        for c in new
    }
    wrong = (c for c in new if c.last_transition_time != expected[c.type])
    return [f"lastTransitionTime of {c.type} is {c.last_transition_time}, not {expected[c.type]}" for c in wrong]
