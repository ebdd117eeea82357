"""What a server is told at its first boot, taken apart as cloud-init does it."""

from __future__ import annotations

from typing import Any

from e2e.lab.hcloud.boot import first_boot, user_data


def files(text: str) -> dict[str, str]:
    """The files of a cloud-config: path -> content."""
    return {path: file.content for path, file in user_data.read(text).files.items()}


def k3s_config(text: str) -> dict[str, Any]:
    """What k3s is configured with."""
    return dict(first_boot.read(text).k3s)


def joins(text: str) -> list[str]:
    """The private addresses of the control planes that a server may join through; none for the one that starts."""
    return first_boot.read(text).join_addresses
