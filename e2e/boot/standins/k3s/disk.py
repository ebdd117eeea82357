"""Where k3s keeps things on a server."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from e2e.boot.layout import OPT
from e2e.lab.hcloud.boot.first_boot import FirstBoot
from e2e.lab.hcloud.boot.place import Place
from e2e.lab.layout import Layout

SERVER = Path("/var/lib/rancher/k3s/server")
NODE_PASSWORD = Path("/etc/rancher/node/password")


@dataclass(frozen=True)
class Disk(Place):
    """A server's own disk, with k3s' paths."""

    @classmethod
    def of(cls, boot: FirstBoot) -> Disk:
        disk = cls(Layout(Path(OPT)), 0, boot.node_name, boot.node_ip)
        disk.disk.mkdir(parents=True, exist_ok=True, mode=0o700)
        return disk

    @property
    def root(self) -> Path:
        return SERVER

    @property
    def disk(self) -> Path:
        return SERVER / "db"

    @property
    def tls(self) -> Path:
        return SERVER / "tls"

    @property
    def run(self) -> Path:
        return Path("/run/k3s")

    @property
    def log(self) -> Path:
        return Path("/var/log/k3s")

    @property
    def kubeconfig(self) -> Path:
        return Path("/etc/rancher/k3s/k3s.yaml")

    def publish(self) -> None:
        """Nobody looks for it elsewhere."""

    def say(self, text: str) -> None:
        """To the journal."""
        print(text, flush=True)


@dataclass(frozen=True)
class Contact(Disk):
    """As much of another control plane as it has told."""

    @property
    def disk(self) -> Path:
        return Path("/run/k3s/contact")


def node_password() -> str:
    """The server's own, made at its first start."""
    if not NODE_PASSWORD.exists():
        NODE_PASSWORD.parent.mkdir(parents=True, exist_ok=True)
        NODE_PASSWORD.touch(mode=0o600)
        NODE_PASSWORD.write_text(secrets.token_hex(16))
    return NODE_PASSWORD.read_text()
