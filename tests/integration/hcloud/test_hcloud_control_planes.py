"""Control planes that are lost, off or to be resized: what real OpenTofu plans, what the gate makes of it, and what the
emulated cloud has afterwards. Three control planes and two workers, as in test_hcloud_adoption."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.core.tofu.plan_gate import EXIT_CLUSTER_LOST, EXIT_REFUSED, PlanJudgement, verdict
from e2e.lab.hcloud.boot import first_boot
from e2e.lab.hcloud.boot.first_boot import FirstBoot, Role
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Project
from tests.integration.hcloud.rundir import RunDirectory
from tests.integration.hcloud.test_hcloud_api import wait
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

MEMBERS = ("control-plane-0", "control-plane-1", "control-plane-2")
FIRST = "hcloud_server.control_plane[0]"
NO_ROOM = {"code": "resource_unavailable", "message": "error during placement", "status": 412}
_START = "from catalyst_operator.in_job import power; print(power.start(power.noted()))"


@pytest.fixture
def sovereign(tofu: Tofu, module: Path, tmp_path: Path, project: Project) -> RunDirectory:
    """Built, and known to be."""
    made = RunDirectory.create(tofu, module, tmp_path / "work", project)
    made.build()
    made.ask(cluster_started=True)
    return made


def servers(project: Project) -> dict[str, dict[str, Any]]:
    return {server["name"].removeprefix("acme-1a2b3-"): server for server in project.inventory()["servers"]}


def told(project: Project, name: str) -> FirstBoot:
    """What a server is told at its first boot."""
    number = servers(project)[name]["id"]
    return first_boot.read(project.lab.get(f"/_lab/servers/{number}/user_data").body)


def lose(project: Project, *names: str) -> None:
    """Somebody deletes servers in the project."""
    for name in names:
        wait(project, project.api.delete(f"/servers/{servers(project)[name]['id']}").body["action"])


def switch_off(project: Project, name: str) -> None:
    number = servers(project)[name]["id"]
    wait(project, project.api.must_post(f"/servers/{number}/actions/poweroff")["action"])


def decided(judgement: PlanJudgement) -> tuple[int, str]:
    """What the gate says, even to one who approves."""
    return verdict(judgement, manual=False, approved=judgement.digest)


def test_that_the_cluster_stands_starts_no_run_by_itself(sovereign: RunDirectory) -> None:
    judgement = sovereign.judged(members=MEMBERS)
    assert (judgement.add, judgement.change, judgement.destroy) == (0, 0, 0)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_control_plane_that_is_lost_is_made_again_and_joins(
    sovereign: RunDirectory, project: Project, name: str
) -> None:
    """Control plane 0 too: with cluster-init and the same authorities it would be a second cluster."""
    before = {other: server["id"] for other, server in servers(project).items() if other != name}
    lose(project, name)
    judgement = sovereign.judged(members=MEMBERS)
    assert (judgement.creating, judgement.replacing, decided(judgement)[0]) == ((name,), (), 0)
    sovereign.apply()
    boot = told(project, name)
    assert boot.role is Role.JOINING
    assert boot.join_addresses == [f"10.0.1.1{n}" for n, other in enumerate(MEMBERS) if other != name]
    assert boot.ca_files == {}
    assert servers(project)[name]["private_net"][0]["ip"] == boot.node_ip
    assert {other: servers(project)[other]["id"] for other in before} == before
    starters = [other for other in servers(project) if told(project, other).k3s.get("cluster-init")]
    assert starters == ([] if name == "control-plane-0" else ["control-plane-0"])


def test_a_worker_that_is_lost_is_made_again_and_may_join_through_each(
    sovereign: RunDirectory, project: Project
) -> None:
    lose(project, "worker-0")
    sovereign.judged(members=MEMBERS)
    sovereign.apply()
    assert told(project, "worker-0").join_addresses == ["10.0.1.10", "10.0.1.11", "10.0.1.12"]


def test_of_two_that_are_lost_nobody_can_be_joined(sovereign: RunDirectory, project: Project) -> None:
    lose(project, "control-plane-0", "control-plane-2")
    code, said = decided(sovereign.judged(members=MEMBERS))
    assert (code, "etcd has lost its majority" in said) == (EXIT_CLUSTER_LOST, True)


def test_fewer_control_planes_are_refused(sovereign: RunDirectory) -> None:
    sovereign.ask(control_plane_sizes=["cx33"])
    code, said = decided(sovereign.judged(members=MEMBERS))
    assert (code, "never gets fewer control planes" in said) == (EXIT_REFUSED, True)


def test_the_whole_group_is_never_powered_off_at_once(sovereign: RunDirectory) -> None:
    sovereign.ask(control_plane_sizes=["cx43"] * 3)
    code, said = decided(sovereign.judged(members=MEMBERS))
    assert (code, "only while 2 of 3 control planes run" in said) == (EXIT_REFUSED, True)


def test_one_is_not_powered_off_while_another_is(sovereign: RunDirectory, project: Project) -> None:
    """The plan says nothing of the one that is off; its refreshed state does."""
    switch_off(project, "control-plane-1")
    sovereign.ask(control_plane_sizes=["cx43", "cx33", "cx33"])
    code, said = decided(sovereign.judged(members=MEMBERS))
    assert (code, "control_plane[1] would be away at the same time" in said) == (EXIT_REFUSED, True)


def resize_refused(sovereign: RunDirectory, project: Project) -> PlanJudgement:
    """Control plane 0 is to get a size that is not to be had: OpenTofu gives up, and leaves it off."""
    project.fault(NO_ROOM, method="POST", path=r"/servers/\d+/actions/change_type")
    sovereign.ask(control_plane_sizes=["cx43", "cx33", "cx33"])
    judgement = sovereign.judged(members=MEMBERS)
    assert decided(judgement)[0] == 0
    number = str(servers(project)["control-plane-0"]["id"])
    assert judgement.stopping == {FIRST: number}
    ran = sovereign.tofu.run(
        "apply", "-input=false", "plan.bin", cwd=sovereign.folder, environment=sovereign.environment
    )
    assert "resource_unavailable" in ran.stdout + ran.stderr
    assert servers(project)["control-plane-0"]["status"] == "off"
    return judgement


def test_a_server_whose_resize_was_refused_is_started_by_the_run_that_left_it_off(
    sovereign: RunDirectory, project: Project
) -> None:
    """As the sidecar does it, from what the gate noted."""
    judgement = resize_refused(sovereign, project)
    (sovereign.folder / "powered-off.json").write_text(json.dumps(dict(judgement.stopping)))
    environment = {**sovereign.tofu.environment(sovereign.environment), "PYTHONPATH": str(REPOSITORY)}
    said = subprocess.run(
        [sys.executable, "-c", _START],
        cwd=sovereign.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"again=('{FIRST}',)" in said
    assert servers(project)["control-plane-0"]["status"] in ("starting", "running")


def test_a_size_that_is_put_back_plans_nothing_and_the_run_still_starts_the_server(
    sovereign: RunDirectory, project: Project
) -> None:
    """Where the run that left it off was killed, with its sidecar."""
    resize_refused(sovereign, project)
    sovereign.ask(control_plane_sizes=["cx33"] * 3)
    assert sovereign.judged(members=MEMBERS).change == 0, "nothing else would start it"
    assert servers(project)["control-plane-0"]["status"] == "off"
    sovereign.adopt()
    assert servers(project)["control-plane-0"]["status"] in ("starting", "running")
    assert servers(project)["control-plane-0"]["server_type"]["name"] == "cx33"
