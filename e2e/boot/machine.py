"""A server that boots: its power, its disk, and what one sees of it from outside."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2e.boot import cgroups, programs
from e2e.boot.layout import FAULTS, OPT
from e2e.boot.metadata import Told
from e2e.boot.world import World
from e2e.support.waiting import LOOK_EVERY, OFTEN, wait_for

BOOT_SECONDS, END_SECONDS = 420, 240
SHOWN = 2000
"""Characters of what a server said last, when a wait for it was in vain."""
NOT_RUN = 255
"""The exit code of a command on a server on which nothing runs yet."""
LOG = "var/log/catalyst-bootstrap.log"
DONE = "var/lib/catalyst/bootstrapped"
ROOT_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
POWER_ON = Path(__file__).with_name("power_on.sh")


@dataclass(frozen=True)
class Parts:
    """What all servers are made of."""

    root: Path
    """Their disks' common beginning."""
    opt: dict[str, Path]
    """Programs that their stand-ins start."""


class Machine:
    """One server. A new one has an empty disk."""

    def __init__(self, world: World, told: Told, parts: Parts) -> None:
        self._network, self._authority = world.network, world.authority
        self.told, self._parts = told, parts
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = world.folder / "servers" / f"{told.number}-{told.instance}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self._prepare_disk()
        self.downloads = world.add(told)

    def _prepare_disk(self) -> None:
        """What an image of Hetzner's has, and the world's own authority."""
        authority = self._authority.read_text()
        written = {
            ROOT_CERTIFICATES: (self._parts.root / ROOT_CERTIFICATES).read_text() + authority,
            # Where update-ca-certificates finds it again.
            "usr/local/share/ca-certificates/world.crt": authority,
            "etc/boot-serial": str(self.told.instance),
        }
        for path, text in written.items():
            file = self.disk / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    # --- its power ---

    def power_on(self, *, private: bool = True, heard: bool = True) -> None:
        """Let it boot, with its private network, or before that is attached; see `Network.attach_private`."""
        self._network.plug_in(self.told.number)
        if private:
            self._network.attach_private(self.told.number, heard=heard)
        given = (self._parts.root, self.folder, cgroups.make(self._namespace), self._namespace, programs.nspawn())
        binds = [f"--bind-ro={file.resolve()}:{OPT}/bin/{name}" for name, file in self._parts.opt.items()]
        command = ["ip", "netns", "exec", self._namespace, str(POWER_ON), *map(str, given), *binds]
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                command,
                env=programs.environment(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def attach_private_network(self) -> None:
        self._network.attach_private(self.told.number)

    def hear_private_network(self) -> None:
        self._network.hear_private(self.told.number)

    def cut(self) -> None:
        """Pull the plug."""
        cgroups.end(self._cgroup)
        self._ended()
        self._network.unplug(self.told.number)

    def reboot(self) -> None:
        """As `reboot` on it does."""
        self.run("systemctl reboot")
        self._ended()
        cgroups.end(self._cgroup)
        self.power_on()

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait(END_SECONDS)
            self._process = None

    @property
    def _cgroup(self) -> Path:
        return cgroups.top() / self._namespace

    @property
    def _namespace(self) -> str:
        return self._network.namespace(self.told.number)

    # --- what is on it ---

    @property
    def disk(self) -> Path:
        """What differs from the image."""
        return self.folder / "changes"

    @property
    def log(self) -> str:
        """Of its first boot."""
        file = self.disk / LOG
        return file.read_text() if file.exists() else ""

    @property
    def console(self) -> str:
        return (self.folder / "console.log").read_text(errors="replace")

    def fault(self, name: str, text: str = "") -> Path:
        """Let a stand-in fail, until the file is removed."""
        file = self.disk / FAULTS.lstrip("/") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(self, command: str) -> str:
        """What a command says on the running server; CalledProcessError when it fails."""
        ran = self.try_run(command)
        if ran.returncode:
            raise subprocess.CalledProcessError(ran.returncode, command, ran.stdout, ran.stderr)
        return ran.stdout

    def try_run(self, command: str) -> subprocess.CompletedProcess[str]:
        init = self._init()
        if init is None:
            return subprocess.CompletedProcess(command, NOT_RUN, "", f"nothing runs on {self.told.name}")
        namespaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root")
        enter = ["nsenter", f"--target={init}", *namespaces]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8"}
        return subprocess.run(
            [*enter, "--wd=/", "bash", "-c", command], env=environment, capture_output=True, text=True, check=False
        )

    def kubectl(self, arguments: str) -> str:
        return self.run(f"kubectl --request-timeout=20s {arguments}")

    def _init(self) -> int | None:
        """Its process 1, as the machine numbers it: the child of nspawn. None while there is none."""
        assert self._process is not None, "it is off"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    # --- waiting ---

    def until(
        self, holds: Callable[[], object], what: str, *, seconds: float = BOOT_SECONDS, often: bool = False
    ) -> None:
        wait_for(
            lambda: self._runs() and holds(),
            what,
            seconds=seconds,
            shown=lambda: self.console[-SHOWN:] + self.log[-SHOWN:],
            every=OFTEN if often else LOOK_EVERY,
        )

    def until_logged(self, text: str, *, seconds: float = BOOT_SECONDS) -> None:
        self.until(lambda: text in self.log, f"'{text}' in the log of {self.told.name}", seconds=seconds)

    def until_booted(self, *, seconds: float = BOOT_SECONDS) -> None:
        """The end of its first boot."""
        self.until((self.disk / DONE).exists, f"first boot of {self.told.name}", seconds=seconds)

    def _runs(self) -> bool:
        assert self._process is not None and self._process.poll() is None, f"it ended:\n{self.console[-SHOWN:]}"
        return True
