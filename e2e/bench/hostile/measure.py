"""One hostile new cluster beside ten good ones: what it takes of the operator, and how soon changes in the good ones
are told, beside the same without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from e2e.bench import surroundings
from e2e.bench.figures import Tail
from e2e.bench.fleet.fakes import Fake
from e2e.bench.fleet.run import Begin, Run, Stretch, prepared
from e2e.bench.hostile.shapes import MIB, Shape
from e2e.bench.workplace import PREFIX, Workplace

NAME = f"{PREFIX}hostile"
GOOD = 10
SHARE = 0.05
"""Of the releases of the good ones that changes each second."""
NOBODY = "none is hostile"


@dataclass(frozen=True)
class Taken:
    """A start of the operator, and some time with changes in the good clusters."""

    begin: Begin
    stretch: Stretch
    requests: int
    served_mib: float
    """What the hostile one was asked, and what of its answers was read, or lay in buffers."""
    told: float | None
    """From the operator's start until the hostile one's Sovereign says what is wrong, in seconds; None where it did not
    in this time."""

    @property
    def resident_mib(self) -> float:
        """The most that was seen."""
        return max(self.begin.resident_mib, self.stretch.resident_mib)

    @property
    def rare(self) -> float:
        """How long the slowest changes take to be told: the p99."""
        return Tail.of(self.stretch.told).p99


@dataclass(frozen=True)
class Pair:
    """The same without and beside a hostile one, right after each other: what else the machine does is in both."""

    shape: str
    without: Taken
    beside: Taken

    @property
    def over_mib(self) -> float:
        """Memory that the hostile one costs."""
        return self.beside.resident_mib - self.without.resident_mib

    @property
    def ratio(self) -> float:
        """The p99 beside it, by the one without."""
        return self.beside.rare / self.without.rare


@dataclass(frozen=True)
class Hostile:
    """All of it."""

    good: int
    busy_before: float
    pairs: tuple[Pair, ...]
    """One for each shape."""


def measure(workplace: Workplace, *, seconds: float) -> Hostile:
    """Raises BenchError. The operator is started anew each time, so that no shape profits from what the one before has
    taught it."""
    with prepared(workplace, NAME, GOOD + 1, _grouped) as run:
        return _Measurement(run).all(seconds)


def _grouped(made: list[Fake]) -> Sequence[Sequence[Fake]]:
    return made[:GOOD], [replace(fake, hostile=True) for fake in made[GOOD:]]


class _Measurement:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._good, self._hostile = run.groups
        # Whether the hostile one is watched is not waited for.
        run.groups = [self._good]

    def all(self, seconds: float) -> Hostile:
        busy = surroundings.busy()
        return Hostile(GOOD, busy, tuple(self._pair(shape, seconds) for shape in Shape))

    def _pair(self, shape: Shape, seconds: float) -> Pair:
        return Pair(shape.value, self._taken(None, seconds), self._taken(shape, seconds))

    def _taken(self, shape: Shape | None, seconds: float) -> Taken:
        run, good = self._run, self._good.fakes
        run.operator.kill()
        (hostile,) = self._hostile.fakes
        self._hostile.behave(hostile.name, shape)
        name = shape.value if shape else NOBODY
        begin = run.begin(f"starting the operator, {name}", lambda: all(map(run.complete, good)))
        stretch = run.stretch(name, good, seconds, SHARE)
        requests, served = self._hostile.report().served[hostile.name]
        return Taken(begin, stretch, requests, served / MIB, self._told(hostile))

    def _told(self, hostile: Fake) -> float | None:
        """When its status said so first, since the operator was started last."""
        since = self._run.operator.started
        heard = (item for item in self._run.statuses.heard if item.what.cluster == hostile.name and item.at > since)
        return next((item.at - since for item in heard if item.what.too_big or item.what.unreachable), None)
