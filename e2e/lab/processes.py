"""Starts, finds and ends the lab's processes, and never anybody else's.

Two marks, because each alone fails somewhere. A run file names a component's process by pid, start time and
boot, so a pid that now belongs to another program, also after a reboot, is not believed. The variable
CATALYST_LAB in the environment is inherited by whatever a component starts (containerd's shims, the servers
that the Hetzner emulator "boots"), so that all of it is found even when its parents were killed without
notice. Container processes have neither: they are found by the lab's cgroup.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from e2e.lab.errors import LabError
from e2e.lab.layout import CGROUP

MARK = "CATALYST_LAB"
PROC = Path("/proc")


class Home(Protocol):
    """Where a group of processes belongs: the lab itself, or one server of the emulated cloud."""

    @property
    def root(self) -> Path:
        """The lab's folder, whose path is the mark."""

    @property
    def run(self) -> Path:
        """For the run files."""

    @property
    def log(self) -> Path:
        """For the logs."""


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    started: int
    """Clock ticks after the boot, field 22 of /proc/<pid>/stat."""
    boot: str


def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> int | None:
    """None when no such process runs; a zombie does not."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def _run_file(home: Home, name: str) -> Path:
    return home.run / f"{name}.json"


def start(
    home: Home,
    name: str,
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    version: str = "",
    group: int | None = None,
) -> Identity:
    """Start a component in a session of its own, with its output in `<log>/<name>.log`, as `group` where one is given.

    `version` is noted for `version_of`: it tells a process that was started from earlier code from one of now.
    """
    home.log.mkdir(parents=True, exist_ok=True)
    home.run.mkdir(parents=True, exist_ok=True)
    with (home.log / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home.root,
            env={**environment, MARK: str(home.root)},
            start_new_session=True,
            group=group,
        )
    # It outlives this program, which therefore never waits for it; Python would warn of that.
    child.returncode = 0
    started = _start_time(child.pid)
    identity = Identity(child.pid, -1 if started is None else started, boot_id())
    _run_file(home, name).write_text(json.dumps({"process": asdict(identity), "version": version}) + "\n")
    return identity


def find(home: Home, name: str) -> Identity | None:
    """The component's process when it runs, else None."""
    noted = _noted(home, name)
    if noted is None:
        return None
    identity = Identity(**noted["process"])
    alive = identity.boot == boot_id() and _start_time(identity.pid) == identity.started
    return identity if alive else None


def version_of(home: Home, name: str) -> str | None:
    """What the component was started from, None when it never was."""
    noted = _noted(home, name)
    return None if noted is None else str(noted["version"])


def _noted(home: Home, name: str) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(_run_file(home, name).read_text())
    except FileNotFoundError:
        return None
    return content


def stop(home: Home, name: str, *, grace: float) -> None:
    """End one component: SIGTERM, and SIGKILL after `grace` seconds."""
    identity = find(home, name)
    if identity:
        end([identity.pid], grace=grace)
    _run_file(home, name).unlink(missing_ok=True)


def log_tail(home: Home, name: str, lines: int = 15) -> str:
    try:
        text = (home.log / f"{name}.log").read_text(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _mark_of(pid: int) -> str | None:
    try:
        environment = (PROC / str(pid) / "environ").read_bytes()
    except OSError:  # it ended, or it is a kernel thread
        return None
    prefix = f"{MARK}=".encode()
    return next((item[len(prefix) :].decode() for item in environment.split(b"\0") if item.startswith(prefix)), None)


def marked() -> dict[int, str]:
    """Every process of any lab on this machine, with the folder of its lab."""
    marks = {pid: _mark_of(pid) for pid in _pids()}
    return {pid: mark for pid, mark in marks.items() if mark is not None}


def of_lab(root: Path) -> list[int]:
    return [pid for pid, mark in marked().items() if mark == str(root)]


def in_pods() -> list[int]:
    """Processes inside the lab's containers."""
    return [pid for pid in _pids() if _in_lab_cgroup(pid)]


def _in_lab_cgroup(pid: int) -> bool:
    try:
        return f":/{CGROUP}/" in (PROC / str(pid) / "cgroup").read_text()
    except OSError:  # it ended
        return False


def end(pids: Iterable[int], *, grace: float) -> None:
    """End processes and wait until they are gone. Handles, not pids, are signalled: a pid may be given out again."""
    handles = dict(_handles(pids))
    try:
        if grace > 0:
            _signal(handles, signal.SIGTERM)
            handles = _wait(handles, grace)
        _signal(handles, signal.SIGKILL)
        handles = _wait(handles, 10)
        if handles:
            raise LabError(
                f"processes {sorted(handles.values())} did not end after SIGKILL",
                "they wait in the kernel, most often for storage: look at /proc/<pid>/stack, then run this again",
            )
    finally:
        for handle in handles:
            os.close(handle)


def _handles(pids: Iterable[int]) -> Iterator[tuple[int, int]]:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            yield os.pidfd_open(pid), pid


def _signal(handles: Mapping[int, int], number: signal.Signals) -> None:
    for handle in handles:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)


def _wait(handles: dict[int, int], seconds: float) -> dict[int, int]:
    """Wait for the ends of processes; what is left is returned, handles of ended ones are closed."""
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    deadline = time.monotonic() + seconds
    left = dict(handles)
    while left and (remaining := deadline - time.monotonic()) > 0:
        for handle, _ in poll.poll(remaining * 1000):
            poll.unregister(handle)
            with contextlib.suppress(ChildProcessError):  # most are not this program's own children
                os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOHANG)
            os.close(handle)
            del left[handle]
    return left
