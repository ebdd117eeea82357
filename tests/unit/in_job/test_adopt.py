"""The container that adopts: a project behind HTTP, and a `tofu` on PATH that writes down what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.in_job import adopt
from catalyst_operator.in_job.hcloud import EXIT_UNAUTHORIZED, KINDS
from tests.support.fake_project import FakeProject, served
from tests.support.gen import TOKEN, UID

NAME = "acme-1a2b3"
SERVERS = [{"id": 10, "name": f"{NAME}-control-plane-0"}, {"id": 50, "name": f"{NAME}-worker-0"}]
WANTED = {"cluster_name": NAME, "control_plane_sizes": ["cx33"], "worker_sizes": ["cx43"]}
SECRET = "K10-a-secret-of-the-state"


def held(name: str, number: int) -> dict[str, Any]:
    """A state with one server."""
    attributes = {"id": str(number), "user_data": SECRET}
    instances = [{"index_key": 0, "attributes": attributes}]
    return {"resources": [{"mode": "managed", "type": "hcloud_server", "name": name, "instances": instances}]}


class Adoption:
    """Runs main in a work directory of its own."""

    def __init__(self, folder: Path, project: FakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.log = folder / "termination-log"
        self.imports = folder / "imports.tf"
        self._folder, self._patch = folder, monkeypatch
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        self.state("")

    def state(self, content: str, exit_code: int = 0) -> None:
        """What `tofu state pull` prints, and how every tofu command ends."""
        (self._folder / "state").write_text(content)
        tofu = self._folder / "tofu"
        tofu.write_text(
            f'#!/bin/sh\n[ "$*" = "state pull" ] && cat {self._folder}/state || echo "$*" >> {self._folder}/commands\n'
            f"exit {exit_code}\n"
        )
        tofu.chmod(0o755)

    def run(self, verb: str = "apply", **variables: Any) -> int:
        self._patch.setenv("CATALYST_VERB", verb)
        (self._folder / "tofu.auto.tfvars.json").write_text(json.dumps({**WANTED, **variables}))
        return adopt.main(self.log)

    @property
    def commands(self) -> list[str]:
        """What tofu was told to do, beside printing the state."""
        file = self._folder / "commands"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def said(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.log.read_text())
        return told


@pytest.fixture
def adoption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adoption]:
    project = FakeProject()
    project.objects = {"servers": list(SERVERS)}
    with served(project) as endpoint:
        monkeypatch.setenv("HCLOUD_ENDPOINT", endpoint)
        monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)
        monkeypatch.setenv("CATALYST_SOVEREIGN_UID", UID)
        yield Adoption(tmp_path, project, monkeypatch)


IMPORT = "import -input=false -no-color -lock-timeout=60s"
WIDER = "-var-file=adoption.tfvars.json"
LEARN = f"apply -refresh-only -auto-approve -input=false -no-color -lock-timeout=60s {WIDER}"
"""Writes down on what an object depends, without which it would be destroyed too early."""


def test_an_apply_gets_import_blocks(adoption: Adoption) -> None:
    assert adoption.run() == 0
    assert adoption.imports.read_text().splitlines() == [
        *("import {", "  to = hcloud_server.control_plane[0]", '  id = "10"', "}"),
        *("import {", "  to = hcloud_server.worker[0]", '  id = "50"', "}"),
    ]
    assert adoption.commands == [], "the plan shows it, and the gate judges it"
    assert adoption.said == {
        "adopted": ["hcloud_server.control_plane[0]", "hcloud_server.worker[0]"],
        "count": 2,
        "unknown": [],
    }


def test_what_the_state_holds_is_left_alone(adoption: Adoption) -> None:
    adoption.state(json.dumps(held("worker", 50)))
    adoption.run()
    assert adoption.said["adopted"] == ["hcloud_server.control_plane[0]"]


def test_no_orphans_no_blocks(adoption: Adoption) -> None:
    adoption.project.objects = {}
    assert adoption.run() == 0
    assert not adoption.imports.exists()
    assert adoption.said == {"adopted": [], "count": 0, "unknown": []}


def test_a_destroy_gets_imports_by_command(adoption: Adoption) -> None:
    """`tofu plan -destroy` does not look at import blocks."""
    assert adoption.run("destroy") == 0
    assert adoption.commands == [f"{IMPORT} hcloud_server.control_plane[0] 10", f"{IMPORT} hcloud_server.worker[0] 50"]
    assert not adoption.imports.exists()
    assert adoption.said["count"] == 2


def test_a_destroy_widens_the_variables_for_what_they_do_not_ask_for_alone(adoption: Adoption) -> None:
    """Wider variables have no address for some that the module's own have: a load balancer has 25 targets."""
    assert adoption.run("destroy", worker_sizes=[]) == 0
    assert adoption.commands == [
        f"{IMPORT} hcloud_server.control_plane[0] 10",
        f"{IMPORT} {WIDER} hcloud_server.worker[0] 50",
        f"{LEARN} -target=hcloud_server.worker[0]",
    ]


def test_what_is_not_wanted_any_more_is_imported_by_command(adoption: Adoption) -> None:
    assert adoption.run(worker_sizes=[]) == 0
    assert adoption.commands == [
        f"{IMPORT} {WIDER} hcloud_server.worker[0] 50",
        f"{LEARN} -target=hcloud_server.worker[0]",
    ]
    assert "worker" not in adoption.imports.read_text()
    assert json.loads(Path("adoption.tfvars.json").read_text())["worker_sizes"] == ["cx33"]
    assert adoption.said["adopted"] == ["hcloud_server.control_plane[0]", "hcloud_server.worker[0]"]


def test_what_the_state_holds_in_anothers_place_is_forgotten_first(adoption: Adoption) -> None:
    adoption.state(json.dumps(held("worker", 40)))
    assert adoption.run("destroy") == 0
    assert adoption.commands[0] == "state rm -no-color -lock-timeout=60s hcloud_server.worker[0]"
    assert adoption.commands[-1] == f"{IMPORT} hcloud_server.worker[0] 50"


def test_the_gate_is_told_which_servers_are_in_the_network(adoption: Adoption) -> None:
    """An import does not read it, so that the plan shows a server as changed that is in its place."""
    inside = [{"network": 7, "ip": "10.0.1.10"}, {"network": 8, "ip": "10.9.0.4"}]
    servers: list[dict[str, Any]] = [{**SERVERS[0], "private_net": inside}, {**SERVERS[1], "private_net": []}]
    adoption.project.objects = {"servers": servers, "networks": [{"id": 7, "name": NAME}]}
    assert adoption.run() == 0
    assert json.loads(Path("attached.json").read_text()) == {"hcloud_server.control_plane[0]": "10.0.1.10"}


def test_a_run_that_only_plans_changes_no_state(adoption: Adoption) -> None:
    adoption.state(json.dumps(held("control_plane", 9)))
    assert adoption.run("plan", worker_sizes=[]) == 0
    assert adoption.commands == []
    assert adoption.said["adopted"] == ["hcloud_server.control_plane[0]"]


def test_a_stranger_is_told(adoption: Adoption, capsys: pytest.CaptureFixture[str]) -> None:
    adoption.project.objects["volumes"] = [{"id": 7, "name": "data"}]
    assert adoption.run() == 0
    assert adoption.said["unknown"] == ["volumes/7 data"]
    assert "volumes/7 data" in capsys.readouterr().out


def test_every_page_of_every_kind_is_read_with_the_token(adoption: Adoption) -> None:
    adoption.project.page_size = 1
    adoption.run()
    assert [kind for kind, _, _ in adoption.project.seen] == ["servers", *KINDS]
    assert {(selector, auth) for _, selector, auth in adoption.project.seen} == {
        (f"{LABEL_SOVEREIGN_UID}={UID}", f"Bearer {TOKEN}")
    }
    assert adoption.said["count"] == 2


def test_nothing_secret_is_told(adoption: Adoption, capfd: pytest.CaptureFixture[str]) -> None:
    adoption.state(json.dumps(held("worker", 50)))
    adoption.run()
    captured = capfd.readouterr()
    assert SECRET not in captured.out + captured.err + adoption.log.read_text()
    assert TOKEN not in captured.out + captured.err + adoption.log.read_text()


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_was_revoked_is_told_apart(adoption: Adoption, status: int) -> None:
    adoption.project.status = status
    assert adoption.run() == EXIT_UNAUTHORIZED


@pytest.mark.parametrize(("status", "body"), [(500, None), (429, None), (200, "<html>a proxy's page</html>")])
def test_a_project_that_cannot_be_read_is_not_an_empty_one(adoption: Adoption, status: int, body: str | None) -> None:
    adoption.project.status, adoption.project.body = status, body
    assert adoption.run() == 1
    assert not adoption.log.exists()


@pytest.mark.parametrize(("content", "exit_code"), [("", 1), ("{", 0)], ids=["tofu fails", "cut off"])
def test_a_state_that_cannot_be_read_is_not_an_empty_one(adoption: Adoption, content: str, exit_code: int) -> None:
    adoption.state(content, exit_code)
    assert adoption.run() == 1
    assert not adoption.imports.exists()


def test_an_import_that_fails_ends_the_run(adoption: Adoption, capsys: pytest.CaptureFixture[str]) -> None:
    adoption.state("")
    tofu = Path("tofu")
    tofu.write_text(tofu.read_text().replace("exit 0", '[ "$1" = state ]'))
    assert adoption.run("destroy") == 1
    assert "hcloud_server.control_plane[0] 10` failed" in capsys.readouterr().err
    assert not adoption.log.exists()


def test_servers_that_a_killed_run_left_off_are_started_before_the_plan(adoption: Adoption) -> None:
    """Nobody noted them for it any more; a plan that puts the size back would do nothing."""
    adoption.project.objects["servers"] = [{**SERVERS[0], "status": "off"}, {**SERVERS[1], "status": "running"}]
    adoption.project.power = {"10": "off", "50": "running"}
    assert adoption.run() == 0
    assert [number for number, _ in adoption.project.started] == ["10"]


@pytest.mark.parametrize("verb", ["plan", "destroy"])
def test_only_an_apply_starts_servers(adoption: Adoption, verb: str) -> None:
    adoption.project.objects["servers"] = [{**SERVERS[0], "status": "off"}]
    adoption.project.power = {"10": "off"}
    assert adoption.run(verb) == 0
    assert adoption.project.started == []
