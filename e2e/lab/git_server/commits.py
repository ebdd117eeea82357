"""Commits made by the server itself, straight into a bare repository: the kit's, and those of other people in stories.

A commit is put on top of the branch only if the branch still is where it was read: history is never rewritten.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.lab.git_server.git import GitError, git, git_bytes

NOTHING = "0" * 40
_PERSON = re.compile(r"(?P<name>[^<>]+) <(?P<email>[^<>]+)>")


@dataclass(frozen=True)
class Commit:
    """One commit of a repository's log."""

    sha: str
    author: str
    """`Name <address>`."""
    date: str
    message: str
    files: list[str]
    """Paths that it added, changed or removed."""


def head(repository: Path, branch: str) -> str | None:
    """The branch's commit, None while it has none."""
    try:
        return git(repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
    except GitError:
        return None


def commit_folder(repository: Path, branch: str, folder: Path, place: str, author: str, message: str) -> str | None:
    """Make `place` in the repository equal to the folder; None when it already was."""

    def change(run: Callable[..., str]) -> None:
        run("rm", "-r", "--cached", "--quiet", "--ignore-unmatch", place)
        listing = (_entry(repository, file, f"{place}/{file.relative_to(folder)}") for file in _files(folder))
        run("update-index", "-z", "--index-info", stdin=b"".join(listing))

    return _commit(repository, branch, change, author, message)


def commit_files(
    repository: Path, branch: str, files: Mapping[str, str | None], author: str, message: str
) -> str | None:
    """Write (or, for None, remove) files; None when nothing changed."""

    def change(run: Callable[..., str]) -> None:
        for path, content in files.items():
            if content is None:
                run("update-index", "--force-remove", "--", path)
                continue
            blob = git(repository, "hash-object", "-w", "--stdin", stdin=content.encode())
            run("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")

    return _commit(repository, branch, change, author, message)


def log(repository: Path, branch: str) -> list[Commit]:
    """All commits of the branch, the newest first."""
    if head(repository, branch) is None:
        return []
    shape = "%x1e%H%x1f%an <%ae>%x1f%aI%x1f%B%x1f"
    text = git(repository, "log", f"--format={shape}", "--name-only", "--no-renames", f"refs/heads/{branch}")
    return [_parsed(record) for record in text.split("\x1e")[1:]]


def read(repository: Path, branch: str, path: str) -> bytes | None:
    """A file at the branch's head, None when it is not there."""
    try:
        return git_bytes(repository, "cat-file", "blob", f"refs/heads/{branch}:{path}")
    except GitError:
        return None


def _parsed(record: str) -> Commit:
    sha, author, date, message, files = record.split("\x1f")
    return Commit(sha, author, date, message.strip(), [line for line in files.splitlines() if line])


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _entry(repository: Path, file: Path, path: str) -> bytes:
    mode = "100755" if file.stat().st_mode & 0o100 else "100644"
    blob = git(repository, "hash-object", "-w", "--stdin", stdin=file.read_bytes())
    return f"{mode} {blob}\t{path}\0".encode()


def _commit(
    repository: Path, branch: str, change: Callable[[Callable[..., str]], None], author: str, message: str
) -> str | None:
    parent = head(repository, branch)
    with tempfile.TemporaryDirectory() as scratch:
        env = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_WORK_TREE": scratch, **_identity(author)}

        def run(*arguments: str, stdin: bytes | None = None) -> str:
            return git(repository, *arguments, stdin=stdin, env=env)

        if parent:
            run("read-tree", parent)
        change(run)
        tree = run("write-tree")
        if parent and tree == git(repository, "rev-parse", f"{parent}^{{tree}}"):
            return None
        sha = run("commit-tree", tree, *(("-p", parent) if parent else ()), stdin=message.encode())
    git(repository, "update-ref", f"refs/heads/{branch}", sha, parent or NOTHING)
    return sha


def _identity(author: str) -> dict[str, str]:
    found = _PERSON.fullmatch(author)
    if found is None:
        raise GitError(f"{author!r} is not of the form Name <address>")
    pairs = (("NAME", found["name"]), ("EMAIL", found["email"]))
    return {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in pairs}
