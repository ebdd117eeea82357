"""Tables that read well in a terminal and in the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from e2e.bench.figures import Tail

MILLISECONDS_BELOW = 0.01
"""Seconds; a floor would otherwise be nothing."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with aligned columns: words to the left, figures to the right."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(header))]
    rule = [f"{'-' * w}" if column == 0 else f"{'-' * (w - 1)}:" for column, w in enumerate(widths)]

    def row(cells: Sequence[str]) -> str:
        placed = [f"{c:<{w}}" if n == 0 else f"{c:>{w}}" for n, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return f"| {' | '.join(placed)} |"

    return "\n".join([row(lines[0]), row(rule), *map(row, lines[1:])])


def tail(words: str, found: Tail) -> tuple[str, ...]:
    """A row of a latency."""
    return (words, *map(_latency, (found.p50, found.p95, found.p99, found.largest)))


def _latency(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds >= MILLISECONDS_BELOW else f"{seconds * 1000:.1f} ms"


TAIL = ("", "p50", "p95", "p99", "largest")
"""The header over such rows."""
