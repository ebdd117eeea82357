"""What first boot applies, by its own script and real kubectl, on a real API server: what there is then, who may do
what, and that another attempt spoils nothing."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalyst_operator.adapters.kube import SECRETS, Kind
from catalyst_operator.adapters.new_cluster import minting
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.watched_cluster import KUSTOMIZATIONS as KITS
from catalyst_operator.adapters.new_cluster.writes.corrections import GIT_REPOSITORIES, correct
from catalyst_operator.adapters.new_cluster.writes.farewells import SEEDED
from catalyst_operator.core import naming
from catalyst_operator.core.access import boot, kubeconfig, seeds, transfer
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.access.identity import NODE_REMOVER, OBSERVER, OWNER, SEEDER, Access
from catalyst_operator.core.access.source import Followed
from catalyst_operator.core.phase1 import flux
from catalyst_operator.core.phase1.views import SOURCE
from catalyst_operator.errors import Conflict, Refused
from tests.integration.apiserver import ApiError as Refusal
from tests.integration.apiserver import find_tool
from tests.integration.new_cluster import NewCluster, new_cluster, wait_until
from tests.integration.tofu import MODULE
from tests.support.fake_cluster import FQDN, listed

pytestmark = pytest.mark.integration

FLUX = "flux-system"
DELIVERED = (
    *("ghcr-pull", "catalyst-git", "catalyst-git-keys", "catalyst-crossplane"),
    *("catalyst-federation", "catalyst-ca", "catalyst-object-storage"),
)
KUSTOMIZATIONS = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{FLUX}/kustomizations"
KIT = f"{FQDN}-bootstrap-kit"
CLUSTER_ROLE_BINDINGS = Kind("rbac.authorization.k8s.io/v1", "clusterrolebindings", namespaced=False)
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io/v1", "rolebindings")
HELM_RELEASES = Kind("helm.toolkit.fluxcd.io/v2", "helmreleases")
PODS = Kind("v1", "pods")
LOGIN = base64.b64encode(b'{"auths":{"ghcr.io":{"auth":"dGVzdDp0ZXN0"}}}').decode()


@dataclass(frozen=True)
class Node:
    """The first control plane, as far as its script sees it."""

    cluster: NewCluster
    folder: Path

    def run(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run what the script does in one of its functions."""
        tools = Path(find_tool("kubectl")).parent
        return subprocess.run(
            ["bash", "-c", f"{self._functions()}\ntrap report_exit EXIT\n{command}"],
            env={
                "PATH": f"{tools}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "CACHE_DIR": str(self.folder / "cache"),
                "RETRY_PAUSE": "0",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def _functions(self) -> str:
        """Everything before the script begins to act, with the paths of this node."""
        text = (MODULE / "scripts" / "bootstrap-cluster.sh").read_text(encoding="utf-8")
        functions, found, _ = text.partition("trap report_exit EXIT\n")
        assert found
        for path, here in {
            "/usr/local/lib/catalyst/": f"{MODULE / 'scripts'}/",
            "/etc/catalyst/": f"{self.folder}/",
            "/etc/rancher/k3s/k3s.yaml": str(self.folder / "k3s.yaml"),
        }.items():
            assert path in functions
            functions = functions.replace(path, here)
        return functions

    def boot(self, command: str = "boot_manifests") -> None:
        ran = self.run(command)
        assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """With what user_data wrote there. Flux is there already, as at this step of the boot."""
    folder = tmp_path_factory.mktemp("node")
    with new_cluster(tmp_path_factory.mktemp("new-cluster")) as cluster:
        node = Node(cluster, folder)
        (folder / "node.env").write_text(f"KIT_NAME='{KIT}'\nNODE_NAME='n'\n")
        (folder / "k3s.yaml").write_text(kubeconfig.render(_administrator(cluster), "k3s"))
        (folder / "manifests").mkdir()
        for name, text in boot.manifests(FQDN, seeds.PULL).items():
            (folder / "manifests" / name).write_text(text)
        # Before Flux's kinds are there, the answer is the same.
        assert node.run("if kit_is_there; then echo yes; else echo no; fi").stdout == "no\n"
        cluster.install_flux()
        node.boot()
        yield node


def _administrator(cluster: NewCluster) -> Any:
    return minting.access(
        cluster.trust.files,
        servers=(f"127.0.0.1:{cluster.port}",),
        fqdn=FQDN,
        user=OWNER,
        groups=("system:masters",),
        now=datetime.now(UTC),
        lifetime=timedelta(hours=1),
    )


@pytest.fixture
async def observer(node: Node) -> AsyncIterator[RemoteCluster]:
    async with RemoteCluster(node.cluster.access(OBSERVER)) as remote:
        yield remote


@pytest.fixture
async def remover(node: Node) -> AsyncIterator[RemoteCluster]:
    async with RemoteCluster(node.cluster.access(NODE_REMOVER)) as remote:
        yield remote


@pytest.fixture
async def seeder(node: Node) -> AsyncIterator[RemoteCluster]:
    async with RemoteCluster(node.cluster.access(SEEDER)) as remote:
        yield remote


# --- what there is ----------------------------------------------------------------------------------------------------


def secret(node: Node, name: str) -> Any:
    return node.cluster.api.get(f"/api/v1/namespaces/{FLUX}/secrets/{name}")


def test_the_secrets_are_there_and_empty(node: Node) -> None:
    """Charts that name them can be installed, whether the owner gives anything or not."""
    for name in DELIVERED:
        data = secret(node, name).get("data", {})
        assert [base64.b64decode(value) for value in data.values()] == ([b'{"auths":{}}'] if name == seeds.PULL else [])


async def test_another_attempt_wipes_nothing(node: Node, seeder: RemoteCluster) -> None:
    """The operator delivers as soon as the API answers, which may be before a boot that failed is tried again."""
    await seeder.merge(SECRETS, FLUX, seeds.PULL, {"data": {".dockerconfigjson": LOGIN}})
    await seeder.merge(SECRETS, FLUX, seeds.GIT, {"data": {"password": "c2VjcmV0"}})
    node.boot()
    assert secret(node, seeds.PULL)["data"] == {".dockerconfigjson": LOGIN}
    assert secret(node, seeds.GIT)["data"] == {"password": "c2VjcmV0"}


async def test_an_attempt_that_was_cut_short_is_finished(node: Node, seeder: RemoteCluster) -> None:
    """What is missing is made, beside what was made and filled before."""
    await seeder.merge(SECRETS, FLUX, seeds.GIT, {"data": {"username": "Z2l0"}})
    node.cluster.api.delete(f"/api/v1/namespaces/{FLUX}/secrets/{seeds.CROSSPLANE}")
    node.boot()
    assert secret(node, seeds.CROSSPLANE)["type"] == "Opaque"
    assert secret(node, seeds.GIT)["data"]["username"] == "Z2l0"


def test_what_cannot_be_made_is_an_error(node: Node) -> None:
    """An object that is there already hides no other that is refused."""
    objects = [
        yaml.safe_load(boot.manifests(FQDN, seeds.PULL)["30-secrets.yaml"].split("---")[0]),
        {"apiVersion": "v1", "kind": "Pod"},
    ]
    file = node.folder / "refused.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    ran = node.run(f"retry 2 create_missing {file}; echo went on")
    assert ran.returncode != 0
    assert "went on" not in ran.stdout
    assert "AlreadyExists" not in ran.stderr
    assert "Error from server (Invalid)" in ran.stderr
    assert "attempt 2 of 2 failed" in ran.stderr


# --- whether Flux owns the cluster already ----------------------------------------------------------------------------

ASK = "if kit_is_there; then echo yes; else echo no; fi"


def test_the_kit_is_seen_once_it_is_there(node: Node) -> None:
    """Boot then leaves everything to Flux."""
    assert node.run(ASK).stdout == "no\n"
    kit = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": KIT, "namespace": FLUX},
        "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "openova-public"}},
    }
    node.cluster.api.create(KUSTOMIZATIONS, kit)
    assert node.run(ASK).stdout == "yes\n"
    node.cluster.api.delete(f"{KUSTOMIZATIONS}/{KIT}")


def test_no_answer_is_not_a_no(node: Node) -> None:
    """Going back over what Flux owns would put first boot's Flux over the one that it has upgraded since."""
    broken = node.folder / "broken.yaml"
    text = (node.folder / "k3s.yaml").read_text()
    broken.write_text(text.replace(f":{node.cluster.port}", ":1"))
    ran = node.run(f"KUBECONFIG={broken}; {ASK}")
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert f"whether Kustomization {KIT} is there could not be seen" in ran.stderr


# --- who may do what --------------------------------------------------------------------------------------------------

LOOK, WATCH = {"get", "list"}, {"get", "list", "watch"}
Right = tuple[str, str, str, str]
"""Group, resource, verb, name; an empty name is any."""


def rights(node: Node, user: str, namespace: str) -> set[Right]:
    """All that the server lets a user do in a namespace, beyond what it lets everybody do."""
    review = {"spec": {"namespace": namespace}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

    def of(name: str) -> set[Right]:
        status = node.cluster.api.acting_as(name, "system:authenticated").create(path, review)["status"]
        assert not status["incomplete"]
        return {
            (group, resource, verb, found)
            for rule in status["resourceRules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            for found in rule.get("resourceNames", [""])
        }

    return of(user) - of("nobody")


def granted(group: str, verbs: set[str], *resources: str, names: tuple[str, ...] = ("",)) -> set[Right]:
    return {(group, resource, verb, name) for resource in resources for verb in verbs for name in names}


OBSERVERS = {
    *granted("helm.toolkit.fluxcd.io", WATCH, "helmreleases"),
    *granted("kustomize.toolkit.fluxcd.io", WATCH, "kustomizations"),
    *granted(
        *("source.toolkit.fluxcd.io", WATCH),
        *("gitrepositories", "ocirepositories", "helmrepositories", "helmcharts"),
    ),
    *granted("", LOOK, "nodes", "pods", "persistentvolumeclaims", "events"),
    *granted("events.k8s.io", LOOK, "events"),
    *granted("apps", LOOK, "deployments"),
    *granted("storage.k8s.io", LOOK, "storageclasses"),
    *granted("cert-manager.io", LOOK, "certificates", "certificaterequests"),
    *granted("acme.cert-manager.io", LOOK, "orders", "challenges"),
    *granted("", {"get"}, "namespaces", names=("kube-system",)),
    *granted("rbac.authorization.k8s.io", {"get", "delete"}, "clusterrolebindings", names=(OBSERVER,)),
}
SEEDERS = {
    *granted("", {"patch"}, "secrets", names=DELIVERED),
    *granted("source.toolkit.fluxcd.io", {"patch"}, "gitrepositories", names=("openova-public",)),
    *granted("kustomize.toolkit.fluxcd.io", {"patch"}, "kustomizations", names=(KIT,)),
    *granted("rbac.authorization.k8s.io", {"get", "delete"}, "rolebindings", names=(SEEDER,)),
}
SEEDERS_FOR_CROSSPLANE = {
    *granted("", {"patch"}, "secrets", names=("catalyst-adoption", "tfstate-default-sovereign")),
    *granted("rbac.authorization.k8s.io", {"get", "delete"}, "rolebindings", names=(SEEDER,)),
}
NODE_REMOVERS = {
    *granted("", {"delete"}, "nodes"),
    *granted("rbac.authorization.k8s.io", {"get", "delete"}, "clusterrolebindings", names=(NODE_REMOVER,)),
}


@pytest.mark.parametrize(
    ("user", "namespace", "expected"),
    [
        (NODE_REMOVER, FLUX, NODE_REMOVERS),
        (NODE_REMOVER, "kube-system", NODE_REMOVERS),
        (OBSERVER, FLUX, OBSERVERS),
        (OBSERVER, "kube-system", OBSERVERS),
        (SEEDER, FLUX, SEEDERS),
        (SEEDER, "crossplane-system", SEEDERS_FOR_CROSSPLANE),
        (SEEDER, "kube-system", set()),
        (SEEDER, "default", set()),
    ],
)
def test_an_identity_has_these_rights_and_no_other(node: Node, user: str, namespace: str, expected: set[Right]) -> None:
    """By the server's own account of them: one more would be one that nobody thought of."""
    assert rights(node, user, namespace) == expected


async def test_the_observer_reads_and_changes_nothing(observer: RemoteCluster) -> None:
    """With its own certificate, as the operator does it."""
    assert await listed(observer, HELM_RELEASES, FLUX) == []
    assert await listed(observer, PODS) == []
    assert (await observer.get(Kind("v1", "namespaces", namespaced=False), "", "kube-system"))["metadata"]["uid"]
    with pytest.raises(Refused):
        await listed(observer, SECRETS, FLUX)
    with pytest.raises(Refused):
        await observer.get(SECRETS, FLUX, seeds.PULL)
    with pytest.raises(Refused):
        await observer.merge(HELM_RELEASES, FLUX, "bp-flux", {"spec": {"suspend": True}})
    with pytest.raises(Refused):
        await observer.get(Kind("v1", "namespaces", namespaced=False), "", FLUX)
    with pytest.raises(Refused):
        await observer.delete(CLUSTER_ROLE_BINDINGS, "", "cluster-admin")


@pytest.mark.parametrize("name", DELIVERED)
async def test_the_seeder_fills_each_of_the_secrets(node: Node, seeder: RemoteCluster, name: str) -> None:
    """All of those that are delivered."""
    await seeder.merge(SECRETS, FLUX, name, {"data": {"filled": "eWVz"}})
    assert secret(node, name)["data"]["filled"] == "eWVz"


@pytest.mark.parametrize(
    ("secret", "verify"), [("catalyst-git", "TagAndHEAD"), ("", "")], ids=["private and signed", "public"]
)
async def test_the_seeder_corrects_what_flux_follows(
    node: Node, observer: RemoteCluster, secret: str, verify: str
) -> None:
    """What is patched is what the operator sees afterwards, so that it comes to an end; another one stays as it is."""
    told = {"interval": "5m", "url": "https://git.example/wrong", "ref": {"branch": "mian"}, "secretRef": {"name": "x"}}
    applies = {"interval": "10m", "path": "./no", "prune": True, "sourceRef": {"kind": "GitRepository", "name": SOURCE}}
    for kind, of, name, spec in (
        ("GitRepository", GIT_REPOSITORIES, SOURCE, told),
        ("Kustomization", KITS, KIT, applies),
        ("Kustomization", KITS, "another", applies),
    ):
        made = {"apiVersion": of.api_version, "kind": kind, "metadata": {"name": name, "namespace": FLUX}, "spec": spec}
        with suppress(Refusal):
            node.cluster.api.create(of.path(FLUX), made)
    wanted = Followed("https://git.example/right", GitRef(tag="v1.0.0"), "clusters/mine", secret, verify)

    async def access() -> Access:
        return node.cluster.access(SEEDER)

    report = await correct(RemoteCluster, access, followed=wanted, fqdn=FQDN, clock=lambda: datetime.now(UTC))
    assert report.error is None
    source = flux.source(await observer.get(GIT_REPOSITORIES, FLUX, SOURCE))
    kit = flux.kustomization(await observer.get(KITS, FLUX, KIT))
    assert Followed(source.url, source.ref, kit.path, source.secret, source.verify) == wanted
    async with RemoteCluster(node.cluster.access(SEEDER)) as seeder:
        with pytest.raises(Refused):
            await seeder.merge(KITS, FLUX, "another", {"spec": {"path": "clusters/mine"}})


async def test_the_seeder_reads_makes_and_takes_nothing(node: Node, seeder: RemoteCluster) -> None:
    """Flux's own Secrets are in the same namespace, and others of the same names in others."""
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other", "namespace": FLUX}}
    node.cluster.api.create(f"/api/v1/namespaces/{FLUX}/secrets", other)
    with pytest.raises(Refused):
        await seeder.get(SECRETS, FLUX, seeds.PULL)
    with pytest.raises(Refused):
        await listed(seeder, SECRETS, FLUX)
    with pytest.raises(Refused):
        await seeder.merge(SECRETS, FLUX, "other", {"data": {"filled": "eWVz"}})
    with pytest.raises(Refused):
        await seeder.merge(SECRETS, "kube-system", seeds.PULL, {"data": {"filled": "eWVz"}})
    with pytest.raises(Refused):
        await seeder.apply(SECRETS, {**other, "metadata": {"name": "new", "namespace": FLUX}})
    with pytest.raises(Refused):
        await seeder.delete(SECRETS, FLUX, seeds.PULL)
    with pytest.raises(Refused):
        await listed(seeder, HELM_RELEASES, FLUX)


NODES = "/api/v1/nodes"


async def test_a_dead_node_is_removed_and_one_of_its_name_that_is_another_stays(
    node: Node, observer: RemoteCluster, remover: RemoteCluster
) -> None:
    """The API server compares the UID, and is what lets nobody else do it."""
    made = node.cluster.api.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-0"}})
    kind = Kind("v1", "nodes", namespaced=False)
    with pytest.raises(Conflict):
        await remover.delete(kind, "", "worker-0", uid="11111111-2222-3333-4444-555555555555")
    with pytest.raises(Refused):
        await observer.delete(kind, "", "worker-0", uid=made["metadata"]["uid"])
    with pytest.raises(Refused):
        await remover.may_list(kind)
    await remover.delete(kind, "", "worker-0", uid=made["metadata"]["uid"])
    with pytest.raises(Refusal, match="not found"):
        node.cluster.api.get(f"{NODES}/worker-0")


async def test_the_seeder_may_fill_what_crossplane_is_given_and_not_read_it(node: Node, seeder: RemoteCluster) -> None:
    """A patch that compares tells whether it was filled; anything else of that namespace is not its own."""
    space, mark = transfer.NAMESPACE, f"/metadata/annotations/{transfer.MARK.replace('/', '~1')}"
    await seeder.patch(SECRETS, space, transfer.ADOPTION, [{"op": "test", "path": mark, "value": transfer.EMPTY}])
    with pytest.raises(Refused) as refused:
        await seeder.patch(SECRETS, space, transfer.ADOPTION, [{"op": "test", "path": mark, "value": transfer.FILLED}])
    assert refused.value.status == 422
    for name in (transfer.ADOPTION, naming.STATE_SECRET):
        await seeder.merge(SECRETS, space, name, {"data": {"filled": "eWVz"}})
        with pytest.raises(Refused):
            await seeder.get(SECRETS, space, name)
    with pytest.raises(Refused):
        await seeder.merge(SECRETS, space, "another", {"data": {}})


async def test_each_takes_its_own_rights_away_and_is_refused_from_then_on(
    node: Node, observer: RemoteCluster, seeder: RemoteCluster, remover: RemoteCluster
) -> None:
    """Hand-off's last act. Certificates that are still valid are worth nothing any more."""
    with pytest.raises(Refused):
        await seeder.delete(CLUSTER_ROLE_BINDINGS, "", OBSERVER)
    for namespace in SEEDED:
        await seeder.delete(ROLE_BINDINGS, namespace, SEEDER)
    await remover.delete(CLUSTER_ROLE_BINDINGS, "", NODE_REMOVER)
    await observer.delete(CLUSTER_ROLE_BINDINGS, "", OBSERVER)
    identities = (OBSERVER, SEEDER, NODE_REMOVER)
    left = [(user, namespace) for user in identities for namespace in SEEDED]
    wait_until(lambda: not any(rights(node, *one) for one in left), "their rights are gone")
    with pytest.raises(Refused):
        await listed(observer, HELM_RELEASES, FLUX)
    with pytest.raises(Refused):
        await seeder.merge(SECRETS, FLUX, seeds.PULL, {"data": {"filled": "eWVz"}})
    with pytest.raises(Refusal, match="not found"):
        node.cluster.api.get(f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{OBSERVER}")
