"""Stories of people who change their minds: edits, cancellations, dry runs, approvals."""

from __future__ import annotations

from tests.support import gen
from tests.support.drive import check_end, check_quiet, reconcile, settle, story, undisturbed, until
from tests.support.fake_kube import Request
from tests.support.world import World
from tests.unit.core.decide.stories import applying, for_a_while, message, names, provisioned, reason, results, workers


async def test_an_edit_between_plan_and_apply_is_planned_again_and_the_first_plan_never_applies() -> None:
    world = World()
    await until(world, lambda: world.status.get("phase") == "tofu-plan")
    workers(1)(world)
    await until(world, lambda: "planned again" in message(world))
    await until(world, lambda: results(world) == ["Cancelled"])
    assert (world.cloud.objects, world.tofu.serial()) == ({}, 1), "the first plan was never applied"
    assert await undisturbed(world)
    check_end(world)
    assert results(world) == ["Succeeded", "Cancelled"]
    assert world.status["plan"]["add"] == 4


async def test_an_edit_in_mid_apply_is_carried_out_after_it() -> None:
    """What has begun is brought to its end: half of it is worse than the whole."""
    world = World()
    await applying(world)
    workers(1)(world)
    assert await undisturbed(world)
    check_end(world)
    assert results(world) == ["Succeeded", "Succeeded"]


async def test_cancelled_in_mid_apply_it_halts_until_a_retry_is_asked_for() -> None:
    world = World()
    await applying(world)
    world.annotate("cancelRequestedAt")
    await until(world, lambda: reason(world) == "RunCancelled")
    made = dict(world.cloud.objects)
    assert world.status["lastHandledCancelAt"] == "at-1"
    assert await undisturbed(world), "nothing goes on by itself"
    assert world.cloud.objects == made
    assert results(world) == ["Cancelled"]
    world.annotate("retryRequestedAt")
    assert await undisturbed(world)
    check_end(world)
    assert results(world) == ["Succeeded", "Cancelled"]


async def test_cancelled_before_the_job_is_there_nothing_is_made() -> None:
    world = World()
    await until(world, lambda: bool(world.jobs()))
    world.annotate("cancelRequestedAt")
    assert await undisturbed(world)
    assert (reason(world), world.cloud.objects) == ("RunCancelled", {})
    workers(1)(world)
    assert await undisturbed(world), "an edit is a wish to go on, and the old request stops nothing more"
    check_end(world)


async def test_a_cancelled_destroy_keeps_the_finalizer_until_a_retry_is_asked_for() -> None:
    world = await provisioned(gen.spec(deletionProtection=False))
    world.delete()
    await applying(world, 1)
    world.annotate("cancelRequestedAt")
    await until(world, lambda: reason(world) == "RunCancelled")
    assert await undisturbed(world)
    assert world.sovereign is not None
    world.annotate("retryRequestedAt")
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None


async def test_a_dry_run_spends_nothing_and_then_it_is_meant() -> None:
    world = World(gen.workers(1), gen.spec(dryRun=True))
    assert await undisturbed(world)
    assert (reason(world), world.cloud.objects) == ("DryRun", {})
    assert "Dry run: 4 to add, 0 to change, 0 to destroy" in message(world)
    await check_quiet(world)
    world.edit(dryRun=False)
    assert await undisturbed(world)
    check_end(world)
    assert [run["verb"] for run in world.status["history"]] == ["apply", "plan"]


async def test_a_dry_run_of_what_stands_changes_nothing_and_off_again_neither() -> None:
    world = await provisioned(gen.workers(1))
    world.edit(workers={"size": "cpx32", "replicas": 3}, dryRun=True)
    assert await undisturbed(world)
    assert "Dry run: 2 to add" in message(world)
    assert len(world.cloud.objects) == 4
    world.edit(workers={"size": "cpx32", "replicas": 1}, dryRun=False)
    assert await undisturbed(world)
    check_end(world)
    assert [run["verb"] for run in world.status["history"]] == ["plan", "apply"], "nothing was left to apply"


async def test_what_a_dry_run_of_what_stands_announces_is_what_follows() -> None:
    """Somebody deleted a worker: nobody edits anything, and yet there is something to do."""
    world = await provisioned(gen.workers(2))
    del world.cloud.objects["worker-0"]
    world.edit(dryRun=True)
    assert await undisturbed(world)
    assert "Dry run: 1 to add" in message(world)
    world.edit(dryRun=False)
    await until(world, lambda: reason(world) == "AwaitingApproval")
    world.edit(approvePlan=world.status["plan"]["digest"])
    assert await undisturbed(world)
    check_end(world)
    await check_quiet(world)


async def test_a_retry_of_what_is_applied_leads_to_one_run_and_is_answered() -> None:
    world = await provisioned(gen.workers(1))
    world.annotate("retryRequestedAt")
    assert await undisturbed(world)
    check_end(world)
    assert (results(world), world.status["lastHandledRetryAt"]) == (["Succeeded", "Succeeded"], "at-1")
    await check_quiet(world)


async def test_a_dry_run_that_is_deleted_leaves_at_once() -> None:
    world = World(gen.spec(dryRun=True, deletionProtection=False))
    assert await undisturbed(world)
    world.set_token(None)
    world.delete()
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None


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
    assert "something would go" in message(world)
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
    assert world.status["phase"] == "phase-1", "its Flux is at work: it boots no more"
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

    await reconcile(world)
    assert world.condition("PreflightPassed") == {}, "the project is looked at first"
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


async def test_a_wrong_branch_costs_nothing_and_is_corrected() -> None:
    world = World(gen.spec(gitops={"ref": {"branch": "mian"}}))
    await until(world, lambda: reason(world) == "CheckFailed")
    await for_a_while(world)
    assert (world.cloud.objects, world.jobs()) == ({}, [])
    assert "has no branch mian; its default branch is main" in message(world)
    world.edit(gitops={"ref": {"branch": "main"}})
    assert await undisturbed(world), story(world)
    assert results(world) == ["Succeeded"]
    (git,) = (check for check in world.status["preflight"] if check["name"] == "git")
    assert git["result"] == "Passed"
