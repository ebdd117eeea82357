"""Stories of tokens that open another project than the Sovereign's, and of projects that somebody emptied.

The world itself checks that no run is ever given the token of another project while the cluster runs in its own.
"""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from catalyst_operator.core import naming, record
from catalyst_operator.core.project.identity import ForeignMember
from tests.support import gen, tofu
from tests.support.drive import at_request, check_end, check_quiet, reconcile, undisturbed, until
from tests.support.fake_kube import Key
from tests.support.tofu import OTHER_TOKEN, SECOND_TOKEN
from tests.support.world import RECORD, World
from tests.unit.core.decide.stories import (
    applying,
    for_a_while,
    message,
    names,
    provisioned,
    reason,
    results,
    workers,
)

STATE_KEY = Key("secrets", gen.SPACE, naming.STATE_KEY_SECRET)
COPY = Key("secrets", gen.SPACE, naming.TOKEN_SECRET)
GOING = gen.spec(deletionProtection=False)


def code(world: World) -> str:
    """The code of the first of status.lastErrors."""
    return str(world.status["lastErrors"][0]["code"])


def kept(world: World) -> tuple[object, ...]:
    """What must not be lost."""
    return dict(world.cloud.objects), world.api.get(*tofu.STATE), world.api.get(*STATE_KEY)


async def mismatched(world: World) -> None:
    """It says that the token opens another project, and does nothing more."""
    objects, jobs = dict(world.cloud.objects), names(world)
    await until(world, lambda: reason(world) == "ProjectMismatch")
    assert code(world) == "ERR_PROJECT_MISMATCH"
    before = kept(world)
    await for_a_while(world)
    assert (kept(world), names(world), world.cloud.elsewhere) == (before, jobs, {})
    assert (world.cloud.objects, reason(world)) == (objects, "ProjectMismatch")


async def test_another_projects_token_makes_no_second_cluster() -> None:
    world = await provisioned(gen.workers(1))
    world.set_token(OTHER_TOKEN)
    assert await undisturbed(world), "what stands is not in doubt"
    workers(2)(world)
    await mismatched(world)
    world.set_token(SECOND_TOKEN)
    assert await undisturbed(world), "another token of the right project is as good"
    check_end(world)
    assert results(world) == ["Succeeded", "Succeeded"]


async def test_another_projects_token_plans_nothing() -> None:
    world = await provisioned()
    world.set_token(OTHER_TOKEN)
    world.edit(dryRun=True)
    await mismatched(world)


async def test_with_another_projects_token_nothing_is_destroyed_and_nothing_is_forgotten() -> None:
    world = await provisioned(gen.workers(1), GOING)
    world.set_token(OTHER_TOKEN)
    world.delete()
    await mismatched(world)
    world.set_token(gen.TOKEN)
    assert await undisturbed(world), "the first token needs no second look"
    check_end(world)
    assert world.sovereign is None


async def test_a_record_of_before_projects_were_remembered_is_as_good() -> None:
    world = await provisioned(GOING)
    before = world.record()
    assert before is not None
    old = record.to_json(replace(before, project=None))
    world.api.change(RECORD, lambda o: o["data"].update({"record.json": old}))
    world.set_token(OTHER_TOKEN)
    world.delete()
    await mismatched(world)
    world.set_token(SECOND_TOKEN)
    assert await undisturbed(world)
    check_end(world)


async def test_half_of_a_first_apply_is_not_left_behind_in_another_project() -> None:
    world = World()
    await applying(world, 2)
    world.set_token(OTHER_TOKEN)
    world.delete_pod()
    await mismatched(world)
    world.set_token(gen.TOKEN)
    assert await undisturbed(world)
    check_end(world)


async def test_a_token_that_never_made_anything_may_be_followed_by_one_of_another_project() -> None:
    world = World()
    world.cloud.trouble = ["token_readonly"]
    await until(world, lambda: reason(world) == "CredentialsInvalid")
    world.set_token(OTHER_TOKEN)
    assert await undisturbed(world)
    assert (set(world.cloud.elsewhere), world.cloud.objects) == (world.wanted(), {})
    assert reason(world) == "Succeeded"


async def test_a_token_that_made_half_of_it_may_not() -> None:
    world = World()
    world.cloud.trouble = ["", "", "resource_limit_exceeded"]
    await until(world, lambda: bool(world.condition("Stalled")))
    assert world.cloud.objects
    world.set_token(OTHER_TOKEN)
    await mismatched(world)


async def test_while_the_cloud_is_silent_nothing_is_run_and_nobody_is_blamed() -> None:
    world = await provisioned()
    world.set_token(SECOND_TOKEN)
    world.cloud.answers_looks = False
    workers(1)(world)
    await until(world, lambda: reason(world) == "Retrying")
    await for_a_while(world)
    assert (code(world), len(names(world))) == ("ERR_CLOUD_UNAVAILABLE", 1)
    world.cloud.answers_looks = True
    assert await undisturbed(world), "it goes on by itself"
    check_end(world)


@pytest.mark.parametrize("at", range(1, 57))
async def test_a_token_that_is_replaced_in_any_moment_is_not_the_one_that_a_run_gets(at: int) -> None:
    """The look was with another: what a run is given is what was looked at. The requests are those of three passes, of
    which the last makes the run."""
    world = await provisioned()
    world.set_token(SECOND_TOKEN)
    workers(1)(world)
    await reconcile(world)
    assert world.projects.report(gen.UID) is not None, "looked at"
    replace_it = at_request(at, lambda _: world.set_token(OTHER_TOKEN))
    for _ in range(3):
        await reconcile(world, replace_it)
    assert world.token() == OTHER_TOKEN, "there was such a moment"
    await for_a_while(world)
    copied = base64.b64decode((world.api.get(*COPY) or {})["data"]["token"]).decode()
    assert copied in (gen.TOKEN, SECOND_TOKEN)
    assert world.cloud.elsewhere == {}


# --- the right project, and nothing in it -----------------------------------------------------------------------------


async def test_a_worker_that_somebody_deleted_is_made_again_once_a_person_agrees() -> None:
    world = await provisioned(gen.workers(2))
    del world.cloud.objects["worker-1"]
    world.annotate("retryRequestedAt")
    await until(world, lambda: reason(world) == "AwaitingApproval")
    assert await undisturbed(world)
    assert "worker-1" not in world.cloud.objects
    world.edit(approvePlan=world.status["plan"]["digest"])
    assert await undisturbed(world)
    check_end(world)


async def test_a_network_that_somebody_deleted_does_not_make_the_project_another_one() -> None:
    world = await provisioned(GOING)
    del world.cloud.objects["network"]
    world.set_token(SECOND_TOKEN)
    world.delete()
    assert await undisturbed(world), "whatever else has the label tells as well"
    check_end(world)
    assert world.sovereign is None


async def test_a_project_that_somebody_emptied_is_no_success_of_a_destroy_until_a_person_says_so() -> None:
    world = await provisioned(GOING)
    world.cloud.objects.clear()
    world.delete()
    await until(world, lambda: world.condition("Deleting").get("reason") == "DestroyFailed")
    assert code(world) == "ERR_OBJECTS_GONE"
    before = kept(world)
    await for_a_while(world)
    assert kept(world) == before, "the state and its key stay"
    assert world.sovereign is not None
    world.annotate("projectConfirmedAt")
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None


async def test_one_word_is_enough_for_an_emptied_project_and_a_new_token() -> None:
    world = await provisioned(GOING)
    world.cloud.objects.clear()
    world.set_token(SECOND_TOKEN)
    world.delete()
    await until(world, lambda: reason(world) == "ProjectMismatch")
    world.annotate("projectConfirmedAt")
    assert await undisturbed(world)
    assert world.sovereign is None


async def test_an_emptied_project_is_not_filled_again_unasked() -> None:
    """The word says whose project it is, not that everything is to be made again: the gate still asks."""
    world = await provisioned()
    world.cloud.objects.clear()
    world.set_token(SECOND_TOKEN)
    workers(1)(world)
    await until(world, lambda: reason(world) == "ProjectMismatch")
    world.annotate("projectConfirmedAt")
    await until(world, lambda: reason(world) == "AwaitingApproval")
    assert await undisturbed(world)
    assert (world.status["lastHandledProjectConfirmedAt"], world.cloud.objects) == ("at-1", {})


async def test_a_word_that_nobody_asked_for_does_not_answer_a_later_question() -> None:
    world = await provisioned(GOING)
    world.annotate("projectConfirmedAt")
    assert await undisturbed(world)
    assert world.status["lastHandledProjectConfirmedAt"] == "at-1"
    await check_quiet(world)
    world.set_token(OTHER_TOKEN)
    world.delete()
    await mismatched(world)


# --- who else is in it ------------------------------------------------------------------------------------------------


async def test_nothing_is_destroyed_while_somebody_elses_server_is_in_the_network() -> None:
    world = await provisioned(GOING)
    world.foreign = (ForeignMember("servers", 77, "somebody-elses", "network omantel-d2faa"),)
    before = kept(world)
    world.delete()
    await until(world, lambda: world.condition("Deleting").get("reason") == "Leftovers")
    await for_a_while(world)
    assert (kept(world), len(names(world))) == (before, 1), "nothing was begun"
    assert "servers/77 somebody-elses (network omantel-d2faa)" in message(world)
    world.foreign = ()
    assert await undisturbed(world), "once it is gone it goes on by itself"
    check_end(world)
