"""What a server is told at its first boot, taken apart as cloud-init does it."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import yaml

K3S_CONFIG = "/etc/rancher/k3s/config.yaml"


def files(user_data: str) -> dict[str, str]:
    """The files of a cloud-config in gzip and base64: path -> content."""
    document = yaml.safe_load(gzip.decompress(base64.b64decode(user_data)))
    return {entry["path"]: _content(entry) for entry in document["write_files"]}


def k3s_config(user_data: str) -> dict[str, Any]:
    """What k3s is configured with."""
    found: dict[str, Any] = yaml.safe_load(files(user_data)[K3S_CONFIG])
    return found


def _content(entry: dict[str, str]) -> str:
    if entry.get("encoding") != "gz+b64":
        return entry["content"]
    return gzip.decompress(base64.b64decode(entry["content"])).decode()
