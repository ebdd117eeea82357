"""How long first boot takes, step by step: `python -m tests.boot.durations` boots first control planes, one by one.

With `--write-docs` the table goes into docs/performance.md. Run it while nothing else runs.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from e2e.boot import cleanup
from e2e.boot.machine import Machine
from e2e.support.waiting import OFTEN
from tests.boot.lives.interrupted import STEPS
from tests.boot.stage import FIRST, Stage, stage
from tests.support.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "performance.md"
BEGIN, END = "<!-- boot: begin -->", "<!-- boot: end -->"
START = "systemd, network and cloud-init, until the first step begins"
Seconds = dict[str, float]
"""By step, in their order."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.boot.durations", description=__doc__)
    parser.add_argument("--boots", type=int, default=3, help="how many servers boot, one after the other; 3")
    parser.add_argument("--write-docs", action="store_true", help="write the table into docs/performance.md")
    given = parser.parse_args(arguments)
    with cleanup.machine(), tempfile.TemporaryDirectory() as folder:
        prepared, around = stage(Path(folder)), surroundings()
        text = f"{around}\n\n{table([measured(prepared, f'boot{n}') for n in range(given.boots)])}"
    print(text)
    if given.write_docs:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


def surroundings() -> str:
    """When, on what, and how busy it was before."""
    busy = os.getloadavg()[0]
    distorted = " **The machine was busy: the figures are distorted.**" if busy > (os.cpu_count() or 1) else ""
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"Measured {when} on {os.cpu_count()} processors, load {busy:.1f} before.{distorted}"


def measured(prepared: Stage, name: str) -> Seconds:
    """One boot, from the moment that the server is switched on."""
    with prepared.world(name) as world:
        server = prepared.server(world, FIRST)
        began = time.monotonic()
        server.power_on()
        marks = dict(_marks(server, began))
        server.until_booted()
        server.cut()
    ends = [marks["begins"], *(marks[step] for step in STEPS)]
    return {START: ends[0], **{step: end - start for step, start, end in zip(STEPS, ends, ends[1:], strict=False)}}


def _marks(server: Machine, began: float) -> Iterator[tuple[str, float]]:
    """When the first step begins, and when each is done."""
    seen: set[str] = set()
    while STEPS[-1] not in seen:
        time.sleep(OFTEN)
        found = ["begins"] if f"step {STEPS[0]}: begins" in server.log else []
        found += re.findall(r"^\S+ step ([a-z0-9-]+): done", server.log, re.MULTILINE)
        for mark in (mark for mark in found if mark not in seen):
            seen.add(mark)
            yield mark, time.monotonic() - began


def table(boots: Sequence[Seconds]) -> str:
    """Markdown: of each step the median, and all of them together as they were in each boot."""
    lines = ["| step | seconds, median | smallest | largest |", "|---|---|---|---|"]
    for step in boots[0]:
        lines.append(_row(step, [boot[step] for boot in boots]))
    lines.append(_row("from the start to `step kit: done`", [sum(boot.values()) for boot in boots]))
    return "\n".join([*lines, "", f"Of {len(boots)} boots."])


def _row(name: str, seconds: Sequence[float]) -> str:
    figures = (statistics.median(seconds), min(seconds), max(seconds))
    return f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} |"


if __name__ == "__main__":
    sys.exit(main())
