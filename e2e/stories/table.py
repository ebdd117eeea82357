"""Writes what a run of the stories found as a table: the last full run is kept in docs/reliability.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

BEGIN, END = "<!-- stories: begin -->", "<!-- stories: end -->"


@dataclass
class StoryTable:
    """A pytest plugin: collects each story's first line of documentation, result and duration."""

    path: Path
    rows: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remember what each story says of itself."""
        for item in items:
            said = item.function.__doc__ if isinstance(item, pytest.Function) else None
            first = (said or item.name.removeprefix("test_").replace("_", " ")).split("\n\n")[0]
            self.told[item.nodeid] = " ".join(first.split())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A story's time counts what it needs before and after; its worst part decides the result."""
        said, result, seconds = self.rows.get(report.nodeid, (self.told.get(report.nodeid, ""), "passed", 0.0))
        result = report.outcome if report.outcome != "passed" else result
        self.rows[report.nodeid] = (said, result, seconds + report.duration)

    def pytest_sessionfinish(self) -> None:
        """Put the table between the marks of the document."""
        before, _, rest = self.path.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        self.path.write_text(f"{before}{BEGIN}\n{self._table()}{END}{after}", encoding="utf-8")

    def _table(self) -> str:
        lines = [f"Last run: {datetime.now(UTC):%Y-%m-%d}.", "", "| story | result | seconds |", "|---|---|---|"]
        for nodeid, (said, result, seconds) in self.rows.items():
            name = nodeid.split("::")[-1].removeprefix("test_").replace("_", " ")
            text = name if said == name else f"{name}: {said}"
            lines.append(f"| {text} | {result} | {seconds:.0f} |")
        return "\n".join(lines) + "\n"
