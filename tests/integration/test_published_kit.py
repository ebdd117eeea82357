"""The published kit on a cluster with the CRDs of its Flux: a real kustomize-controller applies what this project did
not write, with the values and components that first boot tells every cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import releases
from e2e.support.published import tree
from tests.integration.flux import (
    CLASSES,
    CORE,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    RELEASES,
    Flux,
    condition,
    flux,
    standins,
    wait_until,
)
from tests.integration.lab_git_server import git_server
from tests.support import gen

pytestmark = pytest.mark.integration

NAME = "openova-public"
REPOSITORIES = f"{GIT_REPOSITORIES.rpartition('/')[0]}/helmrepositories"
SOVEREIGN = gen.sovereign(gen.spec(imagePullSecretRef={"name": "registry"}))
RELEASE = releases.load().get()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    folder = tmp_path_factory.mktemp("published")
    (folder / "nothing").mkdir()
    with (
        git_server(folder, folder / "nothing") as git,
        flux(folder / "flux") as cluster,
        standins(cluster, git.ca),
    ):
        annotation = {"storageclass.kubernetes.io/is-default-class": "true"}
        body = {"metadata": {"name": "local-path", "annotations": annotation}, "provisioner": "rancher.io/local-path"}
        cluster.api.create(CLASSES, body)
        url = git.server.create("openova-io/openova.git")
        git.server.commit("openova-io/openova.git", tree.files())
        source = {"interval": "1s", "url": url, "ref": {"branch": "main"}}
        cluster.api.create(GIT_REPOSITORIES, _named("source", "GitRepository", source))
        cluster.api.create(KUSTOMIZATIONS, _named("kustomize", "Kustomization", _kustomization()))
        yield cluster


def _named(group: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": f"{group}.toolkit.fluxcd.io/v1",
        "kind": kind,
        "metadata": {"name": NAME},
        "spec": spec,
    }


def _kustomization() -> dict[str, Any]:
    return {
        "interval": "10m",
        "retryInterval": "1s",
        "prune": True,
        "path": tree.FOLDER,
        "sourceRef": {"kind": "GitRepository", "name": NAME},
        "components": list(kit.components(SOVEREIGN.spec, RELEASE)),
        "postBuild": {"substitute": kit.values(SOVEREIGN, RELEASE, pull_secret=seeds.PULL)},
    }


def ready(cluster: Flux) -> set[str]:
    """Names of the releases that are installed."""
    found = cluster.api.get(RELEASES)["items"]
    return {obj["metadata"]["name"] for obj in found if condition(obj).get("status") == "True"}


def test_all_of_it_is_applied_as_it_is(cluster: Flux) -> None:
    wait_until(lambda: condition(cluster.api.get(f"{KUSTOMIZATIONS}/{NAME}")).get("status") == "True", "the kit")
    assert {obj["metadata"]["name"] for obj in cluster.api.get(RELEASES)["items"]} == set(tree.facts()["releases"])
    assert len(cluster.api.get(REPOSITORIES)["items"]) == 35, "made as v1beta2, read as v1"
    platform = cluster.release("bp-catalyst-platform")["spec"]["values"]
    assert platform["global"]["sovereignFQDN"] == SOVEREIGN.spec.domain.fqdn


def test_it_waits_for_its_own_pull_secret_and_then_installs(cluster: Flux) -> None:
    wait_until(lambda: "ghcr-pull" in condition(cluster.release("bp-cilium")).get("message", ""), "the Secret's name")
    assert ready(cluster) == set()
    cluster.api.create(f"{CORE}/secrets", {"metadata": {"name": tree.facts()["pull_secret"]}})
    wait_until(lambda: len(ready(cluster)) == 35, "all releases", timeout=60)
