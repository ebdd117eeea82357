"""A verdict as data: the errors that it stands for."""

from __future__ import annotations

from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.errors import codes
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.verdict import Stance, Verdict

_UNNAMED = {
    Reason.CREDENTIALS_MISSING: codes.SECRET_MISSING,
    Reason.INVALID_SPEC: codes.SPEC_INVALID,
    Reason.NAME_CONFLICT: codes.NAME_TAKEN,
    Reason.REBUILD_REFUSED: codes.REBUILD_REFUSED,
    Reason.AWAITING_APPROVAL: codes.APPROVAL_NEEDED,
    Reason.RUN_CANCELLED: codes.RUN_CANCELLED,
    Reason.RUN_FAILED: codes.RUN_INTERRUPTED,
    Reason.PROTECTED_DELETION: codes.PROTECTED_DELETION,
    Reason.EXPORT_NOT_ACKNOWLEDGED: codes.EXPORT_NOT_ACKNOWLEDGED,
}
"""What a verdict is called that says all in its message."""


def errors_of(verdict: Verdict) -> tuple[ErrorEntry, ...]:
    """Why it does not go on. A person who has to do something is always told in data, too."""
    code = _UNNAMED.get(verdict.reason, codes.INTERNAL if verdict.stance is Stance.STALLED else None)
    if verdict.errors or code is None:
        return verdict.errors
    return (code.entry(verdict.message, command=verdict.command),)
