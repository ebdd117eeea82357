"""The section `hostile` as a table, as JSON, and against its targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from e2e.bench.figures import Tail
from e2e.bench.hostile.measure import Beside, Hostile
from e2e.bench.tables import TAIL, table, tail
from e2e.bench.targets import HOSTILE_MEMORY, HOSTILE_RARE, Target


def held(found: Hostile | None) -> list[tuple[Target, float]]:
    """The shape that does worst counts."""
    return [(HOSTILE_RARE, found.rare), (HOSTILE_MEMORY, found.over_mib)] if found else []


def as_json(found: Hostile) -> dict[str, Any]:
    """Everything, each change included. Times are in seconds."""
    tails = {beside.stretch.name: asdict(Tail.of(beside.stretch.told)) for beside in (found.without, *found.beside)}
    return {**asdict(found), "tails": tails, "over_mib": found.over_mib, "ratio": ratio(found, found.rare)}


def ratio(found: Hostile, rare: float) -> float:
    """How many times the p99 without a hostile one."""
    return rare / found.without.rare


def as_text(found: Hostile) -> str:
    """How soon changes in the good clusters are told, then what it took."""
    title = (
        f"**One hostile new cluster beside {found.good} good ones, in which 5 % of the releases change each second**"
    )
    return "\n\n".join((title, table(_TOLD, list(_told(found))), table(_TAKEN, list(_taken(found)))))


_TOLD = ("the good ones: change to status", "changes", "lost", *TAIL[1:], "p99, ratio")


def _told(found: Hostile) -> Iterator[tuple[str, ...]]:
    for beside in (found.without, *found.beside):
        stretch = beside.stretch
        counts = (str(stretch.changes), str(stretch.lost))
        yield stretch.name, *counts, *tail("", Tail.of(stretch.told))[1:], f"{ratio(found, beside.rare):.2f}"


_TAKEN = (
    "the operator",
    "good ones watched after",
    "resident",
    "over",
    "of a processor",
    "asked",
    "read",
    "told after",
)


def _taken(found: Hostile) -> Iterator[tuple[str, ...]]:
    for beside in (found.without, *found.beside):
        over = beside.resident_mib - found.without.resident_mib
        yield (
            beside.stretch.name,
            f"{beside.begin.watched:.1f} s",
            f"{beside.resident_mib:.1f} MiB",
            f"{over:+.1f} MiB",
            f"{beside.stretch.processor_percent:.1f} %",
            *_asked(beside),
        )


def _asked(beside: Beside) -> tuple[str, str, str]:
    told = "" if beside.told is None else f"{beside.told:.0f} s"
    return str(beside.requests), f"{beside.served_mib:.1f} MiB", told
