"""Deciding for a Sovereign that may not act: one that nothing confirms, or that was given away.

Nothing of its cloud objects, its state, its keys or its domain is touched: they are somebody else's, or may be.
"""

from __future__ import annotations

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase
from catalyst_operator.core.actions import Decision, DeleteNamespace, ForgetCluster, RemoveFinalizer
from catalyst_operator.core.errors import codes
from catalyst_operator.core.moving.identity import Standing
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.telling import status
from catalyst_operator.core.verdict import Stance, Verdict


def decide(o: Observation) -> Decision:
    """What to do for a Sovereign whose standing is not OWN."""
    if o.standing is Standing.UNCONFIRMED:
        return _told(o, Reason.IDENTITY_UNCONFIRMED, codes.IDENTITY_UNCONFIRMED.entry(_unconfirmed_words(o)))
    unwatched = (ForgetCluster(),) if o.cluster else ()
    if o.sovereign.metadata.deletion_timestamp is None:
        told = _told(o, Reason.MOVED, codes.MOVED.entry(_given_away_words(o)))
        return Decision((*unwatched, *told.actions), told.status, requeue_after=told.requeue_after)
    if labels.FINALIZER_SOVEREIGN not in o.sovereign.metadata.finalizers:
        return Decision()
    # Where it goes on it has its own copies. Left here, they would be taken for those of an orphan, whose servers an
    # administrator is told to destroy.
    return Decision((*unwatched, DeleteNamespace(), RemoveFinalizer()))


def _told(o: Observation, reason: Reason, error: ErrorEntry) -> Decision:
    message = f"{error.code}: {error.message} {error.remedy}"
    verdict = Verdict(Stance.STALLED, Phase.PENDING, reason, message, (error,))
    return Decision((), status.of_trouble(o, verdict), requeue_after=o.settings.poll)


def _unconfirmed_words(o: Observation) -> str:
    here, original = o.sovereign.metadata.uid, o.sovereign.spec.original_uid
    if original is None:
        return f"Run namespace {o.run_namespace} names another object than this one (UID {here}) as its holder."
    return (
        f"spec.originalUID says that this is the Sovereign that was made as {original}, and no run namespace here "
        f"names this object (UID {here}) as its holder. Nothing is done for it."
    )


def _given_away_words(o: Observation) -> str:
    return (
        f"Run namespace {o.run_namespace} says that this Sovereign goes on elsewhere. Nothing is done for it here any "
        "more: neither a run nor, when it is deleted, a destroy."
    )
