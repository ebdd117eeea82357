"""What the checks of `provision` and `finalize` look at, and what each of them answers with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.actions import Action
from catalyst_operator.core.evidence import Evidence
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import Record, RunEntry
from catalyst_operator.core.status import Verdict

LOG_PHASES = ("tofu-apply",)
"""Phases whose log is followed while they run."""
SAFETY = timedelta(seconds=60)
"""A run is looked at this often even if no event comes."""


@dataclass(frozen=True)
class Scene:
    """What every check looks at: the observation, and what the evidence made of the record."""

    o: Observation
    evidence: Evidence
    variables: dict[str, Any]
    digest: str
    refusal: str = ""
    """Why the spec cannot be carried out, if admission could not judge that."""

    @property
    def record(self) -> Record:
        """The record, brought up to date."""
        return self.evidence.record

    @property
    def last(self) -> RunEntry | None:
        """The latest apply, if it was of the inputs that are wanted now."""
        run = self.record.last_of(RunVerb.APPLY)
        return run if run and run.digest == self.digest else None


@dataclass(frozen=True)
class Answer:
    """What a check concluded: what to say, what to do, and when to look again."""

    verdict: Verdict
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    record: Record | None = None
    """The record to write instead of the scene's."""
