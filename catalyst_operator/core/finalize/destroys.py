"""Checks of the destroy runs: what has to end before one starts, the one under way, the last one, the next one."""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.actions import Action
from catalyst_operator.core.errors import diagnosis
from catalyst_operator.core.finalize.deletion import Deletion, stalled, working
from catalyst_operator.core.following import following, stop, tell_to_stop
from catalyst_operator.core.queue import turn
from catalyst_operator.core.queue.order import RunKind
from catalyst_operator.core.record import RunEntry, RunState, StopCause
from catalyst_operator.core.runs import own_project
from catalyst_operator.core.runs.attempts import (
    forgotten_inputs,
    handled,
    has_usable_token,
    next_run,
    start_actions,
    unanswered,
)
from catalyst_operator.core.runs.locks import unreachable_words
from catalyst_operator.core.runs.obstacles import ABOUT_STATE, BEFORE_A_DESTROY, Obstacle, first
from catalyst_operator.core.runs.reading import still_at_work
from catalyst_operator.core.runs.retries import changed_since, retry_at, unresolved_failure
from catalyst_operator.core.scene import SAFETY, Answer
from catalyst_operator.core.telling.messages import cancelled_words, failure_message, stopping_words


def other_in_progress(scene: Deletion) -> Answer | None:
    """A run of another kind is under way: stop it gracefully, and wait until its state is written."""
    run = scene.evidence.run
    if run is None or run.verb is RunVerb.DESTROY or not run.active:
        return None
    if scene.o.job(run.job) is None and scene.o.pod_of(run.job) is None:
        return None
    stopping = f"Stopping Job {run.job}; what it made so far is written to the state, then destroyed."
    message = unreachable_words(scene.o, run) or stopping
    return Answer(working(Reason.WAITING, message), tell_to_stop(scene.o, run), SAFETY)


def destroy_in_progress(scene: Deletion) -> Answer | None:
    """A destroy is under way: follow it, or stop it: on request, or since it waits for something that does not go."""
    run = scene.evidence.run
    if run is None or run.verb is not RunVerb.DESTROY or run.state is not RunState.RUNNING:
        return None
    late = still_at_work(run.verb, scene.o.progress, scene.o.now, scene.o.settings.create_limit)
    if cause := _cause_to_stop(scene, run, late):
        waited = (diagnosis.stuck(late, run.verb),) if late else ()
        stopping = unreachable_words(scene.o, run) or stopping_words(run, cause, late)
        return stop(scene, run, cause, working(Reason.DESTROYING, stopping, waited))
    message, errors, follow, requeue = following(scene.o, run)
    return Answer(working(Reason.DESTROYING, message, errors), follow, requeue)


def _cause_to_stop(scene: Deletion, run: RunEntry, late: tuple[str, ...]) -> StopCause | None:
    """Why a destroy was told to stop, or has to be: what a person asks for comes first."""
    unwanted = scene.o.sovereign.spec.deletion_protection or scene.orphaned
    if unwanted or unanswered(scene.o, scene.record, labels.ANNOTATION_CANCEL):
        return StopCause.REQUESTED
    return run.stopping or (StopCause.STUCK if late else None)


def state_obstacle(scene: Deletion) -> Answer | None:
    """The state, or its key, needs something done about it."""
    return told(scene, first(ABOUT_STATE, scene.o, scene.record))


def run_obstacle(scene: Deletion) -> Answer | None:
    """Something stands in the way of a run."""
    return told(scene, first(BEFORE_A_DESTROY, scene.o, scene.record))


def told(scene: Deletion, found: Obstacle | None) -> Answer | None:
    """An obstacle in the words of a deletion."""
    if found is None:
        return None
    if found.reason:
        deleting = found.reason if found.reason in _TOLD_AS_THEY_ARE else Reason.DESTROY_FAILED
        verdict = stalled(found.reason, deleting, found.message, found.errors)
    else:
        place = turn.kept(scene.o) if found.looking else None
        waiting = working(Reason.WAITING, found.message, found.errors)
        verdict = replace(waiting, retry_at=found.retry_at, place=place)
    return Answer(verdict, found.actions, found.requeue_after)


_TOLD_AS_THEY_ARE = frozenset({Reason.LEFTOVERS, Reason.PROJECT_MISMATCH})
"""Reasons for which nothing was begun, let alone failed."""


def no_credentials(scene: Deletion) -> Answer | None:
    """No token to destroy with: neither the owner's, nor a copy of the last run's or an administrator's."""
    if has_usable_token(scene.o) or scene.o.has_token_copy:
        return None
    name = scene.o.credentials_name
    found = (
        "does not exist" if scene.o.credentials is None else "holds no Hetzner Cloud API token under the key 'token'"
    )
    message = (
        f"Secret {name} {found}, and is needed to destroy what was made. Create it again, with a token of the same "
        "project under the key 'token'. Where that cannot be, an administrator puts one into Secret "
        f"{scene.o.run_namespace}/{naming.TOKEN_SECRET}."
    )
    return Answer(
        stalled(Reason.CREDENTIALS_MISSING, Reason.CREDENTIALS_MISSING, message),
        requeue_after=scene.o.settings.poll,
    )


def destroy_failed(scene: Deletion) -> Answer | None:
    """The last destroy failed: again after a while, or when a person changed something."""
    run = unresolved_failure(scene.o, scene.record, scene.last)
    if run is None:
        return None
    if any(error.terminal for error in run.errors):
        verdict = stalled(Reason.DESTROY_FAILED, Reason.DESTROY_FAILED, failure_message(scene.o, run), run.errors)
        return Answer(verdict, requeue_after=scene.o.settings.poll)
    until = retry_at(scene.o, run)
    if scene.o.now >= until:
        return None
    words = failure_message(scene.o, run, until=until)
    verdict = replace(working(Reason.DESTROY_FAILED, words, errors=run.errors), retry_at=until)
    return Answer(verdict, requeue_after=min(until - scene.o.now, scene.o.settings.poll))


def destroy_cancelled(scene: Deletion) -> Answer | None:
    """The last destroy was stopped on request: the person who asked for it says when it goes on."""
    run = scene.last
    if run is None or run.state is not RunState.CANCELLED or changed_since(scene.o, scene.record, run):
        return None
    return Answer(stalled(Reason.RUN_CANCELLED, Reason.DESTROY_FAILED, cancelled_words(scene.o, run)))


def queued(scene: Deletion) -> Answer | None:
    """It waits for its turn, and nothing is looked at again before that comes."""
    return awaiting_turn(scene) if turn.kept(scene.o) else None


def awaiting_turn(scene: Deletion) -> Answer | None:
    """A destroy could start, but as many runs as may be are under way."""
    place = turn.waits(scene.o, RunKind.DESTROY)
    return Answer(replace(working(Reason.QUEUED, place.message), place=place), (), SAFETY) if place else None


def job_not_created(scene: Deletion) -> Answer | None:
    """A destroy was recorded, but its Job was never made."""
    run = scene.evidence.run
    if run is None or run.state is not RunState.PENDING or run.digest != scene.digest:
        return None
    if waiting := awaiting_turn(scene):
        return waiting
    verdict = working(Reason.DESTROYING, f"Job {run.job} is being created.")
    return Answer(verdict, start_actions(scene.o, run, scene.variables), SAFETY)


def new_destroy(scene: Deletion) -> Answer:
    """Start a destroy run."""
    wanted = next_run(scene.o, scene.record, RunVerb.DESTROY, scene.variables)
    # After a hand-off its own Crossplane may have made more, of which no state of ours knows.
    adopt = wanted.adopt or scene.record.hand_off is not None
    confirmed, given = own_project.gone_is_gone(scene.o, scene.record), scene.record.state_given
    run = replace(wanted, confirmed=confirmed, adopt=adopt, state_given=given)
    record = replace(scene.record.with_new_run(run), handled=handled(scene.o, scene.record))
    actions: tuple[Action, ...] = (
        *start_actions(scene.o, run, scene.variables, record),
        *forgotten_inputs(scene.record, record),
    )
    return Answer(working(Reason.DESTROYING, f"Job {run.job} is being created."), actions, SAFETY, record)
