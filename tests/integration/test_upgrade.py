"""The manifests of today, applied over those of before there was a release, with objects that were made under these."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from catalyst_operator.api.sovereign import Sovereign
from e2e.support import papers
from e2e.support.waiting import OFTEN, wait_for
from tests.integration import actors
from tests.integration.admission import RESERVATIONS, Edits, edited, refusal, sovereign, sovereigns
from tests.integration.apiserver import Api, ApiError, ApiServer, api_server, find_tool
from tests.integration.conftest import CRDS
from tests.integration.installation import BASE, kubectl
from tests.support.paths import REPOSITORY
from tests.support.samples import SAMPLES, holds

pytestmark = pytest.mark.integration

BEFORE = SAMPLES / "manifests" / "before-0.1.0.yaml"
OPERATIONS = REPOSITORY / "docs" / "operations.md"
NAMESPACE = "customers"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{actors.HOME}/leases/catalyst-operator"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{actors.HOME}/deployments/catalyst-operator"
LABELS = {"app.kubernetes.io/part-of": "catalyst-operator"}
FORMER = "catalyst-former"
"""Name of what the version before had, and today's has not."""
GIT = {"url": "https://git.example.com/kit.git", "credentialsSecretRef": {"name": "git"}, "branch": "main"}
RESERVED = "omantel.omani.works"
SHELL_SECONDS = 300
"""For sixty objects at a time, on a busy machine."""


def ready(**conditions: str) -> dict[str, Any]:
    """The status of a Sovereign that was ready, as the operator of before wrote it."""
    told = {"Ready": "True", "TofuApply": "True", "KitReady": "True", **conditions}
    return {
        "observedGeneration": 1,
        "phase": "ready",
        "progressPercent": 100,
        "outputs": {"controlPlaneIPs": ["203.0.113.7"], "loadBalancerIP": "203.0.113.9"},
        "kitRevision": "main@sha1:0123456789012345678901234567890123456789",
        "servers": [{"name": "omantel-1a2b3-control-plane-0", "role": "control-plane", "size": "cx33"}],
        "phase1Outcome": "ready",
        "conditions": [
            {"type": type_, "status": status, "reason": "Succeeded", "lastTransitionTime": "2026-11-30T12:00:00Z"}
            for type_, status in told.items()
        ],
        "history": [
            {
                "attempt": 1,
                "verb": "apply",
                "result": "Succeeded",
                "startTime": "2026-11-30T11:00:00Z",
                "completionTime": "2026-11-30T11:05:00Z",
                "duration": "5m",
            }
        ],
    }


class Old(NamedTuple):
    """A Sovereign of before."""

    name: str
    edits: Edits
    status: dict[str, Any]

    @property
    def path(self) -> str:
        return f"{sovereigns(NAMESPACE)}/{self.name}"

    @property
    def manifest(self) -> dict[str, Any]:
        return sovereign(self.edits, self.name)


OBJECTS = (
    Old("new", {}, {}),
    Old("follows-a-branch", {"gitops": {"url": GIT["url"], "branch": "stable"}}, ready()),
    Old("pushed-to-a-branch", {"gitops": {"mode": "Commit", **GIT}}, ready()),
    Old("checked-often", {"driftDetection": {"interval": "5m"}}, ready()),
    Old("with-a-dropped-component", {"components": ["cnpg", "harbor"]}, ready()),
    Old("handed-off", {"decommission": {"acknowledgeExported": True}}, ready(HandedOff="True")),
    Old(
        "with-everything",
        {
            "controlPlane": {"size": "cx33", "replicas": 3, "sizeFallbacks": ["cpx32"]},
            "workers": {"size": "cx43", "replicas": 2},
            "federation": {
                "issuerURL": "https://login.example.com",
                "clientID": "catalyst",
                "clientSecretRef": {"name": "federation"},
            },
            "objectStorage": {
                "provider": "s3",
                "endpoint": "https://s3.example.com",
                "bucket": "cold",
                "credentialsSecretRef": {"name": "s3"},
            },
            "crossplane": {"credentialsSecretRef": {"name": "own-token"}},
            "phase1": {"watchTimeout": "90m"},
            "handOff": {"mode": "Manual"},
            "sshAllowedCIDRs": ["203.0.113.0/24"],
        },
        ready(),
    ),
)
each = pytest.mark.parametrize("old", OBJECTS, ids=lambda old: old.name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With today's manifests over those of before."""
    folder = tmp_path_factory.mktemp("upgraded")
    with api_server(folder) as server:
        # Not server-side, which is the harder case: who did it so owns every field.
        shell(server, f"kubectl apply -f {BEFORE}")
        left_behind(server.api)
        wait_for(lambda: served(server.api), "the CRDs of before to be served", seconds=60, every=OFTEN)
        made_before(server.api)
        shell(server, papers.command(OPERATIONS, "Upgrading", "kubectl apply"))
        wait_for(lambda: has_rebuild(server.api), "the new schema to be served", seconds=60, every=OFTEN)
        yield server


@pytest.fixture
def api(server: ApiServer) -> Api:
    return server.api


def served(api: Api) -> bool:
    with suppress(ApiError):
        return api.get(sovereigns("default")) is not None and api.get(RESERVATIONS) is not None
    return False


def has_rebuild(api: Api) -> bool:
    """Whether the API server knows a field of today's."""
    probe = sovereign({"driftDetection": {"interval": "24h", "mode": "Repair"}}, "probe")
    with suppress(ApiError):
        return bool(api.create(sovereigns(NAMESPACE), probe, dryRun="All"))
    return False


def left_behind(api: Api) -> None:
    """What an earlier version had besides."""
    meta = {"name": FORMER, "labels": LABELS}
    api.create(f"{actors.RBAC}/clusterroles", {"metadata": meta, "rules": []})
    admission = "/apis/admissionregistration.k8s.io/v1"
    spec = {
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["bindings"]}
            ]
        },
        "validations": [{"expression": "false", "message": "never"}],
    }
    api.create(f"{admission}/validatingadmissionpolicies", {"metadata": meta, "spec": spec})
    binding = {"policyName": FORMER, "validationActions": ["Deny"]}
    api.create(f"{admission}/validatingadmissionpolicybindings", {"metadata": meta, "spec": binding})
    api.create(f"{actors.RBAC}/namespaces/{actors.HOME}/roles", {"metadata": meta, "rules": []})


def made_before(api: Api) -> None:
    """By owners, and by the operator that still runs and acts."""
    operator = actors.operator(api)
    api.create(actors.NAMESPACES, {"metadata": {"name": NAMESPACE}})
    for old in OBJECTS:
        api.create(sovereigns(NAMESPACE), old.manifest)
        if old.status:
            operator.patch(f"{old.path}/status", {"status": old.status})
    spec = {"mode": "pool", "sovereignRef": {"namespace": NAMESPACE, "name": "new", "uid": "1"}}
    operator.create(RESERVATIONS, {**kind("DomainReservation"), "metadata": {"name": RESERVED}, "spec": spec})
    held = {"holderIdentity": "catalyst-operator-0_1", "leaseDurationSeconds": 15}
    operator.create(LEASE.rpartition("/")[0], {"metadata": {"name": "catalyst-operator"}, "spec": held})


def kind(name: str) -> dict[str, str]:
    return {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": name}


def shell(server: ApiServer, script: str) -> str:
    """Run what the papers tell people to run, against this server."""
    folder = server.kubeconfig.parent / "work"
    folder.mkdir(exist_ok=True)
    install = folder / "my-install"
    install.mkdir(exist_ok=True)
    base = os.path.relpath(BASE, install)
    (install / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [base]}))
    path = f"{Path(find_tool('kubectl')).parent}:{os.environ['PATH']}"
    environ = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "PATH": path}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=SHELL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def blocks(heading: str) -> list[str]:
    """The indented commands of a chapter of the page for operators, block by block."""
    found = re.findall(r"(?:^ {4}.*\n)+", papers.chapter(OPERATIONS, heading), re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def one_block(heading: str, begins: str) -> str:
    (found,) = (block for block in blocks(heading) if block.startswith(begins))
    return found


# --- objects of before ------------------------------------------------------------------------------------------------


@each
def test_the_operator_reads_it_and_writes_its_status(api: Api, old: Old) -> None:
    """With what only today's status has, and its finalizer."""
    raw = api.get(old.path)
    read = Sovereign.parse(raw)
    assert holds(old.status, read.status.to_wire())
    written = {**read.status.to_wire(), "lastHandledRebuild": "worker-0", "observedGeneration": 2}
    meta = {"name": old.name, "namespace": NAMESPACE, "resourceVersion": raw["metadata"]["resourceVersion"]}
    body = {**kind("Sovereign"), "metadata": meta, "status": written}
    operator = actors.operator(api)
    assert operator.apply(f"{old.path}/status", body, "catalyst-operator")["status"]["lastHandledRebuild"] == "worker-0"
    operator.patch(old.path, {"metadata": {"finalizers": ["catalyst.openova.io/sovereign"]}}, dryRun="All")


@each
def test_its_owner_edits_it(api: Api, old: Old) -> None:
    """Whatever it has that is not let in any more, or is frozen by now."""
    api.replace(old.path, edited(api.get(old.path), {"suspend": True}), dryRun="All")
    api.replace(old.path, edited(api.get(old.path), {"deletionProtection": False}), dryRun="All")


@each
def test_its_owner_applies_the_manifest_again(api: Api, old: Old) -> None:
    """Once what was dropped is taken out of it; until then the refusal names that."""
    manifest = old.manifest
    if "branch" in manifest["spec"].get("gitops", {}):
        assert 'unknown field "spec.gitops.branch"' in str(
            refusal(api, "PUT", old.path, {**manifest, "metadata": api.get(old.path)["metadata"]})
        )
        del manifest["spec"]["gitops"]["branch"]
    api.apply(old.path, manifest, "kubectl", dryRun="All", fieldValidation="Strict")


@each
def test_it_can_be_deleted(api: Api, old: Old) -> None:
    api.patch(old.path, {"spec": {"deletionProtection": False}})
    api.delete(old.path, dryRun="All")


def test_a_branch_that_was_dropped_can_be_named_anew_where_it_is_pushed_to(api: Api) -> None:
    """Nothing could be pushed without one. It is frozen again from then on."""
    pushed = next(old for old in OBJECTS if old.name.startswith("pushed"))
    named = edited(api.get(pushed.path), {"gitops.ref": {"branch": "main"}})
    api.replace(pushed.path, named)
    again = edited(api.get(pushed.path), {"gitops.ref": {"branch": "other"}})
    assert "spec.gitops.ref" in str(refusal(api, "PUT", pushed.path, again))


def test_what_follows_a_branch_goes_on_to(api: Api) -> None:
    """The new cluster has it, and nothing would carry another one there."""
    follows = next(old for old in OBJECTS if old.name.startswith("follows"))
    other = edited(api.get(follows.path), {"gitops.ref": {"branch": "other"}})
    assert "change it there" in str(refusal(api, "PUT", follows.path, other))


def test_a_reservation_is_served_and_written(api: Api) -> None:
    path = f"{RESERVATIONS}/{RESERVED}"
    actors.operator(api).patch(path, {"spec": {"loadBalancerIP": "203.0.113.9"}})
    assert api.get(path)["spec"]["ttl"] == "10m"


# --- manifests --------------------------------------------------------------------------------------------------------


def test_who_acts_goes_on_to(api: Api) -> None:
    assert api.get(LEASE)["spec"]["holderIdentity"] == "catalyst-operator-0_1"


def test_nothing_of_the_old_deployment_is_left_in_the_new_one(api: Api) -> None:
    (deployment,) = (d for d in manifests_of_today() if d["kind"] == "Deployment")
    found = api.get(DEPLOYMENT)["spec"]
    assert (found["replicas"], found["strategy"]) == (deployment["spec"]["replicas"], deployment["spec"]["strategy"])
    (container,) = found["template"]["spec"]["containers"]
    (wanted,) = deployment["spec"]["template"]["spec"]["containers"]
    assert [env["name"] for env in container["env"]] == [env["name"] for env in wanted["env"]]


def manifests_of_today() -> list[dict[str, Any]]:
    command = [find_tool("kubectl"), "kustomize", str(BASE)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(text))


def test_what_is_left_behind_is_listed_and_taken_away_as_the_page_says(server: ApiServer) -> None:
    """All of it and nothing else; it is in force until then."""
    listed = shell(server, one_block("Upgrading", "KINDS="))
    assert listed.split() == [
        f"clusterrole.rbac.authorization.k8s.io/{FORMER}",
        f"role.rbac.authorization.k8s.io/{FORMER}",
        f"validatingadmissionpolicy.admissionregistration.k8s.io/{FORMER}",
        f"validatingadmissionpolicybinding.admissionregistration.k8s.io/{FORMER}",
    ]
    shell(server, one_block("Upgrading", "xargs"))
    assert shell(server, one_block("Upgrading", "KINDS=")) == ""
    shell(server, one_block("Upgrading", "xargs"))
    for manifest in manifests_of_today():
        where = ["-n", manifest["metadata"]["namespace"]] if "namespace" in manifest["metadata"] else []
        kubectl(server, *where, "get", manifest["kind"], manifest["metadata"]["name"], "-o", "name")


def test_a_version_of_the_api_is_dropped_as_the_page_says(server: ApiServer) -> None:
    """There is one so far. With another one beside it, every object is written once, and the first can go."""
    heading, api = "When a version of the API is dropped", server.api
    names = ("sovereigns.catalyst.openova.io", "domainreservations.catalyst.openova.io")
    stored = one_block(heading, "kubectl get crd")
    assert [line.split()[1] for line in shell(server, stored).splitlines()[1:]] == ["[v1alpha1]"] * 2
    before = {old.name: api.get(old.path)["spec"] for old in OBJECTS}

    for name in names:
        (first,) = api.get(f"{CRDS}/{name}")["spec"]["versions"]
        versions = [{**first, "storage": False}, {**first, "name": "v1beta1"}]
        api.patch(f"{CRDS}/{name}", {"spec": {"versions": versions}})
    wait_for(lambda: shell(server, stored).count("[v1alpha1 v1beta1]") == len(names), "both to be stored", seconds=60)
    wait_for(lambda: beta(api, RESERVATIONS), "the new version to be served", seconds=60, every=OFTEN)
    shell(server, one_block(heading, "kubectl get sovereigns"))
    for name in names:
        (second,) = (v for v in api.get(f"{CRDS}/{name}")["spec"]["versions"] if v["name"] == "v1beta1")
        api.patch(f"{CRDS}/{name}", {"spec": {"versions": [second]}})
    wait_for(lambda: not served(api), "the old version to be gone", seconds=60, every=OFTEN)
    for old in OBJECTS:
        assert api.get(old.path.replace("v1alpha1", "v1beta1"))["spec"] == before[old.name]


def beta(api: Api, path: str) -> bool:
    with suppress(ApiError):
        return bool(api.get(path.replace("v1alpha1", "v1beta1")))
    return False
