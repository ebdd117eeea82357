"""Draws overview.svg from overview.yaml: `python -m docs.pictures.draw [--check]`, run by `make generate`.

With `--check` nothing is written, and the exit code is 1 where the picture is not what its data says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

import yaml

DATA = Path(__file__).with_name("overview.yaml")
PICTURE = DATA.with_suffix(".svg")

PAPER, LANE, BOX, INK, QUIET, LINE, ACCENT = "#ffffff", "#eef2f7", "#ffffff", "#1f2a37", "#52606d", "#7b8794", "#0b69a3"
FONT = "font-family='-apple-system, Segoe UI, Helvetica, Arial, sans-serif'"
LEGEND_HEIGHT = 132
NEARLY = 8
"""Pixels by which two ends may differ and the arrow between them is still straight."""
Anchor = Literal["start", "middle"]


@dataclass(frozen=True)
class Point:
    """Pixels from the top left."""

    x: float
    y: float


@dataclass(frozen=True)
class Area:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Area:
        return cls(*data["at"], *data["size"])

    def side(self, place: str) -> Point:
        """`left`, `top@0.25`: a point on the edge. Raises KeyError for a side that there is not."""
        name, _, share = place.partition("@")
        part = float(share or 0.5)
        return {
            "left": Point(self.x, self.y + part * self.height),
            "right": Point(self.x + self.width, self.y + part * self.height),
            "top": Point(self.x + part * self.width, self.y),
            "bottom": Point(self.x + part * self.width, self.y + self.height),
        }[name]


def draw(data: Mapping[str, Any]) -> str:
    """The picture as SVG."""
    width, height = data["size"]
    boxes = {name: Area.of(box) for name, box in data["boxes"].items()}
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img' {FONT}>",
        f"<title>{escape(data['title'])}</title>",
        f"<desc>{escape(' '.join(_steps(data)))}</desc>",
        f"<defs><marker id='tip' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='8' markerHeight='8' orient='auto'>"
        f"<path d='M0 0 10 5 0 10z' fill='{LINE}'/></marker></defs>",
        rectangle(Area(0, 0, width, height), PAPER, PAPER, radius=12),
        text(Point(16, 36), data["title"], 20, INK, bold=True),
        *(part for lane in data["lanes"] for part in _lane(lane)),
        *(part for name, box in data["boxes"].items() for part in _box(boxes[name], box)),
        *_arrows(data, boxes),
        *_legend(data, Point(16, height - LEGEND_HEIGHT), width),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _steps(data: Mapping[str, Any]) -> list[str]:
    """The numbered sentences."""
    told = [arrow["step"] for arrow in data["arrows"] if "step" in arrow]
    return [f"{number}. {step}" for number, step in enumerate(told, 1)]


def _lane(lane: Mapping[str, Any]) -> Iterator[str]:
    area = Area.of(lane)
    yield rectangle(area, LANE, LANE, radius=10)
    yield text(Point(area.x + 16, area.y + 28), lane["title"], 15, QUIET, bold=True)


def _box(area: Area, box: Mapping[str, Any]) -> Iterator[str]:
    yield rectangle(area, BOX, LINE, radius=8)
    yield text(Point(area.x + 14, area.y + 26), box["title"], 16, INK, bold=True)
    for number, line in enumerate(box.get("lines", ())):
        yield text(Point(area.x + 14, area.y + 48 + 19 * number), line, 13, QUIET)
    chips = box.get("chips", ())
    for number, chip in enumerate(chips):
        step = (area.width - 28) / len(chips)
        place = Area(area.x + 14 + step * number, area.y + area.height - 42, step - 5, 28)
        yield rectangle(place, LANE, LINE, radius=5)
        yield text(Point(place.x + place.width / 2, place.y + 19), chip, 12, INK, anchor="middle")


def _arrows(data: Mapping[str, Any], boxes: Mapping[str, Area]) -> Iterator[str]:
    number = 0
    for arrow in data["arrows"]:
        path = _route(arrow, boxes)
        points = " ".join(f"{p.x:g},{p.y:g}" for p in path)
        dashes = " stroke-dasharray='5 4'" if arrow.get("plain") else ""
        pen = f"fill='none' stroke='{LINE}' stroke-width='1.6'{dashes}"
        yield f"<polyline points='{points}' {pen} marker-end='url(#tip)'/>"
        if "step" in arrow:
            number += 1
            yield from _number(_middle(path), number)


def _route(arrow: Mapping[str, Any], boxes: Mapping[str, Area]) -> list[Point]:
    """Straight where it can be, else with right angles."""
    (box, _, place), (other, _, goal) = (arrow[end].partition(".") for end in ("from", "to"))
    begin, end = boxes[box].side(place), boxes[other].side(goal)
    if "below" in arrow:
        level = max(begin.y, end.y) + arrow["below"]
        return [begin, Point(begin.x, level), Point(end.x, level), end]
    if abs(begin.y - end.y) < NEARLY:
        return [begin, Point(end.x, begin.y)]
    if abs(begin.x - end.x) < NEARLY:
        return [begin, Point(begin.x, end.y)]
    middle = (begin.x + end.x) / 2
    return [begin, Point(middle, begin.y), Point(middle, end.y), end]


def _middle(path: list[Point]) -> Point:
    """The middle of the longest piece."""
    pieces = list(pairwise(path))
    a, b = max(pieces, key=lambda piece: abs(piece[0].x - piece[1].x) + abs(piece[0].y - piece[1].y))
    return Point((a.x + b.x) / 2, (a.y + b.y) / 2)


def _number(at: Point, number: int) -> Iterator[str]:
    yield f"<circle cx='{at.x:g}' cy='{at.y:g}' r='10' fill='{ACCENT}' stroke='{PAPER}' stroke-width='2'/>"
    yield text(Point(at.x, at.y + 4), str(number), 12, PAPER, bold=True, anchor="middle")


def _legend(data: Mapping[str, Any], at: Point, width: float) -> Iterator[str]:
    """The steps, in two columns of equal height."""
    steps = _steps(data)
    rows = (len(steps) + 1) // 2
    for index, step in enumerate(steps):
        column, row = divmod(index, rows)
        yield text(Point(at.x + column * width / 2, at.y + 26 * row), step, 13, INK)


def rectangle(area: Area, fill: str, stroke: str, *, radius: int) -> str:
    """A filled rectangle with an edge."""
    place = f"x='{area.x:g}' y='{area.y:g}' width='{area.width:g}' height='{area.height:g}'"
    return f"<rect {place} rx='{radius}' fill='{fill}' stroke='{stroke}'/>"


def text(at: Point, words: str, size: int, fill: str, *, bold: bool = False, anchor: Anchor = "start") -> str:
    """One line of words, `size` pixels high."""
    weight = " font-weight='600'" if bold else ""
    return (
        f"<text x='{at.x:g}' y='{at.y:g}' font-size='{size}' fill='{fill}' text-anchor='{anchor}'{weight}>"
        f"{escape(words)}</text>"
    )


def main(arguments: list[str]) -> int:
    """Exit code 1 where `--check` finds another picture than the data's."""
    picture = draw(yaml.safe_load(DATA.read_text(encoding="utf-8")))
    if "--check" in arguments:
        same = PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == picture
        print("" if same else f"{PICTURE} is not what its data says: run `make generate`", file=sys.stderr)
        return 0 if same else 1
    PICTURE.write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
