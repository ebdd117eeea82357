"""What trials found, and the tests that keep it mended: `tests/trials/*.yaml` as a table of docs/reliability.md.

python -m tests.support.trials [JUNIT-XML ...]

With reports of pytest (`--junitxml`) the results are theirs; without any, those that the table has stay.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

# Reports of this repository's own pytest, not of strangers.
from xml.etree import ElementTree  # isort: skip

from tests.support.paths import REPOSITORY

TRIALS = REPOSITORY / "tests" / "trials"
PAGE = REPOSITORY / "docs" / "reliability.md"
BEGIN, END = "<!-- trials: begin -->", "<!-- trials: end -->"
ROW = re.compile(r"^\| (?P<case>\S+) \| .* \| `(?P<test>\S+)` \| (?P<result>.+) \|$", re.MULTILINE)
NOT_RUN = "not run"


@dataclass(frozen=True)
class Trial:
    """One thing that somebody met, and what shows that it is mended."""

    case: str
    what: str
    tests: tuple[str, ...]
    """`path::name`, or `path::Class::name`; without parameters."""


def trials(folder: Path = TRIALS) -> Iterator[Trial]:
    """All of them, by section and in the order of their files."""
    for path in sorted(folder.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")) or ():
            yield Trial(str(entry["case"]), str(entry["what"]), tuple(entry["tests"]))


def missing(trial: Trial) -> list[str]:
    """The tests of a trial that do not exist."""
    return [test for test in trial.tests if not _exists(test)]


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    file = REPOSITORY / path
    defined = rf"^\s*(async )?def {re.escape(name.rpartition('::')[2])}\("
    return file.is_file() and re.search(defined, file.read_text(encoding="utf-8"), re.MULTILINE) is not None


def results(reports: list[Path]) -> dict[str, str]:
    """Test -> what came of it, the worst of its parameters."""
    found: dict[str, str] = {}
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314
            test = _node(case.get("classname", ""), case.get("name", ""))
            bad = any(case.find(kind) is not None for kind in ("failure", "error"))
            result = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
            found[test] = result if found.get(test, "passed") == "passed" else found[test]
    return found


def _node(classname: str, name: str) -> str:
    """pytest writes `tests.unit.test_a.TestB` where its node is `tests/unit/test_a.py::TestB`."""
    parts = classname.split(".")
    at = next((i for i, part in enumerate(parts) if part.startswith("test_")), len(parts) - 1)
    path, classes = "/".join(parts[: at + 1]) + ".py", parts[at + 1 :]
    return "::".join((path, *classes, name.partition("[")[0]))


def table(known: Mapping[str, str]) -> str:
    """The rows, with the result of each test as far as it is known."""
    lines = ["| case | what was met | test | result |", "|---|---|---|---|"]
    for trial in trials():
        lines += [f"| {trial.case} | {trial.what} | `{test}` | {known.get(test, NOT_RUN)} |" for test in trial.tests]
    return "\n".join(lines) + "\n"


def written(page: str) -> dict[str, str]:
    """The results that a page has."""
    return {row["test"]: row["result"] for row in ROW.finditer(_between(page))}


def _between(page: str) -> str:
    return page.partition(BEGIN)[2].partition(END)[0]


def with_table(page: str, known: Mapping[str, str]) -> str:
    """The page with the table of today."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(known)}{END}{rest.partition(END)[2]}"


def main(arguments: list[str]) -> None:
    """Write the table."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(page, written(page) | results([Path(a) for a in arguments])), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
