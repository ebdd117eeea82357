"""One thing going wrong at a time, told as stories, with the whole operator on the simulated cluster.

The property tests find what nobody thought of; these say what was thought of, and hold it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from tests import drive, gen
from tests.cluster import key_of
from tests.drive import at_request, calm, check_end, check_quiet, reconcile, settle, story, undisturbed, until
from tests.fake_kube import Crash, Request
from tests.world import WRONG_TOKEN, World

Act = Callable[[World], None]


async def provisioned(*mods: gen.RawMod) -> World:
    """A world whose Sovereign was provisioned undisturbed."""
    world = World(*mods)
    assert await undisturbed(world), story(world)
    check_end(world)
    return world


async def applying(world: World, done: int = 1) -> None:
    """To the middle of an apply: so many cloud objects were made or removed in it."""
    before = len(world.cloud.objects)
    await until(world, lambda: abs(len(world.cloud.objects) - before) == done)


def workers(count: int) -> Act:
    return lambda world: world.edit(workers={"size": "cpx32", "replicas": count} if count else {"replicas": 0})


def names(world: World) -> list[str]:
    return [job["metadata"]["name"] for job in world.jobs()]


def reason(world: World) -> str:
    return str(world.condition("Ready").get("reason"))


def message(world: World) -> str:
    return str(world.condition("Ready")["message"])


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
    assert phases == ["tofu-init", "tofu-plan", "tofu-apply", "tofu-output", "flux-bootstrap"]
    assert percent == sorted(percent)
    assert (percent[-1], len(world.jobs())) == (50, 1)


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


# --- runs come to harm ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "harm",
    [World.evict_pod, World.kill_pod, World.delete_pod, World.delete_job],
    ids=["evicted", "out of memory", "Pod deleted", "Job deleted"],
)
async def test_a_run_that_comes_to_harm_in_mid_apply_is_taken_up_again(harm: Act) -> None:
    world = World()
    await applying(world, 2)
    harm(world)
    await until(world, lambda: reason(world) == "Retrying")
    assert "interrupted from outside" in message(world)
    assert await undisturbed(world)
    check_end(world)


async def test_a_job_that_vanished_with_its_pod_is_not_taken_for_done() -> None:
    """Somebody took the finalizers off: no evidence is left, so a plan has to tell."""
    world = World()
    await applying(world)
    (pod,), (job,) = world.pods(), world.jobs()

    world.api.on_change = lambda *_: None  # the invariant on evidence is what is broken here, by somebody else
    world.api.finish(key_of("pods", pod))
    world.api.finish(key_of("jobs", job))
    world.api.on_change = world._changed
    world.restart()
    await until(world, lambda: reason(world) == "Retrying")
    assert "vanished before its end was seen" in message(world)
    assert await undisturbed(world)
    check_end(world)


async def test_a_pod_that_appears_while_its_job_is_deleted_is_waited_for() -> None:
    """Pods are listed before Jobs: neither was seen, and yet an OpenTofu is at work."""
    world = World()
    await until(world, lambda: bool(world.jobs()) and world.status.get("currentRun") is not None and not world.wake)

    def meanwhile(request: Request) -> None:
        if request.key.plural == "jobs" and request.method == "GET":
            world.api.before_request = calm
            while len(world.cloud.objects) < 2:
                world.enabled()[0]()
            world.delete_job()

    await reconcile(world, meanwhile)
    assert reason(world) == "Retrying"
    world.now += 60 * gen.SECOND
    await reconcile(world)
    assert "still at work" in message(world)
    assert await undisturbed(world)
    check_end(world)


async def test_five_passing_failures_are_a_persons_turn_and_a_retry_starts_over() -> None:
    world = World()
    world.cloud.trouble = ["resource_unavailable"] * 7
    await until(world, lambda: bool(world.condition("Stalled")))
    assert len(world.cloud.trouble) == 2, "five attempts"
    assert "ERR_CAPACITY" in message(world)
    world.annotate("retryRequestedAt")
    assert await undisturbed(world), "two more failures are not the end of it"
    check_end(world)
    assert world.status["lastHandledRetryAt"] == "at-1"


@pytest.mark.parametrize(
    ("error", "code"), [("token_readonly", "ERR_TOKEN_READONLY"), ("resource_limit_exceeded", "ERR_QUOTA_EXCEEDED")]
)
async def test_an_error_that_waiting_does_not_mend_is_not_tried_again(error: str, code: str) -> None:
    world = World()
    world.cloud.trouble = [error] * 3
    await until(world, lambda: bool(world.condition("Stalled")))
    for _ in range(20):
        await undisturbed(world, 1)
    assert world.status["lastErrors"][0]["code"] == code
    assert len(world.jobs()) == 1


async def test_a_corrected_secret_is_found_without_any_event() -> None:
    world = World()
    world.set_token(WRONG_TOKEN)
    await until(world, lambda: reason(world) == "CredentialsInvalid" and not world.wake)
    world.set_token(gen.TOKEN)
    assert not world.wake, "Secrets are not watched"
    assert await undisturbed(world)
    check_end(world)


# --- people change their minds ----------------------------------------------------------------------------------------


async def test_an_edit_during_the_plan_is_carried_out_after_it() -> None:
    world = World()
    await until(world, lambda: world.status.get("phase") == "tofu-plan")
    workers(1)(world)
    assert await undisturbed(world)
    check_end(world)
    assert len(world.jobs()) == 2


async def test_an_edit_back_after_half_an_apply_does_not_leave_the_half() -> None:
    """One worker, then three, interrupted at two, then one again: the inputs are those applied last with success."""
    world = await provisioned(gen.workers(1))
    workers(3)(world)
    await applying(world, 1)
    world.delete_job()
    workers(1)(world)
    await settle(world)
    check_end(world)


async def test_fewer_workers_wait_for_approval_and_an_edit_asks_anew() -> None:
    world = await provisioned(gen.workers(2))
    workers(0)(world)
    assert await undisturbed(world)
    assert reason(world) == "AwaitingApproval"
    assert "something would be destroyed" in message(world)
    first = world.status["plan"]["digest"]
    workers(1)(world)
    assert await undisturbed(world)
    assert reason(world) == "AwaitingApproval"
    world.edit(approvePlan=first)
    assert await undisturbed(world)
    assert reason(world) == "AwaitingApproval", "that was the approval of another plan"
    world.edit(approvePlan=world.status["plan"]["digest"])
    assert await undisturbed(world)
    check_end(world)


async def test_suspended_in_mid_apply_the_run_ends_and_no_other_begins() -> None:
    world = World()
    await applying(world)
    workers(2)(world)
    world.edit(suspend=True)
    assert await undisturbed(world)
    assert (reason(world), len(world.jobs())) == ("Suspended", 1)
    assert world.condition("TofuOutput")["status"] == "True"
    world.edit(suspend=False)
    assert await undisturbed(world)
    check_end(world)


async def test_a_create_that_arrives_late_is_stopped() -> None:
    """The answer is lost, the owner edits, another run starts: then the first Job appears after all."""
    world = World()

    def late(request: Request) -> None:
        if request.key.plural == "jobs" and request.method == "POST":
            world.late.append(request)
            raise TimeoutError

    await reconcile(world, late)
    assert len(world.late) == 1
    workers(1)(world)
    await until(world, lambda: len(world.jobs()) == 1)
    arrive = next(step for step in world.enabled() if getattr(step, "args", ())[-1:] == (world.late[0],))
    arrive()
    assert len(world.jobs()) == 2
    stray = next(name for name in names(world) if name.endswith("-1"))
    await until(world, lambda: stray not in names(world))
    await settle(world)
    check_end(world)


async def test_an_older_record_that_arrives_late_does_not_win() -> None:
    world = World()

    def late(request: Request) -> None:
        if request.key.plural == "configmaps" and request.writes and world.record() is not None:
            world.late.append(request)
            raise TimeoutError

    await until(world, lambda: bool(world.jobs()))
    await reconcile(world, late)
    assert world.late
    await until(world, lambda: world.status.get("phase") == "tofu-apply")
    before = world.record()
    for request in tuple(world.late):
        world.api.replay(request)
    world.late.clear()
    assert world.record() == before
    assert await undisturbed(world)
    check_end(world)


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
