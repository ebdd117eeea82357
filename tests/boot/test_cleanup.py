"""Nothing is left on the machine after a test that was killed while a server booted.

By its name it comes first: it takes the machine for itself, which the lives of the other tests have until their end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.boot import cgroups
from e2e.boot.cleanup import INOTIFY
from e2e.boot.layout import SERVER_PREFIX, SETTINGS, WORLD_PREFIX, folder
from e2e.support.waiting import wait_for
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.boot

LIMIT = INOTIFY / "max_user_instances"
TEST = """
import time
from e2e.boot import cleanup, image, programs
from e2e.boot.machine import Machine, Parts
from e2e.boot.metadata import Told
from e2e.boot.vendors import Vendors
from e2e.boot.world import world
from e2e.lab.timeline import Timeline

with cleanup.machine(), world("killed", Vendors({}, {"vendor.example/file": b""})) as made:
    server = Machine(made, Told("killed", 10, 1, "#cloud-config"), Parts(image.root(Timeline()), {}))
    server.power_on()
    server.until(lambda: "Reached target" in server.console, "systemd on it")
    cleanup.INOTIFY.joinpath("max_user_instances").write_text("4321")
    print("boots", flush=True)
    time.sleep(1000)
"""


def _run(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen([sys.executable, *arguments], cwd=REPOSITORY, env=environment, stdout=-1, text=True)


def _left() -> Iterator[str]:
    """What a test has on the machine."""
    for name in Path("/run/netns").iterdir() if Path("/run/netns").exists() else ():
        if name.name.startswith((WORLD_PREFIX, SERVER_PREFIX)):
            yield f"namespace {name.name}"
    if cgroups.top().exists():
        yield f"cgroup with {len(cgroups.processes(cgroups.top()))} processes"
    yield from (f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if str(folder()) in line)
    yield from (f"disks in {entry}" for entry in folder().glob("*/servers"))
    if SETTINGS.exists():
        yield "settings that are not put back"
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes()
        except OSError:
            continue
        if str(folder()).encode() in command:
            yield f"process {command!r}"


def test_a_test_that_was_killed_is_cleaned_up_after() -> None:
    before = LIMIT.read_text()
    with _run("-c", TEST) as test:
        assert test.stdout is not None
        assert test.stdout.readline() == "boots\n"
        test.kill()
    assert len(list(_left())) > 4, "a killed test leaves everything, or this one shows nothing"
    for _ in range(2):
        with _run("-m", "e2e.boot", "down") as down:
            assert down.wait() == 0
        wait_for(lambda: not list(_left()), "nothing to be left", seconds=5, shown=lambda: "\n".join(_left()))
    assert LIMIT.read_text() == before
