"""Stories of servers that get another size: one after the other, with one approval, and never two control planes off.

The cloud (tests/support/tofu.py) breaks the test when a control plane is powered off while another one is away.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support import gen
from tests.support.drive import check_end, check_quiet, respond, undisturbed, until
from tests.support.world import World
from tests.unit.core.decide.stories import for_a_while, inputs, message, provisioned, reason, results

THREE = gen.spec(controlPlane={"size": "cpx22", "replicas": 3})
BIGGER = {"size": "cpx32", "replicas": 3}
SERVERS = ("control-plane-0", "control-plane-1", "control-plane-2", "worker-0", "worker-1")


async def resized() -> World:
    """A cluster of three control planes and two workers whose sizes were both edited, at the plan to approve."""
    world = await provisioned(THREE, gen.workers(2))
    world.edit(controlPlane=BIGGER, workers={"size": "cx43", "replicas": 2})
    await until(world, lambda: reason(world) == "AwaitingApproval")
    return world


def order(world: World) -> list[str]:
    """The servers in the order in which they were powered off."""
    return sorted(world.cloud.stopped, key=lambda name: world.cloud.stopped[name])


async def test_an_edit_of_both_sizes_resizes_one_server_after_the_other() -> None:
    world = await resized()
    assert inputs(world)["control_plane_sizes"] == ["cpx32", "cpx22", "cpx22"]
    assert inputs(world)["worker_sizes"] == ["cpx32", "cpx32"]
    assert world.cloud.stopped == {}
    assert respond(world)
    assert await undisturbed(world), "one approval is enough"
    check_end(world)
    assert order(world) == list(SERVERS)
    assert {name: world.cloud.sizes[name] for name in SERVERS} == dict(
        zip(SERVERS, (*["cpx32"] * 3, *["cx43"] * 2), strict=True)
    )
    times = [world.cloud.stopped[name] for name in SERVERS]
    assert all(later - earlier >= 60 * gen.SECOND for earlier, later in pairwise(times))
    await check_quiet(world)


async def test_between_two_resizes_it_says_what_it_waits_for() -> None:
    world = await resized()
    respond(world)
    await until(world, lambda: "The resize of control-plane-1 waits: " in message(world))
    assert "looked at 60 seconds after the change" in message(world)
    assert reason(world) == "Progressing"
    await until(world, lambda: "waits: not ready: control-plane-0" in message(world))
    shown = {server["name"][-len("control-plane-0") :]: server["size"] for server in world.status["servers"]}
    assert (shown["control-plane-0"], shown["control-plane-1"]) == ("cpx32", "cpx22"), "what they have, not will have"


async def test_another_goal_asks_again() -> None:
    """The approval was of the sizes that were read with it."""
    world = await resized()
    respond(world)
    await until(world, lambda: len(world.cloud.stopped) == 1 and "waits" in message(world))
    world.edit(workers={"size": "cpx42", "replicas": 2})
    await until(world, lambda: reason(world) == "AwaitingApproval")
    assert order(world) == ["control-plane-0"]
    respond(world)
    assert await undisturbed(world)
    check_end(world)
    assert (order(world), world.cloud.sizes["worker-1"]) == (list(SERVERS), "cpx42")


async def test_an_approval_is_used_up_once_all_is_done() -> None:
    """The same sizes, asked for a second time, are another decision."""
    world = await resized()
    respond(world)
    assert await undisturbed(world)
    world.edit(controlPlane={"size": "cpx22", "replicas": 3}, workers={"size": "cpx32", "replicas": 2})
    await until(world, lambda: reason(world) == "AwaitingApproval")
    respond(world)
    assert await undisturbed(world)
    world.edit(controlPlane=BIGGER, workers={"size": "cx43", "replicas": 2})
    await until(world, lambda: reason(world) == "AwaitingApproval")


async def test_new_servers_are_made_before_any_is_powered_off() -> None:
    """From one control plane to three: who joins needs the one that runs."""
    world = await provisioned(gen.workers(1))
    world.edit(controlPlane=BIGGER)
    await until(world, lambda: "control-plane-2" in world.cloud.objects)
    assert world.cloud.stopped == {}
    assert world.cloud.sizes["control-plane-1"] == "cpx32", "what is new has its size from the start"
    await until(world, lambda: reason(world) == "AwaitingApproval")
    respond(world)
    assert await undisturbed(world)
    check_end(world)
    assert (order(world), world.cloud.sizes["control-plane-0"]) == (["control-plane-0"], "cpx32")


async def test_an_operator_that_starts_anew_goes_on_where_it_was() -> None:
    world = await resized()
    respond(world)
    await until(world, lambda: len(world.cloud.stopped) == 2)
    world.restart()
    assert await undisturbed(world)
    check_end(world)
    assert order(world) == list(SERVERS)


@pytest.mark.parametrize("approval", ["Automatic", "Manual"])
async def test_one_approval_in_each_mode(approval: str) -> None:
    world = await provisioned(THREE, gen.workers(1))
    world.edit(controlPlane=BIGGER, approval=approval)
    await until(world, lambda: reason(world) == "AwaitingApproval")
    respond(world)
    assert await undisturbed(world)
    check_end(world)
    assert order(world) == list(SERVERS[:3])


async def test_a_size_that_is_not_to_be_had_stops_it_and_is_not_tried_again_unasked() -> None:
    """Each try powers a server off."""
    world = await provisioned(THREE, gen.workers(1))
    world.cloud.sold_out = {"cpx42"}
    world.edit(controlPlane={"size": "cpx42", "replicas": 3})
    await until(world, lambda: reason(world) == "AwaitingApproval")
    respond(world)
    await until(world, lambda: reason(world) == "RunFailed")
    await for_a_while(world)
    assert results(world).count("Failed") == 1
    assert (reason(world), world.status["lastErrors"][0]["code"]) == ("RunFailed", "ERR_CAPACITY")
    assert "Put the size back" in message(world)
    world.edit(controlPlane={"size": "cpx22", "replicas": 3})
    assert await undisturbed(world)
    check_end(world)
