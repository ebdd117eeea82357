"""The vocabulary of the checks: each looks at one side of a domain, and says how it stands and what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from catalyst_operator.api.common import Truth
from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.domains.actions import DomainAction
from catalyst_operator.core.record import ErrorEntry

AT_ONCE = timedelta(0)
AFTER_CHANGE = timedelta(seconds=1)
"""How soon to look whether a change is there. Nearly always our own status wakes us before; a server that writes
something else than it was given is not asked in a loop."""
PARENT_LOOK_AGAIN = timedelta(minutes=1)
"""How soon to look again at what a person has to change and nobody tells us of."""


class DomainStance(Enum):
    """Whose turn it is."""

    DONE = "nobody's: it is as it should be"
    WORKING = "the operator's: it goes on by itself"
    WAITING = "somebody's, and nothing is wrong: an address is still to be set"
    STALLED = "a person's: nothing happens until something is changed"


@dataclass(frozen=True)
class Step:
    """How one side stands."""

    stance: DomainStance
    status: Truth
    reason: Reason
    message: str
    actions: tuple[DomainAction, ...] = ()
    again: timedelta | None = None
    ready_reason: Reason | None = None
    """The reason in Ready, Reconciling and Stalled, where it is not the same."""
    error: ErrorEntry | None = None
    """What is the matter, as an error with a code; None while it is only a matter of time."""
    retry_at: datetime | None = None
    """When it is tried again, where that is at a time."""

    @property
    def summary(self) -> Reason:
        """The reason in the summary."""
        return self.ready_reason or self.reason


def done(reason: Reason, message: str, again: timedelta | None = None) -> Step:
    """As it should be."""
    return Step(DomainStance.DONE, "True", reason, message, (), again)


def working(
    reason: Reason,
    message: str,
    *actions: DomainAction,
    again: timedelta | None = None,
    summary: Reason = Reason.PROGRESSING,
    status: Truth = "False",
    error: ErrorEntry | None = None,
    retry_at: datetime | None = None,
) -> Step:
    """It goes on by itself."""
    return Step(DomainStance.WORKING, status, reason, message, actions, again, summary, error, retry_at)


def stalled(
    reason: Reason,
    message: str,
    *actions: DomainAction,
    error: ErrorEntry,
    again: timedelta | None = PARENT_LOOK_AGAIN,
    status: Truth = "False",
    retry_at: datetime | None = None,
) -> Step:
    """A person has to change something: what, is told as an error, too."""
    return Step(DomainStance.STALLED, status, reason, message, actions, again, None, error, retry_at)
