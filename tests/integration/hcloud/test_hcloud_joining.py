"""Who joins a cluster of the emulator, and who does not: as k3s and etcd decide it. etcd and the API servers are real.

The tests share one cluster: three control planes and a worker, each of which is lost once. In the order of this file
each finds it as the one before left it; in any other it first brings about what it needs, see `whole` and `split`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import yaml

from e2e.lab.etcd_gateway import Member
from e2e.lab.hcloud.boot import first_boot, membership
from e2e.lab.hcloud.boot.first_boot import NODE_ENV
from e2e.support.waiting import wait_for
from tests.integration.cloud_init import Rendered, render, sample
from tests.integration.hcloud.booted import FIRST, LATER, SECOND, THIRD, WORKER, Booted, told
from tests.integration.tofu import OpenTofu

pytestmark = pytest.mark.integration

CONTROL_PLANES = (FIRST, SECOND, THIRD)
CONTROLLERS = {"kustomize-controller", "standins"}
K3S = {"etcd", "kube-apiserver"}
NOWHERE = {"url": "https://127.0.0.1:9/none.git", "ref": {"branch": "main"}, "path": "./kit"}
REJECTED = "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match"
DUPLICATE = "etcd cluster join failed: duplicate node name found, please use a unique name for this node"
BALANCER_IP = "10.0.1.5"


@pytest.fixture(scope="module")
def tofu(tmp_path_factory: pytest.TempPathFactory) -> OpenTofu:
    return OpenTofu.without_provider(tmp_path_factory.mktemp("tofu"))


@pytest.fixture(scope="module")
def new(tofu: OpenTofu) -> Rendered:
    """What the servers of a new cluster are told."""
    return render(tofu, sample(git=NOWHERE))


@pytest.fixture(scope="module")
def started(tofu: OpenTofu) -> Rendered:
    """What servers are told once there is a cluster."""
    return render(tofu, sample(git=NOWHERE, cluster_started=True))


@dataclass(frozen=True)
class Beginning:
    """A cluster at the end of its first boot, and what was seen then: later tests change it."""

    cluster: Booted
    running: dict[str, set[str]]
    """Names of the processes by control plane."""
    secrets: set[str]
    """Names, of kube-system."""


@pytest.fixture(scope="module")
def beginning(new: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beginning]:
    with Booted.emulated(tmp_path_factory.mktemp("joining"), new) as booted:
        booted.order(*CONTROL_PLANES, WORKER)
        booted.until_up(*CONTROL_PLANES, WORKER)
        running = {server: set(booted.pids(server)) for server in CONTROL_PLANES}
        secrets = {item["metadata"]["name"] for item in booted.get("secrets", "-n", "kube-system")["items"]}
        yield Beginning(booted, running, secrets)


@pytest.fixture(scope="module")
def cluster(beginning: Beginning) -> Booted:
    """In whatever state the tests before have left it."""
    return beginning.cluster


@pytest.fixture
def whole(cluster: Booted, started: Rendered) -> None:
    """The three control planes are one cluster."""
    if uid(cluster, FIRST) != uid(cluster, SECOND):
        rejoin(cluster, started)


@pytest.fixture
def split(cluster: Booted) -> None:
    """The first control plane was made again as it was at first: with the same authorities, and nothing else."""
    if uid(cluster, FIRST) == uid(cluster, SECOND):
        cluster.delete(FIRST)
        cluster.order(FIRST)
        cluster.until_up(FIRST)


def rejoin(cluster: Booted, started: Rendered) -> None:
    """The first control plane is made again, told that there is a cluster."""
    cluster.delete(FIRST)
    forget_node(cluster, FIRST, SECOND)
    cluster.order(FIRST, user_data=told(started)[FIRST])
    cluster.until_up(FIRST)


def take_away(cluster: Booted, name: str) -> None:
    """A server that may be there, and its Node."""
    if name in cluster.ids:
        cluster.delete(name)
        forget_node(cluster, name, SECOND)


def members(cluster: Booted, server: str) -> list[Member]:
    """Of etcd, as one control plane's own says."""
    place = replace(cluster.place(server), address=cluster.address(server))
    return membership.gateway(place).members()


def nodes_of(cluster: Booted, server: str) -> list[str]:
    """The nodes that have a member in etcd."""
    return sorted(member.node for member in members(cluster, server))


def uid(cluster: Booted, server: str) -> str:
    """Tells clusters apart."""
    return str(cluster.get("namespace", "kube-system", server=server)["metadata"]["uid"])


def forget_node(cluster: Booted, name: str, server: str) -> None:
    """As an administrator, or the operator, does; it waits for k3s' controllers."""
    ran = cluster.kubectl("delete", "node", name, "--timeout=30s", server=server)
    assert ran.returncode == 0, ran.stderr


def until_said(cluster: Booted, name: str, words: str) -> None:
    wait_for(lambda: words in cluster.log(name), words, seconds=30, shown=lambda: cluster.log(name))


@pytest.mark.usefixtures("whole")
def test_each_control_plane_has_a_vote_and_its_own_name(cluster: Booted) -> None:
    for server in CONTROL_PLANES:
        found = members(cluster, server)
        assert nodes_of(cluster, server) == sorted(CONTROL_PLANES)
        assert [member for member in found if member.learner] == []
    assert len({uid(cluster, server) for server in CONTROL_PLANES}) == 1


def test_flux_and_k3s_run_on_one_of_them(beginning: Beginning) -> None:
    running = beginning.running
    assert running[FIRST] >= CONTROLLERS
    assert running[SECOND] == running[THIRD] == K3S


def test_each_node_has_left_a_password(beginning: Beginning) -> None:
    assert beginning.secrets == {f"{name}.node-password.k3s" for name in (*CONTROL_PLANES, WORKER)}


@pytest.mark.usefixtures("whole")
def test_a_worker_under_its_old_name_is_refused_until_the_dead_node_is_deleted(cluster: Booted) -> None:
    cluster.delete(WORKER)
    cluster.order(WORKER)
    until_said(cluster, WORKER, REJECTED)
    cluster.until_ready(WORKER, "Unknown")
    assert not cluster.log(WORKER).endswith(" up\n")
    forget_node(cluster, WORKER, FIRST)
    cluster.until_up(WORKER)
    cluster.until_ready(WORKER, "True")


@pytest.mark.usefixtures("whole")
def test_a_control_plane_under_its_old_name_is_refused_until_the_dead_node_is_deleted(cluster: Booted) -> None:
    """Deleting the Node removes the member of etcd, as k3s does it."""
    before = {member.name for member in members(cluster, FIRST)}
    cluster.delete(SECOND)
    cluster.order(SECOND)
    until_said(cluster, SECOND, DUPLICATE)
    assert {member.name for member in members(cluster, FIRST)} == before
    forget_node(cluster, SECOND, FIRST)
    cluster.until_up(SECOND)
    assert nodes_of(cluster, SECOND) == sorted(CONTROL_PLANES)
    assert len(before & {member.name for member in members(cluster, FIRST)}) == 2


@pytest.mark.usefixtures("split")
def test_another_cluster_init_starts_another_cluster(cluster: Booted) -> None:
    """The running one goes on without it."""
    assert uid(cluster, FIRST) != uid(cluster, SECOND) == uid(cluster, THIRD)
    assert [item["metadata"]["name"] for item in cluster.get("nodes", server=FIRST)["items"]] == [FIRST]
    assert nodes_of(cluster, FIRST) == [FIRST]
    names = {item["metadata"]["name"] for item in cluster.get("nodes", server=SECOND)["items"]}
    assert names - {LATER} == {*CONTROL_PLANES, WORKER}


@pytest.mark.usefixtures("split")
def test_what_ran_on_the_lost_control_plane_goes_on_at_another(cluster: Booted) -> None:
    """At the one that is there for longest. Otherwise nobody would clear up after its Node, nor apply the kit."""
    heir, other = sorted((SECOND, THIRD), key=lambda name: cluster.ids[name])
    wait_for(lambda: set(cluster.pids(heir)) >= CONTROLLERS, "them to move", seconds=20)
    assert set(cluster.pids(other)) == K3S


def test_the_first_control_plane_joins_through_the_others(cluster: Booted, started: Rendered) -> None:
    rejoin(cluster, started)
    assert uid(cluster, FIRST) == uid(cluster, SECOND)
    assert nodes_of(cluster, THIRD) == sorted(CONTROL_PLANES)
    assert f"joins through {SECOND}" in cluster.log(FIRST)


@pytest.mark.usefixtures("whole")
def test_a_worker_joins_while_the_first_control_plane_is_off(cluster: Booted) -> None:
    """Through the next address that answers."""
    take_away(cluster, LATER)
    cluster.act(FIRST, "poweroff")
    wait_for(lambda: not cluster.pids(FIRST), "the first control plane to be off", seconds=20)
    cluster.order(LATER)
    cluster.until_up(LATER)
    assert f"joins through {SECOND}" in cluster.log(LATER)
    cluster.until_ready(FIRST, "Unknown", SECOND)
    cluster.act(FIRST, "poweron")
    wait_for(lambda: cluster.answers(FIRST), "it to be back", seconds=60)
    cluster.until_ready(FIRST, "True", SECOND)


@pytest.mark.usefixtures("whole")
def test_without_a_majority_nothing_answers_until_it_is_back(cluster: Booted) -> None:
    """Two of three are off, as when all are resized at once. What they ran goes to the one that is on."""
    for server in (SECOND, THIRD):
        cluster.act(server, "poweroff")
    wait_for(lambda: "standins" in cluster.pids(FIRST), "the last one to have the controllers", seconds=20)
    assert not cluster.pids(SECOND)
    assert not cluster.pids(THIRD)
    wait_for(lambda: not cluster.answers(FIRST), "the API to fall silent", seconds=60)
    for server in (SECOND, THIRD):
        cluster.act(server, "poweron")
    for server in CONTROL_PLANES:
        wait_for(lambda server=server: cluster.answers(server), f"{server} to be back", seconds=90)  # type: ignore[misc]
    assert nodes_of(cluster, FIRST) == sorted(CONTROL_PLANES)
    assert sum("standins" in cluster.pids(server) for server in CONTROL_PLANES) == 1


@pytest.mark.usefixtures("whole")
def test_a_worker_joins_through_a_load_balancer_that_serves_the_api(cluster: Booted) -> None:
    """At its private address, and through whatever target lives."""
    api = cluster.project.api
    balancer = api.must_post("/load_balancers", {"name": "lb", "load_balancer_type": "lb11", "location": "fsn1"})
    path = f"/load_balancers/{balancer['load_balancer']['id']}/actions"
    api.must_post(f"{path}/attach_to_network", {"network": cluster.network, "ip": BALANCER_IP})
    api.must_post(f"{path}/add_target", {"type": "server", "server": {"id": cluster.ids[THIRD]}})
    take_away(cluster, LATER)
    cluster.order(LATER, user_data=joining_through(cluster.user_data[LATER], BALANCER_IP))
    until_said(cluster, LATER, f"waits for a control plane at {BALANCER_IP}")
    assert "joins through" not in cluster.log(LATER), "it does not serve the port yet"
    api.must_post(f"{path}/add_service", {"protocol": "tcp", "listen_port": 6443, "destination_port": 6443})
    cluster.until_up(LATER)
    assert f"joins through {THIRD}" in cluster.log(LATER)


def joining_through(user_data: str, address: str) -> str:
    """The same server, told of another address."""
    config = first_boot.read(user_data).config
    files = dict(config.files)
    lines = [line for line in files[NODE_ENV].content.splitlines() if not line.startswith("JOIN_ADDRESSES=")]
    content = "\n".join([*lines, f"JOIN_ADDRESSES='{address}'"]) + "\n"
    files[NODE_ENV] = replace(files[NODE_ENV], content=content)
    written = [
        {
            "path": path,
            "encoding": "b64",
            "content": base64.b64encode(file.content.encode()).decode(),
            "permissions": f"{file.mode:04o}",
        }
        for path, file in files.items()
    ]
    return "#cloud-config\n" + yaml.safe_dump(
        {"write_files": written, "runcmd": [list(words) for words in config.commands]}
    )


@pytest.mark.usefixtures("whole")
def test_a_killed_emulator_finds_all_members_again(cluster: Booted) -> None:
    """Nothing joins twice, and what runs on one control plane still runs on one."""
    before = {server: cluster.pids(server) for server in CONTROL_PLANES}
    assert sum("standins" in found for found in before.values()) == 1
    logs = {server: len(cluster.log(server)) for server in CONTROL_PLANES}
    cluster.emulator.kill()
    cluster.emulator.start()
    for server in CONTROL_PLANES:
        wait_for(
            lambda server=server: cluster.log(server)[logs[server] :].endswith(" up\n"),  # type: ignore[misc]
            f"{server} to be found",
            seconds=60,
        )
    assert {server: cluster.pids(server) for server in CONTROL_PLANES} == before
    assert nodes_of(cluster, FIRST) == sorted(CONTROL_PLANES)
