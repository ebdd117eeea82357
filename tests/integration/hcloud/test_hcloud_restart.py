"""The emulator forgets nothing when it is killed, and goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.hcloud.emulator import Client, Emulator
from tests.integration.hcloud.test_hcloud_api import network, order, wait

pytestmark = pytest.mark.integration


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path)
    emulator.start()
    yield emulator
    emulator.stop()


def test_a_kill_loses_nothing(own: Emulator) -> None:
    project = own.project()
    own.lab.must_post("/_lab/delays", {"server_create_seconds": 0.5})
    project.fault({"code": "conflict"}, method="POST", path="/volumes")
    made = project.api.must_post("/servers", order(user_data="#cloud-config\n"))
    network(project)
    before, log = project.inventory(), project.writes()

    own.kill()
    own.start()

    assert project.writes() == log
    after = project.inventory()
    assert {kind: [item["id"] for item in items] for kind, items in after.items()} == {
        kind: [item["id"] for item in items] for kind, items in before.items()
    }
    assert wait(project, made["action"])["status"] == "success", "what was running goes on"
    assert project.api.post("/volumes", {"name": "v", "size": 10, "location": "fsn1"}).code == "conflict"
    assert own.lab.get("/_lab/delays").body["server_create_seconds"] == 0.5
    assert project.api.must_post("/servers", order("two"))["server"]["id"] > made["server"]["id"]


def test_the_token_of_the_file_opens_the_default_project(own: Emulator) -> None:
    api = Client(own.lab.host, own.lab.port, own.token)
    api.must_post("/networks", {"name": "net", "ip_range": "10.0.0.0/16"})
    assert [item["project"] for item in own.lab.get("/_lab/inventory").body["networks"]] == ["default"]


def test_a_reset_leaves_the_token_of_the_file_only(own: Emulator) -> None:
    project = own.project()
    network(project)
    own.lab.post("/_lab/reset")
    assert project.api.get("/networks").status == 401
    assert Client(own.lab.host, own.lab.port, own.token).get("/networks").body["networks"] == []
