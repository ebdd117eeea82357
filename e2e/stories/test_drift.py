"""Drift: somebody changes, deletes or powers off by hand what was applied. The lab looks for it twice a minute."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_one_cluster
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign, codes, commands, condition, has
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

REPORT = {"interval": "1h"}
REPAIR = {"interval": "1h", "mode": "Repair"}
WORKER = "hcloud_server.worker[0]"
CHECK_SECONDS = 150
"""Until the next check has ended, on a busy machine."""


def worker(project: Project) -> dict[str, Any]:
    return next(server for server in project.inventory()["servers"] if server["name"].endswith("-worker-0"))


def next_check(sovereign: Sovereign) -> dict[str, Any]:
    """The status once there was another check."""
    before = sovereign.status.get("drift", {}).get("checkedAt")

    def newer(status: dict[str, Any]) -> bool:
        return status.get("drift", {}).get("checkedAt") not in (None, before)

    return sovereign.until("another drift check", newer, seconds=CHECK_SECONDS)


def test_a_deleted_server_is_told_and_made_again_once_a_person_agrees(make: Make, kubectl: Kubectl) -> None:
    """A worker deleted by hand: seen, readable as a plan, not touched in Report, asked about in Repair."""
    sovereign, project = make("drifting", driftDetection=REPORT)
    sovereign.apply()
    sovereign.provisioned(seconds=120)
    project.request("DELETE", f"/servers/{worker(project)['id']}")
    writes = len(project.writes())

    status = sovereign.wait("drift is seen", seconds=CHECK_SECONDS, Drifted="DriftDetected")
    assert WORKER in status["drift"]["addresses"]
    told = condition(status, "Drifted")["message"]
    shown = kubectl(*next(command for command in commands(told) if "configmap" in command))
    assert f"{WORKER} will be created" in shown
    next_check(sovereign)
    assert len(project.writes()) == writes, "mode Report only tells"

    sovereign.patch(driftDetection=REPAIR)
    sovereign.wait("it asks", seconds=CHECK_SECONDS, Ready="AwaitingApproval", Drifted="DriftDetected")
    kubectl(*next(command for command in commands(sovereign.message) if "patch" in command))
    sovereign.provisioned(seconds=120)
    sovereign.wait("nothing drifts", seconds=30, Drifted="NoDrift")
    assert_one_cluster(project.inventory(), sovereign.uid, workers=1)


@pytest.mark.slow
def test_another_projects_token_at_a_drift_check(make: Make) -> None:
    """Nothing is run with it, nothing is lost, and with the right one it goes on."""
    sovereign, project = make("drift-token", driftDetection=REPAIR)
    other = Project()
    sovereign.apply()
    sovereign.provisioned(seconds=120)
    sovereign.put_token(other.token)
    before, writes = project.inventory(), len(project.writes())

    def refused(status: dict[str, Any]) -> bool:
        return has(status, Drifted="NotChecked") and codes(status) == ["ERR_PROJECT_MISMATCH"]

    sovereign.until("no check is made", refused, seconds=CHECK_SECONDS)
    wait_for(lambda: not sovereign.status.get("currentRun"), "the last check to end", seconds=60)
    jobs = {job["metadata"]["name"] for job in sovereign.jobs()}
    sovereign.look_again()
    assert {job["metadata"]["name"] for job in sovereign.jobs()} == jobs, "no run was made"
    assert (project.inventory(), len(project.writes())) == (before, writes)
    assert (other.inventory(), other.writes()) == ({}, [])

    sovereign.put_token(project.token)
    status = next_check(sovereign)
    assert has(status, Drifted="NoDrift")
    assert codes(status) == []


@pytest.mark.slow
def test_a_label_is_put_right_unasked_and_a_server_that_is_off_stays_off(make: Make) -> None:
    """Repair: what needs no approval is applied; who powered a server off powers it on; others' labels are theirs."""
    sovereign, project = make("repaired", driftDetection=REPAIR)
    sovereign.apply()
    sovereign.provisioned(seconds=120)
    found = worker(project)
    role = {**found["labels"], "catalyst.openova.io/role": "mine"}
    project.request("PUT", f"/servers/{found['id']}", {"labels": role})
    wait_for(lambda: worker(project)["labels"] == found["labels"], "its label", seconds=300, shown=sovereign.describe)

    project.request("PUT", f"/servers/{found['id']}", {"labels": {**found["labels"], "team": "b"}})
    project.request("POST", f"/servers/{found['id']}/actions/poweroff")
    status = sovereign.wait("told as off", seconds=CHECK_SECONDS, Drifted="ServersOff")
    assert status["drift"]["poweredOff"] == [WORKER]
    assert status["drift"].get("addresses", []) == []
    next_check(sovereign)
    assert (worker(project)["status"], worker(project)["labels"]["team"]) == ("off", "b")
