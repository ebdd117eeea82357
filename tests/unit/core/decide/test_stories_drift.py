"""Stories of drift: somebody changes, deletes or powers off by hand what was applied, and the next check finds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.core import naming
from catalyst_operator.core.record import RunEntry
from tests.support import gen
from tests.support.drive import at_request, check_end, reconcile, story, undisturbed, until
from tests.support.fake_kube import Crash, Request
from tests.support.tofu import OTHER_TOKEN, SECOND_TOKEN
from tests.support.world import World
from tests.unit.core.decide.stories import for_a_while, in_phase, names, provisioned, reason, workers

REPORT = gen.spec(driftDetection={"interval": "24h"})
REPAIR = gen.spec(driftDetection={"interval": "24h", "mode": "Repair"})
LONGEST = 26
"""Hours until the next check, at most: an interval, and the rest after an apply."""


def checks(world: World) -> list[RunEntry]:
    """The drift checks that the record knows."""
    record = world.record()
    return [run for run in record.runs if run.drift_check] if record else []


async def an_hour_later(world: World) -> None:
    world.now += timedelta(hours=1)
    world.wake = True
    assert await undisturbed(world), story(world)


async def checked(world: World) -> RunEntry:
    """The next check, once it has ended."""
    before = checks(world)
    for _ in range(LONGEST):
        await an_hour_later(world)
        if checks(world) != before:
            return checks(world)[-1]
    raise AssertionError(f"nobody looked: {story(world)}")


async def to_the_middle_of_a_check(world: World) -> None:
    """A check is planning."""
    for _ in range(LONGEST):
        world.now += timedelta(hours=1)
        world.wake = True
        for _ in range(60):
            if in_phase(world, "tofu-plan"):
                return
            if await undisturbed(world, 1):
                break
    raise AssertionError(f"nobody looked: {story(world)}")


def drifted(world: World) -> tuple[str, str]:
    found = world.condition("Drifted")
    return found["status"], found["reason"]


def drift(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.status["drift"]
    return found


async def test_what_is_as_it_was_applied_is_told_so() -> None:
    world = await provisioned(REPORT)
    assert drifted(world) == ("False", "NoDrift"), "an apply looks at everything"
    ready = world.condition("Ready")
    run = await checked(world)
    assert (run.state.value, drifted(world), drift(world)["add"]) == ("Succeeded", ("False", "NoDrift"), 0)
    assert world.condition("Ready") == ready, "nothing else is touched by it"
    assert world.status["lastOperation"]["type"] == "Create"
    check_end(world)


async def test_a_deleted_worker_is_told_and_made_again_when_a_person_says_so() -> None:
    world = await provisioned(REPORT, gen.workers(1))
    del world.cloud.objects["worker-0"]
    await checked(world)
    assert drifted(world) == ("True", "DriftDetected")
    assert (drift(world)["add"], drift(world)["addresses"]) == (1, ["hcloud_server.worker[0]"])
    digest = world.status["plan"]["digest"]
    text = world.api.get("configmaps", "team-a", naming.plan_config_map("omantel", gen.UID))
    assert text is not None
    assert world.status["plan"]["configMap"] == text["metadata"]["name"]
    await for_a_while(world)
    assert "worker-0" not in world.cloud.objects, "mode Report only tells"
    world.annotate("retryRequestedAt")
    await until(world, lambda: reason(world) == "AwaitingApproval")
    assert world.status["plan"]["digest"] == digest, "the same plan has the same digest"
    world.edit(approvePlan=digest)
    assert await undisturbed(world)
    check_end(world)
    assert drifted(world) == ("False", "NoDrift")


async def test_repair_puts_right_what_needs_no_approval() -> None:
    world = await provisioned(REPAIR)
    world.cloud.altered.add("network")
    await checked(world)
    assert world.cloud.altered == set()
    assert (drifted(world), reason(world)) == (("False", "NoDrift"), "Succeeded")
    assert [run["result"] for run in world.status["history"]] == ["Succeeded"] * 3
    check_end(world)


async def test_repair_asks_before_it_makes_a_server_again() -> None:
    world = await provisioned(REPAIR, gen.workers(1))
    del world.cloud.objects["worker-0"]
    await checked(world)
    assert (reason(world), drifted(world)) == ("AwaitingApproval", ("True", "DriftDetected"))
    assert "worker-0" not in world.cloud.objects
    attempts = len(names(world))
    for _ in range(30):
        await an_hour_later(world)
    assert len(names(world)) == attempts, "while that waits nobody looks"
    world.edit(approvePlan=world.status["plan"]["digest"])
    assert await undisturbed(world)
    check_end(world)
    assert drifted(world) == ("False", "NoDrift")


async def test_report_becomes_repair() -> None:
    world = await provisioned(REPORT)
    world.cloud.altered.add("network")
    await checked(world)
    assert world.cloud.altered
    world.edit(driftDetection={"interval": "24h", "mode": "Repair"})
    assert await undisturbed(world)
    assert world.cloud.altered == set()
    check_end(world)


async def test_a_server_that_is_off_stays_off_and_is_told() -> None:
    world = await provisioned(REPAIR, gen.workers(1))
    world.cloud.off.add("worker-0")
    await checked(world)
    assert drifted(world) == ("True", "ServersOff")
    assert drift(world)["poweredOff"] == ["hcloud_server.worker[0]"]
    assert drift(world).get("addresses", []) == []
    assert [run["verb"] for run in world.status["history"]] == ["plan", "apply"], "nothing was applied"
    world.cloud.off.clear()
    await checked(world)
    assert drifted(world) == ("False", "NoDrift")


@pytest.mark.parametrize("mode", [REPORT, REPAIR], ids=["Report", "Repair"])
async def test_with_another_projects_token_nothing_is_checked_and_nothing_is_lost(mode: gen.RawMod) -> None:
    world = await provisioned(mode, gen.workers(1))
    objects, jobs = dict(world.cloud.objects), names(world)
    world.set_token(OTHER_TOKEN)
    for _ in range(LONGEST):
        world.now += timedelta(hours=1)
        world.wake = True
        await undisturbed(world, 40)
    assert (names(world), world.cloud.objects, world.cloud.elsewhere) == (jobs, objects, {})
    assert drifted(world) == ("Unknown", "NotChecked")
    assert [error["code"] for error in world.status["lastErrors"]] == ["ERR_PROJECT_MISMATCH"]
    assert (world.condition("Ready")["status"], reason(world)) == ("True", "Succeeded")
    world.set_token(SECOND_TOKEN)
    await checked(world)
    assert (drifted(world), world.status.get("lastErrors", [])) == (("False", "NoDrift"), [])
    check_end(world)


async def test_an_edit_does_not_wait_for_a_check() -> None:
    world = await provisioned(REPORT)
    await to_the_middle_of_a_check(world)
    workers(1)(world)
    assert await undisturbed(world)
    check_end(world)
    assert [(r["verb"], r["result"]) for r in world.status["history"]][:2] == [
        ("apply", "Succeeded"),
        ("plan", "Cancelled"),
    ]


async def test_a_deletion_does_not_wait_for_a_check() -> None:
    world = await provisioned(REPORT, gen.spec(deletionProtection=False))
    await to_the_middle_of_a_check(world)
    world.delete()
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None


async def test_a_check_that_a_person_stops_leaves_all_as_it_was() -> None:
    world = await provisioned(REPORT)
    await to_the_middle_of_a_check(world)
    world.annotate("cancelRequestedAt")
    assert await undisturbed(world)
    check_end(world)
    assert checks(world)[-1].state.value == "Cancelled"
    assert (await checked(world)).state.value == "Succeeded", "at its next time there is another"


@pytest.mark.parametrize("act", ["delete_pod", "evict_pod", "kill_pod", "delete_job"])
async def test_a_check_that_is_ended_from_outside_is_made_again_in_an_hour(act: str) -> None:
    world = await provisioned(REPORT)
    await to_the_middle_of_a_check(world)
    getattr(world, act)()
    assert await undisturbed(world)
    assert (world.condition("Ready")["status"], drifted(world)) == ("True", ("Unknown", "NotChecked"))
    ended, at = checks(world)[-1], world.now
    again = await checked(world)
    assert again.attempt > ended.attempt
    assert world.now - at <= timedelta(hours=2)
    assert (again.state.value, drifted(world)) == ("Succeeded", ("False", "NoDrift"))
    check_end(world)


@pytest.mark.parametrize("at", range(1, 45, 3))
async def test_an_operator_that_dies_at_any_moment_of_a_check_makes_one(at: int) -> None:
    """The world itself checks that no two Jobs are ever live."""
    world = await provisioned(REPORT)

    def die(_: Request) -> None:
        raise Crash

    for _ in range(LONGEST):
        world.now += timedelta(hours=1)
        for _ in range(4):
            await reconcile(world, at_request(at, die))
        assert await undisturbed(world)
        if checks(world):
            break
    assert [run.state.value for run in checks(world)] == ["Succeeded"]
    check_end(world)


@pytest.mark.parametrize("at", range(1, 60, 4))
async def test_a_token_that_is_replaced_in_any_moment_is_not_the_one_that_a_check_gets(at: int) -> None:
    """The world itself checks that no run is given the token of another project. Each pass dies after that, so that
    the next one goes on from what was recorded."""
    world = await provisioned(REPORT)
    objects = dict(world.cloud.objects)

    def replaced(_: Request) -> None:
        world.set_token(OTHER_TOKEN)
        raise Crash

    for _ in range(LONGEST):
        world.now += timedelta(hours=1)
        world.set_token(gen.TOKEN)
        for _ in range(4):
            await reconcile(world, at_request(at, replaced))
        await undisturbed(world, 40)
        if checks(world):
            break
    await for_a_while(world)
    assert (world.cloud.objects, world.cloud.elsewhere) == (objects, {})


async def test_many_checks_push_nothing_out_that_people_look_for() -> None:
    world = await provisioned(REPORT)
    first = names(world)
    for _ in range(8):
        await checked(world)
    assert first[0] in names(world), "the log of the last apply can still be read"
    assert [(r["verb"], r.get("driftCheck", False)) for r in world.status["history"]] == [
        ("plan", True),
        ("apply", False),
    ]
    assert len(names(world)) == 2


async def test_a_dry_run_is_not_answered_by_an_old_check() -> None:
    world = await provisioned(REPORT)
    await checked(world)
    jobs = len(names(world))
    world.edit(dryRun=True)
    assert await undisturbed(world)
    assert reason(world) == "DryRun"
    assert len(names(world)) > jobs


async def test_after_the_hand_off_nobody_looks() -> None:
    world = await provisioned(REPORT)
    await checked(world)
    world.annotate("handOffRequestedAt")
    await until(world, lambda: bool((record := world.record()) and record.hand_off))
    jobs = names(world)
    assert world.condition("Drifted") == {}
    assert "drift" not in world.status
    for _ in range(LONGEST):
        world.now += timedelta(hours=1)
        world.wake = True
        await undisturbed(world, 20)
    assert names(world) == jobs
