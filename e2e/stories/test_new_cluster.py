"""All the way: servers, a real control plane, Flux, the kit, Ready, hand-off, and back."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
import yaml

from e2e.lab.processes import PROC
from e2e.stories.conftest import Make
from e2e.support import operator
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl, KubectlError
from e2e.support.new_cluster import NewCluster
from e2e.support.sovereigns import Sovereign, component, condition
from e2e.support.waiting import wait_for

CUT_SECONDS = 120.0
pytestmark = pytest.mark.e2e

KEYS = {"boot-secrets", "provider-token", "tfstate-default-sovereign"}


def test_single_node_to_hand_off_and_back(make: Make, kubectl: Kubectl) -> None:
    """One server becomes a Sovereign of its owner's; the operator's certificates are refused, no connection is open."""
    sovereign, project = make(
        "whole", project=Project(boots=True), workers={"replicas": 0}, handOff={"ownerKubeconfig": "Keep"}
    )
    sovereign.apply()
    status = sovereign.handed_off()
    assert_whole(status, sovereign)
    cluster = NewCluster(project)
    assert_access_is_gone(sovereign, project, cluster, kubectl)
    assert_owner_has_access(sovereign, kubectl)
    assert_frozen(sovereign)

    sovereign.request_deletion()
    sovereign.until("export asked for", lambda s: condition(s, "Deleting").get("reason") == "ExportNotAcknowledged")
    sovereign.patch(decommission={"acknowledgeExported": True})
    sovereign.gone(seconds=120)
    assert project.inventory() == {}


def assert_whole(status: dict[str, object], sovereign: Sovereign) -> None:
    """What a person reads at the end."""
    assert status["phase1Outcome"] == "ready"
    assert status["phase"] == "handed-off"
    assert status["progressPercent"] == 100
    names = [c["name"] for c in status["components"]]  # type: ignore[attr-defined]
    assert {f"bp-{name}" for name in ("cilium", "flux", "keycloak", "gitea", "catalyst-platform")} <= set(names)
    assert status["componentsSummary"] == f"{len(names)}/{len(names)}"
    assert all(k["ready"] for k in status["kustomizations"])  # type: ignore[attr-defined]
    assert status["endpoints"]["console"] == f"https://console.{sovereign.name}.omani.works"  # type: ignore[index]
    assert condition(status, "FluxBootstrap")["status"] == "True"
    assert "refused the operator's certificates" in condition(status, "HandedOff")["message"]


def assert_access_is_gone(sovereign: Sovereign, project: Project, cluster: NewCluster, kubectl: Kubectl) -> None:
    """No key in the run namespace or beside the operator, no right on the new cluster, no connection to it."""
    held = {s["metadata"]["name"] for s in kubectl.items("-n", sovereign.run_namespace, "secrets")}
    assert held & KEYS == set()
    assert {"archived-state", "state-key"} <= held
    assert operator.keys_of(kubectl, (sovereign.read() or {})["metadata"]["uid"]) == []
    assert kubectl.get("-n", sovereign.run_namespace, "secret", "archived-state")["immutable"] is True
    bindings = (
        ("clusterrolebinding", "catalyst-observer"),
        ("clusterrolebinding", "catalyst-node-remover"),
        ("-n=flux-system rolebinding", "catalyst-seeder"),
    )
    for kind, name in bindings:
        *where, plural = kind.split()
        assert cluster.kubectl.find(*where, plural, name) is None
    address = sovereign.status["outputs"]["controlPlaneIPs"][0]
    wait_for(lambda: not connected(address), f"no connection of the operator to {address}", seconds=5)


def connected(address: str) -> bool:
    """Whether a Pod of the operator has an established connection to the API server at this address."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{6443:04X}"
    return any(wanted in line and line.split()[3] == "01" for line in operator_connections())


def operator_connections() -> list[str]:
    """The TCP connections of the operators, as their network namespaces list them: of the one that acts, and of the one
    that waits."""
    pods = [entry for entry in PROC.iterdir() if entry.name.isdigit() and is_operator(entry)]
    assert pods, "no operator runs"
    return [line for pod in pods for line in (pod / "net" / "tcp").read_text().splitlines()[1:]]


def is_operator(process: Path) -> bool:
    try:
        environ = (process / "environ").read_bytes()
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False
    return b"catalyst_operator" in words and b"CATALYST_POD=catalyst-operator" in environ


def assert_owner_has_access(sovereign: Sovereign, kubectl: Kubectl) -> None:
    """The kubeconfig that was asked for works, and is the owner's."""
    secret = kubectl.get("-n", sovereign.namespace, "secret", f"{sovereign.name}-kubeconfig")
    text = base64.b64decode(secret["data"]["value"]).decode()
    user = yaml.safe_load(text)["users"][0]["user"]
    assert set(user) == {"client-certificate-data", "client-key-data"}
    file = Path("/run") / f"{sovereign.name}-owner.kubeconfig"
    file.touch(mode=0o600)
    try:
        file.write_text(text)
        nodes = kubectl("--kubeconfig", str(file), "get", "nodes", "-o", "name").split()
        assert nodes == [f"node/{sovereign.cluster_name}-control-plane-0"]
    finally:
        file.unlink()


def assert_frozen(sovereign: Sovereign) -> None:
    """Servers are their owner's from now on."""
    with pytest.raises(KubectlError, match="cannot be changed after hand-off"):
        sovereign.patch(workers={"size": "cx43", "replicas": 1})


@pytest.mark.slow
def test_high_availability_to_hand_off(make: Make) -> None:
    """Three control planes and two workers: all five nodes join, and the second API server does when the first dies."""
    sovereign, project = make(
        "whole-ha",
        project=Project(boots=True),
        controlPlane={"size": "cx33", "replicas": 3},
        workers={"size": "cx43", "replicas": 2},
        handOff={"mode": "Manual"},
    )
    sovereign.apply()
    sovereign.ready(seconds=240)
    assert len(NewCluster(project).kubectl.items("nodes")) == 5
    project.api("stop")
    sovereign.look_again()
    project.api("start")
    sovereign.ready(seconds=90)
    sovereign.annotate("catalyst.openova.io/handOffRequestedAt")
    sovereign.handed_off()


def test_a_component_that_fails_for_good_is_named_and_repaired(make: Make) -> None:
    """failed, with the component and its cause; ready as soon as it is repaired, with no rejoin."""
    project = Project(boots=True)
    project.kit_faults(releases={"bp-keycloak": {"fail": "for-good", "message": "no such image"}})
    sovereign, _ = make("fails", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"})
    sovereign.apply()
    status = sovereign.outcome("failed")
    assert component(status, "bp-keycloak")["state"] == "failed"
    assert component(status, "bp-gitea")["state"] == "pending", "what depends on it only waits"
    assert "bp-keycloak" in condition(status, "KitReady")["message"]
    assert status["lastErrors"][0]["code"] == "ERR_COMPONENT_FAILED"
    assert "no such image" in json.dumps(status["lastErrors"][0])
    assert condition(status, "Stalled")["reason"] == "Failed"
    NewCluster(project).faults()
    sovereign.ready()


@pytest.mark.slow
def test_no_storage_class_is_told_with_its_remedy(make: Make) -> None:
    """docs/runbook.md#err_no_storageclass: the code is told within two minutes, and the remedy works."""
    project = Project(boots=True)
    project.boot_fault(no_storage_class=True)
    sovereign, _ = make("noclass", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"})
    sovereign.apply()
    sovereign.provisioned()
    status = sovereign.until(
        "ERR_NO_STORAGECLASS",
        lambda s: "ERR_NO_STORAGECLASS" in [e["code"] for e in s.get("lastErrors", ())],
        seconds=120,
    )
    remedy = next(e["remedy"] for e in status["lastErrors"] if e["code"] == "ERR_NO_STORAGECLASS")
    assert "`kubectl" in remedy
    NewCluster(project).kubectl.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "local-path",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
        }
    )
    sovereign.ready()


HOSTILE = "O'Hara & Söhne: #1 | * @home, - [true]; %d ~"


def test_hostile_characters_are_inert(make: Make) -> None:
    """They reach the new cluster as the text that they are."""
    project = Project(boots=True)
    sovereign, _ = make(
        "hostile",
        project=project,
        workers={"replicas": 0},
        handOff={"mode": "Manual"},
        organization={"name": HOSTILE, "headquarters": "null", "industry": "true", "size": "1e3"},
        adminEmail="o'hara+%s@acme.example",
    )
    sovereign.apply()
    sovereign.ready()
    found = NewCluster(project).kubectl.get("-n", "flux-system", "configmap", "sovereign")
    told = yaml.safe_load(found["data"]["sovereign.yaml"])
    organization = {"name": HOSTILE, "headquarters": "null", "industry": "true", "size": "1e3", "complianceFrames": []}
    assert told["organization"] == organization
    assert told["adminEmail"] == "o'hara+%s@acme.example"


def test_secrets_reach_the_new_cluster_over_its_api(make: Make, kubectl: Kubectl) -> None:
    """Not in user data; again when they change; and the provisioning is not begun without them."""
    project = Project(boots=True)
    sovereign, _ = make(
        "seeded",
        project=project,
        workers={"replicas": 0},
        handOff={"mode": "Manual"},
        crossplane={"credentialsSecretRef": {"name": "own-token"}},
    )
    sovereign.apply()
    sovereign.until("the Secret is asked for", lambda s: "own-token" in condition(s, "Ready").get("message", ""))
    assert project.inventory() == {}
    put(kubectl, sovereign, "first-value")
    sovereign.ready()
    cluster = NewCluster(project)
    assert base64.b64decode(cluster.secret("catalyst-crossplane")["token"]) == b"first-value"
    put(kubectl, sovereign, "second-value")
    sovereign.look_again()
    wait_for(
        lambda: base64.b64decode(cluster.secret("catalyst-crossplane")["token"]) == b"second-value",
        "the new value to arrive",
        seconds=30,
    )


def put(kubectl: Kubectl, sovereign: Sovereign, token: str) -> None:
    meta = {"name": "own-token", "namespace": sovereign.namespace}
    kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"token": token}})


@pytest.mark.slow
def test_it_flaps_is_deleted_and_is_judged_by_what_is(make: Make) -> None:
    """The outcome follows the level: a component that comes and goes is neither forgotten nor held against it."""
    project = Project(boots=True)
    project.kit_faults(releases={"bp-gitea": {"flap": {"times": 3, "seconds": 1}}})
    sovereign, _ = make("flaps", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"})
    sovereign.apply()
    sovereign.ready()
    cluster = NewCluster(project)
    cluster.faults(releases={"bp-gitea": {"hold": True}})
    cluster.delete_release("bp-gitea")
    sovereign.until("the loss is seen", lambda s: component(s, "bp-gitea").get("state") != "installed", seconds=20)
    assert sovereign.status.get("phase1Outcome") != "ready"
    cluster.faults()
    # What Flux applies to an object that is still on its way out is lost with it.
    wait_for(lambda: "bp-gitea" not in cluster.releases(), "bp-gitea to be gone", seconds=30)
    cluster.reconcile_kit(f"{sovereign.name}.omani.works")
    sovereign.ready()


@pytest.mark.slow
def test_timeout_then_rejoin_then_ready(make: Make) -> None:
    """Time is up with some installed; a rejoin gives it its time again, and it is used."""
    project = Project(boots=True)
    project.kit_faults(releases={"bp-openbao": {"hold": True}})
    sovereign, _ = make(
        "late", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"}, phase1={"watchTimeout": "35s"}
    )
    sovereign.apply()
    status = sovereign.outcome("timeout")
    assert component(status, "bp-openbao")["state"] != "installed"
    value = sovereign.annotate("catalyst.openova.io/rejoinRequestedAt")
    sovereign.until("rejoined", lambda s: s.get("lastHandledRejoinAt") == value and "phase1Outcome" not in s)
    NewCluster(project).faults()
    sovereign.ready()


@pytest.mark.slow
def test_restarts_in_the_middle_lose_nothing(make: Make, kubectl: Kubectl) -> None:
    """The operator is killed, then the new cluster's API server restarts, each while the kit is installed."""
    project = Project(boots=True)
    project.kit_faults(install_seconds=3)
    sovereign, _ = make("restarts", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"})
    sovereign.apply()
    sovereign.until("some are installed", lambda s: s.get("componentsSummary", "0/").partition("/")[0] not in ("0", ""))
    deadline = sovereign.status["phase1"]["watchDeadline"]
    before = {c["name"]: c["state"] for c in sovereign.status["components"]}
    operator.kill(kubectl)
    status = sovereign.look_again()
    assert status["phase1"]["watchDeadline"] == deadline
    assert {n for n, s in before.items() if s == "installed"} <= {
        c["name"] for c in status["components"] if c["state"] == "installed"
    }
    project.api("restart")
    sovereign.ready(seconds=180)
    assert len(sovereign.jobs()) == 1


@pytest.mark.slow
def test_what_is_ready_stays_so_whoever_looks_again(make: Make, kubectl: Kubectl) -> None:
    """Flux looks at the kit three times more, and the operator is killed: Ready is True all the time."""
    project = Project(boots=True)
    sovereign, _ = make("steady", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"})
    sovereign.apply()
    since = condition(sovereign.ready(), "Ready")["lastTransitionTime"]
    cluster, fqdn = NewCluster(project), f"{sovereign.name}.omani.works"
    for _ in range(3):
        asked = cluster.reconcile_kit(fqdn)
        wait_for(lambda asked=asked: cluster.kit_answered(fqdn) == asked, "Flux to look at the kit", seconds=60)  # type: ignore[misc]
    operator.kill(kubectl)
    status = sovereign.look_again()
    assert condition(status, "Ready")["status"] == "True"
    assert condition(status, "Ready")["lastTransitionTime"] == since
    assert (status["phase"], status["progressPercent"]) == ("ready", 100)


@pytest.mark.slow
def test_a_certificate_that_ends_is_replaced(make: Make, kubectl: Kubectl) -> None:
    """With certificates of half a minute the kit is followed to the end all the same."""
    project = Project(boots=True)
    project.kit_faults(install_seconds=5)
    with operator.setting(kubectl, "CATALYST_OBSERVER_LIFETIME", "30s"):
        sovereign, _ = make("short", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"})
        sovereign.apply()
        sovereign.ready(seconds=240)


@pytest.mark.slow
def test_a_link_that_is_cut_is_found_and_disturbs_nobody(make: Make) -> None:
    """Two minutes without a FIN: told, resumed, nothing lost; another Sovereign goes its way meanwhile."""
    project = Project(boots=True)
    project.kit_faults(releases={"bp-keycloak": {"hold": True}})
    sovereign, _ = make("cut", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"})
    sovereign.apply()
    sovereign.until("keycloak is awaited", lambda s: component(s, "bp-openbao").get("state") == "installed")
    cluster = NewCluster(project)
    project.api("cut")
    begin = time.monotonic()
    other, _ = make("uncut", project=Project(boots=True), workers={"replicas": 0}, handOff={"mode": "Manual"})
    other.apply()
    sovereign.wait("the cut is found", seconds=100, FluxBootstrap="APIUnreachable")
    other.ready(seconds=150)
    time.sleep(max(0.0, CUT_SECONDS - (time.monotonic() - begin)))  # the length of the cut is the subject
    project.api("mend")
    cluster.faults()
    sovereign.ready(seconds=120)
