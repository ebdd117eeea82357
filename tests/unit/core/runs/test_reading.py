"""Reading a run from what the kubelet reports: what ended how, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.observation import ContainerView, PodView
from catalyst_operator.core.record import PhaseEntry, PhaseState, PlanEntry, RunEntry, RunState, StopCause
from catalyst_operator.core.runs import reading
from catalyst_operator.core.runs.job import ADOPT, STATE_KEEPER, phases_of
from catalyst_operator.core.telling.messages import failure_message
from catalyst_operator.core.tofu.apply_progress import Diagnostic, Progress, ResourceProgress
from catalyst_operator.core.tofu.plan_gate import (
    EXIT_APPROVAL_NEEDED,
    EXIT_CLUSTER_LOST,
    EXIT_DIGEST_MISMATCH,
    EXIT_REFUSED,
)
from tests.support import gen
from tests.support.gen import NOW, ended_container, job, pod, running_container

RUN = gen.run()
DESTROY = gen.run(verb=RunVerb.DESTROY)


def read(view: PodView, run: RunEntry = RUN, progress: Progress | None = None) -> RunEntry:
    return reading.read(run, job(run), view, progress, NOW)


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
    assert reading.read(run, found, None, None, NOW).state is after, why


# --- the end of a Pod -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", phases_of(RunVerb.APPLY))
def test_a_running_phase_is_running_and_those_before_it_are_done(phase: str) -> None:
    run = read(pod(RUN, phase))
    at = phases_of(RunVerb.APPLY).index(phase)
    assert run.state is RunState.RUNNING
    assert [p.state for p in run.phases[:at]] == [PhaseState.SUCCEEDED] * at
    assert {p.state for p in run.phases[at + 1 :]} <= {PhaseState.WAITING}
    running = reading.running_phase(run)
    assert running is not None
    assert running.name == phase


@pytest.mark.parametrize(
    ("phase", "container", "extra", "state", "why"),
    [
        ("tofu-init", ended_container(1, "no"), {}, RunState.FAILED, "an error of its own"),
        ("tofu-apply", ended_container(1, "no"), {}, RunState.FAILED, "an error of its own"),
        ("tofu-apply", ended_container(1), {"deletion": NOW}, RunState.INTERRUPTED, "told to stop"),
        ("tofu-apply", ended_container(1), {"reason": "Evicted"}, RunState.INTERRUPTED, "evicted"),
        (
            "tofu-apply",
            ended_container(1),
            {"reason": "NodeAffinity"},
            RunState.INTERRUPTED,
            "real: refused by a kubelet that was started again",
        ),
        ("tofu-apply", ended_container(1), {"reason": "Shutdown"}, RunState.INTERRUPTED, "real: its node shut down"),
        ("tofu-apply", ended_container(137), {}, RunState.INTERRUPTED, "killed by whoever: the node went, say"),
        (
            "tofu-apply",
            ended_container(255, reason="Unknown"),
            {},
            RunState.INTERRUPTED,
            "real: its node was restarted",
        ),
        ("plan-gate", ended_container(255, reason="Unknown"), {}, RunState.INTERRUPTED, "real: its node was restarted"),
        ("tofu-apply", ended_container(255, reason="Error"), {}, RunState.FAILED, "a program may end so by itself"),
        ("tofu-apply", ended_container(137, reason="OOMKilled"), {}, RunState.FAILED, "it needs more than it may use"),
        ("tofu-apply", ended_container(1, reason="OOMKilled"), {}, RunState.FAILED, "the same, told by another code"),
        ("tofu-apply", ended_container(143), {}, RunState.INTERRUPTED, "stopped before it could say anything"),
        ("tofu-apply", running_container(), {"phase": "Failed"}, RunState.INTERRUPTED, "its end was never reported"),
        ("plan-gate", ended_container(EXIT_APPROVAL_NEEDED), {}, RunState.AWAITING_APPROVAL, "nothing failed"),
        ("plan-gate", ended_container(EXIT_DIGEST_MISMATCH), {}, RunState.AWAITING_APPROVAL, "approved was another"),
        ("plan-gate", ended_container(EXIT_REFUSED), {}, RunState.FAILED, "never to be applied"),
        ("plan-gate", ended_container(EXIT_CLUSTER_LOST), {}, RunState.FAILED, "there is nothing left to apply to"),
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
    view = pod(RUN, deletion=NOW, node="", phase="Pending")
    assert read(view).state is RunState.INTERRUPTED


def test_a_pod_that_is_being_deleted_on_its_node_may_still_write_the_state() -> None:
    """OpenTofu has its grace period, even once that is over and the node does not answer."""
    assert read(pod(RUN, "tofu-apply", deletion=NOW - timedelta(hours=1))).state is RunState.RUNNING


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


# --- runs that were told to stop --------------------------------------------------------------------------------------

REQUESTED, SUPERSEDED, STUCK = (gen.run(stopping=cause) for cause in StopCause)
STOPPED = pod(RUN, "tofu-apply", ended_container(1, "interrupted"), deletion=NOW)
NO_GO = pod(RUN, "tofu-apply", ended_container(1), deletion=NOW, phase="Running")


@pytest.mark.parametrize(
    ("run", "view", "state", "why"),
    [
        (REQUESTED, STOPPED, RunState.CANCELLED, "as it was asked to; no error, and no interruption from outside"),
        (SUPERSEDED, STOPPED, RunState.CANCELLED, "the spec was edited: nothing is wrong with it"),
        (STUCK, STOPPED, RunState.INTERRUPTED, "without its log nobody knows what was late"),
        (REQUESTED, gen.finished_pod(RUN), RunState.SUCCEEDED, "it was done before it heard of it"),
        (STUCK, gen.finished_pod(RUN), RunState.SUCCEEDED, "what it waited for came at the last moment"),
        (REQUESTED, NO_GO, RunState.RUNNING, "its Pod has not ended: the state may still be on its way"),
        (REQUESTED, pod(RUN, deletion=NOW, node=""), RunState.CANCELLED, "it never got going"),
        (
            REQUESTED,
            pod(RUN, "tofu-apply", ended_container(1), reason="Evicted"),
            RunState.CANCELLED,
            "evicted on its way out",
        ),
        (
            REQUESTED,
            pod(RUN, "plan-gate", ended_container(EXIT_APPROVAL_NEEDED, gen.GATE_MESSAGE)),
            RunState.CANCELLED,
            "nobody is asked to approve what was called off",
        ),
    ],
)
def test_the_end_of_a_run_that_was_told_to_stop(run: RunEntry, view: PodView, state: RunState, why: str) -> None:
    assert read(view, run).state is state, why


@pytest.mark.parametrize("run", [REQUESTED, SUPERSEDED])
def test_a_run_that_was_called_off_has_no_error_and_keeps_what_it_planned(run: RunEntry) -> None:
    ended = read(STOPPED, run, Progress(errors=(Diagnostic("interrupted", ""),)))
    assert (ended.errors, ended.cause, ended.stopping) == ((), "", run.stopping)
    assert ended.finished == ended_container().finished
    assert ended.plan == gen.PLAN


@pytest.mark.parametrize(
    ("run", "there", "after", "why"),
    [
        (REQUESTED, False, RunState.CANCELLED, "the Job is gone, and with it what it was doing"),
        (SUPERSEDED, False, RunState.CANCELLED, "the same"),
        (STUCK, False, RunState.LOST, "what became of it nobody saw: the next plan tells"),
        (REQUESTED, True, RunState.RUNNING, "its Job is still going"),
        (replace(REQUESTED, state=RunState.PENDING), False, RunState.CANCELLED, "it is not created after all"),
        (replace(STUCK, state=RunState.PENDING), False, RunState.LOST, "nor is this one"),
    ],
)
def test_a_run_that_was_told_to_stop_and_has_no_pod(run: RunEntry, there: bool, after: RunState, why: str) -> None:
    assert reading.read(run, job(run) if there else None, None, None, NOW).state is after, why


def test_a_stuck_run_names_what_was_not_created_and_only_that() -> None:
    """The addresses decide which servers are tried with their next size."""
    operations = {
        "hcloud_network.this": ResourceProgress("create", NOW, "done"),
        "hcloud_server.worker[0]": ResourceProgress("create", NOW, "failed"),
        "hcloud_server.worker[1]": ResourceProgress("create", NOW),
        "hcloud_firewall.this": ResourceProgress("update", NOW),
    }
    (error,) = read(STOPPED, STUCK, Progress(operations, errors=(Diagnostic("interrupted", ""),))).errors
    assert (error.code, error.terminal) == ("ERR_CAPACITY", False)
    assert error.addresses == ("hcloud_server.worker[0]", "hcloud_server.worker[1]")
    assert error.message == "Still not created: hcloud_server.worker[0], hcloud_server.worker[1]"


def test_a_stuck_run_whose_apply_ended_well_after_all_is_not_a_want_of_capacity() -> None:
    """The server came while the run was being stopped: only the outputs were not read any more."""
    view = pod(RUN, "tofu-output", ContainerView("waiting"), deletion=NOW, phase="Failed")
    progress = Progress({"hcloud_server.worker[0]": ResourceProgress("create", NOW, "done")}, ended=True)
    run = read(view, STUCK, progress)
    assert not run.active
    assert "ERR_CAPACITY" not in [e.code for e in run.errors]


@pytest.mark.parametrize(
    ("action", "state", "seconds", "late"),
    [
        ("create", "running", 901, True),
        ("create", "running", 900, False),
        ("create", "done", 5000, False),
        ("create", "failed", 5000, False),
        ("update", "running", 5000, False),
        ("delete", "running", 5000, False),
    ],
)
def test_what_has_been_in_creation_for_too_long(action: str, state: str, seconds: int, late: bool) -> None:
    operation = ResourceProgress(action, NOW - timedelta(seconds=seconds), state)
    found = reading.still_creating(Progress({"hcloud_server.worker[0]": operation}), NOW, timedelta(minutes=15))
    assert found == (("hcloud_server.worker[0]",) if late else ())


def test_nothing_is_late_of_which_nothing_was_heard() -> None:
    assert reading.still_creating(None, NOW, timedelta(0)) == ()


# --- what was said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "said", "why"),
    [
        (
            ended_container(1, "Initializing\nError: no such module"),
            "no such module",
            "the error in the tail of the log",
        ),
        (ended_container(1, '{"@level":"error","@message":"x"}'), "Error", "JSON lines are not for people"),
        (ended_container(1, '"@level":"info","cut":'), "Error", "nor are halves of them"),
        (ended_container(4, '{"explanation":"it would be replaced"}'), "it would be replaced", "the gate's words"),
        (ended_container(6, '{"left":["servers/1 a"],"count":1}'), "still in the project: servers/1 a", "a list"),
        (ended_container(137, "", "OOMKilled"), "OOMKilled", "the kubelet's word when there is nothing else"),
    ],
)
def test_what_a_failed_container_said(container: ContainerView, said: str, why: str) -> None:
    failed = reading.failed_phase(read(pod(RUN, "plan-gate", container)))
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
        (pod(RUN, "tofu-apply", ended_container(1), deletion=NOW), "its Pod was deleted"),
        (pod(RUN, "tofu-apply", ended_container(137, reason="ContainerStatusUnknown")), "ContainerStatusUnknown"),
        (
            pod(RUN, "tofu-apply", ended_container(255, reason="Unknown")),
            "Nobody saw how tofu-apply ended, as when its node is restarted",
        ),
    ],
)
def test_the_cause_of_an_interruption_is_kept_and_told_as_an_error(view: PodView, cause: str) -> None:
    run = read(view)
    assert run.cause == cause
    assert [(e.code, e.message, e.terminal) for e in run.errors] == [("ERR_RUN_INTERRUPTED", cause, False)]


def test_an_interruption_that_nobody_explains_is_still_an_error_with_words() -> None:
    view = PodView("p", "u", RUN.job, "Failed")
    assert [(e.code, e.message) for e in read(view).errors] == [
        ("ERR_RUN_INTERRUPTED", "The run was ended from outside")
    ]


def test_want_of_memory_is_told_as_such_with_the_setting_that_mends_it() -> None:
    (error,) = read(pod(RUN, "tofu-plan", ended_container(137, reason="OOMKilled"))).errors
    assert (error.code, error.terminal) == ("ERR_OUT_OF_MEMORY", False)
    assert "tofu-plan" in error.message
    assert "CATALYST_RUN_MEMORY_LIMIT" in error.remedy


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
    told = reading.waiting_for(pod(RUN, "tofu-init", container))
    assert trouble in told
    assert bool(told) == bool(trouble)


@pytest.mark.parametrize(
    ("view", "working"),
    [
        (pod(RUN, "tofu-apply"), True),
        (pod(RUN, "tofu-apply", deletion=NOW), True),
        (pod(RUN), True),
        (replace(gen.finished_pod(RUN), phase="Running"), False),
        (gen.finished_pod(RUN), False),
        (pod(RUN, "tofu-apply", ended_container(1)), False),
        (PodView("p", "u", RUN.job, "Pending"), True),
    ],
)
def test_a_pod_is_at_work_until_its_last_phase_ended(view: PodView, working: bool) -> None:
    sidecar = {"state-keeper": ContainerView("running")} if view.phase == "Running" else {}
    assert reading.at_work(replace(view, containers={**view.containers, **sidecar})) is working


# --- what a run does before it plans ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", list(RunVerb))
def test_a_run_that_adopts_does_so_between_initialising_and_planning(verb: RunVerb) -> None:
    run = gen.run(verb=verb, adopt=True)
    found = read(pod(run, ADOPT), run)
    assert [p.name for p in found.phases] == ["tofu-init", ADOPT, *phases_of(verb)[1:]]
    running = reading.running_phase(found)
    assert running is not None
    assert running.name == ADOPT


def test_a_run_that_could_not_look_for_orphans_failed() -> None:
    run = gen.run(adopt=True)
    ended = read(pod(run, ADOPT, ended_container(1, "the project did not answer")), run)
    assert ended.state is RunState.FAILED
    assert [(e.code, e.message) for e in ended.errors] == [("ERR_TOFU", "the project did not answer")]
    assert {p.state for p in ended.phases[2:]} == {PhaseState.SKIPPED}


def test_a_plan_ends_with_its_gate_and_needs_no_outputs() -> None:
    run = gen.run(verb=RunVerb.PLAN)
    ended = read(gen.finished_pod(run), run)
    assert [p.name for p in ended.phases] == ["tofu-init", "tofu-plan", "plan-gate"]
    assert (ended.state, ended.plan) == (RunState.SUCCEEDED, gen.PLAN)


# --- outputs and plan -------------------------------------------------------------------------------------------------


def outputs_of(message: str) -> object:
    container = {"tofu-output": ended_container(0, message)}
    return reading.outputs(PodView("p", "u", "j", "Succeeded", containers=container))


def test_outputs_are_read_from_the_termination_message() -> None:
    assert outputs_of(gen.OUTPUT_MESSAGE) == gen.OUTPUTS


@pytest.mark.parametrize(
    "message",
    ["", "not JSON", "[]", "{}", '{"control_plane_ips":{"value":"1"}}', gen.OUTPUT_MESSAGE[:-20]],
)
def test_unreadable_outputs_are_none(message: str) -> None:
    assert outputs_of(message) is None


def test_the_plan_is_known_as_soon_as_the_gate_ended() -> None:
    said = {
        "digest": "d",
        "add": 1,
        "change": 2,
        "destroy": 3,
        "adopt": 4,
        "explanation": "why",
        "replacing": ["a"],
        "destroying": ["b"],
        "powering_off": ["c"],
        "settling": 5,
        "held": 6,
        "missed": ["d"],
    }
    plan = read(pod(RUN, "plan-gate", ended_container(EXIT_APPROVAL_NEEDED, json.dumps(said)))).plan
    assert plan == PlanEntry("d", 1, 2, 3, 4, ("a",), ("b",), ("c",), "why", (), 5, 6, ("d",))
    assert plan.total == 11, "what is adopted is no operation of its own, unless OpenTofu goes over it once more"


def test_the_words_of_an_older_gate_are_read() -> None:
    """A run that was under way while the operator was upgraded."""
    plan = read(pod(RUN, "plan-gate", ended_container(0, gen.GATE_MESSAGE))).plan
    assert plan is not None
    assert (plan.adopt, plan.destroying, plan.powering_off) == (0, (), ())


def test_a_destroy_has_its_own_last_phase() -> None:
    assert [p.name for p in read(pod(DESTROY, "leftovers"), DESTROY).phases][-1] == "leftovers"


def test_a_destroy_that_did_not_say_what_is_left_is_repeated() -> None:
    """The state would go, and with it what knows of the servers that still run."""
    done = gen.finished_pod(DESTROY)
    assert read(done, DESTROY).state is RunState.SUCCEEDED
    silent = replace(done, containers={**done.containers, "leftovers": ended_container(0, "")})
    run = read(silent, DESTROY)
    assert run.state is RunState.INTERRUPTED
    assert run.cause == "Nobody saw what is left in the project, as when a node is restarted"


def test_nothing_is_in_progress_once_a_phase_has_failed() -> None:
    """The phase after a gate that said no was shown as if it were being carried out."""
    phases = (
        PhaseEntry("plan-gate", PhaseState.FAILED, exit_code=3),
        PhaseEntry("tofu-apply", PhaseState.WAITING),
    )
    assert reading.running_phase(replace(gen.run(), phases=phases)) is None


# --- servers that were powered off ------------------------------------------------------------------------------------

ADDRESS = "hcloud_server.control_plane[0]"
NO_ROOM = Diagnostic("error during placement (resource_unavailable, 01ab)", "", ADDRESS)


def resized(action: str = "update", **kept: list[str]) -> RunEntry:
    """A run in which this was not to be had, and what its sidecar said."""
    progress = Progress({ADDRESS: ResourceProgress(action, NOW, "failed")}, (NO_ROOM,), True)
    view = pod(RUN, "tofu-apply", ended_container(1))
    keeper = {STATE_KEEPER: ended_container(0, json.dumps(kept))} if kept else {}
    return read(replace(view, containers={**view.containers, **keeper}), progress=progress)


def test_a_new_size_that_is_not_to_be_had_is_not_tried_again_unasked() -> None:
    """Each try powers the server off; what is to be made, however, may be had a minute later."""
    [error] = resized().errors
    assert (error.code, error.terminal) == ("ERR_CAPACITY", True)
    assert "Put the size back" in error.remedy
    [error] = resized("create").errors
    assert (error.code, error.terminal) == ("ERR_CAPACITY", False)


def test_that_a_server_was_started_again_is_kept_and_told() -> None:
    run = resized(started=[ADDRESS], off=[])
    assert run.restarted == (ADDRESS,)
    message = failure_message(gen.observation(), run)
    assert f"Powered off for it and started again: {ADDRESS}. Hetzner has no room" in message
    assert "started again" not in failure_message(gen.observation(), resized())


def test_a_server_that_is_left_off_is_an_error_of_its_own() -> None:
    run = resized(started=[], off=[ADDRESS])
    assert [error.code for error in run.errors] == ["ERR_CAPACITY", "ERR_SERVER_OFF"]
    assert run.errors[1].addresses == (ADDRESS,)
    assert ADDRESS in run.errors[1].message


def test_of_a_run_that_was_interrupted_too() -> None:
    view = pod(RUN, "tofu-apply", ended_container(1), deletion=NOW)
    keeper = {STATE_KEEPER: ended_container(0, json.dumps({"started": [], "off": [ADDRESS]}))}
    run = read(replace(view, containers={**view.containers, **keeper}))
    assert run.state is RunState.INTERRUPTED
    assert [error.code for error in run.errors] == ["ERR_RUN_INTERRUPTED", "ERR_SERVER_OFF"]


def test_the_servers_that_would_be_made_are_all_read() -> None:
    message = json.dumps({**json.loads(gen.GATE_MESSAGE), "creating": "control-plane:1-2 worker:0-11"})
    view = pod(RUN, "tofu-apply")
    gate = replace(view.containers["plan-gate"], message=message)
    plan = read(replace(view, containers={**view.containers, "plan-gate": gate})).plan
    assert plan is not None
    assert len(plan.creating) == 14


SERVERS = ("control-plane-0", "control-plane-1", "control-plane-2", "worker-0", "worker-1")


@pytest.mark.parametrize(
    ("told", "ids"),
    [
        ("11 ", {"control-plane-0": "11"}),
        ("11,12,13 21,22", dict(zip(SERVERS, ("11", "12", "13", "21", "22"), strict=True))),
        (None, {}),
        (7, {}),
    ],
    ids=["no workers", "all", "a module that does not tell", "something else"],
)
def test_ids_of_servers_are_read_by_name(told: object, ids: dict[str, str]) -> None:
    message = {**json.loads(gen.OUTPUT_MESSAGE), "server_ids": {"value": told}}
    told_by = pod(gen.run(), "tofu-output", ended_container(0, json.dumps(message)))
    found = reading.outputs(told_by)
    assert found is not None
    assert found.server_ids == ids
