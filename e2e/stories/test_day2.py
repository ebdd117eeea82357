"""Day 2: what is edited of a Sovereign that runs, servers that are made again by name, and workers that leave."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_one_cluster
from e2e.support import cloud
from e2e.support.cloud import Project
from e2e.support.new_cluster import NewCluster
from e2e.support.sovereigns import Sovereign, has, public_key
from e2e.support.user_data import k3s_config
from e2e.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HA: dict[str, Any] = {"controlPlane": {"size": "cx33", "replicas": 3}, "workers": {"size": "cx43", "replicas": 2}}


def test_servers_are_made_again_by_name_and_a_worker_leaves(make: Make) -> None:
    """A worker, then control plane 0: each once, nobody is asked, the others stay, one cluster. Then one worker less:
    it is closed before it goes, once that is approved."""
    sovereign, project = make("rebuilt", project=Project(boots=True), handOff={"mode": "Manual"}, **HA)
    sovereign.apply()
    sovereign.ready(seconds=300)
    inside = NewCluster(project, f"{sovereign.cluster_name}-control-plane-1")
    uid = inside.uid

    for role in ("worker-0", "control-plane-0"):
        name = f"{sovereign.cluster_name}-{role}"
        servers, nodes = ids(project), inside.nodes()
        sovereign.rebuild(name)
        joined_anew(inside, name, nodes[name])
        sovereign.ready(seconds=300)
        assert sovereign.status["lastHandledRebuild"] == name
        assert {other for other, id_ in ids(project).items() if id_ != servers[other]} == {name}
        assert "cluster-init" not in k3s_config(cloud.user_data(project.server(name)["id"]))
        assert inside.uid == uid
    assert_one_cluster(project.inventory(), sovereign.uid, control_planes=3, workers=2)

    leaving = f"{sovereign.cluster_name}-worker-1"
    sovereign.patch(workers={"replicas": 1})
    status = sovereign.wait("a plan to approve", Ready="AwaitingApproval")
    assert leaving in inside.nodes()
    sovereign.patch(approvePlan=status["plan"]["digest"])
    wait_for(lambda: leaving not in inside.nodes(), "its node is gone", seconds=300)
    sovereign.ready(seconds=120)
    assert leaving not in ids(project)


def test_firewall_keys_and_workers_are_edited(make: Make) -> None:
    """The firewall in place, a worker more, and other keys: the new worker has them, and Ready names who has not."""
    sovereign, project = make("edited", project=Project(boots=True), handOff={"mode": "Manual"})
    sovereign.apply()
    sovereign.ready(seconds=240)
    before = ids(project)
    sovereign.patch(
        sshAllowedCIDRs=["203.0.113.0/24"], workers={"size": "cx43", "replicas": 2}, sshPublicKeys=[public_key("new")]
    )
    approve_if_asked(sovereign)
    sovereign.until("the new worker has joined", lambda s: len(s["servers"]) == 3 and has(s, Ready="True"), seconds=300)
    assert ids(project).items() >= before.items()
    assert "203.0.113.0/24" in str(project.inventory()["firewalls"])
    assert "Made with other SSH keys than spec.sshPublicKeys has now: control-plane-0, worker-0." in sovereign.message


def joined_anew(inside: NewCluster, name: str, before: str) -> None:
    """Another node of this name than the one before."""
    wait_for(lambda: inside.nodes().get(name, before) != before, f"another node {name}", seconds=300)


def ids(project: Project) -> dict[str, int]:
    return {server["name"]: server["id"] for server in project.inventory()["servers"]}


def approve_if_asked(sovereign: Sovereign) -> None:
    """The key that goes is destroyed, which a person has to want."""
    status = sovereign.wait("a plan to approve", Ready="AwaitingApproval")
    sovereign.patch(approvePlan=status["plan"]["digest"])
