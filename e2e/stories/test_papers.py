"""What the papers tell people to do, done: each story reads its commands from the page that it tries."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.lab.git_server.client import GitServer
from e2e.lab.layout import Layout
from e2e.stories.conftest import Make
from e2e.support import cloud, papers
from e2e.support.cloud import Project
from e2e.support.dns import BOTH, Dns
from e2e.support.kubectl import Kubectl, KubectlError
from e2e.support.new_cluster import NewCluster
from e2e.support.papers import HOW_TO, LAB
from e2e.support.sovereigns import Sovereign, codes, condition, results
from e2e.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LAB_HERE = Layout.of_checkout()
REPOSITORY = "acme/fleet.git"
ZONE = "acme.test"


def waited(kubectl: Kubectl, sovereign: Sovereign, asked: str) -> None:
    """`kubectl wait` as the page has it, once the operator has seen the spec of now."""
    sovereign.until("the spec is seen", lambda _: True)
    kubectl("-n", sovereign.namespace, "wait", f"sovereign/{sovereign.name}", papers.waits_for(asked), "--timeout=100s")


def test_a_script_waits_for_what_it_asked_for(make: Make, kubectl: Kubectl) -> None:
    """A dry run, a plan to approve, the servers, a pause, a deletion: each wait ends, and not before."""
    sovereign, project = make("waited", dryRun=True, approval="Manual")
    sovereign.apply()
    waited(kubectl, sovereign, "a dry run")
    assert sovereign.status["plan"]["add"] > 0
    assert project.writes() == []

    sovereign.patch(dryRun=False)
    waited(kubectl, sovereign, "a plan to approve")
    sovereign.patch(approvePlan=sovereign.status["plan"]["digest"])
    waited(kubectl, sovereign, "the servers only")
    assert sovereign.status["outputs"]["loadBalancerIP"]

    sovereign.provisioned()
    sovereign.patch(suspend=True)
    waited(kubectl, sovereign, "a pause")
    with pytest.raises(KubectlError, match="timed out"):
        kubectl(
            "-n", sovereign.namespace, "wait", f"sovereign/{sovereign.name}", "--for=condition=Ready", "--timeout=3s"
        )

    sovereign.request_deletion(deletionPolicy="Orphan")
    kubectl("-n", sovereign.namespace, "wait", f"sovereign/{sovereign.name}", papers.waits_for("a deletion"))


def test_a_token_is_changed(make: Make, kubectl: Kubectl) -> None:
    """The new one is proven by a dry run before the old one is revoked; then the Sovereign is changed with it."""
    sovereign, project = make("rotated")
    sovereign.apply()
    sovereign.provisioned()
    old, new = project.token, cloud.new_token()
    cloud.call("POST", "/_lab/projects", {"token": new, "project": project.name})
    sovereign.put_token(new)

    names = {"omantel": sovereign.name, "customers": sovereign.namespace}
    run = [
        shlex.split(papers.command(HOW_TO, "Change the token", begins, **names))
        for begins in (
            'kubectl -n customers patch sovereign omantel --type merge -p \'{"spec":{"dryRun":true}}\'',
            "kubectl -n customers wait",
            'kubectl -n customers patch sovereign omantel --type merge -p \'{"spec":{"dryRun":false}}\'',
        )
    ]
    for words in run[:2]:
        kubectl(*words[1:])
    plan = sovereign.status["plan"]
    assert (plan["add"], plan["change"], plan["destroy"]) == (0, 0, 0)
    kubectl(*run[2][1:])
    cloud.call("DELETE", "/_lab/projects", {"token": old})

    copy = kubectl.get("-n", sovereign.run_namespace, "secret", "provider-token")["data"]["token"]
    assert base64.b64decode(copy).decode() == new
    sovereign.patch(sshAllowedCIDRs=["192.0.2.9/32"])
    sovereign.until("a run with the new token", lambda s: results(s)[-1:] == ["Succeeded"] and len(results(s)) == 3)
    sovereign.provisioned()


def test_what_stays_after_a_deletion_that_destroys_nothing(make: Make, kubectl: Kubectl) -> None:
    """The name, the owner's kubeconfig and the receipt stay; the same manifest, applied again, makes no second cluster:
    both the name and the SSH key that the project has are in its way, and told at once."""
    sovereign, project = make(
        "stays",
        project=Project(boots=True),
        workers={"replicas": 0},
    )
    sovereign.apply()
    sovereign.handed_off()
    uid = sovereign.uid
    sovereign.request_deletion(deletionPolicy="Orphan")
    sovereign.gone()

    assert kubectl.find("-n", sovereign.namespace, "secret", "stays-kubeconfig") is not None
    receipts = [c["metadata"]["name"] for c in kubectl.items("-n", sovereign.namespace, "configmaps")]
    assert [name for name in receipts if name.startswith("stays-receipt-")]
    reservation = kubectl.get("domainreservation", "stays.omani.works")
    assert reservation["spec"]["sovereignRef"]["uid"] == uid

    made = len(project.writes())
    sovereign.apply()
    status = sovereign.wait("the name is another's", Stalled="DomainTaken")
    assert codes(status) == ["ERR_DOMAIN_TAKEN", "ERR_SSH_KEY_CONFLICT"]
    kubectl(
        *shlex.split(papers.command(HOW_TO, "After you deleted", "kubectl delete domainreservation", omantel="stays"))[
            1:
        ]
    )
    status = sovereign.wait("the key is another's", Stalled="CheckFailed", seconds=120)
    assert codes(status) == ["ERR_SSH_KEY_CONFLICT"]
    assert len(project.writes()) == made, "a second cluster was begun"


def test_a_worker_is_taken_out(make: Make) -> None:
    """Emptied, destroyed after approval; the operator removes its Node, and what is left is Ready."""
    sovereign, project = make(
        "fewer",
        project=Project(boots=True),
        workers={"size": "cx43", "replicas": 2},
        handOff={"mode": "Manual"},
    )
    sovereign.apply()
    sovereign.ready(seconds=200)
    names = {"omantel-1a2b3": sovereign.cluster_name}
    inside = NewCluster(project).kubectl
    inside(*shlex.split(papers.command(HOW_TO, "Take a worker out", "kubectl drain", **names))[1:])

    patch = papers.command(HOW_TO, "Take a worker out", "kubectl -n customers patch")
    sovereign.patch(**json.loads(shlex.split(patch)[-1])["spec"])
    plan = sovereign.wait("a plan to approve", Ready="AwaitingApproval")["plan"]
    assert "hcloud_server.worker[1]" in plan["destroying"]
    sovereign.patch(approvePlan=plan["digest"])
    sovereign.until("it is applied", lambda s: results(s)[-1:] == ["Succeeded"] and len(results(s)) == 3)
    sovereign.ready()
    inside(*shlex.split(papers.command(HOW_TO, "Take a worker out", "kubectl wait", **names))[1:], timeout=150)
    assert len(inside.items("nodes")) == 2
    sovereign.look_again()
    assert condition(sovereign.status, "Ready")["status"] == "True"


def test_a_node_of_the_management_cluster_is_drained_in_mid_apply(make: Make, kubectl: Kubectl) -> None:
    """The run writes its state and another goes on. The lab has one node, so the operator is drained as well: if it
    goes before it has taken evidence of the run, the drain waits, and ends once the node may be used again."""
    sovereign, project = make("drained")
    slow = project.tripwire("POST", r"/load_balancers", delay_seconds=15)
    sovereign.apply()
    wait_for(lambda: slow.struck, "the apply to be in its middle", seconds=90, shown=sovereign.describe)
    node = kubectl.items("nodes")[0]["metadata"]["name"]
    drain = shlex.split(
        papers.command(HOW_TO, "Drain a node of the management cluster", "kubectl drain").replace("<node>", node)
    )
    arguments = [word for word in drain[1:] if not word.startswith("--timeout")]
    try:
        with contextlib.suppress(KubectlError):
            kubectl(*arguments, "--timeout=40s")
    finally:
        kubectl("uncordon", node)
    status = sovereign.provisioned(seconds=180)
    assert results(status)[-1] == "Succeeded"
    assert len(results(status)) > 1, "the run was not touched by the drain"
    names = [server["name"] for server in project.inventory()["servers"]]
    assert len(names) == len(set(names)) == 2


# --- the lab's own page -----------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that has the lab as a checkout has it, and may be written to."""
    (tmp_path / ".lab").symlink_to(LAB_HERE.root)
    return tmp_path


def shell(script: str, folder: Path) -> str:
    """Run a script as a person does; its output."""
    environment = {**os.environ, "PATH": f"{LAB_HERE.bin}:{os.environ['PATH']}", "KUBECONFIG": str(LAB_HERE.kubeconfig)}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def dns() -> Iterator[Dns]:
    """The name servers, without the zone of the page before and after."""
    found = Dns(LAB_HERE)
    found.delete_zone(ZONE, *BOTH)
    yield found
    found.delete_zone(ZONE, *BOTH)


@pytest.fixture
def git() -> Iterator[GitServer]:
    """The Git server, without the repository of the page before and after."""
    server = GitServer("https://10.99.0.1:8443", LAB_HERE.pki / "ca.crt")
    server.delete(REPOSITORY)
    yield server
    server.delete(REPOSITORY)


def test_a_zone_is_made_and_delegated_as_the_labs_page_says(dns: Dns, checkout: Path) -> None:
    told = shell("\n".join(papers.scripts(LAB, "A zone for a domain of your own")), checkout)
    assert set(told.split()[:2]) == {"a.parent.lab.test.", "b.parent.lab.test."}
    assert "ns1.lab.test." in told
    for server in BOTH:
        assert dns.dig(server, f"cloud.{ZONE}", "NS") == ["ns1.lab.test.", "ns2.lab.test."]


def test_git_is_pushed_to_by_hand_and_by_the_operator_as_the_labs_page_says(
    make: Make, kubectl: Kubectl, git: GitServer, checkout: Path
) -> None:
    by_hand, secret = papers.scripts(LAB, "Git")
    sovereign, project = make(
        "pushes",
        project=Project(boots=True),
        workers={"replicas": 0},
        handOff={"mode": "Manual"},
        gitops={
            "mode": "Commit",
            "ref": {"branch": "main"},
            "url": git.repository_url(REPOSITORY),
            "credentialsSecretRef": {"name": "acme-git"},
        },
    )
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": sovereign.namespace}})
    shell(f"{by_hand}\ncd ..\n{secret.replace('customers', sovereign.namespace)}", checkout)
    assert [commit.message.strip() for commit in git.log(REPOSITORY)] == ["First"]

    sovereign.apply()
    sovereign.ready(seconds=200)
    assert git.read(REPOSITORY, "clusters/pushes.omani.works/kustomization.yaml")
    assert condition(sovereign.status, "FluxBootstrap")["status"] == "True"
    assert json.dumps(sovereign.status).count("ERR_") == 0
    assert project.inventory()["servers"]
