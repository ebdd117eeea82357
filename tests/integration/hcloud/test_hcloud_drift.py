"""Drift by hand in the emulated project: what the plan of real OpenTofu shows, and how the gate tells it apart. Three
control planes and two workers, as in test_hcloud_adoption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.core.tofu.plan_gate import EXIT_APPROVAL_NEEDED, PlanJudgement, termination_message, verdict
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Project
from tests.integration.hcloud.rundir import RunDirectory, prepared_module
from tests.integration.hcloud.test_hcloud_api import wait
from tests.integration.hcloud.test_hcloud_control_planes import MEMBERS, lose, servers, switch_off

pytestmark = pytest.mark.integration

STANDING = (*MEMBERS, "worker-0", "worker-1")
WORKER = "hcloud_server.worker[0]"


@pytest.fixture(scope="module")
def module(tofu: Tofu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_module(tofu, tmp_path_factory.mktemp("module"))


@pytest.fixture
def sovereign(tofu: Tofu, module: Path, tmp_path: Path, project: Project) -> RunDirectory:
    """Built, and known to be."""
    made = RunDirectory.create(tofu, module, tmp_path / "work", project)
    made.build()
    made.ask(cluster_started=True)
    return made


def checked(sovereign: RunDirectory) -> PlanJudgement:
    """What a drift check finds. It writes nothing to the project, and leaves the state as it was."""
    project = sovereign.project
    before, state = project.writes(), sovereign.state()
    kept = ("serial", "resources", "outputs")
    found = sovereign.judged(members=MEMBERS, standing=STANDING)
    assert project.writes() == before
    assert [sovereign.state()[part] for part in kept] == [state[part] for part in kept]
    return found


def changed(project: Project, kind: str, number: int, **body: Any) -> None:
    answer = project.api.send("PUT", f"/{kind}/{number}", body)
    assert answer.status == 200, answer


def needs(found: PlanJudgement) -> int:
    return verdict(found, manual=False, approved="")[0]


def test_what_nobody_touched_does_not_drift(sovereign: RunDirectory) -> None:
    found = checked(sovereign)
    assert (found.differing, found.of_others, found.off) == ((), (), ())
    assert (found.add, found.change, found.destroy) == (0, 0, 0)


def test_a_label_of_ours_that_somebody_changed_is_put_right_unasked(sovereign: RunDirectory, project: Project) -> None:
    worker = servers(project)["worker-0"]
    changed(project, "servers", worker["id"], labels={**worker["labels"], "catalyst.openova.io/role": "mine"})
    found = checked(sovereign)
    assert (found.differing, found.of_others, needs(found)) == ((WORKER,), (), 0)
    sovereign.apply()
    assert servers(project)["worker-0"]["labels"] == worker["labels"]
    assert checked(sovereign).differing == ()


def test_a_label_that_somebody_added_is_told_apart(sovereign: RunDirectory, project: Project) -> None:
    worker = servers(project)["worker-0"]
    changed(project, "servers", worker["id"], labels={**worker["labels"], "team": "b"})
    network = project.inventory()["networks"][0]
    changed(project, "networks", network["id"], labels={**network["labels"], "team": "b"})
    found = checked(sovereign)
    assert found.differing == ()
    assert sorted(found.of_others) == ["hcloud_network.this", WORKER]
    told = json.loads(termination_message(found, "why", plan_only=True))
    assert (told["others"], told["differing"]) == (2, [])


def test_another_firewall_of_a_server_is_told_apart(sovereign: RunDirectory, project: Project) -> None:
    made = project.api.must_post("/firewalls", {"name": "theirs"})["firewall"]
    target = {"type": "server", "server": {"id": servers(project)["worker-0"]["id"]}}
    actions = project.api.must_post(f"/firewalls/{made['id']}/actions/apply_to_resources", {"apply_to": [target]})
    for action in actions["actions"]:
        wait(project, action)
    found = checked(sovereign)
    assert (found.differing, found.of_others) == ((), (WORKER,))


def test_a_rule_of_the_firewall_that_somebody_took_away_is_put_right_unasked(
    sovereign: RunDirectory, project: Project
) -> None:
    firewall = project.inventory()["firewalls"][0]
    rules = {"rules": firewall["rules"][1:]}
    actions = project.api.must_post(f"/firewalls/{firewall['id']}/actions/set_rules", rules)["actions"]
    for action in actions:
        wait(project, action)
    found = checked(sovereign)
    assert (found.differing, found.change, needs(found)) == (("hcloud_firewall.this",), 1, 0)
    sovereign.apply()
    assert len(project.inventory()["firewalls"][0]["rules"]) == len(firewall["rules"])
    assert checked(sovereign).differing == ()


def test_a_server_that_somebody_powered_off_is_no_change(sovereign: RunDirectory, project: Project) -> None:
    switch_off(project, "worker-0")
    found = checked(sovereign)
    assert (found.differing, found.off) == ((), (WORKER,))
    assert (found.add, found.change, found.destroy, needs(found)) == (0, 0, 0, 0)
    sovereign.apply()
    assert servers(project)["worker-0"]["status"] == "off", "an apply leaves it so"
    assert checked(sovereign).off == (WORKER,), "also once the state knows of it"


def test_a_server_that_somebody_deleted_waits_for_a_person(sovereign: RunDirectory, project: Project) -> None:
    lose(project, "worker-0")
    found = checked(sovereign)
    assert WORKER in found.differing
    assert (found.replacing, needs(found)) == ((WORKER,), EXIT_APPROVAL_NEEDED)
    assert verdict(found, manual=False, approved="", dry_run=True)[0] == 0, "a check ends well all the same"
    sovereign.apply()
    assert checked(sovereign).differing == ()


def test_objects_of_controllers_are_nobodys_drift(sovereign: RunDirectory, project: Project) -> None:
    """What is made inside the cluster is not in the state: a volume at a server, a load balancer in the network."""
    network, worker = project.inventory()["networks"][0], servers(project)["worker-0"]
    body = {"name": "made-inside", "load_balancer_type": "lb11", "location": "fsn1", "network": network["id"]}
    project.api.must_post("/load_balancers", body)
    project.api.must_post("/volumes", {"name": "pvc-1", "size": 10, "server": worker["id"], "format": "ext4"})
    found = checked(sovereign)
    assert (found.differing, found.of_others, found.off) == ((), (), ())
