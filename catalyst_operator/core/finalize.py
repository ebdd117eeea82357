"""Deciding for a Sovereign that is being deleted: everything that was made is taken back, then it may go (DESIGN §11).

Destroying is never forced and never skipped: what cannot be done keeps the finalizer and says why. Removing the run
namespace is announced in status one step before it is done, so that a namespace that is gone without that
announcement is told from one that this deletion removed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.enums import DeletionPolicy
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core import conditions, diagnosis, naming, status
from catalyst_operator.core.actions import (
    Action,
    Decision,
    DeleteJob,
    DeleteNamespace,
    RemoveFinalizer,
    WriteReceipt,
    WriteRecord,
)
from catalyst_operator.core.attempts import (
    changed_since,
    forgotten_inputs,
    handled,
    has_usable_token,
    next_run,
    retry_at,
    start_actions,
    unanswered,
    with_stop,
)
from catalyst_operator.core.evidence import gather
from catalyst_operator.core.following import following
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.obstacles import ABOUT_STATE, BEFORE_A_RUN, Obstacle, first
from catalyst_operator.core.record import UNSUCCESSFUL, ErrorEntry, Record, RunEntry, RunState, StopCause
from catalyst_operator.core.releases import UnknownReleaseError
from catalyst_operator.core.scene import SAFETY, Answer, Scene
from catalyst_operator.core.status import Stance, Verdict
from catalyst_operator.core.tfvars import inputs_digest, tfvars
from catalyst_operator.core.words import cancelled_words, failure_message, stopping_words

LOOK_AGAIN = timedelta(seconds=1)
"""How soon to look whether the namespace is gone."""


@dataclass(frozen=True)
class Deletion(Scene):
    """A scene seen from its end."""

    @property
    def last(self) -> RunEntry | None:
        """The latest destroy, whatever its inputs were."""
        return self.record.last_of(RunVerb.DESTROY)

    @property
    def announced(self) -> bool:
        """Whether status says that nothing is left but the run namespace."""
        found = conditions.find(self.o.sovereign.status.conditions, ConditionType.DELETING)
        return found is not None and found.reason == Reason.CLEANING_UP.value

    @property
    def orphaned(self) -> bool:
        """Whether the cloud objects are to stay."""
        return self.o.sovereign.spec.deletion_policy is DeletionPolicy.ORPHAN

    @property
    def leaving(self) -> bool:
        """Whether the run namespace goes because this deletion said so; its contents say nothing any more."""
        namespace = self.o.namespace
        return self.announced and namespace is not None and namespace.ours and namespace.terminating

    @property
    def something_left(self) -> bool:
        """Whether cloud objects may exist that nobody destroyed yet. Without a record, any run may have made some."""
        forgotten = self.o.record is None and self.o.runs_were_made
        has_state = self.o.state is not None or self.o.saved_state is not None
        known = self.record.touched or has_state or self.o.sovereign.status.outputs is not None
        return (known or forgotten) and not self.record.destroyed and not self.leaving


def decide(o: Observation) -> Decision:
    """What to do for a Sovereign with a deletionTimestamp."""
    if labels.FINALIZER_SOVEREIGN not in o.sovereign.metadata.finalizers:
        return Decision()
    scene = look(o)
    answer = next(answer for check in CHECKS if (answer := check(scene)))
    record = answer.record or scene.record
    run = answer.run_in_view(scene)
    gone = any(isinstance(action, RemoveFinalizer) for action in answer.actions)
    return Decision(
        actions=(*scene.evidence.actions, *answer.actions),
        status=None if gone else status.build(o, record, run, answer.verdict),
        ended=scene.evidence.ended,
        requeue_after=answer.requeue_after,
    )


def look(o: Observation) -> Deletion:
    """The scene of an observation."""
    evidence = gather(o)
    variables = _variables(o, evidence.record)
    return Deletion(o, evidence, variables, inputs_digest(RunVerb.DESTROY, variables), RunVerb.DESTROY)


def _variables(o: Observation, record: Record) -> dict[str, Any]:
    """What the module needs to validate. The release only matters to new servers: an unknown one blocks no deletion."""
    try:
        return tfvars(o.sovereign, o.settings, record.sizes)
    except UnknownReleaseError:
        spec = o.sovereign.spec.model_copy(update={"release": None})
        settings = replace(o.settings, default_release=None)
        return tfvars(o.sovereign.model_copy(update={"spec": spec}), settings, record.sizes)


def protected(scene: Deletion) -> Answer | None:
    """A deletion that slipped past admission destroys nothing while protection is on."""
    if not scene.o.sovereign.spec.deletion_protection:
        return None
    meta = scene.o.sovereign.metadata
    message = (
        "Deletion was requested while spec.deletionProtection is true: nothing is destroyed. To let it go on: kubectl "
        f'-n {meta.namespace} patch sovereign {meta.name} --type merge -p \'{{"spec":{{"deletionProtection":false}}}}\''
    )
    return Answer(_stalled(Reason.PROTECTED_DELETION, Reason.PROTECTED_DELETION, message))


def cleaned_up(scene: Deletion) -> Answer | None:
    """The run namespace is gone, and it was this deletion that removed it, or there never was one."""
    if scene.o.namespace is not None and scene.o.namespace.ours:
        return None
    if scene.something_left and not scene.announced:
        return None
    verdict = _working(Reason.CLEANING_UP, "Everything is taken back.")
    return Answer(verdict, (RemoveFinalizer(),))


def namespace_leaving(scene: Deletion) -> Answer | None:
    """The run namespace is on its way out, as announced: what is in it vanishes piece by piece and means nothing."""
    if not scene.leaving:
        return None
    # Somebody else may have deleted the namespace first: then the record still holds it.
    release = (DeleteNamespace(),) if scene.o.record is not None else ()
    return Answer(_cleaning_up(scene), release, LOOK_AGAIN)


def namespace_vanished(scene: Deletion) -> Answer | None:
    """Runs were made, but their state is gone: nobody knows what there is to destroy."""
    lost = _lost(scene)
    if not lost:
        return None
    selector = f"{labels.LABEL_SOVEREIGN_UID}={scene.o.uid}"
    message = (
        f"{lost}: there is nothing to destroy by. Remove what is labelled {selector} in the Hetzner project, then set "
        "spec.deletionPolicy to Orphan to let the Sovereign go."
    )
    if scene.orphaned:
        verdict = _working(Reason.ORPHANED, "Left as it is, as spec.deletionPolicy says.")
        gone = scene.o.namespace is None or not scene.o.namespace.ours
        return Answer(verdict, (RemoveFinalizer(),)) if gone else None
    error = diagnosis.entry(diagnosis.STATE_LOST, message)
    return Answer(
        _stalled(Reason.STATE_LOST, Reason.DESTROY_FAILED, message, (error,)),
        requeue_after=scene.o.settings.poll,
    )


def other_in_progress(scene: Deletion) -> Answer | None:
    """A run of another kind is under way: stop it gracefully, and wait until its state is written."""
    run = scene.evidence.run
    if run is None or run.verb is RunVerb.DESTROY or not run.active:
        return None
    job = scene.o.job(run.job)
    if job is None and scene.o.pod_of(run.job) is None:
        return None
    stop = (DeleteJob(run.job),) if job and not job.terminating else ()
    message = f"Stopping Job {run.job}; what it made so far is written to the state, then destroyed."
    return Answer(_working(Reason.WAITING, message), stop, SAFETY)


def destroy_in_progress(scene: Deletion) -> Answer | None:
    """A destroy is under way: follow it, or stop it on request."""
    run = scene.evidence.run
    if run is None or run.verb is not RunVerb.DESTROY or run.state is not RunState.RUNNING:
        return None
    if run.stopping or unanswered(scene.o, scene.record, labels.ANNOTATION_CANCEL):
        return _stop(scene, run)
    message, errors, follow, requeue = following(scene.o, run)
    return Answer(_working(Reason.DESTROYING, message, errors), follow, requeue)


def _stop(scene: Deletion, run: RunEntry) -> Answer:
    job = scene.o.job(run.job)
    tell: tuple[Action, ...] = (DeleteJob(run.job),) if job and not job.terminating else ()
    verdict = _working(Reason.DESTROYING, stopping_words(run, StopCause.REQUESTED))
    if run.stopping:
        return Answer(verdict, tell, SAFETY)
    record = with_stop(scene.o, scene.record, run, StopCause.REQUESTED)
    return Answer(verdict, (WriteRecord(record), *tell), SAFETY, record)


def state_obstacle(scene: Deletion) -> Answer | None:
    """The state, or its key, needs something done about it."""
    return _obstacle(first(ABOUT_STATE, scene.o, scene.record))


def run_obstacle(scene: Deletion) -> Answer | None:
    """Something stands in the way of a run."""
    return _obstacle(first(BEFORE_A_RUN, scene.o, scene.record))


def _obstacle(found: Obstacle | None) -> Answer | None:
    if found is None:
        return None
    if found.reason:
        verdict = _stalled(found.reason, Reason.DESTROY_FAILED, found.message, found.errors)
    else:
        verdict = _working(Reason.WAITING, found.message)
    return Answer(verdict, found.actions, found.requeue_after)


def nothing_left(scene: Deletion) -> Answer | None:
    """Nothing is left in the cloud, or it is to stay: write the receipt and remove the run namespace."""
    if scene.something_left and not scene.orphaned:
        return None
    verdict = _cleaning_up(scene)
    if not scene.announced:
        return Answer(verdict, requeue_after=timedelta(0))
    if scene.o.jobs or scene.o.pods:
        # A Pod in its grace period would hold up the namespace's deletion for minutes: runs go first.
        return Answer(verdict, tuple(DeleteJob(job.name) for job in scene.o.jobs if not job.terminating), LOOK_AGAIN)
    receipt = (WriteReceipt(_receipt(scene)),) if scene.record.touched else ()
    return Answer(verdict, (*receipt, DeleteNamespace()), LOOK_AGAIN)


def no_credentials(scene: Deletion) -> Answer | None:
    """No token to destroy with, neither the owner's nor the copy of the last run."""
    if has_usable_token(scene.o) or scene.o.has_token_copy:
        return None
    name = scene.o.credentials_name
    found = (
        "does not exist" if scene.o.credentials is None else "holds no Hetzner Cloud API token under the key 'token'"
    )
    message = (
        f"Secret {name} {found}, and is needed to destroy what was made. Create it again, with a token of the same "
        "project under the key 'token'."
    )
    return Answer(
        _stalled(Reason.CREDENTIALS_MISSING, Reason.CREDENTIALS_MISSING, message),
        requeue_after=scene.o.settings.poll,
    )


def destroy_failed(scene: Deletion) -> Answer | None:
    """The last destroy failed: again after a while, or when a person changed something."""
    run = scene.last
    if run is None or run.state not in UNSUCCESSFUL or changed_since(scene.o, scene.record, run):
        return None
    message = failure_message(scene.o, run, False)
    if any(error.terminal for error in run.errors):
        verdict = _stalled(Reason.DESTROY_FAILED, Reason.DESTROY_FAILED, message, run.errors)
        return Answer(verdict, requeue_after=scene.o.settings.poll)
    until = retry_at(scene.o, run)
    if scene.o.now >= until:
        return None
    verdict = _working(Reason.DESTROY_FAILED, f"{message} Next try at {until:%H:%M:%S} UTC.", errors=run.errors)
    return Answer(verdict, requeue_after=min(until - scene.o.now, scene.o.settings.poll))


def destroy_cancelled(scene: Deletion) -> Answer | None:
    """The last destroy was stopped on request: the person who asked for it says when it goes on."""
    run = scene.last
    if run is None or run.state is not RunState.CANCELLED or changed_since(scene.o, scene.record, run):
        return None
    return Answer(_stalled(Reason.RUN_CANCELLED, Reason.DESTROY_FAILED, cancelled_words(scene.o, run)))


def job_not_created(scene: Deletion) -> Answer | None:
    """A destroy was recorded, but its Job was never made."""
    run = scene.evidence.run
    if run is None or run.state is not RunState.PENDING or run.digest != scene.digest:
        return None
    verdict = _working(Reason.DESTROYING, f"Job {run.job} is being created.")
    return Answer(verdict, start_actions(scene.o, run, scene.variables), SAFETY)


def new_destroy(scene: Deletion) -> Answer:
    """Start a destroy run."""
    run = next_run(scene.o, scene.record, RunVerb.DESTROY, scene.digest)
    record = replace(scene.record.with_new_run(run), handled=handled(scene.o, scene.record))
    actions: tuple[Action, ...] = (
        *start_actions(scene.o, run, scene.variables, record),
        *forgotten_inputs(scene.record, record),
    )
    return Answer(_working(Reason.DESTROYING, f"Job {run.job} is being created."), actions, SAFETY, record)


CHECKS: tuple[Callable[[Deletion], Answer | None], ...] = (
    protected,
    cleaned_up,
    namespace_leaving,
    other_in_progress,
    destroy_in_progress,
    namespace_vanished,
    nothing_left,
    state_obstacle,
    no_credentials,
    destroy_failed,
    destroy_cancelled,
    run_obstacle,
    job_not_created,
    new_destroy,
)


def _lost(scene: Deletion) -> str:
    """Why there is nothing to destroy by although something may be left; empty if there is."""
    namespace, name = scene.o.namespace, scene.o.run_namespace
    if not scene.something_left:
        return ""
    if namespace is None or not namespace.ours:
        return f"Run namespace {name} is gone, and the OpenTofu state with it"
    if namespace.terminating:
        return f"Run namespace {name} is being deleted, and the OpenTofu state with it"
    if scene.o.saved_state is not None:
        return ""
    if scene.o.state is None and scene.record.state_serial > 0:
        return f"State Secret {name}/{naming.STATE_SECRET} is gone"
    if scene.o.state is None and scene.o.record is None:
        return f"The record {name}/{naming.RECORD} and the OpenTofu state are gone"
    return ""


def _cleaning_up(scene: Deletion) -> Verdict:
    message = "Left in the cloud as spec.deletionPolicy says" if scene.orphaned else "Nothing is left in the cloud"
    return _working(Reason.CLEANING_UP, f"{message}; removing the run namespace.")


def _receipt(scene: Deletion) -> dict[str, Any]:
    meta, run = scene.o.sovereign.metadata, scene.last
    return {
        "sovereign": f"{meta.namespace}/{meta.name}",
        "uid": meta.uid,
        "fqdn": scene.o.sovereign.spec.domain.fqdn,
        "result": "orphaned" if scene.orphaned else "destroyed",
        "removed": run.plan.destroy if run and run.plan else 0,
        "left": [f"everything labelled {labels.LABEL_SOVEREIGN_UID}={meta.uid}"] if scene.orphaned else [],
        "destroyJob": run.job if run else "",
    }


def _working(reason: Reason, message: str, errors: tuple[ErrorEntry, ...] = ()) -> Verdict:
    return Verdict(
        Stance.WORKING,
        Phase.DELETING,
        Reason.DELETING,
        message,
        errors=errors,
        deleting=reason,
    )


def _stalled(reason: Reason, deleting: Reason, message: str, errors: tuple[ErrorEntry, ...] = ()) -> Verdict:
    return Verdict(Stance.STALLED, Phase.DELETING, reason, message, errors=errors, deleting=deleting)
