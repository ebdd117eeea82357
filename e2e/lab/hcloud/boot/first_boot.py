"""What a server is told at its first boot, as its scripts would find it on disk."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

from e2e.lab.hcloud.boot import user_data
from e2e.lab.hcloud.boot.user_data import CloudConfig

NODE_ENV = "/etc/catalyst/node.env"
K3S_CONFIG = "/etc/rancher/k3s/config.yaml"
KIT = "/etc/catalyst/kit.json"
CILIUM_VALUES = "/etc/catalyst/cilium-values.yaml"
MANIFESTS = "/etc/catalyst/manifests/"
TLS = "/var/lib/rancher/k3s/server/tls/"
SCRIPTS = "/usr/local/lib/catalyst/"
UNITS = "/etc/systemd/system/"
NODE_SCRIPT, CLUSTER_SCRIPT, CHOOSE_SCRIPT = "bootstrap-node.sh", "bootstrap-cluster.sh", "choose-server.sh"

_STEP = re.compile(r"^step ([a-z0-9-]+) \S+", re.MULTILINE)


class Role(StrEnum):
    """What k3s is to be on the server."""

    FIRST = "first control plane"
    JOINING = "joining control plane"
    WORKER = "worker"


@dataclass(frozen=True)
class FirstBoot:
    """Lenient: what cannot be read is empty here, and `checks` finds it missing."""

    config: CloudConfig = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    """The variables of node.env."""
    k3s: Mapping[str, Any] = field(repr=False)
    """k3s' configuration."""

    @property
    def node_name(self) -> str:
        return self.env.get("NODE_NAME", "")

    @property
    def node_ip(self) -> str:
        return self.env.get("NODE_IP", "")

    @property
    def role(self) -> Role:
        if self.env.get("K3S_SERVICE") == "k3s-agent.service":
            return Role.WORKER
        return Role.JOINING if "JOIN_ADDRESSES" in self.env else Role.FIRST

    @property
    def join_addresses(self) -> list[str]:
        """The private addresses of the control planes that a node may join through."""
        return self.env.get("JOIN_ADDRESSES", "").split()

    @property
    def ca_files(self) -> dict[str, str]:
        """PEM by the path below k3s' TLS directory."""
        return {
            path.removeprefix(TLS): file.content for path, file in self.config.files.items() if path.startswith(TLS)
        }

    @property
    def manifests(self) -> list[str]:
        """YAML of the boot manifests in the order of their names."""
        paths = sorted(path for path in self.config.files if path.startswith(MANIFESTS) and path.endswith(".yaml"))
        return [self.config.text(path) for path in paths]

    @property
    def kit(self) -> list[Any]:
        """The objects that start the kit."""
        content = _mapping(self.config.text(KIT), json.loads)
        return list(content.get("items") or [])

    @property
    def cilium(self) -> Mapping[str, Any]:
        """Values of the chart."""
        return _mapping(self.config.text(CILIUM_VALUES), yaml.safe_load)

    @property
    def disabled(self) -> list[str]:
        """Components of k3s that are not wanted."""
        return [str(name) for name in self.k3s.get("disable") or []]

    @property
    def tls_names(self) -> list[str]:
        """Names that the API server's certificate gets."""
        return [str(name) for name in self.k3s.get("tls-san") or []]

    def steps(self, script: str) -> list[str]:
        """The names of a script's steps, in their order."""
        return _STEP.findall(self.config.text(f"{SCRIPTS}{script}"))


def read(text: str) -> FirstBoot:
    """From user_data. Raises NotCloudConfig."""
    config = user_data.read(text)
    return FirstBoot(config, _variables(config.text(NODE_ENV)), _mapping(config.text(K3S_CONFIG), yaml.safe_load))


def _variables(text: str) -> dict[str, str]:
    """NAME='value' lines as a shell reads them."""
    try:
        words = shlex.split(text)
    except ValueError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def _mapping(text: str, load: Any) -> Mapping[str, Any]:
    try:
        found = load(text)
    except (ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
