"""What is decided for a Sovereign that is wanted: one table, each case with its reason.

A case names the check that has to answer, so that the table also proves the order of the checks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from catalyst_operator.api.labels import ANNOTATION_RETRY
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import conditions, provision
from catalyst_operator.core.actions import (
    AddFinalizer,
    CreateJob,
    DeleteJob,
    PrepareNamespace,
    WriteInputs,
    WriteRecord,
)
from catalyst_operator.core.attempts import retry_at
from catalyst_operator.core.decide import decide
from catalyst_operator.core.observation import NamespaceView, Observation, StateView
from catalyst_operator.core.record import RunState
from catalyst_operator.core.scene import SAFETY, Scene
from tests import gen
from tests.gen import NOW, OUTPUTS, SETTINGS, SceneMod, known, of, seen, spec

POLL = SETTINGS.poll
START = ("PrepareNamespace", "WriteInputs", "WriteRecord", "CreateJob")
BIGGER = gen.digest(gen.workers(2))
RETRY = gen.annotated(retryRequestedAt="now")


@dataclass(frozen=True)
class Case:
    """One row: `given` what is seen, this check answers, and says and does this."""

    why: str
    given: tuple[SceneMod, ...]
    check: str
    reason: str
    says: tuple[str, ...] = ()
    summary: str = "Reconciling"
    ready: str = "False"
    does: tuple[str, ...] = ()
    again: timedelta | None = None
    operation: str = "Processing"


CASES = (
    Case(
        "a new Sovereign: everything is prepared and recorded before the Job exists",
        (),
        check="new_run",
        reason="Provisioning",
        says=("Job apply-", "is being created"),
        does=START,
        again=SAFETY,
    ),
    Case(
        "not held yet: the finalizer comes before anything that a deletion would have to take back",
        (of(gen.meta(finalizers=[])),),
        check="new_run",
        reason="Provisioning",
        does=("AddFinalizer", *START),
        again=SAFETY,
    ),
    Case(
        "a namespace of our name that is not ours is never used",
        (seen(namespace=NamespaceView(ours=False)),),
        check="namespace_foreign",
        reason="NameConflict",
        says=(gen.SPACE, "is not this Sovereign's", "Delete it"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "an empty run namespace on its way out is waited for",
        (seen(namespace=NamespaceView(terminating=True)),),
        check="namespace_terminating",
        reason="Progressing",
        says=("being deleted", "waiting until it is gone"),
        again=POLL,
    ),
    Case(
        "a run namespace on its way out with a record in it takes the state along: that is for a person to know",
        (known(gen.succeeded()), seen(namespace=NamespaceView(terminating=True))),
        check="namespace_terminating",
        reason="StateLost",
        says=(f"Run namespace {gen.SPACE} is being deleted", "state", "Delete the Sovereign"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a release that this operator does not know is for the author of the spec",
        (of(spec(release="no-such-release")),),
        check="spec_invalid",
        reason="InvalidSpec",
        says=("no-such-release", "spec.release"),
        summary="Stalled",
        operation="Failed",
    ),
    Case(
        "a run in progress is followed even if the spec became invalid meanwhile",
        (of(spec(release="no-such-release")), known(gen.run()), seen(jobs=(gen.job(gen.run()),))),
        check="run_in_progress",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "a Job without a Pod is one that the Job controller has not seen to yet",
        (known(gen.run()), seen(jobs=(gen.job(gen.run()),))),
        check="run_in_progress",
        reason="Provisioning",
        says=("Waiting for the Pod of Job apply-",),
        again=SAFETY,
    ),
    Case(
        "a recorded run whose Job is seen for the first time: the record learns it",
        (known(gen.run(RunState.PENDING)), seen(jobs=(gen.job(gen.run()),))),
        check="run_in_progress",
        reason="Provisioning",
        does=("WriteRecord",),
        again=SAFETY,
    ),
    Case(
        "a Pod that finds no node says so in the scheduler's words",
        (
            known(gen.run()),
            seen(jobs=(gen.job(gen.run()),), pods=(gen.pod(gen.run(), message="0/1 nodes: Insufficient memory."),)),
        ),
        check="run_in_progress",
        reason="Provisioning",
        says=("Initialising OpenTofu.", "Insufficient memory"),
        again=SAFETY,
    ),
    Case(
        "while tofu-apply runs its log is followed, and the elapsed time told anew every few seconds",
        (known(gen.run()), seen(jobs=(gen.job(gen.run()),), pods=(gen.pod(gen.run(), "tofu-apply"),))),
        check="run_in_progress",
        reason="Provisioning",
        says=("Applying: 9 to add, 0 to change, 0 to destroy",),
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
    ),
    Case(
        "a run of an edited spec is followed to its end: nothing else is started beside it",
        (known(gen.run(digest=BIGGER)), seen(jobs=(gen.job(gen.run(digest=BIGGER)),))),
        check="run_in_progress",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "a run in progress goes on when the Sovereign is suspended",
        (of(spec(suspend=True)), known(gen.run()), seen(jobs=(gen.job(gen.run()),))),
        check="run_in_progress",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "a second run of what stands already: outputs stay, and Ready is Unknown rather than False",
        (
            known(gen.succeeded(1, digest=BIGGER), gen.run(attempt=2), outputs=OUTPUTS),
            seen(jobs=(gen.job(gen.run(attempt=2)),)),
        ),
        check="run_in_progress",
        reason="Progressing",
        ready="Unknown",
        again=SAFETY,
    ),
    Case(
        "a Pod of an earlier run that is still stopping: a second OpenTofu would fight it for the state",
        (
            known(gen.run(RunState.LOST, finished=NOW - timedelta(minutes=5))),
            seen(pods=(gen.pod(gen.run(), "tofu-apply", terminating=True),)),
        ),
        check="earlier_pod",
        reason="Provisioning",
        says=("Pod apply-", "of an earlier run", "has ended"),
        again=POLL,
    ),
    Case(
        "the state Secret of an applied Sovereign is gone: an empty state would create everything twice",
        (known(gen.succeeded()), seen(state=None)),
        check="state_lost",
        reason="StateLost",
        says=(f"{gen.SPACE}/tfstate-default-sovereign is gone", "Restore it from a backup"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a state older than the one that was recorded is a lost one too",
        (known(gen.succeeded()), seen(state=StateView(3))),
        check="state_lost",
        reason="StateLost",
        says=("has serial 3, but 7 was recorded",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the whole run namespace of an applied Sovereign is gone",
        (of(gen.status(outputs={"loadBalancerIP": "203.0.113.20"})),),
        check="state_lost",
        reason="StateLost",
        says=(f"record {gen.SPACE}/record", "is gone"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the run namespace is gone after a first apply that failed half way: its servers must not be made again",
        (of(gen.status(runNamespace=gen.SPACE)),),
        check="state_lost",
        reason="StateLost",
        says=(f"record {gen.SPACE}/record",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a state without a record: attempts, sizes and outputs are forgotten, so nothing is guessed",
        (seen(namespace=NamespaceView(), state=StateView(4)),),
        check="state_lost",
        reason="StateLost",
        says=(f"record {gen.SPACE}/record",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "suspended: nothing is started",
        (of(spec(suspend=True)),),
        check="suspended",
        reason="Suspended",
        says=("spec.suspend", "false"),
        summary="",
        operation="Waiting",
    ),
    Case(
        "suspended comes before a missing Secret: whoever paused it does not want to be asked for anything",
        (of(spec(suspend=True)), seen(credentials=None)),
        check="suspended",
        reason="Suspended",
        summary="",
        operation="Waiting",
    ),
    Case(
        "a dry run spends nothing, whatever else is asked for",
        (of(spec(dryRun=True)),),
        check="dry_run",
        reason="DryRun",
        says=("spec.dryRun", "nothing is created"),
        summary="",
        operation="Waiting",
    ),
    Case(
        "lost state comes before suspend: it is true whether anything is started or not",
        (of(spec(suspend=True)), known(gen.succeeded()), seen(state=None)),
        check="state_lost",
        reason="StateLost",
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "applied as wanted: nothing to do until Flux answers",
        (known(gen.succeeded()),),
        check="converged",
        reason="AwaitingFluxBootstrap",
        says=("203.0.113.20", "Flux"),
        summary="",
        operation="Succeeded",
    ),
    Case(
        "applied as wanted: a Secret that was removed since is nobody's concern",
        (known(gen.succeeded()), seen(credentials=None)),
        check="converged",
        reason="AwaitingFluxBootstrap",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "edited back to what was applied before a failed run: that run may have changed things, so it is applied again",
        (
            known(
                gen.succeeded(1),
                gen.failed(attempt=2, digest=BIGGER),
                applied_digest="",
                outputs=OUTPUTS,
                state_serial=7,
            ),
        ),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "the credential Secret comes a moment after the Sovereign in GitOps: waited for",
        (seen(credentials=None),),
        check="credentials_missing",
        reason="CredentialsMissing",
        says=("Secret team-a/hcloud does not exist", "create it", "key 'token'"),
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "a Secret without the key is told from one that is missing",
        (gen.tokened(None),),
        check="credentials_missing",
        reason="CredentialsMissing",
        says=("Secret team-a/hcloud has no key 'token'",),
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "a token of the wrong length is refused by the provider anyway",
        (gen.tokened("short"),),
        check="credentials_malformed",
        reason="CredentialsInvalid",
        says=("ERR_TOKEN_INVALID", "team-a/hcloud", "has 5 characters", "starts again by itself"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a token with a stray character, though of the right length",
        (gen.tokened("x" * 63 + "!"),),
        check="credentials_malformed",
        reason="CredentialsInvalid",
        says=("other than letters and digits",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a token of 64 letters that no token has: digits of other scripts are not Hetzner's",
        (gen.tokened("٣" * 64),),
        check="credentials_malformed",
        reason="CredentialsInvalid",
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the gate stopped the run: the plan waits for a person",
        (known(gen.run(RunState.AWAITING_APPROVAL, plan=replace(gen.PLAN, why="worker[1] would be destroyed"))),),
        check="awaiting_approval",
        reason="AwaitingApproval",
        says=("d" * 64, "worker[1] would be destroyed", "spec.approvePlan", f"kubectl -n {gen.SPACE} logs job/apply-"),
        summary="Stalled",
        operation="Waiting",
    ),
    Case(
        "approved: a new run carries the digest to the gate",
        (
            of(spec(approvePlan="d" * 64), gen.meta(generation=2)),
            known(gen.run(RunState.AWAITING_APPROVAL, plan=gen.PLAN)),
        ),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "the approval was for another plan: it waits again, and says so",
        (
            of(spec(approvePlan="a" * 64)),
            known(gen.run(RunState.AWAITING_APPROVAL, plan=gen.PLAN, approved="a" * 64)),
        ),
        check="awaiting_approval",
        reason="AwaitingApproval",
        says=("d" * 64,),
        summary="Stalled",
        operation="Waiting",
    ),
    Case(
        "approval switched from Manual to Automatic: nobody need approve any more, so it is planned again",
        (of(gen.meta(generation=2)), known(gen.run(RunState.AWAITING_APPROVAL, plan=gen.PLAN))),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "the operator died between recording a run and creating its Job: it is created now, under the same name",
        (known(gen.run(RunState.PENDING)),),
        check="job_not_created",
        reason="Provisioning",
        does=("PrepareNamespace", "WriteInputs", "CreateJob"),
        again=SAFETY,
    ),
    Case(
        "the spec was edited before the Job of a recorded run was made: that run is given up for a new one",
        (known(gen.run(RunState.PENDING, digest=BIGGER)),),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "an error that waiting does not mend: Stalled, with code and remedy",
        (known(gen.failed("ERR_QUOTA_EXCEEDED", terminal=True)),),
        check="failed_for_good",
        reason="RunFailed",
        says=("ERR_QUOTA_EXCEEDED", "tofu-apply of Job apply-", "it broke", "Mend it."),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a read-only token is told as a matter of credentials",
        (known(gen.failed("ERR_TOKEN_READONLY", terminal=True)),),
        check="failed_for_good",
        reason="CredentialsInvalid",
        says=("ERR_TOKEN_READONLY",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "an error without a code names the log to read",
        (known(gen.failed()),),
        check="backing_off",
        reason="Retrying",
        says=("ERR_TOFU", f"kubectl -n {gen.SPACE} logs job/apply-", "Next try at 12:00:10 UTC"),
        again=POLL,
        operation="Error",
    ),
    Case(
        "the fifth passing failure in a row: now it is a person's turn, and the message says how to go on",
        (known(*(gen.failed("ERR_CAPACITY", attempt=n) for n in range(1, 6))),),
        check="failed_for_good",
        reason="RunFailed",
        says=("ERR_CAPACITY", "5 attempts", "retryRequestedAt"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "five interruptions in a row are bounded too",
        (known(*(gen.run(RunState.INTERRUPTED, n, phases=gen.phases_until("tofu-apply")) for n in range(1, 6))),),
        check="failed_for_good",
        reason="RunFailed",
        says=("interrupted from outside", "5 attempts", "retryRequestedAt"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a retry was asked for after five failures: a full round of attempts begins",
        (of(RETRY), known(*(gen.failed("ERR_CAPACITY", attempt=n) for n in range(1, 6)))),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "the first failure after a retry was asked for is a first failure: it backs off, it does not stall",
        (
            of(RETRY),
            known(
                *(gen.failed("ERR_CAPACITY", attempt=n) for n in range(2, 6)),
                gen.failed("ERR_CAPACITY", attempt=6, retry="now"),
                handled={ANNOTATION_RETRY: "now"},
            ),
        ),
        check="backing_off",
        reason="Retrying",
        again=POLL,
        operation="Error",
    ),
    Case(
        "a retry that was answered already does not fire twice",
        (
            of(RETRY),
            known(gen.failed("ERR_QUOTA_EXCEEDED", True, retry="now"), handled={ANNOTATION_RETRY: "now"}),
        ),
        check="failed_for_good",
        reason="RunFailed",
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the Secret was corrected: it goes on by itself",
        (gen.tokened(version="s/2"), known(gen.failed("ERR_TOKEN_READONLY", terminal=True))),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "any edit after a terminal error is worth another try: the person may have raised the quota",
        (of(gen.meta(generation=2)), known(gen.failed("ERR_QUOTA_EXCEEDED", terminal=True))),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "an eviction is nobody's error: it is tried again, and the kubelet's words are kept",
        (
            known(
                gen.run(
                    RunState.INTERRUPTED,
                    phases=gen.phases_until("tofu-apply"),
                    cause="Evicted: The node was low on resource: memory.",
                )
            ),
        ),
        check="backing_off",
        reason="Retrying",
        says=("interrupted from outside", "low on resource: memory", "Next try at"),
        again=POLL,
        operation="Error",
    ),
    Case(
        "a Job that vanished unread: nothing is assumed, a plan will tell",
        (known(gen.run(RunState.LOST)),),
        check="backing_off",
        reason="Retrying",
        says=("vanished before its end was seen", "starts with a plan"),
        again=POLL,
        operation="Error",
    ),
    Case(
        "the back-off is over",
        (known(gen.failed()), gen.later(timedelta(seconds=11))),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "what failed was of other inputs: the edited spec does not wait for their back-off",
        (known(gen.failed(digest=BIGGER)),),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
)


def scene_of(o: Observation) -> Scene:
    """The scene that the checks see."""
    return provision.look(o)


def answering(o: Observation) -> str:
    """The name of the check that answers first."""
    scene = scene_of(o)
    return next(check.__name__ for check in provision.CHECKS if check(scene))


def names(actions: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(type(action).__name__ for action in actions)


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
    assert status.last_operation is not None
    assert status.last_operation.state == case.operation
    assert conditions.violations(status.conditions, o.sovereign.metadata.generation) == []
    assert gen.undocumented(status.conditions) == []


def test_every_check_is_in_the_table() -> None:
    assert {case.check for case in CASES} == {check.__name__ for check in provision.CHECKS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
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
    """A crash after any of them is repaired by repeating; a Job that no record knows could run twice."""
    actions = decide(gen.observation()).actions
    assert [type(a) for a in actions] == [PrepareNamespace, WriteInputs, WriteRecord, CreateJob]
    written, created = actions[2], actions[3]
    assert isinstance(written, WriteRecord)
    assert isinstance(created, CreateJob)
    assert written.record.last == created.run


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
    assert decide(gen.observation(known(run), seen_now)).actions == ()


# --- retry and back-off -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("failures", "seconds"), [(1, 20), (2, 40), (3, 80), (4, 160)])
def test_the_pause_doubles_from_the_base(failures: int, seconds: int) -> None:
    """Counted from the end of the last failure."""
    o = gen.observation(known(*(gen.failed(attempt=n, finished=NOW) for n in range(1, failures + 1))))
    scene = scene_of(o)
    assert scene.last is not None
    assert retry_at(o, scene.record, scene.last) == NOW + timedelta(seconds=seconds)


def test_the_pause_has_a_cap() -> None:
    settings = replace(SETTINGS, retry_base=timedelta(minutes=4))
    o = gen.observation(known(*(gen.failed(attempt=n, finished=NOW) for n in range(1, 4))), seen(settings=settings))
    scene = scene_of(o)
    assert scene.last is not None
    assert retry_at(o, scene.record, scene.last) == NOW + settings.retry_cap


def test_it_is_looked_at_again_before_the_pause_is_over_since_a_corrected_secret_sends_no_event() -> None:
    decision = decide(gen.observation(known(*(gen.failed(attempt=n, finished=NOW) for n in range(1, 4)))))
    assert decision.requeue_after == POLL


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"generation": 2}, "the spec was edited in between"),
        ({"credentials": "s/2"}, "the Secret was corrected in between"),
        ({"retry": "now"}, "a retry was asked for in between"),
        ({"digest": BIGGER}, "it was of other inputs"),
        ({"state": RunState.SUCCEEDED}, "it did not fail"),
        ({"verb": RunVerb.DESTROY}, "it was another deed"),
    ],
)
def test_failures_are_counted_since_a_person_last_did_something(change: dict[str, object], why: str) -> None:
    first = replace(gen.failed(attempt=1), **change)  # type: ignore[arg-type]
    record = gen.record(first, gen.failed(attempt=2), gen.failed(attempt=3))
    last = record.last
    assert last is not None
    assert record.consecutive_failures(last) == 2, why


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
    assert names(decision.actions) == ("WriteRecord", "ReleasePod", "ForgetLogs")
    written = decision.actions[0]
    assert isinstance(written, WriteRecord)
    assert (written.record.outputs, written.record.state_serial) == (OUTPUTS, 12)
    assert written.record.applied_digest == run.digest
    assert decision.status is not None
    assert all(c.status == "True" for c in decision.status.conditions if c.type.startswith("Tofu"))


def test_a_new_apply_is_not_taken_for_the_old_one_until_it_succeeded() -> None:
    """Else an edit back to the old inputs would call a half-applied change converged."""
    o = gen.observation(of(gen.workers(2)), known(gen.succeeded()))
    written = next(a for a in decide(o).actions if isinstance(a, WriteRecord))
    assert written.record.applied_digest == ""
    assert written.record.outputs == OUTPUTS


def test_success_without_readable_outputs_is_a_failure_not_an_endless_loop() -> None:
    run = gen.run()
    pod = gen.finished_pod(run)
    mute = replace(pod, containers={**pod.containers, "tofu-output": gen.ended_container(0, "{cut")})
    reason, message = decided(known(run), seen(jobs=(gen.job(run, complete=True),), pods=(mute,)))
    assert reason == "Retrying"
    assert "outputs" in message


@pytest.mark.parametrize(
    ("terminating", "reason"),
    [(True, "interrupted from outside"), (False, "ERR_TOFU")],
    ids=["a Pod that was told to stop", "a Pod that failed by itself"],
)
def test_an_error_of_a_pod_that_was_told_to_stop_is_not_the_users(terminating: bool, reason: str) -> None:
    run = gen.run()
    pod = gen.pod(run, "tofu-apply", gen.ended_container(1, "interrupted"), terminating=terminating)
    assert reason in decided(known(run), seen(jobs=(gen.job(run),), pods=(pod,)))[1]


def test_a_refused_plan_is_told_in_the_gates_words_and_not_tried_again() -> None:
    said = '{"digest":"d","add":1,"change":0,"destroy":1,"explanation":"control_plane[0] would be replaced"}'
    run = gen.run()
    pod = gen.pod(run, "plan-gate", gen.ended_container(4, said))
    reason, message = decided(known(run), seen(jobs=(gen.job(run, failed=True),), pods=(pod,)))
    assert reason == "RunFailed"
    assert "control_plane[0] would be replaced" in message


def test_a_failed_phase_leaves_the_later_ones_unreached() -> None:
    run = gen.run()
    pod = gen.pod(run, "tofu-plan", gen.ended_container(1, "no"))
    status = decide(gen.observation(known(run), seen(jobs=(gen.job(run),), pods=(pod,)))).status
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
    run = gen.run()
    pod = gen.pod(run, "tofu-apply", phase="Failed", reason="NodeLost", message="Node node-1 is gone")
    status = decide(gen.observation(known(run), seen(jobs=(gen.job(run, failed=True),), pods=(pod,)))).status
    assert status is not None
    told = {c.type: c.reason for c in status.conditions}
    assert told["TofuApply"] == "Failed"
    assert told["Ready"] == "Retrying"


@pytest.mark.parametrize("phase", ["tofu-init", "tofu-plan", "plan-gate", "tofu-apply", "tofu-output"])
def test_the_phase_in_progress_is_the_phase_shown(phase: str) -> None:
    run = gen.run()
    status = decide(gen.observation(known(run), seen(jobs=(gen.job(run),), pods=(gen.pod(run, phase),)))).status
    assert status is not None
    assert status.phase == ("tofu-plan" if phase == "plan-gate" else phase)


def test_percent_never_falls_from_phase_to_phase() -> None:
    run = gen.run()
    shown = []
    for phase in ("tofu-init", "tofu-plan", "plan-gate", "tofu-apply", "tofu-output"):
        status = decide(gen.observation(known(run), seen(jobs=(gen.job(run),), pods=(gen.pod(run, phase),)))).status
        assert status is not None
        shown.append(status.progress_percent)
    assert shown == sorted(shown)
