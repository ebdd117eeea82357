"""What deploy/base says of the two operators fits together, and lets nodes be drained."""

from __future__ import annotations

from typing import Any

import yaml

from catalyst_operator.api.labels import OPERATOR_NAME
from e2e.support import operator
from tests.support.paths import REPOSITORY

BASE = REPOSITORY / "deploy" / "base"


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((BASE / name).read_text(encoding="utf-8"))
    return found


def test_one_waits_while_the_other_acts() -> None:
    spec = read("deployment.yaml")["spec"]
    assert spec["replicas"] == operator.REPLICAS == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_budget_and_spread_are_about_the_pods_of_the_deployment() -> None:
    spec = read("deployment.yaml")["spec"]
    labels = spec["template"]["metadata"]["labels"]
    budget = read("disruption-budget.yaml")["spec"]
    assert budget["selector"]["matchLabels"] == labels
    assert budget["maxUnavailable"] == 1, "as minAvailable it would refuse every drain where there is one replica"
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow", "one that fails keeps no node from being drained"
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert [constraint["labelSelector"]["matchLabels"] for constraint in spread] == [labels, labels]
    assert {constraint["whenUnsatisfiable"] for constraint in spread} == {"ScheduleAnyway"}, "one node will do"


def test_the_lease_is_installed_for_whoever_takes_it() -> None:
    lease = read("lease.yaml")
    assert lease["metadata"]["name"] == OPERATOR_NAME
    assert "spec" not in lease, "applying it again must take it from nobody"


START_CPU_SECONDS = 2.4
"""From the start of the process to the first answer of /healthz; measured, see decision 101."""


def test_a_start_is_waited_for_on_a_node_that_has_no_more_than_was_requested() -> None:
    (container,) = read("deployment.yaml")["spec"]["template"]["spec"]["containers"]
    probe, share = container["startupProbe"], container["resources"]["requests"]["cpu"]
    longest = START_CPU_SECONDS / (int(share.removesuffix("m")) / 1000)
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 4 * longest, "CPUs of other machines are slower"
    assert probe["periodSeconds"] == 1, "a fast start is seen at once"
