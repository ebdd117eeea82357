"""The cost by the number of Sovereigns as SVG: one panel a figure, a line through the stages, the goal dashed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from docs.pictures.draw import ACCENT, FONT, INK, LANE, LINE, PAPER, QUIET, Area, Point, rectangle, text
from e2e.bench.figures import Tail
from e2e.bench.scale.measure import Scale, Stage
from e2e.bench.targets import SCALE_BACK, SCALE_RARE, SCALE_RESIDENT, Target

WIDTH, HEIGHT = 1180, 380
TITLE = "What the operator costs by the number of Sovereigns"
MARGIN, PANEL, TOP = 16, 376, 56
PLOT = Area(64, 72, 288, 176)
"""Within a panel."""
FLOOR = "#d97706"


@dataclass(frozen=True)
class Panel:
    """One figure: its name, its unit, the most that is wanted, its floor if it has one."""

    title: str
    target: Target
    value: Callable[[Stage], float]
    floor: Callable[[Stage], float] | None = None


PANELS = (
    Panel("Resident memory", SCALE_RESIDENT, lambda stage: stage.resident_mib),
    Panel(
        "Edit to its first status, p99",
        SCALE_RARE,
        lambda stage: Tail.of(stage.edits.told).p99,
        lambda stage: Tail.of(stage.edits.floor).p99,
    ),
    Panel(
        "Restart to all told",
        SCALE_BACK,
        lambda stage: stage.restart.told,
        lambda stage: stage.floor.seconds,
    ),
)


def draw(scale: Scale) -> str:
    """The picture."""
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' {FONT}>",
        f"<title>{escape(TITLE)}</title>",
        f"<desc>{escape(' '.join(_sentences(scale)))}</desc>",
        rectangle(Area(0, 0, WIDTH, HEIGHT), PAPER, PAPER, radius=12),
        text(Point(MARGIN, 36), TITLE, 20, INK, bold=True),
        *(part for number, panel in enumerate(PANELS) for part in _panel(number, panel, scale.stages)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _sentences(scale: Scale) -> Iterator[str]:
    for panel in PANELS:
        figures = ", ".join(f"{_said(panel, panel.value(s))} with {s.population.total:,}" for s in scale.stages)
        yield f"{panel.title}: {figures}; wanted are at most {panel.target.limit:g}{panel.target.unit}."


def _panel(number: int, panel: Panel, stages: Sequence[Stage]) -> Iterator[str]:
    left = MARGIN + number * (PANEL + 10)
    yield rectangle(Area(left, TOP, PANEL, HEIGHT - TOP - MARGIN), LANE, LANE, radius=10)
    yield text(Point(left + 16, TOP + 28), panel.title, 15, INK, bold=True)
    plot = Area(left + PLOT.x, TOP + PLOT.y, PLOT.width, PLOT.height)
    floors = [panel.floor(stage) for stage in stages] if panel.floor else []
    values = [panel.value(stage) for stage in stages]
    place = _Scales(plot, max(stage.population.total for stage in stages), 1.15 * max(*values, panel.target.limit))
    yield _line(Point(plot.x, plot.y), Point(plot.x, plot.y + plot.height))
    yield _line(Point(plot.x, plot.y + plot.height), Point(plot.x + plot.width, plot.y + plot.height))
    goal = place.at(0, panel.target.limit)
    yield _line(goal, Point(plot.x + plot.width, goal.y), dashed=True)
    yield text(Point(plot.x + 6, goal.y - 6), f"goal: {panel.target.limit:g}{panel.target.unit}", 12, QUIET)
    counts = [stage.population.total for stage in stages]
    for count in counts:
        where = place.at(count, 0)
        yield text(Point(where.x, where.y + 20), f"{count:,}", 12, QUIET, anchor="middle")
    yield from _curve([place.at(c, v) for c, v in zip(counts, floors, strict=False)], FLOOR)
    if floors:
        yield text(Point(left + 16, TOP + 50), "orange: the floor of the same run", 12, FLOOR)
    points = [place.at(count, value) for count, value in zip(counts, values, strict=True)]
    yield from _curve(points, ACCENT)
    for point, value in zip(points, values, strict=True):
        yield text(Point(point.x, point.y - 10), _said(panel, value), 12, ACCENT, bold=True, anchor="middle")
    yield text(Point(plot.x + plot.width / 2, plot.y + plot.height + 42), "Sovereigns", 12, QUIET, anchor="middle")


@dataclass(frozen=True)
class _Scales:
    plot: Area
    most: int
    top: float

    def at(self, count: int, value: float) -> Point:
        across, up = count / self.most, value / self.top
        return Point(
            round(self.plot.x + across * self.plot.width, 1), round(self.plot.y + (1 - up) * self.plot.height, 1)
        )


def _said(panel: Panel, value: float) -> str:
    return f"{value:.0f}{panel.target.unit}" if value >= 100 else f"{value:.2g}{panel.target.unit}"


def _curve(points: Sequence[Point], colour: str) -> Iterator[str]:
    if points:
        path = " ".join(f"{p.x:g},{p.y:g}" for p in points)
        yield f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>"
    for point in points:
        yield f"<circle cx='{point.x:g}' cy='{point.y:g}' r='4' fill='{colour}'/>"


def _line(begin: Point, end: Point, *, dashed: bool = False) -> str:
    dashes = " stroke-dasharray='5 4'" if dashed else ""
    return f"<line x1='{begin.x:g}' y1='{begin.y:g}' x2='{end.x:g}' y2='{end.y:g}' stroke='{LINE}'{dashes}/>"
