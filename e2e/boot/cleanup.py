"""Takes away what servers and their world left on the machine, also after a test that was killed; may be repeated."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.boot import cgroups
from e2e.boot.layout import LOCK, SERVER_PREFIX, SETTINGS, WORLD_PREFIX, folder

INOTIFY = Path("/proc/sys/fs/inotify")
NAMESPACES = Path("/run/netns")


@contextmanager
def machine() -> Iterator[None]:
    """Have the machine to oneself, and leave it as it was. A second one waits."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clean()
        _save()
        try:
            yield
        finally:
            clean()


def clean() -> None:
    """Processes, namespaces, cgroups, disks, and the settings of the machine."""
    cgroups.end(cgroups.top())
    for name in _namespaces():
        _end_processes(name)
        subprocess.run(["ip", "netns", "delete", name], check=True)
    for servers in folder().glob("*/servers"):
        shutil.rmtree(servers)
    _restore()


def _namespaces() -> list[str]:
    if not NAMESPACES.exists():
        return []
    return [entry.name for entry in NAMESPACES.iterdir() if entry.name.startswith((WORLD_PREFIX, SERVER_PREFIX))]


def _end_processes(namespace: str) -> None:
    """Of a killed test's: dnsmasq."""
    found = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True)
    if pids := found.stdout.split():
        subprocess.run(["kill", "-KILL", *pids], check=False)


def _save() -> None:
    """First boot raises limits that are the whole machine's."""
    SETTINGS.write_text(json.dumps({file.name: file.read_text().strip() for file in sorted(INOTIFY.iterdir())}))


def _restore() -> None:
    if SETTINGS.exists():
        for name, value in json.loads(SETTINGS.read_text()).items():
            (INOTIFY / name).write_text(value)
        SETTINGS.unlink()
