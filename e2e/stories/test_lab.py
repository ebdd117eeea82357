"""The lab's promises: a second start is instant, a killed lab comes back, and nothing is left when it is taken down.

These take the lab away from under everything else, so they have a marker of their own and end with the lab up.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from e2e.lab import images, processes
from e2e.lab.layout import BRIDGE, POD_BRIDGE, REPOSITORY, SERVICE_RANGE, Layout

pytestmark = pytest.mark.lab

LAB = Layout.of_checkout()

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "guest"},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "memory", "emptyDir": {"medium": "Memory"}}],
        "containers": [
            {
                "name": "guest",
                "image": images.OPERATOR_IMAGE,
                "imagePullPolicy": "Never",
                "command": ["sleep", "infinity"],
                "volumeMounts": [{"name": "memory", "mountPath": "/memory"}],
            }
        ],
    },
}


def lab(*arguments: str, checkout: Path = REPOSITORY, expect: int = 0) -> str:
    """Run the lab's command line; what it wrote to standard error."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    command = [sys.executable, "-m", "e2e.lab", *arguments]
    ran = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == expect, ran.stderr
    return ran.stderr


def on_cluster(*arguments: str, stdin: str | None = None) -> str:
    command = [str(LAB.bin / "kubectl"), f"--kubeconfig={LAB.kubeconfig}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def started_processes() -> dict[str, str]:
    return {path.stem: path.read_text() for path in LAB.run.glob("*.json")}


def kill_everything() -> None:
    for pid in [*processes.of_lab(LAB.root), *processes.in_pods()]:
        os.kill(pid, signal.SIGKILL)


def mounts() -> list[str]:
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if f"{LAB.root}/" in line]


@pytest.fixture(scope="session")
def installed() -> None:
    """Instead of the stories' fixture of this name: no operator is needed here, and none would survive."""


@pytest.fixture(autouse=True)
def lab_is_up() -> Iterator[None]:
    lab("up")
    yield
    lab("up")


@pytest.fixture
def guest() -> str:
    """A Pod with a volume in memory: a sandbox, a namespace and mounts that a crash leaves behind."""
    on_cluster("delete", "pod", "guest", "--ignore-not-found", "--now")
    on_cluster("apply", "-f", "-", stdin=json.dumps(POD))
    on_cluster("wait", "--for=condition=Ready", "pod/guest", "--timeout=30s")
    return "guest"


def test_a_second_up_is_instant_and_changes_nothing() -> None:
    before = started_processes(), LAB.images_record.read_text(), LAB.kubeconfig.read_text()
    begin = time.monotonic()
    lab("up")
    assert time.monotonic() - begin < 3
    assert before == (started_processes(), LAB.images_record.read_text(), LAB.kubeconfig.read_text())


def test_a_single_lost_process_is_started_again_and_the_cluster_stays(guest: str) -> None:
    before = started_processes()
    lost = processes.find(LAB, "kube-scheduler")
    assert lost
    processes.end([lost.pid], grace=0)

    lab("up")

    after = started_processes()
    assert {name for name in after if after[name] != before.get(name)} == {"kube-scheduler"}
    assert on_cluster("get", "pod", guest, "-o", "jsonpath={.status.phase}") == "Running"


def test_a_lab_killed_without_notice_comes_back(guest: str) -> None:
    kill_everything()
    assert any("/kubelet/pods/" in mount for mount in mounts()), "the crash must leave something to clean up"

    lab("up")

    assert not any("/kubelet/pods/" in mount for mount in mounts())
    assert "condition met" in on_cluster("wait", "--for=condition=Ready", "node/node1", "--timeout=5s")
    with pytest.raises(subprocess.CalledProcessError):
        on_cluster("get", "pod", guest)
    lab("status")


def test_after_a_reboot_nobody_else_is_mistaken_for_the_lab() -> None:
    kill_everything()
    with subprocess.Popen(["sleep", "infinity"]) as bystander:
        mistaken = asdict(processes.Identity(bystander.pid, 0, "the boot before"))
        for path in LAB.run.glob("*.json"):
            path.write_text(json.dumps({**json.loads(path.read_text()), "process": mistaken}))

        lab("up")

        assert bystander.poll() is None
        bystander.kill()
    lab("status")


def test_down_leaves_nothing(guest: str) -> None:
    lab("down")

    assert not processes.of_lab(LAB.root)
    assert not processes.in_pods()
    assert not mounts()
    links = output("ip", "-oneline", "link")
    assert BRIDGE not in links
    assert POD_BRIDGE not in links
    assert "veth" not in links
    assert SERVICE_RANGE not in output("ip", "route")
    for save in ("iptables-save", "ip6tables-save"):
        rules = output(save)
        assert not [line for line in rules.splitlines() if "KUBE-" in line or "CNI-" in line or "CATALYST" in line]
    assert not list(Path("/sys/fs/cgroup").glob("**/catalyst-lab"))
    assert not list(Path("/var/log/containers").glob("guest_*"))
    assert sorted(path.name for path in LAB.root.iterdir()) == ["bin", "log"]


def test_down_also_clears_away_a_lab_killed_without_notice(guest: str) -> None:
    kill_everything()
    lab("down")
    assert not mounts()
    assert BRIDGE not in output("ip", "-oneline", "link")


def test_another_checkout_does_not_take_the_machine_unasked(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "e2e" / "lab", tmp_path / "e2e" / "lab")
    said = lab("up", checkout=tmp_path, expect=3)
    assert str(REPOSITORY) in said
    assert "--replace" in said
    lab("down", checkout=tmp_path)
    lab("status")
