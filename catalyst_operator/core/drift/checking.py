"""A drift check: a run as a dry run is, beside which everything goes on as if there were none.

Nothing waits for it. Whatever else is to be run comes first, and ends a check that is under way.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.actions import WriteRecord
from catalyst_operator.core.drift import schedule
from catalyst_operator.core.following import stop
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.queue import turn
from catalyst_operator.core.queue.order import RunKind
from catalyst_operator.core.record import Record, RunEntry, RunState, StopCause
from catalyst_operator.core.runs import obstacles, plan_text
from catalyst_operator.core.runs.attempts import (
    forgotten_inputs,
    next_run,
    requested,
    start_actions,
    unanswered,
)
from catalyst_operator.core.runs.obstacles import Obstacle
from catalyst_operator.core.runs.retries import run_wanted_again
from catalyst_operator.core.runs.tfvars import inputs_digest
from catalyst_operator.core.scene import SAFETY, Answer, Scene
from catalyst_operator.core.telling.messages import lacking_token
from catalyst_operator.core.verdict import Verdict


def under_way(scene: Scene) -> RunEntry | None:
    """The check that is under way."""
    run = scene.evidence.run
    return run if run is not None and run.active and run.drift_check else None


def overtaken(scene: Scene) -> bool:
    """Whether a check that is under way is in the way of a run, or checks what nobody wants any more."""
    run, record = under_way(scene), scene.record
    if run is None or scene.refusals:
        return False
    wanted = scene.o.sovereign.spec.drift_detection is not None and scene.verb is RunVerb.APPLY
    as_applied = record.applied_digest == scene.digest and run.digest == inputs_digest(RunVerb.PLAN, scene.variables)
    return not wanted or not as_applied or run_wanted_again(scene.o, record, scene.variables)


def beside(scene: Scene, answer: Answer) -> Answer:
    """The answer of a Sovereign for which nothing is to be run, with the check that is due or under way."""
    run = under_way(scene)
    if run is not None:
        return _followed(scene, answer, run)
    if answer.actions or answer.record:
        return answer
    answer = _published(scene, answer)
    due = schedule.next_check(scene.o, scene.record)
    if due is None or scene.o.now < due or answer.record:
        return answer
    return _in_the_way(scene, answer) or _begun(scene, answer)


def after(scene: Scene) -> timedelta | None:
    """How long it is until a check is due; None for one that is due already, for which whatever it waits for tells."""
    due = schedule.next_check(scene.o, scene.record)
    return due - scene.o.now if due and due > scene.o.now else None


def _followed(scene: Scene, answer: Answer, run: RunEntry) -> Answer:
    """To its end, unless a person wants none of it or it does not come to one."""
    o = scene.o
    if unanswered(o, scene.record, labels.ANNOTATION_CANCEL):
        return stop(scene, run, StopCause.REQUESTED, answer.verdict)
    if run.stopping or o.now - run.created > o.settings.create_limit:
        return stop(scene, run, run.stopping or StopCause.STUCK, answer.verdict)
    # While it is recorded it counts as one that is under way: it must not wait for another that does the same.
    if run.state is RunState.PENDING and (lacking_token(o) or _obstacle(scene) or turn.waits(o, RunKind.LOOK)):
        return _given_up(scene, answer, run)
    start = start_actions(o, run, scene.variables) if run.state is RunState.PENDING else ()
    return replace(answer, actions=(*answer.actions, *start), requeue_after=_sooner(answer, SAFETY))


def _given_up(scene: Scene, answer: Answer, run: RunEntry) -> Answer:
    """Recorded, but its Job was never made; and since then the token was replaced, or others began runs, say."""
    record = scene.record.with_run(replace(run, state=RunState.LOST, finished=scene.o.now))
    return replace(answer, actions=(*answer.actions, WriteRecord(record)), record=record)


def _published(scene: Scene, answer: Answer) -> Answer:
    """What a check found is put where a person can read it."""
    check, found = scene.record.last_check, scene.record.drift
    if check is None or check.plan is None or found is None or found.plan != check.plan or not found.differs:
        return answer
    actions, record = plan_text.publish(scene, check)
    return replace(answer, actions=actions, record=record)


def _in_the_way(scene: Scene, answer: Answer) -> Answer | None:
    """Why no check can be made although one is due: told beside the rest, and removed where the operator can."""
    o = scene.o
    lacking = lacking_token(o)
    if lacking:
        return _unchecked(answer, replace(answer.verdict, errors=(*answer.verdict.errors, lacking)), lacking.message)
    found = _obstacle(scene)
    if found is None:
        return None
    verdict = replace(answer.verdict, errors=(*answer.verdict.errors, *found.errors))
    told = _unchecked(answer, verdict, found.message if found.errors else "")
    return replace(told, actions=found.actions, requeue_after=_sooner(answer, found.requeue_after or o.settings.poll))


def _obstacle(scene: Scene) -> Obstacle | None:
    """What stands in the way of any run that may be told what new servers are told."""
    checks = (*obstacles.BEFORE_A_RUN, *obstacles.BEFORE_NEW_NODES)
    return obstacles.first(checks, scene.o, scene.record)


def _unchecked(answer: Answer, verdict: Verdict, why: str) -> Answer:
    return replace(answer, verdict=replace(verdict, unchecked=why))


def _begun(scene: Scene, answer: Answer) -> Answer:
    """Once there is room for it: recorded first, then made. It has no place that others wait behind, and asks again."""
    o = scene.o
    if turn.waits(o, RunKind.LOOK):
        return replace(answer, requeue_after=_sooner(answer, SAFETY))
    run = replace(next_run(o, scene.record, RunVerb.PLAN, scene.variables), drift_check=True, tries=1)
    record = _announced(o, scene.record, run)
    start = (*start_actions(o, run, scene.variables, record), *forgotten_inputs(scene.record, record))
    return replace(answer, actions=start, record=record, requeue_after=_sooner(answer, SAFETY))


def _announced(o: Observation, record: Record, run: RunEntry) -> Record:
    """A cancellation that was asked for earlier is not meant for it."""
    cancel = requested(o, labels.ANNOTATION_CANCEL)
    answered = {labels.ANNOTATION_CANCEL: cancel} if cancel else {}
    return replace(record.with_new_run(run), handled={**record.handled, **answered})


def _sooner(answer: Answer, pause: timedelta) -> timedelta:
    return pause if answer.requeue_after is None else min(answer.requeue_after, pause)
