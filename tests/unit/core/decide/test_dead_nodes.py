"""Nodes whose servers are gone: removed by the UID that they had, until they are seen to be gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.core import naming
from catalyst_operator.core.access.dead_nodes import DeadNode, RemovalReport, key_of
from catalyst_operator.core.actions import Action, CreateJob, RemoveNodes, WriteRecord
from catalyst_operator.core.decide import decide
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.views import Link, NodeView
from catalyst_operator.core.ready.watching import REMOVE_AGAIN
from catalyst_operator.core.record import Record
from tests.support import gen, new_cluster
from tests.support.gen import NOW, SceneMod, known, of, seen
from tests.unit.core.decide.table import names

PREFIX = naming.cluster_name("omantel", gen.UID)
WORKER, CONTROL_PLANE = f"{PREFIX}-worker-0", f"{PREFIX}-control-plane-0"
DEAD = {WORKER: "old"}
REMOVAL = RemoveNodes(key_of((DeadNode(WORKER, "old"),)), (DeadNode(WORKER, "old"),))
APPLIED = gen.succeeded(digest=gen.digest(gen.workers(1)))
AUTOMATIC = gen.spec(handOff={"mode": "Automatic"})


def nodes(*views: NodeView, link: Link = Link.UP) -> SceneMod:
    """What the new cluster shows."""

    def looked(o: Observation) -> Observation:
        view = new_cluster.healthy(o.sovereign, NOW)
        assert view.survey is not None
        survey = replace(view.survey, nodes=(NodeView(CONTROL_PLANE, True, uid="c"), *views))
        return replace(o, cluster=replace(view, survey=survey, link=replace(view.link, state=link)))

    return looked


SILENT = NodeView(WORKER, False, "Kubelet stopped posting node status.", uid="old")
JOINED = NodeView(WORKER, True, uid="new")


def seen_with(*mods: SceneMod, **record: object) -> Observation:
    """A Sovereign with a worker that was made again."""
    return gen.observation(of(gen.workers(1)), known(APPLIED, **{"dead": DEAD, **record}), *mods)


def removals(actions: tuple[Action, ...]) -> list[Action]:
    return [action for action in actions if isinstance(action, RemoveNodes)]


def written(actions: tuple[Action, ...]) -> Record | None:
    return next((action.record for action in reversed(actions) if isinstance(action, WriteRecord)), None)


def test_a_dead_node_is_removed_by_its_uid() -> None:
    assert removals(decide(seen_with(nodes(SILENT))).actions) == [REMOVAL]


def test_a_dead_node_that_is_still_called_ready_is_removed_as_well() -> None:
    """Nobody else says that its server is gone for the first forty seconds."""
    assert removals(decide(seen_with(nodes(replace(SILENT, ready=True)))).actions) == [REMOVAL]


def test_whoever_has_joined_under_its_name_is_left_alone() -> None:
    decision = decide(seen_with(nodes(JOINED)))
    assert removals(decision.actions) == []
    record = written(decision.actions)
    assert record is not None
    assert record.dead == {}, "the old one is seen to be gone"


@pytest.mark.parametrize("mod", [nodes(SILENT, link=Link.DOWN), gen.unseen, seen(cluster=new_cluster.down(NOW))])
def test_while_the_cluster_is_not_seen_nothing_is_removed_and_nothing_forgotten(mod: SceneMod) -> None:
    decision = decide(seen_with(mod))
    assert removals(decision.actions) == []
    record = written(decision.actions)
    assert record is None or record.dead == DEAD


@pytest.mark.parametrize(
    ("ago", "key", "again", "why"),
    [
        (timedelta(seconds=1), REMOVAL.key, False, "k3s takes a moment to let it go"),
        (REMOVE_AGAIN, REMOVAL.key, True, "it should be gone by now"),
        (timedelta(seconds=1), "other", True, "the last removal was of others"),
    ],
)
def test_it_is_removed_again_while_it_stays(ago: timedelta, key: str, again: bool, why: str) -> None:
    o = seen_with(nodes(SILENT), seen(removal=RemovalReport(key, NOW - ago)))
    assert (removals(decide(o).actions) == [REMOVAL]) == again, why
    assert decide(o).requeue_after is not None


def test_why_it_cannot_be_removed_is_told_with_what_to_do() -> None:
    error = codes.DEAD_NODE.entry("A node could not be removed: forbidden")
    decision = decide(seen_with(nodes(SILENT), seen(removal=RemovalReport("key", NOW, error))))
    assert decision.status is not None
    assert decision.status.last_errors[0].code == "ERR_DEAD_NODE"
    assert "kubectl delete node" in decision.status.last_errors[0].remedy


def test_nothing_is_handed_over_with_a_dead_node_in_it() -> None:
    """Of a worker that is not wanted any more: everything that Ready asks for is there."""
    o = gen.observation(of(AUTOMATIC), known(gen.succeeded(), dead=DEAD), nodes(SILENT))
    decision = decide(o)
    assert decision.status is not None
    ready = next(c for c in decision.status.conditions if c.type == "Ready")
    assert (ready.status, f"The server of {WORKER} is gone" in ready.message) == ("True", True)
    assert names(decision.actions) == ("RemoveNodes",)
    assert decision.requeue_after == REMOVE_AGAIN
    gone = decide(gen.observation(of(AUTOMATIC), known(gen.succeeded(), dead=DEAD), nodes()))
    handed = written(gone.actions)
    assert handed is not None
    assert (handed.dead, handed.hand_off is not None) == ({}, True)


def test_a_run_remembers_the_nodes_that_were_there_before_it() -> None:
    """What it takes away is known again by its UID afterwards."""
    o = seen_with(nodes(SILENT), of(gen.workers(2)), dead={})
    decision = decide(o)
    record = written(decision.actions)
    assert record is not None
    assert any(isinstance(action, CreateJob) for action in decision.actions)
    assert record.nodes == {CONTROL_PLANE: "c", WORKER: "old"}


def test_a_run_that_begins_unseen_keeps_what_was_known() -> None:
    decision = decide(seen_with(gen.unseen, of(gen.workers(2)), nodes={WORKER: "old"}))
    record = written(decision.actions)
    assert record is not None
    assert record.nodes == {WORKER: "old"}
