"""What the checks of `provision` and `finalize` look at, and what each of them answers with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.actions import Action
from catalyst_operator.core.evidence import Evidence
from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import Record, RunEntry
from catalyst_operator.core.verdict import Verdict

SAFETY = timedelta(seconds=60)
"""A run is looked at this often even if no event comes."""


@dataclass(frozen=True)
class Scene:
    """What every check looks at: the observation, and what the evidence made of the record."""

    o: Observation
    evidence: Evidence
    variables: dict[str, Any]
    digest: str
    verb: RunVerb = RunVerb.APPLY
    """What a run would do now."""
    refusals: tuple[str, ...] = ()
    """Why the spec cannot be carried out, if admission could not judge that: a sentence or two each."""

    @property
    def inputs(self) -> str:
        """Digest of all that a run would be given now."""
        return digest_of(self.variables)

    @property
    def record(self) -> Record:
        """The record, brought up to date."""
        return self.evidence.record

    @property
    def last(self) -> RunEntry | None:
        """The latest run of this kind, if it was of the inputs that are wanted now."""
        run = self.record.last_of(self.verb)
        return run if run and run.digest == self.digest else None


@dataclass(frozen=True)
class Answer:
    """What a check concluded: what to say, what to do, and when to look again."""

    verdict: Verdict
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    record: Record | None = None
    """The record to write instead of the scene's."""

    def run_in_view(self, scene: Scene) -> RunEntry | None:
        """The run that status speaks of: a new one if the answer makes one, else the one at hand as it stands. A drift
        check says nothing of how the Sovereign came to be as it is."""
        run = scene.evidence.run
        at_hand = scene.record.last_wanted if run and run.drift_check else run
        made = self.record.last_wanted if self.record else None
        return made if made and (at_hand is None or made.attempt != at_hand.attempt) else at_hand
