"""What a pass concludes, for people: whose turn it is, where things stand and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase
from catalyst_operator.core.record import ErrorEntry


class Stance(Enum):
    """Whose turn it is."""

    WORKING = "the operator's: it goes on by itself"
    STALLED = "a person's: nothing happens until something is changed"
    SETTLED = "nobody's: what can be done is done"


@dataclass(frozen=True)
class HeldPlace:
    """A place among the runs that wait for their turn."""

    position: int
    of: int
    since: datetime
    project: str
    """The mark of its project; see `core.queue.turn`."""
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """What `decide` concluded, for people: where things stand and why. `ready` is the Ready condition's status."""

    stance: Stance
    phase: Phase
    reason: Reason
    message: str
    errors: tuple[ErrorEntry, ...] = ()
    deleting: Reason | None = None
    ready: bool = False
    """Whether all that Ready stands for holds."""
    lost: bool = False
    """Something that Ready stands for was there and is not any more: it is False then, and not only unknown."""
    retry_at: datetime | None = None
    """When it is tried again, where that is at a time."""
    unchecked: str = ""
    """Why no drift check can be made although one is due, as a sentence."""
    place: HeldPlace | None = None
    """The place of the next run in the queue, while it waits for its turn or is about to have it."""
    command: str = ""
    """One line to run, where the message has more than its error."""
