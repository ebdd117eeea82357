"""Stories of a new cluster that was ready: what people see, and what they do not see, of what happens to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.phase1.views import ClusterView, FluxCondition, Link, LinkView
from tests.support import gen, new_cluster
from tests.support.drive import reconcile
from tests.support.world import World
from tests.unit.core.decide.stories import message, provisioned, reason

MINUTE = timedelta(minutes=1)


async def watched(*, restarted: bool = False) -> tuple[World, ClusterView]:
    """A Sovereign that is ready, and how its cluster looks while all is well. After a restart of the operator nothing
    was seen of it yet."""
    world = await provisioned()
    assert world.sovereign is not None
    healthy = new_cluster.healthy(Sovereign.parse(world.sovereign), world.now)
    if restarted:
        world.restart()
    shows(world, None if restarted else healthy)
    return world, healthy


def shows(world: World, view: ClusterView | None) -> None:
    """This is what is seen of the cluster from now on."""
    world.clusters.instead = (view,)


def writes(world: World) -> int:
    """How often anything was written so far."""
    return len(world.api.writes)


def ready(world: World) -> tuple[str, str]:
    """Status and reason of Ready."""
    return str(world.condition("Ready")["status"]), reason(world)


def looks(world: World) -> tuple[object, ...]:
    """What `kubectl get` shows."""
    return (*ready(world), message(world), world.status["phase"], world.status["progressPercent"])


async def test_a_restart_of_the_operator_changes_nothing_that_people_see() -> None:
    """Not while nothing is seen yet, not while it connects, not while its lists or its survey are still read."""
    world, healthy = await watched(restarted=True)
    before, count = looks(world), writes(world)
    began = world.now
    connecting = ClusterView(LinkView(Link.CONNECTING, began), unseen_since=began)
    reading = replace(connecting, link=LinkView(Link.UP, began))
    unsurveyed = replace(healthy, survey=None, console=None, unseen_since=began)
    for view in (None, connecting, reading, unsurveyed, healthy):
        shows(world, view)
        world.now += timedelta(seconds=5)
        await reconcile(world)
        assert looks(world) == before
    assert writes(world) == count, "nor is anything written"


async def test_a_cluster_that_does_not_come_back_after_a_restart_is_told_in_time_and_of_when_it_is_known() -> None:
    world, healthy = await watched(restarted=True)
    seen_at = world.status["clusterSeenAt"]
    await reconcile(world)  # the watch begins
    began = world.now
    shows(world, replace(new_cluster.down(began), unseen_since=began))
    world.now += 2 * MINUTE
    await reconcile(world)
    assert ready(world) == ("Unknown", "KitNotReady")
    assert f"cannot be seen since {began:%H:%M:%S} UTC" in message(world)
    assert world.status["clusterSeenAt"] == seen_at, "this operator has not seen it"
    assert world.status["progressPercent"] == 100
    shows(world, replace(healthy, link=LinkView(Link.UP, world.now)))
    await reconcile(world)
    assert ready(world) == ("True", "Succeeded")


async def test_a_link_that_breaks_says_when_the_cluster_was_last_seen() -> None:
    world, healthy = await watched()
    lost = world.now + 30 * MINUTE
    shows(world, replace(healthy, link=LinkView(Link.DOWN, lost, "no route to host"), unseen_since=lost))
    world.now = lost + MINUTE
    await reconcile(world)
    assert ready(world) == ("True", "Succeeded"), "it may be back in a moment"
    assert world.status["clusterSeenAt"] == f"{lost:%Y-%m-%dT%H:%M:%SZ}"
    world.now = lost + 2 * MINUTE
    await reconcile(world)
    assert ready(world) == ("Unknown", "KitNotReady")


async def test_a_routine_reconcile_of_a_kustomization_writes_nothing() -> None:
    """Ready, phase-1, ready; 100, 98, 100: each few minutes, for ever."""
    world, healthy = await watched()
    await reconcile(world)
    before, count = looks(world), writes(world)
    (kit,) = healthy.kustomizations
    asked = replace(
        kit, conditions=(FluxCondition("Ready", "Unknown", "Progressing", "Reconciliation in progress", 1),)
    )
    for view in (replace(healthy, kustomizations=(asked,)), healthy) * 3:
        shows(world, view)
        world.now += 2 * MINUTE
        await reconcile(world)
        assert looks(world) == before
    assert writes(world) == count


async def test_an_upgrade_long_after_the_deadline_comes_and_goes_and_never_stalls() -> None:
    world, healthy = await watched()
    running = FluxCondition("Ready", "Unknown", "Progressing", "Running 'upgrade' action with timeout of 5m0s", 1)
    first = replace(healthy.releases[0], conditions=(running,), was_installed=True)
    world.now += timedelta(days=3)
    shows(world, replace(healthy, releases=(first, *healthy.releases[1:])))
    await reconcile(world)
    assert looks(world)[:2] == ("Unknown", "Upgrading")
    assert f"Upgrading: {first.name}." in message(world)
    assert (world.status["phase"], world.status["progressPercent"]) == ("upgrading", 100)
    assert not world.condition("Stalled")
    assert not world.status.get("lastErrors")
    world.now += timedelta(hours=2)
    await reconcile(world)
    assert not world.condition("Stalled"), "nor when it takes long"
    shows(world, healthy)
    await reconcile(world)
    assert ready(world) == ("True", "Succeeded")


async def test_a_node_that_is_gone_makes_ready_false_until_it_is_back() -> None:
    world, healthy = await watched()
    await reconcile(world)
    shows(world, replace(healthy, survey=new_cluster.survey((), world.now)))
    await reconcile(world)
    assert ready(world) == ("False", "NodesNotReady")
    name = gen.READY.joined[0]
    assert name in message(world)
    assert world.status["lastErrors"][0]["code"] == "ERR_NODE_NOT_READY"
    assert world.condition("Reconciling")["status"] == "True"
    shows(world, healthy)
    await reconcile(world)
    assert ready(world) == ("True", "Succeeded")
