"""Stories of servers that are made again because their owner asked for it, and of workers that leave: each once, one
after the other, and emptied before."""

from __future__ import annotations

import pytest

from tests.support import gen
from tests.support.drive import check_end, check_quiet, respond, undisturbed, until
from tests.support.world import World
from tests.unit.core.decide.stories import message, provisioned, reason, results

NEW_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFub3RoZXIta2V5LW9mLXRoZS10ZXN0cy1ub3QtcmVh new"
HA = gen.spec(controlPlane={"size": "cpx22", "replicas": 3})


def node(server: str) -> str:
    return f"omantel-d2faa-{server}"


async def trio() -> World:
    """Three control planes and two workers."""
    return await provisioned(HA, gen.workers(2))


def made_again(world: World) -> dict[str, int]:
    """Server -> how often it was made again."""
    return {name: count - 1 for name, count in world.cloud.ids.items() if count > 1 and name in world.cloud.sizes}


@pytest.mark.parametrize("server", ["worker-1", "control-plane-0", "control-plane-2"])
async def test_a_server_is_made_again_once_and_the_others_stay(server: str) -> None:
    world = await trio()
    world.shop[node(server)] = ["web-1"]
    world.rebuild(server)
    await until(world, lambda: "is emptied before the next run" in message(world))
    assert node(server) in world.cordoned
    assert await undisturbed(world), "nobody is asked"
    check_end(world)
    assert made_again(world) == {server: 1}
    assert world.shop[node(server)] == []
    assert (world.cordoned, world.joined[node(server)]) == (set(), 2)
    assert world.status["lastHandledRebuild"] == node(server)
    await check_quiet(world)


async def test_in_mode_manual_the_request_is_the_approval() -> None:
    world = await trio()
    world.edit(approval="Manual")
    world.rebuild("worker-0")
    assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {"worker-0": 1}


async def test_one_is_asked_for_twice_and_another_one_meanwhile() -> None:
    """The same value is the same request; taken away and set again it is another one."""
    world = await trio()
    for server in ("worker-0", "", "worker-0", "control-plane-1"):
        world.rebuild(server)
        assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {"worker-0": 2, "control-plane-1": 1}


async def test_two_control_planes_go_one_after_the_other() -> None:
    world = await trio()
    world.rebuild("control-plane-0")
    await until(world, lambda: world.cloud.ids["control-plane-0"] == 2)
    world.rebuild("control-plane-1")
    await until(world, lambda: "control-plane-1 is made again" in message(world))
    assert world.cloud.ids["control-plane-1"] == 1
    assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {"control-plane-0": 1, "control-plane-1": 1}


async def test_an_edit_that_comes_with_it_goes_first() -> None:
    world = await trio()
    world.rebuild("worker-0")
    world.edit(workers={"size": "cpx32", "replicas": 3})
    await until(world, lambda: "worker-2" in world.cloud.objects)
    assert world.cloud.ids["worker-0"] == 1
    assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {"worker-0": 1}


async def test_a_request_that_is_taken_back_in_time_leaves_the_node_as_it_was() -> None:
    world = await trio()
    world.shop[node("worker-0")], world.budgeted = ["db-0"], {"db-0"}
    world.rebuild("worker-0")
    await until(world, lambda: "1 Pods are left, 1 of them held" in message(world))
    assert world.cordoned == {node("worker-0")}
    world.rebuild("")
    assert await undisturbed(world)
    check_end(world)
    assert (world.cordoned, made_again(world), world.shop[node("worker-0")]) == (set(), {}, ["db-0"])


async def test_a_budget_holds_it_for_ten_minutes_and_no_longer() -> None:
    world = await trio()
    world.shop[node("worker-0")], world.budgeted = ["db-0"], {"db-0"}
    began = world.now
    world.rebuild("worker-0")
    await until(world, lambda: "worker-0 is not emptied: 1 Pods are left" in message(world))
    assert world.now - began >= world.settings.drain_timeout
    assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {"worker-0": 1}


@pytest.mark.parametrize("done", [0, 1, 2])
async def test_a_run_that_is_killed_is_put_in_order_and_nothing_is_made_again_twice(done: int) -> None:
    """Before the server went, between its end and its successor's beginning, and after that."""
    world = await trio()
    world.rebuild("worker-0")
    await until(world, lambda: "worker-0" not in world.cloud.objects or not done)
    if done == 0:
        await until(world, lambda: world.status.get("phase") == "tofu-plan")
    if done == 2:
        await until(world, lambda: world.cloud.ids["worker-0"] == 2)
    world.kill_pod()
    world.restart()
    assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {"worker-0": 1}
    assert world.cordoned == set()


async def test_a_successor_that_is_not_to_be_had_is_tried_again_until_it_is() -> None:
    world = await trio()
    world.rebuild("control-plane-2")
    await until(world, lambda: "control-plane-2" not in world.cloud.objects)
    world.cloud.sold_out = {"cpx22"}
    await until(world, lambda: "Failed" in results(world))
    world.cloud.sold_out = set()
    world.annotate("retryRequestedAt")
    assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {"control-plane-2": 1}


async def test_workers_that_leave_are_emptied_once_that_is_approved() -> None:
    world = await trio()
    world.shop[node("worker-1")] = ["web-1"]
    world.edit(workers={"size": "cpx32", "replicas": 1})
    await until(world, lambda: reason(world) == "AwaitingApproval")
    assert world.cordoned == set()
    assert respond(world)
    await until(world, lambda: world.cordoned == {node("worker-1")})
    assert "worker-1" in world.cloud.objects
    assert await undisturbed(world)
    check_end(world)
    assert (world.shop[node("worker-1")], made_again(world)) == ([], {})


async def test_what_was_closed_for_an_approval_that_is_regretted_is_opened() -> None:
    world = await trio()
    world.shop[node("worker-1")], world.budgeted = ["db-0"], {"db-0"}
    world.edit(workers={"size": "cpx32", "replicas": 1})
    await until(world, lambda: reason(world) == "AwaitingApproval")
    respond(world)
    await until(world, lambda: world.cordoned == {node("worker-1")})
    world.edit(workers={"size": "cpx32", "replicas": 2})
    assert await undisturbed(world)
    check_end(world)
    assert (world.cordoned, "worker-1" in world.cloud.objects) == (set(), True)


async def test_a_cluster_of_an_older_operator_tells_its_ids_first() -> None:
    """Its last apply told none: one that changes nothing does, and only then the server goes."""
    world = await trio()
    world.forget_ids()
    world.rebuild("worker-0")
    assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {"worker-0": 1}


async def test_what_cannot_be_done_is_refused_and_hinders_nothing_else() -> None:
    world = await provisioned(gen.workers(1))
    world.rebuild("control-plane-0")
    await until(world, lambda: reason(world) == "RebuildRefused")
    assert world.condition("Ready")["status"] == "True"
    world.edit(workers={"size": "cpx32", "replicas": 2})
    await until(world, lambda: "worker-1" in world.cloud.objects)
    world.rebuild("")
    assert await undisturbed(world)
    check_end(world)
    assert made_again(world) == {}


async def test_new_keys_are_the_next_servers_and_the_others_are_named() -> None:
    world = await trio()
    world.edit(sshPublicKeys=[NEW_KEY])
    assert await undisturbed(world)
    assert "Made with other SSH keys than spec.sshPublicKeys has now: control-plane-0" in message(world)
    world.rebuild("worker-0")
    assert await undisturbed(world)
    assert "worker-0" not in message(world).partition("has now:")[2]
