"""After a destroy: what is left is found and named, against an HTTP server that answers as Hetzner does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.in_job import leftovers
from catalyst_operator.in_job.hcloud import EXIT_UNAUTHORIZED, KINDS
from catalyst_operator.in_job.leftovers import EXIT_LEFT, Patience
from tests.support.fake_project import FakeProject, served
from tests.support.gen import TOKEN, UID

SHORT = Patience(deadline=0.2, pause=0.01)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProject]:
    made = FakeProject()
    with served(made) as endpoint:
        monkeypatch.setenv("HCLOUD_ENDPOINT", endpoint)
        monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)
        monkeypatch.setenv("CATALYST_SOVEREIGN_UID", UID)
        yield made


def named(*names: str) -> list[dict[str, object]]:
    return [{"id": number, "name": name} for number, name in enumerate(names)]


def test_nothing_left(project: FakeProject, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert leftovers.main(log, SHORT) == 0
    assert json.loads(log.read_text()) == {"left": [], "count": 0}


def test_every_kind_is_asked_for_by_label_with_the_token(project: FakeProject, tmp_path: Path) -> None:
    leftovers.main(tmp_path / "log", SHORT)
    assert [kind for kind, _, _ in project.seen] == list(KINDS)
    assert {(selector, auth) for _, selector, auth in project.seen} == {
        (f"{LABEL_SOVEREIGN_UID}={UID}", f"Bearer {TOKEN}")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_any_kind_is_found_and_named(project: FakeProject, tmp_path: Path, kind: str) -> None:
    log = tmp_path / "log"
    project.objects = {kind: named("stray")}
    assert leftovers.main(log, SHORT) == EXIT_LEFT
    assert json.loads(log.read_text()) == {"left": [f"{kind}/0 stray"], "count": 1}


def test_what_takes_a_moment_to_go_is_waited_for(project: FakeProject, tmp_path: Path) -> None:
    """Hetzner answers a DELETE with success while the object lives some seconds longer."""
    project.objects, project.looks = {"servers": named("going")}, 3
    assert leftovers.main(tmp_path / "log", Patience(deadline=10, pause=0.01)) == 0


def test_many_are_named_in_part_and_counted_in_full(project: FakeProject, tmp_path: Path) -> None:
    log = tmp_path / "log"
    project.objects = {"servers": named(*(f"s{n}" for n in range(75)))}
    assert leftovers.main(log, SHORT) == EXIT_LEFT
    told = json.loads(log.read_text())
    assert (len(told["left"]), told["count"]) == (10, 75)
    assert len(log.read_bytes()) < 2048


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_was_revoked_is_told_apart(
    project: FakeProject, tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    project.status = status
    assert leftovers.main(tmp_path / "log", SHORT) == EXIT_UNAUTHORIZED
    said = capsys.readouterr().err
    assert "does not accept the token" in said
    assert TOKEN not in said


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", ["<html>Access denied by the proxy</html>", "{}", "", '{"error": "forbidden"}'])
def test_a_refusal_by_somebody_else_says_nothing_of_the_token(
    project: FakeProject, tmp_path: Path, status: int, body: str
) -> None:
    project.status, project.body = status, body
    assert leftovers.main(tmp_path / "log", SHORT) == 1


def test_a_connection_that_is_closed_is_not_success(
    project: FakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.hang_up = 1
    assert leftovers.main(tmp_path / "log", SHORT) == 1
    assert "could not list what is left in the project: Remote end closed connection" in capsys.readouterr().err


EMPTY: dict[str, list[object]] = {kind: [] for kind in KINDS}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (429, None),
        (200, "<html>a proxy's page</html>"),
        (200, "{}"),
        (200, "[]"),
        (200, json.dumps(EMPTY)),
        (200, json.dumps({**EMPTY, "meta": {}})),
        (200, json.dumps({**EMPTY, "meta": {"pagination": {"page": 1}}})),
        (200, json.dumps({"meta": {"pagination": {"page": 1, "next_page": None}}})),
        (200, json.dumps({**dict.fromkeys(KINDS), "meta": {"pagination": {"page": 1, "next_page": None}}})),
    ],
)
def test_not_knowing_is_not_success(project: FakeProject, tmp_path: Path, status: int, body: str | None) -> None:
    project.status, project.body = status, body
    assert leftovers.main(tmp_path / "log", SHORT) == 1


def test_a_redirect_is_not_followed(project: FakeProject, tmp_path: Path) -> None:
    """It would take the token along to another host, and an answer from there is not Hetzner's."""
    other = FakeProject()
    with served(other) as endpoint:
        project.status, project.location = 302, f"{endpoint}/servers?label_selector=any&page=1"
        assert leftovers.main(tmp_path / "log", SHORT) == 1
    assert other.seen == []


def test_an_api_out_of_reach_is_not_success(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HCLOUD_ENDPOINT", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)
    monkeypatch.setenv("CATALYST_SOVEREIGN_UID", UID)
    assert leftovers.main(tmp_path / "log", SHORT) == 1
