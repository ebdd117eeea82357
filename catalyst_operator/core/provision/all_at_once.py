"""Whatever is in the way before anything is spent, told at once: who corrects one thing must not then meet the next.

The first check that answers decides what is said and done, as everywhere. Here the others that look at the same moment
add their errors, and what they want asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api.conditions import ConditionType
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.conditions import find
from catalyst_operator.core.provision import domain, invalid_spec, surroundings
from catalyst_operator.core.provision.preflight_due import standing
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.telling.verdict_errors import errors_of

Check = Callable[[Scene], Answer | None]

OF_THE_SPEC: tuple[Check, ...] = (invalid_spec.spec_invalid, domain.not_to_be_had, domain.not_reserved)
OF_SECRETS: tuple[Check, ...] = (surroundings.credentials_missing, surroundings.owner_secrets_missing)
OF_A_TOKEN: tuple[Check, ...] = (surroundings.credentials_malformed,)
OF_THE_PROJECT: tuple[Check, ...] = (surroundings.preflight_first,)


def completed(scene: Scene, check: Check, first: Answer) -> Answer:
    """The first answer with what else is in the way, if it is one of those before anything is spent."""
    if check not in (*OF_THE_SPEC, *OF_SECRETS, *OF_A_TOKEN, *OF_THE_PROJECT) or not _asked_for(scene):
        return first
    others = [answer for other in _that_can_answer(scene) if other is not check and (answer := other(scene))]
    if not others:
        message = _with(first.verdict.message, errors_of(first.verdict))
        return replace(first, verdict=replace(first.verdict, message=message))
    errors = tuple(dict.fromkeys((*errors_of(first.verdict), *(e for a in others for e in errors_of(a.verdict)))))
    actions = tuple(action for answer in (first, *others) for action in answer.actions)
    again = _soonest(first, *others)
    if _unasked(scene) and not _is_told(scene):
        # Its errors would come a moment after the others.
        return replace(others[-1], actions=actions, requeue_after=again)
    verdict = replace(first.verdict, message=_with(first.verdict.message, errors), errors=errors)
    return replace(first, verdict=verdict, actions=actions, requeue_after=again)


def _asked_for(scene: Scene) -> bool:
    """Whether anything is to be made: of a cluster that stands and is not to be changed, nothing is asked."""
    return not scene.o.sovereign.spec.suspend and (scene.record.outputs is None or scene.verb is RunVerb.PLAN)


def _that_can_answer(scene: Scene) -> tuple[Check, ...]:
    """Without a token there is nothing to say of it, and the project cannot be asked."""
    has_one = not surroundings.credentials_missing(scene)
    return (
        *OF_THE_SPEC,
        *OF_SECRETS,
        *(OF_A_TOKEN if has_one else ()),
        *(OF_THE_PROJECT if _has_a_good_one(scene) else ()),
    )


def _has_a_good_one(scene: Scene) -> bool:
    return not surroundings.credentials_missing(scene) and not surroundings.credentials_malformed(scene)


def _unasked(scene: Scene) -> bool:
    return _has_a_good_one(scene) and not standing(scene.o, scene.variables, scene.record).answered


def _is_told(scene: Scene) -> bool:
    """Whether status says already that a person has to do something about this spec, as after a restart."""
    meta, told = scene.o.sovereign.metadata, scene.o.sovereign.status
    return told.observed_generation == meta.generation and bool(find(told.conditions, ConditionType.STALLED))


def _soonest(*answers: Answer) -> timedelta | None:
    return min((answer.requeue_after for answer in answers if answer.requeue_after), default=None)


def _with(message: str, errors: tuple[ErrorEntry, ...]) -> str:
    """The message, and the codes of what it does not speak of."""
    others = dict.fromkeys(error.code for error in errors[1:] if error.code not in message)
    return f"{message} Also: {', '.join(others)} (lastErrors)." if others else message
