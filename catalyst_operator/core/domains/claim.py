"""May this owner have this name? Judged once, under one lock for all names; from then on it is held."""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.domain_reservation import DomainReservation, DomainReservationStatus
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core import conditions
from catalyst_operator.core.domains.names import is_under, parent_of, pool_of, related, reserved_labels
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.core.domains.steps import AT_ONCE, Step, done, stalled


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
        return stalled(
            Reason.INVALID_SPEC,
            f"{name} is a public suffix: nobody can own it. Use a domain that you registered below it, or a name below "
            "that.",
        )
    return None


def _refusal_in_pool(o: DomainObservation) -> Step | None:
    name, pools = o.name, o.domains.pools
    if parent_of(name) not in pools:
        offered = f": {', '.join(pools)}" if pools else "; this operator has none"
        return stalled(
            Reason.NOT_IN_POOL,
            f"{name} is not one label in front of a pool domain{offered}. Choose such a name, or use mode byo-manual "
            "for a domain of your own.",
        )
    taken_along = next((pool for pool in pools if pool == name or is_under(pool, name)), None)
    if taken_along is not None:
        return _under(taken_along, name)
    label = name.partition(".")[0]
    # What was given stays given, whatever a later version keeps for itself.
    if label in reserved_labels() and not is_held(o.reservation):
        return stalled(Reason.NAME_RESERVED, f"{label!r} is kept for the pool's own use. Choose another name.")
    return None


def _under(pool: str, name: str) -> Step:
    return stalled(
        Reason.UNDER_POOL,
        f"{name} is, holds or lies under the pool domain {pool}, which is not its owner's to delegate. Use mode pool "
        "for a name in the pool, or a domain of your own.",
    )


def rival(o: DomainObservation) -> Step | None:
    """Another owner holds a name above or below this one."""
    reference = o.reservation.spec.sovereign_ref
    owner = reference.uid if reference else ""
    holders = (r for r in o.rivals if r.owner != owner and related(r.name, o.name))
    found = next(holders, None)
    if found is None:
        return None
    where = "above" if o.name.endswith(f".{found.name}") else "below"
    return stalled(
        Reason.DOMAIN_TAKEN,
        f"{found.name}, the name {where} this one, is reserved for another owner. Choose another name; if that "
        "reservation goes, this one follows by itself.",
    )


def held(o: DomainObservation) -> Step:
    """The name is this owner's, until when."""
    if is_committed(o):
        return done(Reason.COMMITTED, "Held for good: it has an address.")
    until = expiry(o)
    return done(Reason.RESERVED, f"Held until {until:%Y-%m-%d %H:%M:%S} UTC unless it gets an address.", renewal(o))


def is_committed(o: DomainObservation) -> bool:
    """Whether the reservation does not run out any more: it has an address, or had one."""
    return o.reservation.spec.load_balancer_ip is not None or o.our_zone is not None or o.held


def expiry(o: DomainObservation) -> datetime:
    """When an uncommitted reservation ends, counted from when the name was given. While its Sovereign exists it is
    moved on, at half of its time."""
    ttl = o.reservation.spec.ttl
    until = o.reservation.status.expires_at or o.now + ttl
    return o.now + ttl if o.owned and until - o.now <= ttl / 2 else until


def has_expired(o: DomainObservation) -> bool:
    """Whether it was held and ran out. One that was refused is kept: it tells its owner why."""
    return is_told_expired(o) or (is_held(o.reservation) and not is_committed(o) and not o.owned and expiry(o) <= o.now)


def is_told_expired(o: DomainObservation) -> bool:
    """Whether status says that it ran out; there is no way back from that."""
    found = conditions.find(o.reservation.status.conditions, ConditionType.RESERVED)
    return found is not None and found.reason == Reason.EXPIRED.value


def renewal(o: DomainObservation) -> timedelta:
    """When to look again: at the renewal of one that is renewed, else at its end."""
    left = expiry(o) - o.now
    return max(AT_ONCE, left - o.reservation.spec.ttl / 2 if o.owned else left)
