"""The repositories on disk and who may do what with each.

Users are kept in a file beside the repositories, so that a restart of the lab's server locks nobody out.
"""

from __future__ import annotations

import hmac
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from catalyst_operator import __version__
from e2e.lab.git_server.commits import commit_folder
from e2e.lab.git_server.git import git

PUBLIC = "openova/openova.git"
"""The repository that a Sovereign's Flux follows by default: everybody reads it, nobody pushes."""
BRANCH = "main"
RELEASE = f"v{__version__}"
"""The tag that new clusters follow by default."""
LAB = "OpenOva lab <lab@openova.invalid>"

_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*\.git")


class BadPath(ValueError):
    """A repository's path that the server does not accept."""


@dataclass(frozen=True)
class User:
    """Who may use a repository. The lab's passwords are secrets of nobody, so they are kept as they are."""

    name: str
    password: str
    readonly: bool = False


class Verdict(Enum):
    """What a request to a repository deserves."""

    ALLOWED = 200
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404


class Repositories:
    """All repositories of the server, below `root`."""

    def __init__(self, root: Path, template: Path) -> None:
        self.root, self._template = root, template
        self._file = root / "users.json"
        self._users: dict[str, list[User]] = {}
        if self._file.exists():
            noted = json.loads(self._file.read_text("utf-8"))
            self._users = {path: [User(**user) for user in users] for path, users in noted.items()}

    def open_public(self) -> None:
        """Make the public repository, or commit what changed in the template since the server's last start."""
        self._init(PUBLIC)
        self._note(PUBLIC, self._users.get(PUBLIC, []))
        self._publish(PUBLIC, "Publish the bootstrap kit")

    def create(self, path: str, user: User | None, *, template: bool) -> None:
        """Make a repository, or give one that exists a further user. Without any user everybody reads it."""
        self._init(path)
        kept = [known for known in self._users.get(path, []) if user is None or known.name != user.name]
        self._note(path, kept + ([user] if user else []))
        if template:
            self._publish(path, "Begin with the bootstrap kit")

    def delete(self, path: str) -> None:
        """Remove a repository with all its history."""
        shutil.rmtree(self.folder(path), ignore_errors=True)
        self._users.pop(path, None)
        self._save()

    def exists(self, path: str) -> bool:
        return path in self._users

    def folder(self, path: str) -> Path:
        """Where the bare repository lies. Raises BadPath."""
        if not _PATH.fullmatch(path):
            raise BadPath(f"{path!r} is not the path of a repository, like acme/gitops.git")
        return self.root / path

    def judge(self, path: str, credentials: tuple[str, str] | None, *, write: bool) -> Verdict:
        """Whether a request may go on, as real servers answer."""
        if not self.exists(path):
            return Verdict.NOT_FOUND
        users = self._users[path]
        if not users and not write:
            return Verdict.ALLOWED
        user = _known(users, credentials)
        if user is None:
            return Verdict.UNAUTHORIZED
        return Verdict.FORBIDDEN if write and user.readonly else Verdict.ALLOWED

    def _init(self, path: str) -> None:
        folder = self.folder(path)
        if not (folder / "HEAD").exists():
            folder.mkdir(parents=True, exist_ok=True)
            git(folder, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}")
        for name, value in _CONFIG.items():
            git(folder, "config", name, value)

    def _publish(self, path: str, message: str) -> None:
        """The kit of the checkout, as its release would have it: the tag moves along, which no real one does."""
        commit_folder(self.folder(path), BRANCH, self._template, "clusters", LAB, message)
        git(self.folder(path), "update-ref", f"refs/tags/{RELEASE}", f"refs/heads/{BRANCH}")

    def _note(self, path: str, users: list[User]) -> None:
        self._users[path] = users
        self._save()

    def _save(self) -> None:
        content = {path: [asdict(user) for user in users] for path, users in self._users.items()}
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


_CONFIG: Mapping[str, str] = {
    # Who may push is decided before git is asked.
    "http.receivepack": "true",
    "receive.denyNonFastForwards": "true",
    "receive.denyDeletes": "true",
    "gc.auto": "0",
}


def _known(users: list[User], credentials: tuple[str, str] | None) -> User | None:
    if credentials is None:
        return None
    name, password = credentials[0], credentials[1].encode()
    same = (user for user in users if user.name == name and hmac.compare_digest(user.password.encode(), password))
    return next(same, None)
