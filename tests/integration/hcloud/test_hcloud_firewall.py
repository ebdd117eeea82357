"""Who reaches what of a Sovereign's servers: what real OpenTofu makes of the firewall when that is edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalyst_operator.core.tofu.plan_gate import verdict
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Project
from tests.integration.hcloud.rundir import RunDirectory

pytestmark = pytest.mark.integration

ANYWHERE = ["0.0.0.0/0", "::/0"]
OURS = ["198.51.100.7/32", "2001:db8::/48"]
PASSED = 0


@pytest.fixture
def sovereign(tofu: Tofu, module: Path, tmp_path: Path, project: Project) -> RunDirectory:
    made = RunDirectory.create(tofu, module, tmp_path / "work", project)
    made.build()
    made.ask(cluster_started=True)
    return made


def sources(project: Project) -> dict[str, list[str]]:
    """Port, or protocol where there is none -> who may come from where."""
    (firewall,) = project.inventory()["firewalls"]
    return {rule["port"] or rule["protocol"]: sorted(rule["source_ips"]) for rule in firewall["rules"]}


def test_the_api_is_closed_and_opened_again_in_place_and_unasked(sovereign: RunDirectory, project: Project) -> None:
    before = sources(project)
    assert before == dict.fromkeys(("icmp", "80", "443", "6443"), ANYWHERE)
    for given in ({"api_allowed_cidrs": OURS}, {"api_allowed_cidrs": ANYWHERE}):
        sovereign.ask(**given)
        judgement = sovereign.judged()
        assert (judgement.add, judgement.change, judgement.destroy) == (0, 1, 0)
        assert verdict(judgement, manual=False, approved="")[0] == PASSED
        sovereign.apply()
        assert sources(project) == before | {"6443": given["api_allowed_cidrs"]}
    after = sovereign.judged()
    assert (after.add, after.change, after.destroy) == (0, 0, 0)
