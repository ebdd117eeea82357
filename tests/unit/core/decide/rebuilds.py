"""Servers that are made again because their owner asked for it, and servers that leave: who is asked, waited for and
emptied first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from catalyst_operator.api.labels import ANNOTATION_REBUILD
from catalyst_operator.core import naming
from catalyst_operator.core.access.draining import DrainReport, LeavingNode, key_of
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.ready.draining import DRAIN_AGAIN
from catalyst_operator.core.record import DrainEntry, RebuildEntry, RunEntry, RunState
from catalyst_operator.core.scene import SAFETY
from catalyst_operator.core.tofu.server_names import address_of
from tests.support import gen, new_cluster
from tests.support.gen import NOW, SECOND, RawMod, SceneMod, known, of, seen, spec
from tests.unit.core.decide import queueing
from tests.unit.core.decide.table import POLL, START, Case

HA = spec(controlPlane={"size": "cpx22", "replicas": 3})
WORKERS = gen.workers(2)
MADE = ("control-plane-0", "control-plane-1", "control-plane-2", "worker-0", "worker-1")
IDS = {name: str(100 + n) for n, name in enumerate(MADE)}
PREFIX = naming.cluster_name("omantel", gen.UID)
DIGEST = gen.digest(HA, WORKERS)
OUTPUTS = replace(gen.OUTPUTS, server_ids=IDS)
STALLED = {"summary": "Stalled", "operation": "Failed"}


def asking(server: str) -> RawMod:
    """The owner asks for this server to be made again."""
    return gen.annotated(rebuild=f"{PREFIX}-{server}")


def applied(ago: float = 3600, *replaced: str, **values: Any) -> RunEntry:
    """An apply of all that is wanted that went well so many seconds ago, and made these again."""
    plan = replace(gen.PLAN, replacing=tuple(map(address_of, replaced)))
    return gen.succeeded(**{"digest": DIGEST, "plan": plan, "finished": NOW - ago * SECOND, **values})


def stands(*runs: RunEntry, **values: Any) -> SceneMod:
    """Five servers that exist."""
    begun = replace(gen.READY, joined=tuple(f"{PREFIX}-{name}" for name in MADE))
    record = {"made": MADE, "outputs": OUTPUTS, "state_serial": 7, "bootstrap": begun}
    return known(*(runs or (applied(),)), **{**record, **values})


def request(server: str, **values: Any) -> dict[str, Any]:
    """The record's part of a request that was taken."""
    entry = RebuildEntry(f"{PREFIX}-{server}", server)
    return {"rebuild": replace(entry, **values), "handled": {ANNOTATION_REBUILD: entry.request}}


def nodes(ago: float = 0, *silent: str, cordoned: tuple[str, ...] = ()) -> SceneMod:
    """The nodes as they were seen so many seconds ago; these were not ready."""

    def looked(o: Observation) -> Observation:
        view = new_cluster.healthy(gen.sovereign(HA, WORKERS), NOW)
        assert view.survey is not None
        there = tuple(
            replace(
                node,
                uid=f"uid-{(name := node.name.removeprefix(f'{PREFIX}-'))}",
                ready=name not in silent,
                cordoned=name in cordoned,
            )
            for node in view.survey.nodes or ()
        )
        shown = replace(view, survey=replace(view.survey, at=NOW - ago * SECOND, nodes=there))
        return gen.with_nodes_known(replace(o, cluster=shown))

    return looked


def draining(*servers: str, ago: float = 20, **values: Any) -> dict[str, Any]:
    """The record's part of a drain that began so many seconds ago."""
    closed = {f"{PREFIX}-{name}": f"uid-{name}" for name in servers}
    return {"drain": replace(DrainEntry(servers, NOW - ago * SECOND, closed), **values)}


def told(*servers: str, ago: float = 20, at: float = 2, **values: Any) -> SceneMod:
    """What the last round of that drain came to."""
    there = tuple(LeavingNode(f"{PREFIX}-{name}", f"uid-{name}") for name in servers)
    report = DrainReport(key_of(there, NOW - ago * SECOND), NOW - at * SECOND)
    return seen(drain=replace(report, **values))


DOWN = seen(cluster=new_cluster.down(NOW))
WORKER = of(HA, WORKERS, asking("worker-1"))
CONTROL_PLANE = of(HA, WORKERS, asking("control-plane-1"))
FEWER = replace(gen.PLAN, digest="f" * 64, destroying=("hcloud_server.worker[1]",))
LEAVES = gen.digest(HA, gen.workers(1))
ASKED = gen.run(RunState.AWAITING_APPROVAL, attempt=2, digest=LEAVES, plan=FEWER)
APPROVED = of(HA, gen.workers(1), spec(approvePlan="f" * 64), gen.meta(generation=2))

CASES = (
    Case(
        "a server that is none of its own cannot be made again",
        (of(HA, WORKERS, gen.annotated(rebuild="someone-elses-worker-0")), stands(), nodes()),
        check="refused",
        reason="RebuildRefused",
        ready="True",
        says=("someone-elses-worker-0 is none of its servers", f"{PREFIX}-control-plane-0", "status.servers"),
        code="ERR_REBUILD_REFUSED",
        **STALLED,  # type: ignore[arg-type]
    ),
    Case(
        "the only control plane has the cluster's data on its disk",
        (
            of(gen.annotated(rebuild=f"{PREFIX}-control-plane-0")),
            known(gen.succeeded(), made=("control-plane-0",), outputs=OUTPUTS),
            seen(cluster=new_cluster.healthy(gen.sovereign(), NOW)),
        ),
        check="refused",
        reason="RebuildRefused",
        ready="True",
        says=("it is the only control plane", "remove the annotation"),
        **STALLED,  # type: ignore[arg-type]
    ),
    Case(
        "a request is taken, and the project is asked whether there is a server to be had in its place",
        (WORKER, stands(), nodes()),
        check="preflight_first",
        reason="Progressing",
        ready="Unknown",
        does=("WriteRecord", "AskPreflight"),
        again=SAFETY,
    ),
    Case(
        "a worker is emptied before it is made again, and what is closed for that is recorded first",
        (WORKER, stands(**request("worker-1")), nodes()),
        check="not_empty",
        reason="Progressing",
        ready="Unknown",
        says=("worker-1 is emptied before the next run takes it away", "At 12:10:00 UTC it goes on in any case"),
        does=("WriteRecord", "DrainNodes"),
        again=DRAIN_AGAIN,
    ),
    Case(
        "other runs take all places of its project: it is not emptied before its turn has come",
        (WORKER, stands(**request("worker-1")), nodes(), queueing.running(3)),
        check="awaiting_turn",
        reason="Queued",
        ready="Unknown",
        says=("Waiting: 1st of 1",),
        again=SAFETY,
        phase="pending 100",
    ),
    Case(
        "its Pods are on their way, and one is held by a budget: asked again every few seconds",
        (
            WORKER,
            stands(**request("worker-1"), **draining("worker-1")),
            nodes(cordoned=("worker-1",)),
            told("worker-1", at=6, left=3, held=1, pods=("shop/db-0", "shop/web-1")),
        ),
        check="not_empty",
        reason="Progressing",
        ready="Unknown",
        says=("3 Pods are left, 1 of them held by a PodDisruptionBudget: shop/db-0, shop/web-1",),
        does=("DrainNodes",),
        again=DRAIN_AGAIN,
    ),
    Case(
        "one is held by something else than a budget: in the cluster's words",
        (
            WORKER,
            stands(**request("worker-1"), **draining("worker-1")),
            nodes(cordoned=("worker-1",)),
            told(
                "worker-1",
                at=6,
                left=3,
                held=2,
                pods=("shop/db-0", "shop/web-1"),
                why="shop/web-1: Too many requests, please try again later.",
            ),
        ),
        check="not_empty",
        reason="Progressing",
        ready="Unknown",
        says=(
            "3 Pods are left, 2 of them held (shop/web-1: Too many requests, please try again later): shop/db-0, "
            "shop/web-1",
        ),
        does=("DrainNodes",),
        again=DRAIN_AGAIN,
    ),
    Case(
        "a round that has just ended is not begun anew",
        (
            WORKER,
            stands(**request("worker-1"), **draining("worker-1")),
            nodes(cordoned=("worker-1",)),
            told("worker-1", left=1, pods=("shop/web-1",)),
        ),
        check="not_empty",
        reason="Progressing",
        ready="Unknown",
        says=("1 Pods are left: shop/web-1",),
        again=DRAIN_AGAIN,
    ),
    Case(
        "it is empty: it is made again",
        (
            WORKER,
            stands(**request("worker-1"), **draining("worker-1")),
            nodes(cordoned=("worker-1",)),
            told("worker-1"),
        ),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a budget that lets nothing go does not hold it for ever",
        (
            WORKER,
            stands(**request("worker-1"), **draining("worker-1", ago=601)),
            nodes(cordoned=("worker-1",)),
            told("worker-1", ago=601, left=1, held=1, pods=("shop/db-0",)),
        ),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        says=("worker-1 is not emptied: 1 Pods are left, 1 of them held", "shop/db-0 after 10 minutes."),
        does=START,
        again=SAFETY,
    ),
    Case(
        "a cluster that does not know the rights for it is not asked again",
        (
            WORKER,
            stands(**request("worker-1"), **draining("worker-1")),
            nodes(),
            told("worker-1", trouble="the new cluster does not let the operator: nodes is forbidden", lasting=True),
        ),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        says=("worker-1 is not emptied: the new cluster does not let the operator",),
        does=START,
        again=SAFETY,
    ),
    Case(
        "from a node that is not ready nothing moves: that is why it is made again",
        (WORKER, stands(**request("worker-1")), nodes(0, "worker-1")),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        says=("worker-1 was not ready, so that nothing could move",),
        does=START,
        again=SAFETY,
    ),
    Case(
        "a cluster that is silent is waited for a minute",
        (WORKER, stands(**request("worker-1"), **draining("worker-1")), DOWN),
        check="not_empty",
        reason="Progressing",
        ready="Unknown",
        says=("the new cluster does not answer",),
        again=DRAIN_AGAIN,
    ),
    Case(
        "and no longer",
        (WORKER, stands(**request("worker-1"), **draining("worker-1", ago=61)), DOWN),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        says=("worker-1 is not emptied: the new cluster does not answer.",),
        does=START,
        again=SAFETY,
    ),
    Case(
        "a control plane goes only while the others are there",
        (CONTROL_PLANE, stands(**request("control-plane-1")), nodes(0, "control-plane-2")),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("control-plane-1 is made again", "waits: not ready: control-plane-2."),
        again=POLL,
    ),
    Case(
        "of control planes that cannot be seen nobody knows whether they are there",
        (CONTROL_PLANE, stands(**request("control-plane-1")), DOWN),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("waits: the new cluster cannot be seen at the moment",),
        again=POLL,
    ),
    Case(
        "the one that was made again before is called ready, but by a node that is dead",
        (
            CONTROL_PLANE,
            stands(
                applied(70, "control-plane-0"),
                **request("control-plane-1"),
                dead={f"{PREFIX}-control-plane-0": "uid-control-plane-0"},
            ),
            nodes(),
        ),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("waits: not ready: control-plane-0.",),
        does=("RemoveNodes",),
        again=POLL,
    ),
    Case(
        "a control plane is emptied as well",
        (CONTROL_PLANE, stands(**request("control-plane-1")), nodes()),
        check="not_empty",
        reason="Progressing",
        ready="Unknown",
        says=("control-plane-1 is emptied",),
        does=("WriteRecord", "DrainNodes"),
        again=DRAIN_AGAIN,
    ),
    Case(
        "what the spec asks for besides comes first, and nothing is emptied for it",
        (of(HA, gen.workers(3), asking("worker-1")), stands(**request("worker-1")), nodes()),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a run for it broke off: the next one puts in order what it left, and empties nothing",
        (
            WORKER,
            stands(
                applied(),
                gen.failed(attempt=2, digest=DIGEST, rebuild="worker-1", replaces=True, tries=1),
                **request("worker-1", old="104", begun=True),
                applied_digest="",
                orphans=True,
            ),
            nodes(),
            gen.later(timedelta(minutes=2)),
        ),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "workers that leave are emptied once that is approved",
        (APPROVED, stands(applied(), ASKED), nodes()),
        check="not_empty",
        reason="Progressing",
        ready="Unknown",
        says=("worker-1 is emptied before the next run takes it away",),
        does=("WriteRecord", "WriteRecord", "DrainNodes"),
        again=DRAIN_AGAIN,
    ),
    Case(
        "before it is approved nothing is emptied: the run that asks takes nothing away",
        (of(HA, gen.workers(1), gen.meta(generation=2)), stands(), nodes()),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=("WriteRecord", *START),
        again=SAFETY,
    ),
    Case(
        "what was closed for a request that is taken back is opened again, before it can be handed over",
        (of(HA, WORKERS), stands(**draining("worker-1")), nodes(cordoned=("worker-1",))),
        check="converged",
        reason="Succeeded",
        summary="",
        operation="Succeeded",
        ready="True",
        says=("The nodes of worker-1 are closed to new Pods, and are being opened again.",),
        does=("OpenNodes",),
        again=timedelta(seconds=30),
    ),
    Case(
        "servers that were made with other SSH keys are named",
        (of(HA, WORKERS), stands(keys={"worker-0": "others", "worker-1": "others"}), nodes()),
        check="converged",
        reason="Succeeded",
        summary="",
        operation="Succeeded",
        ready="True",
        says=("Made with other SSH keys than spec.sshPublicKeys has now: worker-0, worker-1.", "authorized_keys"),
    ),
)
