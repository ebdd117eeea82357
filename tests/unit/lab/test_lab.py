"""What decides whom the lab ends and what it removes: mistakes here would hit other people's processes and rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from e2e.lab import cluster, machine, network, packages, processes
from e2e.lab.layout import Layout

SLEEPER = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    lab = Layout(tmp_path / ".lab")
    lab.run.mkdir(parents=True)
    yield lab
    processes.end(processes.of_lab(lab.root), grace=0)


def note(layout: Layout, name: str, identity: processes.Identity) -> None:
    (layout.run / f"{name}.json").write_text(json.dumps({"process": asdict(identity), "version": ""}))


def test_a_started_process_is_found_until_it_is_stopped(layout: Layout) -> None:
    started = processes.start(layout, "one", SLEEPER, {})
    assert processes.find(layout, "one") == started
    processes.stop(layout, "one", grace=5)
    assert processes.find(layout, "one") is None


def test_a_killed_process_is_not_found(layout: Layout) -> None:
    started = processes.start(layout, "one", SLEEPER, {})
    os.kill(started.pid, 9)
    processes.end([started.pid], grace=0)
    assert processes.find(layout, "one") is None


def test_a_pid_that_was_given_out_again_is_not_believed(layout: Layout) -> None:
    started = processes.start(layout, "one", SLEEPER, {})
    note(layout, "two", processes.Identity(started.pid, started.started - 1, started.boot))
    assert processes.find(layout, "two") is None


def test_a_run_file_from_before_a_reboot_is_not_believed(layout: Layout) -> None:
    started = processes.start(layout, "one", SLEEPER, {})
    note(layout, "two", processes.Identity(started.pid, started.started, "another-boot"))
    assert processes.find(layout, "two") is None


def test_what_a_component_started_belongs_to_its_lab(layout: Layout) -> None:
    script = f"import subprocess; subprocess.run({SLEEPER!r})"
    processes.start(layout, "parent", [sys.executable, "-c", script], {})
    log = layout.log / "parent.log"
    while "up" not in log.read_text():
        assert processes.find(layout, "parent")
    assert len(processes.of_lab(layout.root)) == 2


def test_processes_of_nobody_are_of_no_lab(layout: Layout) -> None:
    with subprocess.Popen(SLEEPER, env={processes.MARK: f"{layout.root}-other"}) as foreign:
        try:
            assert foreign.pid not in processes.of_lab(layout.root)
        finally:
            foreign.kill()


def test_what_a_test_booted_is_no_lab_in_the_way(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab that comes up must not end the servers of tests that run beside it."""
    here, there = Layout(layout.root.parent / "a" / ".lab"), layout.root.parent / "b" / ".lab"
    marks = {1: str(there), 2: str(layout.root.parent / "joining0" / "lab"), 3: str(here.root)}
    monkeypatch.setattr(processes, "marked", lambda: marks)
    monkeypatch.setattr(machine, "owner", lambda: None)
    assert [other.root for other in machine.others(here)] == [there]


SAVED = """\
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-1 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-1
COMMIT
""".splitlines()


def test_removal_takes_own_chains_and_the_jumps_to_them() -> None:
    assert network.removal_of(SAVED).splitlines() == [
        "*nat",
        ":KUBE-SERVICES - [0:0]",
        ":KUBE-SVC-1 - [0:0]",
        '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        "-X KUBE-SERVICES",
        "-X KUBE-SVC-1",
        "COMMIT",
    ]


def test_all_of_the_lab_s_own_rules_can_be_removed() -> None:
    """Whatever is added to them: what is left would reject packets for ever."""
    rules = network.RULES.format(pods="pods", cut=network.CUT_CHAIN, clusters=1, mark="0x1").splitlines()
    saved = [line.replace("-I FORWARD 1", "-A FORWARD").replace("-I INPUT 1", "-A INPUT") for line in rules]
    saved = [line.replace("-I OUTPUT 1", "-A OUTPUT") for line in saved]
    removal = network.removal_of(saved).splitlines()
    own = {line[1:].split()[0] for line in saved if line.startswith(":")}
    assert {line.split()[1] for line in removal if line.startswith("-X")} == own
    assert [line.split()[1] for line in removal if line.startswith("-D")] == ["FORWARD", "INPUT", "OUTPUT"]


def test_a_network_of_an_earlier_checkout_is_not_current(layout: Layout) -> None:
    """It lacks what is new, and nothing else would tell."""
    assert not network.is_current(layout)
    network.settings_file(layout).write_text(json.dumps({"boot": "x", "settings": {}}))
    assert not network.is_current(layout)
    network.settings_file(layout).write_text(json.dumps({"boot": "x", "settings": {}, "version": network.version()}))
    assert network.is_current(layout)


def test_the_git_server_is_outdated_when_the_kit_changes(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """It publishes the kit as it starts."""
    template = layout.root / "clusters"
    template.mkdir()
    monkeypatch.setattr(cluster, "TEMPLATE", template)
    before = cluster.git(layout).version
    (template / "kustomization.yaml").write_text("resources: []\n")
    assert cluster.git(layout).version != before


def test_a_table_without_own_chains_is_left_alone() -> None:
    assert network.removal_of([line for line in SAVED if "KUBE" not in line]) == ""


def test_the_list_of_packages_has_no_doubles_and_is_sorted() -> None:
    assert packages.wanted() == sorted(set(packages.wanted()))
