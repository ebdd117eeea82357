"""Pushing overlays to a real git over HTTPS: one commit for a change, none for nothing, and never forced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters import git
from catalyst_operator.adapters.git import Repository, push
from catalyst_operator.core.overlay import Change
from catalyst_operator.errors import GitDenied, GitError, GitMissing, GitUnavailable
from tests.integration.lab_git_server import Running, git_server

pytestmark = pytest.mark.integration

FOLDER = "clusters/acme.example.com"
PASSWORD = "correct-horse"
HOSTILE = "a: \"b\" ${C} %{d} $(e) 'f' <g> \\ \t ü\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    template = tmp_path_factory.mktemp("template") / "clusters"
    (template / "_template").mkdir(parents=True)
    (template / "_template" / "kustomization.yaml").write_text("resources: []\n")
    with git_server(tmp_path_factory.mktemp("git"), template) as found:
        yield found


@pytest.fixture
def repository(running: Running, request: pytest.FixtureRequest) -> Repository:
    """A private repository of the test's own, with the template in it."""
    path = f"acme/{request.node.name.replace('[', '-').replace(']', '')}.git"
    running.server.create(path, "pusher", PASSWORD, template=True)
    return Repository(
        running.server.repository_url(path), "main", "pusher", SecretStr(PASSWORD), running.ca.read_text()
    )


def path_of(repository: Repository) -> str:
    return "/".join(repository.url.rsplit("/", 2)[1:])


def change(**files: str) -> Change:
    return Change(FOLDER, {f"{FOLDER}/{name}.yaml": text for name, text in files.items()}, "Render acme.example.com")


def test_one_commit_for_a_change_and_none_for_nothing(running: Running, repository: Repository) -> None:
    first = push(repository, change(kustomization=HOSTILE, sync="b\n"), {})
    assert first.committed
    again = push(repository, change(kustomization=HOSTILE, sync="b\n"), {})
    assert again == replace(first, committed=False)
    path = path_of(repository)
    assert running.server.read(path, f"{FOLDER}/kustomization.yaml") == HOSTILE
    newest, *_ = running.server.log(path)
    assert newest.sha == first.revision
    assert newest.message.startswith("Render acme.example.com")
    assert sorted(newest.files) == [f"{FOLDER}/kustomization.yaml", f"{FOLDER}/sync.yaml"]


def test_what_is_not_wanted_any_more_goes_and_nothing_else_does(running: Running, repository: Repository) -> None:
    push(repository, change(kustomization="a\n", sync="b\n"), {})
    path = path_of(repository)
    running.server.commit(path, {"clusters/acme.example.com.au/x.yaml": "theirs\n", "README.md": "theirs\n"})
    push(repository, change(kustomization="a\n"), {})
    assert running.server.read(path, f"{FOLDER}/sync.yaml") is None
    assert running.server.read(path, "clusters/acme.example.com.au/x.yaml") == "theirs\n"
    assert running.server.read(path, "README.md") == "theirs\n"


def test_a_push_in_between_is_built_upon(
    running: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """History stays linear, and both changes are in it."""
    path = path_of(repository)
    interfered: list[str | None] = []
    original = git._Push._send

    def late(self: git._Push, *arguments: object) -> None:
        if not interfered:
            interfered.append(running.server.commit(path, {"README.md": "in between\n"}))
        original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(git._Push, "_send", late)
    pushed = push(repository, change(kustomization="a\n"), {})
    shas = [commit.sha for commit in running.server.log(path)]
    assert shas[:2] == [pushed.revision, interfered[0]]


def test_an_empty_repository_gets_the_template_once(running: Running) -> None:
    path = "acme/empty.git"
    running.server.create(path, "pusher", PASSWORD, template=False)
    repository = Repository(
        running.server.repository_url(path), "main", "pusher", SecretStr(PASSWORD), running.ca.read_text()
    )
    template = {"clusters/_template/bootstrap-kit/kustomization.yaml": "resources: []\n"}
    push(repository, change(kustomization="a\n"), template)
    kept = {"clusters/_template/bootstrap-kit/kustomization.yaml": "mine: true\n"}
    running.server.commit(path, kept)
    push(repository, change(kustomization="b\n"), template)
    assert running.server.read(path, next(iter(kept))) == "mine: true\n"


def test_a_branch_that_is_missing_begins_at_the_default_one(running: Running, repository: Repository) -> None:
    pushed = push(replace(repository, branch="fleet"), change(kustomization="a\n"), {})
    again = push(replace(repository, branch="fleet"), change(kustomization="a\n"), {})
    assert again.revision == pushed.revision
    assert running.server.read(path_of(repository), f"{FOLDER}/kustomization.yaml") is None, "main is not touched"


def refusals(running: Running, repository: Repository) -> dict[str, tuple[Repository, type[GitError], str]]:
    wrong = replace(repository, password=SecretStr("wrong-battery"))
    missing = replace(repository, url=running.server.repository_url("acme/none.git"))
    nobody = replace(repository, url="https://127.0.0.1:1/acme/gitops.git")
    return {
        "password": (wrong, GitDenied, "does not accept"),
        "missing": (missing, GitMissing, "no such repository"),
        "down": (nobody, GitUnavailable, "connection refused"),
        "untrusted": (replace(repository, authority=""), GitUnavailable, "not trusted"),
    }


@pytest.mark.parametrize("which", ["password", "missing", "down", "untrusted"])
def test_refusals_are_told_apart(
    which: str, running: Running, repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    """Each in its own words, and no credentials in any of them."""
    asked, kind, words = refusals(running, repository)[which]
    with pytest.raises(kind, match=words) as refused:
        push(asked, change(kustomization="a\n"), {})
    told = f"{refused.value!r} {asked!r} {caplog.text}"
    assert asked.password.get_secret_value() not in told


def test_who_may_only_read_is_told_so(running: Running, repository: Repository) -> None:
    path = path_of(repository)
    running.server.create(path, "reader", "only-reading", readonly=True)
    reader = replace(repository, username="reader", password=SecretStr("only-reading"))
    with pytest.raises(GitDenied, match="push"):
        push(reader, change(kustomization="a\n"), {})
