"""The gate's container: a real process' view, with a `tofu` on PATH that shows a prepared plan."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from catalyst_operator.core.tofu.plan_gate import (
    EXIT_APPROVAL_NEEDED,
    EXIT_CLUSTER_LOST,
    EXIT_DIGEST_MISMATCH,
    EXIT_NOTHING_FOUND,
    EXIT_REFUSED,
    EXIT_STATE_REFUSED,
)
from catalyst_operator.in_job import plan_gate
from tests.support.gen import TOKEN, UID

SECRET = {"user_data": TOKEN, "server_type": "cpx22", "id": "1"}
FIRST = "hcloud_server.control_plane[0]"


def plan(*actions: str, address: str = "hcloud_server.worker[0]", adopted: bool = False) -> str:
    before = None if actions == ("create",) else SECRET
    change = {"actions": list(actions), "before": before, "after": SECRET}
    if adopted:
        change["importing"] = {"id": SECRET["id"]}
    return json.dumps({"resource_changes": [{"address": address, "type": "hcloud_server", "change": change}]})


class Gate:
    """Runs the gate's main in a folder with a `tofu` of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "termination-log"
        self._folder, self._patch = folder, monkeypatch
        self.state = ""
        """What `tofu state pull` prints."""
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        for name, value in {
            "CATALYST_SOVEREIGN_UID": UID,
            "CATALYST_VERB": "apply",
            "CATALYST_APPROVAL": "Automatic",
            "CATALYST_APPROVED_PLAN": "",
            "CATALYST_MEMBERS": "",
            "CATALYST_RESIZED_LATER": "",
            "CATALYST_RESIZE_APPROVED": "",
            "CATALYST_STANDING": "",
            "CATALYST_GONE_CONFIRMED": "",
            "CATALYST_STATE_GIVEN": "",
        }.items():
            monkeypatch.setenv(name, value)

    def judge(self, shown: str, **env: str) -> int:
        """Exit code for this plan; `env` in lower case without its prefix."""
        (self._folder / "plan.json").write_text(shown)
        tofu = self._folder / "tofu"
        (self._folder / "state").write_text(self.state)
        tofu.write_text(
            f'#!/bin/sh\n[ "$2" = -json ] && exec cat {self._folder}/plan.json\n'
            f'[ "$*" = "state pull" ] && exec cat {self._folder}/state\necho "for people: $*"\n'
        )
        tofu.chmod(0o755)
        for name, value in env.items():
            self._patch.setenv(f"CATALYST_{name.upper()}", value)
        return plan_gate.main("plan.bin", self.log)

    @property
    def said(self) -> dict[str, object]:
        """The termination message."""
        told: dict[str, object] = json.loads(self.log.read_text())
        return told


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(tmp_path, monkeypatch)


def test_a_harmless_plan_is_let_through_and_shown(gate: Gate, capfd: pytest.CaptureFixture[str]) -> None:
    assert gate.judge(plan("create")) == 0
    assert (gate.said["add"], gate.said["destroy"]) == (1, 0)
    out = capfd.readouterr().out
    assert "for people: show -no-color plan.bin" in out
    assert str(gate.said["digest"]) in out


def test_nothing_secret_is_printed(gate: Gate, capfd: pytest.CaptureFixture[str]) -> None:
    gate.judge(plan("delete", "create"))
    captured = capfd.readouterr()
    assert TOKEN not in captured.out + captured.err + gate.log.read_text()


def test_a_replacement_waits_and_its_approval_lets_it_through(gate: Gate) -> None:
    assert gate.judge(plan("delete", "create")) == EXIT_APPROVAL_NEEDED
    digest = str(gate.said["digest"])
    assert "would be replaced" in str(gate.said["explanation"])
    assert gate.judge(plan("delete", "create"), approved_plan="0" * 64) == EXIT_DIGEST_MISMATCH
    assert gate.judge(plan("delete", "create"), approved_plan=digest) == 0


def test_manual_waits_for_everything(gate: Gate) -> None:
    assert gate.judge(plan("create"), approval="Manual") == EXIT_APPROVAL_NEEDED


def test_an_adoption_is_told_and_nobody_has_to_approve_it(gate: Gate) -> None:
    assert gate.judge(plan("no-op", adopted=True), approval="Manual") == 0
    assert (gate.said["adopt"], gate.said["add"], gate.said["change"]) == (1, 0, 0)


def test_what_goes_for_good_is_named(gate: Gate) -> None:
    gate.judge(plan("delete"))
    assert (gate.said["destroying"], gate.said["replacing"]) == (["hcloud_server.worker[0]"], [])
    assert gate.said["powering_off"] == []


def test_a_destroy_needs_no_approval(gate: Gate) -> None:
    assert gate.judge(plan("delete"), verb="destroy", approval="Manual") == 0


def held(*names: str) -> str:
    """A state with these workers."""
    instances = [{"index_key": n, "attributes": {"id": name, "user_data": TOKEN}} for n, name in enumerate(names)]
    return json.dumps(
        {"resources": [{"mode": "managed", "type": "hcloud_server", "name": "worker", "instances": instances}]}
    )


def test_a_destroy_that_finds_nothing_of_the_state_is_stopped_unless_a_person_said_so(
    gate: Gate, capfd: pytest.CaptureFixture[str]
) -> None:
    gate.state = held("1", "2")
    assert gate.judge("{}", verb="destroy") == EXIT_NOTHING_FOUND
    assert (gate.said["held"], gate.said["destroy"]) == (2, 0)
    captured = capfd.readouterr()
    assert TOKEN not in captured.out + captured.err + gate.log.read_text()
    assert gate.judge("{}", verb="destroy", gone_confirmed="yes") == 0
    assert gate.judge("{}", verb="destroy", state_given="yes", gone_confirmed="") == EXIT_STATE_REFUSED
    assert gate.judge("{}", verb="destroy", state_given="yes", gone_confirmed="yes") == 0


def test_a_destroy_that_finds_some_of_the_state_names_what_it_did_not_find(gate: Gate) -> None:
    gate.state = held("1", "2")
    assert gate.judge(plan("delete"), verb="destroy") == 0
    assert gate.said["missed"] == ["hcloud_server.worker[1]"]


def test_what_stood_once_is_not_made_again_unasked(gate: Gate) -> None:
    assert gate.judge(plan("create"), standing="control-plane:0 worker:0") == EXIT_APPROVAL_NEEDED
    assert gate.said["replacing"] == ["hcloud_server.worker[0]"]
    assert gate.judge(plan("create"), standing="control-plane:0") == 0


def test_what_adopt_saw_in_the_network_is_known_to_the_gate(gate: Gate, tmp_path: Path) -> None:
    place = [{"ip": "10.0.1.50"}]
    server = {"actions": ["update"], "before": SECRET, "after": {**SECRET, "network": place}, "importing": {"id": "1"}}
    shown = json.dumps(
        {"resource_changes": [{"address": "hcloud_server.worker[0]", "type": "hcloud_server", "change": server}]}
    )
    assert gate.judge(shown, approval="Manual") == EXIT_APPROVAL_NEEDED
    (tmp_path / "attached.json").write_text('{"hcloud_server.worker[0]": "10.0.1.50"}')
    assert gate.judge(shown, approval="Manual") == 0
    assert (gate.said["settling"], gate.said["change"]) == (1, 0)


def test_the_only_control_plane_is_not_replaced(gate: Gate) -> None:
    assert gate.judge(plan("delete", "create", address=FIRST), members="control-plane-0") == EXIT_REFUSED
    assert "the only control plane" in str(gate.said["explanation"])


def test_a_cluster_that_is_lost_is_told_apart(gate: Gate) -> None:
    assert gate.judge(plan("create", address=FIRST), members="control-plane-0") == EXIT_CLUSTER_LOST
    assert gate.judge(plan("create", address=FIRST), members="control-plane-0,control-plane-1,control-plane-2") == 0
    assert gate.said["creating"] == "control-plane:0"


RESIZE = json.dumps(
    {
        "resource_changes": [
            {
                "address": "hcloud_server.worker[0]",
                "type": "hcloud_server",
                "change": {"actions": ["update"], "before": SECRET, "after": {**SECRET, "server_type": "cpx32"}},
            }
        ]
    }
)


def test_whom_a_plan_powers_off_is_noted_once_it_may_be_applied(gate: Gate, tmp_path: Path) -> None:
    """Whoever starts them again finds it beside the plan."""
    note = tmp_path / "powered-off.json"
    assert gate.judge(RESIZE) == EXIT_APPROVAL_NEEDED
    assert not note.exists()
    assert gate.judge(RESIZE, verb="plan") == 0
    assert not note.exists()
    digest = str(gate.said["digest"])
    assert gate.judge(RESIZE, verb="apply", approved_plan=digest) == 0
    assert json.loads(note.read_text()) == {"hcloud_server.worker[0]": "1"}


def test_resizes_after_an_approved_one_are_let_through(gate: Gate) -> None:
    assert gate.judge(RESIZE, resized_later="worker-1,worker-2") == EXIT_APPROVAL_NEEDED
    assert "then powers off hcloud_server.worker[1], hcloud_server.worker[2]" in str(gate.said["explanation"])
    assert gate.judge(RESIZE, resized_later="worker-2", resize_approved="yes") == 0


@pytest.mark.parametrize("shown", ["", "not JSON"])
def test_a_plan_that_cannot_be_read_is_not_let_through(gate: Gate, shown: str) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        gate.judge(shown)


def test_a_tofu_that_fails_is_not_let_through(gate: Gate, tmp_path: Path) -> None:
    gate.judge(plan("create"))
    (tmp_path / "tofu").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(CalledProcessError):
        plan_gate.main("plan.bin", gate.log)


def test_a_dry_run_goes_through_whatever_it_would_need(gate: Gate) -> None:
    assert gate.judge(plan("delete", "create"), verb="plan", approval="Manual") == 0
    assert "would need approval" in str(gate.said["explanation"])
