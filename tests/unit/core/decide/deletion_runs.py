"""The runs of a deletion: the one that is stopped for it, and the destroys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from catalyst_operator.api.labels import ANNOTATION_CANCEL
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.observation import StateView
from catalyst_operator.core.record import RunEntry, RunState, StopCause
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import NOW, SETTINGS, SceneMod, known, seen, spec
from tests.unit.core.decide.deletions import APPLIED, BEFORE, BROKEN, BROKEN_FOR_GOOD, RUNNING, going
from tests.unit.core.decide.table import (
    AT_ONCE,
    CANCEL,
    POLL,
    RECORDED,
    RETRY,
    START_DESTROY,
    Deleted,
    at_work,
    stopped,
)

ENDED = replace(RUNNING, state=RunState.CANCELLED, stopping=StopCause.REQUESTED, finished=NOW)
STOPPING = replace(RUNNING, stopping=StopCause.REQUESTED)
CANCELLING = gen.run(stopping=StopCause.REQUESTED)
PLANNING = gen.run(RunState.RUNNING, 2, RunVerb.PLAN)
STUCK = replace(RUNNING, stopping=StopCause.STUCK)
SUBNET = "hcloud_network_subnet.this"
ADOPTING = replace(RUNNING, adopt=True)
PROTECTED = spec(deletionProtection=True)
LONG_AGO = NOW - timedelta(hours=3)
ANSWERED: dict[str, Any] = {"handled": {ANNOTATION_CANCEL: "now"}}


def stopping(run: RunEntry) -> SceneMod:
    """Its Job and its Pod were told to stop."""
    pod = gen.pod(run, "tofu-apply", deletion=gen.GRACE_ENDS)
    return seen(jobs=(gen.job(run, terminating=True),), pods=(pod,))


CASES = (
    Deleted(
        "an apply in progress is told to stop; what it made is in the state when it ends",
        (going(), known(gen.run()), seen(jobs=(gen.job(gen.run()),), pods=(gen.pod(gen.run(), "tofu-apply"),))),
        check="other_in_progress",
        deleting="Waiting",
        says=("Stopping Job apply-", "written to the state"),
        does=("DeleteJob",),
        again=SAFETY,
    ),
    Deleted(
        "its Job is gone and its Pod still writes its state: waited for, not told again",
        (going(), known(gen.run()), seen(pods=(gen.pod(gen.run(), "tofu-apply", deletion=gen.GRACE_ENDS),))),
        check="other_in_progress",
        deleting="Waiting",
        again=SAFETY,
    ),
    Deleted(
        "a Job that is told to stop already is not told again",
        (going(), known(gen.run()), seen(jobs=(gen.job(gen.run(), terminating=True),))),
        check="other_in_progress",
        deleting="Waiting",
        again=SAFETY,
    ),
    Deleted(
        "the stopped apply is recorded and let go, and the destroy begins in the same breath",
        (
            going(),
            known(gen.run()),
            seen(
                pods=(gen.pod(gen.run(), "tofu-apply", gen.ended_container(1), deletion=gen.GRACE_ENDS),),
                state=StateView(3),
            ),
        ),
        check="new_destroy",
        deleting="Destroying",
        does=(*RECORDED, *START_DESTROY),
        again=SAFETY,
    ),
    Deleted(
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
    Deleted(
        "a destroy says what it waits for, and warns when that takes longer than anything should",
        (
            going(),
            known(APPLIED, RUNNING, **BEFORE),
            at_work(RUNNING, "tofu-apply"),
            gen.creating(SUBNET, 11, action="delete"),
        ),
        check="destroy_in_progress",
        deleting="Destroying",
        says=(f"destroying {SUBNET} for 11m",),
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
        code="ERR_RESOURCE_IN_USE",
    ),
    Deleted(
        "a destroy does not wait for ever: it is stopped, and writes down how far it came",
        (
            going(),
            known(APPLIED, RUNNING, **BEFORE),
            at_work(RUNNING, "tofu-apply"),
            gen.creating(SUBNET, 16, action="delete"),
        ),
        check="destroy_in_progress",
        deleting="Destroying",
        says=(f"is being stopped because {SUBNET} has been in destruction for too long",),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
        code="ERR_RESOURCE_IN_USE",
    ),
    Deleted(
        "what was destroyed long ago is not waited for",
        (
            going(),
            known(APPLIED, RUNNING, **BEFORE),
            at_work(RUNNING, "tofu-apply"),
            gen.creating(SUBNET, 16, "done", action="delete"),
        ),
        check="destroy_in_progress",
        deleting="Destroying",
        does=("FollowLog",),
        again=SETTINGS.progress_interval,
    ),
    Deleted(
        "a destroy that was stopped because it waited for too long has failed, and is tried again by itself",
        (going(), known(APPLIED, STUCK, **BEFORE), stopped(STUCK), gen.creating(SUBNET, 17, action="delete")),
        check="destroy_failed",
        deleting="DestroyFailed",
        says=("ERR_RESOURCE_IN_USE", f"Still not destroyed: {SUBNET}", "next try at"),
        does=RECORDED,
        again=SETTINGS.poll,
        code="ERR_RESOURCE_IN_USE",
        operation="Error",
    ),
    Deleted(
        "a destroy goes on although suspended: DELETE is a stronger word",
        (going(spec(suspend=True)), known(APPLIED, RUNNING, **BEFORE), seen(jobs=(gen.job(RUNNING),))),
        check="destroy_in_progress",
        deleting="Destroying",
        again=SAFETY,
    ),
    Deleted(
        "suspended, then deleted: it is destroyed all the same",
        (going(spec(suspend=True)), known(APPLIED)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "the owner's Secret went first, but the run namespace has the copy of the last run",
        (going(), known(APPLIED), seen(credentials=None)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "a failed destroy is tried again, and the message says when",
        (going(), known(APPLIED, BROKEN, **BEFORE)),
        check="destroy_failed",
        deleting="DestroyFailed",
        says=("ERR_TOFU", "tofu-apply of Job destroy-", "next try at 12:00:10 UTC"),
        again=POLL,
        operation="Error",
    ),
    Deleted(
        "a destroy that waiting does not mend: Stalled, with code and remedy, and the finalizer stays",
        (going(), known(APPLIED, BROKEN_FOR_GOOD, **BEFORE)),
        check="destroy_failed",
        deleting="DestroyFailed",
        says=("ERR_TOKEN_INVALID", "Mend it."),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Deleted(
        "the token was corrected: it goes on by itself",
        (going(), known(APPLIED, BROKEN_FOR_GOOD, **BEFORE), gen.tokened(version="s/2")),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "a retry was asked for: it does not wait for the end of its pause",
        (going(RETRY), known(APPLIED, BROKEN, **BEFORE)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "a destroy that was interrupted twice in a row is tried again too, after a pause",
        (going(), known(APPLIED, replace(RUNNING, tries=2, state=RunState.INTERRUPTED, finished=NOW), **BEFORE)),
        check="destroy_failed",
        deleting="DestroyFailed",
        says=("interrupted from outside",),
        again=POLL,
        operation="Error",
    ),
    Deleted(
        "a destroy was recorded but its Job never made: it is made now",
        (going(), known(APPLIED, replace(RUNNING, state=RunState.PENDING), **BEFORE)),
        check="job_not_created",
        deleting="Destroying",
        does=("TakeTurn", "PrepareNamespace", "WriteInputs", "CreateJob"),
        again=SAFETY,
    ),
    Deleted(
        "deleted while its apply backed off: destroyed at once",
        (going(), known(gen.failed(), touched=True)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "deleted while a plan waited for approval that would have changed what stands: what stands is destroyed",
        (going(), known(APPLIED, gen.run(RunState.AWAITING_APPROVAL, 2, plan=gen.PLAN), **BEFORE)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "the first interruption of a destroy says nothing against going on at once",
        (going(), known(APPLIED, replace(RUNNING, state=RunState.INTERRUPTED, finished=NOW), **BEFORE)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "a dry run in progress is stopped too: two OpenTofus would fight over the state",
        (going(), known(APPLIED, PLANNING, **BEFORE), at_work(PLANNING, "tofu-plan")),
        check="other_in_progress",
        deleting="Waiting",
        says=("Stopping Job plan-",),
        does=("DeleteJob",),
        again=SAFETY,
    ),
    Deleted(
        "an apply that was being cancelled is waited for like any other",
        (going(CANCEL), known(CANCELLING, **ANSWERED), stopping(CANCELLING)),
        check="other_in_progress",
        deleting="Waiting",
        again=SAFETY,
    ),
    Deleted(
        "an apply that was cancelled may have made something: it is destroyed, and nobody has to ask for that",
        (
            going(CANCEL),
            known(replace(CANCELLING, state=RunState.CANCELLED, finished=NOW), touched=True, orphans=True, **ANSWERED),
        ),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "a destroy looks for what a killed apply made",
        (going(), known(APPLIED, ADOPTING, **BEFORE), at_work(ADOPTING, "adopt")),
        check="destroy_in_progress",
        deleting="Destroying",
        says=("Looking for objects of an earlier run",),
        again=SAFETY,
    ),
    Deleted(
        "a project in which something is in the way does not hold up a destroy: nothing is made by it",
        (going(), known(APPLIED), gen.looked(gen.IN_THE_WAY)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "nor does one that nobody has looked at",
        (going(), known(APPLIED), gen.unlooked),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "a destroy is cancelled: recorded, then told to stop",
        (going(CANCEL), known(APPLIED, RUNNING, **BEFORE), at_work(RUNNING, "tofu-apply")),
        check="destroy_in_progress",
        deleting="Destroying",
        says=("Job destroy-", "is being stopped as requested", "OpenTofu writes its state first"),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Deleted(
        "the operator died between recording the stop and telling the Job: it is told now",
        (going(CANCEL), known(APPLIED, STOPPING, **BEFORE, **ANSWERED), at_work(STOPPING, "tofu-apply")),
        check="destroy_in_progress",
        deleting="Destroying",
        says=("is being stopped as requested",),
        does=("DeleteJob",),
        again=SAFETY,
    ),
    Deleted(
        "told once is enough",
        (going(CANCEL), known(APPLIED, STOPPING, **BEFORE, **ANSWERED), stopping(STOPPING)),
        check="destroy_in_progress",
        deleting="Destroying",
        says=("is being stopped as requested",),
        again=SAFETY,
    ),
    Deleted(
        "a cancellation of the apply before is not meant for the destroy",
        (going(CANCEL), known(APPLIED, RUNNING, **BEFORE, **ANSWERED), at_work(RUNNING, "tofu-plan")),
        check="destroy_in_progress",
        deleting="Destroying",
        says=("Planning.",),
        again=SAFETY,
    ),
    Deleted(
        "the cancelled destroy has ended: the finalizer stays, and the message says how to go on",
        (going(CANCEL), known(APPLIED, STOPPING, **BEFORE, **ANSWERED), stopped(STOPPING), seen(state=StateView(9))),
        check="destroy_cancelled",
        deleting="DestroyFailed",
        says=("tofu-apply of Job destroy-", "was stopped on request", "kubectl -n team-a annotate sovereign omantel"),
        summary="Stalled",
        does=RECORDED,
        operation="Failed",
        ready="RunCancelled",
    ),
    Deleted(
        "a cancelled destroy is not taken up again by itself",
        (going(CANCEL), known(APPLIED, ENDED, **BEFORE, **ANSWERED)),
        check="destroy_cancelled",
        deleting="DestroyFailed",
        summary="Stalled",
        operation="Failed",
        ready="RunCancelled",
    ),
    Deleted(
        "a cancelled destroy goes on when asked to",
        (going(CANCEL, RETRY), known(APPLIED, ENDED, **BEFORE, **ANSWERED)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "a cancelled destroy whose objects may stay after all: policy Orphan lets the Sovereign go",
        (going(CANCEL, spec(deletionPolicy="Orphan")), known(APPLIED, ENDED, **BEFORE, **ANSWERED)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("What exists stays",),
        again=AT_ONCE,
    ),
    Deleted(
        "protection was set while a destroy is at work: it is stopped, and what is left stays",
        (going(PROTECTED), known(APPLIED, RUNNING, **BEFORE), at_work(RUNNING, "tofu-apply")),
        check="destroy_in_progress",
        deleting="Destroying",
        says=(f"Job {RUNNING.job} is being stopped",),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Deleted(
        "the destroy that protection stopped has ended",
        (going(PROTECTED), known(APPLIED, ENDED, **BEFORE)),
        check="protected",
        deleting="ProtectedDeletion",
        says=("what is left stays", "deletionProtection"),
        summary="Stalled",
        operation="Failed",
    ),
    Deleted(
        "Orphan was set while a destroy is at work: it is stopped before the rest is left where it is",
        (going(spec(deletionPolicy="Orphan")), known(APPLIED, RUNNING, **BEFORE), at_work(RUNNING, "tofu-plan")),
        check="destroy_in_progress",
        deleting="Destroying",
        says=(f"Job {RUNNING.job} is being stopped",),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    Deleted(
        "a destroy is stopping and its node does not answer: the node is named",
        (going(), known(APPLIED, STOPPING, **BEFORE), seen(pods=(gen.pod(STOPPING, "tofu-apply", deletion=LONG_AGO),))),
        check="destroy_in_progress",
        deleting="Destroying",
        says=("node-1", "out-of-service"),
        again=SAFETY,
    ),
    Deleted(
        "the apply that has to end first is on a node that does not answer: the node is named",
        (going(), known(gen.run()), seen(pods=(gen.pod(gen.run(), "tofu-apply", deletion=LONG_AGO),))),
        check="other_in_progress",
        deleting="Waiting",
        says=("node-1", "out-of-service"),
        again=SAFETY,
    ),
    Deleted(
        "what the nodes were given at their first boot is gone: a destroy makes none",
        (going(), known(APPLIED), seen(has_cluster_secrets=False)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
)
