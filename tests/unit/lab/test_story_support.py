"""What the stories judge by: a helper that sees nothing would let every story pass."""

from __future__ import annotations

import base64
import copy
import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalyst_operator.api import labels
from e2e.lab.layout import Layout
from e2e.stories.inventory import assert_kept, assert_one_cluster, complete
from e2e.support.kubectl import Kubectl
from e2e.support.lease import lock_info
from e2e.support.processes import find_tofu
from e2e.support.sovereigns import codes, commands, condition, has, results
from e2e.support.user_data import files, k3s_config

UID = "11111111-2222-3333-4444-555555555555"
Inventory = dict[str, list[dict[str, Any]]]


def test_without_a_lab_people_are_told_how_to_get_one(tmp_path: Path) -> None:
    """`python -m e2e.demo` is what a newcomer tries first."""
    with pytest.raises(SystemExit, match=r"make lab-up"):
        Kubectl.of_lab(Layout(tmp_path))


# --- what a server is told ---


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def test_user_data_is_taken_apart() -> None:
    config = {"cluster-init": True, "token": "secret"}
    entries = [
        {"path": "/etc/rancher/k3s/config.yaml", "encoding": "gz+b64", "content": packed(yaml.safe_dump(config))},
        {"path": "/etc/plain", "content": "as it is"},
    ]
    ordered = packed("#cloud-config\n" + yaml.safe_dump({"write_files": entries}))
    assert k3s_config(ordered) == config
    assert files(ordered)["/etc/plain"] == "as it is"


# --- processes ---


def process(proc: Path, pid: int, command: str, uid: str = UID) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "cmdline").write_bytes(command.replace(" ", "\0").encode() + b"\0")
    (folder / "environ").write_bytes(f"HOME=/tmp\0CATALYST_SOVEREIGN_UID={uid}\0".encode())


def test_only_the_tofu_of_this_sovereign_is_found(tmp_path: Path) -> None:
    process(tmp_path, 1, "tofu apply -json plan.bin", uid="another")
    process(tmp_path, 2, "tofu plan -json")
    process(tmp_path, 3, ".terraform/providers/terraform-provider-hcloud")
    process(tmp_path, 4, "tofu apply -json plan.bin")
    (tmp_path / "5").mkdir()  # it has ended, and left nothing to read
    (tmp_path / "self").mkdir()
    assert find_tofu(UID, proc=tmp_path) == 4
    assert find_tofu(UID, "plan", proc=tmp_path) == 2
    assert find_tofu("nobody", proc=tmp_path) is None


# --- status ---

STATUS: dict[str, Any] = {
    "conditions": [{"type": "Ready", "status": "False", "reason": "CheckFailed", "message": "no"}],
    "history": [{"result": "Succeeded"}, {"result": "Failed"}],
    "lastErrors": [{"code": "ERR_A"}, {"code": "ERR_B"}],
}


def test_a_condition_is_asked_for_by_status_or_reason() -> None:
    assert has(STATUS, Ready="False")
    assert has(STATUS, Ready="CheckFailed")
    assert not has(STATUS, Ready="no"), "the message is not a reason"
    assert not has(STATUS, Stalled="CheckFailed"), "a condition that is not there has no reason"
    assert condition(STATUS, "Stalled") == {}


def test_runs_are_told_oldest_first_and_errors_in_their_order() -> None:
    assert results(STATUS) == ["Failed", "Succeeded"]
    assert codes(STATUS) == ["ERR_A", "ERR_B"]
    assert (results({}), codes({})) == ([], [])


def test_commands_of_a_message_can_be_run() -> None:
    message = 'Read it with `kubectl -n a logs job/b -c c`; see `status.plan`; `kubectl patch -p \'{"x":"y z"}\'`'
    assert commands(message) == [["-n", "a", "logs", "job/b", "-c", "c"], ["patch", "-p", '{"x":"y z"}']]


def test_lock_is_told_in_the_fields_that_opentofu_reads() -> None:
    info = lock_info("@pod", datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC))
    assert set(info) == {"ID", "Operation", "Info", "Who", "Version", "Created", "Path"}
    assert (info["Who"], info["Created"]) == ("@pod", "2026-11-22T01:02:03Z")


# --- inventory ---


def cluster() -> Inventory:
    """One control plane and one worker, as the emulator shows them."""
    marks = {labels.LABEL_SOVEREIGN_UID: UID}

    def server(number: int, role: str) -> dict[str, Any]:
        return {
            "id": number,
            "status": "running",
            "labels": {**marks, labels.LABEL_ROLE: role},
            "private_net": [{"network": 1, "ip": f"10.0.1.{number}"}],
            "public_net": {"firewalls": [{"id": 2, "status": "applied"}]},
        }

    return {
        "networks": [{"id": 1, "labels": marks, "subnets": [{"ip_range": "10.0.1.0/24"}]}],
        "firewalls": [{"id": 2, "labels": marks}],
        "ssh_keys": [{"id": 3, "labels": marks}],
        "placement_groups": [{"id": 4, "labels": marks}, {"id": 5, "labels": marks}],
        "servers": [server(10, "control-plane"), server(50, "worker")],
        "load_balancers": [
            {
                "id": 6,
                "labels": marks,
                "services": [{"listen_port": 80}, {"listen_port": 443}],
                "targets": [{"server": {"id": 10}}, {"server": {"id": 50}}],
                "private_net": [{"network": 1, "ip": "10.0.1.5"}],
            }
        ],
    }


def test_one_complete_cluster_is_accepted() -> None:
    assert_one_cluster(cluster(), UID)


FLAWS: dict[str, Callable[[Inventory], Any]] = {
    "a twin server": lambda found: found["servers"].append(copy.deepcopy(found["servers"][1])),
    "a second network": lambda found: found["networks"].append(found["networks"][0]),
    "a missing key": lambda found: found.pop("ssh_keys"),
    "a volume": lambda found: found.update(volumes=[{"id": 9}]),
    "a label of somebody else": lambda found: found["firewalls"][0].update(labels={labels.LABEL_SOVEREIGN_UID: "x"}),
    "a server outside the network": lambda found: found["servers"][0].update(private_net=[]),
    "a server without the firewall": lambda found: found["servers"][0].update(public_net={"firewalls": []}),
    "a server that is off": lambda found: found["servers"][0].update(status="off"),
    "one address for two servers": lambda found: found["servers"][0]["private_net"][0].update(ip="10.0.1.50"),
    "a worker for a control plane": lambda found: found["servers"][0]["labels"].update({labels.LABEL_ROLE: "worker"}),
    "no subnet": lambda found: found["networks"][0].update(subnets=[]),
    "no service on 443": lambda found: found["load_balancers"][0]["services"].pop(),
    "a server that is no target": lambda found: found["load_balancers"][0]["targets"].pop(),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_every_flaw_of_a_cluster_is_seen(flaw: str) -> None:
    found = cluster()
    FLAWS[flaw](found)
    with pytest.raises(AssertionError):
        assert_one_cluster(found, UID)


def test_what_is_half_made_may_be_replaced_and_nothing_else() -> None:
    before = cluster()
    before["servers"][1].update(private_net=[])
    after = copy.deepcopy(before)
    after["servers"][1]["id"] = 51
    assert_kept(complete(before), after)
    after["servers"][0]["id"] = 11
    with pytest.raises(AssertionError, match="replaced"):
        assert_kept(complete(before), after)
