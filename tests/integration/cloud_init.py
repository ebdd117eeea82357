"""What servers are told at first boot, for tests: rendered by real OpenTofu, read and judged by real cloud-init.

cloud-init and shellcheck are unpacked from their Debian packages into the lab's cache, never installed: an installed
cloud-init may act at the machine's next boot.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.core.kit.releases import load
from e2e.lab.unpacked import unpacked as packages_unpacked
from tests.integration.tofu import MODULE, OpenTofu

PACKAGES = (
    *("cloud-init", "shellcheck"),
    # What cloud-init imports, its dependencies' dependencies included.
    *("python3-attr", "python3-certifi", "python3-chardet", "python3-charset-normalizer", "python3-configobj"),
    *("python3-idna", "python3-jinja2", "python3-json-pointer", "python3-jsonpatch", "python3-jsonschema"),
    *("python3-markupsafe", "python3-netifaces", "python3-oauthlib", "python3-pyrsistent", "python3-requests"),
    *("python3-six", "python3-typing-extensions", "python3-urllib3", "python3-yaml"),
)

# The part of the module that turns variables into user_data needs no provider.
PURE = (
    "variables.tf",
    "locals.tf",
    "cloudinit.tf",
    "cloudinit-control-plane.tftpl",
    "cloudinit-worker.tftpl",
    "cilium-values.yaml",
    "scripts",
    "units",
)

TRUST = authorities.make(datetime.now(UTC))
CA_FILES = tuple(TRUST.files)

_OUTPUTS = """\
output "user_data" {
  value     = { control_planes = local.control_plane_user_data, workers = local.worker_user_data }
  sensitive = true
}
"""


@dataclass(frozen=True)
class File:
    mode: str
    text: str


@dataclass(frozen=True)
class Boot:
    """One server's user_data, decoded as cloud-init decodes it."""

    user_data: str

    @property
    def cloud_config(self) -> str:
        return gzip.decompress(base64.b64decode(self.user_data)).decode()

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = yaml.safe_load(self.cloud_config)
        return document

    @property
    def files(self) -> dict[str, File]:
        return {file["path"]: File(file["permissions"], _text(file)) for file in self.document["write_files"]}

    @property
    def k3s_config(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load(self.files["/etc/rancher/k3s/config.yaml"].text)
        return config

    @property
    def kit(self) -> dict[str, dict[str, Any]]:
        """The objects that start the kit, by kind."""
        return {item["kind"]: item for item in json.loads(self.files["/etc/catalyst/kit.json"].text)["items"]}


def _text(file: dict[str, str]) -> str:
    """What varies is packed; what does not is plain."""
    if "encoding" not in file:
        return file["content"]
    assert file["encoding"] == "gz+b64"
    return gzip.decompress(base64.b64decode(file["content"])).decode()


@dataclass(frozen=True)
class Rendered:
    control_planes: list[Boot]
    workers: list[Boot]

    @property
    def all(self) -> list[Boot]:
        return [*self.control_planes, *self.workers]


def render(tofu: OpenTofu, variables: dict[str, Any]) -> Rendered:
    """What the module tells each server, given its variables."""
    with tempfile.TemporaryDirectory(dir=tofu.home) as name:
        folder = Path(name)
        for part in PURE:
            (folder / part).symlink_to(MODULE / part)
        (folder / "outputs.tf").write_text(_OUTPUTS)
        (folder / "test.auto.tfvars.json").write_text(json.dumps(variables))
        tofu.must("init", "-input=false", cwd=folder)
        tofu.must("apply", "-input=false", "-auto-approve", cwd=folder)
        user_data = json.loads(tofu.must("output", "-json", "user_data", cwd=folder))
    return Rendered([Boot(one) for one in user_data["control_planes"]], [Boot(one) for one in user_data["workers"]])


def unpacked() -> Path:
    """The folder that the Debian packages are unpacked in; filled once per machine and list of packages."""
    return packages_unpacked("cloud-init", PACKAGES)


def schema_errors(cloud_config: str, folder: Path) -> str:
    """What `cloud-init schema` has to say against a cloud-config; empty when it is valid."""
    file = folder / "user-data.yaml"
    file.write_text(cloud_config)
    ran = subprocess.run(
        [sys.executable, "-m", "cloudinit.cmd.main", "schema", "--config-file", str(file)],
        env={**os.environ, "PYTHONPATH": str(unpacked() / "usr/lib/python3/dist-packages")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if ran.returncode == 0 else f"{ran.stdout}\n{ran.stderr}"


def shellcheck(*scripts: Path) -> str:
    """What shellcheck has to say; empty when it is content."""
    command = [str(unpacked() / "usr/bin/shellcheck"), "--external-sources", f"--source-path={MODULE.parents[1]}"]
    ran = subprocess.run([*command, *map(str, scripts)], capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr


def sample(**changes: Any) -> dict[str, Any]:
    """Variables of a highly available Sovereign with two workers and CAs of its own."""
    return {
        "cluster_name": "acme-1a2b3",
        "fqdn": "acme.omani.works",
        "location": "fsn1",
        "control_plane_sizes": ["cx33"] * 3,
        "worker_sizes": ["cx43"] * 2,
        "ca_files": dict(TRUST.files),
        "server_token": TRUST.server_token,
        "agent_token": TRUST.agent_token,
        "release": load().get().module_value(),
        "git": {
            "url": "https://git.example.com/openova",
            "ref": {"branch": "main"},
            "path": "./clusters/_template/kit",
        },
        **changes,
    }
