"""Who a Sovereign is: the UID that its run namespace, its state, its labels in the cloud and its keys carry.

The API server gives every object that is made a new UID, one that is restored as well. So a restored Sovereign says in
`spec.originalUID` who it was. Its owner can write anything there; what makes it true is that the run namespace, which
only the operator and administrators who break the glass write to, names this very object as its holder. The same
annotation, with somebody else in it, says that the Sovereign was given away: whoever it was does nothing more.

Why: docs/decisions/0093-who-a-restored-sovereign-is.md
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from catalyst_operator.api.sovereign import Sovereign

ELSEWHERE = "elsewhere"
"""Stands in a run namespace for a holder on another cluster."""


class Standing(Enum):
    """Whether a Sovereign may act as the one that it says it is."""

    OWN = "it is the one that it says it is"
    UNCONFIRMED = "its run namespace does not name it as its holder"
    GIVEN_AWAY = "it goes on on another cluster"


@dataclass(frozen=True)
class Holding:
    """What a run namespace says about whose it is."""

    proven: bool
    """Whether it bears the operator's proof for the UID that the Sovereign claims."""
    held_by: str = ""
    """UID of the object that holds it, or ELSEWHERE; empty for the one that it was made for."""


def claimed(sovereign: Sovereign) -> str:
    """The UID that the Sovereign says it has: the one that it was made with."""
    return sovereign.spec.original_uid or sovereign.metadata.uid


def judge(sovereign: Sovereign, space: str, holding: Holding | None) -> Standing:
    """How a Sovereign stands to the run namespace `space` of the UID that it claims; None if there is none."""
    original, here = sovereign.spec.original_uid, sovereign.metadata.uid
    proven, held_by = (holding.proven, holding.held_by) if holding else (False, "")
    # Only the operator writes status: with this in it, it has acted as the one that it claims to be.
    acted = original is None or sovereign.status.run_namespace == space
    if proven and held_by == ELSEWHERE:
        return Standing.GIVEN_AWAY if acted else Standing.UNCONFIRMED
    if original is None:
        return Standing.UNCONFIRMED if proven and held_by not in ("", here) else Standing.OWN
    return Standing.OWN if proven and held_by == here else Standing.UNCONFIRMED
