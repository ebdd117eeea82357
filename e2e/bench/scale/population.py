"""Who the Sovereigns of the section are: most were handed off, some are suspended, a few have a kit being installed."""

from __future__ import annotations

from dataclasses import dataclass

SUSPENDED, IN_PHASE_1 = 18, 2
"""Per cent; all others were handed off."""
FEWEST_IN_PHASE_1 = 2
"""One is hostile, and the others are measured."""
LEAST = 100
"""Sovereigns; of fewer, the smallest stage would have hardly any of a kind."""


@dataclass(frozen=True)
class Population:
    """So many of each kind."""

    handed_off: int
    suspended: int
    in_phase_1: int
    """With a new cluster each, one of them hostile."""

    @classmethod
    def of(cls, count: int) -> Population:
        """All Sovereigns divided by kind."""
        suspended, in_phase_1 = count * SUSPENDED // 100, max(FEWEST_IN_PHASE_1, count * IN_PHASE_1 // 100)
        return cls(count - suspended - in_phase_1, suspended, in_phase_1)

    @property
    def total(self) -> int:
        """All of them."""
        return self.handed_off + self.suspended + self.in_phase_1


NOBODY = Population(0, 0, 0)


def stages(count: int) -> tuple[Population, ...]:
    """A fifth, a half, and all: three points show whether the cost grows with the number, or faster."""
    return tuple(Population.of(part) for part in (count // 5, count // 2, count))


def spread(count: int, wanted: int) -> tuple[int, ...]:
    """So many of the numbers below `count`, at equal distances, the first and the last among them."""
    if wanted >= count:
        return tuple(range(count))
    return tuple(sorted({round(place * (count - 1) / (wanted - 1)) for place in range(wanted)}))
