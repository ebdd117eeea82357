"""One server made again by name: what real OpenTofu replaces, what the gate makes of it, and who stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.core.observation import PodView
from catalyst_operator.core.runs import reading
from catalyst_operator.core.tofu.plan_gate import Beside, PlanJudgement, judge, verdict
from catalyst_operator.core.tofu.server_names import address_of, target_of
from e2e.lab.hcloud.boot import first_boot
from e2e.lab.hcloud.boot.first_boot import Role
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Project
from tests.integration.hcloud.rundir import UID, RunDirectory, prepared_module
from tests.integration.hcloud.test_hcloud_api import wait
from tests.support import gen

pytestmark = pytest.mark.integration

MEMBERS = ("control-plane-0", "control-plane-1", "control-plane-2")
ALL = (*MEMBERS, "worker-0", "worker-1")


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


def servers(project: Project) -> dict[str, Any]:
    return {server["name"].removeprefix("acme-1a2b3-"): server for server in project.inventory()["servers"]}


def ids(project: Project) -> dict[str, str]:
    return {name: str(server["id"]) for name, server in servers(project).items()}


def told_ids(sovereign: RunDirectory) -> dict[str, str]:
    """What the operator reads of the outputs."""
    message = sovereign.must("output", "-json", "-no-color")
    assert len(message) < 2048, "the kubelet keeps so much of a termination message"
    ended = gen.ended_container(0, message)
    found = reading.outputs(PodView("run", "uid", "job", "Succeeded", containers={"tofu-output": ended}))
    assert found is not None
    return found.server_ids


def judged(sovereign: RunDirectory, server: str, *options: str) -> PlanJudgement:
    beside = Beside(standing=ALL, rebuild=server)
    return judge(sovereign.plan(*options), uid=UID, members=MEMBERS, beside=beside)


@pytest.mark.parametrize("server", ["worker-1", "control-plane-0", "control-plane-2"])
@pytest.mark.parametrize(
    "manual", [pytest.param(False, id="Automatic"), pytest.param(True, id="Manual", marks=pytest.mark.slow)]
)
def test_just_that_server_is_replaced_and_nobody_is_asked(
    sovereign: RunDirectory, project: Project, server: str, manual: bool
) -> None:
    before = ids(project)
    assert told_ids(sovereign) == before
    judgement = judged(sovereign, server, f"-replace={address_of(server)}")
    assert judgement.replacing == (address_of(server), target_of(server))
    assert judgement.creating == (server,)
    assert verdict(judgement, manual=manual, approved="")[0] == 0
    sovereign.apply()
    after = ids(project)
    assert {name for name in ALL if after[name] != before[name]} == {server}
    assert told_ids(sovereign) == after
    boot = first_boot.read(project.lab.get(f"/_lab/servers/{after[server]}/user_data").body)
    assert boot.role is (Role.WORKER if "worker" in server else Role.JOINING)
    assert not judged(sovereign, server).creating, "once more it is asked for by nobody"


def test_what_else_is_to_be_done_asks(sovereign: RunDirectory) -> None:
    sovereign.ask(worker_sizes=["cx43"])
    judgement = judged(sovereign, "worker-0", f"-replace={address_of('worker-0')}")
    code, said = verdict(judgement, manual=False, approved="")
    assert code != 0
    assert "hcloud_server.worker[1]" in said


def test_a_server_that_the_run_before_took_away_is_made_without_asking(
    sovereign: RunDirectory, project: Project
) -> None:
    """It broke off between the two: the plan of the next one creates."""
    number = servers(project)["worker-0"]["id"]
    wait(project, project.api.delete(f"/servers/{number}").body["action"])
    asked = verdict(judged(sovereign, "worker-0"), manual=False, approved="")
    assert asked[0] == 0, asked
    unasked = verdict(judged(sovereign, ""), manual=False, approved="")
    assert unasked[0] != 0, "that of somebody who deleted it asks"
    sovereign.apply()
    assert set(ids(project)) == set(ALL)


def test_to_replace_what_is_gone_already_is_to_make_it(sovereign: RunDirectory, project: Project) -> None:
    wait(project, project.api.delete(f"/servers/{servers(project)['worker-0']['id']}").body["action"])
    judgement = judged(sovereign, "worker-0", f"-replace={address_of('worker-0')}")
    assert verdict(judgement, manual=False, approved="")[0] == 0
    sovereign.apply()
    assert set(ids(project)) == set(ALL)
