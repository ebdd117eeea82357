"""Sizes that are not to be had, and what becomes of servers when sizes, prices or templates change around them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from catalyst_operator.api import labels
from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_kept, assert_one_cluster, complete
from e2e.support import cloud, operator
from e2e.support.cloud import Inventory, changed_offer
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign, results

pytestmark = pytest.mark.e2e

SOLD_OUT = {"code": "resource_unavailable", "message": "error during placement", "status": 412}
LOCATION, FIRST, SECOND = "hel1", "cx33", "cx53"


def test_next_size_is_taken_and_kept(make: Make) -> None:
    """The first size is sold out: the second is taken, shown, and kept whatever edits, prices and offers do later."""
    sovereign, project = make(
        "fallback",
        regions=[{"location": LOCATION}],
        controlPlane={"size": FIRST, "replicas": 1, "sizeFallbacks": [SECOND]},
        workers={"size": "cpx22", "replicas": 1},
    )
    project.fault(SOLD_OUT, times=None, method="POST", path="/servers", server_type=FIRST)
    sovereign.apply()

    status = sovereign.provisioned(seconds=120)
    before = project.inventory()
    assert_one_cluster(before, sovereign.uid)
    assert types(before) == {"control-plane-0": SECOND, "worker-0": "cpx22"}
    assert sizes(status, sovereign) == types(before)

    cloud.clear_faults()
    with changed_offer(SECOND, LOCATION, retired=True, monthly="99.00"):
        sovereign.patch(workers={"size": "cpx22", "replicas": 2})
        status = sovereign.provisioned()

    after = project.inventory()
    assert_kept(complete(before), after)
    assert_one_cluster(after, sovereign.uid, workers=2)
    assert types(after) == {"control-plane-0": SECOND, "worker-0": "cpx22", "worker-1": "cpx22"}
    assert sizes(status, sovereign) == types(after)
    assert_adds_only(status)


def types(inventory: Inventory) -> dict[str, str]:
    """The type of each server by its role and number, such as worker-0."""
    return {
        f"{server['labels'][labels.LABEL_ROLE]}-{server['name'].rpartition('-')[2]}": server["server_type"]["name"]
        for server in inventory["servers"]
    }


def sizes(status: dict[str, Any], sovereign: Sovereign) -> dict[str, str]:
    """The same as status tells it."""
    prefix = f"{sovereign.cluster_name}-"
    return {server["name"].removeprefix(prefix): server["size"] for server in status["servers"]}


def assert_adds_only(status: dict[str, Any]) -> None:
    """The last plan made something new and touched nothing that was there."""
    plan = status["plan"]
    assert plan["add"] > 0
    assert (plan["change"], plan["destroy"]) == (0, 0)


@pytest.mark.slow
def test_edit_of_the_first_boot_replaces_nothing(make: Make, kubectl: Kubectl) -> None:
    """What a first boot is told changes: no run by itself, and a worker that is added leaves all others as they are."""
    sovereign, project = make("template")
    sovereign.apply()
    sovereign.provisioned()
    before = project.inventory()
    other = "https://git.example.org/another/template"

    with operator.setting(kubectl, "CATALYST_GIT_URL", other):
        assert results(sovereign.look_again()) == ["Succeeded"], "a setting must not start runs by itself"
        sovereign.patch(workers={"size": "cx43", "replicas": 2})
        status = sovereign.provisioned()

    assert other in inputs(sovereign), "the changed template never reached a run"
    assert_adds_only(status)
    assert_kept(complete(before), project.inventory())
    assert_one_cluster(project.inventory(), sovereign.uid, workers=2)


def inputs(sovereign: Sovereign) -> set[str]:
    """The Git URLs that the first boots of all runs' inputs would follow."""
    secrets = sovereign.kubectl.items("-n", sovereign.run_namespace, "secrets")
    encoded = (secret["data"].get("tofu.auto.tfvars.json") for secret in secrets if "data" in secret)
    return {json.loads(base64.b64decode(text))["git"]["url"] for text in encoded if text}


@pytest.mark.slow
def test_resize_waits_for_approval_and_unfinished_is_replaced_without(make: Make) -> None:
    """What was left half made is replaced, and a worker added, without asking; a resize waits and keeps the server."""
    sovereign, project = make("resized")
    broken = {"action_error": {"code": "action_failed", "message": "Action failed"}}
    project.fault(broken, method="POST", path="/servers", name=".*-control-plane-0")
    sovereign.apply()
    status = sovereign.provisioned(seconds=120)
    assert results(status) == ["Failed", "Succeeded"], "replacing what never worked needs no approval"
    assert_one_cluster(project.inventory(), sovereign.uid)

    sovereign.patch(workers={"size": "cx43", "replicas": 2})
    status = sovereign.provisioned()
    assert results(status)[-1] == "Succeeded", "adding a worker needs no approval"
    before = project.inventory()

    sovereign.patch(controlPlane={"size": "cx43"})
    status = sovereign.wait("a plan to approve", Ready="AwaitingApproval")
    assert "control_plane[0]" in sovereign.message
    assert "power" in sovereign.message, "it does not say that the server will be off for a while"
    assert types(project.inventory()) == types(before)
    assert all(server["status"] == "running" for server in project.inventory()["servers"])

    sovereign.patch(approvePlan=status["plan"]["digest"])
    sovereign.provisioned(seconds=120)
    assert types(project.inventory())["control-plane-0"] == "cx43"
    assert_kept(complete(before), project.inventory())


@pytest.mark.slow
def test_a_size_that_is_not_to_be_had_leaves_no_server_off(make: Make) -> None:
    """Powered off for a size that is sold out: started again by the same run, told, and not tried again unasked."""
    sovereign, project = make("ungrown")
    sovereign.apply()
    sovereign.provisioned()
    fault = project.fault(SOLD_OUT, times=None, method="POST", path=r"/servers/\d+/actions/change_type")

    sovereign.patch(controlPlane={"size": "cx43"})
    status = sovereign.wait("a plan to approve", Ready="AwaitingApproval")
    sovereign.patch(approvePlan=status["plan"]["digest"])
    status = sovereign.wait("the size is not to be had", Ready="RunFailed", Stalled="True")
    assert status["lastErrors"][0]["code"] == "ERR_CAPACITY"
    assert "started again: hcloud_server.control_plane[0]" in sovereign.message
    assert fault.struck == 1
    assert all(server["status"] == "running" for server in project.inventory()["servers"])

    sovereign.patch(controlPlane={"size": "cx33"})
    sovereign.provisioned()
    assert types(project.inventory())["control-plane-0"] == "cx33"
    assert all(server["status"] == "running" for server in project.inventory()["servers"])
