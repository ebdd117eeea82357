"""Deciding for a DomainReservation: one look at each side of it, and the first that is not as it should be speaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core import conditions
from catalyst_operator.core.domains import release, status
from catalyst_operator.core.domains.actions import DeleteReservation, DomainAction, DomainDecision
from catalyst_operator.core.domains.claims import claim
from catalyst_operator.core.domains.delegating import delegated
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.core.domains.questions import ask, is_delegated
from catalyst_operator.core.domains.registering import live_records, signed, valid
from catalyst_operator.core.domains.serving import awaiting_address, served
from catalyst_operator.core.domains.steps import AT_ONCE, DomainStance, Step, stalled, working
from catalyst_operator.core.errors import codes

Sides = dict[ConditionType, Step]
"""Condition -> how that side stands. The order is that in which they matter."""


def decide(o: DomainObservation) -> DomainDecision:
    """What to do for a reservation."""
    if o.settings.domains is None:
        return _not_configured(o)
    if o.deleting:
        return _release(o)
    if claim.has_expired(o):
        return _expired(o)
    if refused := claim.refusal(o) or claim.outdone(o):
        return _refused(o, refused)
    if not claim.is_held(o.reservation):
        return _judge(o)
    sides = _sides(o)
    actions, again = _collect(o, sides)
    return DomainDecision(actions, status.build(o, sides), again)


def _refused(o: DomainObservation, step: Step) -> DomainDecision:
    return DomainDecision(step.actions, status.build(o, {ConditionType.RESERVED: step}, proven=False), step.again)


def _judge(o: DomainObservation) -> DomainDecision:
    """A name that is not held as yet: it is from now on, is refused, or waits for a proof or for others."""
    if refused := claim.over_quota(o):
        return _refused(o, refused)
    by_api = o.reservation.spec.mode is DomainMode.BYO_API
    credentials = {ConditionType.REGISTRAR_CREDENTIALS_VALID: valid(o)} if by_api else {}
    if any(step.stance is not DomainStance.DONE for step in credentials.values()):
        # Whoever has no account that holds the domain keeps nobody else from it.
        message = f"{o.name} is held as soon as the registrar accepts the credentials."
        sides: Sides = {**credentials, ConditionType.RESERVED: working(Reason.PENDING, message)}
        actions, again = _collect(o, sides)
        return DomainDecision(actions, status.build(o, sides), again)
    if contested := claim.contested(o):
        sides = {ConditionType.RESERVED: contested, **credentials}
        return DomainDecision(contested.actions, status.build(o, sides), contested.again)
    sides = {
        ConditionType.RESERVED: claim.held(o),
        **credentials,
        ConditionType.ZONE_READY: _waiting(o),
        ConditionType.DELEGATED: _waiting(o),
    }
    return DomainDecision((), status.build(o, sides), AT_ONCE)


def _waiting(o: DomainObservation) -> Step:
    return awaiting_address(o) or working(Reason.PENDING, "The zone was not looked at yet.")


def _sides(o: DomainObservation) -> Sides:
    sides: Sides = {ConditionType.RESERVED: claim.held(o)}
    by_api = o.reservation.spec.mode is DomainMode.BYO_API
    if by_api:
        sides[ConditionType.REGISTRAR_CREDENTIALS_VALID] = _credentials(o)
    waits = awaiting_address(o)
    if waits:
        # In time to say so before anything is spent.
        live = live_records(o) or signed(o) if by_api else None
        return {**sides, ConditionType.DELEGATED: live or waits, ConditionType.ZONE_READY: waits}
    zone = served(o)
    sides[ConditionType.ZONE_READY] = zone
    sides[ConditionType.DELEGATED] = _delegation(o, zone, sides.get(ConditionType.REGISTRAR_CREDENTIALS_VALID))
    return sides


def _credentials(o: DomainObservation) -> Step:
    """Once the name is served and delegated nobody needs them before it is given back: their loss is told, alarms
    nobody, and is looked at seldom."""
    step = valid(o)
    if awaiting_address(o) or not is_delegated(o):
        return step
    return replace(
        step, stance=DomainStance.DONE, again=max(step.again, o.domains.settled_check) if step.again else None
    )


def _delegation(o: DomainObservation, zone: Step, credentials: Step | None) -> Step:
    """Nothing is delegated to servers that do not know the name, nor with credentials that were not accepted."""
    if o.our_zone is None:
        return replace(zone, actions=(), status="Unknown" if zone.status == "Unknown" else "False", again=None)
    if credentials is None or is_delegated(o):
        return delegated(o)
    if credentials.stance is not DomainStance.DONE:
        return replace(credentials, actions=(), again=None)
    if zone.stance is not DomainStance.DONE:
        # A domain that is in use goes on with the servers it has, until ours answer for it.
        return live_records(o) or replace(zone, actions=(), again=None)
    return delegated(o)


def _collect(o: DomainObservation, sides: Sides) -> tuple[tuple[DomainAction, ...], timedelta | None]:
    """All actions, each once, and the earliest time to look again."""
    actions = [action for step in sides.values() for action in step.actions]
    times = [step.again for step in sides.values() if step.again is not None]
    if o.our_zone is not None or (o.deleting and o.reservation.spec.mode is DomainMode.BYO_API):
        asking = ask(o)
        actions += asking.actions
        times.append(asking.again)
    return tuple(dict.fromkeys(actions)), min(times, default=None)


def _expired(o: DomainObservation) -> DomainDecision:
    """It ran out: said first, and removed with the next look."""
    said = conditions.find(o.reservation.status.conditions, ConditionType.RESERVED)
    if said is not None and claim.is_told_expired(o):
        step = _told_expired(said.message)
        return DomainDecision((DeleteReservation(),), status.build(o, {ConditionType.RESERVED: step}, proven=False))
    message = f"Nobody asks for {o.name} any more; its reservation is removed."
    if claim.is_held(o.reservation):
        message = f"The reservation of {o.name} ran out at {claim.expiry(o):%Y-%m-%d %H:%M:%S} UTC; it is removed."
    status_then = status.build(o, {ConditionType.RESERVED: _told_expired(message)}, proven=False)
    return DomainDecision((), status_then, AT_ONCE)


def _told_expired(message: str) -> Step:
    return stalled(Reason.EXPIRED, message, error=codes.DOMAIN_EXPIRED.entry(message))


def _release(o: DomainObservation) -> DomainDecision:
    if not o.held:
        return DomainDecision()
    step = release.next_step(o)
    if step.stance is DomainStance.DONE:
        return DomainDecision(step.actions)
    actions, again = _collect(o, {ConditionType.READY: step})
    return DomainDecision(actions, status.summed_up(o, step), again)


def _not_configured(o: DomainObservation) -> DomainDecision:
    """An operator that serves no domains holds nothing and touches nothing."""
    message = (
        "This operator serves no domains: its setting CATALYST_POWERDNS_URL is not set. docs/domains.md tells what it "
        "takes."
    )
    error = codes.DNS_UNAVAILABLE.entry(message, remedy="Give the operator a PowerDNS, or delete this.", lasting=True)
    step = stalled(Reason.DNS_NOT_CONFIGURED, message, error=error)
    if o.deleting and not o.held:
        return DomainDecision()
    # What was told before stays: another operator, or this one with its settings back, goes on from there.
    return DomainDecision((), status.summed_up(o, step), None)
