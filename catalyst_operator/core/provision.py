"""Deciding for a Sovereign that is wanted: reads as a checklist, first answer wins.

What has been started is followed to its end before anything new is started; a new run starts only when the inputs
differ from what was applied last and nothing says to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core import diagnosis, naming, status
from catalyst_operator.core.actions import Action, AddFinalizer, Decision, FollowLog
from catalyst_operator.core.attempts import (
    TOKEN_LENGTH,
    changed_since,
    forgotten_inputs,
    handled,
    next_run,
    retry_at,
    start_actions,
    well_formed,
)
from catalyst_operator.core.evidence import gather
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import UNSUCCESSFUL, ErrorEntry, Record, RunEntry, RunState
from catalyst_operator.core.releases import UnknownReleaseError
from catalyst_operator.core.runs import at_work, failed_phase, running_phase, waiting_for
from catalyst_operator.core.scene import LOG_PHASES, SAFETY, Answer, Scene
from catalyst_operator.core.status import Stance, Verdict
from catalyst_operator.core.tfvars import inputs_digest, tfvars
from catalyst_operator.core.words import failure_message, run_words


def decide(o: Observation) -> Decision:
    """What to do for a Sovereign that is not being deleted."""
    scene = look(o)
    answer = next(answer for check in CHECKS if (answer := check(scene)))
    hold = () if labels.FINALIZER_SOVEREIGN in o.sovereign.metadata.finalizers else (AddFinalizer(),)
    record = answer.record or scene.record
    run = scene.evidence.run if answer.record is None else record.last
    return Decision(
        actions=(*hold, *scene.evidence.actions, *answer.actions),
        status=status.build(o, record, run, answer.verdict),
        requeue_after=answer.requeue_after,
    )


def look(o: Observation) -> Scene:
    """The scene of an observation."""
    try:
        variables = tfvars(o.sovereign, o.settings)
    except UnknownReleaseError as error:
        where = "spec.release" if o.sovereign.spec.release else "the operator's setting CATALYST_RELEASE"
        said = str(error)
        return Scene(o, gather(o), {}, "", f"{said[:1].upper()}{said[1:]}. Correct {where}.")
    return Scene(o, gather(o), variables, inputs_digest(RunVerb.APPLY, variables))


# --- the checks, in order ---------------------------------------------------------------------------------------------


def namespace_foreign(scene: Scene) -> Answer | None:
    """Somebody else's namespace has the name of our run namespace."""
    namespace = scene.o.namespace
    if namespace is None or namespace.ours:
        return None
    name = scene.o.run_namespace
    message = f"Namespace {name} exists and is not this Sovereign's. Delete it, or give this Sovereign another name."
    return Answer(_stalled(Reason.NAME_CONFLICT, message), requeue_after=scene.o.settings.poll)


def namespace_terminating(scene: Scene) -> Answer | None:
    """The run namespace is on its way out; nothing can be made in it."""
    if scene.o.namespace is None or not scene.o.namespace.terminating:
        return None
    if scene.o.record is not None:
        name = scene.o.run_namespace
        error = diagnosis.entry(
            diagnosis.STATE_LOST, f"Run namespace {name} is being deleted, and the OpenTofu state in it."
        )
        message = (
            f"{error.message} Save its Secrets if they are still there: nothing is started without them. Delete the "
            "Sovereign to be told what is left in the project."
        )
        return Answer(_stalled(Reason.STATE_LOST, message, (error,)), requeue_after=scene.o.settings.poll)
    message = "The run namespace is being deleted; waiting until it is gone."
    return Answer(_working(Phase.PENDING, Reason.PROGRESSING, message), requeue_after=scene.o.settings.poll)


def run_in_progress(scene: Scene) -> Answer | None:
    """A run is under way: follow it."""
    run = scene.evidence.run
    if run is None or run.state is not RunState.RUNNING:
        return None
    pod = scene.o.pod_of(run.job)
    phase = running_phase(run)
    message = run_words(scene.o, run)
    trouble = waiting_for(pod) if pod else ""
    if trouble:
        message = f"{message} {trouble}"
    follow: tuple[Action, ...] = ()
    requeue = SAFETY
    if pod and phase and phase.name in LOG_PHASES and phase.started:
        follow = (FollowLog(pod.name, phase.name),)
        requeue = scene.o.settings.progress_interval
    verdict = _working(_phase_of(run), _working_reason(scene.record), message)
    return Answer(verdict, follow, requeue)


def state_lost(scene: Scene) -> Answer | None:
    """The state that was recorded is not there any more: OpenTofu would create everything a second time."""
    found, expected = scene.o.state, scene.record.state_serial
    namespace = scene.o.run_namespace
    if scene.o.record is None:
        if not scene.o.runs_were_made:
            return None
        message = f"The record {namespace}/{naming.RECORD}, which tells what was applied, is gone."
    elif expected == 0 or (found is not None and found.serial >= expected):
        return None
    else:
        have = "is gone" if found is None else f"has serial {found.serial}, but {expected} was recorded"
        message = f"State Secret {namespace}/{naming.STATE_SECRET} {have}."
    error = diagnosis.entry(diagnosis.STATE_LOST, message)
    return Answer(
        _stalled(Reason.STATE_LOST, f"{message} {error.remedy}", (error,)),
        requeue_after=scene.o.settings.poll,
    )


def spec_invalid(scene: Scene) -> Answer | None:
    """A spec that admission could not judge and that cannot be carried out."""
    return Answer(_stalled(Reason.INVALID_SPEC, scene.refusal)) if scene.refusal else None


def suspended(scene: Scene) -> Answer | None:
    """spec.suspend: nothing new is started."""
    if not scene.o.sovereign.spec.suspend:
        return None
    phase = Phase.FLUX_BOOTSTRAP if scene.record.outputs else Phase.PENDING
    message = "Suspended: nothing is started until spec.suspend is false."
    return Answer(Verdict(Stance.SETTLED, phase, Reason.SUSPENDED, message))


def dry_run(scene: Scene) -> Answer | None:
    """spec.dryRun: nothing is created, whatever else is asked for."""
    if not scene.o.sovereign.spec.dry_run:
        return None
    phase = Phase.FLUX_BOOTSTRAP if scene.record.outputs else Phase.PENDING
    message = "spec.dryRun is set: nothing is created or changed. Priced in status.cost; a dry plan is not built yet."
    return Answer(Verdict(Stance.SETTLED, phase, Reason.DRY_RUN, message))


def converged(scene: Scene) -> Answer | None:
    """What is wanted was applied."""
    if scene.record.applied_digest != scene.digest or scene.record.outputs is None:
        return None
    message = (
        f"Infrastructure is applied, load balancer {scene.record.outputs.load_balancer_ip}; "
        "waiting for Flux on the new cluster."
    )
    return Answer(Verdict(Stance.SETTLED, Phase.FLUX_BOOTSTRAP, Reason.AWAITING_FLUX_BOOTSTRAP, message))


def credentials_missing(scene: Scene) -> Answer | None:
    """The Secret is not there yet: waited for, since in GitOps it may come a moment later."""
    if scene.o.credentials is not None and scene.o.credentials.token is not None:
        return None
    name = scene.o.credentials_name
    what = f"Secret {name} does not exist" if scene.o.credentials is None else f"Secret {name} has no key 'token'"
    message = (
        f"{what}; create it with a Hetzner Cloud API token under the key 'token'. Looking again every few seconds."
    )
    verdict = _working(Phase.PENDING, Reason.CREDENTIALS_MISSING, message)
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def credentials_malformed(scene: Scene) -> Answer | None:
    """A token that cannot be one."""
    credentials = scene.o.credentials
    token = credentials.token.get_secret_value() if credentials and credentials.token else ""
    if well_formed(token):
        return None
    found = (
        f"has {len(token)} characters"
        if len(token) != TOKEN_LENGTH
        else "holds characters other than letters and digits"
    )
    name = scene.o.credentials_name
    text = f"The token in Secret {name} {found}; a Hetzner Cloud API token has {TOKEN_LENGTH} letters and digits."
    error = diagnosis.entry(diagnosis.TOKEN_INVALID, text)
    verdict = _stalled(Reason.CREDENTIALS_INVALID, f"{error.code}: {text} {error.remedy}", (error,))
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def awaiting_approval(scene: Scene) -> Answer | None:
    """The gate stopped the last run and nobody has approved its plan."""
    run = scene.last
    if run is None or run.state is not RunState.AWAITING_APPROVAL or run.plan is None:
        return None
    if changed_since(scene.o, scene.record, run):
        return None
    why = f", since {run.plan.why}" if run.plan.why else ""
    message = (
        f"Waits for approval{why}: plan {run.plan.digest} ({status.plan_words(run)}). Read it with `kubectl -n "
        f"{scene.o.run_namespace} logs job/{run.job} -c plan-gate`, "
        "then set spec.approvePlan to its digest."
    )
    return Answer(Verdict(Stance.STALLED, Phase.AWAITING_APPROVAL, Reason.AWAITING_APPROVAL, message))


def failed_for_good(scene: Scene) -> Answer | None:
    """The last run failed in a way that trying again does not mend."""
    run = scene.last
    if run is None or run.state not in UNSUCCESSFUL or changed_since(scene.o, scene.record, run):
        return None
    exhausted = scene.record.consecutive_failures(run) >= scene.o.settings.max_attempts
    if not exhausted and not any(error.terminal for error in run.errors):
        return None
    credentials = any(error.code in CREDENTIAL_CODES for error in run.errors)
    reason = Reason.CREDENTIALS_INVALID if credentials else Reason.RUN_FAILED
    verdict = _stalled(reason, failure_message(scene.o, run, exhausted), run.errors)
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def backing_off(scene: Scene) -> Answer | None:
    """The last run failed in a way that may pass: wait before the next."""
    run = scene.last
    if run is None or run.state not in UNSUCCESSFUL or changed_since(scene.o, scene.record, run):
        return None
    until = retry_at(scene.o, scene.record, run)
    if scene.o.now >= until:
        return None
    message = f"{failure_message(scene.o, run, False)} Next try at {until:%H:%M:%S} UTC."
    verdict = _working(_phase_of(run), Reason.RETRYING, message, errors=run.errors)
    return Answer(verdict, requeue_after=min(until - scene.o.now, scene.o.settings.poll))


def earlier_pod(scene: Scene) -> Answer | None:
    """Something of an earlier run is still at work: two OpenTofus would fight over the state."""
    pod = next((pod for pod in scene.o.pods if at_work(pod)), None)
    if pod is None:
        return None
    message = f"Pod {pod.name} of an earlier run is still at work; waiting until it has ended."
    verdict = _working(Phase.PENDING, _working_reason(scene.record), message)
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def job_not_created(scene: Scene) -> Answer | None:
    """A run was recorded, but the operator died before its Job was there: create it now."""
    run = scene.evidence.run
    if run is None or run.state is not RunState.PENDING or run.digest != scene.digest:
        return None
    return Answer(_starting(run, scene.record), start_actions(scene, run), SAFETY)


def new_run(scene: Scene) -> Answer:
    """Start a run: recorded first, then created."""
    run = next_run(scene.o, scene.record, RunVerb.APPLY, scene.digest)
    record = replace(scene.record.with_new_run(run), handled=handled(scene.o, scene.record))
    actions = (*start_actions(scene, run, record), *forgotten_inputs(scene.record, record))
    return Answer(_starting(run, record), actions, SAFETY, record)


CHECKS: tuple[Callable[[Scene], Answer | None], ...] = (
    namespace_foreign,
    namespace_terminating,
    run_in_progress,
    state_lost,
    spec_invalid,
    suspended,
    dry_run,
    converged,
    credentials_missing,
    credentials_malformed,
    awaiting_approval,
    failed_for_good,
    backing_off,
    earlier_pod,
    job_not_created,
    new_run,
)


CREDENTIAL_CODES = frozenset({diagnosis.TOKEN_INVALID.code, diagnosis.TOKEN_READONLY.code})


def _phase_of(run: RunEntry) -> Phase:
    phase = running_phase(run)
    failed = failed_phase(run)
    name = phase.name if phase else failed.name if failed else "tofu-init"
    return {"plan-gate": Phase.TOFU_PLAN}.get(name) or Phase(name)


def _working_reason(record: Record) -> Reason:
    return Reason.PROGRESSING if record.outputs else Reason.PROVISIONING


def _starting(run: RunEntry, record: Record) -> Verdict:
    return _working(Phase.TOFU_INIT, _working_reason(record), f"Job {run.job} is being created.")


def _working(phase: Phase, reason: Reason, message: str, errors: tuple[ErrorEntry, ...] = ()) -> Verdict:
    return Verdict(Stance.WORKING, phase, reason, message, errors=errors)


def _stalled(reason: Reason, message: str, errors: tuple[ErrorEntry, ...] = ()) -> Verdict:
    return Verdict(Stance.STALLED, Phase.FAILED, reason, message, errors=errors)
