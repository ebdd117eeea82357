"""Servers that a run left off are started: those that it powered off, and no others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalyst_operator.in_job import power
from catalyst_operator.in_job.power import PowerPatience, Started
from tests.support.fake_project import FakeProject, served
from tests.support.gen import TOKEN

AT_ONCE = PowerPatience(deadline=0, pause=0.001)
PATIENT = PowerPatience(deadline=20, pause=0.001)
FIRST, SECOND = "hcloud_server.control_plane[0]", "hcloud_server.worker[0]"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProject]:
    project = FakeProject()
    with served(project) as endpoint:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HCLOUD_ENDPOINT", endpoint)
        monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)
        yield project


def test_a_server_that_is_off_is_started(project: FakeProject) -> None:
    project.power = {"10": "off", "50": "running"}
    assert power.start({FIRST: "10", SECOND: "50"}, PATIENT) == Started((FIRST,))
    assert project.started == [("10", f"Bearer {TOKEN}")]


@pytest.mark.parametrize("status", ["running", "starting", "initializing", "migrating"])
def test_one_that_runs_or_is_about_to_is_left_alone(project: FakeProject, status: str) -> None:
    project.power = {"10": status}
    assert power.start({FIRST: "10"}, AT_ONCE) == Started()
    assert project.started == []


def test_one_that_is_gone_is_not_waited_for(project: FakeProject) -> None:
    begun = time.monotonic()
    assert power.start({FIRST: "10"}, PATIENT) == Started()
    assert time.monotonic() - begun < PATIENT.deadline


def test_one_that_is_still_stopping_is_started_once_it_is_off(project: FakeProject) -> None:
    """A run that is told to stop ends in the middle of a power-off."""
    looks = iter(["stopping", "stopping", "off"])
    project.power = {"10": "off"}
    answer = project.server

    def server(number: str) -> tuple[int, str]:
        project.power[number] = next(looks, project.power[number])
        return answer(number)

    project.server = server  # type: ignore[method-assign]
    assert power.start({FIRST: "10"}, PATIENT) == Started((FIRST,))


def test_a_start_that_is_refused_is_tried_again(project: FakeProject) -> None:
    """The action that failed may still hold the server."""
    project.power, project.refusals = {"10": "off"}, 3
    assert power.start({FIRST: "10"}, PATIENT) == Started((FIRST,))
    assert len(project.started) == 1


def test_one_that_cannot_be_started_is_named(project: FakeProject, capsys: pytest.CaptureFixture[str]) -> None:
    project.power, project.refusals = {"10": "off", "50": "running"}, 1_000_000
    assert power.start({FIRST: "10", SECOND: "50"}, AT_ONCE) == Started((), (FIRST,))
    assert "server 10 could not be started yet" in capsys.readouterr().out


def test_one_that_was_told_to_start_and_does_not_is_named_too(project: FakeProject) -> None:
    """That the API took the order is not that the server runs, and it is ordered once."""
    project.power, project.starts = {"10": "off"}, False
    assert power.start({FIRST: "10"}, PowerPatience(deadline=0.05, pause=0.001)) == Started((), (FIRST,))
    assert len(project.started) == 1


@pytest.mark.parametrize(
    ("status", "body"), [(500, None), (401, None), (200, "<html>a proxy's page</html>"), (200, "{}")]
)
def test_an_api_that_does_not_say_leaves_it_open(project: FakeProject, status: int, body: str | None) -> None:
    project.power, project.status, project.body = {"10": "off"}, status, body
    assert power.start({FIRST: "10"}, AT_ONCE) == Started((), (FIRST,))
    assert project.started == []


def test_a_connection_that_is_closed_is_no_answer(project: FakeProject) -> None:
    """A load balancer before the API is restarted: whoever starts servers must not end by it."""
    project.power, project.hang_up = {"10": "off"}, 3
    assert power.start({FIRST: "10"}, PATIENT) == Started((FIRST,))


@pytest.mark.parametrize("body", ["<html>404 Not Found</html>", "{}"])
def test_only_hetzner_says_that_a_server_is_gone(project: FakeProject, body: str) -> None:
    project.body = body
    assert power.start({FIRST: "10"}, AT_ONCE) == Started((), (FIRST,))


def test_the_token_is_told_nobody(project: FakeProject, capfd: pytest.CaptureFixture[str]) -> None:
    project.power, project.refusals = {"10": "off"}, 1
    power.start({FIRST: "10"}, PATIENT)
    captured = capfd.readouterr()
    assert TOKEN not in captured.out + captured.err


def test_what_was_noted_is_what_is_read(project: FakeProject) -> None:
    assert power.noted() == {}
    power.note({FIRST: "10"})
    assert power.noted() == {FIRST: "10"}
