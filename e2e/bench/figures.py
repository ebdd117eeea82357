"""The statistics of the benchmark: few, small samples, so medians and ranges; no means, no distributions assumed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest value that at least `percent` per cent of the values do not exceed.

    It is always a value that was measured; with fewer than twenty of them, p95 is the largest.
    """
    if not values:
        raise ValueError("a percentile of nothing")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


@dataclass(frozen=True)
class Spread:
    """How a handful of measurements lie, in the unit of the measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Comparison:
    """A measurement beside its floor. Differences and ratios are taken within each pair, and only then their median:
    what slows the whole machine for a while slows both halves of a pair."""

    floor: Spread
    measured: Spread
    over: Spread
    """Measured minus floor."""
    ratio: Spread
    """Measured by floor."""

    @classmethod
    def of(cls, floor: Sequence[float], measured: Sequence[float]) -> Comparison:
        pairs = list(zip(floor, measured, strict=True))
        return cls(
            Spread.of(floor),
            Spread.of(measured),
            Spread.of([mine - least for least, mine in pairs]),
            Spread.of([mine / least for least, mine in pairs]),
        )


@dataclass(frozen=True)
class Tail:
    """A latency: what is usual and what is rare."""

    count: int
    p50: float
    p95: float
    p99: float
    largest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Tail:
        p50, p95, p99 = (percentile(values, percent) for percent in (50, 95, 99))
        return cls(len(values), p50, p95, p99, max(values))
