"""A Sovereign follows what others published: the kit as it is, and what somebody signed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e.lab.git_server.client import GitServer
from e2e.lab.layout import Layout
from e2e.stories.conftest import Make
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl, Object
from e2e.support.new_cluster import NewCluster
from e2e.support.published import tree

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

GIT_URL = "https://10.99.0.1:8443"
REPOSITORY = "openova-io/openova.git"


@pytest.fixture
def published() -> Iterator[tuple[str, str]]:
    """A repository with the published kit and nothing else: its URL, and the commit."""
    server = GitServer(GIT_URL, Layout.of_checkout().pki / "ca.crt")
    server.delete(REPOSITORY)
    url = server.create(REPOSITORY)
    commit = server.commit(REPOSITORY, tree.files())
    assert commit
    yield url, commit
    server.delete(REPOSITORY)


def test_the_published_kit_as_it_is_comes_to_ready_and_is_handed_off(make: Make, published: tuple[str, str]) -> None:
    """35 HelmReleases, HelmRepositories of v1beta2, a pull Secret of another name than ours; pinned to one commit."""
    url, commit = published
    sovereign, project = make(
        "published",
        project=Project(boots=True),
        workers={"replicas": 0},
        gitops={"url": url, "ref": {"commit": commit}},
    )
    sovereign.apply()
    # A watch tells of the releases, a survey of Flux: either may be first.
    sovereign.until("all of it is seen", lambda s: len(s.get("components", [])) == 35, seconds=200)
    sovereign.wait("Flux is seen", seconds=30, FluxBootstrap="True")

    cluster = NewCluster(project)
    cluster.kubectl.apply(pull_secret())
    status = sovereign.handed_off(seconds=240)
    assert status["componentsSummary"] == "35/35"
    assert status["phase1Outcome"] == "ready"
    assert status["kitRevision"].endswith(commit)
    assert set(cluster.releases()) == set(tree.facts()["releases"])
    crd = cluster.kubectl.get("crd", "helmrepositories.source.toolkit.fluxcd.io")
    assert "v1beta2" in {version["name"] for version in crd["spec"]["versions"] if version["served"]}


def pull_secret() -> Object:
    """As the owner of the published kit makes it: its HelmRepositories name this Secret, and nothing else does."""
    login = json.dumps({"auths": {"ghcr.io": {"username": "acme", "password": "of-the-story"}}})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": tree.facts()["pull_secret"], "namespace": "flux-system"},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": login},
    }


def test_nothing_is_bought_for_a_tag_that_is_not_there_and_keys_come_along(make: Make, kubectl: Kubectl) -> None:
    """The operator's own tag is followed unless another is asked for, and Flux gets the keys that may sign."""
    sovereign, project = make(
        "signed",
        project=Project(boots=True),
        workers={"replicas": 0},
        handOff={"mode": "Manual"},
        gitops={"ref": {"tag": "v9.9.9"}, "verify": {"mode": "Tag", "secretRef": {"name": "keys"}}},
    )
    sovereign.apply()
    keys = {"keys.asc": "-----BEGIN PGP PUBLIC KEY BLOCK-----"}
    meta = {"name": "keys", "namespace": sovereign.namespace}
    sovereign.until("the keys are asked for", lambda s: told(s, "Secret keys"))
    kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": keys})
    sovereign.until("what is wrong", lambda s: told(s, "has no tag v9.9.9"))
    assert project.inventory() == {}

    sovereign.patch(gitops={"ref": None})
    status = sovereign.ready(seconds=200)
    assert status["kitRevision"].startswith("v")
    assert NewCluster(project).secret("catalyst-git-keys").keys() == keys.keys()


def told(status: Object, words: str) -> bool:
    """Whether one of the errors says so."""
    return any(words in error["message"] for error in status.get("lastErrors", []))
