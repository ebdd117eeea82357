"""k3s' configuration, read and judged as k3s does it before it starts anything."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from e2e.lab.hcloud.boot.first_boot import FirstBoot
from e2e.lab.hcloud.boot.user_data import CloudConfig

FILE = Path("/etc/rancher/k3s/config.yaml")
_BOTH = {"node-name", "node-ip", "server", "token", "resolv-conf"}
_SERVER = {
    *("flannel-backend", "disable-network-policy", "disable-kube-proxy", "disable"),
    *("tls-san", "agent-token", "cluster-init"),
}
KNOWN = {"server": _BOTH | _SERVER, "agent": _BOTH}
"""Flags that this stand-in knows the meaning of; of k3s' others it would not know what follows."""


class Refused(Exception):
    """k3s ends with this message; systemd starts it again."""


def read(mode: str, file: Path = FILE) -> FirstBoot:
    """What k3s is told, files of config.yaml.d included. Raises Refused."""
    config: dict[str, Any] = {}
    for part in (file, *sorted(Path(f"{file}.d").glob("*.yaml"))):
        config |= yaml.safe_load(part.read_text()) or {}
    if found := list(_wrong(mode, config)):
        raise Refused("; ".join(found))
    env = {"NODE_NAME": config["node-name"], "NODE_IP": config["node-ip"], "K3S_VERSION": "v1.31.4+k3s1"}
    if mode == "agent":
        env["K3S_SERVICE"] = "k3s-agent.service"
    if "server" in config:
        env["JOIN_ADDRESSES"] = str(urlsplit(config["server"]).hostname)
    return FirstBoot(CloudConfig({}, ()), env, config)


def _wrong(mode: str, config: dict[str, Any]) -> Iterator[str]:
    for flag in sorted(config.keys() - KNOWN[mode]):
        yield f"flag provided but not defined: -{flag}"
    for flag in ("node-name", "node-ip", "token"):
        if not config.get(flag):
            yield f"{flag} is not given"
    if mode == "agent" and "server" not in config:
        yield "--server is required"
    if mode == "server" and config.get("cluster-init") and "server" in config:
        yield "cluster-init and server are both given"
    address = config.get("node-ip")
    if address and not _is_here(str(address)):
        yield f"node-ip {address} is on no interface of this server"


def _is_here(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
