"""Crossplane's provider-opentofu at work on the kit's Workspace: the same files, commands and environment, with plain
OpenTofu. The provider itself is not there (docs/adoption.md)."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[2] / "clusters" / "_template" / "infrastructure" / "adoption"
VARIABLES = "crossplane-provider-opentofu-0.tfvars.json"
EMPTY_PLAN, CHANGES = 0, 2
"""Exit codes of a plan."""
Data = Mapping[str, str]


def _told(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((TEMPLATE / file).read_text(encoding="utf-8"))
    return found


@dataclass
class ProviderOpenTofu:
    """One Workspace's folder, which has the module in it."""

    program: Path
    folder: Path
    environment: dict[str, str]
    """With the token and the endpoint of the cloud."""
    kubeconfig: Path
    """Of the new cluster; a Pod of the provider has its own account, to which Crossplane gives all rights on Secrets
    and Leases."""
    secret: Callable[[str], Data]
    """The data of a Secret in crossplane-system, encoded as it is."""

    def connect(self) -> subprocess.CompletedProcess[str]:
        """Lay out the folder from what the cluster has now, and initialise."""
        config, workspace = _told("workspace/provider-config.yaml")["spec"], self._workspace
        backend = config["configuration"].replace("in_cluster_config = true", f'config_path = "{self.kubeconfig}"')
        assert backend != config["configuration"]
        (self.folder / "crossplane-provider-config.tf").write_text(backend)
        for credential in config["credentials"]:
            (self.folder / credential["filename"]).write_bytes(self._value(credential["secretRef"]))
        (self.folder / VARIABLES).write_bytes(self._value(workspace["varFiles"][0]["secretKeyRef"]))
        self.environment["TF_ENCRYPTION"] = _told("encryption.yaml")["data"]["encryption"]
        ran = self.run("init", "-input=false", "-no-color")
        return ran if ran.returncode else self.run("workspace", "select", "-no-color", "default")

    def plan(self) -> subprocess.CompletedProcess[str]:
        options = ("-no-color", "-input=false", "-detailed-exitcode", "-lock=false", f"-var-file={VARIABLES}")
        return self.run("plan", *options)

    def apply(self) -> None:
        options = ("-no-color", "-auto-approve", "-input=false", f"-var-file={VARIABLES}")
        ran = self.run("apply", *options, *self._workspace["applyArgs"])
        assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"

    def addresses(self) -> list[str]:
        """What the state lists."""
        return self.run("state", "list").stdout.split()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.program), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    @property
    def _workspace(self) -> dict[str, Any]:
        found: dict[str, Any] = _told("workspace/workspace.yaml")["spec"]["forProvider"]
        return found

    def _value(self, reference: Mapping[str, str]) -> bytes:
        """Nothing for a key that is not there, as the provider has it."""
        return base64.b64decode(self.secret(reference["name"]).get(reference["key"], ""))


def with_worker(data: Data, key: str) -> str:
    """The inputs under `key` with one worker more, encoded."""
    inputs = json.loads(base64.b64decode(data[key]))
    inputs["worker_sizes"] = [*inputs["worker_sizes"], "cx33"]
    return base64.b64encode(json.dumps(inputs).encode()).decode()
