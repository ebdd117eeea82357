"""The domain of a Sovereign, as the Sovereign sees it: the reservation it wants, and how that stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition, Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.api.sovereign_status import MAX_STAMP
from catalyst_operator.core import conditions
from catalyst_operator.core.domains.claims.beforehand import outlook
from catalyst_operator.core.domains.steps import DomainStance
from catalyst_operator.core.errors import codes
from catalyst_operator.core.manifests import labels_for
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project.preflight import Check
from catalyst_operator.core.record import ErrorEntry

ROLE = "domain"
PREFLIGHT_NAME = "domain"
"""Of the check of the name among those before anything is spent."""
_Told = tuple[Truth, Reason, str]
_NOT_TAKEN_OVER = frozenset({Reason.LIVE_RECORDS, Reason.DNSSEC_ENABLED})


@dataclass(frozen=True)
class DomainStanding:
    """How a Sovereign's domain stands."""

    reserved: _Told
    ready: _Told
    stalled: bool = False
    """Whether a person has to do something about it."""
    reason: Reason = Reason.PENDING
    """What is the matter, in one word."""
    retry_at: datetime | None = None
    """When the operator tries again by itself."""

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
    meta_wanted: dict[str, Any] = {"name": domain.fqdn, "labels": labels_for(sovereign, ROLE)}
    if retry := retry_of(sovereign):
        meta_wanted["annotations"] = {labels.ANNOTATION_RETRY: retry}
    return {
        "apiVersion": labels.API_VERSION,
        "kind": "DomainReservation",
        "metadata": meta_wanted,
        "spec": spec,
    }


def retry_of(sovereign: Sovereign) -> str:
    """What the Sovereign's owner asked for another try with: a registrar that was given up is asked again then."""
    return sovereign.metadata.annotations.get(labels.ANNOTATION_RETRY, "")[:MAX_STAMP]


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
        retry_of(sovereign) not in ("", found.metadata.annotations.get(labels.ANNOTATION_RETRY, ""))
        or spec.mode is not domain.mode
        or not same_registrar
        or (address or spec.load_balancer_ip) != spec.load_balancer_ip
    )


def standing(sovereign: Sovereign, found: DomainReservation | None) -> DomainStanding:
    """How the domain stands, in the Sovereign's words."""
    fqdn = sovereign.spec.domain.fqdn
    if found is None:
        message = f"{paused}: {fqdn} is reserved then." if (paused := _paused(sovereign)) else ""
        message = message or f"The name {fqdn} is being reserved."
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
        if paused := _paused(sovereign):
            message = f"The reservation of {fqdn} was deleted and is being given back. {paused}; it is made anew then."
        return DomainStanding(("False", Reason.PENDING, message), ("False", Reason.PENDING, message))
    return _of_ours(sovereign, found, fqdn)


def _paused(sovereign: Sovereign) -> str:
    """What has to happen before anything more is done for the name, as a clause; empty where nothing has to."""
    if sovereign.metadata.deletion_timestamp is not None:
        return ""
    if sovereign.spec.suspend:
        return "It waits until spec.suspend is false"
    return "It waits until spec.dryRun is false" if sovereign.spec.dry_run else ""


def _of_ours(sovereign: Sovereign, found: DomainReservation, fqdn: str) -> DomainStanding:
    told = found.status.conditions
    reserved, ready = (conditions.find(told, type_) for type_ in (ConditionType.RESERVED, ConditionType.READY))
    stalled = conditions.find(told, ConditionType.STALLED)
    if reserved is None or ready is None or found.status.observed_generation < found.metadata.generation:
        words: _Told = ("Unknown", Reason.PENDING, f"The reservation of {fqdn} was not looked at yet.")
        return DomainStanding(_before_spending(told, words) if reserved else words, words)
    return DomainStanding(
        _before_spending(told, (reserved.status, _reason(reserved), reserved.message)),
        _told_ready(sovereign, ready, found),
        stalled is not None,
        _matter(ready, found),
        found.status.retry_at,
    )


def _before_spending(told: tuple[Condition, ...], reserved: _Told) -> _Told:
    """Also the registrar has to agree, and nothing live to be in the way, before a euro is spent."""
    credentials = conditions.find(told, ConditionType.REGISTRAR_CREDENTIALS_VALID)
    delegated = conditions.find(told, ConditionType.DELEGATED)
    refused = credentials is not None and credentials.status != "True"
    if reserved[0] != "True" and credentials is not None and refused and reserved[1] is Reason.PENDING:
        return credentials.status, _reason(credentials), credentials.message
    if reserved[0] != "True":
        return reserved
    if delegated is not None and _reason(delegated) in _NOT_TAKEN_OVER:
        return "False", _reason(delegated), delegated.message
    if credentials is not None and refused and (delegated is None or delegated.status != "True"):
        return credentials.status, _reason(credentials), credentials.message
    return "True", Reason.RESERVED, reserved[2]


def _told_ready(sovereign: Sovereign, ready: Condition, found: DomainReservation) -> _Told:
    matter, name = _matter(ready, found), found.metadata.name
    if matter is Reason.AWAITING_ADDRESS:
        paused = _paused(sovereign)
        told = f"{name} is reserved; it is served and delegated as soon as the load balancer has an address."
        if paused:
            told = f"{paused}: {name} is reserved, and is served and delegated then, at the load balancer's address."
        return ready.status, matter, told
    return ready.status, matter, ready.message


def _matter(ready: Condition, found: DomainReservation) -> Reason:
    """What Ready speaks of; its own reason may be less precise."""
    matter = found.status.waits_for
    side = next((c for c in found.status.conditions if c.type == matter), None)
    return _reason(side or ready)


def _reason(told: Condition) -> Reason:
    """Another version of the operator may have written one that this version does not know."""
    try:
        return Reason(told.reason)
    except ValueError:
        return Reason.PENDING


def errors_of(sovereign: Sovereign, found: DomainReservation | None, stands: DomainStanding) -> tuple[ErrorEntry, ...]:
    """What is the matter, as errors with a code; empty while it is only a matter of time. The reservation says it."""
    if found is not None and not is_ours(sovereign, found):
        name = found.metadata.name
        return (codes.DOMAIN_TAKEN.entry(f"The name {name} is reserved for another owner.", addresses=(name,)),)
    if found is None or stands.is_ready:
        return ()
    return tuple(
        ErrorEntry(e.code, e.message, e.remedy, stands.stalled, e.affected, e.command) for e in found.status.last_errors
    )


def preflight_check(o: Observation) -> Check | None:
    """The name as a part of what is checked before anything is spent; None where there is nothing to check any more,
    or nobody to check it."""
    sovereign, found = o.sovereign, o.reservation
    if o.settings.domains is None or sovereign.status.outputs is not None:
        return None
    if found is not None:
        stands = standing(sovereign, found)
        result = _result(stands.is_reserved, stands.stalled)
        error = next(iter(errors_of(sovereign, found, stands)), None)
        # How long it is held without an address changes, and this stays as it was told once there is one.
        told = f"{sovereign.spec.domain.fqdn} is reserved." if stands.is_reserved else stands.reserved[2]
        return Check(PREFLIGHT_NAME, result, told, error)
    if o.name is None:
        return None
    step = outlook(o.name).step
    result = _result(step.stance is DomainStance.DONE, step.stance is DomainStance.STALLED)
    return Check(PREFLIGHT_NAME, result, step.message, step.error)


def _result(passed: bool, failed: bool) -> PreflightResult:
    if passed:
        return PreflightResult.PASSED
    return PreflightResult.FAILED if failed else PreflightResult.UNKNOWN


def needs_credentials(sovereign: Sovereign) -> str:
    """Name of the registrar's Secret, empty where none is needed."""
    domain = sovereign.spec.domain
    if domain.mode is not DomainMode.BYO_API or domain.registrar is None:
        return ""
    return domain.registrar.credentials_secret_ref.name
