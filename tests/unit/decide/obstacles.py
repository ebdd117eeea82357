"""What may stand in the way of a run: a state that was not written, its key, its lock, an earlier Pod, the project."""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.core.observation import LockView, StateView
from catalyst_operator.core.record import RunState
from catalyst_operator.core.scene import SAFETY
from tests import gen
from tests.gen import NOW, SETTINGS, known, of, seen, spec
from tests.unit.decide.table import AT_ONCE, POLL, START, Case, at_work

LOST = gen.run(RunState.LOST, finished=NOW - timedelta(minutes=5))
HOLDER = f"{LOST.job}-abcde"
LOCK = LockView("1234", f"@{HOLDER}", "OperationTypeApply", "2026-11-22T11:50:00")

CASES = (
    Case(
        "a Pod of an earlier run that is still stopping: a second OpenTofu would fight it for the state",
        (
            known(LOST),
            seen(pods=(gen.pod(LOST, "tofu-apply", deletion=gen.GRACE_ENDS),)),
        ),
        check="run_obstacle",
        reason="Provisioning",
        says=("Pod apply-", "of an earlier run", "has ended"),
        again=POLL,
    ),
    Case(
        "that Pod holds the lock, as it should while it works: waited for, and the lock is never taken from it",
        (known(LOST), seen(pods=(gen.pod(LOST, "tofu-apply", deletion=gen.GRACE_ENDS),), lock=LOCK)),
        check="run_obstacle",
        reason="Provisioning",
        says=(f"Pod {HOLDER} holds the lock of the OpenTofu state", "waiting until it has ended"),
        again=POLL,
    ),
    Case(
        "a kill left the state locked, and the Pod is gone: nobody else will release it",
        (known(LOST), seen(lock=LOCK)),
        check="run_obstacle",
        reason="Provisioning",
        says=(f"Pod {HOLDER} left the OpenTofu state locked and has ended", "releasing the lock"),
        does=("ReleaseLock",),
        again=AT_ONCE,
    ),
    Case(
        "the Pod that left the state locked is still to be seen, and has ended",
        (
            known(LOST),
            seen(pods=(gen.pod(LOST, "tofu-apply", gen.ended_container(137), held=False),), lock=LOCK),
        ),
        check="run_obstacle",
        reason="Provisioning",
        says=("releasing the lock",),
        does=("ReleaseLock",),
        again=AT_ONCE,
    ),
    Case(
        "a person holds the lock: it is never taken away, and the message has the command to release it",
        (known(LOST), seen(lock=LockView("1234", "lia@laptop", "OperationTypeApply", "2026-11-22T11:50:00"))),
        check="run_obstacle",
        reason="StateLocked",
        says=("lia@laptop holds the lock", "since 2026-11-22T11:50:00", "never taken away", "tofu force-unlock 1234"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_LOCKED",
    ),
    Case(
        "a lock that does not say whose it is may be anybody's",
        (known(LOST), seen(lock=LockView("1234", ""))),
        check="run_obstacle",
        reason="StateLocked",
        says=("Somebody holds the lock",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a person holds the lock while a Pod of ours ends: what a person has to do is told first",
        (
            known(LOST),
            seen(pods=(gen.pod(LOST, "tofu-apply", deletion=gen.GRACE_ENDS),), lock=LockView("1234", "lia@laptop")),
        ),
        check="run_obstacle",
        reason="StateLocked",
        says=("lia@laptop",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the holder's grace period is just over: kubelets are a little late",
        (
            known(LOST),
            seen(pods=(gen.pod(LOST, "tofu-apply", deletion=NOW - timedelta(seconds=50)),), lock=LOCK),
        ),
        check="run_obstacle",
        reason="Provisioning",
        says=("waiting until it has ended",),
        again=POLL,
    ),
    Case(
        "the holder should have ended long ago, but its node does not say so: it may be cut off and still at work",
        (
            known(LOST),
            seen(pods=(gen.pod(LOST, "tofu-apply", deletion=NOW - timedelta(seconds=70)),), lock=LOCK),
        ),
        check="run_obstacle",
        reason="StateLocked",
        says=(
            f"Pod {HOLDER}",
            "node node-1 does not say so",
            "kubectl taint node node-1 node.kubernetes.io/out-of-service",
        ),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_LOCKED",
    ),
    Case(
        "a recorded run whose Job was never made waits for the lock like any other",
        (known(gen.run(RunState.PENDING)), seen(lock=LOCK)),
        check="run_obstacle",
        reason="Provisioning",
        does=("ReleaseLock",),
        again=AT_ONCE,
    ),
    Case(
        "a lock that was left behind is released when a run is to begin, not during a pause",
        (known(gen.failed()), seen(lock=LOCK)),
        check="backing_off",
        reason="Retrying",
        again=POLL,
        operation="Error",
    ),
    Case(
        "a run under way holds the lock: that is its own",
        (known(gen.run()), at_work(gen.run(), "tofu-apply"), seen(lock=LOCK)),
        check="run_in_progress",
        reason="Provisioning",
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
    ),
    Case(
        "a state that a run could not write is written back before anything else is thought of",
        (known(gen.failed("ERR_STATE_WRITE"), state_serial=7), seen(saved_state=StateView(9))),
        check="state_obstacle",
        reason="Provisioning",
        says=("is being written back",),
        does=("RestoreState", "ForgetSavedState"),
        again=AT_ONCE,
    ),
    Case(
        "the very first state could not be written: there is none to compare with",
        (known(gen.failed("ERR_STATE_WRITE")), seen(saved_state=StateView(2, "l"))),
        check="state_obstacle",
        reason="Provisioning",
        does=("RestoreState", "ForgetSavedState"),
        again=AT_ONCE,
    ),
    Case(
        "the state is gone, but a newer one was saved: it is no loss",
        (known(gen.succeeded()), seen(state=None, saved_state=StateView(9))),
        check="state_obstacle",
        reason="Progressing",
        ready="Unknown",
        does=("RestoreState", "ForgetSavedState"),
        again=AT_ONCE,
    ),
    Case(
        "a saved state no newer than the one in force is of no use any more",
        (known(gen.succeeded()), seen(saved_state=StateView(7))),
        check="state_obstacle",
        reason="Progressing",
        says=("older copy of the state is being removed",),
        ready="Unknown",
        does=("ForgetSavedState",),
        again=AT_ONCE,
    ),
    Case(
        "a saved state of another origin: which of the two is right only a person can tell",
        (known(gen.succeeded()), seen(state=StateView(7, "one"), saved_state=StateView(9, "other"))),
        check="state_obstacle",
        reason="StateUnreadable",
        says=("ERR_STATE_WRITE", f"{gen.SPACE}/errored-state", "of another origin", "remove the other one"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_WRITE",
    ),
    Case(
        "what was saved is written back even while suspended: that starts nothing",
        (of(spec(suspend=True)), known(gen.failed(), state_serial=7), seen(saved_state=StateView(9))),
        check="state_obstacle",
        reason="Provisioning",
        does=("RestoreState", "ForgetSavedState"),
        again=AT_ONCE,
    ),
    Case(
        "a run under way reads the state: nothing is written beneath it",
        (known(gen.run()), at_work(gen.run(), "tofu-plan"), seen(saved_state=StateView(9))),
        check="run_in_progress",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "the key of the state is gone: a new one reads nothing, and everything would be made a second time",
        (known(gen.succeeded()), seen(has_state_key=False)),
        check="state_obstacle",
        reason="StateUnreadable",
        says=("ERR_STATE_KEY", f"{gen.SPACE}/state-key", "is gone", "Restore that Secret from a backup"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_KEY",
    ),
    Case(
        "key and state are gone: the key is told first, since without it the state is of no use",
        (known(gen.succeeded()), seen(has_state_key=False, state=None)),
        check="state_obstacle",
        reason="StateUnreadable",
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_KEY",
    ),
    Case(
        "no key before there was any state: the first run makes one",
        (known(gen.failed(phase="tofu-init")), seen(has_state_key=False), gen.later(timedelta(minutes=1))),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
)
