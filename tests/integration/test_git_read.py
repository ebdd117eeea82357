"""Reading a real git over HTTPS before a cluster is bought that follows it; and servers that are slow or hostile."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.destinations import OUTSIDE, Anywhere, Destinations
from catalyst_operator.adapters.git import git_http, read
from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.kit.repository import RepositoryQuestion, RepositoryView
from catalyst_operator.errors import (
    GitAnonymous,
    GitAuthorityUnreadable,
    GitCommitMissing,
    GitCommitUnclear,
    GitDenied,
    GitError,
    GitMissing,
    GitRejected,
    GitUnavailable,
    GitUntrusted,
)
from e2e.lab.git_server.client import GitServer
from e2e.lab.git_server.git import git as run_git
from tests.integration.lab_git_server import git_server
from tests.integration.test_git_hostile import HEAD, SHORT, Request, Server, certificate, packet, server, slow_body

__all__ = ["certificate", "server"]
pytestmark = pytest.mark.integration

KIT = "clusters/_template/bootstrap-kit"
MAIN = GitRef(branch="main")
PASSWORD = "correct-horse"


@dataclass(frozen=True)
class Forge:
    """The git server, and its certificate."""

    server: GitServer
    ca: Path
    root: Path

    def git(self, path: str, *arguments: str) -> None:
        """Git's own commands in a repository, as its owner."""
        name = {"GIT_COMMITTER_NAME": "Jane Doe", "GIT_COMMITTER_EMAIL": "jane@example.org"}
        run_git(self.root / path, *arguments, env=name)

    def make(self, path: str, user: str = "", *, readonly: bool = False) -> Repository:
        """A repository with the template; public without a user."""
        url = self.server.create(path, user, PASSWORD if user else "", readonly=readonly, template=True)
        return Repository(url, MAIN, user, SecretStr(PASSWORD if user else ""), self.ca.read_text())


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    template = tmp_path_factory.mktemp("template") / "clusters"
    (template / "_template/bootstrap-kit").mkdir(parents=True)
    (template / "_template/bootstrap-kit/kustomization.yaml").write_text("resources: []\n")
    folder = tmp_path_factory.mktemp("git")
    with git_server(folder, template) as running:
        yield Forge(running.server, running.ca, folder / "root")


def look(
    repository: Repository,
    *folders: str,
    pushes: bool = False,
    seconds: float = 10.0,
    destinations: Destinations | None = None,
) -> RepositoryView:
    question = RepositoryQuestion(repository.url, repository.followed, folders, pushes=pushes)
    return read.look(repository, question, limit_seconds=seconds, destinations=destinations or Anywhere())


@pytest.mark.parametrize("user", ["", "reader"], ids=["public", "private"])
def test_what_is_there(forge: Forge, user: str) -> None:
    repository = forge.make(f"acme/there-{user}.git", user)
    head = forge.server.log(f"acme/there-{user}.git")[0].sha
    assert look(repository, KIT) == RepositoryView(head, "main")


def test_a_branch_that_is_not_there_and_what_is_instead(forge: Forge) -> None:
    assert look(replace(forge.make("acme/mian.git"), followed=GitRef(branch="mian")), KIT) == RepositoryView("", "main")


@pytest.mark.parametrize("kind", ["--no-sign", "--annotate"], ids=["plain", "annotated"])
def test_a_tag_stands_for_its_commit(forge: Forge, kind: str) -> None:
    path = f"acme/tagged{kind}.git"
    repository, released = forge.make(path), forge.server.log(path)[0].sha
    message = ["-m", "Release"] if kind == "--annotate" else []
    forge.git(path, "tag", kind, *message, "v1.0.0", released)
    forge.server.commit(path, {"later": "x"})
    assert look(replace(repository, followed=GitRef(tag="v1.0.0")), KIT) == RepositoryView(released, "main")
    assert look(replace(repository, followed=GitRef(tag="v1.0")), KIT) == RepositoryView("", "main")
    assert look(replace(repository, followed=GitRef(branch="v1.0.0")), KIT) == RepositoryView("", "main")


def test_a_tag_of_a_tag_and_one_of_no_commit(forge: Forge) -> None:
    repository, released = forge.make("acme/tags.git"), forge.server.log("acme/tags.git")[0].sha
    forge.git("acme/tags.git", "tag", "-a", "-m", "Inner", "inner", released)
    forge.git("acme/tags.git", "tag", "-a", "-m", "Outer", "outer", "inner")
    forge.git("acme/tags.git", "tag", "-a", "-m", "Tree", "tree", f"{released}^{{tree}}")
    assert look(replace(repository, followed=GitRef(tag="outer")), KIT) == RepositoryView(released, "main")
    with pytest.raises(GitRejected, match="no commit"):
        look(replace(repository, followed=GitRef(tag="tree")), KIT)


def test_one_commit_of_the_history(forge: Forge) -> None:
    repository, first = forge.make("acme/pinned.git"), forge.server.log("acme/pinned.git")[0].sha
    forge.server.commit("acme/pinned.git", {"later": "x"})
    assert look(replace(repository, followed=GitRef(commit=first)), KIT) == RepositoryView(first, "main")
    assert look(replace(repository, followed=GitRef(commit=first)), "later").lacking == ("later",)


@pytest.mark.parametrize("version", [0, 2])
def test_a_commit_that_the_server_does_not_give(forge: Forge, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers say so in their own ways, and the older protocol in another than the newer one."""
    monkeypatch.setattr("dulwich.client.DEFAULT_GIT_PROTOCOL_VERSION_FETCH", version)
    repository = replace(forge.make("acme/lost.git"), followed=GitRef(commit="4f1c" * 10))
    with pytest.raises(GitCommitMissing, match="does not give out this commit"):
        look(repository, KIT)


@pytest.mark.parametrize("folder", ["clusters/_template/bootstrap", f"{KIT}/kustomization.yaml", f"{KIT}/deeper/still"])
def test_a_folder_that_is_not_there(forge: Forge, folder: str) -> None:
    """A file is none, and neither is the beginning of a name."""
    assert look(forge.make("acme/folders.git"), KIT, folder).lacking == (folder,)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"password": SecretStr("wrong")}, GitDenied, "does not accept the user name and password"),
        ({"username": "", "password": SecretStr("")}, GitAnonymous, "asks for a user name and a password"),
        ({"authority": ""}, GitUntrusted, "its certificate is not trusted"),
        ({"authority": "no certificate"}, GitAuthorityUnreadable, "ca.crt in the Secret is not a certificate"),
    ],
    ids=["wrong password", "nobody", "unknown authority", "no authority at all"],
)
def test_who_may_not_read_it(forge: Forge, change: dict[str, object], kind: type[GitError], words: str) -> None:
    repository = replace(forge.make("acme/private.git", "reader"), **change)  # type: ignore[arg-type]
    with pytest.raises(kind, match=words):
        look(repository, KIT)


def test_a_repository_that_is_not_there(forge: Forge) -> None:
    repository = forge.make("acme/there.git", "reader")
    with pytest.raises(GitError) as refused:
        look(replace(repository, url=repository.url.replace("there", "elsewhere")), KIT)
    assert isinstance(refused.value, GitMissing | GitDenied)


def test_who_may_read_and_not_push_is_told_so_and_nothing_is_pushed(forge: Forge) -> None:
    repository = forge.make("acme/readonly.git", "reader", readonly=True)
    assert look(repository).commit
    with pytest.raises(GitDenied, match="push"):
        look(repository, pushes=True)
    allowed = forge.make("acme/writable.git", "pusher")
    before = forge.server.log("acme/writable.git")
    assert look(replace(allowed, followed=GitRef(branch="new")), pushes=True) == RepositoryView("", "main")
    assert forge.server.log("acme/writable.git") == before


def test_a_commit_that_is_too_large_to_read_is_there_all_the_same(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flux reads it; what is not known is not held against anybody."""
    repository = forge.make("acme/large.git")
    forge.server.commit("acme/large.git", {f"many/{secrets.token_hex(30)}/{n}": "x" for n in range(300)})
    monkeypatch.setattr(git_http, "MAX_GIT_ANSWER", 8 << 10)
    view = look(repository, KIT)
    assert view.lacking is None
    assert view.commit == forge.server.log("acme/large.git")[0].sha


# --- servers that are no friends --------------------------------------------------------------------------------------


@pytest.fixture
def hostile(server: Server, certificate: tuple[Path, Path]) -> Repository:
    url = f"https://127.0.0.1:{server.port}/acme/gitops.git"
    return Repository(url, MAIN, "reader", SecretStr(PASSWORD), certificate[0].read_text())


def test_one_that_drips_is_left_in_time(server: Server, hostile: Repository) -> None:
    server.respond = slow_body
    with pytest.raises(GitUnavailable, match="not done within"):
        look(hostile, KIT, seconds=SHORT)


def test_branches_without_end_are_no_missing_branch(server: Server, hostile: Repository) -> None:
    def respond(request: Request) -> None:
        request.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n")
        request.send(packet(b"# service=git-upload-pack\n") + b"0000")
        line = packet(HEAD + b" refs/heads/" + b"w" * 60_000 + b"\n")
        while not request.over.is_set():
            request.send(line)

    server.respond = respond
    with pytest.raises(GitRejected, match="too large"):
        look(hostile, KIT)


LOST = "4f1c" * 10


def advertised(request: Request) -> bool:
    """Whether the request was for the branches, which are told."""
    if not request.line.startswith("GET"):
        return False
    refs = packet(HEAD + b" HEAD\0multi_ack side-band-64k shallow symref=HEAD:refs/heads/main\n")
    body = packet(b"# service=git-upload-pack\n") + b"0000" + refs + packet(HEAD + b" refs/heads/main\n") + b"0000"
    request.answer(body, "application/x-git-upload-pack-advertisement")
    return True


def hang_up(request: Request) -> None:
    request.answer(b"", "application/x-git-upload-pack-result")


def test_a_connection_that_is_cut_is_no_commit_that_is_missing(server: Server, hostile: Repository) -> None:
    """It is tried again by itself, and both are said, since nobody can know."""
    server.respond = lambda request: None if advertised(request) else hang_up(request)
    with pytest.raises(GitCommitUnclear, match="the connection was cut, or it does not give out this commit"):
        look(replace(hostile, followed=GitRef(commit=LOST)), KIT)


@pytest.mark.parametrize("words", [f"upload-pack: not our ref {LOST}", f"want {LOST} not valid"])
def test_a_refusal_in_words_is_believed_also_after_a_cut(server: Server, hostile: Repository, words: str) -> None:
    """Git hangs up in the newer protocol and speaks in the older one; others speak at once."""
    posts: list[Request] = []

    def respond(request: Request) -> None:
        if advertised(request):
            return
        posts.append(request)
        if len(posts) < 3:
            hang_up(request)
        else:
            request.answer(packet(f"ERR {words}".encode()), "application/x-git-upload-pack-result")

    server.respond = respond
    with pytest.raises(GitCommitMissing, match="it has none of this name"):
        look(replace(hostile, followed=GitRef(commit=LOST)), KIT)


def test_a_refusal_for_another_reason_is_told_in_its_words(server: Server, hostile: Repository) -> None:
    """It is no missing commit that too many ask at once."""
    busy = packet(b"ERR too many requests, come back later")
    server.respond = lambda request: (
        None if advertised(request) else request.answer(busy, "application/x-git-upload-pack-result")
    )
    with pytest.raises(GitUnavailable, match="come back later"):
        look(replace(hostile, followed=GitRef(commit=LOST)), KIT)


def test_the_operators_own_surroundings_are_not_asked(server: Server, hostile: Repository) -> None:
    with pytest.raises(GitMissing, match="none that the operator connects to"):
        look(hostile, KIT, destinations=OUTSIDE)
    assert server.seen == []


def test_nobody_sends_no_credentials(server: Server, hostile: Repository) -> None:
    server.respond = lambda request: request.answer(b"", status="401 Unauthorized")
    with pytest.raises(GitDenied, match="no such public repository"):
        look(replace(hostile, username="", password=SecretStr("")), KIT)
    assert [request.authorization for request in server.seen] == [""]
