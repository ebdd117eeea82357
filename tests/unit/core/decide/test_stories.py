"""One thing going wrong at a time, told as stories, with the whole operator on the simulated cluster.

The property tests find what nobody thought of; these say what was thought of, and hold it. Here: undisturbed, the
operator dies, deletions.
"""

from __future__ import annotations

import base64

import pytest

from tests.support import drive, gen
from tests.support.drive import at_request, calm, check_end, check_quiet, reconcile, story, undisturbed, until
from tests.support.fake_kube import Crash, Request
from tests.support.world import World
from tests.unit.core.decide.stories import applying, message, names, provisioned, reason, workers

# --- all goes well ----------------------------------------------------------------------------------------------------


async def test_what_a_person_sees_of_a_provisioning() -> None:
    """Phases in their order, percent that only rise, one Job."""
    world = World()
    phases: list[str] = []
    percent: list[int] = []
    while not await undisturbed(world, 1):
        if world.status and world.status["phase"] not in phases[-1:]:
            phases.append(world.status["phase"])
        percent.append(world.status.get("progressPercent", 0))
    assert phases == ["pending", "tofu-init", "tofu-plan", "tofu-apply", "tofu-output", "flux-bootstrap", "ready"]
    assert percent == sorted(percent)
    assert (percent[-1], len(world.jobs())) == (100, 1)


async def test_the_same_yaml_again_is_nothing() -> None:
    world = await provisioned()
    writes = len(world.api.writes)
    world.edit(adminEmail="admin@omantel.example")
    assert await undisturbed(world)
    assert world.api.writes[writes:] == []


async def test_another_worker_is_another_run_that_makes_only_that() -> None:
    world = await provisioned(gen.workers(1))
    before = set(world.cloud.objects)
    workers(2)(world)
    await until(world, lambda: world.condition("Ready")["status"] == "Unknown")
    assert world.status["outputs"], "what stood before is still told"
    assert await undisturbed(world)
    check_end(world)
    assert set(world.cloud.objects) - before == {"worker-1"}
    assert len(world.jobs()) == 2


async def test_deleted_is_gone_and_the_owner_has_a_receipt() -> None:
    world = await provisioned(gen.workers(1), gen.spec(deletionProtection=False))
    world.delete()
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None
    (receipt,) = world.api.all("configmaps", "team-a")
    assert '"result": "destroyed"' in receipt["data"]["receipt.json"]


async def test_what_a_dry_run_announced_is_made_once_it_is_off() -> None:
    world = World(gen.workers(1), gen.spec(dryRun=True))
    assert await undisturbed(world)
    assert (reason(world), world.tofu.serial(), world.cloud.objects) == ("DryRun", 1, {})
    world.edit(dryRun=False)
    assert await undisturbed(world)
    check_end(world)
    assert world.cloud.objects.keys() == world.wanted()


async def test_deleted_after_a_dry_run_it_goes_at_once_though_it_was_protected() -> None:
    world = World(gen.spec(dryRun=True, deletionProtection=True))
    assert await undisturbed(world)
    world.delete()
    assert await undisturbed(world)
    assert (world.sovereign, world.jobs()) == (None, [])


async def test_the_token_is_in_its_two_secrets_and_nowhere_else() -> None:
    world = await provisioned()
    forms = (gen.TOKEN, base64.b64encode(gen.TOKEN.encode()).decode())
    holders = {key.name for key, found in world.api.everything() if any(form in str(found) for form in forms)}
    assert holders == {"hcloud", "provider-token"}


# --- the operator dies ------------------------------------------------------------------------------------------------


async def crashed(world: World, number: int) -> bool:
    """Undisturbed, but for a crash right after one write. Whether there was a write of that number."""
    struck = False

    def crash(_: Request) -> None:
        nonlocal struck
        struck = True
        raise Crash

    strike = at_request(number, crash)

    def writing(request: Request) -> None:
        if request.writes and request.key.plural != "events":
            strike(request)

    for _ in range(drive.ENOUGH):
        if drive.due(world):
            await reconcile(world, calm, writing)
        elif await undisturbed(world, 1):
            return struck
    raise AssertionError(story(world))


async def test_a_crash_after_any_write_of_a_provisioning_ends_as_if_there_had_been_none() -> None:
    number, struck = 0, True
    while struck:
        number += 1
        world = World()
        struck = await crashed(world, number)
        check_end(world)
        assert len(world.jobs()) == 1, f"crash after write {number}: {names(world)}"
    assert number > 15


async def test_a_crash_after_any_write_of_a_deletion_ends_as_if_there_had_been_none() -> None:
    number, struck = 0, True
    standing = await provisioned(gen.spec(deletionProtection=False))
    while struck:
        number += 1
        world = standing.fork()
        world.delete()
        struck = await crashed(world, number)
        check_end(world)
        assert world.sovereign is None, f"crash after write {number}: {story(world)}"
    assert number > 15


async def test_an_apply_that_ends_while_the_operator_is_down_is_adopted() -> None:
    world = World()
    await applying(world)
    while enabled := world.enabled():
        enabled[0]()
    world.restart()
    assert await undisturbed(world)
    check_end(world)
    assert len(world.jobs()) == 1


# --- deletions --------------------------------------------------------------------------------------------------------


async def test_deleted_between_looking_and_holding_nothing_is_made() -> None:
    world = World()
    await reconcile(world, at_request(3, lambda _: world.delete()))
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None
    assert world.api.all("jobs") == []


@pytest.mark.parametrize("done", [1, 2])
async def test_deleted_in_mid_apply_what_was_made_is_destroyed(done: int) -> None:
    world = World(gen.spec(deletionProtection=False))
    await applying(world, done)
    world.delete()
    await until(world, lambda: world.condition("Deleting").get("reason") == "Destroying")
    assert len(world.cloud.objects) <= done + 1, "the apply was stopped, not waited for"
    assert await undisturbed(world)
    check_end(world)


async def test_protected_it_is_not_destroyed_until_protection_is_off() -> None:
    world = await provisioned()
    world.delete()
    assert await undisturbed(world)
    assert reason(world) == "ProtectedDeletion"
    assert set(world.cloud.objects) == world.wanted()
    world.edit(deletionProtection=False)
    assert await undisturbed(world)
    check_end(world)


async def test_orphaned_it_goes_and_its_objects_stay() -> None:
    world = await provisioned(gen.spec(deletionPolicy="Orphan", deletionProtection=False))
    objects = set(world.cloud.objects)
    world.delete()
    assert await undisturbed(world)
    assert world.sovereign is None
    assert set(world.cloud.objects) == objects
    (receipt,) = world.api.all("configmaps", "team-a")
    assert '"result": "orphaned"' in receipt["data"]["receipt.json"]


async def test_the_owners_secret_may_go_first() -> None:
    world = await provisioned(gen.spec(deletionProtection=False))
    world.set_token(None)
    world.delete()
    assert await undisturbed(world)
    check_end(world)


async def test_a_destroy_that_fails_for_long_keeps_the_finalizer_and_goes_on() -> None:
    world = await provisioned(gen.spec(deletionProtection=False))
    world.cloud.trouble = ["server_error"] * 20
    world.delete()
    for left in range(19, -1, -1):
        await until(world, lambda left=left: len(world.cloud.trouble) <= left)  # type: ignore[misc]
    assert world.sovereign is not None
    assert world.condition("Deleting")["reason"] in ("DestroyFailed", "Destroying")
    assert world.condition("TofuApply")["status"] == "True", "what was applied once is still told"
    assert await undisturbed(world)
    check_end(world)


async def test_somebody_elses_object_under_our_label_blocks_and_is_named() -> None:
    world = await provisioned(gen.spec(deletionProtection=False))
    world.cloud.objects["volume-of-a-pod"] = gen.UID
    world.delete()
    await until(world, lambda: world.condition("Deleting").get("reason") == "DestroyFailed")
    assert world.status["lastErrors"][0]["code"] == "ERR_LEFTOVERS"
    del world.cloud.objects["volume-of-a-pod"]
    assert await undisturbed(world)
    check_end(world)


async def test_a_run_namespace_that_somebody_deleted_blocks_until_its_loss_is_accepted() -> None:
    world = await provisioned(gen.spec(deletionProtection=False))
    world.api.remove("namespaces", "", gen.SPACE)
    world.restart()
    await until(world, lambda: reason(world) == "StateLost")
    world.delete()
    await until(world, lambda: world.condition("Deleting").get("reason") == "DestroyFailed")
    assert f"catalyst.openova.io/sovereign-uid={gen.UID}" in message(world)
    assert world.sovereign is not None
    world.cloud.objects.clear()
    world.edit(deletionPolicy="Orphan")
    assert await undisturbed(world)
    check_end(world)


async def test_at_rest_nothing_is_written() -> None:
    world = await provisioned()
    await check_quiet(world)
    world = World(gen.spec(suspend=True))
    assert await undisturbed(world)
    await check_quiet(world)
