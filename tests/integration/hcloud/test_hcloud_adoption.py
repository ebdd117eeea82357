"""Adoption with real OpenTofu: what an apply that was killed left behind becomes part of the next plan, and nothing is
made twice, replaced or forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.core.errors.diagnosis import diagnose
from catalyst_operator.core.tofu.plan_gate import EXIT_APPROVAL_NEEDED, EXIT_NOTHING_FOUND, PlanJudgement, verdict
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Emulator, Project
from tests.integration.hcloud.rundir import STATE, RunDirectory
from tests.integration.hcloud.test_hcloud_api import wait

pytestmark = pytest.mark.integration

EVERYTHING = 20
"""Resources of a Sovereign with three control planes, two workers and one key."""
TARGET = 'hcloud_load_balancer_target.this["{}"]'
NOTHING = (0, 0, ())
STOOD = ("control-plane-0", "control-plane-1", "control-plane-2", "worker-0", "worker-1")
Ids = dict[str, list[int]]


@pytest.fixture
def sovereign(tofu: Tofu, module: Path, tmp_path: Path, project: Project) -> RunDirectory:
    return RunDirectory.create(tofu, module, tmp_path / "work", project)


def ids(project: Project) -> Ids:
    """What there is, by kind."""
    return {kind: sorted(item["id"] for item in items) for kind, items in project.inventory().items()}


def added_or_lost(judgement: PlanJudgement) -> tuple[int, int, tuple[str, ...]]:
    return judgement.add, judgement.destroy, judgement.replacing


def servers(project: Project) -> dict[str, dict[str, Any]]:
    return {server["name"].removeprefix("acme-1a2b3-"): server for server in project.inventory()["servers"]}


@pytest.mark.parametrize(
    ("lost", "adopted"),
    [
        ((), EVERYTHING),
        (("hcloud_server.control_plane", "hcloud_server.worker"), 5),
        (
            (
                "hcloud_load_balancer_network.this",
                "hcloud_load_balancer_service.this",
                "hcloud_load_balancer_target.this",
            ),
            1 + 2 + 5,
        ),
    ],
    ids=["the whole state", "the servers", "what hangs on the load balancer"],
)
def test_what_the_state_lost_is_adopted_and_nothing_is_made_twice(
    sovereign: RunDirectory, project: Project, lost: tuple[str, ...], adopted: int
) -> None:
    sovereign.build()
    before = ids(project)
    sovereign.forget(*lost)

    said = sovereign.adopt()
    assert (said["count"], said["unknown"]) == (adopted, [])
    judgement = sovereign.judged()
    assert judgement.adopt == adopted
    assert added_or_lost(judgement) == NOTHING
    assert verdict(judgement, manual=False, approved="")[0] == 0

    sovereign.apply()
    assert ids(project) == before
    again = sovereign.judged()
    assert (again.add, again.change, again.destroy, again.adopt) == (0, 0, 0, 0), "the second plan is empty"
    assert sovereign.adopt() == {"count": 0, "adopted": [], "unknown": []}
    assert not (sovereign.folder / "imports.tf").exists()


@pytest.mark.parametrize("state_too", [True, False], ids=["and the state is gone", "and the state is there"])
def test_an_apply_killed_between_a_server_and_its_network_is_finished(
    sovereign: RunDirectory, project: Project, *, state_too: bool
) -> None:
    """Neither servers nor load balancer are in the network yet: they get there in place."""
    project.fault({"delay_seconds": 600}, times=None, path=r"/(servers|load_balancers)/\d+/actions/attach_to_network")
    sovereign.apply_killed_when(lambda: len(servers(project)) == 5)
    project.lab.delete("/_lab/faults")
    before = ids(project)
    assert all(server["private_net"] == [] for server in servers(project).values())
    if state_too:
        (sovereign.folder / STATE).unlink(missing_ok=True)

    said = sovereign.adopt()
    assert said["unknown"] == []
    plan = sovereign.plan()
    actions = {change["address"]: change["change"]["actions"] for change in plan["resource_changes"]}
    for address in ("hcloud_server.control_plane[0]", "hcloud_server.worker[1]"):
        assert actions[address] == ["update"]
    judgement = sovereign.judged()
    assert (judgement.change, judgement.settling) == (5, ()), "a place in the network is given to them"
    assert verdict(judgement, manual=True, approved="")[0] == EXIT_APPROVAL_NEEDED
    assert actions["hcloud_load_balancer.this"] == ["no-op"]
    assert actions["hcloud_load_balancer_network.this"] == ["create"]
    assert not [address for address, done in actions.items() if "delete" in done]

    sovereign.apply()
    assert ids(project) == before, "nothing was made anew"
    found = servers(project)
    assert {name: server["private_net"][0]["ip"] for name, server in found.items()} == {
        "control-plane-0": "10.0.1.10",
        "control-plane-1": "10.0.1.11",
        "control-plane-2": "10.0.1.12",
        "worker-0": "10.0.1.50",
        "worker-1": "10.0.1.51",
    }
    balancer = project.inventory()["load_balancers"][0]
    assert [attached["ip"] for attached in balancer["private_net"]] == ["10.0.1.5"]
    assert len(balancer["targets"]) == 5
    again = sovereign.judged()
    assert (again.add, again.change, again.destroy) == (0, 0, 0)


def test_an_adopted_server_that_was_in_the_network_stays_in_it(sovereign: RunDirectory, project: Project) -> None:
    """The plan names the network all the same, since an import does not read it."""
    sovereign.build()
    sovereign.forget()
    attached = {name: server["private_net"] for name, server in servers(project).items()}
    writes = len(project.writes())
    sovereign.adopt()
    judgement = sovereign.judged()
    assert (judgement.change, len(judgement.settling)) == (0, 5), "five servers are taken in as they are"
    code, said = verdict(judgement, manual=True, approved="")
    assert code == 0, "not even mode Manual asks about what writes nothing"
    assert "shown as changed, but taken in as it is: hcloud_server.control_plane[0]" in said
    sovereign.apply()
    assert {name: server["private_net"] for name, server in servers(project).items()} == attached
    assert project.writes()[writes:] == [], "it changes the state, and nothing in the cloud"


# --- what is not wanted any more --------------------------------------------------------------------------------------


def test_a_worker_that_is_not_wanted_any_more_is_adopted_and_destroyed(
    sovereign: RunDirectory, project: Project
) -> None:
    sovereign.build()
    before = servers(project)
    sovereign.forget()
    sovereign.ask(worker_sizes=["cx43"], ssh_public_keys=[])

    assert sovereign.adopt()["count"] == EVERYTHING
    judgement = sovereign.judged()
    assert (judgement.add, judgement.replacing) == (0, ())
    assert set(judgement.destroying) == {
        "hcloud_server.worker[1]",
        TARGET.format("worker-1"),
        'hcloud_ssh_key.this["4cfe9f355cc2"]',
    }
    assert verdict(judgement, manual=False, approved="")[0] == EXIT_APPROVAL_NEEDED
    assert verdict(judgement, manual=False, approved=judgement.digest)[0] == 0

    sovereign.apply()
    del before["worker-1"]
    assert {name: server["id"] for name, server in servers(project).items()} == {
        name: server["id"] for name, server in before.items()
    }
    assert project.counts()["load_balancers"] == 1
    assert "ssh_keys" not in project.counts()
    again = sovereign.judged()
    assert (again.add, again.change, again.destroy) == (0, 0, 0)


def test_a_second_group_for_workers_is_taken_back(sovereign: RunDirectory, project: Project) -> None:
    """Of eleven workers only their second group was made, and then they were no longer wanted."""
    sovereign.build()
    group = {"name": "acme-1a2b3-worker-1", "type": "spread", "labels": sovereign.variables["labels"]}
    project.api.must_post("/placement_groups", group)
    assert sovereign.adopt()["adopted"] == ["hcloud_placement_group.worker[1]"]
    judgement = sovereign.judged()
    assert (judgement.add, judgement.destroying) == (0, ("hcloud_placement_group.worker[1]",))
    sovereign.apply()
    assert project.counts()["placement_groups"] == 2


def test_what_a_lost_state_had_replaced_is_adopted_in_its_stead(sovereign: RunDirectory, project: Project) -> None:
    """Killed after a server was replaced, before that was written: the state still names the old one."""
    sovereign.build()
    shutil.copy(sovereign.folder / STATE, sovereign.folder / "old")
    sovereign.plan("-replace=hcloud_server.worker[1]")
    sovereign.apply()
    before = ids(project)
    shutil.copy(sovereign.folder / "old", sovereign.folder / STATE)

    said = sovereign.adopt()
    assert set(said["adopted"]) == {"hcloud_server.worker[1]", TARGET.format("worker-1")}
    assert added_or_lost(sovereign.judged()) == NOTHING
    sovereign.apply()
    assert ids(project) == before


def test_a_stranger_with_our_label_is_told_and_left(sovereign: RunDirectory, project: Project) -> None:
    sovereign.build()
    labels = sovereign.variables["labels"]
    made = project.api.must_post("/networks", {"name": "stranger", "ip_range": "10.9.0.0/16", "labels": labels})
    said = sovereign.adopt()
    assert (said["count"], said["unknown"]) == (0, [f"networks/{made['network']['id']} stranger"])
    assert added_or_lost(sovereign.judged()) == NOTHING


# --- destroy ----------------------------------------------------------------------------------------------------------


def test_a_destroy_takes_what_the_state_lost(sovereign: RunDirectory, project: Project) -> None:
    """Workers too that are not asked for any more, and without the secrets, which no destroy is given."""
    sovereign.build()
    sovereign.forget()
    sovereign.ask(worker_sizes=[], server_token="", agent_token="")
    said = sovereign.adopt("destroy")
    assert (said["count"], said["unknown"]) == (EVERYTHING, [])
    assert sovereign.judged("-destroy").destroy == EVERYTHING
    refused = sovereign.apply_refused()
    if refused:
        # What a command imported has no dependencies, so a group may go before its servers. The next attempt is clean.
        assert "is still in use (resource_in_use, " in refused
        sovereign.plan("-destroy")
        sovereign.apply()
    assert project.counts() == {}


@pytest.mark.parametrize(
    ("verb", "workers", "options"),
    [
        pytest.param("apply", ["cx43"], (), marks=pytest.mark.slow),
        ("destroy", ["cx43"] * 11, ("-destroy",)),
        pytest.param("destroy", [], ("-destroy",), marks=pytest.mark.slow),
    ],
    ids=["fewer workers", "a destroy of what is asked for", "a destroy of what is asked for no more"],
)
def test_what_was_adopted_goes_in_the_right_order(
    sovereign: RunDirectory, project: Project, verb: str, workers: list[str], options: tuple[str, ...]
) -> None:
    """An import knows of no dependencies: without them a group goes before its servers, which Hetzner refuses."""
    sovereign.ask(control_plane_sizes=["cx33"], worker_sizes=["cx43"] * 11)
    sovereign.build()
    sovereign.forget()
    # No destroy is given the secrets.
    tokens = {"server_token": "", "agent_token": ""} if verb == "destroy" else {}
    sovereign.ask(worker_sizes=workers, **tokens)
    project.fault({"delay_seconds": 0.5}, times=None, method="DELETE", path="/servers/.*")
    sovereign.adopt(verb)
    sovereign.judged(*options)
    writes = len(project.writes())
    sovereign.apply()
    gone = [entry for entry in project.writes()[writes:] if entry.startswith("DELETE")]
    assert {"servers", "placement_groups"} <= {entry.split("/")[2] for entry in gone}
    refused = [entry for entry in project.writes()[writes:] if not entry.endswith(("200", "201", "204"))]
    assert refused == [], "each is asked to go once nothing needs it any more"


def test_a_destroy_plan_does_not_look_at_import_blocks(sovereign: RunDirectory, project: Project) -> None:
    """Why a destroy adopts by command. If this changes, blocks will do there too."""
    network = {"name": "acme-1a2b3", "ip_range": "10.0.0.0/16", "labels": sovereign.variables["labels"]}
    project.api.must_post("/networks", network)
    sovereign.adopt("apply")
    assert "hcloud_network.this" in (sovereign.folder / "imports.tf").read_text()
    assert sovereign.judged("-destroy").destroy == 0


@pytest.fixture
def half(sovereign: RunDirectory, project: Project) -> Callable[[], RunDirectory]:
    """Makes a Sovereign whose first apply was killed when two servers were there."""

    def make() -> RunDirectory:
        project.fault({"delay_seconds": 600}, times=None, path=r"/servers/\d+/actions/attach_to_network")
        # Two are ordered, the others not yet: the first three orders of five are held up.
        project.fault({"delay_seconds": 600}, times=3, method="POST", path="/servers")
        sovereign.apply_killed_when(lambda: len(servers(project)) == 2)
        project.lab.delete("/_lab/faults")
        return sovereign

    return make


def test_a_half_made_sovereign_is_destroyed_whole(half: Callable[[], RunDirectory], project: Project) -> None:
    sovereign = half()
    assert sovereign.adopt("destroy")["unknown"] == []
    sovereign.plan("-destroy")
    sovereign.apply()
    assert project.counts() == {}


def test_a_half_made_sovereign_is_completed(half: Callable[[], RunDirectory], project: Project) -> None:
    sovereign = half()
    before = ids(project)
    sovereign.adopt()
    judgement = sovereign.judged()
    assert (judgement.destroy, judgement.replacing) == (0, ())
    assert judgement.add >= 3, "three servers at least are missing"
    sovereign.apply()
    after = ids(project)
    assert {kind: len(found) for kind, found in after.items() if found} == {
        "servers": 5,
        "networks": 1,
        "firewalls": 1,
        "ssh_keys": 1,
        "placement_groups": 2,
        "load_balancers": 1,
        "primary_ips": 10,
    }
    assert all(set(before[kind]) <= set(after[kind]) for kind in before)


# --- what is gone from the project ------------------------------------------------------------------------------------


def test_what_somebody_deleted_is_not_made_again_unasked(sovereign: RunDirectory, project: Project) -> None:
    """OpenTofu calls it a creation: to the people whose data was on that server it is a replacement."""
    sovereign.build()
    gone = project.api.delete(f"/servers/{servers(project)['worker-1']['id']}")
    assert wait(project, gone.body["action"])["status"] == "success"
    judgement = sovereign.judged(standing=STOOD)
    assert (judgement.add, judgement.destroy) == (2, 0), "the server, and its place behind the load balancer"
    assert judgement.replacing == ("hcloud_server.worker[1]",)
    code, said = verdict(judgement, manual=False, approved="")
    assert (code, said) == (
        EXIT_APPROVAL_NEEDED,
        "hcloud_server.worker[1] would be made again: applied once, and gone from the project since",
    )
    assert verdict(judgement, manual=False, approved=judgement.digest)[0] == 0


def test_with_the_token_of_another_project_neither_plan_is_let_through(
    sovereign: RunDirectory, project: Project, emulator: Emulator
) -> None:
    """Even if nobody had looked whose project it is: a second cluster asks, and a destroy of nothing is refused."""
    sovereign.build()
    before = ids(project)
    other = emulator.project()
    mine, sovereign.project = sovereign.project, other
    judgement = sovereign.judged(standing=STOOD)
    assert judgement.add == EVERYTHING
    code, said = verdict(judgement, manual=False, approved="")
    assert code == EXIT_APPROVAL_NEEDED
    assert "would be made again" in said

    judgement = sovereign.judged("-destroy")
    assert (judgement.destroy, judgement.held, len(judgement.missed)) == (0, EVERYTHING, EVERYTHING)
    assert verdict(judgement, manual=False, approved="")[0] == EXIT_NOTHING_FOUND

    sovereign.project = mine
    assert (ids(project), other.counts()) == (before, {})
    judgement = sovereign.judged("-destroy")
    assert (judgement.destroy, judgement.missed) == (EVERYTHING, ()), "nothing was forgotten"


def test_a_service_that_a_refresh_lost_sight_of_is_taken_in_by_the_next_run(
    sovereign: RunDirectory, project: Project
) -> None:
    """The provider takes an error while it looks a service up for its being gone: the plan then makes it once more."""
    sovereign.build()
    before = project.inventory()["load_balancers"]
    lost = 'hcloud_load_balancer_service.this["http"]'
    sovereign.forget(lost)
    judgement = sovereign.judged(standing=STOOD)
    assert (judgement.add, judgement.change, judgement.destroy) == (1, 0, 0)
    assert verdict(judgement, manual=False, approved="")[0] == 0, "a part holds nothing, and nobody is asked"

    progress = sovereign.apply_failing()
    (error,) = diagnose("tofu-apply", 1, "", progress.errors)
    assert (error.code, error.terminal, error.addresses) == ("ERR_ALREADY_EXISTS", False, (lost,))

    assert sovereign.adopt()["adopted"] == [lost]
    judgement = sovereign.judged(standing=STOOD)
    assert (judgement.add, judgement.change, judgement.destroy, judgement.adopt) == (0, 0, 0, 1)
    sovereign.apply()
    assert project.inventory()["load_balancers"] == before


@pytest.mark.parametrize("gone", ["servers", "firewalls"])
def test_what_is_deleted_between_plan_and_apply_is_planned_anew(
    sovereign: RunDirectory, project: Project, gone: str
) -> None:
    sovereign.build()
    sovereign.ask(labels={**sovereign.variables["labels"], "team": "b"})
    sovereign.plan()
    if gone == "servers":
        deleted = project.api.delete(f"/servers/{servers(project)['worker-1']['id']}")
        assert wait(project, deleted.body["action"])["status"] == "success"
    else:
        firewall = project.inventory()["firewalls"][0]
        targets = [{"type": "server", "server": {"id": server["id"]}} for server in servers(project).values()]
        project.api.must_post(f"/firewalls/{firewall['id']}/actions/remove_from_resources", {"remove_from": targets})
        project.api.delete(f"/firewalls/{firewall['id']}")
    progress = sovereign.apply_failing()
    found = diagnose("tofu-apply", 1, "", progress.errors)
    assert {error.code for error in found} <= {"ERR_OBJECT_VANISHED", "ERR_PROVIDER_CRASHED"}, found
    assert not any(error.terminal for error in found)
    sovereign.adopt()
    assert sovereign.judged(standing=STOOD).add > 0
    sovereign.apply()
    again = sovereign.judged()
    assert (again.add, again.change, again.destroy) == (0, 0, 0)
