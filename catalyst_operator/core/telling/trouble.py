"""What is said when the operator can neither read nor change what it has to: the verdict of last resort."""

from __future__ import annotations

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.verdict import Stance, Verdict


def trouble(said: str, *, lasting: bool) -> Verdict:
    """`lasting`: what the operator remembers cannot be read. Else the API server refused a request, and may not the
    next time."""
    if lasting:
        error = diagnosis.entry(codes.RECORD_LOST, said)
        message = f"{error.code}: {error.message} {error.remedy}"
        return Verdict(Stance.STALLED, Phase.FAILED, Reason.STATE_UNREADABLE, message, (error,))
    error = diagnosis.entry(codes.CLUSTER_REFUSED, said)
    message = f"{error.code}: {error.message}. It is tried again with growing pauses. {error.remedy}"
    return Verdict(Stance.WORKING, Phase.PENDING, Reason.RETRYING, message, (error,))
