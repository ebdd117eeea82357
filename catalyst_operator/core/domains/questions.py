"""What is asked of name servers, and when: often while something is waited for, seldom once all is well."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

from catalyst_operator.api.common import Condition
from catalyst_operator.api.conditions import ConditionType
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core import conditions
from catalyst_operator.core.domains.actions import AskDns, DomainAction
from catalyst_operator.core.domains.claims.names import parent_of
from catalyst_operator.core.domains.observation import DnsQuestion, DnsReport, DomainObservation
from catalyst_operator.core.domains.zone import HOSTS
from catalyst_operator.core.naming import digest_of

SLOWEST = timedelta(seconds=20)
"""A delegation that somebody adds by hand is noticed within half a minute, however long it took."""


@dataclass(frozen=True)
class Asking:
    """The look that is due, if one is, and when the next one is."""

    actions: tuple[DomainAction, ...]
    again: timedelta


def question(o: DomainObservation) -> DnsQuestion:
    """What there is to ask now."""
    spec = o.reservation.spec
    return DnsQuestion(
        name=o.name,
        parent=parent_of(o.name),
        probe=probe_of(o),
        live=spec.mode is DomainMode.BYO_API and o.domain.is_registered,
    )


def probe_of(o: DomainObservation) -> str:
    """The name whose address our servers are asked for: the console's, or the first that is as it should be. Empty
    where somebody else has them all, and while the name is given back: nobody waits for an answer then."""
    zone = o.our_zone
    if zone is None or o.deleting:
        return ""
    candidates = (f"console.{o.name}", *(f"{label}.{o.name}" if label else o.name for label in HOSTS if label != "*"))
    wanted = (o.reservation.spec.load_balancer_ip,)
    found = ((name, zone.find(name, "A")) for name in candidates)
    return next((name for name, rrset in found if rrset and (rrset.mark == o.uid or rrset.values == wanted)), "")


def key_of(o: DomainObservation) -> str:
    """Of a report that answers what is asked now."""
    return digest_of({**asdict(question(o)), "address": o.reservation.spec.load_balancer_ip})[:16]


def report(o: DomainObservation) -> DnsReport | None:
    """The last answer, if it is one to what is asked now."""
    return o.dns if o.dns is not None and o.dns.key == key_of(o) else None


def ask(o: DomainObservation) -> Asking:
    """Ask now, or later."""
    told = report(o)
    pause = _pause(o)
    left = told.at + pause - o.now if told else timedelta(0)
    if left <= timedelta(0):
        return Asking((AskDns(key_of(o), question(o)),), pause)
    return Asking((), left)


def expected(o: DomainObservation) -> tuple[str, ...]:
    """What the parent has to give."""
    return o.domains.hosts


def is_delegated(o: DomainObservation) -> bool:
    """Whether every server of the parent that answers gives our servers and no others, and one does. Silence says
    nothing: a server that is dead, or that cannot be reached from here, neither holds up a delegation nor takes it
    back, and a process that has not asked yet does not either; only another answer does."""
    told = report(o)
    if told is None:
        return _was_delegated(o)
    return (_was_delegated(o) or is_seen(o, told)) and all(a.values == expected(o) for a in told.answers)


def is_seen(o: DomainObservation, told: DnsReport) -> bool:
    """Whether a server of the parent gives our servers and no others."""
    return any(a.values == expected(o) for a in told.answers)


def _was_delegated(o: DomainObservation) -> bool:
    status = o.reservation.status
    found = conditions.find(status.conditions, ConditionType.DELEGATED)
    return found is not None and found.status == "True" and status.nameservers == expected(o)


def _pause(o: DomainObservation) -> timedelta:
    """A tenth of the time that it has been waited for, between the settings' pause and twenty seconds. While a name is
    given back, only a person may still be waited for."""
    if o.deleting:
        return SLOWEST
    if _is_settled(o):
        return o.domains.settled_check
    since = [c.last_transition_time for c in _waited_for(o)]
    waited = o.now - max(since, default=o.now)
    return max(o.domains.check, min(waited / 10, SLOWEST))


def _is_settled(o: DomainObservation) -> bool:
    told = report(o)
    if told is None or not is_delegated(o) or not is_seen(o, told):
        return False
    address = o.reservation.spec.load_balancer_ip
    answers = bool(told.authority) or not probe_of(o)
    return not told.error and not told.signed and answers and all(address in a.values for a in told.authority)


def _waited_for(o: DomainObservation) -> list[Condition]:
    types = (ConditionType.ZONE_READY, ConditionType.DELEGATED)
    found = (conditions.find(o.reservation.status.conditions, type_) for type_ in types)
    return [c for c in found if c is not None and c.status != "True"]
