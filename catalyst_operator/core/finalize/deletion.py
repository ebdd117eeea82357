"""What the checks of a deletion look at, and the verdicts that they reach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.enums import DeletionPolicy
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core import conditions
from catalyst_operator.core.record import ErrorEntry, RunEntry
from catalyst_operator.core.scene import Scene
from catalyst_operator.core.verdict import Stance, Verdict

CLEAN_UP_AGAIN = timedelta(seconds=1)
"""How soon to look whether the namespace is gone."""


@dataclass(frozen=True)
class Deletion(Scene):
    """A scene seen from its end."""

    @property
    def last(self) -> RunEntry | None:
        """The latest destroy, whatever its inputs were."""
        return self.record.last_of(RunVerb.DESTROY)

    @property
    def announced(self) -> bool:
        """Whether status says that nothing is left but the run namespace."""
        found = conditions.find(self.o.sovereign.status.conditions, ConditionType.DELETING)
        return found is not None and found.reason == Reason.CLEANING_UP.value

    @property
    def orphaned(self) -> bool:
        """Whether the cloud objects are to stay."""
        return self.o.sovereign.spec.deletion_policy is DeletionPolicy.ORPHAN

    @property
    def leaving(self) -> bool:
        """Whether the run namespace goes because this deletion said so; its contents say nothing any more."""
        namespace = self.o.namespace
        return self.announced and namespace is not None and namespace.ours and namespace.terminating

    @property
    def something_left(self) -> bool:
        """Whether cloud objects may exist that nobody destroyed yet. Without a record, any run may have made some."""
        forgotten = self.o.record is None and self.o.runs_were_made
        states = (self.o.state, self.o.saved_state)
        has_state = any(state is not None and state.may_list_something for state in states)
        known = self.record.touched or has_state or self.o.sovereign.status.outputs is not None
        return (known or forgotten) and not self.record.destroyed and not self.leaving


def working(reason: Reason, message: str, errors: tuple[ErrorEntry, ...] = ()) -> Verdict:
    """It goes on by itself."""
    return Verdict(
        Stance.WORKING,
        Phase.DELETING,
        Reason.DELETING,
        message,
        errors=errors,
        deleting=reason,
    )


def stalled(reason: Reason, deleting: Reason, message: str, errors: tuple[ErrorEntry, ...] = ()) -> Verdict:
    """A person has to do something."""
    return Verdict(Stance.STALLED, Phase.DELETING, reason, message, errors=errors, deleting=deleting)
