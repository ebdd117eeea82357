"""The processes of a run and of the operator, seen from the node: a container of the lab is one of the machine's."""

from __future__ import annotations

from pathlib import Path

from e2e.lab import processes
from e2e.lab.processes import PROC


def find_tofu(uid: str, command: str = "apply", proc: Path = PROC) -> int | None:
    """The `tofu <command>` that works for the Sovereign with this UID, if it runs now."""
    # Its children, the providers, have the same environment.
    return _find(["tofu", command], f"CATALYST_SOVEREIGN_UID={uid}", proc)


def find_operator(pod_uid: str, proc: Path = PROC) -> int | None:
    """The operator of the Pod with this UID, if it runs now."""
    return _find(["python3", "-m", "catalyst_operator"], f"CATALYST_POD_UID={pod_uid}", proc)


def _find(command: list[str], mark: str, proc: Path) -> int | None:
    begin, env = [word.encode() for word in command], mark.encode()
    found = (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and _is(entry, begin, env))
    return next(found, None)


def _is(process: Path, begin: list[bytes], mark: bytes) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        if words[: len(begin)] != begin:
            return False
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False


def kill(pid: int) -> None:
    """End a process without notice; what it had started in its container ends with it."""
    processes.end([pid], grace=0)
