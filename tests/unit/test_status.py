"""The whole status: what a person reads in `kubectl get sovereigns -w`, and what programs may rely on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.decide import decide
from catalyst_operator.core.progress import Progress, ResourceProgress
from catalyst_operator.core.record import PhaseState, RunState
from tests import gen
from tests.gen import NOW, SceneMod, deleting, known, of, seen

RUN = gen.run()
APPLYING = seen(jobs=(gen.job(RUN),), pods=(gen.pod(RUN, "tofu-apply"),))


def status_of(*mods: SceneMod) -> SovereignStatus:
    status = decide(gen.observation(*mods)).status
    assert status is not None
    return status


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


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_errors_have_code_remedy_and_a_chapter_of_the_runbook() -> None:
    (error,) = status_of(known(gen.failed("ERR_QUOTA_EXCEEDED", terminal=True))).last_errors
    assert (error.code, error.message, error.remedy) == ("ERR_QUOTA_EXCEEDED", "it broke", "Mend it.")
    assert error.runbook.endswith("/docs/runbook.md#err-quota-exceeded")


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


def test_an_annotation_of_any_length_is_no_reason_to_fail() -> None:
    """The schema takes 64 characters; a longer value would make every write of the status a 422."""
    asked = {"reconcile.fluxcd.io/requestedAt": "a" * 5000, "catalyst.openova.io/retryRequestedAt": "b" * 5000}
    o = gen.observation(of(gen.meta(annotations=asked)), known(gen.failed()))
    after = gen.after(o, decide(o))
    status = decide(after).status
    assert status is not None
    SovereignStatus.model_validate(status.to_wire())
    assert decide(after).actions, "a retry that was asked for is carried out once"
    ended = known(gen.failed(attempt=2, retry="b" * 64), handled={"catalyst.openova.io/retryRequestedAt": "b" * 64})
    assert decide(ended(o)).actions == (), "and not a second time"


# --- as the API server takes it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        (),
        (known(RUN), APPLYING),
        (known(gen.failed()),),
        (known(gen.succeeded()),),
        (of(deleting), known(gen.failed())),
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
