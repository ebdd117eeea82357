"""The domain of a Sovereign, as the Sovereign sees it: the reservation it wants, and how that stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition, Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import conditions
from catalyst_operator.core.errors import codes
from catalyst_operator.core.manifests import labels_for
from catalyst_operator.core.record import ErrorEntry

ROLE = "domain"
_Told = tuple[Truth, Reason, str]
DOMAIN_PATIENCE = timedelta(minutes=10)
"""How long a delegation may be waited for before it counts as an error."""

CODES = {
    Reason.DOMAIN_TAKEN: codes.DOMAIN_TAKEN,
    Reason.NAME_RESERVED: codes.DOMAIN_NAME,
    Reason.NOT_IN_POOL: codes.DOMAIN_NAME,
    Reason.UNDER_POOL: codes.DOMAIN_NAME,
    Reason.INVALID_SPEC: codes.DOMAIN_NAME,
    Reason.CREDENTIALS_MISSING: codes.REGISTRAR_CREDENTIALS,
    Reason.CREDENTIALS_INVALID: codes.REGISTRAR_CREDENTIALS,
    Reason.REGISTRAR_DENIED: codes.REGISTRAR_DENIED,
    Reason.REGISTRAR_UNREACHABLE: codes.REGISTRAR_UNAVAILABLE,
    Reason.LIVE_RECORDS: codes.LIVE_RECORDS,
    Reason.DNSSEC_ENABLED: codes.DNSSEC,
    Reason.ZONE_FOREIGN: codes.ZONE_FOREIGN,
    Reason.POWERDNS_UNREACHABLE: codes.DNS_UNAVAILABLE,
    Reason.AWAITING_DELEGATION: codes.NS_NOT_DELEGATED,
    Reason.SERVERS_DISAGREE: codes.NS_NOT_DELEGATED,
}
_NOT_TAKEN_OVER = frozenset({Reason.LIVE_RECORDS, Reason.DNSSEC_ENABLED})
_LATE_ONLY = frozenset({Reason.AWAITING_DELEGATION, Reason.SERVERS_DISAGREE})


@dataclass(frozen=True)
class DomainStanding:
    """How a Sovereign's domain stands."""

    reserved: _Told
    ready: _Told
    stalled: bool = False
    """Whether a person has to do something about it."""
    reason: Reason = Reason.PENDING
    """What is the matter, in one word."""

    @property
    def is_reserved(self) -> bool:
        """Whether money may be spent."""
        return self.reserved[0] == "True"

    @property
    def is_ready(self) -> bool:
        """Whether it is served and delegated."""
        return self.ready[0] == "True"


def manifest(sovereign: Sovereign, address: str | None) -> dict[str, Any]:
    """The reservation that the Sovereign wants. With an address it is served."""
    meta, domain = sovereign.metadata, sovereign.spec.domain
    spec: dict[str, Any] = {
        "mode": domain.mode.value,
        "sovereignRef": {"namespace": meta.namespace, "name": meta.name, "uid": meta.uid},
    }
    if domain.registrar is not None:
        spec["registrar"] = {
            "name": domain.registrar.name.value,
            "credentialsSecretRef": {
                "namespace": meta.namespace,
                "name": domain.registrar.credentials_secret_ref.name,
            },
            "acknowledgeLiveRecords": domain.registrar.acknowledge_live_records,
        }
    if address:
        spec["loadBalancerIP"] = address
    return {
        "apiVersion": labels.API_VERSION,
        "kind": "DomainReservation",
        "metadata": {"name": domain.fqdn, "labels": labels_for(sovereign, ROLE)},
        "spec": spec,
    }


def is_ours(sovereign: Sovereign, found: DomainReservation) -> bool:
    """Whether the reservation is this Sovereign's; one of another UID is another's, whatever it is called."""
    reference = found.spec.sovereign_ref
    return reference is not None and reference.uid == sovereign.metadata.uid


def differs(sovereign: Sovereign, address: str | None, found: DomainReservation) -> bool:
    """Whether the reservation asks for something else than the Sovereign wants. An address once set is not taken
    back: it is only ever replaced."""
    spec, domain = found.spec, sovereign.spec.domain
    wanted, registrar = domain.registrar, spec.registrar
    same_registrar = (wanted is None) == (registrar is None) and (
        wanted is None
        or registrar is None
        or (
            registrar.name is wanted.name
            and registrar.credentials_secret_ref.name == wanted.credentials_secret_ref.name
            and registrar.acknowledge_live_records == wanted.acknowledge_live_records
        )
    )
    return (
        spec.mode is not domain.mode
        or not same_registrar
        or (address or spec.load_balancer_ip) != spec.load_balancer_ip
    )


def standing(sovereign: Sovereign, found: DomainReservation | None) -> DomainStanding:
    """How the domain stands, in the Sovereign's words."""
    fqdn = sovereign.spec.domain.fqdn
    if found is None:
        message = f"The name {fqdn} is being reserved."
        return DomainStanding(("False", Reason.PENDING, message), ("False", Reason.AWAITING_ADDRESS, message))
    if not is_ours(sovereign, found):
        message = (
            f"The name {fqdn} is reserved for another owner. Choose another name; if it is given back, this goes on."
        )
        told: _Told = ("False", Reason.DOMAIN_TAKEN, message)
        return DomainStanding(told, told, stalled=True, reason=Reason.DOMAIN_TAKEN)
    if found.metadata.deletion_timestamp is not None:
        if sovereign.metadata.deletion_timestamp is not None:
            given_back: _Told = ("False", Reason.DELETING, f"The name {fqdn} is being given back.")
            return DomainStanding(given_back, given_back)
        message = f"The reservation of {fqdn} was deleted and is being given back; it is made anew then."
        return DomainStanding(("False", Reason.PENDING, message), ("False", Reason.PENDING, message))
    return _of_ours(found, fqdn)


def _of_ours(found: DomainReservation, fqdn: str) -> DomainStanding:
    told = found.status.conditions
    reserved, ready = (conditions.find(told, type_) for type_ in (ConditionType.RESERVED, ConditionType.READY))
    stalled = conditions.find(told, ConditionType.STALLED)
    if reserved is None or ready is None or found.status.observed_generation < found.metadata.generation:
        words: _Told = ("Unknown", Reason.PENDING, f"The reservation of {fqdn} was not looked at yet.")
        return DomainStanding(_before_spending(told, words) if reserved else words, words)
    return DomainStanding(
        _before_spending(told, (reserved.status, _reason(reserved), reserved.message)),
        _told_ready(ready, found),
        stalled is not None,
        _matter(ready, found),
    )


def _before_spending(told: tuple[Condition, ...], reserved: _Told) -> _Told:
    """Also the registrar has to agree, and nothing live to be in the way, before a euro is spent."""
    credentials = conditions.find(told, ConditionType.REGISTRAR_CREDENTIALS_VALID)
    delegated = conditions.find(told, ConditionType.DELEGATED)
    if reserved[0] != "True":
        return reserved
    if delegated is not None and _reason(delegated) in _NOT_TAKEN_OVER:
        return "False", _reason(delegated), delegated.message
    if credentials is not None and credentials.status != "True" and (delegated is None or delegated.status != "True"):
        return credentials.status, _reason(credentials), credentials.message
    return "True", Reason.RESERVED, reserved[2]


def _told_ready(ready: Condition, found: DomainReservation) -> _Told:
    matter, name = _matter(ready, found), found.metadata.name
    if matter is Reason.AWAITING_ADDRESS:
        told = f"{name} is reserved; it is served and delegated as soon as the load balancer has an address."
        return ready.status, matter, told
    return ready.status, matter, ready.message


def _matter(ready: Condition, found: DomainReservation) -> Reason:
    """The condition that says the same as Ready names the matter; the summary's own reason may be less precise."""
    sides = (c for c in found.status.conditions if c.type not in ("Ready", "Reconciling", "Stalled"))
    return _reason(next((c for c in sides if c.message == ready.message and c.status != "True"), ready))


def _reason(told: Condition) -> Reason:
    """Another version of the operator may have written one that this version does not know."""
    try:
        return Reason(told.reason)
    except ValueError:
        return Reason.PENDING


def error_of(found: DomainReservation | None, stands: DomainStanding, late: bool) -> ErrorEntry | None:
    """What is the matter as an error with a code; None while it is only a matter of time."""
    code = CODES.get(stands.reason)
    if code is None or stands.is_ready or (stands.reason in _LATE_ONLY and not late):
        return None
    return code.entry(stands.ready[2] if found else stands.reserved[2])


def needs_credentials(sovereign: Sovereign) -> str:
    """Name of the registrar's Secret, empty where none is needed."""
    domain = sovereign.spec.domain
    if domain.mode is not DomainMode.BYO_API or domain.registrar is None:
        return ""
    return domain.registrar.credentials_secret_ref.name
