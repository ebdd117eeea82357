"""The published kit on a cluster with the CRDs of its Flux: a real kustomize-controller applies what this project did
not write, with the values and components that first boot tells every cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import releases
from e2e.support.published import tree
from tests.integration.flux import (
    CORE,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    RELEASES,
    Flux,
    booted,
    condition,
    follow,
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
    with git_server(folder, folder / "nothing") as git, booted(folder / "flux", git.ca) as cluster:
        url = git.server.create("openova-io/openova.git")
        git.server.commit("openova-io/openova.git", tree.files())
        spec = {
            "path": tree.FOLDER,
            "components": list(kit.components(SOVEREIGN.spec, RELEASE)),
            "postBuild": {"substitute": kit.values(SOVEREIGN, RELEASE, pull_secret=seeds.PULL)},
        }
        follow(cluster, NAME, url, spec)
        yield cluster


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
