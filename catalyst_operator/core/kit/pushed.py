"""What the operator pushes to a Git repository in mode Commit, and what came of it.

Why: docs/kit.md#where-the-tree-lies
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.record import ErrorEntry


@dataclass(frozen=True)
class OverlayChange:
    """The wanted content of one folder of a repository, and only of that folder."""

    folder: str
    """Relative to the repository's top, such as clusters/acme.example.com."""
    files: Mapping[str, str]
    """Path, relative to the repository's top, -> text. What else lies in the folder is removed."""
    message: str
    """First line of the commit's message."""
    template: bool = True
    """Whether to add the shared template where the repository has none; one that is there is never touched."""
    removes: bool = False
    """Whether the folder itself is to be gone. That it has no files does not say so: a slip must not remove it."""

    @property
    def digest(self) -> str:
        """Tells one content from another."""
        gone = {"removes": True} if self.removes else {}
        return digest_of({"folder": self.folder, "files": dict(self.files), **gone})


@dataclass(frozen=True)
class OverlayReport:
    """What the last push came to: a revision, or an error with when it is worth trying again."""

    key: str
    at: datetime
    digest: str = ""
    """Of the change that is in the repository now."""
    revision: str = ""
    """The commit that has it, also where nothing had to be changed."""
    error: ErrorEntry | None = None


def key_of(change: OverlayChange, url: str, branch: str, credentials_version: str, occasion: str) -> str:
    """Tells one errand from another: new credentials, or another occasion, such as a retry that was asked for, are
    worth another push."""
    return digest_of([change.digest, url, branch, credentials_version, occasion])
