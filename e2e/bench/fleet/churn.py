"""What changes when: a part of all releases each second, each of them again and again with the next number."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Planned:
    """One change: how many seconds after the beginning, of which release, and its number."""

    after: float
    cluster: str
    release: str
    number: int


class Churn:
    """Numbers go on from stretch to stretch, so that no change is taken for an earlier one."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - no secret; the same changes each time
        self._numbers: Counter[tuple[str, str]] = Counter()

    def plan(self, releases: Sequence[tuple[str, str]], per_second: float, seconds: float) -> list[Planned]:
        """Changes of some of these `(cluster, release)`, at moments of chance, none twice within a second."""
        return sorted(self._planned(releases, per_second, seconds), key=lambda planned: planned.after)

    def _planned(self, releases: Sequence[tuple[str, str]], per_second: float, seconds: float) -> Iterator[Planned]:
        for second in range(int(seconds)):
            moments = sorted(second + self._chance.random() for _ in range(round(per_second)))
            for after, which in zip(moments, self._chance.sample(releases, len(moments)), strict=True):
                yield Planned(after, *which, self.next(*which))

    def next(self, cluster: str, release: str) -> int:
        """The number of the next change of a release."""
        self._numbers[cluster, release] += 1
        return self._numbers[cluster, release]
