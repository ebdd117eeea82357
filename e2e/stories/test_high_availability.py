"""Three control planes: one cluster, not three, and one it stays whatever becomes of each of them."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_one_cluster
from e2e.support import cloud
from e2e.support.cloud import Inventory, Project
from e2e.support.new_cluster import NewCluster
from e2e.support.sovereigns import Sovereign, has
from e2e.support.user_data import files, joins, k3s_config
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

CONTROL_PLANES = ("10.0.1.10", "10.0.1.11", "10.0.1.12")
HA: dict[str, Any] = {"controlPlane": {"size": "cx33", "replicas": 3}, "workers": {"size": "cx43", "replicas": 1}}


def test_three_control_planes_make_one_cluster(make: Make) -> None:
    """3 control planes and 2 workers: one starts the cluster, four join it; workers hold the agent token only."""
    sizes = {"controlPlane": {"size": "cx33", "replicas": 3}, "workers": {"size": "cx43", "replicas": 2}}
    sovereign, project = make("trio", **sizes)
    sovereign.apply()
    status = sovereign.provisioned(seconds=150)

    inventory = project.inventory()
    assert_one_cluster(inventory, sovereign.uid, control_planes=3, workers=2)
    assert len(inventory["load_balancers"][0]["targets"]) == 5
    assert len(status["outputs"]["controlPlaneIPs"]) == 3
    assert_joins(inventory)


def assert_joins(inventory: Inventory) -> None:
    """What each server is told to do at its first boot."""
    ordered = {server["name"]: cloud.user_data(server["id"]) for server in inventory["servers"]}
    configs = {name: k3s_config(text) for name, text in ordered.items()}
    control_planes = {name: config for name, config in configs.items() if "control-plane" in name}
    workers = {name: config for name, config in configs.items() if name not in control_planes}

    first = [name for name, config in configs.items() if config.get("cluster-init")]
    assert len(first) == 1, f"these would each start a cluster: {first}"
    assert first[0].endswith("-control-plane-0")
    assert joins(ordered[first[0]]) == []
    for name, address in addresses(inventory).items():
        if name != first[0]:
            assert joins(ordered[name]) == [other for other in CONTROL_PLANES if other != address]

    server_tokens, agent_tokens = tokens(control_planes)
    assert {config["token"] for config in workers.values()} == {agent_tokens}
    for name in workers:
        told = files(ordered[name])
        assert not [path for path, content in told.items() if server_tokens in content], (
            f"{name} could join as a server"
        )


def addresses(inventory: Inventory) -> dict[str, str]:
    """The private address of each server, by its name."""
    return {server["name"]: server["private_net"][0]["ip"] for server in inventory["servers"]}


def tokens(control_planes: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """The server's and the agent's token: the same on all control planes, and two different ones."""
    found = {(config["token"], config["agent-token"]) for config in control_planes.values()}
    assert len(found) == 1
    server, agent = found.pop()
    assert server != agent
    assert len(server) >= 16
    assert len(agent) >= 16
    return server, agent


@pytest.mark.slow
def test_a_control_plane_that_is_lost_joins_again(make: Make) -> None:
    """Control plane 0 is deleted in the project, then another one, then the worker: each joins again, one cluster."""
    sovereign, project = make("relost", project=Project(boots=True), handOff={"mode": "Manual"}, **HA)
    sovereign.apply()
    sovereign.ready(seconds=300)
    inside = NewCluster(project, f"{sovereign.cluster_name}-control-plane-1")
    uid, nodes = inside.uid, inside.nodes()

    for number, role in enumerate(("control-plane-0", "control-plane-2", "worker-0")):
        name = f"{sovereign.cluster_name}-{role}"
        project.request("DELETE", f"/servers/{project.server(name)['id']}")
        # An edit that leaves servers alone, so that there is a run.
        sovereign.patch(sshAllowedCIDRs=[f"203.0.113.{number}/32"])
        carried_out(sovereign)
        wait_for(
            lambda name=name: inside.nodes().get(name, nodes[name]) != nodes[name],  # type: ignore[misc]
            f"another node {name}",
            seconds=120,
            shown=lambda name=name: project.boot_log(name),  # type: ignore[misc]
        )
        sovereign.ready()
        assert (inside.uid, inside.nodes().keys()) == (uid, nodes.keys())
        told = cloud.user_data(project.server(name)["id"])
        assert "cluster-init" not in k3s_config(told)
        assert not [path for path in files(told) if "/tls/" in path]
    assert_one_cluster(project.inventory(), sovereign.uid, control_planes=3)


@pytest.mark.slow
def test_a_worker_that_somebody_deletes_is_missed_and_made_again(make: Make) -> None:
    """Nothing is edited. Its Node falls silent, and a minute later Ready says so; a retry makes the server again."""
    sovereign, project = make("missed", project=Project(boots=True), handOff={"mode": "Manual"})
    sovereign.apply()
    sovereign.ready()
    name = f"{sovereign.cluster_name}-worker-0"
    project.request("DELETE", f"/servers/{project.server(name)['id']}")
    sovereign.wait("its node is missed", Ready="NodesNotReady", seconds=150)
    assert name in sovereign.message
    sovereign.retry()
    status = sovereign.wait("a plan to approve", Ready="AwaitingApproval")
    sovereign.patch(approvePlan=status["plan"]["digest"])
    sovereign.ready(seconds=240)
    assert project.server(name)["status"] == "running"


@pytest.mark.slow
def test_both_sizes_are_edited_and_never_two_control_planes_are_off(make: Make) -> None:
    """One approval; each server is powered off once the one before it is back, control planes first."""
    sovereign, project = make("regrown", project=Project(boots=True), handOff={"mode": "Manual"}, **HA)
    sovereign.apply()
    sovereign.ready(seconds=300)

    sovereign.patch(controlPlane={"size": "cx43"}, workers={"size": "cx53"})
    status = sovereign.wait("a plan to approve", Ready="AwaitingApproval")
    assert "one after the other" in sovereign.message
    sovereign.patch(approvePlan=status["plan"]["digest"])
    wanted = ["cx43"] * 3 + ["cx53"]
    sovereign.until(
        "all have their sizes",
        lambda status: [server["size"] for server in status["servers"]] == wanted and has(status, Ready="True"),
        seconds=900,
    )
    servers = ("control-plane-0", "control-plane-1", "control-plane-2", "worker-0")
    assert power_changes(project) == [
        (verb, project.server(f"{sovereign.cluster_name}-{role}")["id"])
        for role in servers
        for verb in ("poweroff", "change_type")
    ]


def carried_out(sovereign: Sovereign) -> None:
    """What was asked for is applied, and approved if it asks: what is made again may have been lost with its data."""
    status = sovereign.until(
        "applied, or a plan to approve",
        lambda status: (
            has(status, Ready="AwaitingApproval") or ("currentRun" not in status and has(status, TofuOutput="True"))
        ),
    )
    if has(status, Ready="AwaitingApproval"):
        sovereign.patch(approvePlan=status["plan"]["digest"])


def power_changes(project: Project) -> list[tuple[str, int]]:
    """What was done to the power and the type of servers, in order: the action and the server's id."""
    asked = (entry["path"].split("/") for entry in project.writes() if "/actions/" in entry["path"])
    return [
        (path[-1], int(path[-3]))
        for path in asked
        if path[-4] == "servers" and path[-1] in ("poweroff", "poweron", "change_type")
    ]
