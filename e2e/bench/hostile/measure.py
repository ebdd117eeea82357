"""One hostile new cluster beside ten good ones: what it takes of the operator, and how soon changes in the good ones
are told, beside the same without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from e2e.bench import surroundings
from e2e.bench.figures import Tail
from e2e.bench.fleet.fakes import Fake, Fakes
from e2e.bench.fleet.run import FOLLOW_SECONDS, Begin, Run, Stretch, prepared
from e2e.bench.hostile.shapes import Shape
from e2e.bench.workplace import PREFIX, Workplace

NAME = f"{PREFIX}hostile"
GOOD = 10
SHARE = 0.05
"""Of the releases of the good ones that changes each second."""
NOBODY = "none is hostile"


@dataclass(frozen=True)
class Beside:
    """A start of the operator, and some time with changes in the good clusters."""

    begin: Begin
    stretch: Stretch
    requests: int = 0
    served_mib: float = 0.0
    """What the hostile one was asked, and what of its answers was read, or lay in buffers."""
    told: float | None = None
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
class Hostile:
    """All of it."""

    good: int
    busy_before: float
    without: Beside
    beside: tuple[Beside, ...]
    """One for each shape."""

    @property
    def over_mib(self) -> float:
        """Memory over that without a hostile one."""
        return max(found.resident_mib for found in self.beside) - self.without.resident_mib

    @property
    def rare(self) -> float:
        """The worst p99."""
        return max(found.rare for found in self.beside)


def measure(workplace: Workplace, *, seconds: float) -> Hostile:
    """Raises BenchError. The operator is started anew for each shape, so that none profits from what the one before
    has taught it."""
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
        without = self._beside(None, seconds)
        return Hostile(GOOD, busy, without, tuple(self._beside(shape, seconds) for shape in Shape))

    def _beside(self, shape: Shape | None, seconds: float) -> Beside:
        run, good = self._run, self._good.fakes
        run.operator.kill()
        (hostile,) = self._hostile.fakes
        self._hostile.behave(hostile.name, shape)
        name = shape.value if shape else NOBODY
        begin = run.begin(f"starting the operator, {name}", lambda: all(map(run.complete, good)))
        if shape is None:
            run.wait_for(run.silent, "the Sovereigns to fall silent", FOLLOW_SECONDS)
        stretch = run.stretch(name, good, seconds, SHARE)
        requests, served = _served(self._hostile, hostile)
        return Beside(begin, stretch, requests, served / 2**20, self._told(hostile))

    def _told(self, hostile: Fake) -> float | None:
        """When its status said so first, since the operator was started last."""
        since = self._run.operator.started
        heard = (item for item in self._run.statuses.heard if item.what.cluster == hostile.name and item.at > since)
        return next((item.at - since for item in heard if item.what.too_big or item.what.unreachable), None)


def _served(group: Fakes, hostile: Fake) -> tuple[int, int]:
    requests, served = group.report().served[hostile.name]
    return requests, served
