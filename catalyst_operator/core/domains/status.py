"""The whole status of a DomainReservation, from the observation and how each side stands."""

from __future__ import annotations

from collections.abc import Mapping

from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition, LastError, Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.domain_reservation import Delegation, DnsRecord, DomainReservationStatus
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core import conditions
from catalyst_operator.core.domains.claims import claim, proof
from catalyst_operator.core.domains.claims.names import absolute, parent_of
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.core.domains.questions import report
from catalyst_operator.core.domains.steps import DomainStance, Step
from catalyst_operator.core.domains.zone import Zone
from catalyst_operator.core.errors.last_errors import MAX_ERRORS, last_error

MAX_RECORDS, MAX_VALUES, MAX_VALUE, MAX_SEEN, MAX_PREVIOUS, MAX_STAMP = 64, 32, 512, 32, 13, 64
LONGEST_NAME, ROOT = 254, "."
_SUMMARY = (ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED)


def build(o: DomainObservation, sides: Mapping[ConditionType, Step], *, proven: bool = True) -> DomainReservationStatus:
    """The status after this observation. Without `proven` the name counts as nobody's, whatever is seen of it."""
    open_ones = {type_: step for type_, step in sides.items() if step.stance is not DomainStance.DONE}
    # What a person has to do comes first: the rest may be waiting for just that.
    in_order = sorted(open_ones.items(), key=lambda one: one[1].stance is not DomainStance.STALLED)
    type_, first = in_order[0] if in_order else (None, None)
    told = [(type_, step.status, step.reason, step.message) for type_, step in sides.items()]
    after = _status(o, [*_summary(o, first), *told], _kept(o, sides), tuple(step for _, step in in_order))
    shown = proven and o.settings.domains is not None and proof.is_proven(o)
    return after.model_copy(update={"waits_for": type_.value if type_ else None, "proven": shown})


def summed_up(o: DomainObservation, step: Step) -> DomainReservationStatus:
    """The status with another summary, and all that was told before: while it is given back, or cannot be looked at."""
    after = _status(o, _summary(o, step), _kept(o, {}), (step,))
    return after.model_copy(update={"waits_for": None})


def _summary(o: DomainObservation, step: Step | None) -> list[tuple[ConditionType, Truth, Reason, str]]:
    if step is None:
        address = o.reservation.spec.load_balancer_ip
        message = f"{o.name} is served with {address} and delegated to {', '.join(o.domains.hosts)}."
        return [(ConditionType.READY, "True", Reason.SUCCEEDED, message)]
    truth: Truth = "Unknown" if step.status == "Unknown" else "False"
    ready = step.reason if step.stance is DomainStance.WAITING else step.summary
    found: list[tuple[ConditionType, Truth, Reason, str]] = [(ConditionType.READY, truth, ready, step.message)]
    if step.stance is DomainStance.WORKING:
        found.append((ConditionType.RECONCILING, "True", ready, step.message))
    if step.stance is DomainStance.STALLED:
        found.append((ConditionType.STALLED, "True", ready, step.message))
    return found


def _kept(o: DomainObservation, sides: Mapping[ConditionType, Step]) -> list[Condition]:
    """What this look did not touch on stays as it was told, but for what another mode had."""
    told = {type_.value for type_ in (*sides, *_SUMMARY)}
    if o.reservation.spec.mode is not DomainMode.BYO_API:
        told.add(ConditionType.REGISTRAR_CREDENTIALS_VALID.value)
    return [c for c in o.reservation.status.conditions if c.type not in told]


def _status(
    o: DomainObservation,
    told: list[tuple[ConditionType, Truth, Reason, str]],
    kept: list[Condition],
    steps: tuple[Step, ...],
) -> DomainReservationStatus:
    before, generation = o.reservation.status, o.reservation.metadata.generation
    made = [conditions.condition(*entry, generation=generation, now=o.now) for entry in told]
    ours = o.our_zone
    uncertain = o.zone is None or bool(o.zone.problem)
    served = before.zone if uncertain else (absolute(ours.name) if ours else None)
    records = before.records if uncertain else (_records(ours) if ours else ())
    return before.model_copy(
        update={
            "observed_generation": generation,
            "conditions": conditions.merge(before.conditions, (*made, *kept)),
            "last_errors": _errors(o, steps),
            "retry_at": min((step.retry_at for step in steps if step.retry_at), default=None),
            "expires_at": None if claim.is_committed(o) or not _is_held(told) else claim.expiry(o),
            "nameservers": o.settings.domains.hosts if o.settings.domains else (),
            "zone": served,
            "records": records,
            "delegation": _delegation(o) or before.delegation,
            "previous_nameservers": (o.previous or ())[:MAX_PREVIOUS],
            "last_handled_reconcile_at": _stamp(o),
        }
    )


def _errors(o: DomainObservation, steps: tuple[Step, ...]) -> tuple[LastError, ...]:
    """Each code once: where one side waits for another, it says the same."""
    reference, registrar = o.reservation.spec.sovereign_ref, o.reservation.spec.registrar
    marks = {
        "{namespace}": reference.namespace if reference else "",
        "{name}": reference.name if reference else "",
        "{secret}": registrar.credentials_secret_ref.name if registrar else "",
    }
    found = {step.error.code: step.error for step in reversed(steps) if step.error}
    entries = list(reversed(found.values()))[:MAX_ERRORS]
    return tuple(last_error(entry, o.settings.runbook_url, marks) for entry in entries)


def _is_held(told: list[tuple[ConditionType, Truth, Reason, str]]) -> bool:
    return any(type_ is ConditionType.RESERVED and truth == "True" for type_, truth, _, _ in told)


def _stamp(o: DomainObservation) -> str | None:
    value = o.reservation.metadata.annotations.get(labels.ANNOTATION_RECONCILE)
    return value[:MAX_STAMP] if value else None


def _records(zone: Zone) -> tuple[DnsRecord, ...]:
    shown = (r for r in zone.rrsets if r.type != "SOA")
    found = (
        DnsRecord(
            name=_relative(r.name, zone.name), type=r.type, values=tuple(v[:MAX_VALUE] for v in r.values[:MAX_VALUES])
        )
        for r in sorted(shown, key=lambda r: (r.name != zone.name, r.name, r.type))
    )
    return tuple(found)[:MAX_RECORDS]


def _relative(name: str, zone: str) -> str:
    return "@" if name == zone else name.removesuffix(f".{zone}")


def _delegation(o: DomainObservation) -> Delegation | None:
    """What the parent's servers said; before they were asked, what they will be asked for."""
    if o.settings.domains is None:
        return None
    told = report(o)
    if told is None or not told.parent:
        known = o.reservation.status.delegation
        return known if known else Delegation(parent=parent_of(o.name), expected=o.domains.hosts)
    seen = sorted({value for answer in told.delegation for value in answer.values})
    # The zone above may name anything: the root is empty here, and unusual letters take four places each.
    names = tuple(value[:LONGEST_NAME] or ROOT for value in seen[:MAX_SEEN])
    return Delegation(parent=told.parent, seen=names, expected=o.domains.hosts)
