"""The table of the lab's fidelity names tests that exist, and stands in the documents as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from e2e.lab import fidelity
from e2e.lab.fidelity import PAGE, Compared, Row
from tests.support.paths import REPOSITORY
from tests.support.trials import Trial, missing

ROWS = [row for part in fidelity.parts() for row in part.rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_what_is_named_exists(row: Row) -> None:
    assert missing(Trial("", row.what, row.tests)) == []
    for test in row.tests:
        path, *classes, _ = test.split("::")
        text = (REPOSITORY / path).read_text("utf-8")
        assert all(f"class {name}:" in text for name in classes), test


def test_a_behaviour_is_told_once() -> None:
    assert sorted(row.what for row in ROWS) == sorted({row.what for row in ROWS})


def test_every_kind_of_comparison_is_used() -> None:
    """One that no row has would be explained for nothing."""
    assert {row.compared for row in ROWS} == set(Compared)


def test_the_page_has_the_table_of_today() -> None:
    assert PAGE.read_text("utf-8") == fidelity.page(fidelity.parts()), "run python -m e2e.lab.fidelity"


@pytest.mark.parametrize(
    "row",
    [
        "{what: a, compared: hearsay, tests: [t]}",
        "{what: a, compared: real, tests: []}",
        "{what: a, compared: real, tests: [t], certain: true}",
    ],
    ids=["another source", "no test", "another field"],
)
def test_a_row_that_proves_nothing_is_refused(tmp_path: Path, row: str) -> None:
    file = tmp_path / "table.yaml"
    file.write_text(f"- part: A\n  rows: [{row}]\n")
    with pytest.raises(ValidationError):
        fidelity.parts(file)
