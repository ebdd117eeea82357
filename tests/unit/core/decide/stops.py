"""A run that is stopped: on request, because the spec was edited, because something is stuck; and what comes after."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from catalyst_operator.api.labels import ANNOTATION_CANCEL, ANNOTATION_RETRY
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.observation import StateView
from catalyst_operator.core.record import RunState, StopCause
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import SETTINGS, known, of, seen, spec
from tests.unit.core.decide.failures import LADDER, ON_THIRD, THIRD
from tests.unit.core.decide.table import BIGGER, CANCEL, POLL, RECORDED, RETRY, SERVER, START, Case, at_work, stopped

PENDING = gen.run(RunState.PENDING)
OTHER = gen.run(digest=BIGGER)
DRY = gen.run(verb=RunVerb.PLAN)
STOPPING = gen.run(stopping=StopCause.REQUESTED)
CANCELLED = gen.run(
    RunState.CANCELLED, stopping=StopCause.REQUESTED, phases=gen.phases_until("tofu-apply"), plan=gen.PLAN
)
SUPERSEDED = gen.run(RunState.CANCELLED, stopping=StopCause.SUPERSEDED, phases=gen.phases_until("tofu-plan"))
STUCK = gen.run(stopping=StopCause.STUCK)
LATE = gen.creating(SERVER, minutes=16)
MANUAL = spec(approval="Manual")
OTHER_GIT = spec(gitops={"url": "https://git.example/other"})
OLD_INPUTS = digest_of(gen.variables())
OF_OLD_GIT = gen.run(inputs=OLD_INPUTS)
SECOND_OF_OLD_GIT = gen.run(attempt=2, inputs=OLD_INPUTS)
APPROVED = gen.run(attempt=2, approved="d" * 64)
STANDS: dict[str, Any] = {"outputs": gen.OUTPUTS, "state_serial": 7}
LONG_AGO = gen.NOW - timedelta(hours=3)

CASES = (
    Case(
        "the spec was edited before the Job of a recorded run was made: that run is given up for a new one",
        (known(gen.run(RunState.PENDING, digest=BIGGER)),),
        check="stopping",
        reason="Provisioning",
        says=("is being stopped because the spec was edited before anything was applied", "planned again"),
        does=("WriteRecord",),
        again=SAFETY,
        goes_on=True,
    ),
    Case(
        "given up before its Job was made, and the record says so: the new one begins",
        (known(gen.run(RunState.PENDING, digest=BIGGER, stopping=StopCause.SUPERSEDED)),),
        check="new_run",
        reason="Provisioning",
        does=("WriteRecord", "ForgetLogs", *START),
        again=SAFETY,
    ),
    Case(
        "cancelled before its Job was made: the record says so first",
        (of(CANCEL), known(PENDING)),
        check="stopping",
        reason="Provisioning",
        says=(f"Job {PENDING.job} is being stopped as requested", "OpenTofu writes its state first"),
        does=("WriteRecord",),
        again=SAFETY,
        goes_on=True,
    ),
    Case(
        "cancelled in mid apply: recorded, then told to stop",
        (of(CANCEL), known(gen.run()), at_work(gen.run(), "tofu-apply")),
        check="stopping",
        reason="Provisioning",
        says=("is being stopped as requested",),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "a dry run can be cancelled too",
        (of(CANCEL, spec(dryRun=True)), known(DRY), at_work(DRY, "tofu-plan")),
        check="stopping",
        reason="Provisioning",
        says=("Job plan-", "as requested"),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "a change of what stands is cancelled: what stood before is told as before",
        (
            of(CANCEL),
            known(gen.succeeded(digest=BIGGER), gen.run(attempt=2), outputs=gen.OUTPUTS),
            at_work(gen.run(attempt=2), "tofu-plan"),
        ),
        check="stopping",
        reason="Progressing",
        ready="Unknown",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "the operator died between recording the stop and telling the Job: it is told now",
        (of(CANCEL), known(STOPPING, handled={ANNOTATION_CANCEL: "now"}), at_work(STOPPING, "tofu-apply")),
        check="stopping",
        reason="Provisioning",
        says=("is being stopped as requested",),
        does=("DeleteJob",),
        again=SAFETY,
    ),
    Case(
        "a Job that was told to stop is not told again",
        (known(STOPPING), seen(jobs=(gen.job(STOPPING, terminating=True),), pods=(gen.pod(STOPPING, "tofu-apply"),))),
        check="stopping",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "its Job is gone and its Pod writes its state: waited for",
        (known(STOPPING), seen(pods=(gen.pod(STOPPING, "tofu-apply", deletion=gen.GRACE_ENDS),))),
        check="stopping",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "a run that was told to stop goes on stopping when the annotation is taken away",
        (known(STOPPING), at_work(STOPPING, "tofu-apply")),
        check="stopping",
        reason="Provisioning",
        does=("DeleteJob",),
        again=SAFETY,
    ),
    Case(
        "a cancellation of an earlier run is not meant for this one",
        (of(CANCEL), known(gen.run(), handled={ANNOTATION_CANCEL: "now"}), at_work(gen.run(), "tofu-plan")),
        check="run_in_progress",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "a cancellation asked for while nothing ran cancels nothing: the next run answers it by beginning",
        (of(CANCEL),),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "the stopped run has ended: it was no failure, and the message says how to go on",
        (of(CANCEL), known(STOPPING, handled={ANNOTATION_CANCEL: "now"}), stopped(STOPPING)),
        check="cancelled",
        reason="RunCancelled",
        says=(
            "tofu-apply of Job apply-",
            "was stopped on request",
            "To go on from there",
            "kubectl -n team-a annotate sovereign omantel --overwrite catalyst.openova.io/retryRequestedAt=",
        ),
        summary="Stalled",
        does=RECORDED,
        operation="Failed",
        shows=("TofuPlan=True Succeeded", "TofuApply=Unknown Cancelled", "TofuOutput=Unknown Cancelled"),
    ),
    Case(
        "cancelled before its Job was made: the same end",
        (
            of(CANCEL),
            known(gen.run(RunState.PENDING, stopping=StopCause.REQUESTED), handled={ANNOTATION_CANCEL: "now"}),
        ),
        check="cancelled",
        reason="RunCancelled",
        says=(f"Job {PENDING.job} was stopped on request",),
        summary="Stalled",
        does=("WriteRecord", "ForgetLogs"),
        operation="Failed",
    ),
    Case(
        "told to stop a moment too late: what is done is done",
        (
            known(STOPPING),
            seen(
                jobs=(gen.job(STOPPING, complete=True),), pods=(gen.finished_pod(STOPPING),), state=StateView(serial=3)
            ),
        ),
        check="converged",
        reason="AwaitingFluxBootstrap",
        does=RECORDED,
        again=gen.SETTINGS.first_seen_timeout,
    ),
    Case(
        "cancelled, and nobody has said anything since: nothing is tried by itself",
        (of(CANCEL), known(CANCELLED, handled={ANNOTATION_CANCEL: "now"})),
        check="cancelled",
        reason="RunCancelled",
        summary="Stalled",
        operation="Failed",
    ),
    Case(
        "cancelled, then a retry is asked for",
        (of(CANCEL, RETRY), known(CANCELLED, handled={ANNOTATION_CANCEL: "now"})),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a retry from before the cancellation is not one after it",
        (
            of(CANCEL, RETRY),
            known(CANCELLED, handled={ANNOTATION_CANCEL: "now", ANNOTATION_RETRY: "now"}),
        ),
        check="cancelled",
        reason="RunCancelled",
        summary="Stalled",
        operation="Failed",
    ),
    Case(
        "cancelled, then edited: an edit is a wish to go on",
        (of(CANCEL, gen.workers(2), gen.meta(generation=2)), known(CANCELLED, handled={ANNOTATION_CANCEL: "now"})),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "cancelled and suspended: suspended is the stronger word",
        (of(CANCEL, spec(suspend=True)), known(CANCELLED, handled={ANNOTATION_CANCEL: "now"})),
        check="suspended",
        reason="Suspended",
        summary="",
        operation="Waiting",
    ),
    Case(
        "the spec was edited while the plan is made: it would be applied for nothing",
        (known(OTHER), at_work(OTHER, "tofu-plan")),
        check="stopping",
        reason="Provisioning",
        says=("because the spec was edited before anything was applied", "planned again"),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "the spec was edited while the gate looks at the plan: the last moment to stop",
        (known(OTHER), at_work(OTHER, "plan-gate")),
        check="stopping",
        reason="Provisioning",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "the spec was edited before the Pod of a run was there",
        (known(OTHER), seen(jobs=(gen.job(OTHER),))),
        check="stopping",
        reason="Provisioning",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "a dry run is asked for while the plan of an apply is made: that apply must not follow",
        (of(spec(dryRun=True)), known(gen.run()), at_work(gen.run(), "tofu-plan")),
        check="stopping",
        reason="Provisioning",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "the dry run is off while its plan is made: the apply makes its own",
        (known(DRY), at_work(DRY, "tofu-plan")),
        check="stopping",
        reason="Provisioning",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "the spec was edited, and a cancellation was asked for: the person's word counts",
        (of(CANCEL), known(OTHER), at_work(OTHER, "tofu-plan")),
        check="stopping",
        reason="Provisioning",
        says=("as requested",),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "the run of the old spec has ended: the new one begins at once, and nothing was a failure",
        (
            known(gen.run(digest=BIGGER, stopping=StopCause.SUPERSEDED)),
            stopped(gen.run(digest=BIGGER), "tofu-plan"),
        ),
        check="new_run",
        reason="Provisioning",
        does=(*RECORDED, *START),
        again=SAFETY,
    ),
    Case(
        "edited back to what was superseded: nobody asked for a halt, so it is planned again",
        (known(SUPERSEDED),),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a server that is still being created after the limit: the run is stopped",
        (known(gen.run()), at_work(gen.run(), "tofu-apply"), LATE),
        check="stopping",
        reason="Provisioning",
        says=(f"is being stopped because {SERVER} has been in creation for too long",),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "at the limit itself it is only warned of",
        (known(gen.run()), at_work(gen.run(), "tofu-apply"), gen.creating(SERVER, minutes=15)),
        check="run_in_progress",
        reason="Provisioning",
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
        code="ERR_CAPACITY",
    ),
    Case(
        "what was created long ago is not in creation",
        (known(gen.run()), at_work(gen.run(), "tofu-apply"), gen.creating(SERVER, 60, "done")),
        check="run_in_progress",
        reason="Provisioning",
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
    ),
    Case(
        "stopped since a server was stuck, and there is another size: on with that one",
        (of(LADDER), known(STUCK), stopped(STUCK), LATE),
        check="preflight_first",
        reason="Provisioning",
        does=(*RECORDED, "AskPreflight"),
        again=SAFETY,
    ),
    Case(
        "stopped since a server was stuck, and there is no other size: told by name, and tried again after a pause",
        (known(STUCK), stopped(STUCK), LATE),
        check="backing_off",
        reason="Retrying",
        says=("ERR_CAPACITY", f"Still not created: {SERVER}", "next try at 12:00:10 UTC"),
        does=RECORDED,
        again=POLL,
        operation="Error",
        code="ERR_CAPACITY",
        shows=("TofuApply=False Failed",),
    ),
    Case(
        "stuck with the last size of the ladder: a pause, then from the top",
        (
            of(LADDER),
            known(gen.run(digest=ON_THIRD, stopping=StopCause.STUCK), sizes=THIRD),
            stopped(gen.run(digest=ON_THIRD)),
            LATE,
        ),
        check="backing_off",
        reason="Retrying",
        does=RECORDED,
        again=POLL,
        operation="Error",
        code="ERR_CAPACITY",
    ),
    Case(
        "a stuck load balancer has no other size",
        (of(LADDER), known(STUCK), stopped(STUCK), gen.creating("hcloud_load_balancer.this", minutes=16)),
        check="backing_off",
        reason="Retrying",
        says=("Still not created: hcloud_load_balancer.this",),
        does=RECORDED,
        again=POLL,
        operation="Error",
        code="ERR_CAPACITY",
    ),
    Case(
        "a value that only a first boot reads was edited before there are servers: they must be given the new one",
        (of(OTHER_GIT), known(OF_OLD_GIT), at_work(OF_OLD_GIT, "tofu-plan")),
        check="stopping",
        reason="Provisioning",
        says=("planned again",),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "the same before its Job was made: it is not made with the old value",
        (of(OTHER_GIT), known(gen.run(RunState.PENDING, inputs=OLD_INPUTS))),
        check="stopping",
        reason="Provisioning",
        does=("WriteRecord",),
        again=SAFETY,
        goes_on=True,
    ),
    Case(
        "the same once servers exist: their first boot is over, and the plan is the same",
        (of(OTHER_GIT), known(gen.succeeded(digest=BIGGER), SECOND_OF_OLD_GIT, **STANDS), at_work(SECOND_OF_OLD_GIT)),
        check="run_in_progress",
        reason="Progressing",
        ready="Unknown",
        again=SAFETY,
    ),
    Case(
        "what was applied differs from the spec in what a first boot read: there is nothing to do",
        (of(OTHER_GIT), known(gen.succeeded(inputs=OLD_INPUTS))),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "an approval was taken back while it is planned again: what it allowed must not be done",
        (known(gen.succeeded(digest=BIGGER), APPROVED, **STANDS), at_work(APPROVED, "tofu-plan")),
        check="stopping",
        reason="Progressing",
        ready="Unknown",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "the approval that it was made with still stands",
        (
            of(spec(approvePlan="d" * 64)),
            known(gen.succeeded(digest=BIGGER), APPROVED, **STANDS),
            at_work(APPROVED, "tofu-plan"),
        ),
        check="run_in_progress",
        reason="Progressing",
        ready="Unknown",
        again=SAFETY,
    ),
    Case(
        "an approval taken back when its apply has begun comes too late: half of it is worse than the whole",
        (known(gen.succeeded(digest=BIGGER), APPROVED, **STANDS), at_work(APPROVED, "tofu-apply")),
        check="run_in_progress",
        reason="Progressing",
        ready="Unknown",
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
    ),
    Case(
        "approval became Manual while the gate looks at a plan that it would let pass",
        (of(MANUAL), known(gen.run()), at_work(gen.run(), "plan-gate")),
        check="stopping",
        reason="Provisioning",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Case(
        "a run that was made under Manual has a gate that asks",
        (of(MANUAL), known(gen.run(manual=True)), at_work(gen.run(manual=True), "plan-gate")),
        check="run_in_progress",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "a dry run applies nothing, whatever is approved",
        (of(MANUAL, spec(dryRun=True)), known(DRY), at_work(DRY, "tofu-plan")),
        check="run_in_progress",
        reason="Provisioning",
        again=SAFETY,
    ),
    Case(
        "a cancellation while another try is due: there is none, and the request is answered",
        (of(CANCEL), known(gen.failed())),
        check="called_off",
        reason="RunCancelled",
        says=("failed and is not tried again, as requested", "retryRequestedAt="),
        summary="Stalled",
        does=("WriteRecord",),
        again=POLL,
        operation="Failed",
        goes_on=True,
    ),
    Case(
        "a try that was called off, then asked for: the later word counts",
        (of(CANCEL, RETRY), known(gen.failed())),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "an apply is stopping and its node does not answer: the node is named, with what to tell the cluster",
        (known(STOPPING), seen(pods=(gen.pod(STOPPING, "tofu-apply", deletion=LONG_AGO),))),
        check="stopping",
        reason="Provisioning",
        says=("node-1", "out-of-service"),
        again=SAFETY,
    ),
)
