"""The part of a Sovereign's status that speaks of its new cluster.

What cannot be seen at the moment is told as it was seen last: a restart of the operator, or a link that is down, takes
nothing back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.enums import HandOffMode
from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.api.sovereign_status import ComponentStatus, Endpoints, KustomizationStatus, Phase1InForce
from catalyst_operator.core import conditions, kit, naming
from catalyst_operator.core.access import transfer
from catalyst_operator.core.kit import releases
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.expected import MAX_NAME
from catalyst_operator.core.phase1.views import KustomizationView, Link
from catalyst_operator.core.ready import before_hand_off, crossplane_token
from catalyst_operator.core.ready.assessment import Assessment
from catalyst_operator.core.record import HandOff, Record
from catalyst_operator.core.redact import shorten
from catalyst_operator.core.telling.phase_conditions import Told

INFRASTRUCTURE_DONE, FLUX_DONE, KIT_DONE = 50, 60, 98
"""Percent: the servers stand; Flux runs there; the kit is installed, and what else Ready stands for is not."""
MAX_COMPONENTS = 256
MAX_KUSTOMIZATIONS = 64


def progress(found: Assessment) -> int:
    """How far a Sovereign is whose infrastructure stands, in percent. What was reached stays so, whatever happens to
    the cluster later."""
    if found.was_ready:
        return 100
    if found.stood:
        return KIT_DONE
    if not found.flux.done:
        return INFRASTRUCTURE_DONE
    total = len(found.judgement.components)
    return FLUX_DONE + (KIT_DONE - FLUX_DONE) * found.judgement.installed // total if total else FLUX_DONE


# --- conditions -------------------------------------------------------------------------------------------------------

KIT_REASONS = {
    Phase1Outcome.READY: Reason.READY,
    Phase1Outcome.FAILED: Reason.FAILED,
    Phase1Outcome.FLUX_NOT_RECONCILING: Reason.FLUX_NOT_RECONCILING,
    Phase1Outcome.TIMEOUT: Reason.TIMEOUT,
}
_NO_CLUSTER: Told = ("Unknown", Reason.WAITING, "The infrastructure is not there yet.")


def conditions_of(o: Observation, record: Record, found: Assessment | None) -> dict[ConditionType, Told]:
    """The conditions of the new cluster: FluxBootstrap always, KitReady and HandedOff once there is a cluster."""
    told = {ConditionType.FLUX_BOOTSTRAP: _flux(o, record, found)}
    if record.bootstrap is None:
        return told
    told[ConditionType.KIT_READY] = _kit(o, record, found)
    told[ConditionType.HANDED_OFF] = _handed_off(o, record, found)
    return told


def _before(o: Observation, type_: ConditionType) -> Told | None:
    found = conditions.find(o.sovereign.status.conditions, type_)
    return (found.status, found.reason, found.message) if found else None


def _flux(o: Observation, record: Record, found: Assessment | None) -> Told:
    # A link that broke is told at once: this condition is about the link, too. In a hand-off it is given up on purpose.
    broken = o.cluster is not None and o.cluster.link.state is Link.DOWN
    if found is None or record.hand_off or (found.stands_until and not broken):
        return _before(o, ConditionType.FLUX_BOOTSTRAP) or (
            (found.flux.status, found.flux.reason, found.flux.message) if found else _NO_CLUSTER
        )
    return found.flux.status, found.flux.reason, found.flux.message


def _kit(o: Observation, record: Record, found: Assessment | None) -> Told:
    if found is None:
        kept = _before(o, ConditionType.KIT_READY)
        return kept or ("Unknown", Reason.PROGRESSING, "The new cluster is not watched any more.")
    judged = found.judgement
    kept = None if _seen_now(o) and not found.stands_until else _before(o, ConditionType.KIT_READY)
    if kept and (judged.outcome is None or record.hand_off or found.stands_until):
        return kept
    if judged.outcome is None:
        reason = Reason.UPGRADING if found.upgrading else Reason.PROGRESSING
        return "Unknown", reason, judged.message or "Nothing was seen of the kit yet."
    cause = found.errors[0] if found.errors and judged.outcome is not Phase1Outcome.READY else None
    why = f" {cause.code}: {cause.message} {cause.remedy}" if cause else ""
    truth = "True" if judged.outcome is Phase1Outcome.READY else "False"
    return truth, KIT_REASONS[judged.outcome], f"{judged.message}{why}".strip()  # type: ignore[return-value]


def _handed_off(o: Observation, record: Record, found: Assessment | None) -> Told:
    hand_off = record.hand_off
    if hand_off is None:
        before = _before(o, ConditionType.HANDED_OFF) if found and found.stands_until else None
        return before or _awaiting_hand_off(o, record, found)
    if hand_off.finished is None:
        paused = " Suspended." if o.sovereign.spec.suspend else ""
        return "Unknown", Reason.RUNNING, f"Under way since {hand_off.started:%Y-%m-%d %H:%M:%S} UTC.{paused}"
    proof = (
        f"At {hand_off.refused:%Y-%m-%d %H:%M:%S} UTC the new cluster refused the operator's certificates, which were "
        "still valid: their rights are gone. "
        if hand_off.refused
        else ""
    )
    kept = "Authorities, join tokens and the copy of the token are deleted; the OpenTofu state is archived in Secret "
    return "True", Reason.HANDED_OFF, f"{proof}{kept}{o.run_namespace}/archived-state. {_given(o, hand_off)}"


def _given(o: Observation, hand_off: HandOff) -> str:
    """What the Sovereign's own Crossplane has of the servers."""
    if hand_off.given:
        where = f"{transfer.NAMESPACE}/{naming.STATE_SECRET}"
        return f"Its Crossplane has the state too, under a key of its own: Secret {where} on the new cluster."
    if hand_off.not_given:
        return f"Its Crossplane could not be given the state: {hand_off.not_given}."
    if o.sovereign.spec.crossplane:
        return "Its Crossplane has no state: this hand-off was before there was one to give."
    return "Its Crossplane has no state, since spec.crossplane was not set."


def _awaiting_hand_off(o: Observation, record: Record, found: Assessment | None) -> Told:
    if taken := before_hand_off.name_taken(o):
        return "False", Reason.NAME_CONFLICT, taken
    if found and not found.missing and (behind := before_hand_off.behind(o, record)):
        return "False", Reason.AWAITING_HAND_OFF, behind
    if found and not found.missing and (token := crossplane_token.standing(o, record)).error:
        return "False", token.reason, token.lacking
    if o.sovereign.spec.hand_off.mode is HandOffMode.MANUAL:
        return "False", Reason.AWAITING_HAND_OFF, "Waits for the annotation handOffRequestedAt once it is ready."
    return "False", Reason.AWAITING_HAND_OFF, "Follows by itself once everything is ready."


# --- fields -----------------------------------------------------------------------------------------------------------


def fields(o: Observation, record: Record, found: Assessment | None) -> dict[str, Any]:
    """Fields of the status by their names in the model."""
    begun = record.bootstrap
    told: dict[str, Any] = {"release": record.release or None, "unverified_downloads": _unverified(record.release)}
    if begun is None:
        return told
    told["phase1_outcome"] = begun.outcome
    told["kit_revision"] = begun.applied or None
    if begun.outcome is Phase1Outcome.READY or record.hand_off:
        told["endpoints"] = endpoints(o.sovereign.spec.domain.fqdn)
    if found is None:
        return told
    told["phase1"] = Phase1InForce(
        first_seen_timeout=found.limits.first_seen_timeout,
        watch_timeout=o.sovereign.spec.phase1.watch_timeout or o.settings.watch_timeout,
        min_components=found.limits.min_components,
        first_seen_deadline=found.limits.first_seen_deadline,
        watch_deadline=found.limits.watch_deadline,
    )
    if _seen_now(o) and found.view is not None:
        # A list by name: whatever a cluster says its objects are called, there are no two of one name.
        ours = {k.known_as[:MAX_NAME]: k for k in found.view.kustomizations if found.expected.has(k)}
        told["components"] = _components(o, found)
        told["components_summary"] = found.judgement.summary
        told["kustomizations"] = tuple(map(_kustomization, ours, ours.values()))[:MAX_KUSTOMIZATIONS]
    return told


def _unverified(release: str) -> tuple[str, ...]:
    """Of a release that this version of the operator does not know, nothing is known."""
    found = releases.load().releases.get(release)
    return found.unverified if found else ()


def seen_at(o: Observation) -> datetime | None:
    """When this operator saw the new cluster last; None if it did not yet."""
    view = o.cluster
    if view is None or view.survey is None:
        return None
    return o.now if view.seen else view.unseen_since or view.link.since


def endpoints(fqdn: str) -> Endpoints:
    """The Sovereign's URLs."""
    return Endpoints(**{name: f"https://{name}.{fqdn}" for name in ("console", "gitea", "admin", "api")})


def _seen_now(o: Observation) -> bool:
    """Whether what is known of the kit was read by this operator; before that, what was told last stands."""
    return o.cluster is not None and o.cluster.synced


def _components(o: Observation, found: Assessment) -> tuple[ComponentStatus, ...]:
    pulled = kit.pulled_in(o.sovereign.spec)
    return tuple(
        ComponentStatus(
            name=c.name,
            state=c.state,
            message=shorten(c.message),
            since=c.since,
            pulled_in_by=pulled.get(c.name, ()),
        )
        for c in found.judgement.components[:MAX_COMPONENTS]
    )


def _kustomization(name: str, view: KustomizationView) -> KustomizationStatus:
    ready = view.condition("Ready")
    return KustomizationStatus(name=name, ready=view.ready, message=shorten(ready.message) if ready else "")
