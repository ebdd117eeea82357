"""A cluster's life with real OpenTofu, the stand-in provider and the emulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.hcloud.cluster import Cluster, Tofu
from tests.integration.hcloud.emulator import Emulator, Project

pytestmark = pytest.mark.integration

MakeCluster = Callable[..., Cluster]
CANARY = "#cloud-config\n# secret-canary\n"


def test_a_cluster_lives_and_leaves_nothing(cluster: MakeCluster, project: Project) -> None:
    demo = cluster()
    demo.apply()
    assert project.counts() == {
        "servers": 2,
        "networks": 1,
        "firewalls": 1,
        "ssh_keys": 1,
        "placement_groups": 1,
        "load_balancers": 1,
        "primary_ips": 4,
    }
    assert demo.changes() == {}, "a second plan is empty"

    assert demo.changes(servers=3) == {
        "hcloud_server.this[2]": ["create"],
        "hcloud_load_balancer_target.this[2]": ["create"],
    }
    before = demo.state()["hcloud_server.this[0]"]["values"]["id"]
    demo.apply("-replace=hcloud_server.this[0]", servers=3)
    assert demo.state()["hcloud_server.this[0]"]["values"]["id"] != before
    assert demo.changes(servers=3) == {}

    demo.destroy()
    assert project.counts() == {}


@pytest.fixture(scope="module")
def own(emulator: Emulator) -> Project:
    return emulator.project()


@pytest.fixture(scope="module")
def demo(tofu: Tofu, own: Project, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A small cluster that is only looked at, and changed at the end."""
    folder: Path = tmp_path_factory.mktemp("standing") / "work"
    demo = Cluster.create(tofu, folder, own.api.endpoint, own.token)
    demo.apply(servers=1, user_data=CANARY)
    return demo


@pytest.mark.usefixtures("demo")
def test_objects_are_as_the_module_asks(own: Project) -> None:
    inventory = own.inventory()
    server = inventory["servers"][0]
    assert server["status"] == "running"
    assert server["labels"] == {"catalyst.openova.io/sovereign": "demo"}
    assert [net["ip"] for net in server["private_net"]] == ["10.0.1.10"]
    assert server["placement_group"]["servers"] == [server["id"]]
    assert inventory["firewalls"][0]["applied_to"] == [{"type": "server", "server": {"id": server["id"]}}]

    balancer = inventory["load_balancers"][0]
    ports = {service["listen_port"]: service["destination_port"] for service in balancer["services"]}
    assert ports == {80: 28080, 443: 28443}
    target = balancer["targets"][0]
    assert target["use_private_ip"] is True
    assert {status["status"] for status in target["health_status"]} == {"healthy"}
    assert balancer["private_net"] == [{"network": inventory["networks"][0]["id"], "ip": "10.0.1.2"}]


@pytest.mark.usefixtures("demo")
def test_the_network_comes_after_the_server_has_started(own: Project) -> None:
    """As with the real provider, so cloud-init has to wait for its private interface."""
    number = own.inventory()["servers"][0]["id"]
    writes = own.writes()
    attach = f"POST /v1/servers/{number}/actions/attach_to_network 201"
    assert writes.index("POST /v1/servers 201") < writes.index(attach)


def test_the_state_holds_user_data_as_a_hash(demo: Cluster, own: Project) -> None:
    number = own.inventory()["servers"][0]["id"]
    assert own.lab.get(f"/_lab/servers/{number}/user_data").body == CANARY
    assert "secret-canary" not in (demo.folder / "terraform.tfstate").read_text()
    assert "secret-canary" not in str(own.lab.get("/_lab/requests").body)


def test_what_replaces_a_server_and_what_does_not(demo: Cluster) -> None:
    assert demo.changes(servers=1, user_data="#cloud-config\n# other\n") == {}, "user_data is ignored"
    renamed = demo.changes(servers=1, user_data=CANARY, name="other")
    assert renamed["hcloud_server.this[0]"] == ["update"]
    moved = demo.changes(servers=1, user_data=CANARY, location="nbg1")
    assert moved["hcloud_server.this[0]"] == ["delete", "create"]
    assert moved["hcloud_load_balancer.this"] == ["delete", "create"]


def test_a_new_size_is_changed_in_place(demo: Cluster, own: Project) -> None:
    number = own.inventory()["servers"][0]["id"]
    assert demo.changes(servers=1, server_type="cx33") == {"hcloud_server.this[0]": ["update"]}
    demo.apply(servers=1, server_type="cx33")
    server = own.inventory()["servers"][0]
    assert (server["id"], server["server_type"]["name"], server["status"]) == (number, "cx33", "running")
    assert [line for line in own.writes() if f"/servers/{number}/actions" in line][-2:] == [
        f"POST /v1/servers/{number}/actions/poweroff 201",
        f"POST /v1/servers/{number}/actions/change_type 201",
    ]


def test_everything_can_be_imported(cluster: MakeCluster, project: Project) -> None:
    """Orphans are adopted by import blocks, so every type has to import by its id."""
    cluster("first").apply(servers=1)
    second = cluster("second")
    blocks = [f'import {{\n  to = {address}\n  id = "{number}"\n}}\n' for address, number in _ids(project).items()]
    (second.folder / "imports.tf").write_text("".join(blocks))

    done = second.apply(servers=1)
    assert f"{len(blocks)} imported, 0 added" in done
    assert "0 destroyed" in done
    assert second.changes(servers=1) == {}
    assert project.counts()["servers"] == 1


def _ids(project: Project) -> dict[str, str]:
    """The import id of everything in the module, as the real provider documents them."""
    found = {kind: items[0]["id"] for kind, items in project.inventory().items() if items}
    balancer, network = found["load_balancers"], found["networks"]
    return {
        "hcloud_network.this": f"{network}",
        "hcloud_network_subnet.this": f"{network}-10.0.1.0/24",
        "hcloud_firewall.this": f"{found['firewalls']}",
        "hcloud_ssh_key.this": f"{found['ssh_keys']}",
        "hcloud_placement_group.this": f"{found['placement_groups']}",
        "hcloud_server.this[0]": f"{found['servers']}",
        "hcloud_load_balancer.this": f"{balancer}",
        "hcloud_load_balancer_network.this": f"{balancer}-{network}",
        'hcloud_load_balancer_service.this["http"]': f"{balancer}__80",
        'hcloud_load_balancer_service.this["https"]': f"{balancer}__443",
        "hcloud_load_balancer_target.this[0]": f"{balancer}__server__{found['servers']}",
    }
