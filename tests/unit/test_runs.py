"""Reading a run from what the kubelet reports: what ended how, and why."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import runs
from catalyst_operator.core.job import PHASES
from catalyst_operator.core.observation import ContainerView, PodView
from catalyst_operator.core.plan_gate import EXIT_APPROVAL_NEEDED, EXIT_DIGEST_MISMATCH, EXIT_REFUSED
from catalyst_operator.core.progress import Diagnostic, Progress
from catalyst_operator.core.record import PhaseEntry, PhaseState, RunEntry, RunState
from tests import gen
from tests.gen import NOW, ended_container, job, pod, running_container

RUN = gen.run()
DESTROY = gen.run(verb=RunVerb.DESTROY)


def read(view: PodView, run: RunEntry = RUN, progress: Progress | None = None) -> RunEntry:
    return runs.read(run, job(run), view, progress, NOW)


# --- without a Pod ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "there", "after", "why"),
    [
        (RunState.PENDING, "no job", RunState.PENDING, "recorded, not created yet: the create is repeated"),
        (RunState.PENDING, "job", RunState.RUNNING, "its Job is seen"),
        (RunState.RUNNING, "job", RunState.RUNNING, "the Job controller has not made a Pod yet"),
        (RunState.RUNNING, "no job", RunState.LOST, "the Job was deleted, and no Pod holds evidence"),
        (RunState.RUNNING, "ended job", RunState.LOST, "the Job failed without a Pod ever being seen"),
        (RunState.PENDING, "ended job", RunState.LOST, "the same, right after a restart"),
        (RunState.FAILED, "no job", RunState.FAILED, "what has ended stays as it ended"),
    ],
)
def test_a_run_without_a_pod(before: RunState, there: str, after: RunState, why: str) -> None:
    run = gen.run(before)
    found = {"no job": None, "job": job(run), "ended job": job(run, failed=True)}[there]
    assert runs.read(run, found, None, None, NOW).state is after, why


# --- the end of a Pod -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES[RunVerb.APPLY])
def test_a_running_phase_is_running_and_those_before_it_are_done(phase: str) -> None:
    run = read(pod(RUN, phase))
    at = PHASES[RunVerb.APPLY].index(phase)
    assert run.state is RunState.RUNNING
    assert [p.state for p in run.phases[:at]] == [PhaseState.SUCCEEDED] * at
    assert {p.state for p in run.phases[at + 1 :]} <= {PhaseState.WAITING}
    running = runs.running_phase(run)
    assert running is not None
    assert running.name == phase


@pytest.mark.parametrize(
    ("phase", "container", "extra", "state", "why"),
    [
        ("tofu-init", ended_container(1, "no"), {}, RunState.FAILED, "an error of its own"),
        ("tofu-apply", ended_container(1, "no"), {}, RunState.FAILED, "an error of its own"),
        ("tofu-apply", ended_container(1), {"terminating": True}, RunState.INTERRUPTED, "told to stop"),
        ("tofu-apply", ended_container(1), {"reason": "Evicted"}, RunState.INTERRUPTED, "evicted"),
        ("tofu-apply", ended_container(137), {}, RunState.INTERRUPTED, "killed: out of memory, or the node went"),
        ("tofu-apply", ended_container(143), {}, RunState.INTERRUPTED, "stopped before it could say anything"),
        ("tofu-apply", running_container(), {"phase": "Failed"}, RunState.INTERRUPTED, "its end was never reported"),
        ("plan-gate", ended_container(EXIT_APPROVAL_NEEDED), {}, RunState.AWAITING_APPROVAL, "nothing failed"),
        ("plan-gate", ended_container(EXIT_DIGEST_MISMATCH), {}, RunState.AWAITING_APPROVAL, "approved was another"),
        ("plan-gate", ended_container(EXIT_REFUSED), {}, RunState.FAILED, "never to be applied"),
        ("plan-gate", ended_container(1), {}, RunState.FAILED, "the gate itself broke: the plan is not let through"),
        (
            "tofu-plan",
            ended_container(EXIT_APPROVAL_NEEDED),
            {},
            RunState.FAILED,
            "the code means that at the gate only",
        ),
    ],
)
def test_how_a_pod_ended(
    phase: str, container: ContainerView, extra: dict[str, object], state: RunState, why: str
) -> None:
    ended = replace(pod(RUN, phase, container), **extra)  # type: ignore[arg-type]
    assert read(ended).state is state, why


def test_a_pod_that_was_deleted_before_it_found_a_node_is_over() -> None:
    view = replace(pod(RUN), terminating=True, scheduled=False, phase="Pending")
    assert read(view).state is RunState.INTERRUPTED


def test_a_pod_that_the_kubelet_did_not_admit_is_an_interruption() -> None:
    view = PodView("p", "u", RUN.job, "Failed", reason="OutOfmemory", message="Node didn't have enough resource")
    run = read(view)
    assert run.state is RunState.INTERRUPTED
    assert {p.state for p in run.phases} == {PhaseState.SKIPPED}
    assert "enough resource" in run.cause


def test_success_does_not_wait_for_the_sidecars_end() -> None:
    view = replace(gen.finished_pod(RUN), phase="Running")
    assert read(view).state is RunState.SUCCEEDED


def test_the_end_is_when_the_last_container_ended_not_when_it_was_seen() -> None:
    """An operator that was down for an hour must not add an hour to the run, nor to the pause after it."""
    assert read(pod(RUN, "tofu-apply", ended_container(1))).finished == ended_container().finished


def test_reading_twice_is_reading_once() -> None:
    once = read(pod(RUN, "tofu-apply", ended_container(1, "no")))
    assert read(pod(RUN), once) is once


def test_of_two_pods_under_one_job_name_the_living_one_speaks() -> None:
    """A Job that was deleted and made again under its name: its first Pod may still be there."""
    over, alive = pod(RUN, "tofu-init", ended_container(1)), replace(pod(RUN, "tofu-apply"), name="second")
    o = gen.observation(gen.seen(pods=(over, alive)))
    found = o.pod_of(RUN.job)
    assert found is not None
    assert found.name == "second"


# --- what was said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "said", "why"),
    [
        (ended_container(1, "Error: no such module"), "Error: no such module", "the tail of the log, as it is"),
        (ended_container(1, '{"@level":"error","@message":"x"}'), "Error", "JSON lines are not for people"),
        (ended_container(1, '"@level":"info","cut":'), "Error", "nor are halves of them"),
        (ended_container(4, '{"explanation":"it would be replaced"}'), "it would be replaced", "the gate's words"),
        (ended_container(6, '{"left":["servers/1 a"],"count":1}'), "still in the project: servers/1 a", "a list"),
        (ended_container(137, "", "OOMKilled"), "OOMKilled", "the kubelet's word when there is nothing else"),
    ],
)
def test_what_a_failed_container_said(container: ContainerView, said: str, why: str) -> None:
    failed = runs.failed_phase(read(pod(RUN, "plan-gate", container)))
    assert failed is not None
    assert failed.message == said, why


def test_diagnostics_of_the_log_speak_before_the_tail_of_it() -> None:
    progress = Progress(errors=(Diagnostic("server limit reached (resource_limit_exceeded, ab12)", ""),))
    run = read(pod(RUN, "tofu-apply", ended_container(1, "tail")), progress=progress)
    assert [(e.code, e.terminal) for e in run.errors] == [("ERR_QUOTA_EXCEEDED", True)]


@pytest.mark.parametrize(
    ("view", "cause"),
    [
        (
            pod(RUN, "tofu-apply", ended_container(1), reason="Evicted", message="low on memory"),
            "Evicted: low on memory",
        ),
        (pod(RUN, "tofu-apply", ended_container(1), terminating=True), "its Pod was deleted"),
        (pod(RUN, "tofu-apply", ended_container(137, reason="OOMKilled")), "OOMKilled"),
    ],
)
def test_the_cause_of_an_interruption_is_kept(view: PodView, cause: str) -> None:
    assert read(view).cause == cause


@pytest.mark.parametrize(
    ("container", "trouble"),
    [
        (ContainerView("waiting", "ImagePullBackOff", "not found"), "ImagePullBackOff: not found"),
        (ContainerView("waiting", "CreateContainerConfigError", 'secret "x" not found'), 'secret "x" not found'),
        (ContainerView("waiting", "PodInitializing"), ""),
        (ContainerView("waiting", "ContainerCreating"), ""),
        (ContainerView("waiting"), ""),
    ],
)
def test_why_a_pod_does_not_start(container: ContainerView, trouble: str) -> None:
    told = runs.waiting_for(pod(RUN, "tofu-init", container))
    assert trouble in told
    assert bool(told) == bool(trouble)


@pytest.mark.parametrize(
    ("view", "working"),
    [
        (pod(RUN, "tofu-apply"), True),
        (pod(RUN, "tofu-apply", terminating=True), True),
        (pod(RUN), True),
        (replace(gen.finished_pod(RUN), phase="Running"), False),
        (gen.finished_pod(RUN), False),
        (pod(RUN, "tofu-apply", ended_container(1)), False),
        (PodView("p", "u", RUN.job, "Pending"), True),
    ],
)
def test_a_pod_is_at_work_until_its_last_phase_ended(view: PodView, working: bool) -> None:
    sidecar = {"state-keeper": ContainerView("running")} if view.phase == "Running" else {}
    assert runs.at_work(replace(view, containers={**view.containers, **sidecar})) is working


# --- outputs and plan -------------------------------------------------------------------------------------------------


def outputs_of(message: str) -> object:
    container = {"tofu-output": ended_container(0, message)}
    return runs.outputs(PodView("p", "u", "j", "Succeeded", containers=container))


def test_outputs_are_read_from_the_termination_message() -> None:
    assert outputs_of(gen.OUTPUT_MESSAGE) == gen.OUTPUTS


@pytest.mark.parametrize(
    "message",
    ["", "not JSON", "[]", "{}", '{"control_plane_ips":{"value":"1"}}', gen.OUTPUT_MESSAGE[:-20]],
)
def test_unreadable_outputs_are_none(message: str) -> None:
    assert outputs_of(message) is None


def test_the_plan_is_known_as_soon_as_the_gate_ended() -> None:
    said = json.dumps({"digest": "d", "add": 1, "change": 2, "destroy": 3, "replacing": ["a"], "explanation": "why"})
    plan = read(pod(RUN, "plan-gate", ended_container(EXIT_APPROVAL_NEEDED, said))).plan
    assert plan is not None
    assert (plan.digest, plan.add, plan.change, plan.destroy, plan.replacing, plan.why) == ("d", 1, 2, 3, ("a",), "why")


def test_a_destroy_has_its_own_last_phase() -> None:
    assert [p.name for p in read(pod(DESTROY, "leftovers"), DESTROY).phases][-1] == "leftovers"


def test_nothing_is_in_progress_once_a_phase_has_failed() -> None:
    """The phase after a gate that said no was shown as if it were being carried out."""
    phases = (
        PhaseEntry("plan-gate", PhaseState.FAILED, exit_code=3),
        PhaseEntry("tofu-apply", PhaseState.WAITING),
    )
    assert runs.running_phase(replace(gen.run(), phases=phases)) is None
