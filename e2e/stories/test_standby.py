"""The operator that acts is killed, frozen or cut off in the middle of its work: the other one goes on with it."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from e2e.stories.conftest import Make
from e2e.support import audit, operator
from e2e.support.kubectl import Kubectl
from e2e.support.misfortunes import Misfortune, cut_off, frozen, killed
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

IN_TIME = 30.0
"""Seconds in which somebody acts again."""


@pytest.mark.parametrize(
    "misfortune",
    [killed, *(pytest.param(longer, marks=pytest.mark.slow) for longer in (frozen, cut_off))],
)
def test_the_other_one_goes_on(make: Make, kubectl: Kubectl, misfortune: Misfortune) -> None:
    """No Job is made twice and no server, and whoever acted before writes nothing any more, also when it is back."""
    name = misfortune.__name__.replace("_", "-")  # type: ignore[attr-defined]
    applying, begun = make(f"{name}-applying"), make(f"{name}-begun")
    before = operator.leader(kubectl)
    applying[0].apply()
    applying[0].wait("tofu-apply to run", TofuApply="Running")
    begun[0].apply()
    struck = time.monotonic()
    with misfortune(kubectl, before):
        wait_for(lambda: operator.another(kubectl, before), "the other one to act", seconds=IN_TIME, every=0.5)
        assert time.monotonic() - struck < IN_TIME
        begun[0].look_again()
    taken = acquired(kubectl)
    for sovereign, _ in (applying, begun):
        sovereign.provisioned(seconds=150)
    wait_for(lambda: ready(kubectl) == operator.REPLICAS, "two operators to be ready", seconds=150)
    for sovereign, project in (applying, begun):
        assert len(sovereign.jobs()) == 1
        assert len(project.inventory()["servers"]) == 2
    assert audit.of_pod(before["metadata"]["uid"], taken) == []


def acquired(kubectl: Kubectl) -> datetime:
    """When the Lease was taken."""
    lease = kubectl.get("-n", operator.NAMESPACE, operator.LEASE)
    return datetime.fromisoformat(lease["spec"]["acquireTime"])


def ready(kubectl: Kubectl) -> int:
    """How many operators are."""
    return int(kubectl.get("-n", operator.NAMESPACE, operator.DEPLOYMENT)["status"].get("readyReplicas", 0))
