"""Events: told once, when a condition turns. Their names follow from what they tell, so a repeat is the same event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.domain_reservation import DomainReservation, DomainReservationStatus
from catalyst_operator.api.phases import ComponentState
from catalyst_operator.api.scalars import format_time
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.naming import digest_of

MAX_NOTE = 1000
QUIET = frozenset({ConditionType.READY.value, ConditionType.RECONCILING.value})
"""Conditions that only sum up others."""
BAD_REASONS = frozenset({Reason.DESTROY_FAILED.value, Reason.CREDENTIALS_MISSING.value})
"""Reasons that are no good news whatever the condition's status."""
UNTOLD = frozenset({Reason.PENDING.value, Reason.AWAITING_ADDRESS.value})
"""Reasons of a reservation that are a moment's, or its usual beginning."""
NORMAL_REASONS = frozenset(
    reason.value
    for reason in (
        Reason.AWAITING_APPROVAL,
        Reason.AWAITING_HAND_OFF,
        Reason.AWAITING_DELEGATION,
        Reason.AWAITING_ADDRESS,
        Reason.AWAITING_FLUX_BOOTSTRAP,
        Reason.DELETING,
        Reason.PENDING,
        Reason.PROGRESSING,
        Reason.QUEUED,
        Reason.RUNNING,
        Reason.WAITING,
        Reason.SKIPPED,
        Reason.SUSPENDED,
        Reason.DRY_RUN,
    )
)
"""Reasons that are a part of every good course, whatever the condition's status."""
BAD_WHEN_TRUE = frozenset({ConditionType.STALLED.value, ConditionType.DRIFTED.value})

TOLD_STATES = frozenset({ComponentState.INSTALLED, ComponentState.DEGRADED, ComponentState.FAILED})


def between(sovereign: Sovereign, after: SovereignStatus, now: datetime) -> list[dict[str, Any]]:
    """The events for what changed from the observed status to the new one."""
    news = _news(sovereign.status.conditions, after.conditions)
    return [_event(sovereign, c, now) for c in (*news, *_components(sovereign, after, now))]


def of_domain(reservation: DomainReservation, after: DomainReservationStatus, now: datetime) -> list[dict[str, Any]]:
    """The same for a reservation."""
    news = _news(reservation.status.conditions, after.conditions)
    return [_event(reservation, c, now) for c in news if c.reason not in UNTOLD]


def _news(before: Iterable[Condition], after: Iterable[Condition]) -> list[Condition]:
    """The conditions that turned, each story told once."""
    known = {c.type: c for c in before}
    turned = [c for c in after if _is_news(c) and _turned(known.get(c.type), c)]
    # Where Stalled says the same as another condition, it says it for both.
    said = {c.message for c in turned if c.type == ConditionType.STALLED.value}
    return [c for c in turned if c.type == ConditionType.STALLED.value or c.message not in said]


def _is_news(condition: Condition) -> bool:
    """What only sums up others is no news, unless a person is waited for that no other condition tells of."""
    waits = condition.type == ConditionType.RECONCILING.value and condition.reason == Reason.CREDENTIALS_MISSING.value
    return waits or condition.type not in QUIET


def _components(sovereign: Sovereign, after: SovereignStatus, now: datetime) -> list[Condition]:
    """What became of components of the kit, in the shape of conditions: as long as they only wait or are at work, the
    status says enough."""
    before = {c.name: c.state for c in sovereign.status.components}
    return [
        Condition(
            type="Component",
            status="True" if c.state is ComponentState.INSTALLED else "False",
            last_transition_time=c.since or now,
            reason=c.state.value.capitalize(),
            message=f"{c.name} is {c.state.value}. {c.message}".strip(),
        )
        for c in after.components
        if c.state in TOLD_STATES and before.get(c.name) is not c.state
    ]


def _turned(before: Condition | None, after: Condition) -> bool:
    if after.status == "Unknown":
        return False
    return before is None or (before.status, before.reason) != (after.status, after.reason)


def reason_of(type_: str, reason: str) -> str:
    """An event's reason, in CamelCase: the condition and what it says. One that speaks of the condition already is not
    put behind it: `KitReady` and `Ready` are `KitReady`, `Drifted` and `DriftDetected` are `DriftDetected`."""
    of_type, of_reason = _words(type_), _words(reason)
    if of_reason <= of_type:
        return type_
    return reason if of_type & of_reason else f"{type_}{reason}"


def _words(name: str) -> frozenset[str]:
    """The words of a name, without what grammar does to their ends."""
    return frozenset(word[:_STEM] for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name))


_STEM = 5


def _event(about: Sovereign | DomainReservation, condition: Condition, now: datetime) -> dict[str, Any]:
    meta = about.metadata
    # What has no namespace of its own is told in the default one, as Kubernetes itself does.
    place = {"namespace": meta.namespace} if meta.namespace else {}
    bad = condition.status == "False" or condition.type in BAD_WHEN_TRUE or condition.reason in BAD_REASONS
    bad = bad and condition.reason not in NORMAL_REASONS
    told = [meta.uid, condition.type, condition.reason, condition.message, format_time(condition.last_transition_time)]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta.name}.{digest_of(told)[:16]}", "namespace": meta.namespace or "default"},
        "involvedObject": {
            "apiVersion": labels.API_VERSION,
            "kind": type(about).__name__,
            "name": meta.name,
            **place,
            "uid": meta.uid_here,
        },
        "type": "Warning" if bad else "Normal",
        "reason": reason_of(condition.type, condition.reason),
        "message": condition.message[:MAX_NOTE],
        "source": {"component": labels.OPERATOR_NAME},
        "reportingComponent": labels.OPERATOR_NAME,
        "firstTimestamp": format_time(now),
        "lastTimestamp": format_time(now),
        "count": 1,
    }
