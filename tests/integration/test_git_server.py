"""The lab's git server against real git: reading, pushing, refusals, and what stories ask of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.lab.git_server.client import SOMEBODY, GitServer
from e2e.lab.git_server.repositories import PUBLIC, RELEASE
from tests.integration.lab_git_server import Git, Running, git_server, with_user

pytestmark = pytest.mark.integration

PRIVATE = "acme/gitops.git"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("git")
    with git_server(folder, _template(folder / "template")) as running:
        yield running


@pytest.fixture
def server(running: Running) -> GitServer:
    return running.server


@pytest.fixture
def git(running: Running, tmp_path: Path) -> Git:
    return Git(tmp_path, running.ca)


@pytest.fixture
def private(server: GitServer) -> Iterator[str]:
    url = server.create(PRIVATE, "jane", "s3cret", template=True)
    yield with_user(url, "jane", "s3cret")
    server.delete(PRIVATE)


def _template(folder: Path) -> Path:
    kit = folder / "_template" / "bootstrap-kit"
    kit.mkdir(parents=True)
    (kit / "01-cilium.yaml").write_text("kind: HelmRelease\n")
    return folder


def test_everybody_reads_the_public_repository_and_nobody_pushes(server: GitServer, git: Git, tmp_path: Path) -> None:
    """A Sovereign's Flux follows it without credentials."""
    clone = tmp_path / "clone"
    git.ok("clone", "-q", "--depth=1", server.repository_url(PUBLIC), str(clone))
    assert (clone / "clusters/_template/bootstrap-kit/01-cilium.yaml").read_text() == "kind: HelmRelease\n"
    refs = git.ok("ls-remote", server.repository_url(PUBLIC), RELEASE, "main").split()
    assert refs[1::2] == ["refs/heads/main", f"refs/tags/{RELEASE}"]
    assert refs[0] == refs[2], "new clusters follow the release's tag, and find the kit of the checkout"
    git.commit(clone, "more", "1")
    refused = git.run("push", cwd=clone)
    assert refused.returncode
    assert "could not read Username" in refused.stderr


@pytest.mark.parametrize("credentials", [None, ("jane", "wrong"), ("joe", "s3cret")])
def test_a_private_repository_is_shut(
    server: GitServer, git: Git, private: str, credentials: tuple[str, str] | None
) -> None:
    """401 is what Flux reports for a lost or wrong password."""
    url = server.repository_url(PRIVATE)
    refused = git.run("ls-remote", with_user(url, *credentials) if credentials else url)
    assert refused.returncode
    assert ("Authentication failed" if credentials else "could not read Username") in refused.stderr


def test_a_push_is_kept_with_who_made_it(server: GitServer, git: Git, private: str, tmp_path: Path) -> None:
    """Stories read from the log what the operator committed, and where."""
    clone = tmp_path / "clone"
    git.ok("clone", "-q", private, str(clone))
    git.commit(clone, "overlay.yaml", "a: 1\n" * 100_000)
    git.ok("push", "-q", cwd=clone)
    newest, first = server.log(PRIVATE)
    assert (newest.author, newest.message, newest.files) == (
        "Jane Doe <jane@example.org>",
        "Change overlay.yaml",
        ["overlay.yaml"],
    )
    assert first.files == ["clusters/_template/bootstrap-kit/01-cilium.yaml"]
    assert server.read(PRIVATE, "overlay.yaml") == "a: 1\n" * 100_000
    assert server.read(PRIVATE, "nothing.yaml") is None


def test_history_is_never_rewritten(server: GitServer, git: Git, private: str, tmp_path: Path) -> None:
    """A push that would undo somebody else's commit is refused, forced or not."""
    clone = tmp_path / "clone"
    git.ok("clone", "-q", private, str(clone))
    theirs = server.commit(PRIVATE, {"README.md": "ours\n"}, "Say what this is")
    git.commit(clone, "overlay.yaml", "a: 1\n")
    for options in ([], ["--force"]):
        refused = git.run("push", *options, cwd=clone)
        assert refused.returncode
        assert "rejected" in refused.stderr
    newest = server.log(PRIVATE)[0]
    assert (newest.sha, newest.author) == (theirs, SOMEBODY)
    git.ok("pull", "-q", "--rebase", cwd=clone)
    git.ok("push", "-q", cwd=clone)
    assert len(server.log(PRIVATE)) == 3


def test_a_reader_may_not_push(server: GitServer, git: Git, private: str, tmp_path: Path) -> None:
    """403, not 401: the password is right, the right is missing."""
    clone = tmp_path / "clone"
    url = server.create(PRIVATE, "reader", "r", readonly=True)
    git.ok("clone", "-q", with_user(url, "reader", "r"), str(clone))
    git.commit(clone, "more", "1")
    refused = git.run("push", cwd=clone)
    assert "returned error: 403" in refused.stderr


def test_what_is_not_there_is_not_found(server: GitServer, git: Git, private: str) -> None:
    """A wrong path is told from a wrong password."""
    server.delete(PRIVATE)
    refused = git.run("ls-remote", private)
    assert "not found" in refused.stderr


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_fault_lasts_as_long_as_was_asked(server: GitServer, git: Git, status: int) -> None:
    """Stories break the source for a while and see the operator name it."""
    url = server.repository_url(PUBLIC)
    server.fault(PUBLIC, status, times=1)
    assert git.run("ls-remote", url).returncode
    assert git.ok("ls-remote", url)
    with server.refusing(PUBLIC, status):
        assert all(git.run("ls-remote", url).returncode for _ in range(2))
    assert git.ok("ls-remote", url)


def test_a_file_goes_as_it_came(server: GitServer, private: str) -> None:
    """A commit by hand removes too, and one that changes nothing is none."""
    assert server.commit(PRIVATE, {"a/b.yaml": "1\n"})
    assert server.commit(PRIVATE, {"a/b.yaml": "1\n"}) is None
    assert server.commit(PRIVATE, {"a/b.yaml": None})
    assert server.read(PRIVATE, "a/b.yaml") is None


def test_a_restart_publishes_what_changed(tmp_path: Path) -> None:
    """The lab's Sovereigns follow the checkout, commit upon commit; users stay."""
    template = _template(tmp_path / "template")
    with git_server(tmp_path, template) as running:
        running.server.create(PRIVATE, "jane", "s3cret")
        before = running.server.log(PUBLIC)
    (template / "_template/bootstrap-kit/01-cilium.yaml").write_text("kind: Other\n")
    with git_server(tmp_path, template) as running:
        after = running.server.log(PUBLIC)
        private = with_user(running.server.repository_url(PRIVATE), "jane", "s3cret")
        assert Git(tmp_path, running.ca).run("ls-remote", private).returncode == 0
    assert (len(before), after[1:], after[0].files) == (1, before, ["clusters/_template/bootstrap-kit/01-cilium.yaml"])
    with git_server(tmp_path, template) as running:
        assert running.server.log(PUBLIC) == after
