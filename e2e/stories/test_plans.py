"""Plans, before anything is done: read, approved, refused, made again."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_one_cluster
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign, commands, has, results
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e


def test_nothing_is_made_before_approval(make: Make, kubectl: Kubectl) -> None:
    """Mode Manual: the plan is readable and nothing exists; an older digest is refused, the right one goes on."""
    sovereign, project = make("manual", approval="Manual")
    sovereign.apply()
    first = sovereign.wait("a plan to approve", Ready="AwaitingApproval", Stalled="AwaitingApproval")["plan"]
    assert first["add"] > 0
    assert (first["change"], first["destroy"]) == (0, 0)
    assert first["digest"] in sovereign.message
    shown = kubectl(*next(command for command in commands(sovereign.message) if "configmap" in command))
    assert "hcloud_server.control_plane[0] will be created" in shown

    sovereign.patch(workers={"size": "cx43", "replicas": 2}, approvePlan=first["digest"])
    second = another_plan(sovereign, first)
    assert second["add"] > first["add"]
    assert project.writes() == [], "something was made before approval"

    kubectl(*next(command for command in commands(sovereign.message) if "patch" in command))
    sovereign.provisioned()
    assert_one_cluster(project.inventory(), sovereign.uid, workers=2)


def another_plan(sovereign: Sovereign, before: dict[str, Any]) -> dict[str, Any]:
    """The next plan that waits for approval."""

    def waits(status: dict[str, Any]) -> bool:
        return has(status, Ready="AwaitingApproval") and status["plan"]["digest"] != before["digest"]

    plan: dict[str, Any] = sovereign.until("another plan to approve", waits)["plan"]
    return plan


def test_dry_run_plans_and_stops(make: Make) -> None:
    """dryRun: checked, planned and priced, and nothing is made; taken back, it goes on."""
    sovereign, project = make("dry", dryRun=True)
    sovereign.apply()
    status = sovereign.until("planned", lambda status: has(status, Ready="DryRun") and status.get("plan"))
    assert has(status, PreflightPassed="Passed", TofuPlan="True")
    assert status["plan"]["add"] > 0
    assert float(status["cost"]["monthly"]) > 0
    assert results(sovereign.look_again()) == ["Succeeded"], "one look is enough"
    assert project.writes() == [], "a dry run made something"

    sovereign.patch(dryRun=False)
    sovereign.provisioned()
    assert_one_cluster(project.inventory(), sovereign.uid)


@pytest.mark.slow
def test_spec_edited_while_planning_is_planned_again(make: Make) -> None:
    """An edit while a run still plans: that plan is never applied, and the last spec is what comes out."""
    sovereign, project = make("edited")
    sovereign.apply()
    sovereign.provisioned()
    slow = project.tripwire("GET", r"/networks/\d+", delay_seconds=10)

    sovereign.patch(workers={"size": "cx43", "replicas": 2})
    wait_for(lambda: slow.struck, "the plan to look at the network", seconds=60, shown=sovereign.describe)
    sovereign.patch(workers={"size": "cx43", "replicas": 1}, sshAllowedCIDRs=["192.0.2.7/32"])

    status = sovereign.provisioned()
    assert results(status) == ["Succeeded", "Cancelled", "Succeeded"]
    assert not [write for write in project.writes() if str(write["name"]).endswith("-worker-1")]
    assert_one_cluster(project.inventory(), sovereign.uid)
    assert ssh_sources(project) == ["192.0.2.7/32"]


def ssh_sources(project: Project) -> list[str]:
    """From where port 22 is open."""
    rules = project.inventory()["firewalls"][0]["rules"]
    return [source for rule in rules if rule.get("port") == "22" for source in rule["source_ips"]]


@pytest.mark.slow
def test_edits_of_the_same_resource_have_digests_of_their_own(make: Make) -> None:
    """Two edits that change only the firewall, each to another value: the approval of one is none of the other."""
    sovereign, project = make("digests")
    sovereign.apply()
    sovereign.provisioned()

    sovereign.patch(approval="Manual", sshAllowedCIDRs=["192.0.2.1/32"])
    first = sovereign.wait("a plan to approve", Ready="AwaitingApproval")["plan"]
    sovereign.patch(sshAllowedCIDRs=["192.0.2.2/32"], approvePlan=first["digest"])
    second = another_plan(sovereign, first)
    assert [plan["change"] for plan in (first, second)] == [1, 1]
    assert [plan["add"] + plan["destroy"] for plan in (first, second)] == [0, 0]
    assert ssh_sources(project) == []

    sovereign.patch(approvePlan=second["digest"])
    sovereign.provisioned()
    assert ssh_sources(project) == ["192.0.2.2/32"]
    assert_one_cluster(project.inventory(), sovereign.uid)
