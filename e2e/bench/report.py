"""The results as a table for people and as JSON for machines, and the targets they are held against.

A missed target is told, never enforced: time depends on the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from e2e.bench import new_cluster, report_new_cluster, steps
from e2e.bench.domains import Domains
from e2e.bench.figures import Comparison, Spread, Tail
from e2e.bench.fleet import report as report_fleet
from e2e.bench.fleet.measure import Fleet
from e2e.bench.hostile import report as report_hostile
from e2e.bench.hostile.measure import Hostile
from e2e.bench.idle import Idle
from e2e.bench.pairs import Series
from e2e.bench.scale import report as report_scale
from e2e.bench.scale.measure import Scale
from e2e.bench.steps import RunTimes, Told
from e2e.bench.surroundings import Surroundings
from e2e.bench.tables import TAIL, table, tail
from e2e.bench.targets import OVER, RATIO, RESIDENT, TOLD, WRITES, Target

QUIET = 0.25
"""Above this share of the processors in use before a run, something else was at work, and the figures say little."""
SLOW_SECONDS = 60.0
"""From here on the ratio is what counts; below, the difference is."""


@dataclass
class Results:
    """All that was measured so far; what was not asked for is empty."""

    surroundings: Surroundings
    series: list[Series] = field(default_factory=list)
    with_latency: bool = True
    idle: list[Idle] = field(default_factory=list)
    new_cluster: list[new_cluster.Series] = field(default_factory=list)
    fleet: Fleet | None = None
    hostile: Hostile | None = None
    scale: Scale | None = None
    domains: Domains | None = None
    failed: dict[str, str] = field(default_factory=dict)
    """Sections that could not be measured, and why."""

    @property
    def told(self) -> list[Told]:
        """One entry for each phase of each run."""
        return [told for s in self.series for run in s.operator for told in run.told] if self.with_latency else []


# --- JSON -------------------------------------------------------------------------------------------------------------


def as_json(results: Results) -> dict[str, Any]:
    """Everything, the single measurements included. Times are in seconds."""
    return {
        "surroundings": asdict(results.surroundings),
        "runs": [_series_json(series) for series in results.series if series.floor],
        "latency": {
            **{k: asdict(t) for k, t in tails(results.told).items()},
            "samples": list(map(asdict, results.told)),
        }
        if results.told
        else None,
        "idle": [asdict(idle) for idle in results.idle],
        "new_cluster": list(map(report_new_cluster.as_json, results.new_cluster)),
        "fleet": report_fleet.as_json(results.fleet) if results.fleet else None,
        "hostile": report_hostile.as_json(results.hostile) if results.hostile else None,
        "scale": report_scale.as_json(results.scale) if results.scale else None,
        "failed": results.failed,
        "domains": {**asdict(results.domains), "ratio": results.domains.ratio} if results.domains else None,
        "targets": [
            {"target": target.what, "limit": target.limit, "measured": measured, "verdict": target.verdict(measured)}
            for target, measured in held(results)
        ],
    }


def _series_json(series: Series) -> dict[str, Any]:
    return {
        "server_seconds": series.server_seconds,
        "operator_replaced": series.replaced,
        "busy_before": series.busy,
        "comparison": asdict(compare(series)),
        "steps": {name: {"floor": floor, "operator": mine} for name, floor, mine in split(series)},
        "floor": [asdict(times) for times in series.floor],
        "operator": [asdict(run.times) for run in series.operator],
    }


# --- figures ----------------------------------------------------------------------------------------------------------


def compare(series: Series) -> Comparison:
    """The totals."""
    return Comparison.of([f.total for f in series.floor], [o.times.total for o in series.operator])


def split(series: Series) -> list[tuple[str, float | None, float | None]]:
    """Each step's median for the plain Pod and for the operator; None where it has no such step."""
    mine = [run.times for run in series.operator]
    return [(name, _median(series.floor, name), _median(mine, name)) for name in steps.STEPS]


def _median(runs: Sequence[RunTimes], step: str) -> float | None:
    values = [run.steps[step] for run in runs if step in run.steps]
    return median(values) if values else None


def tails(told: Sequence[Told]) -> dict[str, Tail]:
    """Who takes how long until the end of a phase is in status."""
    return {
        "kubelet": Tail.of([t.kubelet for t in told]),
        "operator": Tail.of([t.operator for t in told]),
        "whole": Tail.of([t.whole for t in told]),
    }


def held(results: Results) -> list[tuple[Target, float]]:
    """The targets for which there is a figure, and the figure."""
    found: list[tuple[Target, float]] = []
    for series in results.series:
        if series.floor and series.server_seconds < SLOW_SECONDS:
            found.append((OVER, compare(series).over.median))
        elif series.floor:
            found.append((RATIO, compare(series).ratio.median))
    if results.told:
        found.append((TOLD, tails(results.told)["operator"].p95))
    for idle in results.idle:
        if idle.sovereigns:
            found += [(RESIDENT, idle.resident_mib), (WRITES, idle.writes * 60 / idle.seconds)]
    return [
        *found,
        *report_new_cluster.held(results.new_cluster),
        *report_fleet.held(results.fleet),
        *report_hostile.held(results.hostile),
        *report_scale.held(results.scale),
    ]


# --- tables -----------------------------------------------------------------------------------------------------------


def as_text(results: Results) -> str:
    """Markdown that also reads well in a terminal."""
    parts = [_surroundings(results)]
    parts += [_series(series) for series in results.series if series.floor]
    if results.told:
        parts.append(_latency(results.told))
    if results.idle:
        parts.append(_idle(results.idle))
    if results.new_cluster:
        parts.append(report_new_cluster.as_text(results.new_cluster))
    if results.fleet:
        parts.append(report_fleet.as_text(results.fleet))
    if results.hostile:
        parts.append(report_hostile.as_text(results.hostile))
    if results.scale:
        parts.append(report_scale.as_text(results.scale))
    if results.domains:
        parts.append(_domains(results.domains))
    parts += [f"**{section} could not be measured**: {why}" for section, why in results.failed.items()]
    if targets := held(results):
        rows = [(t.what, f"{t.limit:g}{t.unit}", f"{m:.2f}{t.unit}", t.verdict(m)) for t, m in targets]
        parts.append(f"**Targets**\n\n{table(('', 'at most', 'measured', ''), rows)}")
    return "\n\n".join(parts)


def _surroundings(results: Results) -> str:
    s = results.surroundings
    busy = [share for series in results.series for share in series.busy]
    busy += [series.busy for series in results.new_cluster]
    busy += [results.fleet.busy_before] if results.fleet else []
    busy += [results.hostile.busy_before] if results.hostile else []
    busy += [results.scale.busy_before] if results.scale else []
    text = (
        f"Measured {s.measured_at} on {s.processors} processors, {s.memory_gib} GiB, Linux {s.kernel}, "
        f"Kubernetes {s.kubernetes}, operator image {s.operator_image.removeprefix('sha256:')[:12]}; "
        f"{_count(s.sovereigns_of_others, 'other Sovereign')} in the cluster."
    )
    if busy:
        text += f" Before the runs the processors were {_range(busy)} busy."
    noisy = sum(share > QUIET for share in busy)
    if noisy:
        text += f" **{noisy} of {len(busy)} runs began on a busy machine: the figures are distorted.**"
    if any(series.replaced for series in results.series):
        text += " **The operator was replaced or restarted while the runs were measured: measure again.**"
    return text


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _range(shares: Sequence[float]) -> str:
    return f"{min(shares):.0%} to {max(shares):.0%}"


def _series(series: Series) -> str:
    found = compare(series)
    made = f"{_count(len(series.floor), 'pair')}, {series.server_seconds:g} s to create a server"
    title = f"**From `kubectl apply` to done, {made}** (plain Pod: Succeeded; operator: TofuOutput True)"
    totals = [
        ("median", *_totals(found, "median")),
        ("smallest", *_totals(found, "low")),
        ("largest", *_totals(found, "high")),
    ]
    parts = [(name, _seconds(f), _seconds(m), f"{(m or 0) - (f or 0):+.2f} s") for name, f, m in split(series)]
    return "\n\n".join(
        (
            title,
            table(("", "plain Pod", "operator", "over", "ratio"), totals),
            table(("where it goes (medians)", "plain Pod", "operator", "over"), parts),
        )
    )


def _totals(found: Comparison, which: str) -> tuple[str, str, str, str]:
    def value(spread: Spread) -> float:
        return float(getattr(spread, which))

    return (
        _seconds(value(found.floor)),
        _seconds(value(found.measured)),
        f"{value(found.over):+.2f} s",
        f"{value(found.ratio):.3f}",
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _latency(told: Sequence[Told]) -> str:
    words = {
        "kubelet": "kubelet: container's end to the Pod's watch event",
        "operator": "operator: that event to the condition's watch event",
        "whole": "both",
    }
    rows = [tail(words[who], found) for who, found in tails(told).items()]
    return f"**From the end of a phase to its condition, {_count(len(told), 'phase')}**\n\n{table(TAIL, rows)}"


def _idle(found: Sequence[Idle]) -> str:
    rows = [
        (
            f"{_count(idle.sovereigns, 'idle Sovereign')} of the benchmark",
            f"{idle.resident_mib:.1f} MiB",
            f"{idle.processor_percent:.2f} %",
            f"{idle.writes * 60 / idle.seconds:.1f}",
            str(idle.elsewhere),
        )
        for idle in found
    ]
    header = ("", "resident", "of a processor", "writes a minute", "writes for others' Sovereigns")
    return f"**The operator at rest, {found[0].seconds:.0f} s each**\n\n{table(header, rows)}"


def _domains(found: Domains) -> str:
    rows = [
        ("plain calls: all zones and delegations", f"{found.floor:.1f} s", ""),
        ("operator: all reservations Ready", f"{found.operator:.1f} s", f"{found.ratio:.1f}"),
        ("of it, until all were created", f"{found.created:.1f} s", ""),
        ("operator: all given back", f"{found.released:.1f} s", ""),
    ]
    memory = f"{found.before_mib:.1f} MiB resident before, {found.resident_mib:.1f} MiB with them"
    return f"**{found.count} names in a pool** (the operator has {memory})\n\n{table(('', 'time', 'ratio'), rows)}"
