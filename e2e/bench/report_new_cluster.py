"""The section `new-cluster` as a table, as JSON, and against its targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from e2e.bench.figures import Tail
from e2e.bench.new_cluster import Series
from e2e.bench.tables import TAIL, table, tail
from e2e.bench.targets import CHANGE_RARE, CHANGE_USUAL, Target

WORDS = {
    "floor": "bare watcher: change to the HelmRelease's watch event",
    "operator": "operator: that event to the Sovereign's watch event",
    "whole": "both",
}


def tails(series: Series) -> dict[str, Tail]:
    """Who takes how long until a change is in status."""
    return {who: Tail.of([getattr(change, who) for change in series.changes]) for who in WORDS}


def ratio(series: Series) -> float:
    """How many times the bare watcher's usual time the whole way takes."""
    found = tails(series)
    return found["whole"].p50 / found["floor"].p50


def held(found: Sequence[Series]) -> list[tuple[Target, float]]:
    """The stage that does worse counts."""
    if not found:
        return []
    whole = [tails(series)["whole"] for series in found]
    return [(CHANGE_USUAL, max(t.p50 for t in whole)), (CHANGE_RARE, max(t.p99 for t in whole))]


def as_json(series: Series) -> dict[str, Any]:
    """Everything, each change included. Times are in seconds."""
    return {**asdict(series), **{who: asdict(found) for who, found in tails(series).items()}, "ratio": ratio(series)}


def as_text(found: Sequence[Series]) -> str:
    """A table for each stage."""
    return "\n\n".join(map(_stage, found))


def _stage(series: Series) -> str:
    made = f"{len(series.changes)} changes, {series.components} components"
    title = (
        f"**From a change on the new cluster to the Sovereign's status, {series.stage}** ({made}; p50 is "
        f"{ratio(series):.1f} times the bare watcher's; {series.overtaken} told only by a later one's event)"
    )
    rows = [tail(WORDS[who], tails(series)[who]) for who in WORDS]
    return f"{title}\n\n{table(TAIL, rows)}"
