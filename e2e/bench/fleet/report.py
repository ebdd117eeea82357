"""The section `fleet` as tables, as JSON, and against its targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from e2e.bench.figures import Tail
from e2e.bench.fleet.measure import Fleet
from e2e.bench.fleet.run import Stretch
from e2e.bench.tables import TAIL, table, tail
from e2e.bench.targets import FLEET_BACK, FLEET_RARE, FLEET_RESIDENT, Target


def held(fleet: Fleet | None) -> list[tuple[Target, float]]:
    """The stretch that does worse counts, and the most memory that was ever seen."""
    if fleet is None:
        return []
    return [
        (FLEET_RARE, max(Tail.of(stretch.told).p99 for stretch in fleet.stretches)),
        (FLEET_RESIDENT, resident(fleet)),
        (FLEET_BACK, fleet.restart.watched),
    ]


def resident(fleet: Fleet) -> float:
    """The most memory of the operator that was seen, in MiB."""
    taken = [stretch.resident_mib for stretch in fleet.stretches]
    return max(*taken, fleet.first.resident_mib, fleet.rest.resident_mib, fleet.restart.resident_mib)


def as_json(fleet: Fleet) -> dict[str, Any]:
    """Everything, each change included. Times are in seconds."""
    tails = [
        {"floor": asdict(Tail.of(stretch.floor)), "told": asdict(Tail.of(stretch.told))} for stretch in fleet.stretches
    ]
    return {**asdict(fleet), "tails": tails}


def as_text(fleet: Fleet) -> str:
    """How soon, then what it took, then what became of those that fell silent."""
    title = f"**{fleet.clusters} new clusters with {fleet.releases} HelmReleases, 1 % of which change each second**"
    rows = [row for stretch in fleet.stretches for row in _latencies(stretch)]
    holes = (
        f"{fleet.holes.count} clusters fell silent: their Sovereigns all said so after {fleet.holes.noticed:.0f} s; "
        f"{fleet.holes.back:.1f} s after they answered again, what had changed meanwhile was told."
    )
    return "\n\n".join((title, table(_TOLD, rows), table(_TAKEN, list(_taken(fleet))), holes))


_TOLD = ("", "changes", "lost", "overtaken", *TAIL[1:])


def _latencies(stretch: Stretch) -> Iterator[tuple[str, ...]]:
    floor, told = Tail.of(stretch.floor), Tail.of(stretch.told)
    yield f"{stretch.name}: bare watchers", str(floor.count), "", "", *tail("", floor)[1:]
    counts = map(str, (stretch.changes, stretch.lost, stretch.overtaken))
    yield f"{stretch.name}: operator", *counts, *tail("", told)[1:]


_TAKEN = (
    "the operator",
    "all watched after",
    "all told after",
    "resident",
    "of a processor",
    "processors busy, by all",
)


def _taken(fleet: Fleet) -> Iterator[tuple[str, ...]]:
    for name, begin in (("first start", fleet.first), ("start after a kill", fleet.restart)):
        yield name, f"{begin.watched:.1f} s", f"{begin.told:.1f} s", f"{begin.resident_mib:.1f} MiB", "", ""
    yield "at rest", "", "", f"{fleet.rest.resident_mib:.1f} MiB", f"{fleet.rest.processor_percent:.1f} %", ""
    for s in fleet.stretches:
        yield s.name, "", "", f"{s.resident_mib:.1f} MiB", f"{s.processor_percent:.1f} %", f"{s.busy:.0%}"
