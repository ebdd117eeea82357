"""What the cluster made itself goes with it, and is told; what others made blocks until a person says that it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalyst_operator.core.project.belongings import CCM_LABEL
from e2e.stories.conftest import Make
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign, codes, condition

pytestmark = pytest.mark.e2e

CCM = {CCM_LABEL: "0a1b2c"}
CSI = {"managed-by": "csi-driver", "pvc-name": "data", "pvc-namespace": "db"}


def balancer(project: Project, name: str, labels: dict[str, str]) -> int:
    """One in the Sovereign's network."""
    network = project.inventory()["networks"][0]["id"]
    where = {"load_balancer_type": "lb11", "location": "fsn1", "network": network}
    return int(
        project.request("POST", "/load_balancers", {"name": name, "labels": labels, **where})["load_balancer"]["id"]
    )


def volume(project: Project, name: str, labels: dict[str, str], server: int | None) -> int:
    """One on a server, or on none."""
    where: dict[str, Any] = {"location": "fsn1"} if server is None else {"server": server}
    return int(
        project.request("POST", "/volumes", {"name": name, "labels": labels, "size": 10, **where})["volume"]["id"]
    )


def receipt(kubectl: Kubectl, sovereign: Sovereign) -> dict[str, Any]:
    selector = f"catalyst.openova.io/sovereign={sovereign.name}"
    (found,) = kubectl.items("-n", sovereign.namespace, "configmaps", "-l", selector)
    content: dict[str, Any] = json.loads(found["data"]["receipt.json"])
    return content


def test_what_the_cluster_made_is_swept_and_what_others_made_blocks(make: Make, kubectl: Kubectl) -> None:
    sovereign, project = make("swept")
    sovereign.apply()
    sovereign.provisioned(seconds=120)
    servers = [server["id"] for server in project.inventory()["servers"]]
    made = balancer(project, "a0a1b2c", CCM), volume(project, "pvc-1", CSI, servers[0])
    by_hand, loose = balancer(project, "by-hand", {}), volume(project, "pvc-2", CSI, None)
    before = len(project.writes())

    sovereign.request_deletion()
    status = sovereign.until("blocked", lambda s: codes(s) == ["ERR_LEFTOVERS"])
    assert f"load_balancers/{by_hand} by-hand" in condition(status, "Deleting")["message"]
    assert f"load_balancers/{made[0]}" not in condition(status, "Deleting")["message"]
    assert len(project.writes()) == before, "nothing was begun"

    sovereign.patch(decommission={"sweep": "All", "export": {"sha256": "a" * 64, "location": "s3://backups/x"}})
    sovereign.gone(seconds=150)
    assert {kind: [item["id"] for item in items] for kind, items in project.inventory().items()} == {"volumes": [loose]}
    told = receipt(kubectl, sovereign)
    assert told["objects"]["swept"] == {"load_balancers": sorted([made[0], by_hand]), "volumes": [made[1]]}
    assert set(told["objects"]["found"]["servers"]) == set(servers)
    assert (told["objects"]["left"], told["objects"]["unclear"]) == ({}, {"volumes": [loose]})
    assert told["export"]["location"] == "s3://backups/x"
