"""What a story expects to find in the cloud: one cluster, complete, and what was there before still there."""

from __future__ import annotations

from catalyst_operator.api import labels
from e2e.support.cloud import Inventory

SINGLE = ("networks", "firewalls", "ssh_keys", "load_balancers")
LABELLED = (*SINGLE, "servers", "placement_groups")
SLOW = ("servers", "load_balancers")
Identity = tuple[str, int]


def assert_one_cluster(inventory: Inventory, uid: str, *, control_planes: int = 1, workers: int = 1) -> None:
    """Exactly one of everything, wired up, all of it labelled, and no server too many."""
    counts = {kind: len(inventory.get(kind, ())) for kind in LABELLED}
    groups = {"placement_groups": 1 + (workers > 0)}
    assert counts == {**dict.fromkeys(SINGLE, 1), **groups, "servers": control_planes + workers}
    assert not inventory.get("volumes")
    for kind in LABELLED:
        assert all(o["labels"][labels.LABEL_SOVEREIGN_UID] == uid for o in inventory[kind]), f"unlabelled {kind}"
    assert roles(inventory) == {"control-plane": control_planes, "worker": workers}
    assert_wired(inventory)


def assert_wired(inventory: Inventory) -> None:
    """Every server runs in the network and is a target of the load balancer, which has its two services."""
    servers, balancer, network = inventory["servers"], inventory["load_balancers"][0], inventory["networks"][0]
    assert [subnet["ip_range"] for subnet in network["subnets"]] == ["10.0.1.0/24"]
    for server in servers:
        assert server["status"] == "running"
        assert [net["network"] for net in server["private_net"]] == [network["id"]]
        assert [found["id"] for found in server["public_net"]["firewalls"]] == [inventory["firewalls"][0]["id"]]
    addresses = [server["private_net"][0]["ip"] for server in servers]
    assert len(set(addresses)) == len(addresses)
    assert sorted(service["listen_port"] for service in balancer["services"]) == [80, 443]
    assert sorted(target["server"]["id"] for target in balancer["targets"]) == sorted(s["id"] for s in servers)


def roles(inventory: Inventory) -> dict[str, int]:
    """How many servers there are of each role."""
    found = [server["labels"][labels.LABEL_ROLE] for server in inventory["servers"]]
    return {role: found.count(role) for role in ("control-plane", "worker")}


def complete(inventory: Inventory) -> set[Identity]:
    """What is there and lacks nothing. What takes its time was complete once it had joined the network; one that was
    stopped before may be replaced."""
    return {
        (kind, found["id"])
        for kind in LABELLED
        for found in inventory.get(kind, ())
        if kind not in SLOW or (found["private_net"] and found.get("status", "running") == "running")
    }


def assert_kept(before: set[Identity], inventory: Inventory) -> None:
    """Nothing of it was replaced."""
    now = {(kind, found["id"]) for kind in LABELLED for found in inventory.get(kind, ())}
    assert before <= now, f"replaced: {sorted(before - now)}"
