"""The section `scale` as tables, as JSON, and against its targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from e2e.bench.figures import Tail
from e2e.bench.scale.measure import Scale, Stage
from e2e.bench.tables import TAIL, table, tail
from e2e.bench.targets import SCALE_BACK, SCALE_RARE, SCALE_REQUESTS, SCALE_RESIDENT, SCALE_WRITES, Target

PICTURE = "![What the operator costs by the number of Sovereigns](pictures/scale.svg)"
"""As docs/performance.md shows it."""


def held(scale: Scale | None) -> list[tuple[Target, float]]:
    """The largest stage counts."""
    if scale is None:
        return []
    last = scale.stages[-1]
    return [
        (SCALE_RESIDENT, last.resident_mib),
        (SCALE_RARE, Tail.of(last.edits.told).p99),
        (SCALE_BACK, last.restart.told),
        (SCALE_REQUESTS, last.requests_per_hour),
        (SCALE_WRITES, last.rest.writes),
    ]


def as_json(scale: Scale) -> dict[str, Any]:
    """Everything, each edit and change included. Times are in seconds."""
    figures = [
        {
            "sovereigns": stage.population.total,
            "resident_mib": stage.resident_mib,
            "requests_per_hour": stage.requests_per_hour,
            "edit_floor": asdict(Tail.of(stage.edits.floor)),
            "edit_told": asdict(Tail.of(stage.edits.told)),
        }
        for stage in scale.stages
    ]
    return {**asdict(scale), "figures": figures}


def as_text(scale: Scale) -> str:
    """How soon edits are told, then what it took, then how soon all was told after a restart."""
    title = "**Thousands of Sovereigns: 80 % handed off, 18 % suspended, 2 % with a new cluster of twelve components**"
    told = [row for stage in scale.stages for row in _told(stage)]
    parts = (table(_TOLD, told), table(_TAKEN, map(_taken, scale.stages)), table(_BACK, map(_back, scale.stages)))
    return "\n\n".join((title, *parts, PICTURE))


_TOLD = ("from a spec edit to its first status", "edits", "lost", *TAIL[1:])


def _told(stage: Stage) -> Iterator[tuple[str, ...]]:
    count = f"{stage.population.total:,}"
    yield f"{count}: bare watcher of the edit", str(stage.edits.count), "", *tail("", Tail.of(stage.edits.floor))[1:]
    lost = str(stage.edits.lost)
    yield f"{count}: operator", str(stage.edits.count), lost, *tail("", Tail.of(stage.edits.told))[1:]


_TAKEN = (
    "the operator with",
    "resident",
    "at rest",
    "processor at rest",
    "processor, 1 % change",
    "requests an hour for one handed off",
    "writes at rest",
)


def _taken(stage: Stage) -> tuple[str, ...]:
    rest = stage.rest
    return (
        f"{stage.population.total:,} Sovereigns",
        f"{stage.resident_mib:.0f} MiB",
        f"{rest.load.resident_mib:.0f} MiB",
        f"{rest.load.processor_percent:.1f} %",
        f"{stage.stretch.processor_percent:.1f} %",
        f"{stage.requests_per_hour:.2f}",
        f"{rest.writes} in {rest.seconds:.0f} s",
    )


_BACK = (
    "restart with",
    "plain list of everything",
    "objects",
    "all clusters watched",
    "all told",
    "processor for it",
    "made in",
)


def _back(stage: Stage) -> tuple[str, ...]:
    return (
        f"{stage.population.total:,} Sovereigns",
        f"{stage.floor.seconds:.2f} s",
        f"{stage.floor.objects:,}",
        f"{stage.restart.watched:.1f} s",
        f"{stage.restart.told:.1f} s",
        f"{stage.restart.processor_seconds:.1f} s",
        f"{stage.made_seconds:.0f} s",
    )
