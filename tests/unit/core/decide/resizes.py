"""Resizes: whose turn it is, and what has to be ready before the next server is powered off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.core import naming
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.provision.servers.turns import LOOK_AFTER
from catalyst_operator.core.record import RunEntry, SizeChoice
from catalyst_operator.core.scene import SAFETY
from catalyst_operator.core.tofu.server_names import address_of
from tests.support import gen, new_cluster
from tests.support.gen import NOW, SECOND, SceneMod, known, of, seen, spec
from tests.unit.core.decide.table import POLL, START, Case

THREE = spec(controlPlane={"size": "cpx32", "replicas": 3})
ONE = spec(controlPlane={"size": "cpx32"})
SERVERS = ("control-plane-0", "control-plane-1", "control-plane-2", "worker-0")
OLD, NEW = SizeChoice("cpx22", "cpx22"), SizeChoice("cpx32", "cpx32")
PREFIX = naming.cluster_name("omantel", gen.UID)
WORKER = gen.workers(1)


def applied(ago: float, *powered_off: str) -> RunEntry:
    """An apply that went well so many seconds ago, and powered these off."""
    plan = replace(gen.PLAN, powering_off=tuple(map(address_of, powered_off)))
    return gen.succeeded(digest="a" * 64, plan=plan, finished=NOW - ago * SECOND)


def stands(*runs: RunEntry, resized: int = 0, workers: int = 1, **values: object) -> SceneMod:
    """Servers that exist, of which the first so many have their new size."""
    made = SERVERS[:3] + SERVERS[3:][:workers]
    sizes = {name: NEW if n < resized or name == "worker-0" else OLD for n, name in enumerate(made)}
    begun = replace(gen.READY, joined=tuple(f"{PREFIX}-{name}" for name in made))
    record = {"made": made, "sizes": sizes, "outputs": gen.OUTPUTS, "state_serial": 7, "bootstrap": begun}
    return known(*runs, **{**record, **values})


def alone(o: Observation) -> Observation:
    """A cluster of one control plane, with its old size."""
    return known(applied(3600), made=SERVERS[:1], sizes={SERVERS[0]: OLD})(o)


def nodes(ago: float = 0, *silent: str) -> SceneMod:
    """The nodes as they were seen so many seconds ago; these were not ready."""

    def looked(o: Observation) -> Observation:
        view = new_cluster.healthy(o.sovereign, NOW)
        assert view.survey is not None
        there = tuple(
            replace(node, ready=node.name.removeprefix(f"{PREFIX}-") not in silent) for node in view.survey.nodes or ()
        )
        shown = replace(view, survey=replace(view.survey, at=NOW - ago * SECOND, nodes=there))
        return gen.with_nodes_known(replace(o, cluster=shown))

    return looked


DOWN = seen(cluster=new_cluster.down(NOW))
RESIZED = applied(70, "control-plane-0")

CASES = (
    Case(
        "a control plane was resized a moment ago: its node may be called ready although it is off",
        (of(THREE, WORKER), stands(applied(10, "control-plane-0"), resized=1), nodes()),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("The resize of control-plane-1 waits", "looked at 60 seconds after the change", "one after the other"),
        again=timedelta(seconds=50),
    ),
    Case(
        "that time is over, and nobody has looked since: the operator does",
        (of(THREE, WORKER), stands(RESIZED, resized=1), nodes(20)),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("looked at 60 seconds after the change",),
        does=("LookAgain",),
        again=LOOK_AFTER,
    ),
    Case(
        "the one that was resized is not back yet",
        (of(THREE, WORKER), stands(RESIZED, resized=1), nodes(0, "control-plane-0")),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("The resize of control-plane-1 waits: not ready: control-plane-0.",),
        again=POLL,
    ),
    Case(
        "all are back: the next one",
        (of(THREE, WORKER), stands(RESIZED, resized=1), nodes()),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "nothing was resized before, and the nodes were seen some seconds ago: no two passes are at the same moment",
        (of(THREE, WORKER), stands(applied(3600)), nodes(6)),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "nothing was resized before, and nobody has looked at the nodes for long",
        (of(THREE, WORKER), stands(applied(3600)), nodes(300)),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("The resize of control-plane-0 waits: the nodes are looked at first.",),
        does=("LookAgain",),
        again=LOOK_AFTER,
    ),
    Case(
        "the first of three may only go while the other two are there",
        (of(THREE, WORKER), stands(applied(3600)), nodes(0, "control-plane-2")),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("The resize of control-plane-0 waits: not ready: control-plane-2.",),
        again=POLL,
    ),
    Case(
        "a worker that is not ready is no reason to wait with a control plane",
        (of(THREE, WORKER), stands(applied(3600)), nodes(0, "worker-0")),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "the one that is not ready is the one whose turn it is: a size that is too small is mended so",
        (of(THREE, WORKER), stands(applied(3600)), nodes(0, "control-plane-0")),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "of three that cannot be seen nobody knows whether two are there",
        (of(THREE, WORKER), stands(applied(3600)), DOWN),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("waits: the new cluster cannot be seen at the moment",),
        again=POLL,
    ),
    Case(
        "a cluster that never came up has nothing to lose",
        (of(THREE, WORKER), stands(RESIZED, resized=1, bootstrap=replace(gen.READY, cluster_uid="")), DOWN),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "one that is alone needs nobody, and may be too small to be seen",
        (of(ONE), alone, DOWN),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a worker's turn comes once the control planes are back",
        (
            of(THREE, gen.workers(1, "cx43")),
            stands(applied(70, "control-plane-2"), resized=3),
            nodes(0, "control-plane-2"),
        ),
        check="not_its_turn",
        reason="Progressing",
        ready="Unknown",
        says=("The resize of worker-0 waits: not ready: control-plane-2.",),
        again=POLL,
    ),
    Case(
        "after a run that broke off the next one starts what is off, so that it does not wait for that",
        (
            of(THREE, WORKER),
            stands(RESIZED, gen.failed(attempt=2, digest="b" * 64), resized=1),
            nodes(0, "control-plane-1"),
        ),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a dry run powers nothing off",
        (of(THREE, WORKER, spec(dryRun=True)), stands(applied(3600)), DOWN),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a worker that is still to be made is made first, whoever is ready",
        (of(THREE, gen.workers(2)), stands(applied(3600)), DOWN),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
)
