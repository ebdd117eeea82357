"""What a Sovereign's own Crossplane is given, used as its provider-opentofu uses it: real OpenTofu, the state in a real
API server of the new cluster, the files, variables and environment that clusters/_template asks for."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.writes import transferring
from catalyst_operator.adapters.new_cluster.writes.transferring import Estate
from catalyst_operator.adapters.sealing import Sealing
from catalyst_operator.core import naming
from catalyst_operator.core.access import transfer
from catalyst_operator.core.access.identity import SEEDER, Access
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.core.tofu import encryption, given_state
from e2e.support.workspace import CHANGES, EMPTY_PLAN, VARIABLES, ProviderOpenTofu, with_worker
from tests.integration.apiserver import Api
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Emulator, Project
from tests.integration.new_cluster import NewCluster, new_cluster
from tests.integration.tofu import copy_of_module
from tests.support import gen

pytestmark = pytest.mark.integration

SECRETS = f"/api/v1/namespaces/{transfer.NAMESPACE}/secrets"
OURS = encryption.key_text(bytes(range(32)))
SIZES = (gen.spec(controlPlane={"size": "cx33", "replicas": 3}), gen.workers(1, "cx33"))


@dataclass
class Folder:
    """A work folder of the module: files, and what its commands are given."""

    tofu: Tofu
    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> CompletedProcess[str]:
        return self.tofu.run(*arguments, cwd=self.path, environment=self.environment)

    def must(self, *arguments: str) -> str:
        ran = self.run(*arguments)
        assert ran.returncode == 0, f"tofu {' '.join(arguments)} failed:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout


def encoded(api: Api, name: str) -> dict[str, str]:
    """The data of a Secret of Crossplane's namespace."""
    found: dict[str, str] = api.get(f"{SECRETS}/{name}").get("data") or {}
    return found


def secret(api: Api, name: str) -> dict[str, bytes]:
    """What it holds."""
    return {key: base64.b64decode(value) for key, value in encoded(api, name).items()}


def kubeconfig(api: Api, folder: Path) -> Path:
    """An administrator's."""
    content = {
        "clusters": [{"name": "c", "cluster": {"server": api.url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"token": api.token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewCluster]:
    with new_cluster(tmp_path_factory.mktemp("new-cluster")) as cluster:
        cluster.install_rights()
        yield cluster


@pytest.fixture(scope="module")
def project(emulator: Emulator) -> Project:
    return emulator.project()


def cloud(project: Project) -> dict[str, str]:
    return {"HCLOUD_TOKEN": project.token, "HCLOUD_ENDPOINT": project.api.endpoint}


def variables() -> dict[str, Any]:
    return gen.variables(*SIZES)


@pytest.fixture(scope="module")
def run(tofu: Tofu, project: Project, cluster: NewCluster, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The operator's last run, three control planes and a worker: its state, sealed with the operator's key."""
    path = copy_of_module(tmp_path_factory.mktemp("run"))
    (path / "key").write_text(OURS)
    (path / "tofu.auto.tfvars.json").write_text(json.dumps(variables()))
    (path / "secrets.auto.tfvars.json").write_text(json.dumps(cluster.trust.variables))
    folder = Folder(tofu, path, {**cloud(project), "TF_ENCRYPTION": encryption.configuration("key")})
    folder.must("init", "-input=false")
    folder.must("apply", "-auto-approve", "-input=false")
    return folder


@pytest.fixture(scope="module")
def provider(
    tofu: Tofu, project: Project, cluster: NewCluster, tmp_path_factory: pytest.TempPathFactory
) -> ProviderOpenTofu:
    folder = tmp_path_factory.mktemp("provider")
    return ProviderOpenTofu(
        program=tofu.program,
        folder=copy_of_module(folder),
        environment=tofu.environment(cloud(project)),
        kubeconfig=kubeconfig(cluster.api, folder),
        secret=partial(encoded, cluster.api),
    )


async def give(run: Folder, cluster: NewCluster) -> TransferReport:
    """What the operator does at the hand-off."""

    async def access() -> Access:
        return cluster.access(SEEDER)

    async def estate() -> Estate:
        inputs = transfer.inputs(variables(), cluster.trust.agent_token)
        return Estate((run.path / "terraform.tfstate").read_bytes(), OURS, json.dumps(inputs))

    seal = partial(Sealing(str(run.tofu.program)).sealed_anew, owner="customers")
    return await transferring.give(RemoteCluster, access, seal, estate, key="first", clock=lambda: datetime.now(UTC))


def servers(project: Project) -> dict[str, int]:
    return {
        server["name"].partition("-")[2].partition("-")[2]: server["id"] for server in project.inventory()["servers"]
    }


def state(cluster: NewCluster) -> dict[str, Any]:
    """The state file as it lies on the new cluster, sealed."""
    found: dict[str, Any] = json.loads(gzip.decompress(secret(cluster.api, naming.STATE_SECRET)["tfstate"]))
    return found


# --- in this order: what one test leaves behind the next one finds ----------------------------------------------------


def test_a_workspace_that_is_earlier_than_its_state_makes_nothing(
    run: Folder, provider: ProviderOpenTofu, cluster: NewCluster, project: Project
) -> None:
    """Flux applies it days before the hand-off. An empty state would be made anew, and everything a second time."""
    before = project.inventory()
    assert provider.connect().returncode == 1
    assert provider.plan().returncode == 1
    assert secret(cluster.api, naming.STATE_SECRET) == {}
    assert project.inventory() == before
    assert len(servers(project)) == 4


async def test_the_state_is_given_under_a_key_of_its_own(run: Folder, cluster: NewCluster) -> None:
    """By the seeder with the rights that boot gave it; nothing that must not go does."""
    assert (await give(run, cluster)).done
    found = secret(cluster.api, transfer.ADOPTION)
    assert set(found) == {transfer.KEY, transfer.INPUTS}
    assert found[transfer.KEY].decode() != OURS
    ours = json.loads((run.path / "terraform.tfstate").read_text())
    given = state(cluster)
    assert given["lineage"] == ours["lineage"]
    assert given["serial"] > ours["serial"]
    assert "resources" not in given, "it is sealed"
    everything = b"".join(found.values()).decode()
    assert cluster.trust.server_token not in everything
    assert "PRIVATE KEY" not in everything
    assert cluster.trust.agent_token in everything


async def test_what_was_given_is_never_given_again(run: Folder, cluster: NewCluster) -> None:
    """The operator may forget what it did; Crossplane may be at work already."""
    before = secret(cluster.api, transfer.ADOPTION), state(cluster)
    assert (await give(run, cluster)).done
    assert (secret(cluster.api, transfer.ADOPTION), state(cluster)) == before


def test_its_plan_is_empty(provider: ProviderOpenTofu, project: Project) -> None:
    """The very servers, without the authorities and without the token of control planes."""
    connected = provider.connect()
    assert connected.returncode == 0, connected.stderr
    planned = provider.plan()
    assert planned.returncode == EMPTY_PLAN, planned.stdout + planned.stderr
    assert "hcloud_server.control_plane[2]" in provider.addresses()
    assert len(servers(project)) == 4


def test_one_worker_more_is_one_worker_more(provider: ProviderOpenTofu, cluster: NewCluster, project: Project) -> None:
    """It is told how to join, everything else stays, and the state goes on under the same key."""
    before, serial = servers(project), state(cluster)["serial"]
    wish = with_worker(encoded(cluster.api, transfer.ADOPTION), transfer.INPUTS)
    edited = {"data": {transfer.INPUTS: wish}}
    cluster.api.patch(f"{SECRETS}/{transfer.ADOPTION}", edited)
    assert provider.connect().returncode == 0
    assert provider.plan().returncode == CHANGES
    provider.apply()
    after = servers(project)
    assert set(after) - set(before) == {"worker-1"}
    assert {name: after[name] for name in before} == before
    assert provider.plan().returncode == EMPTY_PLAN
    assert state(cluster)["serial"] > serial
    assert "resources" not in state(cluster)


def test_no_control_plane_is_made_without_the_token_for_it(provider: ProviderOpenTofu, project: Project) -> None:
    """It would start, be paid for, and never join."""
    inputs = json.loads((provider.folder / VARIABLES).read_text())
    (provider.folder / VARIABLES).write_text(json.dumps({**inputs, "existing_control_planes": 1}))
    refused = provider.plan()
    assert refused.returncode == 1
    assert "server_token or agent_token is empty" in refused.stderr
    assert len(servers(project)) == 5


async def test_what_its_crossplane_made_can_be_taken_back(
    run: Folder, provider: ProviderOpenTofu, cluster: NewCluster, project: Project
) -> None:
    """With the state of the new cluster, sealed for the operator again, a destroy knows a worker that it never made."""
    key = secret(cluster.api, transfer.ADOPTION)[transfer.KEY].decode()
    content = gzip.decompress(secret(cluster.api, naming.STATE_SECRET)["tfstate"])
    archived = json.loads((run.path / "terraform.tfstate").read_text())
    network = str(project.inventory()["networks"][0]["id"])

    def check(opened: bytes) -> None:
        known = {"lineage": archived["lineage"], "network": network}
        assert given_state.wrong(opened, serial=archived["serial"], **known) == ""
        assert "no newer" in given_state.wrong(opened, serial=99, **known)

    sealed = await Sealing(str(run.tofu.program)).sealed_anew(content, key, OURS, check, owner="customers")
    (run.path / "terraform.tfstate").write_bytes(sealed)
    run.must("destroy", "-auto-approve", "-input=false")
    assert project.counts() == {}
