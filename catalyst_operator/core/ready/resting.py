"""Which Sovereigns rest: their status says all that a look could find out, so that nobody has to look.

A Sovereign that was handed off is its owner's. Whatever concerns the operator is in its own object, which is watched:
an edit, a request, a deletion. What nothing tells of, such as an archived state that somebody deleted, is looked at
once a day.
"""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import ConditionType
from catalyst_operator.api.phases import Phase
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.api.sovereign_status import MAX_REQUEST, MAX_STAMP, SovereignStatus
from catalyst_operator.core import conditions
from catalyst_operator.core.naming import digest_of

RESTS_FOR = timedelta(hours=24)


def rests(sovereign: Sovereign, status: SovereignStatus) -> bool:
    """Whether nothing is to be done for it, nor to be told, by this status."""
    meta = sovereign.metadata
    return (
        status.phase is Phase.HANDED_OFF
        and _is_true(status, ConditionType.HANDED_OFF)
        # Who may act for a restored one is judged by what stands in its run namespace.
        and sovereign.spec.original_uid is None
        and not _is_true(status, ConditionType.STALLED)
        and status.current_run is None
        and status.observed_generation == meta.generation
        and meta.deletion_timestamp is None
        and labels.FINALIZER_SOVEREIGN in meta.finalizers
        and not any(_is_unanswered(sovereign, annotation, told) for annotation, told in _answers(status).items())
    )


def first_look(uid: str) -> timedelta:
    """When an operator that has just started looks at one that rests: within the day, each at a time of its own."""
    return RESTS_FOR * (int(digest_of(uid)[:8], 16) / 2**32)


def _is_true(status: SovereignStatus, type_: ConditionType) -> bool:
    found = conditions.find(status.conditions, type_)
    return found is not None and found.status == "True"


def _answers(status: SovereignStatus) -> dict[str, str | None]:
    """What may be asked of one that was handed off, and what was answered."""
    return {
        labels.ANNOTATION_RECONCILE: status.last_handled_reconcile_at,
        labels.ANNOTATION_RETRY: status.last_handled_retry_at,
        labels.ANNOTATION_REBUILD: status.last_handled_rebuild,
    }


def _is_unanswered(sovereign: Sovereign, annotation: str, told: str | None) -> bool:
    most = MAX_REQUEST if annotation == labels.ANNOTATION_REBUILD else MAX_STAMP
    asked = sovereign.metadata.annotations.get(annotation, "")[:most]
    return bool(asked) and asked != told
