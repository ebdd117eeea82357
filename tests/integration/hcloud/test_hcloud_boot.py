"""Servers boot: real control planes, from the user_data that the module of this checkout makes, on loopback addresses.

The tests follow one cluster's life in their order. What needs the lab's bridge (cut connections, Pods as clients) is
for the stories.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.adapters.new_cluster import minting
from catalyst_operator.core.access import kubeconfig
from e2e.support.waiting import wait_for
from tests.integration.cloud_init import TRUST, Rendered, render, sample
from tests.integration.hcloud.booted import FIRST, FQDN, LATER, NAME, SECOND, WORKER, Booted
from tests.integration.tofu import OpenTofu

pytestmark = pytest.mark.integration

MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: told-at-boot, namespace: flux-system}\n"
NOWHERE: dict[str, Any] = {"url": "https://127.0.0.1:9/none.git", "ref": {"branch": "main"}, "path": "./kit"}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    tofu = OpenTofu.without_provider(tmp_path_factory.mktemp("tofu"))
    return render(tofu, sample(git=NOWHERE, boot_manifests={"10-a.yaml": MANIFEST}))


@pytest.fixture(scope="module")
def cluster(rendered: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """Two control planes and a worker, up."""
    with Booted.emulated(tmp_path_factory.mktemp("boot"), rendered) as booted:
        faults = {"project": booted.project.name, "faults": {"console": 404}}
        assert booted.emulator.lab.post("/_lab/kit_faults", faults).status == 204
        booted.order(FIRST, SECOND, WORKER)
        booted.until_up(FIRST, SECOND, WORKER)
        yield booted


def test_who_holds_the_authorities_may_do_what_they_mint(cluster: Booted, tmp_path: Path) -> None:
    """The operator reaches a cluster with nothing but these."""
    access = minting.access(
        TRUST.files,
        servers=(f"{cluster.address(FIRST)}:6443",),
        fqdn=FQDN,
        user="somebody",
        groups=("system:masters",),
        now=datetime.now(UTC),
        lifetime=timedelta(hours=1),
    )
    minted = tmp_path / "kubeconfig"
    minted.write_text(kubeconfig.render(access, "acme"))
    ran = cluster.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", kubeconfig=minted)
    assert (ran.stdout, ran.returncode) == ("somebody", 0), ran.stderr


@pytest.mark.parametrize("server", [FIRST, SECOND])
def test_the_certificate_is_for_the_name_and_not_for_the_public_address(cluster: Booted, server: str) -> None:
    """k3s does not know the public address: a client that verifies it would fail on Hetzner."""
    address = cluster.address(server)
    context = ssl.create_default_context(cadata=TRUST.files["server-ca.crt"])
    with socket.create_connection((address, 6443), 5) as plain, context.wrap_socket(plain, server_hostname=FQDN):
        pass
    with socket.create_connection((address, 6443), 5) as plain, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(plain, server_hostname=address)


def test_the_nodes_are_those_that_were_told_to_join(cluster: Booted) -> None:
    """Under the names and private addresses that user_data gives them."""
    found = {
        node["metadata"]["name"]: (
            node["status"]["addresses"][0]["address"],
            "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"],
            node["status"]["conditions"][0]["status"],
        )
        for node in cluster.get("nodes")["items"]
    }
    assert found == {
        FIRST: ("10.0.1.10", True, "True"),
        SECOND: ("10.0.1.11", True, "True"),
        WORKER: ("10.0.1.50", False, "True"),
    }


def test_what_bootstrap_cluster_makes_is_there(cluster: Booted) -> None:
    """In its own order, so that what comes last stands for the rest; seen at the other API server."""
    kits = cluster.get("kustomizations", "-n", "flux-system", server=SECOND)["items"]
    assert [kit["metadata"]["name"] for kit in kits] == [f"{FQDN}-bootstrap-kit"]
    assert cluster.get("configmap", "told-at-boot", "-n", "flux-system")
    classes = cluster.get("storageclasses")["items"]
    default = "storageclass.kubernetes.io/is-default-class"
    assert [(entry["metadata"]["name"], entry["metadata"]["annotations"][default]) for entry in classes] == [
        ("local-path", "true")
    ]
    available = cluster.kubectl(
        "-n", "flux-system", "wait", "--for=condition=Available", "deployment", "--all", "--timeout=1s"
    )
    assert available.stdout.count("condition met") == 4, available.stderr


def test_flux_is_at_work(cluster: Booted) -> None:
    """Real kustomize-controller says that there is nothing from the source; the source's stand-in says why."""

    def ready(kind: str) -> str:
        conditions = cluster.get(kind, "-n", "flux-system")["items"][0].get("status", {}).get("conditions", [])
        return next((entry["message"] for entry in conditions if entry["type"] == "Ready"), "")

    wait_for(lambda: "rtifact not found" in ready("kustomizations"), "kustomize-controller to speak", seconds=30)
    wait_for(lambda: NOWHERE["url"] in ready("gitrepositories"), "the stand-in to speak", seconds=30)


def test_the_stand_ins_are_told_their_faults(cluster: Booted) -> None:
    """Those from before the boot, and later ones."""
    read = ("configmap", "lab-faults", "-n", "flux-system")
    assert cluster.get(*read)["data"]["faults.json"] == '{"console": 404}'
    faults = {"project": cluster.project.name, "faults": {"console": "down"}}
    assert cluster.emulator.lab.post("/_lab/kit_faults", faults).status == 204
    assert cluster.get(*read)["data"]["faults.json"] == '{"console": "down"}'


def test_a_fault_that_is_taken_back_lets_the_boot_go_on(cluster: Booted) -> None:
    """A node that never joins, until it does."""
    cluster.boot_fault(f"{NAME}-worker-.*", never_joins=True)
    cluster.order(LATER)
    wait_for(lambda: "held back by a fault: it does not join" in cluster.log(LATER), "the fault", seconds=30)
    assert cluster.kubectl("get", "node", LATER).returncode != 0
    cluster.emulator.lab.delete("/_lab/boots", {"project": cluster.project.name})
    cluster.until_up(LATER)
    assert cluster.kubectl("get", "node", LATER).returncode == 0


def test_one_api_server_stops_and_the_other_goes_on(cluster: Booted) -> None:
    """As when k3s is stopped on one of the control planes."""
    assert cluster.api(FIRST, "stop") == 204
    assert "refused" in cluster.kubectl("get", "--raw", "/readyz").stderr
    assert cluster.answers(SECOND)
    assert cluster.api(FIRST, "start") == 204
    wait_for(cluster.answers, "the API to be back", seconds=30)


def test_what_has_no_api_server_cannot_be_stopped(cluster: Booted) -> None:
    """A story that names the wrong server would wait for nothing."""
    assert cluster.api(WORKER, "stop") == 404
    assert cluster.api(FIRST, "explode") == 422
    assert cluster.api(FIRST, "cut") == 422, "there is no device here whose packets could be dropped"


def test_a_balancer_passes_connections_on(cluster: Booted) -> None:
    """Over the service's port, to the target that accepts them: the worker listens to nothing."""
    api = cluster.project.api
    made = api.must_post("/load_balancers", {"name": "lb", "load_balancer_type": "lb11", "location": "fsn1"})
    balancer = made["load_balancer"]
    path = f"/load_balancers/{balancer['id']}/actions"
    api.must_post(f"{path}/add_service", {"protocol": "tcp", "listen_port": 8080, "destination_port": 28080})
    for name in (WORKER, FIRST):
        api.must_post(f"{path}/add_target", {"type": "server", "server": {"id": cluster.ids[name]}})
    address = (balancer["public_net"]["ipv4"]["ip"], 8080)
    wait_for(lambda: _listens(address), "the balancer to listen", seconds=10)
    with socket.create_server((cluster.address(FIRST), 28080)) as server:
        echo = threading.Thread(target=_echo_once, args=(server,))
        echo.start()
        with socket.create_connection(address, 5) as client, client.makefile("rb") as answer:
            client.sendall(b"through")
            client.shutdown(socket.SHUT_WR)
            assert answer.read() == b"through"
        echo.join()
    with socket.create_connection(address, 5) as nobody:
        assert nobody.recv(1) == b"", "no target accepts it any more"
    api.delete(f"/load_balancers/{balancer['id']}")
    wait_for(lambda: not _listens(address), "the balancer to be gone", seconds=10)


def _echo_once(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        while chunk := connection.recv(1024):
            connection.sendall(chunk)


def _listens(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


def test_a_killed_emulator_finds_its_servers_again(cluster: Booted) -> None:
    """Nothing is started twice, and nothing is started that was stopped on purpose."""
    assert cluster.api(SECOND, "stop") == 204
    before = {name: cluster.pids(name) for name in (FIRST, SECOND)}
    assert set(before[FIRST]) == {"etcd", "kube-apiserver", "kustomize-controller", "standins"}
    assert set(before[SECOND]) == {"etcd"}
    cluster.emulator.kill()
    cluster.emulator.start()
    cluster.until_up(FIRST, WORKER)
    assert {name: cluster.pids(name) for name in (FIRST, SECOND)} == before
    assert cluster.api(SECOND, "start") == 204
    wait_for(lambda: cluster.answers(SECOND), "the API", seconds=30)


def test_a_server_without_power_runs_nothing_and_keeps_its_disk(cluster: Booted) -> None:
    """After that, what was in the cluster is there. What Flux ran has gone to the other control plane."""
    uid = cluster.get("namespace", "kube-system")["metadata"]["uid"]
    cluster.act(FIRST, "poweroff")
    wait_for(lambda: not cluster.pids(FIRST), "its processes to be gone", seconds=10)
    cluster.act(FIRST, "poweron")
    wait_for(cluster.answers, "the API to be back", seconds=30)
    assert cluster.get("namespace", "kube-system")["metadata"]["uid"] == uid
    cluster.until_up(FIRST)
    assert set(cluster.pids(FIRST)) == {"etcd", "kube-apiserver"}
    assert set(cluster.pids(SECOND)) == {"etcd", "kube-apiserver", "kustomize-controller", "standins"}


def test_a_node_is_not_heard_of_while_its_server_has_no_power(cluster: Booted) -> None:
    """As the controller manager has it some time after the kubelet's last word."""
    cluster.act(WORKER, "poweroff")
    cluster.until_ready(WORKER, "Unknown")
    (ready,) = cluster.get("node", WORKER)["status"]["conditions"]
    assert (ready["reason"], ready["message"]) == ("NodeStatusUnknown", "Kubelet stopped posting node status.")
    cluster.act(WORKER, "poweron")
    cluster.until_ready(WORKER, "True")
    cluster.until_ready(FIRST, "True")


def test_a_server_that_lacks_something_says_so_and_stays_silent(cluster: Booted) -> None:
    """The sentence is in its log; nobody answers at its address."""
    broken = base64.b64encode(b"#cloud-config\nruncmd: []\n").decode()
    cluster.project.api.delete(f"/servers/{cluster.ids[LATER]}")
    wait_for(lambda: not cluster.place(LATER).disk.exists(), "the server to be gone", seconds=10)
    cluster.order(LATER, user_data=broken)
    wait_for(lambda: "does not come up: " in cluster.log(LATER), "the refusal", seconds=10)
    assert "runcmd does not start catalyst-bootstrap.service" in cluster.log(LATER)
    assert cluster.pids(LATER) == {}


def test_a_name_may_be_in_two_projects(cluster: Booted) -> None:
    """Two servers that share nothing but their name; the end of one takes nothing from the other."""
    other = replace(cluster, project=cluster.emulator.project(boots=True), ids={}, network=0)
    other.order(FIRST)
    other.until_up(FIRST)
    assert other.get("namespace", "kube-system") != cluster.get("namespace", "kube-system")
    assert cluster.emulator.lab.post("/_lab/discard", {"project": other.project.name}).status == 204
    assert not other.place(FIRST).disk.exists()
    assert other.project.counts()["servers"] == 1, "the cloud still has it"
    assert cluster.answers()


def test_a_deleted_server_leaves_nothing(cluster: Booted) -> None:
    """Neither a process nor its disk; a reset does the same to all."""
    cluster.project.api.delete(f"/servers/{cluster.ids[SECOND]}")
    wait_for(lambda: not cluster.place(SECOND).disk.exists(), "the server to be gone", seconds=10)
    assert not cluster.place(SECOND).published.is_symlink()
    assert cluster.emulator.lab.post("/_lab/reset").status == 204
    assert list((cluster.layout.data / "servers").iterdir()) == []
    assert list(cluster.layout.clusters.iterdir()) == []
