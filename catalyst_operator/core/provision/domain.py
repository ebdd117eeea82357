"""The Sovereign's domain: looked at before anything is spent, in a dry run too; reserved once all else stands, served
as soon as there is an address, followed when it changes. None of it holds up the new cluster."""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core.actions import Action, AskRegistrarBeforehand, KeepRegistrarCredentials, ReserveDomain
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.domains.actions import AskRegistrar
from catalyst_operator.core.domains.claims.beforehand import Outlook, outlook
from catalyst_operator.core.domains.steps import DomainStance, Step
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.provision.verdicts import stalled, working
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.scene import SAFETY, Answer, Scene


def keep(scene: Scene) -> tuple[Action, ...]:
    """What makes the reservation ask for what the Sovereign wants now. Somebody else's is never touched."""
    o = scene.o
    sovereign, found = o.sovereign, o.reservation
    idle = sovereign.spec.suspend or scene.verb is not RunVerb.APPLY
    if o.settings.domains is None or idle or (found is None and scene.refusals):
        return ()
    address = scene.record.outputs.load_balancer_ip if scene.record.outputs else None
    kept: tuple[Action, ...] = ()
    space = o.namespace is not None and o.namespace.ours and not o.namespace.terminating
    if space and scene.record.hand_off is None and o.registrar_secret not in ("", o.kept_registrar_secret):
        kept = (KeepRegistrarCredentials(),)
    if found is None:
        # The first one is made when all else stands; one that was lost later is made anew at once.
        return (*kept, ReserveDomain(address)) if _begun(scene) else kept
    going = found.metadata.deletion_timestamp is not None
    if going or not of_sovereign.is_ours(sovereign, found) or not of_sovereign.differs(sovereign, address, found):
        return kept
    return (*kept, ReserveDomain(address))


def not_to_be_had(scene: Scene) -> Answer | None:
    """A dry run of a Sovereign whose name somebody else has, or that cannot be had: said without holding it."""
    if not _before_spending(scene, RunVerb.PLAN):
        return None
    o = scene.o
    if o.reservation is None:
        return _ahead(scene, o)
    stands = of_sovereign.standing(o.sovereign, o.reservation)
    return _stalled(scene, "nothing was planned") if stands.stalled and not stands.is_reserved else None


def not_reserved(scene: Scene) -> Answer | None:
    """Nothing is spent on a Sovereign whose name somebody else has, or whose registrar will not do."""
    if not _before_spending(scene, RunVerb.APPLY):
        return None
    o = scene.o
    if o.reservation is None and not _begun(scene):
        return _ahead(scene, o)
    stands = of_sovereign.standing(o.sovereign, o.reservation)
    if stands.is_reserved:
        return None
    if stands.stalled:
        return _stalled(scene, "nothing was started")
    _, reason, message = stands.reserved
    return Answer(replace(working(Phase.RESERVING, reason, message), retry_at=stands.retry_at), requeue_after=SAFETY)


def reserving(scene: Scene) -> Answer | None:
    """All else stands, the token and what the project gives included: now the name is reserved, and not before. A name
    that anybody could hold who has nothing but a manifest would be nobody's."""
    if not _before_spending(scene, RunVerb.APPLY) or scene.o.reservation is not None or _begun(scene):
        return None
    _, reason, message = of_sovereign.standing(scene.o.sovereign, None).reserved
    return Answer(working(Phase.RESERVING, reason, message), (ReserveDomain(None),), SAFETY)


def _before_spending(scene: Scene, verb: RunVerb) -> bool:
    return scene.o.settings.domains is not None and scene.verb is verb and scene.record.outputs is None


def _begun(scene: Scene) -> bool:
    """Whether anything was started that needs the name."""
    applied = any(run.verb is RunVerb.APPLY for run in scene.record.runs)
    return scene.record.outputs is not None or applied


def _ahead(scene: Scene, o: Observation) -> Answer | None:
    """What is in the way of reserving the name, or what is asked first."""
    found: Outlook | None = outlook(o.name) if o.name else None
    if found is None or found.step.stance is DomainStance.DONE:
        return None
    if found.worth_asking and scene.verb is RunVerb.APPLY:
        return None
    step = found.step
    actions = tuple(AskRegistrarBeforehand(action) for action in step.actions if isinstance(action, AskRegistrar))
    again = min(step.again, SAFETY) if step.again else SAFETY
    errors = (step.error,) if step.error else ()
    if step.stance is DomainStance.STALLED:
        what = "planned" if scene.verb is RunVerb.PLAN else "started"
        verdict = stalled(step.reason, _told(errors, f"nothing was {what}", step.message), errors)
    else:
        verdict = working(Phase.RESERVING, _reason(step), step.message, errors)
    return Answer(replace(verdict, retry_at=step.retry_at), actions, again)


def _stalled(scene: Scene, undone: str) -> Answer:
    """The reservation says what a person has to do."""
    o = scene.o
    stands = of_sovereign.standing(o.sovereign, o.reservation)
    errors = of_sovereign.errors_of(o.sovereign, o.reservation, stands)
    _, reason, message = stands.reserved
    verdict = stalled(reason, _told(errors, undone, message), errors)
    return Answer(replace(verdict, retry_at=stands.retry_at), requeue_after=SAFETY)


def _told(errors: tuple[ErrorEntry, ...], undone: str, message: str) -> str:
    return f"{errors[0].code}: {undone}: {message}" if errors else message


def _reason(step: Step) -> Reason:
    """As the Sovereign's Ready has it."""
    return Reason.RETRYING if step.retry_at else Reason.PENDING
