"""Processes of the benchmark's own: they end with it, however it ends, and with the lab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from e2e.lab.layout import REPOSITORY, Layout
from e2e.lab.processes import MARK

MIB = 2**20
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def start(
    layout: Layout,
    module: str,
    log: IO[bytes],
    environ: dict[str, str] | None = None,
    *,
    pipes: bool = False,
) -> subprocess.Popen[str]:
    """`python -m module` with nothing of the environment but what it needs. Out of reach of the terminal's Ctrl-C: who
    started it ends it."""
    pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
    return subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", sys.executable, "-m", module],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), MARK: str(layout.root), **(environ or {})},
        cwd=REPOSITORY,
        stdin=pipe,
        stdout=pipe if pipes else log,
        stderr=log,
        text=True,
        start_new_session=True,
    )


def resident_mib(pid: int, proc: Path = Path("/proc")) -> float:
    """Resident memory of a process now."""
    return int((proc / str(pid) / "statm").read_text().split()[1]) * PAGE / MIB


def processor_seconds(pid: int, proc: Path = Path("/proc")) -> float:
    """What a process has used of the processors so far."""
    # The name, in brackets, may hold anything.
    fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
