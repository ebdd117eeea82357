"""The run under way, and the next one: starting it, following it, approving its plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.core import naming
from catalyst_operator.core.observation import ContainerView
from catalyst_operator.core.record import RunState
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import OUTPUTS, SETTINGS, known, of, seen, spec
from tests.unit.core.decide.table import BIGGER, SERVER, START, Case, at_work

IDLE = gen.run(created=gen.NOW - timedelta(minutes=2))

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
        "a run of an edited spec that has begun to apply is followed to its end: nothing else is started beside it",
        (known(gen.run(digest=BIGGER)), at_work(gen.run(digest=BIGGER), "tofu-apply")),
        check="run_in_progress",
        reason="Provisioning",
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
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
        "the operator died between recording a run and creating its Job: it is created now, under the same name",
        (known(gen.run(RunState.PENDING)),),
        check="job_not_created",
        reason="Provisioning",
        does=("TakeTurn", "PrepareNamespace", "WriteInputs", "GiveBootSecrets", "CreateJob"),
        again=SAFETY,
    ),
    Case(
        "the gate stopped the run: the plan waits for a person",
        (known(gen.run(RunState.AWAITING_APPROVAL, plan=replace(gen.PLAN, why="worker[1] would be destroyed"))),),
        check="awaiting_approval",
        reason="AwaitingApproval",
        says=(
            "d" * 64,
            "worker[1] would be destroyed",
            '{"spec":{"approvePlan":"',
            f"kubectl -n team-a get configmap {naming.plan_config_map('omantel', gen.UID)}",
        ),
        summary="Stalled",
        operation="Waiting",
    ),
    Case(
        "a plan that waits for a person is put where that person can read it, once",
        (known(gen.run(RunState.AWAITING_APPROVAL, plan=gen.PLAN), published_plan=""),),
        check="awaiting_approval",
        reason="AwaitingApproval",
        summary="Stalled",
        operation="Waiting",
        does=("PublishPlan", "WriteRecord"),
        code="ERR_APPROVAL_NEEDED",
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
        "a run of an edited spec that reads its outputs is over in a moment: it is not stopped for that",
        (known(gen.run(digest=BIGGER)), at_work(gen.run(digest=BIGGER), "tofu-output")),
        check="run_in_progress",
        reason="Provisioning",
        says=("Reading the outputs.",),
        again=SAFETY,
    ),
    Case(
        "an apply goes on when a dry run is asked for: half of what it does is worse than the whole",
        (of(spec(dryRun=True)), known(gen.run()), at_work(gen.run(), "tofu-apply")),
        check="run_in_progress",
        reason="Provisioning",
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
    ),
    Case(
        "a run after one that was killed looks for what that made",
        (known(gen.run(adopt=True)), at_work(gen.run(adopt=True), "adopt")),
        check="run_in_progress",
        reason="Provisioning",
        says=("Looking for objects of an earlier run",),
        again=SAFETY,
    ),
    Case(
        "a project in which something is wrong since does not disturb a run",
        (known(gen.run()), at_work(gen.run(), "tofu-plan"), gen.looked(gen.IN_THE_WAY)),
        check="run_in_progress",
        reason="Provisioning",
        says=("Planning.",),
        again=SAFETY,
    ),
    Case(
        "a server that takes longer than any should: a warning, and the run goes on",
        (known(gen.run()), at_work(gen.run(), "tofu-apply"), gen.creating(SERVER, minutes=11)),
        check="run_in_progress",
        reason="Provisioning",
        says=(f"0 of 9 done, creating {SERVER} for 11m",),
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
        code="ERR_CAPACITY",
    ),
    Case(
        "ten minutes are normal enough",
        (known(gen.run()), at_work(gen.run(), "tofu-apply"), gen.creating(SERVER, minutes=10)),
        check="run_in_progress",
        reason="Provisioning",
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
    ),
    Case(
        "an image that cannot be pulled is told with its code while the Pod waits",
        (
            known(gen.run()),
            at_work(
                gen.run(), "tofu-init", ContainerView("waiting", reason="ImagePullBackOff", message="no such image")
            ),
        ),
        check="run_in_progress",
        reason="Provisioning",
        says=("ImagePullBackOff: no such image",),
        again=SAFETY,
        code="ERR_IMAGE_PULL",
    ),
    Case(
        "a recorded run whose Job was never made does not wait for another look at the project",
        (known(gen.run(RunState.PENDING)), gen.unlooked),
        check="job_not_created",
        reason="Provisioning",
        does=("TakeTurn", "PrepareNamespace", "WriteInputs", "GiveBootSecrets", "CreateJob"),
        again=SAFETY,
    ),
    Case(
        "the project is looked at before the first run: nothing is spent on what cannot be",
        (gen.unlooked,),
        check="preflight_first",
        reason="Provisioning",
        says=("Checking token, sizes, names and SSH keys",),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "a plan waits for approval, and the gate's message was lost: it still waits, and is not made again and again",
        (known(gen.run(RunState.AWAITING_APPROVAL, plan=None)),),
        check="awaiting_approval",
        reason="AwaitingApproval",
        says=("its digest could not be read", f"kubectl -n {gen.SPACE} logs job/apply-"),
        summary="Stalled",
        operation="Waiting",
    ),
    Case(
        "nothing of a run has started for two minutes: a quota, a webhook, a volume; the events of its Job say which",
        (known(IDLE), seen(jobs=(gen.job(IDLE),))),
        check="run_in_progress",
        reason="Provisioning",
        again=SAFETY,
        code="ERR_RUN_START",
    ),
)
