"""Stories of runs that come to harm, of a cloud that says no, and of sizes that cannot be had."""

from __future__ import annotations

import pytest

from tests.support import gen, tofu
from tests.support.cluster import key_of
from tests.support.drive import calm, check_end, reconcile, undisturbed, until
from tests.support.fake_kube import Request
from tests.support.world import WRONG_TOKEN, World
from tests.unit.core.decide.stories import (
    Act,
    applying,
    holder,
    in_phase,
    lock_by_hand,
    message,
    provisioned,
    reason,
    results,
    workers,
)


def attempts(world: World) -> int:
    """How many runs were made."""
    found = world.record()
    return found.attempts if found else 0


# --- runs come to harm ------------------------------------------------------------------------------------------------


HARMS = pytest.mark.parametrize(
    "harm",
    [World.evict_pod, World.kill_pod, World.delete_pod, World.delete_job],
    ids=["evicted", "out of memory", "Pod deleted", "Job deleted"],
)


@HARMS
async def test_a_run_that_comes_to_harm_in_mid_apply_is_taken_up_again_at_once(harm: Act) -> None:
    world = World()
    await applying(world, 2)
    harm(world)
    await until(world, lambda: attempts(world) == 2)
    assert results(world) == ["Interrupted"]
    assert reason(world) == "Provisioning", "no pause after the first time"
    assert await undisturbed(world)
    check_end(world)


@HARMS
async def test_a_run_that_comes_to_harm_twice_in_a_row_pauses(harm: Act) -> None:
    world = World(gen.workers(3))
    await applying(world, 1)
    harm(world)
    await until(world, lambda: attempts(world) == 2)
    await applying(world, 1)
    harm(world)
    await until(world, lambda: reason(world) == "Retrying")
    assert "interrupted from outside" in message(world)
    assert await undisturbed(world)
    check_end(world)


@pytest.mark.parametrize("harm", [World.evict_pod, World.kill_pod], ids=["evicted", "out of memory"])
async def test_a_kill_in_mid_apply_leaves_lock_and_orphan_and_the_next_run_adopts_it(harm: Act) -> None:
    """The state is written after every second resource: the first one is in the cloud, and nobody knows of it."""
    world = World()
    await applying(world, 1)
    harm(world)
    assert holder(world), "nobody released it"
    assert world.tofu.resources() == []
    (orphan,) = world.cloud.objects
    await until(world, lambda: attempts(world) == 2)
    assert not holder(world), "a dead holder's"
    await until(world, lambda: (world.status.get("plan") or {}).get("adopt") == 1)
    assert await undisturbed(world)
    check_end(world)
    assert orphan in world.tofu.resources()
    assert "1 adopted" in world.condition("TofuApply")["message"]


async def test_a_kill_in_mid_destroy_leaves_lock_and_is_gone_on_from() -> None:
    world = await provisioned(gen.workers(2), gen.spec(deletionProtection=False))
    world.delete()
    await applying(world, 1)
    world.kill_pod()
    assert holder(world)
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None


async def test_deleted_after_a_kill_in_mid_apply_what_nobody_knew_of_is_destroyed_too() -> None:
    world = World(gen.spec(deletionProtection=False))
    await applying(world, 1)
    world.kill_pod()
    world.delete()
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None


async def test_a_lock_that_a_person_holds_is_waited_for_however_long() -> None:
    world = await provisioned()
    lock_by_hand(world)
    workers(1)(world)
    await until(world, lambda: reason(world) == "StateLocked")
    for _ in range(20):
        await undisturbed(world, 1)
    assert (holder(world), len(world.jobs())) == ("by-hand", 1)
    world.api.change(tofu.LEASE, lambda o: o.update(spec={}))
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
    await until(world, lambda: results(world) == ["Lost"])
    assert await undisturbed(world)
    check_end(world)
    assert results(world) == ["Succeeded", "Lost"]


@pytest.mark.parametrize("phase", ["tofu-plan", "tofu-apply"])
async def test_a_pod_that_appears_while_its_job_is_deleted_is_waited_for(phase: str) -> None:
    """While the operator looks, an OpenTofu gets to work, in its apply with the lock, and its Job is deleted."""
    world = World()
    await until(world, lambda: bool(world.jobs()) and world.status.get("currentRun") is not None and not world.wake)

    def meanwhile(request: Request) -> None:
        if request.key.plural == "jobs" and request.method == "GET":
            world.api.before_request = calm
            while not in_phase(world, phase) or (phase == "tofu-apply" and not world.cloud.objects):
                world.enabled()[0]()
            world.delete_job()

    await reconcile(world, meanwhile)
    assert world.jobs() == [], "nothing is started beside it"
    assert bool(holder(world)) is (phase == "tofu-apply"), "its lock is its own"
    world.now += 60 * gen.SECOND
    await reconcile(world)
    assert world.jobs() == [], "nor later, while it works"
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


# --- sizes ------------------------------------------------------------------------------------------------------------

LADDER = {"size": "cpx22", "sizeFallbacks": ["cpx32", "cpx42"]}


def sizes(world: World) -> list[str]:
    return [server["size"] for server in world.status["servers"]]


async def test_the_first_size_is_sold_out_the_second_is_taken_and_kept_when_the_first_is_back() -> None:
    world = World(gen.spec(controlPlane=LADDER))
    world.cloud.sold_out = {"cpx22"}
    assert await undisturbed(world)
    check_end(world)
    assert (world.cloud.sizes["control-plane-0"], sizes(world)) == ("cpx32", ["cpx32"])
    assert results(world) == ["Succeeded", "Failed"]
    world.cloud.sold_out.clear()
    workers(1)(world)
    assert await undisturbed(world), "nothing asks for approval: no server is changed"
    check_end(world)
    assert world.cloud.sizes["control-plane-0"] == "cpx32"


async def test_down_the_ladder_without_a_pause_and_from_the_top_after_one() -> None:
    world = World(gen.spec(controlPlane=LADDER))
    world.cloud.sold_out = {"cpx22", "cpx32", "cpx42"}
    await until(world, lambda: reason(world) == "Retrying")
    assert results(world) == ["Failed"] * 3
    assert sizes(world) == ["cpx42"], "the last that was tried"
    world.cloud.sold_out.clear()
    assert await undisturbed(world)
    check_end(world)
    assert world.cloud.sizes["control-plane-0"] == "cpx22", "what was asked for first"


async def test_rounds_of_the_ladder_are_counted_as_tries_and_end_in_a_persons_turn() -> None:
    world = World(gen.spec(controlPlane={"size": "cpx22", "sizeFallbacks": ["cpx32"]}))
    world.cloud.sold_out = {"cpx22", "cpx32"}
    for number in (4, 8):
        await until(world, lambda number=number: attempts(world) > number)  # type: ignore[misc]
    await until(world, lambda: bool(world.condition("Stalled")))
    found = world.record()
    assert found is not None
    assert (found.attempts, found.runs[-1].tries) == (10, 5)
    assert "5 attempts" in message(world)


async def test_another_size_in_the_spec_is_an_edit_of_what_stands_and_waits_for_approval() -> None:
    world = World(gen.spec(controlPlane=LADDER))
    world.cloud.sold_out = {"cpx22"}
    assert await undisturbed(world)
    world.edit(controlPlane={"size": "cpx42"})
    assert await undisturbed(world)
    assert reason(world) == "AwaitingApproval", "a server would be powered off"
    world.edit(approvePlan=world.status["plan"]["digest"])
    assert await undisturbed(world)
    check_end(world)
    assert (world.cloud.sizes["control-plane-0"], sizes(world)) == ("cpx42", ["cpx42"])
