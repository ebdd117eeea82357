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

from e2e.lab import network, packages, processes
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


def test_a_table_without_own_chains_is_left_alone() -> None:
    assert network.removal_of([line for line in SAVED if "KUBE" not in line]) == ""


def test_the_list_of_packages_has_no_doubles_and_is_sorted() -> None:
    assert packages.wanted() == sorted(set(packages.wanted()))
