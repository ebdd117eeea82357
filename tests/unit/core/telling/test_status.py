"""The whole status: what a person reads in `kubectl get sovereigns -w`, and what programs may rely on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import OperationState, Phase, PreflightResult, RunVerb
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core import conditions, naming
from catalyst_operator.core.actions import WriteRecord
from catalyst_operator.core.decide import decide
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit import releases
from catalyst_operator.core.observation import LockView, Observation, StateView
from catalyst_operator.core.project.preflight import Check, rate_limited
from catalyst_operator.core.record import ErrorEntry, HandOff, PhaseState, Record, RunState, SizeChoice, StopCause
from catalyst_operator.core.telling.status import build, short
from catalyst_operator.core.tofu.apply_progress import Progress, ResourceProgress
from catalyst_operator.core.tofu.plan_gate import EXIT_APPROVAL_NEEDED, EXIT_DIGEST_MISMATCH
from catalyst_operator.core.verdict import Stance, Verdict
from tests.support import gen
from tests.support.gen import NOW, SceneMod, annotated, deleting, known, of, seen

DRY = of(gen.spec(dryRun=True))
RUN = gen.run()
APPLYING = seen(jobs=(gen.job(RUN),), pods=(gen.pod(RUN, "tofu-apply"),))


def status_of(*mods: SceneMod) -> SovereignStatus:
    status = decide(gen.observation(*mods)).status
    assert status is not None
    return status


def reason(status: SovereignStatus, type_: str) -> str:
    """`status/reason` of a condition; empty if it is not there."""
    return next((f"{c.status}/{c.reason}" for c in status.conditions if c.type == type_), "")


def message(status: SovereignStatus, type_: str = "Ready") -> str:
    return next(c.message for c in status.conditions if c.type == type_)


def heard(done: int, running: dict[str, int]) -> SceneMod:
    """So many resources are done, and these are in work for so many seconds."""
    ready = {f"hcloud_ssh_key.this[{n}]": ResourceProgress("create", NOW, "done") for n in range(done)}
    busy = {a: ResourceProgress("create", NOW - timedelta(seconds=s)) for a, s in running.items()}
    return seen(progress=Progress({**ready, **busy}))


# --- live progress ----------------------------------------------------------------------------------------------------


def test_an_apply_names_the_resource_that_takes_longest_and_for_how_long() -> None:
    status = status_of(known(RUN), APPLYING, heard(4, {"hcloud_server.worker[0]": 185, "hcloud_network.this": 3}))
    expected = "Applying: 4 of 9 done, creating hcloud_server.worker[0] for 3m5s."
    assert message(status) == expected
    assert status.last_operation is not None
    assert status.last_operation.description == expected


def test_percent_moves_with_every_resource() -> None:
    shown = [status_of(known(RUN), APPLYING, heard(done, {})).progress_percent for done in range(10)]
    assert shown == sorted(shown)
    assert len(set(shown)) == 10
    assert (shown[0], shown[-1]) == (8, 48)


def test_a_clock_behind_the_runs_node_shows_no_negative_time() -> None:
    assert "for 0s" in message(status_of(known(RUN), APPLYING, heard(0, {"hcloud_server.worker[0]": -30})))


def test_a_destroy_counts_to_its_own_end() -> None:
    run = gen.run(verb=RunVerb.DESTROY)
    shown = []
    for phase in ("tofu-init", "tofu-plan", "plan-gate", "tofu-apply", "leftovers"):
        at = seen(jobs=(gen.job(run),), pods=(gen.pod(run, phase),))
        shown.append(status_of(of(deleting), known(run, touched=True), at).progress_percent)
    assert shown == sorted(shown)
    assert shown[-1] < 100


@pytest.mark.parametrize("code", [EXIT_APPROVAL_NEEDED, EXIT_DIGEST_MISMATCH])
def test_a_plan_that_waits_for_approval_is_no_exit_code_while_its_pod_ends(code: int) -> None:
    pod = gen.pod(RUN, "plan-gate", gen.ended_container(code, gen.GATE_MESSAGE), phase="Running")
    status = status_of(known(RUN), seen(jobs=(gen.job(RUN),), pods=(pod,)))
    assert message(status) == "The plan waits for approval; the run is ending."
    assert reason(status, "TofuPlan") == "Unknown/Running"
    assert message(status, "TofuPlan") == "The plan waits for approval; the run is ending."
    assert not [c for c in status.conditions if "exit code" in c.message]


# --- phase conditions -------------------------------------------------------------------------------------------------


def test_phases_tell_how_long_they_took_and_what_the_plan_is() -> None:
    status = status_of(known(gen.succeeded()))
    told = {c.type: c.message for c in status.conditions}
    assert told["TofuInit"] == "OpenTofu was initialised in 5s."
    assert told["TofuPlan"] == "Planned in 5s: 9 to add, 0 to change, 0 to destroy."
    assert told["TofuApply"] == "Applied in 5s: 9 added, 0 changed, 0 destroyed."


def test_a_failed_phase_tells_its_exit_code_and_the_diagnosed_error() -> None:
    status = status_of(known(gen.failed()))
    assert message(status, "TofuApply") == "tofu-apply failed in 5s (exit code 1): it broke."


def test_during_a_destroy_the_phases_of_the_last_apply_stay() -> None:
    run = gen.run(attempt=2, verb=RunVerb.DESTROY)
    status = status_of(of(deleting), known(gen.succeeded(), run, state_serial=7), seen(jobs=(gen.job(run),)))
    assert {c.type: c.status for c in status.conditions if c.type.startswith("Tofu")} == dict.fromkeys(
        ("TofuInit", "TofuPlan", "TofuApply", "TofuOutput"), "True"
    )


# --- preflight --------------------------------------------------------------------------------------------------------

FINE = Check("token", PreflightResult.PASSED, "Hetzner accepts the token.")
TAKEN = Check(
    *("names", PreflightResult.FAILED, "networks/7 omantel exists already."),
    codes.NAME_CONFLICT.entry("networks/7 omantel exists already."),
)
KEY_TAKEN = Check(
    *("ssh-keys", PreflightResult.FAILED, "The key is in the project already."),
    codes.SSH_KEY_CONFLICT.entry("The key is in the project already."),
)
UNSURE = Check("sizes", PreflightResult.UNKNOWN, "Not checked: Hetzner did not answer.")


def checked(*checks: Check, **values: object) -> SceneMod:
    """The project was looked at a moment ago."""

    def looked(o: Observation) -> Observation:
        return replace(o, preflight=gen.looked_at(o, *checks, **values))

    return looked


@pytest.mark.parametrize(
    ("checks", "expected", "words"),
    [
        ((FINE,), "True/Passed", "Checked at 2026-11-22 12:00:00 UTC: token, git."),
        ((FINE, TAKEN), "False/CheckFailed", "networks/7 omantel exists already."),
        # What to do is said of each, not of the first alone.
        ((TAKEN, KEY_TAKEN), "False/CheckFailed", f"{TAKEN.message} {codes.NAME_CONFLICT.remedy}"),
        ((TAKEN, KEY_TAKEN), "False/CheckFailed", f"{KEY_TAKEN.message} {codes.SSH_KEY_CONFLICT.remedy}"),
        ((UNSURE, TAKEN), "False/CheckFailed", "networks/7 omantel exists already."),
        ((FINE, UNSURE), "Unknown/NotChecked", "Not checked: Hetzner did not answer."),
    ],
)
def test_what_preflight_found(checks: tuple[Check, ...], expected: str, words: str) -> None:
    status = status_of(checked(*checks))
    assert reason(status, "PreflightPassed") == expected
    assert words in message(status, "PreflightPassed")
    told = [(c.name, c.result, c.message) for c in status.preflight if c.name != "git"]
    assert told == [(c.name, c.result, c.message) for c in checks]


USER_DATA = "user_data of omantel-d2faa-worker-0 is 40000 bytes, more than Hetzner's 32768"


def big(code: str = "ERR_USERDATA_TOO_BIG") -> SceneMod:
    """The last plan found that the first boot would be told too much."""
    error = ErrorEntry(code, USER_DATA, "Shorten it.", True)
    return known(replace(gen.failed(phase="tofu-plan", terminal=True), errors=(error,)))


def user_data(status: SovereignStatus) -> list[tuple[str, str]]:
    return [(c.result, c.message) for c in status.preflight if c.name == "user-data"]


@pytest.mark.parametrize(
    ("given", "results", "why"),
    [
        ((), [], "nothing was planned yet"),
        ((big(),), ["Failed"], "the plan refused it"),
        ((big("ERR_USERDATA_INVALID"),), ["Failed"], "or could not read it"),
        ((known(gen.succeeded()),), ["Passed"], "the plan went through"),
        ((known(gen.failed()),), ["Passed"], "also when the apply failed later"),
        ((known(gen.failed(phase="tofu-plan")),), [], "the plan failed for another reason: nothing is known"),
        ((DRY, known(gen.succeeded(verb=RunVerb.PLAN))), ["Passed"], "a dry run plans as well"),
        (
            (of(deleting), known(gen.succeeded(), gen.succeeded(2, RunVerb.DESTROY))),
            [],
            "a destroy boots no servers",
        ),
    ],
)
def test_user_data_is_checked_by_the_plan(given: tuple[SceneMod, ...], results: list[str], why: str) -> None:
    assert [result for result, _ in user_data(status_of(*given))] == results, why


def test_what_the_plan_refused_is_told_until_another_plan_goes_through() -> None:
    """Beside what the project told, and without touching it."""
    first = gen.observation(big(), checked(FINE))
    once = decide(first)
    assert once.status is not None
    assert [c.name for c in once.status.preflight] == ["token", "git", "user-data"]
    again = replace(gen.after(first, once), record=gen.record(gen.run(attempt=2)), preflight=None)
    status = decide(replace(again, jobs=(gen.job(gen.run(attempt=2)),))).status
    assert status is not None
    assert status.preflight == once.status.preflight
    assert user_data(status) == [("Failed", USER_DATA)]


def test_a_failed_check_says_what_to_do_and_that_nothing_was_started() -> None:
    status = status_of(checked(TAKEN, KEY_TAKEN))
    assert reason(status, "Stalled") == "True/CheckFailed"
    assert message(status).startswith("ERR_NAME_CONFLICT: nothing was started: networks/7 omantel exists already. ")
    assert codes.NAME_CONFLICT.remedy in message(status)
    assert [e.code for e in status.last_errors] == ["ERR_NAME_CONFLICT", "ERR_SSH_KEY_CONFLICT"]


def test_a_rate_limit_is_waited_for_by_the_operator() -> None:
    until = NOW + timedelta(minutes=5)
    status = status_of(checked(*rate_limited(until), retry_at=until))
    assert (reason(status, "Reconciling"), reason(status, "Stalled")) == ("True/Retrying", "")
    assert "Next try at 12:05:00 UTC." in message(status)
    assert [e.code for e in status.last_errors] == ["ERR_RATE_LIMITED"]


def test_what_a_check_found_is_cut_to_what_status_takes() -> None:
    """Whatever a project or a Git server has to say: a status that is refused tells nothing, and nothing goes on."""
    long = Check("names", PreflightResult.FAILED, "taken " * 1000, TAKEN.error)
    told = {c.name: c.message for c in status_of(checked(long), gen.read(replace(long, name="git"))).preflight}
    assert {len(told["names"]), len(told["git"])} == {conditions.MAX_MESSAGE}


def test_what_preflight_found_stays_after_a_restart_that_forgot_it() -> None:
    """Reports are a cache: of a Sovereign that stands none is asked for again."""
    before = status_of(known(gen.succeeded()), checked(FINE))
    wire = before.to_wire()
    forgotten = gen.observation(of(gen.status(**wire)), known(gen.succeeded()))
    after = decide(replace(forgotten, preflight=None)).status
    assert after is not None
    assert after.preflight == before.preflight
    assert reason(after, "PreflightPassed") == "True/Passed"


def test_before_the_first_look_nothing_is_said_of_it() -> None:
    status = decide(gen.observation(gen.unlooked, gen.unread)).status
    assert status is not None
    assert (status.preflight, reason(status, "PreflightPassed")) == ((), "")


# --- sizes ------------------------------------------------------------------------------------------------------------

CLUSTER = naming.cluster_name("omantel", gen.UID)
LADDER = gen.spec(workers={"size": "cpx32", "replicas": 2, "sizeFallbacks": ["cx33"]})
STEPPED = {"worker-1": SizeChoice("cx33", "cpx32")}


def test_each_server_is_shown_with_the_size_that_was_to_be_had() -> None:
    servers = status_of(of(LADDER), known(gen.failed(), sizes=STEPPED)).servers
    assert [(s.name, s.role, s.size) for s in servers] == [
        (f"{CLUSTER}-control-plane-0", "control-plane", "cpx22"),
        (f"{CLUSTER}-worker-0", "worker", "cpx32"),
        (f"{CLUSTER}-worker-1", "worker", "cx33"),
    ]


def test_before_anything_was_tried_there_are_no_servers() -> None:
    assert decide(gen.observation(of(LADDER, gen.spec(suspend=True)))).status.servers == ()  # type: ignore[union-attr]


def test_cost_is_of_the_sizes_that_were_to_be_had() -> None:
    asked = status_of(of(LADDER), known(gen.failed())).cost
    got = status_of(of(LADDER), known(gen.failed(), sizes=STEPPED)).cost
    instead = status_of(of(gen.workers(2, "cx33")), known(gen.failed())).cost
    assert asked is not None
    assert got is not None
    assert instead is not None
    assert float(asked.monthly) - float(got.monthly) == pytest.approx(float(got.monthly) - float(instead.monthly))
    assert asked.monthly != got.monthly


# --- dry runs ---------------------------------------------------------------------------------------------------------

PLANNED = gen.succeeded(attempt=2, verb=RunVerb.PLAN, plan=replace(gen.PLAN, digest="e" * 64, add=2, change=1))


def test_a_dry_run_says_what_would_be_and_what_it_would_cost() -> None:
    status = status_of(DRY, known(replace(PLANNED, attempt=1)))
    assert (reason(status, "Ready"), reason(status, "Stalled")) == ("False/DryRun", "")
    assert status.cost is not None
    assert message(status).startswith(
        f"Dry run: 2 to add, 1 to change, 0 to destroy, {status.cost.monthly} EUR a month in all. Nothing was created "
        "or changed; set spec.dryRun to false to apply it."
    )
    assert reason(status, "TofuPlan") == "True/Succeeded"
    assert reason(status, "TofuApply") == "Unknown/Waiting"
    assert status.outputs is None


def test_after_a_dry_run_the_apply_of_an_applied_sovereign_is_still_told() -> None:
    status = status_of(DRY, known(gen.succeeded(), PLANNED))
    assert message(status, "TofuPlan") == "Planned in 5s: 2 to add, 1 to change, 0 to destroy."
    assert message(status, "TofuApply") == "Applied in 5s: 9 added, 0 changed, 0 destroyed."
    assert reason(status, "TofuOutput") == "True/Succeeded"
    assert status.outputs is not None
    assert status.plan is not None
    assert (status.plan.digest, status.plan.change) == ("e" * 64, 1)
    assert [(h.verb, h.result) for h in status.history] == [("plan", "Succeeded"), ("apply", "Succeeded")]


def test_a_dry_run_under_way_is_the_current_run_and_counts_its_own_percent() -> None:
    run = gen.run(verb=RunVerb.PLAN)
    shown = []
    for phase in ("tofu-init", "tofu-plan", "plan-gate"):
        status = status_of(DRY, known(run), seen(jobs=(gen.job(run),), pods=(gen.pod(run, phase),)))
        assert status.current_run is not None
        assert status.current_run.verb == "plan"
        shown.append(status.progress_percent)
    assert shown == sorted(set(shown))


# --- runs that were stopped -------------------------------------------------------------------------------------------


def test_a_request_to_stop_is_answered_at_once() -> None:
    status = status_of(of(annotated(cancelRequestedAt="c1")), known(RUN), APPLYING)
    assert status.last_handled_cancel_at == "c1"
    expected = f"Job {RUN.job} is being stopped as requested. OpenTofu writes its state first."
    assert (message(status), reason(status, "Reconciling")) == (expected, "True/Provisioning")
    assert status.current_run is not None, "it is one until it has ended"


def test_a_request_to_stop_that_nothing_answers_yet_is_not_called_answered() -> None:
    assert status_of(of(annotated(cancelRequestedAt="c1")), known(gen.succeeded())).last_handled_cancel_at is None


def test_a_request_to_stop_from_before_a_run_is_not_meant_for_it() -> None:
    o = gen.observation(of(annotated(cancelRequestedAt="c1")))
    status = decide(gen.after(o, decide(o))).status
    assert status is not None
    assert status.last_handled_cancel_at == "c1"
    assert "stopped" not in message(status)


def test_a_run_that_was_stopped_on_request_waits_for_a_person() -> None:
    phases = gen.phases_until("tofu-apply")
    cancelled = gen.run(RunState.CANCELLED, stopping=StopCause.REQUESTED, phases=phases)
    status = status_of(known(cancelled))
    assert reason(status, "Stalled") == "True/RunCancelled"
    assert "catalyst.openova.io/retryRequestedAt" in message(status)
    assert [error.code for error in status.last_errors] == ["ERR_RUN_CANCELLED"]
    assert "retryRequestedAt" in status.last_errors[0].command
    assert reason(status, "TofuApply") == "Unknown/Cancelled"
    assert [(h.result, h.error_code) for h in status.history] == [("Cancelled", None)]


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_errors_have_code_remedy_and_a_chapter_of_the_runbook() -> None:
    (error,) = status_of(known(gen.failed("ERR_QUOTA_EXCEEDED", terminal=True))).last_errors
    assert (error.code, error.message, error.remedy) == ("ERR_QUOTA_EXCEEDED", "it broke", "Mend it.")
    assert error.runbook.endswith("/docs/runbook.md#err_quota_exceeded")


def test_at_most_ten_errors_are_told_the_first_ones() -> None:
    errors = tuple(ErrorEntry(f"ERR_{n}", "it broke", "Mend it.", True) for n in range(12))
    status = status_of(known(replace(gen.failed(), errors=errors)))
    assert [e.code for e in status.last_errors] == [f"ERR_{n}" for n in range(10)]
    SovereignStatus.model_validate(status.to_wire())


def test_errors_are_gone_when_all_is_well() -> None:
    before = gen.status(lastErrors=[{"code": "ERR_TOFU", "message": "old"}])
    assert status_of(of(before), known(gen.succeeded())).last_errors == ()


def test_the_history_is_newest_first_and_holds_only_what_ended() -> None:
    status = status_of(known(gen.failed(attempt=1), gen.run(attempt=2)), seen(jobs=(gen.job(gen.run(attempt=2)),)))
    assert [(h.attempt, h.result, h.error_code) for h in status.history] == [(1, "Failed", "ERR_TOFU")]
    assert status.current_run is not None
    assert (status.current_run.attempt, status.current_run.job_ref.namespace) == (2, gen.SPACE)


@pytest.mark.parametrize("state", [s for s in RunState if s not in (RunState.PENDING, RunState.RUNNING)])
def test_every_end_of_a_run_can_be_told(state: RunState) -> None:
    run = gen.run(state, plan=gen.PLAN, phases=gen.phases_until("tofu-apply", end=PhaseState.SUCCEEDED))
    run = replace(run, errors=gen.failed().errors if state is RunState.FAILED else ())
    assert status_of(known(run)).history[0].result == state.value


def test_outputs_cost_and_plan() -> None:
    status = status_of(known(gen.succeeded()))
    assert status.outputs is not None
    assert (status.outputs.control_plane_ips, status.outputs.load_balancer_ip) == (("203.0.113.10",), "203.0.113.20")
    assert status.cost is not None
    assert status.plan is not None
    assert (status.plan.add, status.plan.digest) == (9, "d" * 64)
    assert status.run_namespace == gen.SPACE


def test_the_plan_tells_all_that_approval_may_be_asked_for() -> None:
    addresses = tuple(f"hcloud_server.worker[{n}]" for n in range(12))
    plan = replace(gen.PLAN, adopt=3, replacing=addresses, destroying=addresses[:1], powering_off=addresses[1:3])
    shown = status_of(known(gen.run(RunState.AWAITING_APPROVAL, plan=plan))).plan
    assert shown is not None
    assert (shown.add, shown.adopt, shown.replacing) == (9, 3, addresses[:10])
    assert (shown.destroying, shown.powering_off) == (addresses[:1], addresses[1:3])


@pytest.mark.parametrize(
    ("release", "expected"),
    [(releases.load().default, releases.load().get().unverified), ("of-another-version", ())],
)
def test_what_of_the_release_is_unverified_is_told_beside_its_name(release: str, expected: tuple[str, ...]) -> None:
    """A release that this version of the operator does not know says nothing."""
    status = status_of(known(release=release))
    assert (status.release, status.unverified_downloads) == (release, expected)


def test_outputs_stay_when_the_record_does_not_know_them() -> None:
    before = gen.status(outputs={"loadBalancerIP": "203.0.113.99"})
    outputs = status_of(of(before), known(gen.failed())).outputs
    assert outputs is not None
    assert outputs.load_balancer_ip == "203.0.113.99"


@pytest.mark.parametrize(
    ("given", "type_", "why"),
    [
        ((), "Create", "nothing exists yet"),
        ((known(gen.failed()),), "Create", "nothing exists yet, though something was tried"),
        ((known(*(gen.failed(attempt=n) for n in range(6, 11))),), "Create", "nor after more tries than are kept"),
        ((known(gen.succeeded()),), "Create", "this is what the creation ended with"),
        (
            (known(gen.succeeded(verb=RunVerb.PLAN), gen.succeeded(attempt=2)),),
            "Create",
            "and so it is when a dry run came first: that made nothing",
        ),
        ((DRY, known(gen.succeeded(), PLANNED)), "Reconcile", "a dry run of what exists"),
        ((of(gen.workers(2)), known(gen.succeeded())), "Reconcile", "a change of what exists"),
        ((of(deleting), known(gen.succeeded())), "Delete", "being deleted"),
    ],
)
def test_the_operation_as_a_whole(given: tuple[SceneMod, ...], type_: str, why: str) -> None:
    operation = status_of(*given).last_operation
    assert operation is not None
    assert operation.type == type_, why


def test_the_operation_is_only_stamped_when_it_changed() -> None:
    first = gen.observation(known(gen.succeeded()))
    once = gen.after(first, decide(first))
    again = decide(replace(once, now=once.now + timedelta(hours=1))).status
    assert again is not None
    assert again.last_operation == once.sovereign.status.last_operation


# --- annotations ------------------------------------------------------------------------------------------------------


def test_annotations_are_answered() -> None:
    asked = {"reconcile.fluxcd.io/requestedAt": "a", "catalyst.openova.io/retryRequestedAt": "b"}
    o = gen.observation(of(gen.meta(annotations=asked)))
    status = decide(gen.after(o, decide(o))).status
    assert status is not None
    assert (status.last_handled_reconcile_at, status.last_handled_retry_at) == ("a", "b")
    assert status.last_handled_cancel_at is None, "nobody asked"


def test_an_annotation_of_any_length_is_no_reason_to_fail() -> None:
    """The schema takes 64 characters; a longer value would make every write of the status a 422."""
    names = ("reconcile.fluxcd.io/requestedAt", *(f"catalyst.openova.io/{n}RequestedAt" for n in ("retry", "cancel")))
    asked = {name: letter * 5000 for name, letter in zip(names, "abc", strict=True)}
    o = gen.observation(of(gen.meta(annotations=asked)), known(gen.failed()))
    after = gen.after(o, decide(o))
    status = decide(after).status
    assert status is not None
    SovereignStatus.model_validate(status.to_wire())
    assert decide(after).actions, "a retry that was asked for is carried out once"
    answered = {name: letter * 64 for name, letter in zip(names[1:], "bc", strict=True)}
    written = next(a.record for a in decide(o).actions if isinstance(a, WriteRecord))
    assert written.handled == answered
    ended = known(gen.failed(attempt=2, retry="b" * 64), handled=answered)
    assert decide(ended(o)).actions == (), "and not a second time"


# --- words of another version -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["PreflightPassed", "TofuInit", "TofuPlan", "TofuApply", "TofuOutput"])
def test_a_reason_of_another_version_is_kept_and_holds_nothing_up(type_: str) -> None:
    """After the operator was put back to an older version, status still says what the newer one wrote."""
    strange = {"type": type_, "status": "True", "reason": "OfANewerVersion", "message": "Said."}
    before = gen.status(conditions=[{**strange, "lastTransitionTime": "2026-11-22T11:00:00Z"}])
    status = decide(gen.observation(of(before), gen.unlooked)).status
    assert status is not None
    assert reason(status, type_) == "True/OfANewerVersion"


# --- as the API server takes it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        (),
        (known(RUN), APPLYING),
        (known(gen.failed()),),
        (known(gen.succeeded()),),
        (of(deleting), known(gen.failed())),
        (checked(FINE, UNSURE, TAKEN),),
        (of(LADDER), known(gen.failed(), sizes=STEPPED)),
        (DRY, known(gen.succeeded(), PLANNED)),
    ],
)
def test_what_is_written_is_what_is_read(given: tuple[SceneMod, ...]) -> None:
    """Else each look would find a difference, and write."""
    wire = status_of(*given).to_wire()
    raw = gen.raw_sovereign()
    raw["status"] = wire
    assert Sovereign.parse(raw).status.to_wire() == wire


def test_a_message_never_outgrows_its_field() -> None:
    run = gen.failed()
    run = replace(run, errors=(replace(run.errors[0], message="x" * 512, remedy="y" * 2000),))
    status = status_of(known(run))
    assert all(len(c.message) <= 1024 for c in status.conditions)


# --- the vocabulary ---------------------------------------------------------------------------------------------------

FOREIGN_LOCK = seen(lock=LockView("lock-1", "admin@laptop"))
EVERY_SCENE: dict[str, tuple[SceneMod, ...]] = {
    "nothing yet": (),
    "no Secret": (seen(credentials=None),),
    "a malformed token": (gen.tokened("short"),),
    "a failed check": (checked(TAKEN),),
    "nothing could be checked": (checked(UNSURE),),
    "a rate limit": (checked(*rate_limited(NOW + timedelta(minutes=1)), retry_at=NOW + timedelta(minutes=1)),),
    "a state that another one locked": (known(gen.failed()), FOREIGN_LOCK, gen.later(timedelta(hours=1))),
    "the state's key is gone": (known(gen.succeeded(attempt=1)), seen(has_state_key=False)),
    "two states": (known(gen.succeeded()), seen(saved_state=StateView(9, "other"), state=StateView(7, "l"))),
    "a state is written back": (known(gen.failed()), seen(saved_state=StateView(9, "l"))),
    "the state is gone": (known(gen.succeeded()), seen(state=None)),
    "suspended": (of(gen.spec(suspend=True)),),
    "an unknown release": (of(gen.spec(release="no-such")),),
    "being stopped": (of(annotated(cancelRequestedAt="c")), known(RUN), APPLYING),
    "superseded": (of(gen.workers(1)), known(RUN), seen(jobs=(gen.job(RUN),), pods=(gen.pod(RUN, "tofu-plan"),))),
    "a dry run": (DRY, known(gen.succeeded(), PLANNED)),
    **{
        f"{verb.value} {state.value}{' then deleted' if gone else ''}": (
            of(deleting) if gone else of(*([gen.spec(dryRun=True)] if verb is RunVerb.PLAN else [])),
            known(
                gen.run(
                    *(state, 1, verb),
                    stopping=StopCause.REQUESTED if state is RunState.CANCELLED else None,
                    errors=gen.failed().errors if state in (RunState.FAILED, RunState.INTERRUPTED) else (),
                    plan=gen.PLAN,
                ),
                touched=verb is not RunVerb.PLAN,
            ),
        )
        for verb in RunVerb
        for state in RunState
        for gone in (False, True)
    },
}


@pytest.mark.parametrize("given", EVERY_SCENE.values(), ids=EVERY_SCENE)
def test_every_reason_is_documented_and_the_conditions_are_sound(given: tuple[SceneMod, ...]) -> None:
    status = status_of(*given)
    assert gen.undocumented(status.conditions) == []
    assert conditions.violations(status.conditions, 9) == []
    SovereignStatus.model_validate(status.to_wire())


@pytest.mark.parametrize(
    ("scene", "state"),
    [
        ("no Secret", OperationState.WAITING),
        ("a failed check", OperationState.FAILED),
        ("a rate limit", OperationState.ERROR),
        ("a state that another one locked", OperationState.FAILED),
        ("a state is written back", OperationState.PROCESSING),
        ("being stopped", OperationState.PROCESSING),
        ("apply Cancelled", OperationState.FAILED),
        ("apply Interrupted", OperationState.PROCESSING),
        ("a dry run", OperationState.WAITING),
        ("suspended", OperationState.WAITING),
    ],
)
def test_whose_turn_it_is_at_a_glance(scene: str, state: OperationState) -> None:
    operation = status_of(*EVERY_SCENE[scene]).last_operation
    assert operation is not None
    assert operation.state == state


# --- what an error brings along ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "command"),
    [
        (
            codes.TOKEN_INVALID.entry("x"),
            "echo 'Paste the token, then Enter'; read -rs TOKEN; "
            'printf %s "$TOKEN" | kubectl -n team-a create secret generic hcloud --from-file=token=/dev/stdin',
        ),
        (codes.SIZE_UNKNOWN.entry("x"), "kubectl -n team-a edit sovereign omantel"),
        (codes.EXPORT_NOT_ACKNOWLEDGED.entry("x"), "kubectl -n team-a patch sovereign omantel --type merge -p"),
        (codes.PROTECTED_DELETION.entry("x"), 'kubectl -n team-a patch sovereign omantel --type merge -p \'{"spec"'),
        (codes.QUOTA_EXCEEDED.entry("x"), "kubectl -n team-a annotate sovereign omantel --overwrite"),
        (codes.KIT_POD.entry("x", remedy="Read it: `kubectl logs pod/y`."), "kubectl logs pod/y"),
        (codes.NAME_CONFLICT.entry("x"), ""),
    ],
    ids=["asks", "edit", "the owner's word", "patch", "with the Sovereign's name", "of the remedy", "none"],
)
def test_an_error_has_one_line_to_run(entry: ErrorEntry, command: str) -> None:
    [told] = of_errors(entry).last_errors
    assert told.command.startswith(command)
    assert bool(told.command) is bool(command)
    assert not any(mark in told.command for mark in ("{namespace}", "{name}", "{secret}"))


def test_an_error_names_what_it_affects_ten_at_most() -> None:
    addresses = tuple(f"hcloud_server.worker[{n}]" for n in range(12))
    [told] = of_errors(codes.CAPACITY.entry("x", addresses=addresses)).last_errors
    assert told.affected == addresses[:10]


def of_errors(*errors: ErrorEntry) -> SovereignStatus:
    verdict = Verdict(Stance.STALLED, Phase.FAILED, Reason.RUN_FAILED, "x", errors)
    return build(gen.observation(), Record(gen.UID), None, verdict)


# --- Ready speaks of the cluster --------------------------------------------------------------------------------------


HEALTHY = (known(gen.succeeded()),)


@pytest.mark.parametrize(
    ("asked", "stance"),
    [
        ((of(gen.spec(suspend=True)),), ""),
        ((of(gen.spec(workers={"size": "cpx32", "replicas": 1}, release="no-such")),), "Stalled"),
    ],
    ids=["suspended", "a release that does not exist"],
)
def test_what_cannot_be_done_takes_nothing_away_from_a_cluster_that_is_well(
    asked: tuple[SceneMod, ...], stance: str
) -> None:
    status = status_of(*HEALTHY, *asked)
    assert (reason(status, "Ready").partition("/")[0], status.phase) == ("True", Phase.READY)
    assert [c.type for c in status.conditions if c.type in ("Reconciling", "Stalled")] == ([stance] if stance else [])


# --- one short line, and the next try ---------------------------------------------------------------------------------


def test_the_summary_is_the_first_sentence_and_has_the_cause() -> None:
    status = status_of(known(gen.failed("ERR_QUOTA_EXCEEDED", terminal=True)))
    assert status.summary.startswith("ERR_QUOTA_EXCEEDED: ")
    assert message(status) == f"{status.summary} Mend it."
    assert short(f"{'x' * 100} {'y' * 300}. What to do.") == f"{'x' * 100} {'y' * 18}…", "no longer than 120"


def test_the_next_try_is_a_field() -> None:
    status = status_of(known(gen.failed()))
    assert status.retry_at is not None
    assert f"{status.retry_at:%H:%M:%S} UTC" in message(status)
    assert status_of(known(gen.failed("ERR_QUOTA_EXCEEDED", terminal=True))).retry_at is None


def test_progress_never_falls_during_an_operation() -> None:
    """An approval, another try: the next run begins with its first phase, and takes nothing back."""
    first = gen.observation(known(RUN), APPLYING, heard(4, {}))
    reached = decide(first).status
    assert reached is not None
    assert reached.progress_percent > 8
    again = gen.run(attempt=2)
    given = (known(gen.failed(), again), seen(jobs=(gen.job(again),), pods=(gen.pod(again, "tofu-init"),)))
    later = gen.observation(*given)
    told = decide(replace(later, sovereign=later.sovereign.model_copy(update={"status": reached}))).status
    assert told is not None
    assert told.progress_percent == reached.progress_percent


def test_a_cluster_that_is_let_go_keeps_what_was_told_of_its_flux() -> None:
    """A hand-off ends the watch: that nobody looks any more says nothing about Flux."""
    watched = gen.observation(known(gen.succeeded()))
    before = decide(watched).status
    assert before is not None
    assert reason(before, "FluxBootstrap").startswith("True/")
    given = (known(gen.succeeded(), hand_off=HandOff(started=NOW)), gen.unseen)
    later = gen.observation(*given)
    told = decide(replace(later, sovereign=later.sovereign.model_copy(update={"status": before}))).status
    assert told is not None
    assert reason(told, "FluxBootstrap") == reason(before, "FluxBootstrap")
