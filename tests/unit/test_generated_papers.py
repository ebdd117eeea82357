"""The index of decisions and the picture are what they are made of, and say so when they are not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from docs.decisions import index
from docs.pictures import draw

TODAY = "2026-12-01"
OLDER = "# 1. First\n\nDecided 2026-11-22.\n\nBecause.\n"
NEWER = "# 2. Second\n\nNobody wrote a date.\n"


# --- decisions --------------------------------------------------------------------------------------------------------


def test_the_index_lists_every_decision() -> None:
    assert index.main(["--check"]) == 0, "run `make generate`"


def test_a_decision_keeps_its_date_and_a_new_one_gets_todays() -> None:
    assert index.dated(OLDER, TODAY) == OLDER
    given = f"# 2. Second\n\nDecided {TODAY}.\n\nNobody wrote a date.\n"
    assert index.dated(NEWER, TODAY) == given
    assert index.dated(NEWER.replace("# 2. ", "# 0002: "), TODAY) == given


def test_the_newest_is_at_the_top() -> None:
    decisions = [index.read(Path("0001-first.md"), OLDER), index.read(Path("0002-b.md"), index.dated(NEWER, TODAY))]
    rows = [line for line in index.index(decisions).splitlines() if line.startswith("| 2")]
    assert rows == [f"| {TODAY} | 2 | [Second](0002-b.md) |", "| 2026-11-22 | 1 | [First](0001-first.md) |"]


def test_a_number_that_is_not_that_of_the_file_is_refused() -> None:
    with pytest.raises(index.MalformedDecision, match=r"0003-first\.md"):
        index.read(Path("0003-first.md"), OLDER)


# --- the picture ------------------------------------------------------------------------------------------------------


@pytest.fixture
def data() -> dict[str, Any]:
    """What the picture is made of."""
    loaded: dict[str, Any] = yaml.safe_load(draw.DATA.read_text(encoding="utf-8"))
    return copy.deepcopy(loaded)


def test_the_picture_is_what_its_data_says() -> None:
    assert draw.main(["--check"]) == 0, "run `make generate`"


def test_a_picture_of_other_data_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "PICTURE", tmp_path / "other.svg")
    assert draw.main(["--check"]) == 1
    assert draw.main([]) == 0
    assert draw.main(["--check"]) == 0


def test_all_that_is_told_is_in_the_picture_and_hostile_text_is_inert(data: dict[str, Any]) -> None:
    data["boxes"]["operator"]["title"] = "<script>&"
    told = [text.text for text in ElementTree.fromstring(draw.draw(data)).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    titles = {box["title"] for box in data["boxes"].values()} | {lane["title"] for lane in data["lanes"]}
    steps = [arrow["step"] for arrow in data["arrows"] if "step" in arrow]
    assert titles <= set(told)
    assert [text for text in told if text and ". " in text[:4]] == [f"{n}. {step}" for n, step in enumerate(steps, 1)]


def test_every_arrow_begins_and_ends_at_a_box(data: dict[str, Any]) -> None:
    data["arrows"][0]["from"] = "nowhere.right"
    with pytest.raises(KeyError):
        draw.draw(data)


def test_nothing_lies_outside_of_the_picture(data: dict[str, Any]) -> None:
    width, height = data["size"]
    for place in (*data["boxes"].values(), *data["lanes"]):
        (x, y), (w, h) = place["at"], place["size"]
        assert min(x, y) >= 0 and x + w <= width and y + h <= height, place
