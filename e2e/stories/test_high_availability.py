"""Three control planes: one cluster, not three."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_one_cluster
from e2e.support import cloud
from e2e.support.cloud import Inventory
from e2e.support.user_data import files, k3s_config

pytestmark = pytest.mark.e2e

FIRST_SERVER = "https://10.0.1.10:6443"


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
    assert addresses(inventory)[first[0]] in FIRST_SERVER
    assert "server" not in configs[first[0]]
    assert {config["server"] for name, config in configs.items() if name != first[0]} == {FIRST_SERVER}

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
