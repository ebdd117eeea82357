"""The cgroups of servers: how all processes of one are found, and ended in one stroke."""

from __future__ import annotations

import errno
from pathlib import Path

from e2e.boot.layout import CGROUP
from e2e.support.waiting import wait_for

_UNIFIED = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
"""Where version 2 is: beside version 1, or alone."""
SECONDS = 10


def top() -> Path:
    """Above those of all servers."""
    mount = next(folder for folder in _UNIFIED if (folder / "cgroup.procs").exists())
    return mount / CGROUP


def make(name: str) -> Path:
    """One below it, and its path as it is where only version 2 is."""
    (top() / name).mkdir(parents=True, exist_ok=True)
    return Path(CGROUP) / name


def end(group: Path) -> None:
    """End whatever is in it without notice, wait until it is empty, and remove it.

    Who uses it again makes it anew: Linux 6.14 and later kill also what is started in it, or below it, later.
    """
    if not group.exists():
        return
    (group / "cgroup.kill").write_text("1")
    wait_for(
        lambda: "populated 1" not in (group / "cgroup.events").read_text(),
        f"the processes in {group} to end",
        seconds=SECONDS,
        shown=lambda: str(processes(group)),
        every=0.01,
    )
    _remove(group)


def _remove(group: Path) -> None:
    for below in [entry for entry in group.iterdir() if entry.is_dir()]:
        _remove(below)
    group.rmdir()


def processes(group: Path) -> list[int]:
    """Of the group and of those below it. One that goes meanwhile has none."""
    files = [group / "cgroup.procs", *group.rglob("cgroup.procs")]
    return sorted({int(line) for file in files for line in _lines(file)})


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise
        return []
