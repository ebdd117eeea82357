"""The processes of a run, seen from the node: a container of the lab is a process of the machine."""

from __future__ import annotations

from pathlib import Path

from e2e.lab import processes
from e2e.lab.processes import PROC


def find_tofu(uid: str, command: str = "apply", proc: Path = PROC) -> int | None:
    """The `tofu <command>` that works for the Sovereign with this UID, if it runs now."""
    mark = f"CATALYST_SOVEREIGN_UID={uid}".encode()
    found = (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and _is(entry, command, mark))
    return next(found, None)


def _is(process: Path, command: str, mark: bytes) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        # Its children, the providers, have the same environment.
        if words[:2] != [b"tofu", command.encode()]:
            return False
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False


def kill(pid: int) -> None:
    """End a process without notice; what it had started in its container ends with it."""
    processes.end([pid], grace=0)
