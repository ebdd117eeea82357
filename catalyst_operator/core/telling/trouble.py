"""What is said when the operator can neither read nor change what it has to: the verdict of last resort."""

from __future__ import annotations

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase
from catalyst_operator.core.errors import codes
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.verdict import Stance, Verdict
from catalyst_operator.errors import CatalystError, CorruptRecord

AGAIN = "It is tried again with growing pauses, of 5 minutes at most."


def trouble(error: Exception) -> Verdict:
    """What the operator met instead of finishing a pass: a record that it cannot read, which lasts; a request that
    the API server did not answer as asked; or a fault of the operator's own."""
    entry = _entry(error)
    if isinstance(error, CorruptRecord):
        message = f"{entry.code}: {entry.message} {entry.remedy}"
        return Verdict(Stance.STALLED, Phase.FAILED, Reason.STATE_UNREADABLE, message, (entry,))
    message = f"{entry.code}: {entry.message.rstrip('.')}. {AGAIN} {entry.remedy}"
    return Verdict(Stance.WORKING, Phase.PENDING, Reason.RETRYING, message, (entry,))


def of_errand(error: Exception, doing: str) -> ErrorEntry:
    """What is told of an errand that ended in an error which nobody foresaw; `doing` is a noun."""
    said = str(error).rstrip(".") if isinstance(error, CatalystError) else type(error).__name__
    return codes.OPERATOR.entry(f"{doing[:1].upper()}{doing[1:]} failed: {said}. It is tried again every few seconds")


def _entry(error: Exception) -> ErrorEntry:
    if isinstance(error, CorruptRecord):
        return codes.RECORD_LOST.entry(str(error))
    if isinstance(error, CatalystError):
        return codes.CLUSTER_REFUSED.entry(str(error))
    # Its words may hold what it choked on, which may be a Secret's: they are for the log alone.
    return codes.OPERATOR.entry(f"The operator met an error of its own, {type(error).__name__}")
