"""The stand-ins on a real API server, beside a real kustomize-controller, fed by the lab's git server."""

import base64
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from e2e.lab.git_server.repositories import PUBLIC
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
    told,
    wait_until,
)
from tests.integration.lab_git_server import Running, git_server

pytestmark = pytest.mark.integration

FQDN = "acme.example.org"
PLATFORM = "bp-catalyst-platform"
CHARTS = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "HelmRepository",
    "metadata": {"name": "openova", "namespace": "flux-system"},
    "spec": {"type": "oci", "interval": "15m", "url": "oci://registry.example.org"},
}
KIT = ["bp-cilium", "bp-cert-manager", "bp-keycloak", PLATFORM]


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("git")
    kit = folder / "template" / "_template" / "bootstrap-kit"
    kit.mkdir(parents=True)
    for name, before in zip(KIT, [None, *KIT], strict=False):
        (kit / f"{name}.yaml").write_text(_release(name, before))
    (kit / "charts.yaml").write_text(yaml.safe_dump(CHARTS))
    with git_server(folder, folder / "template") as running:
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, git: Running) -> Iterator[Flux]:
    """A cluster whose kit was applied from the public repository and waits for a StorageClass."""
    with flux(tmp_path_factory.mktemp("flux")) as cluster, standins(cluster, git.ca):
        _source(cluster, "openova-public", git.server.repository_url(PUBLIC))
        _kustomization(cluster)
        yield cluster


@pytest.fixture(scope="module")
def installed(cluster: Flux) -> Flux:
    """The same cluster once every release is ready."""
    annotation = {"storageclass.kubernetes.io/is-default-class": "true"}
    body = {"metadata": {"name": "local-path", "annotations": annotation}, "provisioner": "rancher.io/local-path"}
    told(lambda: cluster.release("bp-cert-manager"), "InstallSucceeded")
    told(lambda: cluster.release("bp-keycloak"), "Progressing")
    wait_until(lambda: cluster.api.get("/api/v1/pods")["items"], "a Pod that cannot be scheduled")
    cluster.api.create(CLASSES, body)
    told(lambda: cluster.release(PLATFORM), "InstallSucceeded")
    return cluster


def _release(name: str, before: str | None = None, **spec: Any) -> str:
    chart = {"chart": name, "version": "1.2.3", "sourceRef": {"kind": "HelmRepository", "name": "openova"}}
    body = {
        "interval": "15m",
        "chart": {"spec": chart},
        "targetNamespace": name,
        "releaseName": name,
        "install": {"createNamespace": True, "remediation": {"retries": 1}},
        **({"dependsOn": [{"name": before}]} if before else {}),
        **spec,
    }
    meta = {"name": name, "namespace": "flux-system"}
    return yaml.safe_dump(
        {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": meta, "spec": body}
    )


def _make(cluster: Flux, name: str, before: str | None = None, **spec: Any) -> None:
    cluster.api.create(RELEASES, yaml.safe_load(_release(name, before, **spec)))


def _source(cluster: Flux, name: str, url: str, secret: str = "", **more: Any) -> None:
    reference = {"secretRef": {"name": secret}} if secret else {}
    spec = {"interval": "1s", "url": url, "ref": {"branch": "main"}, **reference, **more}
    meta = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": {"name": name}}
    cluster.api.create(GIT_REPOSITORIES, {**meta, "spec": spec})


def _kustomization(cluster: Flux) -> None:
    source = {"kind": "GitRepository", "name": "openova-public"}
    spec = {"interval": "10m", "prune": True, "path": "./clusters/_template/bootstrap-kit", "sourceRef": source}
    meta = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization"}
    cluster.api.create(KUSTOMIZATIONS, {**meta, "metadata": {"name": f"{FQDN}-bootstrap-kit"}, "spec": spec})


def _transition(obj: Any, type_: str = "Ready") -> str:
    moment: str = condition(obj, type_)["lastTransitionTime"]
    return moment


def test_a_tree_reaches_the_cluster_and_becomes_ready_in_order(installed: Flux) -> None:
    """The whole path: git, artifact, real kustomize-controller, releases one after the other."""
    source = installed.api.get(f"{GIT_REPOSITORIES}/openova-public")
    revision = source["status"]["artifact"]["revision"]
    assert condition(source)["message"] == f"stored artifact for revision '{revision}'"
    kit = installed.api.get(f"{KUSTOMIZATIONS}/{FQDN}-bootstrap-kit")
    assert kit["status"]["lastAppliedRevision"] == revision
    releases = [installed.release(name) for name in KIT]
    order = [_transition(release) for release in releases]
    assert order == sorted(order)
    assert condition(releases[1])["message"] == (
        "Helm install succeeded for release bp-cert-manager/bp-cert-manager.v1 with chart bp-cert-manager@1.2.3"
    )
    assert releases[1]["status"]["history"][0]["status"] == "deployed"


def test_volumes_are_waited_for_and_their_trouble_ends(installed: Flux) -> None:
    """What people see without a StorageClass: a claim and a Pod pending, with events; nothing of it stays."""
    events = {event["reason"]: event["message"] for event in installed.api.get("/api/v1/events")["items"]}
    assert events["FailedBinding"] == "no persistent volumes available for this claim and no storage class is set"
    assert "unbound immediate PersistentVolumeClaims" in events["FailedScheduling"]
    for kind in ("pods", "persistentvolumeclaims"):
        assert installed.api.get(f"/api/v1/{kind}")["items"] == []


def test_the_console_answers_for_its_name_only(installed: Flux) -> None:
    """Ready means that people can reach the console; its faults are told apart."""
    assert wait_until(lambda: _page(installed, f"console.{FQDN}") == 200, "the console")
    assert _page(installed, f"gitea.{FQDN}") == 404
    installed.faults(console=502)
    wait_until(lambda: _page(installed, f"console.{FQDN}") == 502, "a gateway without backend")
    installed.faults(console="down")
    wait_until(lambda: _page(installed, f"console.{FQDN}") is None, "a refused connection")


def test_what_is_pushed_is_applied_and_upgraded(installed: Flux, git: Running) -> None:
    """A new chart version makes a new revision of the release."""
    file = "clusters/_template/bootstrap-kit/bp-cilium.yaml"
    git.server.commit(PUBLIC, {file: _release("bp-cilium").replace("1.2.3", "1.2.4")}, "Bump Cilium")
    ready = told(lambda: installed.release("bp-cilium"), "UpgradeSucceeded")
    assert ready["message"].endswith("release bp-cilium/bp-cilium.v2 with chart bp-cilium@1.2.4")
    history = installed.release("bp-cilium")["status"]["history"]
    assert [(entry["version"], entry["status"]) for entry in history] == [(2, "deployed"), (1, "superseded")]


def test_a_release_fails_for_good_and_is_repaired(installed: Flux) -> None:
    """Failed is what is Stalled; what depends on it only waits. Without the fault it recovers."""
    installed.faults(releases={"bp-bad": {"fail": "for-good", "message": "no such chart"}})
    _make(installed, "bp-bad")
    _make(installed, "bp-after", "bp-bad")
    stalled = told(lambda: installed.release("bp-bad"), "RetriesExceeded", "Stalled")
    assert stalled["message"] == "Failed to install after 2 attempt(s)"
    bad, after = installed.release("bp-bad"), installed.release("bp-after")
    assert (
        condition(bad)["message"]
        == "Helm install failed for release bp-bad/bp-bad with chart bp-bad@1.2.3: no such chart"
    )
    assert (condition(bad, "Reconciling"), bad["status"]["installFailures"]) == ({}, 2)
    assert condition(after)["reason"] == "DependencyNotReady"
    assert condition(after)["message"] == "dependency 'flux-system/bp-bad' is not ready"
    assert after["status"]["observedGeneration"] == -1
    installed.faults()
    told(lambda: installed.release("bp-after"), "InstallSucceeded")
    assert condition(installed.release("bp-bad"), "Stalled") == {}


def test_a_release_comes_and_goes(installed: Flux) -> None:
    """One that flaps ends ready, one that retries is never Stalled, and a deleted one is gone."""
    installed.faults(
        releases={
            "bp-flap": {"flap": {"times": 1, "seconds": 0.3}},
            "bp-retry": {"fail": "retrying"},
            "bp-once": {"fail": "once"},
            "bp-held": {"hold": True},
        }
    )
    for name in ("bp-flap", "bp-retry", "bp-once", "bp-held"):
        _make(installed, name)
    told(lambda: installed.release("bp-flap"), "ArtifactFailed")
    told(lambda: installed.release("bp-flap"), "InstallSucceeded")
    told(lambda: installed.release("bp-retry"), "UninstallSucceeded")
    told(lambda: installed.release("bp-retry"), "InstallFailed")
    assert condition(installed.release("bp-retry"), "Stalled") == {}
    told(lambda: installed.release("bp-once"), "InstallSucceeded")
    assert condition(installed.release("bp-held"))["message"] == "Running 'install' action with timeout of 5m0s"
    installed.api.delete(f"{RELEASES}/bp-retry")
    wait_until(lambda: "bp-retry" not in _names(installed), "the release is gone")


def test_an_installed_release_is_not_ready_for_a_while(installed: Flux) -> None:
    """Degraded is not failed: it was installed, and it comes back."""
    _make(installed, "bp-lame")
    told(lambda: installed.release("bp-lame"), "InstallSucceeded")
    installed.faults(releases={"bp-lame": {"degrade": True, "message": "no such artifact"}})
    degraded = told(lambda: installed.release("bp-lame"), "ArtifactFailed")
    assert (degraded["status"], degraded["message"]) == ("False", "Could not load chart: no such artifact")
    assert condition(installed.release("bp-lame"), "Released")["status"] == "True"
    installed.faults()
    told(lambda: installed.release("bp-lame"), "InstallSucceeded")


def test_a_volume_can_be_refused_in_spite_of_a_class(installed: Flux) -> None:
    """The fault reaches releases that need none by themselves, and deleting the release cleans up."""
    installed.faults(releases={"bp-disk": {"pvc_pending": True}})
    _make(installed, "bp-disk")
    claims = "/api/v1/namespaces/bp-disk/persistentvolumeclaims"
    claim = wait_until(lambda: installed.api.get(claims)["items"], "a claim")[0]
    assert (claim["status"]["phase"], claim["spec"]["storageClassName"]) == ("Pending", "")
    pods = "/api/v1/namespaces/bp-disk/pods"
    wait_until(lambda: condition(_first(installed, pods), "PodScheduled").get("reason") == "Unschedulable", "the Pod's")
    assert condition(installed.release("bp-disk"))["reason"] == "Progressing"
    installed.api.delete(f"{RELEASES}/bp-disk")
    wait_until(lambda: not installed.api.get(claims)["items"], "the claim is gone")


def test_missing_values_and_a_suspension_are_waited_out(installed: Flux) -> None:
    """What a person mends or lifts goes on by itself."""
    _make(installed, "bp-valued", valuesFrom=[{"kind": "Secret", "name": "catalyst-federation", "valuesKey": "x"}])
    problem = told(lambda: installed.release("bp-valued"), "ValuesError")["message"]
    assert "'flux-system/catalyst-federation' with key 'x'" in problem
    installed.api.patch(f"{RELEASES}/bp-valued", {"spec": {"suspend": True}})
    secret = {"metadata": {"name": "catalyst-federation"}, "data": _encoded({"x": "a: 1"})}
    installed.api.create(f"{CORE}/secrets", secret)
    wait_until(
        lambda: installed.release("bp-valued")["status"].get("observedGeneration") == 2, "the suspension is seen"
    )
    assert condition(installed.release("bp-valued"))["reason"] == "ValuesError"
    installed.api.patch(f"{RELEASES}/bp-valued", {"spec": {"suspend": False}})
    told(lambda: installed.release("bp-valued"), "InstallSucceeded")


def test_a_private_source_says_why_it_fails(cluster: Flux, git: Running) -> None:
    """The operator has to tell a wrong password from a wrong path, in the words of the real controller."""
    url = git.server.create("acme/gitops.git", "jane", "s3cret", template=True)
    _source(cluster, "private", url, "catalyst-git")
    clause = "failed to checkout and determine revision: unable to clone"

    def read() -> Any:
        return cluster.api.get(f"{GIT_REPOSITORIES}/private")

    missing = told(read, "AuthenticationFailed")
    assert "failed to get secret 'flux-system/catalyst-git'" in missing["message"]
    secret = {"username": "jane", "password": "wrong", "ca.crt": git.ca.read_text()}
    cluster.api.create(f"{CORE}/secrets", {"metadata": {"name": "catalyst-git"}, "data": _encoded(secret)})
    refused = told(read, "GitOperationFailed")
    assert refused["message"] == f"{clause} '{url}': authentication required: Unauthorized"
    assert condition(read(), "Reconciling")["reason"] == "ProgressingWithRetry"
    cluster.api.patch(f"{CORE}/secrets/catalyst-git", {"data": _encoded({"password": "s3cret"})})
    told(read, "Succeeded")
    cluster.api.patch(f"{GIT_REPOSITORIES}/private", {"spec": {"ref": {"branch": "gone"}}})
    assert (
        told(read, "GitOperationFailed")["message"] == f"{clause} '{url}': couldn't find remote ref \"refs/heads/gone\""
    )
    cluster.api.delete(f"{GIT_REPOSITORIES}/private")


REPOSITORIES = "/apis/source.toolkit.fluxcd.io/{version}/namespaces/flux-system/helmrepositories"


def test_what_has_to_be_signed_waits_for_keys(cluster: Flux, git: Running) -> None:
    """The Secret may be there before anything is in it, as on a new cluster."""
    url = git.server.repository_url(PUBLIC)
    _source(cluster, "signed", url, verify={"mode": "Tag", "secretRef": {"name": "keys"}})

    def read() -> Any:
        return cluster.api.get(f"{GIT_REPOSITORIES}/signed")

    assert "not found" in told(read, "VerificationError")["message"]
    cluster.api.create(f"{CORE}/secrets", {"metadata": {"name": "keys"}})
    wait_until(lambda: "any of the given key rings" in condition(read())["message"], "the keys to be looked for")
    cluster.api.patch(f"{CORE}/secrets/keys", {"data": _encoded({"keys.asc": "a key"})})
    told(read, "Succeeded")


def _repository(cluster: Flux, name: str, version: str, **spec: Any) -> None:
    body = {"interval": "10m", "url": "https://charts.example.org", "secretRef": {"name": f"{name}-pull"}, **spec}
    api_version = f"source.toolkit.fluxcd.io/{version}"
    manifest = {"apiVersion": api_version, "kind": "HelmRepository", "metadata": {"name": name}, "spec": body}
    cluster.api.create(REPOSITORIES.format(version=version), manifest)


def _pull_secret(cluster: Flux, name: str) -> None:
    cluster.api.create(f"{CORE}/secrets", {"metadata": {"name": f"{name}-pull"}, "stringData": {"username": "x"}})


@pytest.mark.parametrize("version", ["v1", "v1beta2"])
def test_a_helm_repository_without_its_secret_is_not_ready(installed: Flux, version: str) -> None:
    """In either version that the Flux of our releases serves."""
    name = f"charts-{version}"
    _repository(installed, name, version)

    def repository() -> Any:
        return installed.api.get(f"{REPOSITORIES.format(version='v1')}/{name}")

    message = f"failed to get secret 'flux-system/{name}-pull': secrets \"{name}-pull\" not found"
    assert told(repository, "AuthenticationFailed")["message"] == message
    assert condition(repository())["status"] == "False"
    _pull_secret(installed, name)
    assert told(repository, "Succeeded")["status"] == "True"


def test_charts_of_a_registry_wait_for_its_secret(installed: Flux) -> None:
    """A repository of type oci says nothing itself: its releases do."""
    _repository(installed, "registry", "v1beta2", type="oci", url="oci://registry.example.org")
    chart = {"chart": "bp-private", "version": "1.0.0", "sourceRef": {"kind": "HelmRepository", "name": "registry"}}
    manifest = yaml.safe_load(_release("bp-private", chart={"spec": chart}))
    installed.api.create(RELEASES, manifest)
    said = told(lambda: installed.release("bp-private"), "SourceNotReady")
    assert said["message"] == (
        "HelmChart 'flux-system/flux-system-bp-private' is not ready: "
        "failed to get secret 'flux-system/registry-pull': secrets \"registry-pull\" not found"
    )
    static = installed.api.get(f"{REPOSITORIES.format(version='v1')}/registry")
    assert static["status"] == {"observedGeneration": -1}, "what the CRD says by default"
    _pull_secret(installed, "registry")
    told(lambda: installed.release("bp-private"), "InstallSucceeded")


def test_charts_of_a_registry_that_nobody_named_are_waited_for(installed: Flux) -> None:
    """A tree may have it applied after the releases."""
    chart = {"chart": "bp-early", "version": "1.0.0", "sourceRef": {"kind": "HelmRepository", "name": "late"}}
    installed.api.create(RELEASES, yaml.safe_load(_release("bp-early", chart={"spec": chart})))
    said = told(lambda: installed.release("bp-early"), "SourceNotReady")
    assert 'HelmRepository.source.toolkit.fluxcd.io "late" not found' in said["message"]
    _repository(installed, "late", "v1", type="oci", url="oci://registry.example.org")
    _pull_secret(installed, "late")
    told(lambda: installed.release("bp-early"), "InstallSucceeded")


def test_flux_can_delete_itself(installed: Flux) -> None:
    """The rollback that deletes Flux leaves a cluster that nothing reconciles; this test is the last on its cluster."""
    path = "/apis/apps/v1/namespaces/flux-system/deployments"
    installed.api.create(path, _deployment("helm-controller"))
    installed.faults(releases={"bp-flux": {"rollback": True}})
    _make(installed, "bp-flux")
    wait_until(lambda: not installed.api.get(path)["items"], "Flux' Deployments are gone")
    assert "must appear in spec.versions" in condition(installed.release("bp-flux"))["message"]
    _make(installed, "bp-late")
    wait_until((installed.folder / "standins" / "flux-gone").exists, "the stand-ins stopped")
    assert "conditions" not in installed.release("bp-late").get("status", {})


def _first(cluster: Flux, path: str) -> Any:
    return next(iter(cluster.api.get(path)["items"]), {})


def _names(cluster: Flux) -> list[str]:
    return [entry["metadata"]["name"] for entry in cluster.api.get(RELEASES)["items"]]


def _encoded(data: dict[str, str]) -> dict[str, str]:
    return {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    pod = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "manager", "image": "registry.invalid/none"}]},
    }
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}, "template": pod}}


def _page(cluster: Flux, host: str) -> int | None:
    """Status of the page that the gateway serves for a host; None when nobody listens."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    try:
        with opener.open(urllib.request.Request(f"https://{cluster.address}:28443/", headers={"Host": host})) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except urllib.error.URLError:
        return None
