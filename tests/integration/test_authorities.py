"""The component that gives the operator a company's authorities, as kustomize makes it of deploy/base."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.apiserver import find_tool
from tests.integration.installation import BASE
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("kustomization")
    content = {
        "resources": [os.path.relpath(BASE, folder)],
        "components": [os.path.relpath(REPOSITORY / "deploy/components/authorities", folder)],
        "images": [{"name": "catalyst-operator", "newName": "registry.example/catalyst-operator", "newTag": "1"}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    made = subprocess.run([find_tool("kubectl"), "kustomize", str(folder)], capture_output=True, text=True, check=True)
    (deployment,) = (one for one in yaml.safe_load_all(made.stdout) if one["kind"] == "Deployment")
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def test_both_containers_are_the_operators_image(pod: dict[str, Any]) -> None:
    images = {container["image"] for container in (*pod["initContainers"], *pod["containers"])}
    assert images == {"registry.example/catalyst-operator:1"}


def test_what_is_written_is_what_is_read(pod: dict[str, Any], tmp_path: Path) -> None:
    [trust], [operator] = pod["initContainers"], pod["containers"]
    environment = {one["name"]: one.get("value") for one in operator["env"]}
    mounted = {mount["name"]: mount["mountPath"] for mount in operator["volumeMounts"]}
    assert environment["SSL_CERT_FILE"].startswith(mounted["trust"])
    assert environment["CATALYST_AUTHORITIES"].startswith(mounted["authorities"])
    command = trust["command"][-1]
    places = {"/etc/ssl/certs/ca-certificates.crt": "image", environment["CATALYST_AUTHORITIES"]: "own"}
    for path, text in places.items():
        (tmp_path / text).write_text(f"{text}\n")
        command = command.replace(path, str(tmp_path / text))
    command = command.replace(environment["SSL_CERT_FILE"], str(tmp_path / "both"))
    subprocess.run([*trust["command"][:-1], command], check=True)
    assert (tmp_path / "both").read_text() == "image\nown\n"
