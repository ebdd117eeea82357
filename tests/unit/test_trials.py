"""The table of what trials found names tests that exist, and stands in the documents as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.trials import PAGE, Trial, missing, results, trials, with_table, written

TRIALS = list(trials())


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.case)
def test_what_is_named_exists(trial: Trial) -> None:
    assert trial.tests
    assert missing(trial) == []


def test_a_case_is_told_once() -> None:
    cases = [trial.case for trial in TRIALS]
    assert sorted(cases) == sorted(set(cases))


def test_a_test_that_is_gone_is_noticed() -> None:
    here = f"tests/unit/{Path(__file__).name}"
    assert missing(Trial("X1", "", (f"{here}::test_a_case_is_told_once", f"{here}::test_no_such"))) == [
        f"{here}::test_no_such"
    ]


def test_the_page_has_the_table_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, written(page)), "run python -m tests.support.trials"


def test_the_worst_of_a_tests_results_counts(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite>"
        '<testcase classname="tests.unit.core.test_a" name="test_b[1]"><failure/></testcase>'
        '<testcase classname="tests.unit.core.test_a" name="test_b[2]"/>'
        '<testcase classname="tests.unit.core.test_a.TestC" name="test_d"/>'
        "</testsuite></testsuites>"
    )
    assert results([report]) == {
        "tests/unit/core/test_a.py::test_b": "failed",
        "tests/unit/core/test_a.py::TestC::test_d": "passed",
    }
