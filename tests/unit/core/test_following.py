"""Following a run: what is said of it while it is under way, what is warned of, and when it is looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.core.actions import FollowLog
from catalyst_operator.core.following import Following, following
from catalyst_operator.core.observation import ContainerView, PodView
from catalyst_operator.core.record import RunEntry
from catalyst_operator.core.runs.reading import read
from catalyst_operator.core.scene import SAFETY
from catalyst_operator.core.tofu.apply_progress import Progress, ResourceProgress
from tests.support import gen
from tests.support.gen import NOW, SECOND, SETTINGS, pod

RUN = gen.run()
SERVER = "hcloud_server.worker[0]"


def followed(view: PodView | None, progress: Progress | None = None, run: RunEntry = RUN) -> Following:
    pods = (view,) if view else ()
    o = gen.observation(gen.known(run), gen.seen(jobs=(gen.job(run),), pods=pods, progress=progress))
    return following(o, read(run, gen.job(run), view, progress, NOW))


def creating(*, seconds: float) -> Progress:
    return Progress({SERVER: ResourceProgress("create", NOW - timedelta(seconds=seconds))})


def not_starting(reason: str, message: str = "why") -> PodView:
    return pod(RUN, "tofu-init", ContainerView("waiting", reason, message))


# --- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_of_an_apply_is_listened_to_and_its_progress_told_soon() -> None:
    found = followed(pod(RUN, "tofu-apply"))
    assert found.actions == (FollowLog(f"{RUN.job}-abcde", "tofu-apply"),)
    assert found.requeue_after == SETTINGS.progress_interval


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (None, "there is no Pod yet"),
        (pod(RUN, "tofu-plan"), "a plan tells nothing on its way"),
        (pod(RUN, "tofu-output"), "nor do the outputs"),
        (pod(RUN, "tofu-apply", ContainerView("waiting", "PodInitializing")), "it has not started: there is no log"),
        (pod(RUN, "tofu-apply", gen.ended_container(1), phase="Running"), "it failed; its Pod is ending"),
    ],
)
def test_otherwise_events_wake_and_a_look_now_and_then_makes_sure(view: PodView | None, why: str) -> None:
    found = followed(view)
    assert (found.actions, found.requeue_after) == ((), SAFETY), why


# --- a Pod that does not get going ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ErrImagePull", "ERR_IMAGE_PULL"),
        ("ImagePullBackOff", "ERR_IMAGE_PULL"),
        ("InvalidImageName", "ERR_IMAGE_PULL"),
        ("CreateContainerConfigError", "ERR_RUN_START"),
        ("CreateContainerError", "ERR_RUN_START"),
    ],
)
def test_a_container_that_does_not_start_is_an_error_with_the_kubelets_words(reason: str, code: str) -> None:
    found = followed(not_starting(reason, "manifest unknown"))
    assert [(e.code, e.message, e.terminal) for e in found.errors] == [(code, f"{reason}: manifest unknown", False)]
    assert "manifest unknown" in found.message


@pytest.mark.parametrize("reason", ["", "PodInitializing", "ContainerCreating"])
def test_a_container_whose_turn_has_not_come_is_none(reason: str) -> None:
    assert followed(not_starting(reason, "")).errors == ()


def test_a_pod_without_a_node_is_told_with_the_schedulers_words() -> None:
    view = pod(RUN, node="", phase="Pending", message="0/1 nodes are available: 1 Insufficient memory.")
    found = followed(view)
    assert [e.code for e in found.errors] == ["ERR_UNSCHEDULABLE"]
    assert "Insufficient memory" in found.errors[0].message
    assert "Insufficient memory" in found.message


def test_a_message_of_a_pod_that_has_a_node_is_not_about_finding_one() -> None:
    assert followed(pod(RUN, "tofu-init", message="something else")).errors == ()


def test_one_reason_is_enough() -> None:
    """Each container of a Pod whose image cannot be had says so."""
    broken = ContainerView("waiting", "ImagePullBackOff", "not found")
    view = pod(RUN, "tofu-init", broken)
    every = replace(view, containers=dict.fromkeys(view.containers, broken))
    assert len(followed(every).errors) == 1


# --- a Pod that nobody says anything about ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "view", "told", "why"),
    [
        (119, None, False, "it may take a moment"),
        (120, None, True, "no Pod: a quota or a webhook of the cluster"),
        (120, not_starting("PodInitializing", ""), True, "a Pod whose volume is not there"),
        (3600, pod(RUN, "tofu-init"), False, "its first container runs"),
    ],
)
def test_nothing_started_for_two_minutes_is_told_with_where_to_look(
    seconds: int, view: PodView | None, told: bool, why: str
) -> None:
    found = followed(view, run=replace(RUN, created=NOW - seconds * SECOND))
    assert [e.code for e in found.errors] == (["ERR_RUN_START"] if told else []), why
    assert not told or f"kubectl -n {gen.SPACE} describe job/{RUN.job}" in found.errors[0].message


def test_what_the_kubelet_says_is_better_than_that_nothing_started() -> None:
    late = replace(RUN, created=NOW - timedelta(hours=1))
    assert [e.code for e in followed(not_starting("ErrImagePull"), run=late).errors] == ["ERR_IMAGE_PULL"]


# --- what takes long --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("progress", "warned", "why"),
    [
        (creating(seconds=600), False, "as long as it may"),
        (creating(seconds=601), True, "longer than anything should"),
        (Progress({SERVER: ResourceProgress("create", NOW - 3600 * SECOND, "done")}), False, "it is there"),
        (Progress({SERVER: ResourceProgress("delete", NOW - 3600 * SECOND)}), False, "only creations are known to end"),
        (None, False, "nothing was heard yet"),
    ],
)
def test_a_creation_that_takes_too_long_is_warned_of(progress: Progress | None, warned: bool, why: str) -> None:
    found = followed(pod(RUN, "tofu-apply"), progress)
    assert [e.code for e in found.errors] == (["ERR_CAPACITY"] if warned else []), why
    assert not warned or (found.errors[0].addresses, found.errors[0].terminal) == ((SERVER,), False)


def test_a_warning_does_not_end_the_following() -> None:
    found = followed(pod(RUN, "tofu-apply"), creating(seconds=700))
    assert found.actions == (FollowLog(f"{RUN.job}-abcde", "tofu-apply"),)
    assert f"creating {SERVER} for 11m40s" in found.message


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("tofu-init", "Initialising OpenTofu."),
        ("adopt", "Looking for objects of an earlier run that the state does not know."),
        ("tofu-plan", "Planning."),
        ("plan-gate", "Checking the plan."),
        ("tofu-apply", "Applying: 9 to add, 0 to change, 0 to destroy."),
    ],
)
def test_each_phase_is_told_in_its_own_words(phase: str, words: str) -> None:
    run = gen.run(adopt=True)
    assert followed(pod(run, phase), run=run).message == words


def test_a_plan_that_takes_in_what_was_lost_sight_of_says_so() -> None:
    run = gen.run()
    view = pod(run, "tofu-apply")
    adopting = gen.ended_container(0, '{"digest": "d", "add": 1, "change": 0, "destroy": 0, "adopt": 3}')
    view = replace(view, containers={**view.containers, "plan-gate": adopting})
    assert followed(view).message == "Applying: 1 to add, 0 to change, 0 to destroy, 3 to adopt."
