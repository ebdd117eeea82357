"""May this owner have this name? Judged under one lock for all names; from then on it is held.

Of related names, one above the other, one owner's are held. Whoever proves a name (see `proof`) has it before whoever
did not: a claim without proof gives way, and is held by nobody before it has done so.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.domain_reservation import DomainReservation, DomainReservationStatus
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core import conditions
from catalyst_operator.core.domains.actions import DeleteZone, DomainAction
from catalyst_operator.core.domains.claims.names import is_under, parent_of, pool_of, reserved_labels
from catalyst_operator.core.domains.claims.proof import is_proven, others
from catalyst_operator.core.domains.observation import Claim, DomainObservation
from catalyst_operator.core.domains.questions import ask, expected
from catalyst_operator.core.domains.steps import AT_ONCE, Step, done, stalled, working
from catalyst_operator.core.errors import codes

GIVING_WAY = timedelta(seconds=5)
"""How soon to look whether a claim without proof has gone; it is woken at once."""


def is_held(reservation: DomainReservation) -> bool:
    """Whether the name was judged and given to this reservation."""
    return is_given(reservation.status)


def is_given(status: DomainReservationStatus) -> bool:
    """Whether a status says that the name is its reservation's."""
    found = conditions.find(status.conditions, ConditionType.RESERVED)
    return found is not None and found.status == "True"


def refusal(o: DomainObservation) -> Step | None:
    """Why this name cannot be had in this mode, whoever asks."""
    name, pools = o.name, o.domains.pools
    pool = pool_of(name, pools)
    if o.reservation.spec.mode is DomainMode.POOL:
        return _refusal_in_pool(o)
    if pool is not None:
        return _under(pool, name)
    if not o.registered:
        return _no(
            Reason.INVALID_SPEC,
            f"{name} is a public suffix: nobody can own it.",
            "Use a domain that you registered below it, or a name below that.",
        )
    return None


def _no(reason: Reason, message: str, remedy: str) -> Step:
    """The name does not fit its mode."""
    return stalled(reason, f"{message} {remedy}", error=codes.DOMAIN_NAME.entry(message, remedy=remedy))


def _refusal_in_pool(o: DomainObservation) -> Step | None:
    name, pools = o.name, o.domains.pools
    if parent_of(name) not in pools:
        offered = f": {', '.join(pools)}" if pools else "; this operator has none"
        return _no(
            Reason.NOT_IN_POOL,
            f"{name} is not one label in front of a pool domain{offered}.",
            "Choose such a name, or use mode byo-manual for a domain of your own.",
        )
    taken_along = next((pool for pool in pools if pool == name or is_under(pool, name)), None)
    if taken_along is not None:
        return _under(taken_along, name)
    label = name.partition(".")[0]
    # What was given stays given, whatever a later version keeps for itself.
    if label in reserved_labels() and not is_held(o.reservation):
        return _no(Reason.NAME_RESERVED, f"{label!r} is kept for the pool's own use.", "Choose another name.")
    return None


def _under(pool: str, name: str) -> Step:
    return _no(
        Reason.UNDER_POOL,
        f"{name} is, holds or lies under the pool domain {pool}, which is not its owner's to delegate.",
        "Use mode pool for a name in the pool, or a domain of your own.",
    )


def over_quota(o: DomainObservation) -> Step | None:
    """The namespace holds as many names as it may. What it holds it keeps."""
    reference, most = o.reservation.spec.sovereign_ref, o.domains.most_names
    if reference is None or o.names_held < most:
        return None
    message = f"Namespace {reference.namespace} holds {o.names_held} names, and may hold {most}."
    error = codes.DOMAIN_QUOTA.entry(message, addresses=(o.name,))
    return stalled(Reason.DOMAIN_QUOTA, f"{message} {error.remedy}", error=error)


def outdone(o: DomainObservation) -> Step | None:
    """Another owner has proven a name above or below this one. What was served for this one is served no longer:
    whoever asks for it is to be sent where that owner says."""
    found = next((claim for claim in others(o) if claim.proven), None)
    if found is None or is_proven(o):
        return None
    gone = (DeleteZone(o.name),) if o.our_zone is not None else ()
    return _taken(o, found, "Choose another name; if that reservation goes, this one follows by itself.", *gone)


def contested(o: DomainObservation) -> Step | None:
    """Another owner holds a name above or below this one, without having proven it."""
    found = next((claim for claim in others(o) if claim.held), None)
    if found is None:
        return None
    if is_proven(o):
        message = (
            f"{found.name}, the name {_where(o, found)} this one, is held by another owner who has not proven it: that "
            "reservation gives way, and this name is held then."
        )
        return working(Reason.PENDING, message, again=GIVING_WAY)
    asking = ask(o)
    remedy = (
        f"Choose another name. If {o.name} is yours, set its name servers to {', '.join(expected(o))}: it is given to "
        "you as soon as that is seen, because the other owner has not proven to have that name."
    )
    return _taken(o, found, remedy, *asking.actions)


def _taken(o: DomainObservation, found: Claim, remedy: str, *actions: DomainAction) -> Step:
    message = f"{found.name}, the name {_where(o, found)} this one, is reserved for another owner."
    error = codes.DOMAIN_TAKEN.entry(message, remedy=remedy, addresses=(found.name,))
    return stalled(Reason.DOMAIN_TAKEN, f"{message} {remedy}", *actions, error=error)


def _where(o: DomainObservation, found: Claim) -> str:
    return "above" if is_under(o.name, found.name) else "below"


def held(o: DomainObservation) -> Step:
    """The name is this owner's, until when."""
    if is_committed(o):
        return done(Reason.COMMITTED, "It does not expire any more, because it has an address.")
    until = expiry(o)
    return done(Reason.RESERVED, f"Held until {until:%Y-%m-%d %H:%M:%S} UTC unless it gets an address.", renewal(o))


def is_committed(o: DomainObservation) -> bool:
    """Whether the reservation does not run out any more: it has an address, or had one."""
    return o.reservation.spec.load_balancer_ip is not None or o.our_zone is not None or o.held


def expiry(o: DomainObservation) -> datetime:
    """When an uncommitted reservation ends, counted from when the name was given. While its Sovereign exists it is
    moved on, at half of its time."""
    ttl, status = o.reservation.spec.ttl, o.reservation.status
    given = conditions.find(status.conditions, ConditionType.RESERVED)
    if o.reservation.spec.sovereign_ref is None and given and _is_edited(o):
        return given.last_transition_time + ttl
    until = min(status.expires_at or o.now + ttl, o.now + ttl)
    return o.now + ttl if o.owned and until - o.now <= ttl / 2 else until


def _is_edited(o: DomainObservation) -> bool:
    """Whether the spec is another one than status speaks of; its ttl may be."""
    return o.reservation.status.observed_generation < o.reservation.metadata.generation


def has_expired(o: DomainObservation) -> bool:
    """Whether it was held and ran out, or nobody asks for it any more. One that was refused is kept as long as its
    Sovereign wants it: it tells its owner why."""
    if is_told_expired(o):
        return True
    if is_committed(o) or o.owned:
        return False
    return expiry(o) <= o.now if is_held(o.reservation) else _is_left_over(o)


def _is_left_over(o: DomainObservation) -> bool:
    """Its Sovereign went, or asks for another name by now: the object alone would keep others from this one."""
    made, reference = o.reservation.metadata.creation_timestamp, o.reservation.spec.sovereign_ref
    return reference is not None and made is not None and o.now >= made + o.reservation.spec.ttl


def is_told_expired(o: DomainObservation) -> bool:
    """Whether status says that it ran out; there is no way back from that."""
    found = conditions.find(o.reservation.status.conditions, ConditionType.RESERVED)
    return found is not None and found.reason == Reason.EXPIRED.value


def renewal(o: DomainObservation) -> timedelta:
    """When to look again: at the renewal of one that is renewed, else at its end."""
    left = expiry(o) - o.now
    return max(AT_ONCE, left - o.reservation.spec.ttl / 2 if o.owned else left)
