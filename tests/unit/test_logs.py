"""The log, for people and for programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from catalyst_operator import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_of_json_says_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "json")
    logging.getLogger("catalyst_operator.x").warning(
        "it %s", "stalls", extra={"kind": "Sovereign", "object": "omantel"}
    )
    found = json.loads(capsys.readouterr().err)
    assert found.pop("time")
    assert found == {
        "level": "WARNING",
        "logger": "catalyst_operator.x",
        "message": "it stalls",
        "kind": "Sovereign",
        "object": "omantel",
    }


def test_lines_for_people_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "text")
    logging.getLogger("catalyst_operator.x").info("it goes on")
    assert capsys.readouterr().err.endswith(" INFO catalyst_operator.x: it goes on\n")
