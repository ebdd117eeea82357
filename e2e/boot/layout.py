"""Names and addresses of the servers that really boot and of the world around them.

Clean-up goes by them, so nothing here may have the name of anything else on the machine. Only the namespaces, the
cgroup and the files of /run are the machine's: devices, addresses and routes are all inside the namespaces.
"""

from __future__ import annotations

from pathlib import Path

from e2e.lab.layout import Layout

WORLD_PREFIX, SERVER_PREFIX = "catalyst-boot-world-", "catalyst-boot-server-"
"""Of network namespaces: a world's, and one for each of its servers."""
CGROUP = "catalyst-boot"

PUBLIC, PRIVATE = "public", "private"
"""Bridges in the world's namespace."""
GATEWAY = "172.31.1.1"
"""Of the public network. The world's names are all here: name server and vendors."""
METADATA = "169.254.169.254"
PRIVATE_GATEWAY = "10.0.0.1"
PRIVATE_RANGE = "10.0.0.0/16"
PUBLIC_NIC, PRIVATE_NIC = "eth0", "enp7s0"
"""As a server calls them."""

OPT = "/opt/boot"
"""On a server: the programs that stand-ins start."""
FAULTS = "/var/lib/boot-faults"
"""On a server: a file here lets a stand-in fail, see `e2e.boot.standins`."""

LOCK = Path("/run/catalyst-boot.lock")
SETTINGS = Path("/run/catalyst-boot.json")
"""The machine's own settings, as they were before a server changed them."""


def folder() -> Path:
    """Of this checkout: the servers' disks, logs, and what the world is configured with."""
    return Layout.of_checkout().root / "boot"


def public_address(number: int) -> str:
    return f"203.0.113.{number}"


def private_address(number: int) -> str:
    return f"10.0.1.{number}"
