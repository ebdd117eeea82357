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
    FollowLog,
    RemoveFinalizer,
    WriteReceipt,
)
from catalyst_operator.core.attempts import (
    changed_since,
    forgotten_inputs,
    handled,
    has_usable_token,
    next_run,
    retry_at,
    start_actions,
)
from catalyst_operator.core.evidence import gather
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import UNSUCCESSFUL, ErrorEntry, RunEntry, RunState
from catalyst_operator.core.releases import UnknownReleaseError
from catalyst_operator.core.runs import at_work, running_phase, waiting_for
from catalyst_operator.core.scene import LOG_PHASES, SAFETY, Answer, Scene
from catalyst_operator.core.status import Stance, Verdict
from catalyst_operator.core.tfvars import inputs_digest, tfvars
from catalyst_operator.core.words import failure_message, run_words

LOOK_AGAIN = timedelta(seconds=1)
"""How soon to look whether the namespace is gone."""


@dataclass(frozen=True)
class Deletion(Scene):
    """A scene seen from its end."""

    @property
    def last(self) -> RunEntry | None:
        """The latest destroy."""
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
        known = self.record.touched or self.o.state is not None or self.o.sovereign.status.outputs is not None
        return (known or forgotten) and not self.record.destroyed and not self.leaving


def decide(o: Observation) -> Decision:
    """What to do for a Sovereign with a deletionTimestamp."""
    if labels.FINALIZER_SOVEREIGN not in o.sovereign.metadata.finalizers:
        return Decision()
    scene = look(o)
    answer = next(answer for check in CHECKS if (answer := check(scene)))
    record = answer.record or scene.record
    run = scene.evidence.run if answer.record is None else record.last
    gone = any(isinstance(action, RemoveFinalizer) for action in answer.actions)
    return Decision(
        actions=(*scene.evidence.actions, *answer.actions),
        status=None if gone else status.build(o, record, run, answer.verdict),
        requeue_after=answer.requeue_after,
    )


def look(o: Observation) -> Deletion:
    """The scene of an observation."""
    variables = _variables(o)
    return Deletion(o, gather(o), variables, inputs_digest(RunVerb.DESTROY, variables))


def _variables(o: Observation) -> dict[str, Any]:
    """What the module needs to validate. The release only matters to new servers: an unknown one blocks no deletion."""
    try:
        return tfvars(o.sovereign, o.settings)
    except UnknownReleaseError:
        spec = o.sovereign.spec.model_copy(update={"release": None})
        settings = replace(o.settings, default_release=None)
        return tfvars(o.sovereign.model_copy(update={"spec": spec}), settings)


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


def apply_in_progress(scene: Deletion) -> Answer | None:
    """An apply is under way: stop it gracefully, and wait until its state is written."""
    run = scene.evidence.run
    if run is None or run.verb is not RunVerb.APPLY or not run.active:
        return None
    job = scene.o.job(run.job)
    if job is None and scene.o.pod_of(run.job) is None:
        return None
    stop = (DeleteJob(run.job),) if job and not job.terminating else ()
    message = f"Stopping Job {run.job}; what it made so far is written to the state, then destroyed."
    return Answer(_working(Reason.WAITING, message), stop, SAFETY)


def destroy_in_progress(scene: Deletion) -> Answer | None:
    """A destroy is under way: follow it."""
    run = scene.evidence.run
    if run is None or run.verb is not RunVerb.DESTROY or run.state is not RunState.RUNNING:
        return None
    pod, phase = scene.o.pod_of(run.job), running_phase(run)
    trouble = waiting_for(pod) if pod else ""
    verdict = _working(Reason.DESTROYING, f"{run_words(scene.o, run)} {trouble}".rstrip())
    if pod and phase and phase.name in LOG_PHASES and phase.started:
        return Answer(verdict, (FollowLog(pod.name, phase.name),), scene.o.settings.progress_interval)
    return Answer(verdict, requeue_after=SAFETY)


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
    until = retry_at(scene.o, scene.record, run)
    if scene.o.now >= until:
        return None
    verdict = _working(Reason.DESTROY_FAILED, f"{message} Next try at {until:%H:%M:%S} UTC.", errors=run.errors)
    return Answer(verdict, requeue_after=min(until - scene.o.now, scene.o.settings.poll))


def earlier_pod(scene: Deletion) -> Answer | None:
    """Something of an earlier run is still at work: two OpenTofus would fight over the state."""
    pod = next((pod for pod in scene.o.pods if at_work(pod)), None)
    if pod is None:
        return None
    message = f"Pod {pod.name} of an earlier run is still at work; waiting until it has ended."
    return Answer(_working(Reason.WAITING, message), requeue_after=scene.o.settings.poll)


def job_not_created(scene: Deletion) -> Answer | None:
    """A destroy was recorded, but its Job was never made."""
    run = scene.evidence.run
    if run is None or run.state is not RunState.PENDING or run.digest != scene.digest:
        return None
    return Answer(_working(Reason.DESTROYING, f"Job {run.job} is being created."), start_actions(scene, run), SAFETY)


def new_destroy(scene: Deletion) -> Answer:
    """Start a destroy run."""
    run = next_run(scene.o, scene.record, RunVerb.DESTROY, scene.digest)
    record = replace(scene.record.with_new_run(run), handled=handled(scene.o, scene.record))
    actions: tuple[Action, ...] = (
        *start_actions(scene, run, record),
        *forgotten_inputs(scene.record, record),
    )
    return Answer(_working(Reason.DESTROYING, f"Job {run.job} is being created."), actions, SAFETY, record)


CHECKS: tuple[Callable[[Deletion], Answer | None], ...] = (
    protected,
    cleaned_up,
    namespace_leaving,
    apply_in_progress,
    destroy_in_progress,
    namespace_vanished,
    nothing_left,
    no_credentials,
    destroy_failed,
    earlier_pod,
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
