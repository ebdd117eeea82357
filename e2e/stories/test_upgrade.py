"""The operator is upgraded while it is at work: what it had begun goes on, and nothing is begun because of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_one_cluster
from e2e.support import operator
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl, Object
from e2e.support.sovereigns import Sovereign, component, results
from e2e.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SERVER_SECONDS = 25
"""How long each server takes to be made: longer than a rollout does."""
TRANSIENT = {"Reconciling", "Stalled"}
"""Conditions that are there only while they are true."""
TYPES = 'jsonpath={.status.conditions[*].type}{"\\n"}'


def test_in_mid_apply_and_in_mid_phase_1(make: Make, kubectl: Kubectl) -> None:
    """Another image is rolled out: the apply and the kit go on to their ends, what was ready stays, no second run."""
    settled, settled_project = make("upgraded-settled")
    boots = Project(boots=True)
    boots.kit_faults(install_seconds=5)
    installing, _ = make("upgraded-installing", project=boots, workers={"replicas": 0}, handOff={"mode": "Manual"})
    applying, applying_project = make("upgraded-applying")
    slow = applying_project.fault({"action_seconds": SERVER_SECONDS}, times=2, method="POST", path="/servers")
    sovereigns = (settled, installing, applying)

    for sovereign in (settled, installing):
        sovereign.apply()
    settled.provisioned(seconds=120)
    installing.until("the kit is begun", lambda s: component(s, "bp-cilium").get("state") == "installed", seconds=120)
    applying.apply()
    wait_for(lambda: slow.struck, "a server to be ordered", seconds=90, shown=applying.describe)
    before = {sovereign.name: sovereign.status for sovereign in sovereigns}
    acted = operator.leader(kubectl)
    with seen_conditions(kubectl, sovereigns) as seen, operator.upgraded(kubectl, "next") as image:
        assert operator.another(kubectl, acted)
        applying.provisioned(seconds=150)
        installing.ready(seconds=150)
        settled.look_again()
        assert [len(sovereign.jobs()) for sovereign in sovereigns] == [1, 1, 1]
        assert [results(sovereign.status) for sovereign in sovereigns] == [["Succeeded"]] * 3
        for sovereign in sovereigns:
            assert_kept(before[sovereign.name], sovereign.status)
        assert installing.status["phase1"] == before[installing.name]["phase1"], "its time was counted anew"
        assert_one_cluster(applying_project.inventory(), applying.uid)
        settled.retry()
        settled.until("a run of the new image", lambda s: results(s) == ["Succeeded"] * 2)
        assert image in str(settled.jobs()), "its runs are not of the image that it has"
        assert_one_cluster(settled_project.inventory(), settled.uid)
    assert all(lost(each) == [] for each in seen.values()), seen


@contextmanager
def seen_conditions(kubectl: Kubectl, sovereigns: tuple[Sovereign, ...]) -> Iterator[dict[str, list[set[str]]]]:
    """Which conditions each status has had in the meantime, oldest first; filled at the end."""
    seen: dict[str, list[set[str]]] = {}
    watches: dict[str, subprocess.Popen[str]] = {
        each.name: kubectl.start("-n", each.namespace, "get", "sovereign", each.name, "--watch", "-o", TYPES)
        for each in sovereigns
    }
    try:
        yield seen
    finally:
        for name, watch in watches.items():
            watch.terminate()
            said, _ = watch.communicate(timeout=30)
            seen[name] = [set(line.split()) for line in said.splitlines()]


def lost(seen: list[set[str]]) -> list[set[str]]:
    """Conditions that were there and then were not."""
    assert seen, "nothing was watched"
    return [gone for gone in (a - b - TRANSIENT for a, b in pairwise(seen)) if gone]


def assert_kept(before: Object, after: Object) -> None:
    """What was true before is as true, and since the same time."""
    held = [(c["type"], c["lastTransitionTime"]) for c in before["conditions"] if c["status"] == "True"]
    now = {(c["type"], c["lastTransitionTime"]) for c in after["conditions"] if c["status"] == "True"}
    assert [one for one in held if one not in now and one[0] not in TRANSIENT] == []
