"""What is decided for a Sovereign that is wanted: tables of rows, each with its reason.

The rows are in the modules of `decide/` beside this one, by what they are about.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalyst_operator.api.labels import ANNOTATION_CANCEL, ANNOTATION_RETRY
from catalyst_operator.core import conditions, provision
from catalyst_operator.core.actions import (
    Action,
    AddFinalizer,
    AskPreflight,
    CreateJob,
    DeleteJob,
    ForgetSavedState,
    GiveBootSecrets,
    PrepareNamespace,
    ReleaseLock,
    RestoreState,
    TakeBootSecrets,
    TakeTurn,
    WriteInputs,
    WriteRecord,
)
from catalyst_operator.core.decide import decide
from catalyst_operator.core.observation import NamespaceView, Observation, StateView
from catalyst_operator.core.queue.standing import standing
from catalyst_operator.core.record import RunEntry, RunState
from catalyst_operator.core.telling.progress import COMPLETE
from tests.support import gen
from tests.support.gen import NOW, SceneMod, known, of, seen, spec
from tests.unit.core.decide import (
    domains,
    drifts,
    failures,
    hand_offs,
    new_clusters,
    obstacles,
    ownership,
    projects,
    queueing,
    rebuilds,
    repositories,
    resizes,
    runs,
    stops,
    surroundings,
    wishes,
)
from tests.unit.core.decide.table import BIGGER, CANCEL, RETRY, START, Case, conditions_of, first_error, names

CASES = (
    *surroundings.CASES,
    *obstacles.CASES,
    *ownership.CASES,
    *projects.CASES,
    *wishes.CASES,
    *runs.CASES,
    *stops.CASES,
    *failures.CASES,
    *new_clusters.CASES,
    *resizes.CASES,
    *rebuilds.CASES,
    *hand_offs.CASES,
    *domains.CASES,
    *repositories.CASES,
    *drifts.CASES,
    *queueing.CASES,
)


def answering(o: Observation) -> str:
    """The name of the check that answers first."""
    scene = provision.look(o)
    return next(check.__name__ for check in provision.CHECKS if check(scene))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_decision(case: Case) -> None:
    o = gen.observation(*case.given)
    decision = decide(o)
    assert decision.status is not None
    status = decision.status
    ready = next(c for c in status.conditions if c.type == "Ready")
    present = [c.type for c in status.conditions if c.type in ("Reconciling", "Stalled")]

    assert answering(o) == case.check
    assert (ready.reason, ready.status) == (case.reason, case.ready)
    assert present == ([case.summary] if case.summary else [])
    assert [part for part in case.says if part not in ready.message] == [], ready.message
    assert names(decision.actions) == case.does
    assert decision.requeue_after == case.again
    assert case.phase in ("", f"{status.phase} {status.progress_percent}")
    assert status.progress_percent == 100 or status.phase not in COMPLETE
    assert status.last_operation is not None
    assert status.last_operation.state == case.operation
    assert not case.code or first_error(status) == case.code
    assert status.last_errors or "Stalled" not in present, "whoever has to do something is told in data, too"
    assert set(case.shows) <= conditions_of(status), conditions_of(status)
    assert conditions.violations(status.conditions, o.sovereign.metadata.generation) == []
    assert gen.undocumented(status.conditions) == []


def test_every_check_is_in_the_table() -> None:
    assert {case.check for case in CASES} == {check.__name__ for check in provision.CHECKS}


def test_no_row_is_there_twice() -> None:
    assert len({case.why for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if case.goes_on], ids=lambda case: case.why)
def test_what_was_recorded_is_gone_on_from(case: Case) -> None:
    o = gen.observation(*case.given)
    once = decide(o)
    assert answering(gen.after(o, once)) not in (case.check, "")


@pytest.mark.parametrize("case", [case for case in CASES if not case.goes_on], ids=lambda case: case.why)
def test_looking_again_says_the_same(case: Case) -> None:
    """Equal observations give equal decisions, and the status that was written is not written again."""
    o = gen.observation(*case.given)
    once = decide(o)
    assert decide(o) == once
    again = decide(gen.after(o, once))
    assert once.status is not None
    assert again.status is not None
    assert again.status.to_wire() == once.status.to_wire()


# --- what starting a run means ----------------------------------------------------------------------------------------


def test_the_record_is_written_after_the_inputs_and_before_the_job() -> None:
    """A crash after any of them is repaired by repeating; a Job that no record knows could run twice, and secrets that
    no record knows of would lie there for nobody."""
    actions = decide(gen.observation()).actions
    assert [type(a) for a in actions] == [
        TakeTurn,
        PrepareNamespace,
        WriteInputs,
        WriteRecord,
        GiveBootSecrets,
        CreateJob,
    ]
    written, created = actions[3], actions[5]
    assert isinstance(written, WriteRecord)
    assert isinstance(created, CreateJob)
    assert written.record.last == created.run


@pytest.mark.parametrize("dry", [False, True], ids=["a run", "a dry run"])
def test_only_a_run_that_may_start_the_cluster_is_given_its_authorities(dry: bool) -> None:
    """From the first control plane on every server joins, and gets them by joining."""
    wanted = of(gen.spec(dryRun=dry), gen.workers(2))
    assert _given(gen.observation(wanted)) == [GiveBootSecrets(authorities=True)]
    stands = gen.known(gen.succeeded(), made=("control-plane-0",))
    assert _given(gen.observation(wanted, stands)) == [GiveBootSecrets(authorities=False)]
    broken = gen.known(gen.run(RunState.FAILED, finished=gen.NOW - gen.SECOND * 3600), made=("control-plane-0",))
    assert _given(gen.observation(wanted, broken)) == [GiveBootSecrets(authorities=False)]


def _given(o: Observation) -> list[Action]:
    return [action for action in decide(o).actions if isinstance(action, GiveBootSecrets)]


def test_what_a_run_was_given_is_taken_back_once_it_is_over() -> None:
    """Whatever lies in the run namespace a later run could read."""
    there = gen.seen(has_boot_secrets=True)
    take = TakeBootSecrets()
    assert take in decide(gen.observation(gen.known(gen.succeeded()), there)).actions
    assert take in decide(gen.observation(there)).actions, "a crash left it"
    assert take not in decide(gen.observation(gen.known(gen.succeeded()))).actions
    running = gen.run(RunState.RUNNING)
    o = gen.observation(gen.known(running), there, gen.seen(jobs=(gen.job(running),), pods=(gen.pod(running),)))
    assert take not in decide(o).actions


def test_the_finalizer_comes_first() -> None:
    actions = decide(gen.observation(of(gen.meta(finalizers=["someone/else"])))).actions
    assert isinstance(actions[0], AddFinalizer)


def test_attempts_are_counted_on() -> None:
    decision = decide(gen.observation(known(gen.failed(attempt=4, digest=BIGGER))))
    created = decision.actions[-1]
    assert isinstance(created, CreateJob)
    assert created.run.attempt == 5


def test_an_attempt_number_is_never_given_to_two_jobs() -> None:
    """A record restored from an old backup knows fewer attempts than there are Jobs."""
    jobs = (gen.job(gen.run(attempt=7), failed=True),)
    created = decide(gen.observation(known(gen.failed(attempt=4, digest=BIGGER)), seen(jobs=jobs))).actions[-1]
    assert isinstance(created, CreateJob)
    assert created.run.attempt == 8


def test_without_a_namespace_of_ours_nothing_is_touched() -> None:
    decision = decide(gen.observation(seen(namespace=NamespaceView(ours=False))))
    assert decision.actions == ()


def test_jobs_older_than_the_last_three_are_removed() -> None:
    runs = [gen.failed(attempt=n) for n in range(1, 6)]
    decision = decide(gen.observation(known(*runs), seen(jobs=tuple(gen.job(r, failed=True) for r in runs))))
    assert decision.actions == tuple(DeleteJob(run.job) for run in runs[:2])


def test_inputs_of_runs_that_left_the_history_are_removed() -> None:
    old = gen.failed(attempt=1, digest=BIGGER)
    runs = (old, *(gen.failed(attempt=n) for n in range(2, 6)))
    decision = decide(gen.observation(of(RETRY), known(*runs)))
    assert names(decision.actions) == (*START, "DeleteInputs")


def test_a_job_that_nobody_waits_for_is_stopped() -> None:
    """The answer to a create was lost, the spec was edited, and the Job appeared after all: two must not run."""
    given_up = gen.run(RunState.LOST, 1, digest=BIGGER, finished=NOW)
    current = gen.run(attempt=2)
    jobs = (gen.job(given_up), gen.job(current))
    decision = decide(gen.observation(known(given_up, current), seen(jobs=jobs)))
    assert DeleteJob(given_up.job) in decision.actions
    assert DeleteJob(current.job) not in decision.actions


def test_a_job_whose_pod_was_read_before_its_controller_noticed_is_kept_for_its_log() -> None:
    run = gen.succeeded()
    seen_now = seen(jobs=(gen.job(run),), pods=(gen.finished_pod(run, held=False),))
    assert names(decide(gen.observation(known(run), seen_now)).actions) == ()


def created_by(*mods: SceneMod) -> RunEntry:
    """The run that this observation starts."""
    return next(a.run for a in decide(gen.observation(*mods)).actions if isinstance(a, CreateJob))


@pytest.mark.parametrize("orphans", [True, False])
def test_a_run_looks_for_orphans_if_an_earlier_one_may_have_left_some(orphans: bool) -> None:
    interrupted = gen.run(RunState.INTERRUPTED, phases=gen.phases_until("tofu-apply"))
    assert created_by(known(interrupted, orphans=orphans)).adopt is orphans


def test_both_requests_are_answered_by_the_run_that_begins() -> None:
    """Else a cancellation from before it would stop it as soon as it runs."""
    decision = decide(gen.observation(of(CANCEL, RETRY)))
    written = next(a.record for a in decision.actions if isinstance(a, WriteRecord))
    assert written.handled == {ANNOTATION_CANCEL: "now", ANNOTATION_RETRY: "now"}
    assert decision.status is not None
    assert (decision.status.last_handled_cancel_at, decision.status.last_handled_retry_at) == ("now", "now")


def test_a_look_at_the_project_tells_all_that_failed() -> None:
    decision = decide(gen.observation(gen.looked(gen.UNKNOWN_SIZE, gen.IN_THE_WAY)))
    assert decision.status is not None
    assert [e.code for e in decision.status.last_errors] == ["ERR_SIZE_UNKNOWN", "ERR_NAME_CONFLICT"]
    assert [(c.name, c.result) for c in decision.status.preflight] == [
        ("sizes", "Failed"),
        ("names", "Failed"),
        ("git", "Passed"),
    ]


def test_it_is_asked_for_what_would_be_made() -> None:
    """Every server with the sizes that may be tried for it, under the name it would have."""
    ladder = {"size": "cpx22", "sizeFallbacks": ["cpx32"]}
    (ask,) = decide(gen.observation(of(spec(controlPlane=ladder), gen.workers(1)), gen.unlooked)).actions
    assert isinstance(ask, AskPreflight)
    cluster = ask.wanted.cluster_name
    assert ask.wanted.sizes == {f"{cluster}-control-plane-0": ("cpx22", "cpx32"), f"{cluster}-worker-0": ("cpx32",)}


def test_a_saved_state_is_only_put_over_what_was_seen() -> None:
    o = gen.observation(known(gen.failed(), state_serial=7), seen(saved_state=StateView(9)))
    assert decide(o).actions == (RestoreState(StateView(7)), ForgetSavedState())


def test_the_lock_is_taken_from_its_dead_holder_and_nobody_else() -> None:
    o = gen.observation(known(obstacles.LOST), seen(lock=obstacles.LOCK))
    assert decide(o).actions == (ReleaseLock(obstacles.LOCK),)


# --- what a change of the overlay means -------------------------------------------------------------------------------


def test_a_change_that_was_pushed_gets_the_time_of_a_first_install() -> None:
    """The time for the kit ended long ago; without more of it, a component that was just asked for were overdue."""
    o = gen.observation(of(new_clusters.COMMIT), known(gen.succeeded()), new_clusters.GIT, new_clusters.pushed)
    record = next(action.record for action in decide(o).actions if isinstance(action, WriteRecord))
    assert record.bootstrap == replace(gen.READY, watch_since=NOW, installed=False)
    assert record.overlay


@pytest.mark.parametrize("case", [case for case in CASES if case.check == "not_empty"], ids=lambda case: case.why)
def test_a_run_keeps_its_place_while_servers_are_emptied_for_it(case: Case) -> None:
    """Others would take it, and nodes that nothing may be scheduled on would wait for their runs as well."""
    after = gen.after(o := gen.observation(*case.given), decide(o)).sovereign
    assert standing(after, after.status).waiting is not None
