"""Pushing overlays to a real git over HTTPS: one commit for a change, none for nothing, and never forced."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.destinations import OUTSIDE, Anywhere
from catalyst_operator.adapters.git import git_http
from catalyst_operator.adapters.git import push as pushing
from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.kit.pushed import OverlayChange
from catalyst_operator.errors import GitDenied, GitError, GitMissing, GitRejected, GitUnavailable, LeaseLost
from e2e.lab.git_server.client import GitServer
from e2e.lab.git_server.commits import Commit
from e2e.lab.git_server.git import git as run_git
from tests.integration.lab_git_server import Git, git_server, with_user

pytestmark = pytest.mark.integration

FOLDER = "clusters/acme.example.com"
PASSWORD = "correct-horse"
HOSTILE = "a: \"b\" ${C} %{d} $(e) {{ f }} 'g' <h> \\ \t ü 😀 \u2028 \x00 \r\n\n  trailing  "
TEMPLATE = {"clusters/_template/bootstrap-kit/kustomization.yaml": "resources: []\n"}


push = partial(pushing.push, destinations=Anywhere())


@dataclass(frozen=True)
class Forge:
    """The git server, where it keeps its repositories, and its certificate."""

    server: GitServer
    root: Path
    ca: Path

    def make(self, path: str, *, template: bool = True) -> Repository:
        url = self.server.create(path, "pusher", PASSWORD, template=template)
        return Repository(url, GitRef(branch="main"), "pusher", SecretStr(PASSWORD), self.ca.read_text())


@dataclass(frozen=True)
class Remote:
    """One private repository: as the operator is told of it, and as the server has it."""

    forge: Forge
    path: str
    repository: Repository

    @property
    def folder(self) -> Path:
        return self.forge.root / self.path

    def git(self, *arguments: str) -> str:
        return run_git(self.folder, *arguments)

    def log(self) -> list[Commit]:
        return self.forge.server.log(self.path)

    def read(self, file: str) -> str | None:
        return self.forge.server.read(self.path, file)

    def commit(self, files: Mapping[str, str | None]) -> None:
        """Somebody else's work."""
        self.forge.server.commit(self.path, files)

    def outside(self) -> str:
        """All that is not the operator's, with modes and hashes."""
        listing = self.git("ls-tree", "-r", "--full-tree", "main").splitlines()
        return "\n".join(line for line in listing if f"\t{FOLDER}/" not in line)


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    template = tmp_path_factory.mktemp("template") / "clusters"
    (template / "_template").mkdir(parents=True)
    (template / "_template" / "kustomization.yaml").write_text("resources: []\n")
    folder = tmp_path_factory.mktemp("git")
    with git_server(folder, template) as running:
        yield Forge(running.server, folder / "root", running.ca)


@pytest.fixture
def remote(forge: Forge, request: pytest.FixtureRequest) -> Iterator[Remote]:
    """A repository of the test's own, with the template in it; whole at the end, whatever was done to it."""
    path = f"acme/{request.node.name.replace('[', '-').replace(']', '')}.git"
    made = Remote(forge, path, forge.make(path))
    yield made
    if made.folder.exists():
        made.git("fsck", "--strict", "--no-dangling")


def change(**files: str) -> OverlayChange:
    return OverlayChange(
        FOLDER, {f"{FOLDER}/{name}.yaml": text for name, text in files.items()}, "Render acme.example.com"
    )


def test_one_commit_for_a_change_and_none_for_nothing(remote: Remote) -> None:
    """With the right text in it, byte for byte, and saying who made it and why."""
    first = push(remote.repository, change(kustomization=HOSTILE, sync="b\n"), {})
    assert first.committed
    again = push(remote.repository, change(kustomization=HOSTILE, sync="b\n"), {})
    assert again == replace(first, committed=False)
    content = (remote.forge.root / "content").with_suffix(".bin")
    content.write_text(HOSTILE, "utf-8", newline="")
    hashed = remote.git("hash-object", "--no-filters", str(content))
    assert remote.git("rev-parse", f"main:{FOLDER}/kustomization.yaml") == hashed
    newest, before = remote.log()
    assert (newest.sha, newest.author, newest.message) == (
        first.revision,
        "catalyst-operator <catalyst-operator@catalyst.openova.io>",
        "Render acme.example.com",
    )
    assert newest.files == [f"{FOLDER}/kustomization.yaml", f"{FOLDER}/sync.yaml"]
    assert remote.git("rev-parse", "main^") == before.sha


def test_only_what_differs_is_in_the_commit(remote: Remote) -> None:
    push(remote.repository, change(kustomization="a\n", sync="b\n"), {})
    push(remote.repository, change(kustomization="a\n", sync="c\n"), {})
    assert remote.log()[0].files == [f"{FOLDER}/sync.yaml"]


def test_what_is_not_wanted_any_more_goes_and_nothing_else_does(remote: Remote) -> None:
    push(remote.repository, change(kustomization="a\n", sync="b\n"), {})
    theirs = {"clusters/acme.example.com.au/x.yaml": "1\n", "clusters/a/y.yaml": "2\n", "README.md": "3\n"}
    remote.commit({**theirs, f"{FOLDER}/by-hand/deep.yaml": "4\n"})
    before = remote.outside()
    push(remote.repository, change(kustomization="a\n"), {})
    assert remote.log()[0].files == [f"{FOLDER}/by-hand/deep.yaml", f"{FOLDER}/sync.yaml"]
    assert remote.outside() == before


def test_modes_and_links_of_others_stay(remote: Remote) -> None:
    blob = remote.git("hash-object", "-w", "--stdin")
    index = {"GIT_INDEX_FILE": str(remote.folder / "index")}
    run_git(remote.folder, "read-tree", "main", env=index)
    for mode, name in (("100755", "run.sh"), ("120000", "clusters/link"), ("160000", "vendor/module")):
        identity = remote.git("rev-parse", "main") if mode == "160000" else blob
        run_git(remote.folder, "update-index", "--add", "--cacheinfo", f"{mode},{identity},{name}", env=index)
    tree = run_git(remote.folder, "write-tree", env=index)
    author = ("-c", "user.name=Jane", "-c", "user.email=jane@example.org")
    remote.git("update-ref", "refs/heads/main", remote.git(*author, "commit-tree", tree, "-p", "main", "-m", "Modes"))
    before = remote.outside()
    assert {line.split()[0] for line in before.splitlines()} == {"100644", "100755", "120000", "160000"}
    push(remote.repository, change(kustomization="a\n"), {})
    assert remote.outside() == before


@pytest.mark.parametrize("theirs", [FOLDER, f"{FOLDER}/kustomization.yaml/deep.yaml"], ids=["file", "folder"])
def test_what_is_in_the_place_of_its_own_gives_way(remote: Remote, theirs: str) -> None:
    """A file where its folder belongs, and the other way round."""
    remote.commit({theirs: "theirs\n"})
    push(remote.repository, change(kustomization="a\n"), {})
    assert remote.read(f"{FOLDER}/kustomization.yaml") == "a\n"


def test_what_is_in_the_place_of_everybodys_folder_does_not(forge: Forge) -> None:
    """It cannot tell what removing it would do to others."""
    remote = Remote(forge, "acme/file.git", forge.make("acme/file.git", template=False))
    remote.commit({"clusters": "theirs\n"})
    with pytest.raises(GitRejected, match="clusters is a file or a link"):
        push(remote.repository, change(kustomization="a\n"), TEMPLATE)
    assert len(remote.log()) == 1


def test_a_push_in_between_is_built_upon(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """History stays linear, and both changes are in it."""
    original, interfered = pushing._Push._send, list[str]()

    def late(self: pushing._Push, *arguments: object) -> None:
        if not interfered:
            remote.commit({"README.md": "in between\n"})
            interfered.append(remote.git("rev-parse", "main"))
        original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pushing._Push, "_send", late)
    pushed = push(remote.repository, change(kustomization="a\n"), {})
    assert [commit.sha for commit in remote.log()][:2] == [pushed.revision, *interfered]


def test_a_push_in_the_very_last_moment_is_built_upon(remote: Remote) -> None:
    """Between what the server says the branch is and its moving it: the server itself refuses then."""
    hook = remote.folder / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\n[ -e late ] && exit 0\ntouch late\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY\n"
        "git update-ref refs/heads/main $(git -c user.name=Jane -c user.email=jane@example.org "
        "commit-tree 'main^{tree}' -p main -m 'In the last moment')\n"
    )
    hook.chmod(0o755)
    push(remote.repository, change(kustomization="a\n"), {})
    assert [commit.message for commit in remote.log()][:2] == ["Render acme.example.com", "In the last moment"]


def test_who_is_always_late_gives_up(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than forcing it."""
    original = pushing._Push._send

    def late(self: pushing._Push, *arguments: object) -> None:
        remote.commit({"README.md": f"{len(remote.log())}\n"})
        original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pushing._Push, "_send", late)
    with pytest.raises(GitRejected, match="others push"):
        push(remote.repository, change(kustomization="a\n"), {})
    assert len(remote.log()) == 1 + pushing.PUSH_ATTEMPTS


def test_several_at_once_are_all_there_one_after_the_other(remote: Remote) -> None:
    """Two operators, or people with the same repository: nobody's work is lost."""
    folders = [f"clusters/{number}.example.com" for number in range(3)]
    changes = [OverlayChange(folder, {f"{folder}/sync.yaml": "a\n"}, f"Render {folder}") for folder in folders]
    with ThreadPoolExecutor() as pool:
        pushed = list(pool.map(lambda one: push(remote.repository, one, {}), changes))
    newest = remote.log()[:3]
    assert {commit.sha for commit in newest} == {one.revision for one in pushed}
    assert remote.git("rev-list", "--count", "--merges", "main") == "0"
    assert all(remote.read(f"{folder}/sync.yaml") == "a\n" for folder in folders)


def test_an_empty_repository_gets_the_template_once(forge: Forge) -> None:
    remote = Remote(forge, "acme/empty.git", forge.make("acme/empty.git", template=False))
    push(remote.repository, change(kustomization="a\n"), TEMPLATE)
    (first,) = remote.log()
    assert first.files == [*TEMPLATE, f"{FOLDER}/kustomization.yaml"]
    remote.commit(dict.fromkeys(TEMPLATE, "mine: true\n"))
    push(remote.repository, change(kustomization="b\n"), TEMPLATE)
    assert remote.read(next(iter(TEMPLATE))) == "mine: true\n"
    assert remote.log()[0].files == [f"{FOLDER}/kustomization.yaml"]


def test_no_template_where_none_is_wanted(forge: Forge) -> None:
    remote = Remote(forge, "acme/bare.git", forge.make("acme/bare.git", template=False))
    push(remote.repository, replace(change(kustomization="a\n"), template=False), TEMPLATE)
    assert remote.log()[0].files == [f"{FOLDER}/kustomization.yaml"]


def test_a_branch_that_is_missing_begins_at_the_default_one(remote: Remote) -> None:
    begin = remote.git("rev-parse", "main")
    fleet = replace(remote.repository, followed=GitRef(branch="fleet/eu"))
    pushed = push(fleet, change(kustomization="a\n"), {})
    assert push(fleet, change(kustomization="a\n"), {}) == replace(pushed, committed=False)
    assert remote.git("rev-parse", "fleet/eu", "fleet/eu^", "main").split() == [pushed.revision, begin, begin]


def test_a_branch_that_is_missing_is_made_even_if_there_is_nothing_to_change(remote: Remote) -> None:
    """Otherwise Flux would look for it in vain."""
    pushed = push(remote.repository, change(kustomization="a\n"), {})
    fleet = push(replace(remote.repository, followed=GitRef(branch="fleet")), change(kustomization="a\n"), {})
    assert fleet == replace(pushed, committed=False)
    assert remote.git("rev-parse", "fleet") == pushed.revision


@pytest.mark.parametrize("leaves_out", [True, False], ids=["contents-left-out", "all-of-it"])
def test_large_repositories(remote: Remote, tmp_path: Path, leaves_out: bool) -> None:
    """Hundreds of files, packed with deltas, and more in them than the operator would take."""
    remote.git("config", "uploadpack.allowFilter", str(leaves_out).lower())
    local = Git(tmp_path, remote.forge.ca)
    url = with_user(remote.repository.url, "pusher", PASSWORD)
    clone = tmp_path / "clone"
    local.ok("clone", "-q", url, str(clone))
    for number in range(600):
        file = clone / f"apps/{number % 50}/{number}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"kind: ConfigMap\ndata: {{number: '{number}'}}\n" * 20)
    (clone / "image.bin").write_bytes(os.urandom(git_http.MAX_GIT_ANSWER if leaves_out else 1000))
    local.ok("add", "-A", cwd=clone)
    local.ok("commit", "-q", "-m", "Much", cwd=clone)
    local.ok("push", "-q", cwd=clone)
    remote.git("repack", "-adq")
    before = remote.outside()
    push(remote.repository, change(kustomization="a\n"), {})
    assert remote.outside() == before
    assert remote.log()[0].files == [f"{FOLDER}/kustomization.yaml"]


def test_more_than_the_operator_takes_is_refused(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By a server that does not leave contents out: nothing of it is written to disk either."""
    monkeypatch.setattr(git_http, "MAX_GIT_ANSWER", 10_000)
    remote.commit({"noise": "".join(str(number * 7919 % 104_729) for number in range(20_000))})
    with pytest.raises(GitRejected, match="too large"):
        push(remote.repository, change(kustomization="a\n"), {})
    assert not caplog.records


def refusals(remote: Remote) -> dict[str, tuple[Repository, type[GitError], str]]:
    known = remote.repository
    return {
        "password": (replace(known, password=SecretStr("wrong-battery")), GitDenied, "does not accept"),
        "nobody": (replace(known, username="", password=SecretStr("")), GitDenied, "asks for a user name"),
        "missing": (replace(known, url=f"{known.url}.none.git"), GitMissing, "no such repository"),
        "down": (replace(known, url="https://127.0.0.1:1/acme/gitops.git"), GitUnavailable, "connection refused"),
        "untrusted": (
            replace(known, authority=""),
            GitUnavailable,
            "not trusted: self-signed certificate; put .*ca.crt",
        ),
    }


@pytest.mark.parametrize("which", ["password", "nobody", "missing", "down", "untrusted"])
def test_refusals_are_told_apart(which: str, remote: Remote, caplog: pytest.LogCaptureFixture) -> None:
    """Each in its own words, and no credentials in any of them."""
    caplog.set_level(logging.DEBUG)
    asked, kind, words = refusals(remote)[which]
    with pytest.raises(kind, match=words) as refused:
        push(asked, change(kustomization="a\n"), {})
    assert (asked.password.get_secret_value() or "nothing") not in f"{refused.value!r} {asked!r} {caplog.text}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, GitDenied), (403, GitDenied), (404, GitMissing), (500, GitUnavailable), (503, GitUnavailable)],
)
def test_what_passes_by_itself_is_told_from_what_does_not(remote: Remote, status: int, kind: type[GitError]) -> None:
    remote.forge.server.fault(remote.path, status, times=1)
    with pytest.raises(kind):
        push(remote.repository, change(kustomization="a\n"), {})
    assert push(remote.repository, change(kustomization="a\n"), {}).committed


def test_who_may_only_read_is_told_so(remote: Remote) -> None:
    remote.forge.server.create(remote.path, "reader", "only-reading", readonly=True)
    reader = replace(remote.repository, username="reader", password=SecretStr("only-reading"))
    with pytest.raises(GitDenied, match="may read it, but not push"):
        push(reader, change(kustomization="a\n"), {})


def test_a_rule_of_the_repository_is_told_in_its_own_words(remote: Remote) -> None:
    """A protected branch, say: whoever set the rule knows what to do."""
    hook = remote.folder / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'Only the platform team may change main.' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitRejected, match="hook declined; Only the platform team may change main"):
        push(remote.repository, change(kustomization="a\n"), {})
    assert len(remote.log()) == 1


def test_nothing_is_left_on_disk_and_nothing_logged(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator has 64 MiB of disk, and its log is for people who may not have the password."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    push(remote.repository, change(kustomization="a\n"), {})
    assert not list(tmp_path.iterdir())
    assert caplog.text.count("Starting new HTTPS connection") == 1
    assert PASSWORD not in caplog.text
    assert "authorization" not in caplog.text.lower()


# --- whom it does not ask ---------------------------------------------------------------------------------------------


def test_a_server_of_this_machine_is_not_asked_whether_anything_listens_there_or_not(remote: Remote) -> None:
    """A tenant names the URL: what status says must not tell an open port from a closed one."""
    words = set()
    for url in (remote.repository.url, "https://127.0.0.1:1/a.git", "https://localhost:1/a.git"):
        with pytest.raises(GitMissing) as caught:
            pushing.push(replace(remote.repository, url=url), change(a="b"), {}, destinations=OUTSIDE)
        words.add(str(caught.value))
    assert len(words) == 1


def removal() -> OverlayChange:
    return OverlayChange(FOLDER, {}, "Remove acme.example.com", template=False, removes=True)


def test_a_folder_is_removed_by_one_commit_and_nothing_else_goes(remote: Remote) -> None:
    push(remote.repository, change(kustomization="a\n", sync="b\n"), {})
    remote.commit({f"{FOLDER}/by-hand/deep.yaml": "4\n", "clusters/acme.example.com.au/x.yaml": "1\n"})
    before = remote.outside()
    gone = push(remote.repository, removal(), {})
    assert gone.committed
    assert remote.outside() == before
    assert remote.git("ls-tree", "-r", "--name-only", "main", FOLDER) == ""
    assert (remote.log()[0].sha, remote.log()[0].message) == (gone.revision, "Remove acme.example.com")
    assert push(remote.repository, removal(), {}) == replace(gone, committed=False), (
        "a second time there is nothing to do"
    )


def test_what_was_never_there_is_not_removed(remote: Remote) -> None:
    before = remote.log()
    assert not push(remote.repository, removal(), {}).committed
    assert remote.log() == before


def test_no_branch_is_made_to_remove_a_folder_from_it(remote: Remote) -> None:
    elsewhere = replace(remote.repository, followed=GitRef(branch="nobodys"))
    assert not push(elsewhere, removal(), {}).committed
    assert "nobodys" not in remote.git("branch", "--list")


def test_folders_that_had_nothing_else_go_along(forge: Forge) -> None:
    repository = forge.make("acme/lonely.git", template=False)
    push(repository, change(kustomization="a\n"), {})
    push(repository, removal(), {})
    assert run_git(forge.root / "acme/lonely.git", "ls-tree", "-r", "--name-only", "main") == ""


@pytest.mark.parametrize("asked", [0, 1, 4])
def test_a_push_sends_nothing_more_once_another_operator_may_act(remote: Remote, asked: int) -> None:
    """At its first question, in the middle of looking, or just before it would send the commit."""
    before = remote.log()
    left = [20.0] * asked

    def fence() -> float:
        if not left:
            raise LeaseLost("another operator may act by now")
        return left.pop()

    with pytest.raises(LeaseLost):
        push(remote.repository, change(a="1"), {}, fence=fence)
    assert remote.log() == before
    assert left == []
