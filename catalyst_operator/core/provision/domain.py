"""The Sovereign's domain: reserved before anything is spent, served as soon as there is an address, followed when it
changes. None of it holds up the new cluster."""

from __future__ import annotations

from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core.actions import Action, KeepRegistrarCredentials, ReserveDomain
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.provision.verdicts import stalled, working
from catalyst_operator.core.scene import SAFETY, Answer, Scene


def keep(scene: Scene) -> tuple[Action, ...]:
    """What makes the reservation ask for what the Sovereign wants now. Somebody else's is never touched."""
    o = scene.o
    sovereign, found = o.sovereign, o.reservation
    idle = sovereign.spec.suspend or scene.verb is not RunVerb.APPLY
    if o.settings.domains is None or idle or (found is None and scene.refusal):
        return ()
    address = scene.record.outputs.load_balancer_ip if scene.record.outputs else None
    kept: tuple[Action, ...] = ()
    space = o.namespace is not None and o.namespace.ours and not o.namespace.terminating
    if space and scene.record.hand_off is None and o.registrar_secret not in ("", o.kept_registrar_secret):
        kept = (KeepRegistrarCredentials(),)
    if found is None:
        return (*kept, ReserveDomain(address))
    going = found.metadata.deletion_timestamp is not None
    if going or not of_sovereign.is_ours(sovereign, found) or not of_sovereign.differs(sovereign, address, found):
        return kept
    return (*kept, ReserveDomain(address))


def not_reserved(scene: Scene) -> Answer | None:
    """Nothing is spent on a Sovereign whose name somebody else has, or whose registrar will not do."""
    o = scene.o
    if o.settings.domains is None or scene.verb is not RunVerb.APPLY or scene.record.outputs is not None:
        return None
    stands = of_sovereign.standing(o.sovereign, o.reservation)
    if stands.is_reserved:
        return None
    _, reason, message = stands.reserved
    if not stands.stalled:
        return Answer(working(Phase.RESERVING, reason, message), requeue_after=SAFETY)
    error = of_sovereign.error_of(o.reservation, stands, late=True)
    told = f"{error.code}: nothing was started: {message}" if error else message
    return Answer(stalled(reason, told, (error,) if error else ()), requeue_after=SAFETY)
