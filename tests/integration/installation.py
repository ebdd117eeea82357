"""The operator as `deploy/base` installs it, on the API server of the tests: everything but its process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.integration.apiserver import ApiServer, find_tool, process
from tests.support.paths import REPOSITORY

BASE = REPOSITORY / "deploy" / "base"


def install(server: ApiServer, folder: Path, namespace: str = "") -> None:
    """`kubectl apply -k`, as people do it; with a namespace, by a kustomization that sets another one."""
    chosen = overlay(folder, namespace) if namespace else BASE
    kubectl(server, "apply", "--server-side", "-k", str(chosen))


def overlay(folder: Path, namespace: str) -> Path:
    """A kustomization of deploy/base in a namespace of somebody's choice."""
    made = folder / f"in-{namespace}"
    made.mkdir()
    # kustomize takes bases by relative paths only.
    base = os.path.relpath(BASE, made)
    (made / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": namespace, "resources": [base]}))
    return made


def kubectl(server: ApiServer, *arguments: str) -> str:
    """Standard output of kubectl. The test fails if it does."""
    command = [find_tool("kubectl"), f"--kubeconfig={server.kubeconfig}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def aggregated_roles(server: ApiServer, folder: Path) -> Iterator[None]:
    """The one controller that gives `edit`, `view` and `admin` their rules."""
    command = [
        find_tool("kube-controller-manager"),
        f"--kubeconfig={server.kubeconfig}",
        "--controllers=clusterrole-aggregation-controller",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--secure-port=0",
    ]
    with process(command, folder / "controller-manager"):
        yield


def rules_of(server: ApiServer, role: str) -> str:
    """The rules of a ClusterRole as text, to look for a word in."""
    return json.dumps(server.api.get(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}").get("rules") or [])
