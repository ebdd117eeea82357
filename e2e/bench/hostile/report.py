"""The section `hostile` as a table, as JSON, and against its targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from e2e.bench.figures import Tail
from e2e.bench.hostile.measure import Hostile, Pair
from e2e.bench.tables import TAIL, table, tail
from e2e.bench.targets import HOSTILE_MEMORY, HOSTILE_RARE, Target


def held(found: Hostile | None) -> list[tuple[Target, float]]:
    """The shape that does worst counts."""
    if found is None:
        return []
    return [
        (HOSTILE_RARE, max(pair.beside.rare for pair in found.pairs)),
        (HOSTILE_MEMORY, max(pair.over_mib for pair in found.pairs)),
    ]


def as_json(found: Hostile) -> dict[str, Any]:
    """Everything, each change included. Times are in seconds."""
    figures = [
        {
            "shape": pair.shape,
            "without": asdict(Tail.of(pair.without.stretch.told)),
            "beside": asdict(Tail.of(pair.beside.stretch.told)),
            "ratio": pair.ratio,
            "over_mib": pair.over_mib,
        }
        for pair in found.pairs
    ]
    return {**asdict(found), "figures": figures}


def as_text(found: Hostile) -> str:
    """How soon changes in the good clusters are told, then what it took."""
    title = (
        f"**One hostile new cluster beside {found.good} good ones, in which 5 % of the releases change each second**"
    )
    told, taken = map(_told, found.pairs), map(_taken, found.pairs)
    return "\n\n".join((title, table(_TOLD, [row for rows in told for row in rows]), table(_TAKEN, list(taken))))


_TOLD = ("the good ones: change to status", "changes", "lost", *TAIL[1:], "p99, ratio")


def _told(pair: Pair) -> Iterator[tuple[str, ...]]:
    for name, found, ratio in (
        (f"before it: {pair.without.stretch.name}", pair.without.stretch, ""),
        (pair.shape, pair.beside.stretch, f"{pair.ratio:.2f}"),
    ):
        yield name, str(found.changes), str(found.lost), *tail("", Tail.of(found.told))[1:], ratio


_TAKEN = ("the operator", "all good watched after", "resident", "over", "of a processor", "asked", "read", "told after")


def _taken(pair: Pair) -> tuple[str, ...]:
    found, before = pair.beside, pair.without.stretch.processor_percent
    return (
        pair.shape,
        f"{found.begin.watched:.1f} s",
        f"{found.resident_mib:.1f} MiB",
        f"{pair.over_mib:+.1f} MiB",
        f"{found.stretch.processor_percent:.1f} % (before it {before:.1f} %)",
        str(found.requests),
        f"{found.served_mib:.1f} MiB",
        "" if found.told is None else f"{found.told:.0f} s",
    )
