"""Where one server's disk, processes and logs lie, and how its processes are started and found again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from e2e.lab import processes
from e2e.lab.layout import Layout

_NOTE = "server.json"


@dataclass(frozen=True)
class Place:
    """A server's part of the lab's folder."""

    layout: Layout
    number: int
    """The server's id."""
    name: str
    address: str
    group: int | None = None

    @classmethod
    def of_disk(cls, layout: Layout, disk: Path) -> Place | None:
        """The place of a server of which only its disk is known; None for one that was never used."""
        if not (disk / _NOTE).exists():
            return None
        noted = json.loads((disk / _NOTE).read_text())
        return cls(layout, int(disk.name), noted["name"], noted["address"])

    @property
    def root(self) -> Path:
        return self.layout.root

    @property
    def disk(self) -> Path:
        """What the server keeps while it is off."""
        return disks(self.layout) / str(self.number)

    @property
    def run(self) -> Path:
        return self.disk / "run"

    @property
    def log(self) -> Path:
        """One file for each of its processes."""
        return self.layout.log / "servers" / self.name

    @property
    def boot_log(self) -> Path:
        """What the boot says."""
        return self.log.parent / f"{self.name}.log"

    @property
    def tls(self) -> Path:
        return self.disk / "tls"

    @property
    def kubeconfig(self) -> Path:
        """An administrator's, for the server's own API server."""
        return self.disk / "kubeconfig"

    @property
    def published(self) -> Path:
        """Where people find it: a link. Of two servers with one name, in two projects, the newest counts."""
        return self.layout.clusters / self.name / "kubeconfig"

    def publish(self) -> None:
        """Make the link."""
        self.published.parent.mkdir(parents=True, exist_ok=True)
        self.published.unlink(missing_ok=True)
        self.published.symlink_to(self.kubeconfig)

    def prepare(self) -> None:
        """Make the folders; the disk holds the cluster's keys. A new server begins its logs anew."""
        if not self.disk.exists():
            self.boot_log.unlink(missing_ok=True)
            shutil.rmtree(self.log, ignore_errors=True)
        self.disk.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.log.mkdir(parents=True, exist_ok=True)
        (self.disk / _NOTE).write_text(json.dumps({"name": self.name, "address": self.address}) + "\n")

    def say(self, text: str) -> None:
        """A line in the server's own log."""
        self.boot_log.parent.mkdir(parents=True, exist_ok=True)
        with self.boot_log.open("a") as log:
            log.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f} {text}\n")

    def runs(self, name: str) -> bool:
        """Whether the process of this name does."""
        return processes.find(self, name) is not None

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start a process, unless it runs. Not in a thread: it would go on there when a boot is broken off."""
        if not self.runs(name):
            processes.start(self, name, command, self.environment(environment), group=self.group)

    async def stop(self, name: str) -> None:
        """End a process without notice, as when the power goes."""
        await asyncio.to_thread(processes.stop, self, name, grace=0)

    async def stop_all(self) -> None:
        """End all of them at the same time."""
        names = [file.stem for file in self.run.glob("*.json")]
        found = [identity.pid for name in names if (identity := processes.find(self, name))]
        await asyncio.to_thread(processes.end, found, grace=0)
        for name in names:
            (self.run / f"{name}.json").unlink(missing_ok=True)

    def discard(self) -> None:
        """Throw the disk away; the logs stay."""
        shutil.rmtree(self.disk, ignore_errors=True)
        if self.published.is_symlink() and self.published.readlink() == self.kubeconfig:
            shutil.rmtree(self.published.parent)

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Of the server's processes, with the lab's mark on them: nothing of the emulator's own."""
        system = os.pathsep.join((str(self.layout.bin), "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
        return {"PATH": system, "HOME": str(self.disk), "LANG": "C.UTF-8", processes.MARK: str(self.root), **more}


def disks(layout: Layout) -> Path:
    """The folder of all servers' disks, each named by the server's id."""
    return layout.data / "servers"
