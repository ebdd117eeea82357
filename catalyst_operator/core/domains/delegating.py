"""The delegation: what the parent has to hold, who puts it there, and whether the parent's own servers give it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core import conditions
from catalyst_operator.core.domains import registering
from catalyst_operator.core.domains import zone as zones
from catalyst_operator.core.domains.actions import ChangePool
from catalyst_operator.core.domains.claims.names import parent_of
from catalyst_operator.core.domains.observation import DnsReport, DomainObservation
from catalyst_operator.core.domains.questions import expected, is_delegated, is_seen, report
from catalyst_operator.core.domains.serving import kept, unreadable
from catalyst_operator.core.domains.steps import AFTER_CHANGE, Step, done, stalled, working
from catalyst_operator.core.errors import codes
from catalyst_operator.core.record import ErrorEntry

DELEGATION_PATIENCE = timedelta(minutes=10)
"""How long the parent's servers may take before it counts as an error."""


def delegated(o: DomainObservation) -> Step:
    """How the delegation stands. The zone is served by now."""
    mode = o.reservation.spec.mode
    if mode is DomainMode.POOL:
        return _in_pool(o) or seen(o)
    if mode is DomainMode.BYO_API:
        if is_delegated(o):
            return seen(o)
        return registering.flipped(o) or _propagating(o)
    return seen(o)


def _propagating(o: DomainObservation) -> Step:
    """Set at the registrar, when it was last asked; somebody may have set others since."""
    return replace(seen(o), actions=registering.look_if_due(o, registering.CHECK_AGAIN), again=registering.CHECK_AGAIN)


def _in_pool(o: DomainObservation) -> Step | None:
    """The pool's zone is ours to write to, but for what others put there."""
    pool = parent_of(o.name)
    trouble = unreadable(o.parent, f"pool's zone {pool}")
    if trouble:
        return trouble
    found = o.parent.zone if o.parent else None
    if found is None:
        message = f"The zone of the pool domain {pool} is not in PowerDNS."
        remedy = "Create it there, or correct the operator's setting CATALYST_POOL_DOMAINS."
        error = codes.DNS_UNAVAILABLE.entry(message, remedy=remedy, lasting=True, addresses=(pool,))
        return stalled(Reason.POWERDNS_UNREACHABLE, f"{message} {remedy}", status="Unknown", error=error)
    others = zones.strangers(found, o.name, o.uid)
    if others:
        names = tuple(f"{r.name} {r.type}" for r in others)
        message = (
            f"The zone {pool} holds records at or below this name that are not this reservation's "
            f"({', '.join(names[:5])}); a delegation would hide them."
        )
        remedy = "They are never touched: remove them, or choose another name."
        error = codes.ZONE_FOREIGN.entry(message, remedy=remedy, addresses=names)
        return stalled(Reason.ZONE_FOREIGN, f"{message} {remedy}", error=error)
    wanted = zones.delegation(o.name, o.uid, o.domains.nameservers)
    diff = zones.differences(found, wanted, o.uid, within=o.name)
    if not diff.changes:
        return None
    message = f"Delegating {o.name} in {pool}."
    change = ChangePool(pool, diff.changes)
    return working(Reason.AWAITING_DELEGATION, message, change, again=AFTER_CHANGE, error=_if_late(o, message))


def seen(o: DomainObservation) -> Step:
    """What the parent's own servers say."""
    told = report(o)
    if told is None and is_delegated(o):
        return kept(o, ConditionType.DELEGATED)
    if told is None:
        return _waits(o, f"Asking the servers of the zone above {o.name}.")
    if is_delegated(o) and not is_seen(o, told):
        words = told.error or "; ".join(a.words for a in told.delegation)
        return done(Reason.SUCCEEDED, f"Delegated to {', '.join(expected(o))} when that was last seen; now: {words}.")
    if told.error and not told.delegation:
        return _waits(o, f"The servers of the zone above {o.name} cannot be asked: {told.error}. {to_set(o)}")
    return _answered(o, told)


def _answered(o: DomainObservation, told: DnsReport) -> Step:
    right = [a for a in told.answers if a.values == expected(o)]
    signed = registering.signed(o)
    if is_delegated(o) and signed is not None:
        return signed
    if is_delegated(o):
        servers = ", ".join(a.server for a in right)
        silent = "; ".join(a.words for a in told.delegation if a.error)
        left_out = f" Not known from the others: {silent}." if silent else ""
        return done(Reason.SUCCEEDED, f"Delegated to {', '.join(expected(o))}, as seen at {servers}.{left_out}")
    words = "; ".join(a.words for a in told.delegation)
    if right:
        message = f"Not all servers of {told.parent} give {', '.join(expected(o))} for {o.name} yet: {words}."
        return _waits(o, message, Reason.SERVERS_DISAGREE)
    first = f" Before that, turn DNSSEC off for {o.name} there." if signed is not None else ""
    return _waits(o, f"{to_set(o)}{first} So far the servers of {told.parent} give: {words}.")


def _waits(o: DomainObservation, message: str, reason: Reason = Reason.AWAITING_DELEGATION) -> Step:
    return working(reason, message, summary=Reason.AWAITING_DELEGATION, error=_if_late(o, message))


def _waiting_since(o: DomainObservation) -> datetime:
    """Since when only the delegation is waited for: the zone answers, and the parent's servers do not follow."""
    found = o.reservation.status.conditions
    answers, delegated = (
        conditions.find(found, type_) for type_ in (ConditionType.ZONE_READY, ConditionType.DELEGATED)
    )
    if answers is None or answers.status != "True" or delegated is None or delegated.status == "True":
        return o.now
    return max(answers.last_transition_time, delegated.last_transition_time)


def _if_late(o: DomainObservation, message: str) -> ErrorEntry | None:
    """Waiting is an error once it takes long."""
    if o.now - _waiting_since(o) <= DELEGATION_PATIENCE:
        return None
    told = report(o)
    wrong = [a for a in told.delegation if a.error or a.values != expected(o)] if told else []
    asked = next((a.address or a.server for a in wrong if not a.error), "")
    command = f"dig @{asked} {o.name} NS +norecurse" if asked else f"kubectl get domainreservation {o.name} -o yaml"
    return codes.NS_NOT_DELEGATED.entry(message, command=command, addresses=tuple(a.words for a in wrong))


def to_set(o: DomainObservation) -> str:
    """Who has to do what."""
    hosts = ", ".join(expected(o))
    if o.reservation.spec.mode is not DomainMode.BYO_MANUAL:
        return f"Waiting for the parent's servers to give {hosts} for {o.name}."
    if o.domain.is_registered:
        return f"At your registrar, set the name servers of {o.name} to {hosts}, and no others."
    return f"In the zone above {o.name}, add these NS records for it, and no others: {hosts}."


def still_ours(told: DnsReport | None, hosts: tuple[str, ...]) -> bool | None:
    """Whether any server of the parent still delegates to our servers; None when that is not known: a zone is taken
    away only if more than half of them answer and none does."""
    if told is None or not told.delegation:
        return None
    if any(set(answer.values) & set(hosts) for answer in told.answers):
        return True
    return False if 2 * len(told.answers) > len(told.delegation) else None
