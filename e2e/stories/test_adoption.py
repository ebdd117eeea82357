"""The Sovereign's own Crossplane takes over its servers: from spec.crossplane to a worker that the operator never made,
and back."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from e2e.lab.layout import HCLOUD_URL, Layout
from e2e.lab.timeline import Timeline
from e2e.lab.toolchain import provider_mirror
from e2e.stories.conftest import Make
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.new_cluster import NewCluster
from e2e.support.sovereigns import Sovereign, condition
from e2e.support.waiting import wait_for
from e2e.support.workspace import CHANGES, EMPTY_PLAN, ProviderOpenTofu, with_worker

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SPACE, ADOPTION, STATE, INPUTS = (
    *("crossplane-system", "catalyst-adoption"),
    *("tfstate-default-sovereign", "inputs.tfvars.json"),
)
MODULE = Path(__file__).parents[2] / "infra" / "hetzner"
MIRROR = 'provider_installation {{\n  filesystem_mirror {{\n    path = "{path}"\n  }}\n}}\n'


def test_it_takes_over_adds_a_worker_and_all_of_it_goes(make: Make, kubectl: Kubectl, tmp_path: Path) -> None:
    """Its first plan is empty, what it adds joins, deleting its Workspace destroys nothing, and the operator's deletion
    takes its worker along."""
    project = Project(boots=True)
    sovereign, _ = make(
        "adopted", project=project, workers={"replicas": 0}, crossplane={"credentialsSecretRef": {"name": "own-token"}}
    )
    sovereign.apply()
    put_own_token(kubectl, sovereign, project.token)
    status = sovereign.handed_off(seconds=240)
    assert f"{SPACE}/{STATE}" in condition(status, "HandedOff")["message"]
    cluster = NewCluster(project)
    provider = taking_over(cluster, project, tmp_path)

    connected = provider.connect()
    assert connected.returncode == 0, connected.stderr
    planned = provider.plan()
    assert planned.returncode == EMPTY_PLAN, planned.stdout + planned.stderr

    wish = json.dumps({"data": {INPUTS: with_worker(data(cluster, ADOPTION), INPUTS)}})
    cluster.kubectl("-n", SPACE, "patch", "secret", ADOPTION, "--type=merge", "-p", wish)
    assert provider.connect().returncode == 0
    assert provider.plan().returncode == CHANGES
    provider.apply()
    worker = f"{sovereign.cluster_name}-worker-0"
    wait_for(lambda: worker in cluster.nodes(), f"{worker} to join", seconds=120)

    before = project.inventory()
    cluster.kubectl("delete", "workspaces.opentofu.upbound.io", "sovereign", "--wait=false")
    assert project.inventory() == before

    sovereign.request_deletion(decommission={"acknowledgeExported": True})
    sovereign.gone(seconds=180)
    assert project.inventory() == {}


def put_own_token(kubectl: Kubectl, sovereign: Sovereign, token: str) -> None:
    meta = {"name": "own-token", "namespace": sovereign.namespace}
    kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"token": token}})


def data(cluster: NewCluster, name: str) -> Mapping[str, str]:
    """Of a Secret that Crossplane is given."""
    found: Mapping[str, str] = cluster.kubectl.get("-n", SPACE, "secret", name).get("data") or {}
    return found


def taking_over(cluster: NewCluster, project: Project, folder: Path) -> ProviderOpenTofu:
    """With the token that the Sovereign has for it."""
    module = folder / "module"
    shutil.copytree(MODULE, module, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "tests"))
    (folder / "tofu.rc").write_text(MIRROR.format(path=provider_mirror(Timeline())))
    token = base64.b64decode(cluster.secret("catalyst-crossplane")["token"]).decode()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TF_CLI_CONFIG_FILE": str(folder / "tofu.rc"),
        "HCLOUD_TOKEN": token,
        "HCLOUD_ENDPOINT": f"{HCLOUD_URL}/v1",
    }
    return ProviderOpenTofu(
        program=Layout.of_checkout().bin / "tofu",
        folder=module,
        environment=environment,
        kubeconfig=project.kubeconfig(),
        secret=partial(data, cluster),
    )
