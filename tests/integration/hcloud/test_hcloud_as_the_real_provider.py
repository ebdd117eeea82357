"""What the real provider does that nobody would expect: the stand-in does it too, so that others can be tested on it.

Each of these was seen with the real one, or is in its source; e2e/lab/hcloud/fidelity.yaml says which.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.lab.toolchain import PROVIDER, go
from e2e.support.waiting import wait_for
from tests.integration.hcloud.cluster import Cluster, Tofu
from tests.integration.hcloud.emulator import FAST, Emulator, Project
from tests.integration.hcloud.rundir import RunDirectory

pytestmark = pytest.mark.integration

MakeCluster = Callable[..., Cluster]
SERVICE = 'hcloud_load_balancer_service.this["http"]'
ONE_SERVER = {"servers": 1}


def only(project: Project, kind: str) -> dict[str, Any]:
    """The one object of a kind that there is."""
    (item,) = project.inventory()[kind]
    return item


def words(ran: subprocess.CompletedProcess[str]) -> str:
    """All that a command said, on one line."""
    return " ".join((ran.stdout + ran.stderr).replace("│", " ").split())


def saved_plan(demo: Cluster, *options: str, **variables: Any) -> Callable[[], str]:
    """Plan now; what comes back applies it, and gives what an apply that fails says."""
    demo.must("plan", "-input=false", "-out=saved", *options, **variables)

    def apply() -> str:
        ran = demo.run("apply", "-input=false", "saved", **variables)
        assert ran.returncode == 1, f"the apply was to fail:\n{ran.stdout}"
        return words(ran)

    return apply


def deletes(project: Project, path: str) -> list[str]:
    return [line for line in project.writes() if line.startswith(f"DELETE /v1/{path}/")]


# --- reading ---


def test_an_error_while_a_service_is_read_makes_it_forgotten(
    cluster: MakeCluster, project: Project, emulator: Emulator
) -> None:
    """One answer 500 is enough: it is planned anew, and the port is taken."""
    demo = cluster()
    demo.apply(servers=0)
    # The first read is the load balancer's own.
    match = {"method": "GET", "path": r"/load_balancers/\d+", "project": project.name}
    emulator.lab.must_post("/_lab/faults", {"match": match, "effect": {"code": "server_error"}, "after": 1, "times": 1})
    apply = saved_plan(demo, f"-target={SERVICE}", servers=0)
    assert "source port 80 is already in use (source_port_already_used, " in apply()
    assert SERVICE not in demo.state(), "it is there, and nobody knows it any more"


# --- between plan and apply ---


def test_a_server_that_was_deleted_before_the_apply_is_not_found(cluster: MakeCluster, project: Project) -> None:
    demo = cluster()
    demo.apply(**ONE_SERVER)
    apply = saved_plan(demo, "-destroy", "-target=hcloud_server.this", **ONE_SERVER)
    assert project.api.delete(f"/servers/{only(project, 'servers')['id']}").status == 200
    _until_gone(project, "servers")
    assert "(not_found, " in apply()


def test_a_firewall_that_was_deleted_before_the_apply_ends_the_plugin(cluster: MakeCluster, project: Project) -> None:
    """It follows a nil, so nothing that was under way beside it ends well either."""
    demo = cluster()
    demo.apply("-target=hcloud_firewall.this")
    apply = saved_plan(demo, "-destroy")
    assert project.api.delete(f"/firewalls/{only(project, 'firewalls')['id']}").status == 204
    assert "Plugin did not respond" in apply()


def test_a_placement_group_that_was_deleted_before_the_apply_is_not_found(
    cluster: MakeCluster, project: Project
) -> None:
    demo = cluster()
    demo.apply("-target=hcloud_placement_group.this")
    apply = saved_plan(demo, "-destroy")
    assert project.api.delete(f"/placement_groups/{only(project, 'placement_groups')['id']}").status == 204
    assert "(not_found, " in apply()


def test_a_load_balancer_that_was_deleted_before_the_apply_is_not_found_by_its_targets(
    cluster: MakeCluster, project: Project
) -> None:
    demo = cluster()
    demo.apply(**ONE_SERVER)
    apply = saved_plan(demo, "-destroy", "-target=hcloud_load_balancer_target.this", **ONE_SERVER)
    balancer = only(project, "load_balancers")["id"]
    project.api.delete(f"/load_balancers/{balancer}")
    assert f"load balancer {balancer}: not found" in apply()


# --- what is in use ---


def test_a_placement_group_in_use_is_not_tried_again(cluster: MakeCluster, project: Project) -> None:
    demo = cluster()
    demo.apply("-target=hcloud_placement_group.this")
    effect = {"code": "resource_in_use", "message": "placement group with ID 1 is still in use"}
    project.fault(effect, times=1, method="DELETE", path=r"/placement_groups/\d+")
    ran = demo.run("destroy", "-auto-approve", "-input=false")
    assert ran.returncode == 1
    assert "placement group with ID 1 is still in use (resource_in_use, " in words(ran)
    assert len(deletes(project, "placement_groups")) == 1
    demo.destroy()


def test_a_firewall_is_taken_off_a_foreign_server_and_deleted(cluster: MakeCluster, project: Project) -> None:
    """Without a word: the server is open afterwards."""
    demo = cluster()
    demo.apply("-target=hcloud_firewall.this")
    firewall = only(project, "firewalls")["id"]
    order = {"name": "stranger", "server_type": "cx23", "image": "ubuntu-24.04", "location": "fsn1"}
    project.api.must_post("/servers", {**order, "firewalls": [{"firewall": firewall}]})
    demo.destroy()
    assert only(project, "servers")["public_net"]["firewalls"] == []
    assert "firewalls" not in project.counts()
    writes = [line for line in project.writes() if f"/firewalls/{firewall}" in line]
    assert writes == [
        f"POST /v1/firewalls/{firewall}/actions/remove_from_resources 201",
        f"DELETE /v1/firewalls/{firewall} 204",
    ]


@pytest.fixture
def impatient(emulator: Emulator) -> Iterator[None]:
    """The stand-in hardly waits between its tries."""
    emulator.lab.must_post("/_lab/delays", {**FAST, "provider_retry_share": 0.0005})
    yield
    emulator.lab.must_post("/_lab/delays", FAST)


@pytest.mark.usefixtures("impatient")
def test_a_foreign_server_in_the_network_is_waited_for_fifty_times_and_then_cut_off(
    cluster: MakeCluster, project: Project
) -> None:
    """With the real waits that is about 45 minutes, silent; then the network goes, and the server has none."""
    demo = cluster()
    demo.apply("-target=hcloud_network_subnet.this")
    network = only(project, "networks")["id"]
    order = {"name": "stranger", "server_type": "cx23", "image": "ubuntu-24.04", "location": "fsn1"}
    made = project.api.must_post("/servers", {**order, "networks": [network]})
    demo.destroy()
    tries = [line for line in project.writes() if line.startswith(f"POST /v1/networks/{network}/actions/delete_subnet")]
    assert tries == [f"POST /v1/networks/{network}/actions/delete_subnet 409"] * 50
    assert deletes(project, "networks") == [f"DELETE /v1/networks/{network} 204"]
    assert project.api.get(f"/servers/{made['server']['id']}").body["server"]["private_net"] == []


def test_a_running_server_does_not_move_to_another_placement_group(cluster: MakeCluster, project: Project) -> None:
    """It is out of the old one by then."""
    demo = cluster()
    demo.apply(**ONE_SERVER)
    group = 'resource "hcloud_placement_group" "other" {\n  name = "other"\n  type = "spread"\n}\n'
    (demo.folder / "group.tf").write_text(group)
    moved = 'resource "hcloud_server" "this" {\n  placement_group_id = hcloud_placement_group.other.id\n}\n'
    (demo.folder / "moved_override.tf").write_text(moved)
    said = demo.apply_fails(**ONE_SERVER)
    assert "server must be stopped before adding it to a placement group (server_not_stopped, " in said
    server = only(project, "servers")
    assert (server["placement_group"], server["status"]) == (None, "running")


def test_a_refused_resize_leaves_the_server_off_and_nothing_starts_it(cluster: MakeCluster, project: Project) -> None:
    demo = cluster()
    demo.apply(**ONE_SERVER)
    effect = {"code": "resource_unavailable", "message": "error during placement"}
    project.fault(effect, method="POST", path=r"/servers/\d+/actions/change_type")
    said = demo.apply_fails(**ONE_SERVER, server_type="cx33")
    assert "error during placement (resource_unavailable, " in said
    server = only(project, "servers")
    assert (server["server_type"]["name"], server["status"]) == ("cx23", "off")
    assert demo.changes(**ONE_SERVER) == {}, "the old size is planned, and nothing starts the server"


# --- adoption ---


@pytest.fixture
def sovereign(tofu: Tofu, module: Path, tmp_path: Path, project: Project) -> RunDirectory:
    return RunDirectory.create(tofu, module, tmp_path / "work", project)


def test_an_adopted_server_shows_an_update_that_writes_nothing(sovereign: RunDirectory, project: Project) -> None:
    """`network` from nothing to its block, and three flags from null to false."""
    sovereign.build()
    sovereign.forget("hcloud_server.worker")
    sovereign.adopt()
    plan = sovereign.plan()
    (change, _) = [item["change"] for item in plan["resource_changes"] if item["change"]["actions"] == ["update"]]
    before, after = change["before"], change["after"]
    differs = {name for name in after if before.get(name) != after[name] and name not in change["after_unknown"]}
    assert differs == {"keep_disk", "ignore_remote_firewall_ids", "shutdown_before_deletion"}
    assert {before[name] for name in differs} == {None}
    assert {after[name] for name in differs} == {False}
    assert (before["network"], len(after["network"])) == ([], 1)
    writes = len(project.writes())
    sovereign.apply()
    assert project.writes()[writes:] == []


def test_what_an_import_adopts_has_no_dependencies_and_goes_in_the_wrong_order(
    sovereign: RunDirectory, project: Project
) -> None:
    """One worker is not wanted any more, nor its group: they go at the same time. A second apply finds it empty."""
    sovereign.ask(worker_sizes=["cx43"])
    sovereign.build()
    group = worker_group(project)
    (worker,) = (item["id"] for item in project.inventory()["servers"] if "-worker-" in item["name"])
    sovereign.forget("hcloud_load_balancer_target.this", "hcloud_placement_group.worker", "hcloud_server.worker")
    sovereign.must("import", "-input=false", "hcloud_placement_group.worker[0]", str(group))
    sovereign.must("import", "-input=false", "hcloud_server.worker[0]", str(worker))
    sovereign.ask(worker_sizes=[])

    sovereign.plan()
    assert f"placement group with ID {group} is still in use (resource_in_use, " in sovereign.apply_refused()
    sovereign.plan()
    sovereign.apply()
    assert len(project.inventory()["placement_groups"]) == 1


def worker_group(project: Project) -> int:
    (number,) = (item["id"] for item in project.inventory()["placement_groups"] if "-worker-" in item["name"])
    return int(number)


# --- pace ---


def test_how_long_it_waits_is_as_with_the_real_one() -> None:
    """Polls and tries; in Go, beside what they test."""
    # With the flags of the provider's own build, whose packages Go then has compiled already.
    go("test", "-trimpath", "./...", cwd=PROVIDER)


def _until_gone(project: Project, kind: str) -> None:
    wait_for(lambda: kind not in project.counts(), f"no {kind} to be left", seconds=10)
