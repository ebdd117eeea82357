"""One attempt after another: how tries are counted and pauses measured, what the end of a run is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api.labels import ANNOTATION_CANCEL
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.actions import Action, CreateJob, WriteInputs, WriteRecord
from catalyst_operator.core.decide import decide
from catalyst_operator.core.observation import StateView
from catalyst_operator.core.record import HandOff, Record, RunEntry, RunState, SizeChoice, StopCause
from catalyst_operator.core.runs.attempts import next_run
from catalyst_operator.core.runs.retries import retry_at
from catalyst_operator.core.runs.tfvars import inputs_digest
from catalyst_operator.core.tofu import backends
from tests.support import gen
from tests.support.gen import NOW, OUTPUTS, SETTINGS, SceneMod, known, of, seen, spec
from tests.unit.core.decide.failures import LADDER, ON_SECOND, ON_THIRD, SECOND, THIRD
from tests.unit.core.decide.stops import STUCK
from tests.unit.core.decide.table import BIGGER, CANCEL, POLL, RECORDED, SERVER, at_work, names, stopped

SOLD_OUT = gen.ended_container(1)


def written(*mods: SceneMod) -> Record:
    """The first record that follows from an observation."""
    return next(a.record for a in decide(gen.observation(*mods)).actions if isinstance(a, WriteRecord))


def one(actions: tuple[Action, ...], kind: type[WriteInputs]) -> WriteInputs:
    """The only action of a kind."""
    (found,) = (a for a in actions if isinstance(a, kind))
    return found


# --- tries and pauses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tries", "seconds"), [(1, 20), (2, 40), (3, 80), (4, 160)])
def test_the_pause_doubles_from_the_base(tries: int, seconds: int) -> None:
    """Counted from the end of the last failure."""
    o, run = gen.observation(), gen.failed(tries=tries, finished=NOW)
    assert retry_at(o, run) == NOW + timedelta(seconds=seconds)


def test_the_pause_has_a_cap() -> None:
    settings = replace(SETTINGS, retry_base=timedelta(minutes=4))
    o = gen.observation(seen(settings=settings))
    assert retry_at(o, gen.failed(tries=3, finished=NOW)) == NOW + settings.retry_cap
    assert retry_at(o, gen.failed(tries=10**6, finished=NOW)) == NOW + settings.retry_cap


@pytest.mark.parametrize(
    ("state", "tries", "seconds"),
    [(RunState.INTERRUPTED, 1, 0), (RunState.INTERRUPTED, 2, 40), (RunState.LOST, 1, 20), (RunState.LOST, 2, 40)],
)
def test_only_the_first_interruption_needs_no_pause(state: RunState, tries: int, seconds: int) -> None:
    """A second one in a row may be a node that ends whatever is put on it."""
    assert retry_at(gen.observation(), gen.run(state, tries=tries, finished=NOW)) == NOW + timedelta(seconds=seconds)


def test_it_is_looked_at_again_before_the_pause_is_over_since_a_corrected_secret_sends_no_event() -> None:
    decision = decide(gen.observation(known(*gen.failures(3, finished=NOW))))
    assert decision.requeue_after == POLL


@pytest.mark.parametrize(
    ("change", "tries", "why"),
    [
        ({}, 4, "nobody did anything"),
        ({"generation": 2}, 1, "the spec was edited in between"),
        ({"credentials": "s/2"}, 1, "the Secret was corrected in between"),
        ({"retry": "now"}, 1, "a retry was asked for in between"),
        ({"digest": BIGGER}, 4, "only its sizes were others: nobody asked for another thing"),
        ({"state": RunState.SUCCEEDED}, 1, "it did not fail"),
        ({"state": RunState.CANCELLED}, 1, "it was stopped, and did not fail"),
        ({"state": RunState.AWAITING_APPROVAL}, 1, "it waited for a person"),
        ({"stepped_down": True}, 3, "the next size of a ladder is the same try"),
        ({"verb": RunVerb.DESTROY}, 1, "it was another deed"),
    ],
)
def test_tries_are_counted_since_a_person_last_did_something(change: dict[str, object], tries: int, why: str) -> None:
    before = replace(gen.failed(attempt=3, tries=3), **change)  # type: ignore[arg-type]
    after = next_run(gen.observation(), gen.record(before), RunVerb.APPLY, gen.variables())
    assert after.tries == tries, why


def test_failures_are_counted_on_when_they_left_the_history() -> None:
    """Dry runs in between, and a destroy's many attempts, push runs out of the history: the count is not lost."""
    o = gen.observation(known(*gen.failures(4)[-1:]), gen.later(SETTINGS.retry_cap))
    created = decide(o).actions[-1]
    assert isinstance(created, CreateJob)
    assert created.run.tries == 5


# --- what the end of a run is made of ---------------------------------------------------------------------------------


def decided(*mods: SceneMod) -> tuple[str, str]:
    """Reason and message after this observation."""
    status = decide(gen.observation(*mods)).status
    assert status is not None
    ready = next(c for c in status.conditions if c.type == "Ready")
    return ready.reason, ready.message


def test_success_is_recorded_with_outputs_and_state_before_the_pod_is_let_go() -> None:
    run = gen.run()
    ended = seen(jobs=(gen.job(run, complete=True),), pods=(gen.finished_pod(run),), state=StateView(12))
    decision = decide(gen.observation(known(run), ended))
    assert names(decision.actions) == RECORDED
    record = written(known(run), ended)
    assert (record.outputs, record.state_serial) == (OUTPUTS, 12)
    assert record.applied_digest == run.digest
    assert decision.status is not None
    assert all(c.status == "True" for c in decision.status.conditions if c.type.startswith("Tofu"))


def test_a_new_apply_is_not_taken_for_the_old_one_until_it_succeeded() -> None:
    """Else an edit back to the old inputs would call a half-applied change converged."""
    record = written(of(gen.workers(2)), known(gen.succeeded()))
    assert record.applied_digest == ""
    assert record.outputs == OUTPUTS


def test_a_dry_run_changes_nothing_of_what_was_applied() -> None:
    before = gen.record(gen.succeeded())
    record = written(of(spec(dryRun=True)), known(gen.succeeded()))
    assert record.last is not None
    assert record.last.verb is RunVerb.PLAN
    assert (record.applied_digest, record.outputs, record.touched) == (before.applied_digest, OUTPUTS, True)


def test_a_dry_run_that_ended_touched_nothing() -> None:
    run = gen.run(verb=RunVerb.PLAN)
    ended = seen(jobs=(gen.job(run, complete=True),), pods=(gen.finished_pod(run),))
    record = written(of(spec(dryRun=True)), known(run), ended)
    assert record.last is not None
    assert record.last.plan is not None
    assert (record.last.state, record.touched, record.orphans) == (RunState.SUCCEEDED, False, False)
    assert (record.applied_digest, record.outputs) == ("", None)


def test_success_without_readable_outputs_is_a_failure_not_an_endless_loop() -> None:
    run = gen.run()
    pod = gen.finished_pod(run)
    mute = replace(pod, containers={**pod.containers, "tofu-output": gen.ended_container(0, "{cut")})
    reason, message = decided(known(run), seen(jobs=(gen.job(run, complete=True),), pods=(mute,)))
    assert reason == "Retrying"
    assert "outputs" in message


@pytest.mark.parametrize(
    ("deletion", "state"),
    [(gen.GRACE_ENDS, RunState.INTERRUPTED), (None, RunState.FAILED)],
    ids=["a Pod that was told to stop", "a Pod that failed by itself"],
)
def test_an_error_of_a_pod_that_was_told_to_stop_is_not_the_users(deletion: object, state: RunState) -> None:
    run = gen.run()
    pod = gen.pod(run, "tofu-apply", gen.ended_container(1, "interrupted"), deletion=deletion)
    record = written(known(run), seen(jobs=(gen.job(run),), pods=(pod,)))
    assert record.runs[0].state is state


def test_a_refused_plan_is_told_in_the_gates_words_and_not_tried_again() -> None:
    said = '{"digest":"d","add":1,"change":0,"destroy":1,"explanation":"control_plane[0] would be replaced"}'
    run = gen.run()
    pod = gen.pod(run, "plan-gate", gen.ended_container(4, said))
    reason, message = decided(known(run), seen(jobs=(gen.job(run, failed=True),), pods=(pod,)))
    assert reason == "RunFailed"
    assert "control_plane[0] would be replaced" in message


def test_a_failed_phase_leaves_the_later_ones_unreached() -> None:
    run = gen.run()
    status = decide(gen.observation(known(run), at_work(run, "tofu-plan", gen.ended_container(1, "no")))).status
    assert status is not None
    told = {c.type: (c.status, c.reason) for c in status.conditions if c.type.startswith("Tofu")}
    assert told == {
        "TofuInit": ("True", "Succeeded"),
        "TofuPlan": ("False", "Failed"),
        "TofuApply": ("Unknown", "Skipped"),
        "TofuOutput": ("Unknown", "Skipped"),
    }


def test_a_container_that_never_reported_its_end_is_not_shown_as_running() -> None:
    """The node is gone: the Pod was failed by a controller, with the states that the kubelet sent last."""
    run = gen.run(tries=2)
    pod = gen.pod(run, "tofu-apply", phase="Failed", reason="NodeLost", message="Node node-1 is gone")
    status = decide(gen.observation(known(run), seen(jobs=(gen.job(run, failed=True),), pods=(pod,)))).status
    assert status is not None
    told = {c.type: c.reason for c in status.conditions}
    assert told["TofuApply"] == "Failed"
    assert told["Ready"] == "Retrying"


@pytest.mark.parametrize("phase", ["tofu-init", "adopt", "tofu-plan", "plan-gate", "tofu-apply", "tofu-output"])
def test_the_phase_in_progress_is_the_phase_shown(phase: str) -> None:
    run = gen.run(adopt=True)
    status = decide(gen.observation(known(run), at_work(run, phase))).status
    assert status is not None
    assert status.phase == ("tofu-plan" if phase in ("adopt", "plan-gate") else phase)


def test_percent_never_falls_from_phase_to_phase() -> None:
    run = gen.run(adopt=True)
    shown = []
    for phase in ("tofu-init", "adopt", "tofu-plan", "plan-gate", "tofu-apply", "tofu-output"):
        status = decide(gen.observation(known(run), at_work(run, phase))).status
        assert status is not None
        shown.append(status.progress_percent)
    assert shown == sorted(shown)


# --- orphans ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "code", "orphans"),
    [
        ("tofu-plan", 1, False),
        ("plan-gate", 3, False),
        ("tofu-apply", 1, True),
        ("tofu-apply", 137, True),
        ("tofu-output", 1, True),
    ],
)
def test_after_an_apply_that_did_not_end_well_orphans_are_looked_for(at: str, code: int, orphans: bool) -> None:
    """Also after an error of OpenTofu's own: a creation whose answer was lost leaves one."""
    run = gen.run()
    assert written(known(run, touched=False), at_work(run, at, gen.ended_container(code))).orphans is orphans


def test_a_run_that_ended_before_its_apply_does_not_take_back_that_there_may_be_orphans() -> None:
    run = gen.run(adopt=True)
    failed = at_work(run, "tofu-plan", gen.ended_container(1))
    assert written(known(run, orphans=True), failed).orphans


def test_after_a_run_that_adopted_and_applied_there_are_none() -> None:
    run = gen.run(adopt=True)
    ended = seen(jobs=(gen.job(run, complete=True),), pods=(gen.finished_pod(run),))
    assert not written(known(run, orphans=True), ended).orphans


# --- runs that were stopped -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (StopCause.REQUESTED, RunState.CANCELLED),
        (StopCause.SUPERSEDED, RunState.CANCELLED),
        (StopCause.STUCK, RunState.FAILED),
    ],
)
def test_how_a_stopped_run_ended_depends_on_why_it_was_stopped(cause: StopCause, state: RunState) -> None:
    run = gen.run(stopping=cause)
    ended = written(known(run), stopped(run), gen.creating(SERVER, 16)).runs[0]
    assert (ended.state, ended.stopping) == (state, cause)


def test_a_stopped_run_whose_job_vanished_unseen_was_stopped_all_the_same() -> None:
    assert written(known(gen.run(stopping=StopCause.REQUESTED))).runs[0].state is RunState.CANCELLED


def test_a_stop_is_recorded_with_the_request_it_answers_before_the_job_is_told() -> None:
    decision = decide(gen.observation(of(CANCEL), known(gen.run()), at_work(gen.run(), "tofu-apply")))
    assert names(decision.actions) == ("WriteRecord", "DeleteJob")
    record = written(of(CANCEL), known(gen.run()), at_work(gen.run(), "tofu-apply"))
    assert record.runs[0].stopping is StopCause.REQUESTED
    assert record.handled == {ANNOTATION_CANCEL: "now"}


def test_a_run_superseded_in_its_plan_leaves_nothing_to_destroy() -> None:
    run = gen.run(digest=BIGGER, stopping=StopCause.SUPERSEDED)
    record = written(known(run, touched=False), stopped(run, "tofu-plan"))
    assert (record.touched, record.orphans) == (False, False)


def test_a_cancelled_apply_may_have_left_something() -> None:
    run = gen.run(stopping=StopCause.REQUESTED)
    record = written(known(run, touched=False), stopped(run))
    assert (record.touched, record.orphans) == (True, True)


# --- sizes ------------------------------------------------------------------------------------------------------------


def sizes_after(*mods: SceneMod) -> dict[str, SizeChoice]:
    return written(of(LADDER), *mods).sizes


def test_a_size_that_was_sold_out_is_stepped_down() -> None:
    record = written(of(LADDER), known(gen.run()), at_work(gen.run(), "tofu-apply", SOLD_OUT), gen.refused())
    assert record.sizes == SECOND
    assert record.runs[0].stepped_down


def test_a_server_that_is_stuck_is_stepped_down() -> None:
    assert sizes_after(known(STUCK), stopped(STUCK), gen.creating(SERVER, 16)) == SECOND


def test_another_servers_trouble_is_not_this_ones() -> None:
    run = gen.run(digest=gen.digest(LADDER, gen.workers(1)))
    told = written(
        of(LADDER, spec(workers={"size": "cpx32", "replicas": 1, "sizeFallbacks": ["cpx42"]})),
        known(run),
        at_work(run, "tofu-apply", SOLD_OUT),
        gen.refused("hcloud_server.worker[0]"),
    )
    assert told.sizes == {"worker-0": SizeChoice("cpx42", "cpx32")}


def test_an_error_that_another_size_does_not_mend_leaves_the_size() -> None:
    """Quota, a wrong token: what was to be had is still to be had."""
    quota = gen.refused(code="resource_limit_exceeded")
    assert sizes_after(known(gen.run()), at_work(gen.run(), "tofu-apply", SOLD_OUT), quota) == {}


def test_after_an_edit_the_ladder_of_before_is_not_gone_down() -> None:
    run = gen.run()
    told = written(of(LADDER, gen.meta(generation=2)), known(run), at_work(run, "tofu-apply", SOLD_OUT), gen.refused())
    assert told.sizes == {}
    assert not told.runs[0].stepped_down


def test_a_server_that_stands_is_not_given_a_fallback_when_it_cannot_be_resized() -> None:
    """Fallbacks are for servers that are yet to be made: one that exists has the size it was given."""
    edit = spec(controlPlane={"size": "cpx32", "sizeFallbacks": ["cpx42"]})
    run = gen.run(attempt=2, digest=gen.digest(edit))
    stands = {"control-plane-0": SizeChoice("cpx22", "cpx22")}
    before = known(gen.succeeded(), run, outputs=OUTPUTS, state_serial=7, sizes=stands)
    given = (of(edit), before, at_work(run, "tofu-apply", SOLD_OUT), gen.refused(action="update"))
    assert written(*given).sizes == stands
    status = decide(gen.observation(*given)).status
    assert status is not None
    assert (status.phase, status.progress_percent) == ("ready", 100), "the cluster is as well as before"


def test_success_pins_the_sizes_that_were_taken() -> None:
    run = gen.run(digest=ON_SECOND)
    ended = seen(jobs=(gen.job(run, complete=True),), pods=(gen.finished_pod(run),))
    assert sizes_after(known(run, sizes=SECOND), ended) == SECOND


def test_success_after_an_edit_pins_nothing_of_the_edit() -> None:
    """What was carried out is the spec of before: it says nothing about the size that is asked for now."""
    run = gen.run()
    ended = seen(jobs=(gen.job(run, complete=True),), pods=(gen.finished_pod(run),))
    edited = of(spec(controlPlane={"size": "cpx42"}), gen.meta(generation=2))
    assert written(edited, known(run), ended).sizes.get("control-plane-0") != SizeChoice("cpx42", "cpx42")


def test_a_pinned_size_is_what_is_shown_and_priced() -> None:
    plain, pinned = (
        decide(gen.observation(of(LADDER), known(gen.succeeded(digest=digest), sizes=sizes))).status
        for digest, sizes in ((gen.digest(LADDER), {}), (ON_SECOND, SECOND))
    )
    assert plain is not None
    assert pinned is not None
    assert [s.size for s in pinned.servers] == ["cpx32"]
    assert pinned.cost is not None
    assert plain.cost is not None
    assert float(pinned.cost.monthly) > float(plain.cost.monthly)


def inputs_of(*mods: SceneMod) -> WriteInputs:
    return one(decide(gen.observation(*mods)).actions, WriteInputs)


def test_the_next_run_is_given_the_next_size() -> None:
    failed = gen.failed("ERR_CAPACITY", stepped_down=True)
    made = inputs_of(of(LADDER), known(failed, sizes=SECOND))
    assert made.tfvars["control_plane_sizes"] == ["cpx32"]
    assert inputs_digest(RunVerb.APPLY, made.tfvars) == ON_SECOND


def test_after_the_pause_it_begins_with_the_first_size_again() -> None:
    """Nothing exists yet, and what the owner asked for first is what the owner wants most."""
    failed: RunEntry = gen.failed("ERR_CAPACITY", digest=ON_THIRD)
    error = replace(failed.errors[0], addresses=(SERVER,))
    sold_out = known(replace(failed, errors=(error,)), sizes=THIRD)
    mods = (of(LADDER), sold_out, gen.later(timedelta(minutes=1)))
    assert inputs_of(*mods).tfvars["control_plane_sizes"] == ["cpx22"]
    assert written(*mods).sizes == {}


def test_a_pinned_size_is_kept_by_a_run_for_something_else() -> None:
    made = inputs_of(of(LADDER, gen.workers(1)), known(gen.succeeded(digest=ON_SECOND), sizes=SECOND))
    assert (made.tfvars["control_plane_sizes"], made.tfvars["worker_sizes"]) == (["cpx32"], ["cpx32"])


def test_another_size_in_the_spec_is_followed() -> None:
    edited = of(spec(controlPlane={"size": "cpx42", "sizeFallbacks": ["cpx32"]}))
    made = inputs_of(edited, known(gen.succeeded(digest=ON_SECOND), sizes=SECOND))
    assert made.tfvars["control_plane_sizes"] == ["cpx42"]


def test_a_slow_creation_is_warned_of_by_its_address() -> None:
    o = gen.observation(known(gen.run()), at_work(gen.run(), "tofu-apply"), gen.creating(SERVER, 11))
    status = decide(o).status
    assert status is not None
    (warning,) = status.last_errors
    assert (warning.code, warning.message) == ("ERR_CAPACITY", f"Still being created: {SERVER}")
    assert warning.remedy


STORE = backends.parse(backends.PG, ("host=pg.example", "database=states"), "state-backend")
IN_STORE = replace(gen.observation(), settings=replace(gen.SETTINGS, state_backend=STORE))


def test_a_run_in_a_store_knows_the_store_and_whose_locks_it_may_take_away() -> None:
    """Those of Jobs that are over, by the record: not one that may still be at work, and none of another cluster."""
    over, active = gen.run(RunState.LOST, attempt=1), gen.run(RunState.RUNNING, attempt=2)
    made = next_run(IN_STORE, gen.record(over, active), RunVerb.APPLY, gen.variables())
    assert (made.backend, made.over) == (STORE.fingerprint, (over.job,))
    plain = next_run(gen.observation(), gen.record(over, active), RunVerb.APPLY, gen.variables())
    assert (plain.backend, plain.over) == ("", ())
    assert made.inputs_secret != plain.inputs_secret, "they are immutable, and name the store"


def test_after_the_hand_off_the_working_state_is_in_the_run_namespace() -> None:
    handed = replace(gen.record(), hand_off=HandOff(started=gen.NOW))
    made = next_run(IN_STORE, handed, RunVerb.DESTROY, gen.variables())
    assert (made.backend, made.over) == ("", ())
