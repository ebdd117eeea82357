"""Stories of people who take back what they asked for, while it is being done."""

from __future__ import annotations

import pytest

from tests.support import gen
from tests.support.drive import check_end, undisturbed, until
from tests.support.world import World
from tests.unit.core.decide.stories import (
    applying,
    for_a_while,
    in_phase,
    inputs,
    message,
    names,
    provisioned,
    reason,
    results,
    workers,
)

OLD, NEW = {"url": "https://git.example/old"}, {"url": "https://git.example/new"}


# --- a deletion -------------------------------------------------------------------------------------------------------


async def destroying(phase: str = "tofu-apply") -> World:
    """A world in which a destroy is in this phase; in its apply, one object is gone."""
    world = await provisioned(gen.workers(3), gen.spec(deletionProtection=False))
    world.delete()
    await (applying(world, 1) if phase == "tofu-apply" else until(world, lambda: in_phase(world, phase)))
    return world


@pytest.mark.parametrize("phase", ["tofu-init", "tofu-apply"])
async def test_protection_in_mid_destroy_stops_it_and_what_is_left_stays(phase: str) -> None:
    world = await destroying(phase)
    left = set(world.cloud.objects)
    world.edit(deletionProtection=True)
    assert await undisturbed(world)
    assert set(world.cloud.objects) == left
    assert (reason(world), world.condition("Stalled")["status"]) == ("ProtectedDeletion", "True")
    assert "what is left stays" in message(world)
    world.edit(deletionProtection=False)
    assert await undisturbed(world), "and goes on when it is off"
    check_end(world)
    assert (world.sovereign, world.cloud.objects) == (None, {})


@pytest.mark.parametrize("phase", ["tofu-init", "tofu-apply"])
async def test_orphan_in_mid_destroy_stops_it_and_what_is_left_stays(phase: str) -> None:
    world = await destroying(phase)
    left = set(world.cloud.objects)
    world.edit(deletionPolicy="Orphan")
    assert await undisturbed(world)
    assert (world.sovereign, set(world.cloud.objects)) == (None, left)
    assert world.api.get("namespaces", "", gen.SPACE) is None


async def test_a_cancellation_in_mid_destroy_stops_it_and_what_is_left_stays() -> None:
    world = await destroying()
    left = set(world.cloud.objects)
    world.annotate("cancelRequestedAt")
    assert await undisturbed(world)
    assert (reason(world), set(world.cloud.objects)) == ("RunCancelled", left)


# --- what only a first boot reads -------------------------------------------------------------------------------------


async def test_an_edit_after_a_failed_first_run_reaches_the_next_one() -> None:
    world = World(gen.spec(gitops=OLD))
    world.cloud.trouble = ["resource_limit_exceeded"]
    await until(world, lambda: bool(world.condition("Stalled")))
    before = inputs(world)
    world.edit(gitops=NEW)
    assert await undisturbed(world)
    check_end(world)
    assert NEW["url"] in str(inputs(world)["git"])
    assert {name for name, value in inputs(world).items() if value != before[name]} == {"git"}


async def test_an_edit_before_the_apply_begins_reaches_the_servers() -> None:
    world = World(gen.spec(gitops=OLD))
    await until(world, lambda: in_phase(world, "tofu-init"))
    world.edit(gitops=NEW)
    assert await undisturbed(world)
    check_end(world)
    assert results(world) == ["Succeeded", "Cancelled"]
    assert NEW["url"] in str(inputs(world)["git"])


async def test_an_edit_once_it_stands_starts_nothing_and_the_next_run_has_it() -> None:
    world = await provisioned(gen.spec(gitops=OLD))
    world.edit(gitops=NEW)
    assert await undisturbed(world)
    check_end(world)
    assert len(names(world)) == 1
    workers(1)(world)
    await until(world, lambda: in_phase(world, "tofu-init"))
    world.edit(gitops=OLD)
    assert await undisturbed(world)
    check_end(world)
    assert results(world) == ["Succeeded", "Succeeded"], "nor is a run stopped for it"


# --- approvals --------------------------------------------------------------------------------------------------------


async def approved() -> World:
    """A world whose owner approved that two servers go; it is being planned again."""
    world = await provisioned(gen.workers(2))
    workers(0)(world)
    assert await undisturbed(world)
    world.edit(approvePlan=world.status["plan"]["digest"])
    await until(world, lambda: in_phase(world, "tofu-plan"))
    return world


async def test_an_approval_taken_back_before_the_apply_is_none() -> None:
    world = await approved()
    world.edit(approvePlan=None)
    assert await undisturbed(world)
    assert (reason(world), len(world.cloud.objects)) == ("AwaitingApproval", 5)
    world.edit(approvePlan=world.status["plan"]["digest"])
    assert await undisturbed(world)
    check_end(world)


async def test_manual_before_the_apply_makes_it_wait() -> None:
    world = World()
    await until(world, lambda: in_phase(world, "tofu-plan"))
    world.edit(approval="Manual")
    assert await undisturbed(world)
    assert (reason(world), world.cloud.objects) == ("AwaitingApproval", {})
    world.edit(approvePlan=world.status["plan"]["digest"])
    assert await undisturbed(world)
    check_end(world)


# --- tries ------------------------------------------------------------------------------------------------------------


async def test_a_cancellation_during_a_pause_ends_the_tries_and_is_answered() -> None:
    world = World()
    world.cloud.trouble = ["resource_unavailable"] * 9
    await until(world, lambda: reason(world) == "Retrying")
    world.annotate("cancelRequestedAt")
    await until(world, lambda: reason(world) == "RunCancelled")
    await for_a_while(world)
    assert (len(names(world)), world.status["lastHandledCancelAt"]) == (1, "at-1")
    assert world.condition("Stalled")["reason"] == "RunCancelled"
    world.cloud.trouble.clear()
    world.annotate("retryRequestedAt")
    assert await undisturbed(world)
    check_end(world)
