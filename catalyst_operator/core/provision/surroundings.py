"""Checks of what a run needs around it: its namespace, its state, credentials, a project in which all is well."""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase
from catalyst_operator.core import naming
from catalyst_operator.core.access import seeds
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.provision import repository
from catalyst_operator.core.provision.preflight_due import standing
from catalyst_operator.core.provision.verdicts import reason_of_failure, reason_of_work, stalled, working
from catalyst_operator.core.queue import turn
from catalyst_operator.core.runs.obstacles import ABOUT_STATE, BEFORE_A_RUN, BEFORE_NEW_NODES, Obstacle, first
from catalyst_operator.core.scene import SAFETY, Answer, Scene
from catalyst_operator.core.telling.messages import lacking_token, unproven_words


def namespace_foreign(scene: Scene) -> Answer | None:
    """There is a namespace of our run namespace's name, and nothing proves that we made it."""
    namespace = scene.o.namespace
    if namespace is None or namespace.ours:
        return None
    error = codes.NAMESPACE_FOREIGN.entry(unproven_words(scene.o))
    verdict = stalled(Reason.NAME_CONFLICT, f"{error.code}: {error.message} {error.remedy}", (error,))
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def namespace_terminating(scene: Scene) -> Answer | None:
    """The run namespace is on its way out; nothing can be made in it."""
    if scene.o.namespace is None or not scene.o.namespace.terminating:
        return None
    if scene.o.record is not None:
        name = scene.o.run_namespace
        error = codes.STATE_LOST.entry(f"Run namespace {name} is being deleted, and the OpenTofu state in it.")
        message = (
            f"{error.message} Save its Secrets if they are still there: nothing is started without them. Delete the "
            "Sovereign to be told what is left in the project."
        )
        return Answer(stalled(Reason.STATE_LOST, message, (error,)), requeue_after=scene.o.settings.poll)
    message = "The run namespace is being deleted; waiting until it is gone."
    return Answer(working(Phase.PENDING, Reason.PROGRESSING, message), requeue_after=scene.o.settings.poll)


def state_obstacle(scene: Scene) -> Answer | None:
    """The state, or its key, needs something done about it."""
    return _obstacle(scene, first(ABOUT_STATE, scene.o, scene.record))


def state_lost(scene: Scene) -> Answer | None:
    """The state that was recorded is not there any more: OpenTofu would create everything a second time."""
    found, expected = scene.o.state, scene.record.state_serial
    namespace = scene.o.run_namespace
    if scene.o.record is None:
        if not scene.o.runs_were_made:
            return None
        message = f"The record {namespace}/{naming.RECORD}, which tells what was applied, is gone."
    elif (expected == 0 and scene.record.outputs is None) or (found is not None and found.serial >= expected):
        return None
    else:
        have = "is gone" if found is None else f"has serial {found.serial}, but {expected} was recorded"
        message = f"State Secret {namespace}/{naming.STATE_SECRET} {have}."
    error = codes.STATE_LOST.entry(message)
    return Answer(
        stalled(Reason.STATE_LOST, f"{message} {error.remedy}", (error,)),
        requeue_after=scene.o.settings.poll,
    )


def credentials_missing(scene: Scene) -> Answer | None:
    """The Secret is not there yet: waited for, since in GitOps it may come a moment later."""
    if scene.o.credentials is not None and scene.o.credentials.token is not None:
        return None
    error = lacking_token(scene.o)
    message = f"{error.message if error else ''} Looking again every few seconds."
    verdict = working(Phase.PENDING, Reason.CREDENTIALS_MISSING, message)
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def credentials_malformed(scene: Scene) -> Answer | None:
    """A token that cannot be one."""
    error = lacking_token(scene.o)
    if error is None:
        return None
    verdict = stalled(Reason.CREDENTIALS_INVALID, f"{error.code}: {error.message} {error.remedy}", (error,))
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def owner_secrets_missing(scene: Scene) -> Answer | None:
    """What the new cluster will need is asked for before it costs anything."""
    missing = seeds.lacking(scene.o.sovereign.spec, scene.o.owner_secrets) if scene.record.outputs is None else ""
    if not missing:
        return None
    message = f"{missing}; create it in namespace {scene.o.sovereign.metadata.namespace}. Nothing is created before."
    return Answer(working(Phase.PENDING, Reason.CREDENTIALS_MISSING, message), requeue_after=scene.o.settings.poll)


def run_obstacle(scene: Scene) -> Answer | None:
    """Something stands in the way of a run."""
    return _obstacle(scene, first((*BEFORE_A_RUN, *BEFORE_NEW_NODES), scene.o, scene.record))


def preflight_first(scene: Scene) -> Answer | None:
    """Nothing is spent before the project and the Git repository were looked at; a failed check is looked at again from
    time to time."""
    looked, of_git = standing(scene.o, scene.variables, scene.record), repository.standing(scene)
    both = [one for one in (looked, of_git) if one]
    asks = tuple(ask for one in both for ask in one.ask)
    if unknown := [words for words, one in zip(_LOOKED_AT, (looked, of_git), strict=True) if one and not one.report]:
        doing = " and ".join(unknown)
        message = f"{doing[0].upper()}{doing[1:]} before anything is created."
        asking = working(Phase.PENDING, reason_of_work(scene.record), message)
        return Answer(replace(asking, place=turn.kept(scene.o)), asks, SAFETY)
    if looked.wait_until:
        error = diagnosis.requests_used_up()
        message = f"{error.code}: {error.message}. Next try at {looked.wait_until:%H:%M:%S} UTC. {error.remedy}"
        verdict = replace(working(Phase.PENDING, Reason.RETRYING, message, (error,)), retry_at=looked.wait_until)
        return Answer(verdict, asks, min(looked.wait_until - scene.o.now, scene.o.settings.poll))
    errors = tuple(check.error for one in both if one.report for check in one.report.failed if check.error)
    if not errors:
        return None
    reason = reason_of_failure(errors, Reason.CHECK_FAILED)
    message = f"{errors[0].code}: nothing was started: {errors[0].message.rstrip('.')}. {errors[0].remedy}"
    if looked.report and not looked.report.failed and not any(error.terminal for error in errors):
        return Answer(working(Phase.PENDING, Reason.RETRYING, message, errors), asks, scene.o.settings.poll)
    return Answer(stalled(reason, message, errors), asks, scene.o.settings.poll)


_LOOKED_AT = ("checking token, sizes, names and SSH keys with Hetzner", "reading the Git repository")


def _obstacle(scene: Scene, found: Obstacle | None) -> Answer | None:
    if found is None:
        return None
    if found.reason:
        verdict = stalled(found.reason, found.message, found.errors)
    else:
        reason = Reason.RETRYING if found.errors else reason_of_work(scene.record)
        place = turn.kept(scene.o) if found.looking else None
        waiting = working(Phase.PENDING, reason, found.message, found.errors)
        verdict = replace(waiting, retry_at=found.retry_at, place=place)
    return Answer(verdict, found.actions, found.requeue_after)
