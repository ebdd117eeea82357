"""Checks of the runs themselves: the one under way, the last one and what it came to, the next one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import Approval
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core.actions import WriteRecord
from catalyst_operator.core.drift import checking
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.following import following, stop
from catalyst_operator.core.project import sizing
from catalyst_operator.core.provision.servers import drains, rebuilds
from catalyst_operator.core.provision.verdicts import phase_of, reason_of_failure, reason_of_work, stalled, working
from catalyst_operator.core.queue import turn
from catalyst_operator.core.queue.order import RunKind
from catalyst_operator.core.record import PhaseState, Record, RunEntry, RunState, SizeChoice, StopCause
from catalyst_operator.core.runs import own_project, plan_text, rebuild_requests
from catalyst_operator.core.runs.attempts import (
    forgotten_inputs,
    handled,
    next_run,
    start_actions,
    unanswered,
    with_stop,
)
from catalyst_operator.core.runs.locks import unreachable_words
from catalyst_operator.core.runs.reading import still_creating
from catalyst_operator.core.runs.retries import changed_since, retry_at, unresolved_failure
from catalyst_operator.core.runs.tfvars import tfvars
from catalyst_operator.core.scene import SAFETY, Answer, Scene
from catalyst_operator.core.telling.approval import approval_command, approval_words
from catalyst_operator.core.telling.messages import cancelled_words, failure_message, stopping_words
from catalyst_operator.core.tofu.server_names import address_of
from catalyst_operator.core.verdict import Stance, Verdict


def stopping(scene: Scene) -> Answer | None:
    """A run that was told to stop, or has to be: the record says so before the Job is told."""
    run = scene.evidence.run
    if run is None or not run.active or run.verb is RunVerb.DESTROY:
        return None
    if run.drift_check:
        return _overtaken(scene, run)
    cause = _cause_to_stop(scene, run)
    if cause is None:
        return None
    late = still_creating(scene.o.progress, scene.o.now, scene.o.settings.create_limit)
    errors = (diagnosis.slow(late),) if late else ()
    message = unreachable_words(scene.o, run) or stopping_words(run, cause, late)
    verdict = working(phase_of(run), reason_of_work(scene.record), message, errors)
    return stop(scene, run, cause, verdict)


def _overtaken(scene: Scene, run: RunEntry) -> Answer | None:
    """A drift check that is in the way of a run; all others are followed beside what else there is to tell."""
    if not checking.overtaken(scene):
        return None
    message = f"Job {run.job}, a drift check, is being stopped: something else is to be done."
    verdict = working(phase_of(run), reason_of_work(scene.record), unreachable_words(scene.o, run) or message)
    return stop(scene, run, StopCause.SUPERSEDED, verdict)


def run_in_progress(scene: Scene) -> Answer | None:
    """A run is under way that somebody asked for: follow it."""
    run = scene.evidence.run
    if run is None or run.state is not RunState.RUNNING or run.drift_check:
        return None
    message, errors, follow, requeue = following(scene.o, run)
    verdict = working(phase_of(run), reason_of_work(scene.record), f"{message} {run.left_behind}".strip(), errors)
    return Answer(verdict, follow, requeue)


def awaiting_approval(scene: Scene) -> Answer | None:
    """The gate stopped the last run and nobody has approved its plan."""
    run = scene.last
    if run is None or run.state is not RunState.AWAITING_APPROVAL:
        return None
    if changed_since(scene.o, scene.record, run):
        return None
    message, command = approval_words(scene.o, run), approval_command(scene.o, run)
    verdict = Verdict(Stance.STALLED, Phase.AWAITING_APPROVAL, Reason.AWAITING_APPROVAL, message, command=command)
    actions, record = plan_text.publish(scene, run)
    return Answer(verdict, actions, record=record)


def called_off(scene: Scene) -> Answer | None:
    """A cancellation while nothing runs but another try is due: there is none."""
    run = unresolved_failure(scene.o, scene.record, scene.last)
    if run is None or not unanswered(scene.o, scene.record, labels.ANNOTATION_CANCEL):
        return None
    record = with_stop(scene.o, scene.record, run, StopCause.REQUESTED)
    verdict = stalled(Reason.RUN_CANCELLED, cancelled_words(scene.o, run), run.errors)
    return Answer(verdict, (WriteRecord(record),), scene.o.settings.poll, record)


def cancelled(scene: Scene) -> Answer | None:
    """The last run was stopped on request, or its further tries were: the person who asked says when it goes on."""
    run = scene.last
    if run is None or run.stopping is not StopCause.REQUESTED or run.state is RunState.SUCCEEDED or run.active:
        return None
    if changed_since(scene.o, scene.record, run):
        return None
    return Answer(stalled(Reason.RUN_CANCELLED, cancelled_words(scene.o, run), run.errors))


def failed_for_good(scene: Scene) -> Answer | None:
    """The last run failed in a way that trying again does not mend."""
    run = unresolved_failure(scene.o, scene.record, scene.last)
    if run is None:
        return None
    exhausted = run.tries >= scene.o.settings.max_attempts
    if not exhausted and not any(error.terminal for error in run.errors):
        return None
    reason = reason_of_failure(run.errors, Reason.RUN_FAILED)
    verdict = stalled(reason, failure_message(scene.o, run, exhausted), run.errors)
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def backing_off(scene: Scene) -> Answer | None:
    """The last run failed in a way that may pass: wait before the next."""
    run = unresolved_failure(scene.o, scene.record, scene.last)
    if run is None:
        return None
    until = retry_at(scene.o, run)
    if scene.o.now >= until:
        return None
    message = failure_message(scene.o, run, until=until)
    verdict = replace(working(phase_of(run), Reason.RETRYING, message, errors=run.errors), retry_at=until)
    return Answer(verdict, requeue_after=min(until - scene.o.now, scene.o.settings.poll))


def queued(scene: Scene) -> Answer | None:
    """It waits for its turn, and nothing is looked at again before that comes."""
    return awaiting_turn(scene) if turn.kept(scene.o) else None


def awaiting_turn(scene: Scene) -> Answer | None:
    """A run could start, but as many as may be are under way."""
    place = turn.waits(scene.o, RunKind.WANTED)
    if place is None:
        return None
    return Answer(replace(working(Phase.PENDING, Reason.QUEUED, place.message), place=place), (), SAFETY)


def job_not_created(scene: Scene) -> Answer | None:
    """A run was recorded, but the operator died before its Job was there: create it now."""
    run = scene.evidence.run
    if run is None or run.state is not RunState.PENDING or _outdated(scene, run):
        return None
    if not own_project.is_of_token(scene.o, scene.record):
        return None
    if waiting := awaiting_turn(scene):
        return waiting
    return Answer(_starting(run, scene.record), start_actions(scene.o, run, scene.variables), SAFETY)


def new_run(scene: Scene) -> Answer:
    """Start a run: recorded first, then created."""
    sizes, variables = sizes_to_try(scene)
    run = replace(
        next_run(scene.o, scene.record, scene.verb, variables),
        rebuild=rebuild_requests.covered(scene.record, scene.digest) if scene.verb is RunVerb.APPLY else "",
        replaces=rebuilds.is_next(scene),
        emptied=drains.emptied(scene),
        left_behind=drains.left_behind(scene),
    )
    record = replace(
        own_project.bound(scene.o, scene.record.with_new_run(run)),
        handled=handled(scene.o, scene.record),
        sizes=sizes,
        release=_pinned_release(scene, run, variables),
        resize_approved=scene.record.resize_approved if run.resize_approved else "",
        nodes=_nodes(scene),
        rebuild=rebuild_requests.announced(scene.record, run),
        drain=drains.closed(scene),
    )
    actions = (*start_actions(scene.o, run, variables, record), *forgotten_inputs(scene.record, record))
    return Answer(_starting(run, record), actions, SAFETY, record)


def _nodes(scene: Scene) -> dict[str, str]:
    """The nodes before a run, so that one whose server it takes away is known again."""
    view = scene.o.cluster
    found = view.survey.nodes if view and view.survey else None
    return scene.record.nodes if found is None else {node.name: node.uid for node in found if node.uid}


def _pinned_release(scene: Scene, run: RunEntry, variables: dict[str, Any]) -> str:
    """The release is the first apply's from then on: as long as nothing stands, an edit of it is in time."""
    pinned = scene.record.outputs is not None or run.verb is not RunVerb.APPLY
    return scene.record.release if pinned else str(variables["release"]["name"])


def sizes_to_try(scene: Scene) -> tuple[dict[str, SizeChoice], dict[str, Any]]:
    """The sizes of the next run with the variables that follow: where none of a ladder was to be had for a new server,
    from its top. A server that exists keeps what it has."""
    run = scene.last
    failed = diagnosis.addresses_of(codes.CAPACITY, run.errors) if run else set()
    failed -= {address_of(name) for name in scene.record.made}
    sizes = sizing.from_the_top(sizing.servers(scene.o.sovereign.spec), scene.record.sizes, failed)
    if sizes == scene.record.sizes:
        return sizes, scene.variables
    return sizes, tfvars(scene.o.sovereign, scene.o.settings, sizes, scene.record.release, scene.record.made)


def _cause_to_stop(scene: Scene, run: RunEntry) -> StopCause | None:
    """Why a run was told to stop, or has to be: what a person asks for comes before what the operator found."""
    if unanswered(scene.o, scene.record, labels.ANNOTATION_CANCEL):
        return StopCause.REQUESTED
    if run.stopping:
        return run.stopping
    if still_creating(scene.o.progress, scene.o.now, scene.o.settings.create_limit):
        return StopCause.STUCK
    apply = run.phase("tofu-apply")
    begun = apply is not None and apply.state is not PhaseState.WAITING
    return StopCause.SUPERSEDED if not begun and _outdated(scene, run) else None


def _outdated(scene: Scene, run: RunEntry) -> bool:
    """Whether a run that has applied nothing yet was made for something else than what is asked for now."""
    if scene.refusals:
        return False
    spec = scene.o.sovereign.spec
    # What only a first boot reads starts no run of its own, but as long as there are no servers it is still in time.
    unread = scene.record.outputs is None and run.inputs not in ("", scene.inputs)
    unapproved = run.approved != (spec.approve_plan or "") or (spec.approval is Approval.MANUAL and not run.manual)
    for_nobody = run.replaces and rebuild_requests.taken_back(scene.o, scene.record)
    return run.digest != scene.digest or unread or for_nobody or (unapproved and run.verb is RunVerb.APPLY)


def _starting(run: RunEntry, record: Record) -> Verdict:
    message = f"Job {run.job} is being created. {run.left_behind}".strip()
    return working(Phase.TOFU_INIT, reason_of_work(record), message)
