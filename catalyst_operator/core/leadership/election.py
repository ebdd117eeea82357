"""Who may write, and who may take over, each by a clock of its own that nobody else's has to agree with.

Whoever holds the Lease counts from when it *began* its last renewal, and may write for two thirds of the Lease's
duration. Whoever waits counts from when it saw the Lease change for the last time, and takes it after all of the
duration, by a write that the API server accepts only if the Lease is still the one that was seen. So the last write of
the one comes before the first of the other, as long as no clock runs half as fast again as the other. Times are seconds
of such a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SHORTEST_LEASE, LONGEST_LEASE = 5.0, 300.0
"""Seconds. Shorter, and an API server that hesitates costs the Lease; longer, and nobody acts for minutes."""
MAY_WRITE = 2 / 3
"""Of the duration, after a renewal."""
RENEWALS = 5
"""So many in the time of one Lease."""


@dataclass(frozen=True)
class Terms:
    """What one operator asks of the Lease."""

    duration: float

    @property
    def pause(self) -> float:
        """Between two renewals, or two looks of one that waits."""
        return self.duration / RENEWALS

    def left(self, renewed: float | None, now: float) -> float:
        """For how long it may still write without another renewal; `renewed` is when the last one that succeeded was
        begun, None where the Lease is not its own."""
        return 0.0 if renewed is None else max(0.0, renewed + self.duration * MAY_WRITE - now)


@dataclass(frozen=True)
class FoundLease:
    """The Lease as it was read. `version` changes with every write of it."""

    version: str
    holder: str
    duration: float = 0.0
    """What its holder asks others to wait; 0 where it does not say."""


MISSING = FoundLease(version="", holder="nobody known")
"""Installing brings the Lease. If it is gone, somebody took it away while an operator may have held it."""


@dataclass(frozen=True)
class Sighting:
    """Which version was seen last, and when for the first time."""

    version: str
    since: float


class LeaseState(Enum):
    """What the Lease is to whoever looks at it."""

    FREE = "free"
    """Given up, or its own from before its container was started again."""
    HELD = "held"
    EXPIRED = "expired"


def judge(
    found: FoundLease, identity: str, seen: Sighting | None, now: float, terms: Terms
) -> tuple[LeaseState, Sighting]:
    """What the Lease is to `identity`, and what to remember of it until the next look."""
    if seen is None or seen.version != found.version:
        seen = Sighting(found.version, now)
    if found.holder in ("", identity):
        return LeaseState.FREE, seen
    patience = min(found.duration, LONGEST_LEASE) if found.duration > 0 else terms.duration
    return (LeaseState.EXPIRED if now >= seen.since + patience else LeaseState.HELD), seen
