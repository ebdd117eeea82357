"""What is decided for a Sovereign that is being deleted: one table, each case with its reason.

The rule behind all of it: what was made is taken back before the Sovereign may go, and what cannot be taken back keeps
the finalizer and says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import conditions, finalize
from catalyst_operator.core.actions import CreateJob, PrepareNamespace, RemoveFinalizer, WriteReceipt, WriteRecord
from catalyst_operator.core.decide import decide
from catalyst_operator.core.observation import NamespaceView, Observation, StateView
from catalyst_operator.core.record import RunState
from catalyst_operator.core.scene import SAFETY
from tests import gen
from tests.gen import NOW, OUTPUTS, SETTINGS, RawMod, SceneMod, deleting, known, of, seen, spec

POLL = SETTINGS.poll
START = ("PrepareNamespace", "WriteInputs", "WriteRecord", "CreateJob")
ORPHAN = spec(deletionPolicy="Orphan")
MADE = gen.status(runNamespace=gen.SPACE)
ANNOUNCED = gen.status(
    conditions=[
        {
            "type": "Deleting",
            "status": "True",
            "reason": "CleaningUp",
            "message": "said",
            "lastTransitionTime": "2026-11-22T11:59:30Z",
        }
    ]
)
DESTROY = RunVerb.DESTROY


def going(*mods: RawMod) -> SceneMod:
    """A Sovereign that is being deleted."""
    return of(deleting, *mods)


def destroying(state: RunState = RunState.RUNNING, **values: object) -> object:
    """A destroy run, the second attempt."""
    return gen.run(state, 2, DESTROY, generation=2, **values)


APPLIED = gen.succeeded()
RUNNING = gen.run(RunState.RUNNING, 2, DESTROY, generation=2)
DESTROYED = gen.succeeded(2, DESTROY, generation=2, plan=replace(gen.PLAN, add=0, destroy=9))
BROKEN = gen.failed(attempt=2, verb=DESTROY, generation=2)
BROKEN_FOR_GOOD = gen.failed("ERR_TOKEN_INVALID", True, "leftovers", attempt=2, verb=DESTROY, generation=2)
BEFORE = {"touched": True, "state_serial": 7, "outputs": OUTPUTS}
AFTER = {"touched": True, "destroyed": True, "state_serial": 0, "outputs": OUTPUTS}


@dataclass(frozen=True)
class Case:
    """One row: `given` what is seen, this check answers, and says and does this. No reason: the Sovereign goes."""

    why: str
    given: tuple[SceneMod, ...]
    check: str
    deleting: str = ""
    says: tuple[str, ...] = ()
    summary: str = "Reconciling"
    does: tuple[str, ...] = ()
    again: timedelta | None = None
    operation: str = "Processing"


CASES = (
    Case(
        "protection on: a deletion that got past admission destroys nothing, and the message has the command to go on",
        (going(spec(deletionProtection=True)), known(APPLIED)),
        check="protected",
        deleting="ProtectedDeletion",
        says=("spec.deletionProtection is true", "nothing is destroyed", "kubectl -n team-a patch sovereign omantel"),
        summary="Stalled",
        operation="Failed",
    ),
    Case(
        "protection on and a run in progress: it is left to end, since nothing is destroyed",
        (going(spec(deletionProtection=True)), known(gen.run()), seen(jobs=(gen.job(gen.run()),))),
        check="protected",
        deleting="ProtectedDeletion",
        summary="Stalled",
        operation="Failed",
    ),
    Case("nothing was ever made: it goes at once", (going(),), check="cleaned_up", does=("RemoveFinalizer",)),
    Case(
        "a release nobody knows does not keep a Sovereign from going",
        (going(spec(release="no-such-release")),),
        check="cleaned_up",
        does=("RemoveFinalizer",),
    ),
    Case(
        "a foreign namespace of our name is none of our business",
        (going(), seen(namespace=NamespaceView(ours=False))),
        check="cleaned_up",
        does=("RemoveFinalizer",),
    ),
    Case(
        "the namespace is gone as announced: the finalizer is the last thing",
        (going(ANNOUNCED, MADE, gen.status(outputs={"loadBalancerIP": "203.0.113.20"})),),
        check="cleaned_up",
        does=("RemoveFinalizer",),
    ),
    Case(
        "an apply in progress is told to stop; what it made is in the state when it ends",
        (going(), known(gen.run()), seen(jobs=(gen.job(gen.run()),), pods=(gen.pod(gen.run(), "tofu-apply"),))),
        check="apply_in_progress",
        deleting="Waiting",
        says=("Stopping Job apply-", "written to the state"),
        does=("DeleteJob",),
        again=SAFETY,
    ),
    Case(
        "its Job is gone and its Pod still writes its state: waited for, not told again",
        (going(), known(gen.run()), seen(pods=(gen.pod(gen.run(), "tofu-apply", terminating=True),))),
        check="apply_in_progress",
        deleting="Waiting",
        again=SAFETY,
    ),
    Case(
        "a Job that is told to stop already is not told again",
        (going(), known(gen.run()), seen(jobs=(gen.job(gen.run(), terminating=True),))),
        check="apply_in_progress",
        deleting="Waiting",
        again=SAFETY,
    ),
    Case(
        "the stopped apply is recorded and let go, and the destroy begins in the same breath",
        (
            going(),
            known(gen.run()),
            seen(
                pods=(gen.pod(gen.run(), "tofu-apply", gen.ended_container(1), terminating=True),), state=StateView(3)
            ),
        ),
        check="new_destroy",
        deleting="Destroying",
        does=("WriteRecord", "ReleasePod", "ForgetLogs", *START),
        again=SAFETY,
    ),
    Case(
        "deleted between recording an apply and creating its Job: nothing ran, nothing is left",
        (going(), known(gen.run(RunState.PENDING), touched=False)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("Nothing is left in the cloud",),
        again=timedelta(0),
    ),
    Case(
        "an apply that failed in its plan touched nothing: no token is needed to let it go",
        (going(), known(gen.failed(phase="tofu-plan"), touched=False), gen.tokened("wrong")),
        check="nothing_left",
        deleting="CleaningUp",
        again=timedelta(0),
    ),
    Case(
        "a destroy in progress is followed like an apply",
        (
            going(),
            known(APPLIED, RUNNING, **BEFORE),
            seen(jobs=(gen.job(RUNNING),), pods=(gen.pod(RUNNING, "tofu-apply"),)),
        ),
        check="destroy_in_progress",
        deleting="Destroying",
        says=("Destroying: 9 to add",),
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
    ),
    Case(
        "a destroy goes on although suspended: DELETE is a stronger word",
        (going(spec(suspend=True)), known(APPLIED, RUNNING, **BEFORE), seen(jobs=(gen.job(RUNNING),))),
        check="destroy_in_progress",
        deleting="Destroying",
        again=SAFETY,
    ),
    Case(
        "suspended, then deleted: it is destroyed all the same",
        (going(spec(suspend=True)), known(APPLIED)),
        check="new_destroy",
        deleting="Destroying",
        does=START,
        again=SAFETY,
    ),
    Case(
        "the run namespace vanished, and nobody announced that: what is in the cloud is not known any more",
        (going(MADE, gen.status(outputs={"loadBalancerIP": "203.0.113.20"})),),
        check="namespace_vanished",
        deleting="DestroyFailed",
        says=(gen.SPACE, "is gone", f"catalyst.openova.io/sovereign-uid={gen.UID}", "Orphan"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the run namespace vanished while a first apply was running, before any output was known",
        (going(MADE),),
        check="namespace_vanished",
        deleting="DestroyFailed",
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "somebody else deleted the run namespace: its Secrets go, so there is nothing to destroy by",
        (going(MADE), known(APPLIED), seen(namespace=NamespaceView(terminating=True))),
        check="namespace_vanished",
        deleting="DestroyFailed",
        says=("being deleted",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "only the state Secret is gone: OpenTofu would find nothing to destroy and call that success",
        (going(), known(APPLIED), seen(state=None)),
        check="namespace_vanished",
        deleting="DestroyFailed",
        says=("tfstate-default-sovereign",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "record and state are gone, but runs were made: the same",
        (going(MADE), seen(namespace=NamespaceView())),
        check="namespace_vanished",
        deleting="DestroyFailed",
        says=("record",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the record is gone but the state is there: that is enough to destroy by",
        (going(MADE), seen(namespace=NamespaceView(), state=StateView(3))),
        check="new_destroy",
        deleting="Destroying",
        does=START,
        again=SAFETY,
    ),
    Case(
        "the run namespace vanished and the owner accepts that: it goes",
        (going(MADE, ORPHAN),),
        check="namespace_vanished",
        does=("RemoveFinalizer",),
    ),
    Case(
        "the state is gone and the owner accepts that: the rest of the run namespace goes first",
        (going(ORPHAN), known(APPLIED), seen(state=None)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("Left in the cloud",),
        again=timedelta(0),
    ),
    Case(
        "policy Orphan: nothing is destroyed, and that is said before anything is removed",
        (going(ORPHAN), known(APPLIED)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("Left in the cloud as spec.deletionPolicy says",),
        again=timedelta(0),
    ),
    Case(
        "policy Orphan: the receipt tells the owner, then the run namespace goes",
        (going(ORPHAN, ANNOUNCED), known(APPLIED)),
        check="nothing_left",
        deleting="CleaningUp",
        does=("WriteReceipt", "DeleteNamespace"),
        again=finalize.LOOK_AGAIN,
    ),
    Case(
        "destroyed: the removal of the run namespace is announced one step before it is done",
        (going(), known(APPLIED, DESTROYED, **AFTER)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("Nothing is left in the cloud", "removing the run namespace"),
        again=timedelta(0),
    ),
    Case(
        "announced: receipt, then the run namespace",
        (going(ANNOUNCED), known(APPLIED, DESTROYED, **AFTER)),
        check="nothing_left",
        deleting="CleaningUp",
        does=("WriteReceipt", "DeleteNamespace"),
        again=finalize.LOOK_AGAIN,
    ),
    Case(
        "the run namespace is on its way out as announced: looked at again until it is gone",
        (going(ANNOUNCED, MADE), seen(namespace=NamespaceView(terminating=True))),
        check="namespace_leaving",
        deleting="CleaningUp",
        says=("Nothing is left in the cloud", "removing the run namespace"),
        again=finalize.LOOK_AGAIN,
    ),
    Case(
        "somebody deleted the run namespace, then the owner accepted its loss: the record that holds it is let go",
        (going(ANNOUNCED, MADE, ORPHAN), known(APPLIED), seen(namespace=NamespaceView(terminating=True))),
        check="namespace_leaving",
        deleting="CleaningUp",
        says=("Left in the cloud",),
        does=("DeleteNamespace",),
        again=finalize.LOOK_AGAIN,
    ),
    Case(
        "runs go before their namespace: a Pod in its grace period would hold it up for minutes",
        (
            going(ANNOUNCED),
            known(APPLIED, DESTROYED, **AFTER),
            seen(jobs=(gen.job(APPLIED, complete=True), gen.job(DESTROYED, complete=True, terminating=True))),
        ),
        check="nothing_left",
        deleting="CleaningUp",
        does=("DeleteJob",),
        again=finalize.LOOK_AGAIN,
    ),
    Case(
        "nothing was made but the namespace: no receipt for nothing",
        (going(ANNOUNCED), seen(namespace=NamespaceView())),
        check="nothing_left",
        deleting="CleaningUp",
        does=("DeleteNamespace",),
        again=finalize.LOOK_AGAIN,
    ),
    Case(
        "no token anywhere: blocked with a message, never skipped",
        (going(), known(APPLIED), seen(credentials=None, has_token_copy=False)),
        check="no_credentials",
        deleting="CredentialsMissing",
        says=("Secret team-a/hcloud", "is needed to destroy what was made", "does not exist", "Create it again"),
        summary="Stalled",
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "the owner's Secret holds rubbish and there is no copy: the same, told apart",
        (going(), known(APPLIED), gen.tokened("rubbish"), seen(has_token_copy=False)),
        check="no_credentials",
        deleting="CredentialsMissing",
        says=("holds no Hetzner Cloud API token",),
        summary="Stalled",
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "the owner's Secret went first, but the run namespace has the copy of the last run",
        (going(), known(APPLIED), seen(credentials=None)),
        check="new_destroy",
        deleting="Destroying",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a failed destroy is tried again, and the message says when",
        (going(), known(APPLIED, BROKEN, **BEFORE)),
        check="destroy_failed",
        deleting="DestroyFailed",
        says=("ERR_TOFU", "tofu-apply of Job destroy-", "Next try at 12:00:10 UTC"),
        again=POLL,
        operation="Error",
    ),
    Case(
        "a destroy that waiting does not mend: Stalled, with code and remedy, and the finalizer stays",
        (going(), known(APPLIED, BROKEN_FOR_GOOD, **BEFORE)),
        check="destroy_failed",
        deleting="DestroyFailed",
        says=("ERR_TOKEN_INVALID", "Mend it."),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the token was corrected: it goes on by itself",
        (going(), known(APPLIED, BROKEN_FOR_GOOD, **BEFORE), gen.tokened(version="s/2")),
        check="new_destroy",
        deleting="Destroying",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a retry was asked for: it does not wait for the end of its pause",
        (going(gen.annotated(retryRequestedAt="now")), known(APPLIED, BROKEN, **BEFORE)),
        check="new_destroy",
        deleting="Destroying",
        does=START,
        again=SAFETY,
    ),
    Case(
        "an interrupted destroy is tried again too",
        (going(), known(APPLIED, replace(RUNNING, state=RunState.INTERRUPTED, finished=NOW), **BEFORE)),
        check="destroy_failed",
        deleting="DestroyFailed",
        says=("interrupted from outside",),
        again=POLL,
        operation="Error",
    ),
    Case(
        "a Pod of the stopped apply that is still at work: two OpenTofus would fight over the state",
        (
            going(),
            known(gen.run(RunState.LOST), touched=True),
            seen(pods=(gen.pod(gen.run(), "tofu-apply", terminating=True),)),
        ),
        check="earlier_pod",
        deleting="Waiting",
        says=("still at work",),
        again=POLL,
    ),
    Case(
        "a destroy was recorded but its Job never made: it is made now",
        (going(), known(APPLIED, replace(RUNNING, state=RunState.PENDING), **BEFORE)),
        check="job_not_created",
        deleting="Destroying",
        does=("PrepareNamespace", "WriteInputs", "CreateJob"),
        again=SAFETY,
    ),
    Case(
        "deleted while its apply backed off: destroyed at once",
        (going(), known(gen.failed(), touched=True)),
        check="new_destroy",
        deleting="Destroying",
        does=START,
        again=SAFETY,
    ),
    Case(
        "deleted while a plan waited for approval that would have changed what stands: what stands is destroyed",
        (going(), known(APPLIED, gen.run(RunState.AWAITING_APPROVAL, 2, plan=gen.PLAN), **BEFORE)),
        check="new_destroy",
        deleting="Destroying",
        does=START,
        again=SAFETY,
    ),
)


def answering(o: Observation) -> str:
    """The name of the check that answers first."""
    scene = finalize.look(o)
    return next(check.__name__ for check in finalize.CHECKS if check(scene))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_decision(case: Case) -> None:
    o = gen.observation(*case.given)
    decision = decide(o)
    assert answering(o) == case.check
    assert tuple(type(action).__name__ for action in decision.actions) == case.does
    assert decision.requeue_after == case.again
    if not case.deleting:
        assert decision.status is None
        return
    assert decision.status is not None
    status = decision.status
    found = {c.type: c for c in status.conditions}
    assert found["Deleting"].reason == case.deleting
    assert [part for part in case.says if part not in found["Deleting"].message] == [], found["Deleting"].message
    assert [c for c in found if c in ("Reconciling", "Stalled")] == [case.summary]
    assert (status.phase, found["Ready"].status) == ("deleting", "False")
    assert status.last_operation is not None
    assert (status.last_operation.type, status.last_operation.state) == ("Delete", case.operation)
    assert conditions.violations(status.conditions, o.sovereign.metadata.generation) == []
    assert gen.undocumented(status.conditions) == []


def test_every_check_is_in_the_table() -> None:
    assert {case.check for case in CASES} == {check.__name__ for check in finalize.CHECKS}


@pytest.mark.parametrize("case", [c for c in CASES if c.deleting], ids=lambda case: case.why)
def test_looking_again_says_the_same(case: Case) -> None:
    o = gen.observation(*case.given)
    once = decide(o)
    assert decide(o) == once
    again = decide(gen.after(o, once))
    assert once.status is not None
    assert again.status is not None
    assert again.status.to_wire() == once.status.to_wire()


def test_a_sovereign_that_somebody_else_holds_is_left_alone() -> None:
    decision = decide(gen.observation(going(gen.meta(finalizers=["someone/else"]))))
    assert decision.actions == ()
    assert decision.status is None


def test_a_destroy_that_failed_twenty_times_still_keeps_the_finalizer() -> None:
    runs = [gen.failed(attempt=n, verb=DESTROY, generation=2, finished=NOW) for n in range(16, 21)]
    o = gen.observation(going(), known(*runs, **BEFORE))
    decision = decide(o)
    assert not any(isinstance(action, RemoveFinalizer) for action in decision.actions)
    again = decide(replace(o, now=NOW + SETTINGS.retry_cap))
    created = again.actions[-1]
    assert isinstance(created, CreateJob)
    assert created.run.attempt == 21


@pytest.mark.parametrize("check", finalize.CHECKS[1:], ids=lambda check: check.__name__)
def test_the_finalizer_is_only_removed_when_nothing_of_ours_is_left(check: object) -> None:
    """Whatever check answers, a Sovereign whose objects may still exist is not let go under policy Delete."""
    for case in CASES:
        o = gen.observation(*case.given)
        if answering(o) != getattr(check, "__name__", ""):
            continue
        let_go = any(isinstance(action, RemoveFinalizer) for action in decide(o).actions)
        may_exist = finalize.look(o).something_left and o.namespace is not None and o.namespace.ours
        assert not (let_go and may_exist), case.why


def test_a_broken_token_does_not_overwrite_the_copy_that_worked() -> None:
    decision = decide(gen.observation(going(), known(APPLIED), gen.tokened("rubbish")))
    prepared = next(a for a in decision.actions if isinstance(a, PrepareNamespace))
    assert prepared.refresh_token is False


def test_after_a_destroy_the_lower_state_is_no_loss() -> None:
    ended = seen(jobs=(gen.job(RUNNING, complete=True),), pods=(gen.finished_pod(RUNNING),), state=StateView(20))
    decision = decide(gen.observation(going(), known(APPLIED, RUNNING, **BEFORE), ended))
    written = next(a for a in decision.actions if isinstance(a, WriteRecord))
    assert written.record.destroyed
    assert written.record.state_serial == 0


def test_leftovers_are_named_in_the_message() -> None:
    said = '{"left":["servers/42 stray-worker","volumes/7 pvc-1"],"count":12}'
    pod = gen.pod(RUNNING, "leftovers", gen.ended_container(6, said))
    ended = seen(jobs=(gen.job(RUNNING, failed=True),), pods=(pod,))
    status = decide(gen.observation(going(), known(APPLIED, RUNNING, **BEFORE), ended)).status
    assert status is not None
    assert status.last_errors[0].code == "ERR_LEFTOVERS"
    ready = next(c for c in status.conditions if c.type == "Ready")
    assert "servers/42 stray-worker, volumes/7 pvc-1 and 10 more" in ready.message


@pytest.mark.parametrize(("policy", "result"), [((), "destroyed"), ((ORPHAN,), "orphaned")])
def test_the_receipt_says_what_became_of_it(policy: tuple[RawMod, ...], result: str) -> None:
    o = gen.observation(going(ANNOUNCED, *policy), known(APPLIED, DESTROYED, **AFTER))
    receipt = next(a for a in decide(o).actions if isinstance(a, WriteReceipt)).content
    assert (receipt["sovereign"], receipt["uid"], receipt["result"]) == ("team-a/omantel", gen.UID, result)
    assert receipt["removed"] == 9


def test_the_operation_began_with_the_deletion_not_with_the_last_apply() -> None:
    status = decide(gen.observation(going(spec(deletionProtection=True)), known(APPLIED))).status
    assert status is not None
    assert status.last_operation is not None
    assert status.last_operation.start_time == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("phase", "touched"),
    [("tofu-init", False), ("tofu-plan", False), ("plan-gate", False), ("tofu-apply", True), ("tofu-output", True)],
)
def test_only_an_apply_that_was_reached_has_to_be_destroyed(phase: str, touched: bool) -> None:
    run = gen.run()
    ended = seen(jobs=(gen.job(run, failed=True),), pods=(gen.pod(run, phase, gen.ended_container(1, "no")),))
    written = next(
        a for a in decide(gen.observation(known(run, touched=False), ended)).actions if isinstance(a, WriteRecord)
    )
    assert written.record.touched is touched


@pytest.mark.parametrize("state", [RunState.INTERRUPTED, RunState.LOST])
def test_a_run_whose_end_is_not_known_may_have_touched_the_cloud(state: RunState) -> None:
    run = gen.run()
    pod = gen.pod(run, "tofu-plan", gen.ended_container(137), reason="NodeLost")
    ended = seen(pods=(pod,) if state is RunState.INTERRUPTED else ())
    written = next(
        a for a in decide(gen.observation(known(run, touched=False), ended)).actions if isinstance(a, WriteRecord)
    )
    assert written.record.runs[0].state is state
    assert written.record.touched
