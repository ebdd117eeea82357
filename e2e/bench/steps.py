"""Where the time of a run goes: the same steps for the plain Pod and for the operator, each from clocks that agree.

Pure functions. All times are seconds since the epoch; a run's steps add up to its total by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

CREATED = "until the Pod exists"
STARTED = "until its first container runs"
LAID_OUT = "work directory laid out"
BETWEEN = "between containers"
PHASES = ("tofu-init", "tofu-plan", "plan-gate", "tofu-apply", "tofu-output")
TOLD = "from the last end until it is told"

STEPS = (CREATED, STARTED, LAID_OUT, BETWEEN, *PHASES, TOLD)
"""In the order of the table. The pauses between containers are spread over the run, and summed up."""


@dataclass(frozen=True)
class Span:
    """A container's life, or that of what was executed in it."""

    start: float
    end: float


@dataclass(frozen=True)
class PodTimes:
    """What was seen of one Pod."""

    created: float
    started: float
    """When its first container was."""
    phases: Mapping[str, Span] = field(default_factory=dict)
    """The containers that ended on their own; a sidecar does not."""
    executed: float | None = None
    """When the sidecar's postStart hook ended, if there is a sidecar."""


@dataclass(frozen=True)
class RunTimes:
    """One measured run, in seconds."""

    total: float
    steps: dict[str, float]


def of_floor(begin: float, pod: PodTimes, marks: Mapping[str, float], done: float) -> RunTimes:
    """The plain Pod: its one container writes a mark after each step, the last one just before it ends."""
    names = [LAID_OUT, *(name for name in PHASES if name in marks)]
    moments = [pod.started, *(marks[name] for name in names)]
    steps = {CREATED: pod.created - begin, STARTED: pod.started - pod.created}
    steps |= {name: end - start for name, (start, end) in zip(names, pairwise(moments), strict=True)}
    return RunTimes(done - begin, steps | {TOLD: done - moments[-1]})


def of_run(begin: float, pod: PodTimes, done: float) -> RunTimes:
    """The operator's Pod: a sidecar that lays out the work directory, then one container after the other."""
    if pod.executed is None:
        raise ValueError("the end of the sidecar's hook was not seen")
    phases = [pod.phases[name] for name in PHASES]
    steps = {
        CREATED: pod.created - begin,
        STARTED: pod.started - pod.created,
        LAID_OUT: pod.executed - pod.started,
        BETWEEN: _pauses(pod.executed, phases),
        **{name: span.end - span.start for name, span in zip(PHASES, phases, strict=True)},
        TOLD: done - phases[-1].end,
    }
    return RunTimes(done - begin, steps)


def _pauses(begin: float, spans: Sequence[Span]) -> float:
    ends = [begin, *(span.end for span in spans)]
    return sum(span.start - end for end, span in zip(ends, spans, strict=False))


@dataclass(frozen=True)
class Told:
    """How long it took until the end of one phase was in status, in seconds."""

    phase: str
    kubelet: float
    """From the container's end to the Pod's watch event that carries it: the kubelet's part."""
    operator: float
    """From that event to the Sovereign's watch event that carries the condition: the operator's part."""

    @property
    def whole(self) -> float:
        """From the container's end to the condition."""
        return self.kubelet + self.operator
