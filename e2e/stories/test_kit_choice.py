"""Which kit the new cluster gets: from whose repository, with which components, and what if there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from e2e.lab.git_server.client import GitServer
from e2e.lab.layout import Layout
from e2e.stories.conftest import Make
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl, KubectlError
from e2e.support.new_cluster import NewCluster
from e2e.support.sovereigns import Sovereign, codes, component, condition, results
from e2e.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

GIT_URL = "https://10.99.0.1:8443"
KIT = "clusters/_template/bootstrap-kit"
WARNING = "Phase 1 watch saw 0 HelmReleases in 20s; the bootstrap-kit Kustomization may not be reconciling."
CASCADE = {"bp-seaweedfs", "bp-valkey"}


@pytest.fixture
def git() -> Iterator[GitServer]:
    """The lab's Git server, without faults afterwards."""
    server = GitServer(GIT_URL, Layout.of_checkout().pki / "ca.crt")
    yield server
    server.clear_faults()


def new(make: Make, name: str, **spec: object) -> tuple[Sovereign, Project]:
    """A Sovereign of one server that stays where it is once it is ready."""
    project = Project(boots=True)
    return make(name, project=project, workers={"replicas": 0}, handOff={"mode": "Manual"}, **spec)


def test_no_helmrelease_then_a_late_one(make: Make, git: GitServer) -> None:
    """flux-not-reconciling in the runbook's words, with the cause; a kit that comes late leads to ready."""
    git.create("late/kit.git", template=False)
    git.commit("late/kit.git", {f"{KIT}/kustomization.yaml": "resources: [nothing-here-yet.yaml]\n"})
    sovereign, _ = new(
        make,
        "nothing",
        gitops={"url": git.repository_url("late/kit.git")},
        phase1={"firstSeenTimeout": "20s"},
    )
    sovereign.apply()
    status = sovereign.outcome("flux-not-reconciling")
    assert condition(status, "KitReady")["message"].startswith(WARNING)
    assert status["phase"] == "failed"
    told = sovereign.until("the cause", lambda s: s.get("lastErrors", [{}])[0].get("code") == "ERR_KUSTOMIZATION")
    assert KIT in told["lastErrors"][0]["message"]
    git.commit("late/kit.git", template())
    sovereign.ready(seconds=200)


def test_a_wrong_branch_costs_nothing_and_is_corrected(make: Make, git: GitServer) -> None:
    """What the new cluster would follow is read before anything is bought; a dry run says so too."""
    git.create("early/kit.git", template=True)
    url = git.repository_url("early/kit.git")
    sovereign, project = new(make, "mian", gitops={"url": url, "branch": "mian"}, dryRun=True)
    sovereign.apply()
    for dry in (True, False):
        sovereign.patch(dryRun=dry)
        told = sovereign.until("what is wrong", lambda s: codes(s) == ["ERR_GIT_READ"])
        assert f"{url} has no branch mian; its default branch is main." in told["lastErrors"][0]["message"]
        assert condition(told, "PreflightPassed")["status"] == "False"
    sovereign.patch(gitops={"branch": "main", "path": "clusters/_template/bootstrap"})
    sovereign.until("what else is wrong", lambda s: any("has no folder" in e["message"] for e in s["lastErrors"]))
    assert (project.inventory(), results(sovereign.look_again())) == ({}, [])
    sovereign.patch(gitops={"path": None})
    sovereign.ready(seconds=200)


def test_a_wrong_repository_is_corrected_on_the_new_cluster_until_something_was_applied(
    make: Make, git: GitServer
) -> None:
    """The servers are bought, nobody can enter them, and the spec is where it is put right."""
    git.create("broken/kit.git", template=False)
    git.commit("broken/kit.git", {f"{KIT}/kustomization.yaml": "resources: [nothing-here.yaml]\n"})
    sovereign, _ = new(make, "moved", gitops={"url": git.repository_url("broken/kit.git")})
    sovereign.apply()
    told = sovereign.until("what is wrong", lambda s: codes(s)[:1] == ["ERR_KUSTOMIZATION"], seconds=200)
    assert "kitRevision" not in told
    git.create("right/kit.git", "flux", "correct-horse", template=True)
    sovereign.kubectl.apply(git_secret(sovereign.namespace))
    right = {"url": git.repository_url("right/kit.git"), "credentialsSecretRef": {"name": "right"}}
    sovereign.patch(gitops=right)
    status = sovereign.ready(seconds=200)
    assert status["kitRevision"].endswith(git.log("right/kit.git")[0].sha)
    with pytest.raises(KubectlError, match="kitRevision"):
        sovereign.patch(gitops={"branch": "next"})


def git_secret(namespace: str) -> dict[str, object]:
    """Who may read the private repository."""
    text = {"username": "flux", "password": "correct-horse"}
    text["ca.crt"] = (Layout.of_checkout().pki / "ca.crt").read_text()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "right", "namespace": namespace},
        "stringData": text,
    }


def template() -> dict[str, str]:
    """The shared template as the lab's public repository has it."""
    server = GitServer(GIT_URL, Layout.of_checkout().pki / "ca.crt")
    paths = {file for entry in server.log("openova/openova.git") for file in entry.files}
    found = {path: server.read("openova/openova.git", path) for path in sorted(paths)}
    return {path: text for path, text in found.items() if text is not None}


def test_a_kit_of_38_components(make: Make, git: GitServer) -> None:
    """What the cluster was told counts, not what this operator would render."""
    files = template()
    kustomization = yaml.safe_load(files[f"{KIT}/kustomization.yaml"])
    for number in range(26):
        kustomization["resources"].append(f"more-{number:02}.yaml")
        files[f"{KIT}/more-{number:02}.yaml"] = release(f"bp-more-{number:02}")
    files[f"{KIT}/kustomization.yaml"] = yaml.safe_dump(kustomization)
    git.create("big/kit.git", template=False)
    git.commit("big/kit.git", files)
    sovereign, project = new(make, "many", gitops={"url": git.repository_url("big/kit.git")})
    sovereign.apply()
    status = sovereign.ready(seconds=200)
    count = len(NewCluster(project).releases())
    assert count >= 38
    assert status["componentsSummary"] == f"{count}/{count}"


def release(name: str) -> str:
    """A HelmRelease like those of the kit."""
    chart = {"chart": name, "version": "1.0.0", "sourceRef": {"kind": "HelmRepository", "name": "openova"}}
    manifest = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "10m", "chart": {"spec": chart}},
    }
    return yaml.safe_dump(manifest)


def test_harbor_brings_what_it_needs(make: Make) -> None:
    """seaweedfs and valkey come along, and the status says for whom; cnpg is there anyway."""
    sovereign, _ = new(make, "harboured", components=["harbor"])
    sovereign.apply()
    status = sovereign.ready(seconds=200)
    assert component(status, "bp-harbor")["state"] == "installed"
    assert "pulledInBy" not in component(status, "bp-cnpg")
    for name in CASCADE:
        assert component(status, name)["pulledInBy"] == ["harbor"]


def test_commit_pushes_one_commit_a_change(make: Make, git: GitServer, kubectl: Kubectl) -> None:
    """The overlay is in the repository before a server is; deselected components go from the cluster."""
    git.create("acme/fleet.git", "fleet", "correct-horse", template=False)
    sovereign, project = new(
        make,
        "commits",
        components=["harbor"],
        gitops={
            "mode": "Commit",
            "url": git.repository_url("acme/fleet.git"),
            "credentialsSecretRef": {"name": "git"},
        },
    )
    sovereign.apply()
    sovereign.until("the Secret is asked for", lambda s: "Secret git" in condition(s, "Ready").get("message", ""))
    put(kubectl, sovereign, "wrong-battery")
    sovereign.until("the refusal", lambda s: s.get("lastErrors", [{}])[0].get("code") == "ERR_GIT_PUSH")
    assert project.inventory() == {}
    put(kubectl, sovereign, "correct-horse")
    status = sovereign.ready(seconds=200)
    assert component(status, "bp-harbor")["state"] == "installed"
    commits = git.log("acme/fleet.git")
    assert len(commits) == 1

    sovereign.patch(components=None)
    cluster = NewCluster(project)
    wait_for(
        lambda: not CASCADE & set(cluster.releases()),
        "the deselected components to be gone",
        seconds=90,
        shown=lambda: str(cluster.releases()),
    )
    sovereign.ready()
    assert len(git.log("acme/fleet.git")) == 2
    assert len(sovereign.jobs()) == 1, "a push is no run"


def put(kubectl: Kubectl, sovereign: Sovereign, password: str) -> None:
    meta = {"name": "git", "namespace": sovereign.namespace}
    ca = (Layout.of_checkout().pki / "ca.crt").read_text()
    data = {"username": "fleet", "password": password, "ca.crt": ca}
    kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})
