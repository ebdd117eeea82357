"""The zone: made, kept as it should be, and answered by our own servers."""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.core import conditions
from catalyst_operator.core.domains import zone as zones
from catalyst_operator.core.domains.actions import ChangeZone, CreateZone, Hold
from catalyst_operator.core.domains.observation import DomainObservation, ZoneView
from catalyst_operator.core.domains.questions import probe_of, report
from catalyst_operator.core.domains.steps import AFTER_CHANGE, AT_ONCE, DomainStance, Step, done, stalled, working
from catalyst_operator.core.domains.zone import Diff, Zone
from catalyst_operator.core.errors import codes

AFTER_TROUBLE = timedelta(seconds=5)
"""How soon PowerDNS is asked again after it did not answer."""


def awaiting_address(o: DomainObservation) -> Step | None:
    """Nothing is served before there is something to point to."""
    if o.reservation.spec.load_balancer_ip is not None:
        return None
    message = "The name is reserved; it is served and delegated once spec.loadBalancerIP is set."
    return Step(DomainStance.WAITING, "False", Reason.AWAITING_ADDRESS, message)


def served(o: DomainObservation) -> Step:
    """How the zone stands."""
    trouble = unreadable(o.zone, "zone")
    if trouble:
        return trouble
    # Held first, in the same breath: what is made is given back, whatever happens.
    hold = () if o.held else (Hold(),)
    found = o.zone.zone if o.zone else None
    address = o.reservation.spec.load_balancer_ip or ""
    if found is None:
        made = zones.new_zone(o.name, o.uid, address, o.domains.nameservers)
        return working(Reason.PENDING, "The zone is being created.", *hold, CreateZone(made), again=AFTER_CHANGE)
    if hold and found.mark == o.uid:
        return working(Reason.PENDING, "The zone is there already.", *hold, again=AT_ONCE)
    if found.mark != o.uid:
        words = _foreign_words(o, found)
        error = codes.ZONE_FOREIGN.entry(words, command=f"pdnsutil list-zone {o.name}", addresses=(o.name,))
        return stalled(Reason.ZONE_FOREIGN, words, error=error)
    diff = difference(o, found)
    if diff.changes:
        words = f"{len(diff.changes)} record set{'s' if len(diff.changes) > 1 else ''} of the zone"
        return working(Reason.PENDING, f"Changing {words}.", ChangeZone(o.name, diff.changes), again=AFTER_CHANGE)
    return _answered(o, diff)


def difference(o: DomainObservation, found: Zone) -> Diff:
    """What the zone lacks."""
    address = o.reservation.spec.load_balancer_ip or ""
    wanted = zones.contents(o.name, o.uid, address, o.domains.nameservers)
    return zones.differences(found, wanted, o.uid, within=o.name)


def unreadable(view: ZoneView | None, what: str) -> Step | None:
    """The name server's API does not tell."""
    if view is None or not view.problem:
        return None
    message = f"PowerDNS cannot be asked for the {what}: {view.problem}."
    error = codes.DNS_UNAVAILABLE.entry(message, lasting=view.lasting)
    if view.lasting:
        told = f"{message} Correct the operator's settings CATALYST_POWERDNS_*."
        return stalled(Reason.POWERDNS_UNREACHABLE, told, again=AFTER_TROUBLE, status="Unknown", error=error)
    return working(
        Reason.POWERDNS_UNREACHABLE,
        f"{message} Tried again every few seconds.",
        again=AFTER_TROUBLE,
        summary=Reason.RETRYING,
        status="Unknown",
        error=error,
    )


def _answered(o: DomainObservation, diff: Diff) -> Step:
    """All that is ours is in the zone; whether the servers give it is seen by asking them."""
    told, probe = report(o), probe_of(o)
    authority = told.authority if told else ()
    silent = [a for a in authority if a.error or o.reservation.spec.load_balancer_ip not in a.values]
    left = f" {_left_alone(diff)}" if diff.foreign else ""
    if not probe:
        return done(Reason.SUCCEEDED, f"The zone is written; none of its addresses is this reservation's to set.{left}")
    if not authority and _was_answered(o):
        return kept(o, ConditionType.ZONE_READY)
    if not authority:
        return working(Reason.PENDING, f"The zone is written; its servers are asked for {probe}.{left}")
    if silent:
        words = "; ".join(a.words for a in silent)
        told_so = f"The zone is written, but not all of its servers give {probe}: {words}.{left}"
        return working(Reason.PENDING, told_so)
    servers = ", ".join(a.server for a in authority)
    return done(Reason.SUCCEEDED, f"{servers} answer with {o.reservation.spec.load_balancer_ip}.{left}")


def _was_answered(o: DomainObservation) -> bool:
    """Whether its servers gave this very address when they were asked last; that was not by this process."""
    status = o.reservation.status
    found = conditions.find(status.conditions, ConditionType.ZONE_READY)
    same = status.observed_generation == o.reservation.metadata.generation and status.nameservers == o.domains.hosts
    return found is not None and found.status == "True" and same


def kept(o: DomainObservation, type_: ConditionType) -> Step:
    """As it was told, until there is something newer."""
    found = conditions.find(o.reservation.status.conditions, type_)
    if found is None:
        raise ValueError(f"nothing was told of {type_}")
    return done(Reason(found.reason), found.message)


def _left_alone(diff: Diff) -> str:
    names = ", ".join(f"{r.name} {r.type}" for r in diff.foreign)
    return f"Left as it is, because somebody else set it: {names}."


def _foreign_words(o: DomainObservation, found: Zone) -> str:
    whose = f"has the account {found.mark!r}" if found.mark else "has no account"
    return (
        f"A zone {o.name} exists in PowerDNS and is not this reservation's: it {whose}. It is never touched. Remove "
        f"it, or give it to this reservation: pdnsutil set-account {o.name} {o.uid}"
    )
