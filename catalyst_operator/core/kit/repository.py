"""The Git repository that a new cluster is to follow: what is asked of it before anything is spent, and what follows
from what it answers.

Why: docs/kit.md#where-the-tree-lies
"""

from __future__ import annotations

import posixpath
from dataclasses import asdict, dataclass

from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit.git_causes import GitCause, remedy
from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.project.preflight import Check
from catalyst_operator.core.redact import shorten

GIT = "git"
"""Name of the check."""
SHORT_COMMIT = 12
MAX_NAMED_FOLDERS, MAX_BRANCH = 3, 128


@dataclass(frozen=True)
class RepositoryQuestion:
    """What has to be there. Two equal ones need only one look."""

    url: str
    ref: GitRef
    folders: tuple[str, ...] = ()
    """Relative to the repository's top; what Flux applies, the first one itself."""
    secret: str = ""
    """The owner's Secret with user name and password; empty: it is read without."""
    pushes: bool = False
    """Whether the operator is to write there: a branch that is missing is then made by it."""

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.url}, {self.ref}"


@dataclass(frozen=True)
class RepositoryView:
    """What a repository answered."""

    commit: str = ""
    """What the branch or the tag stands for; empty where there is none of that name."""
    default_branch: str = ""
    lacking: tuple[str, ...] | None = ()
    """The folders that it does not have; None where that could not be looked at."""


def is_asked(spec: SovereignSpec) -> bool:
    """Whether the repository is looked at before anything is spent. Where the operator is about to write all that is
    followed, that it could do so tells more than a look."""
    own = spec.gitops.mode is GitOpsMode.COMMIT and spec.gitops.path is None
    return not own or spec.dry_run


def folders_of(path: str, components: tuple[str, ...]) -> tuple[str, ...]:
    """The folders that a Kustomization with this path and these components needs."""
    paths = (path, *(posixpath.join(path, component) for component in components))
    return tuple(dict.fromkeys(map(posixpath.normpath, paths)))


def key_of(question: RepositoryQuestion, credentials_version: str, retry: str) -> str:
    """What a report is about: the question, the credentials' version and the wish to try again (its annotation)."""
    return digest_of({"question": asdict(question), "credentials": credentials_version, "retry": retry})[:16]


def judge(question: RepositoryQuestion, view: RepositoryView) -> Check:
    """The check after the repository answered."""
    if not view.commit:
        return _without_it(question, view)
    there = "there" if question.ref.commit else f"at {view.commit[:SHORT_COMMIT]}"
    at = f"{question.place}, is {there}"
    if view.lacking is None:
        told = f"{at}. Not checked: whether it has {question.folders[0]}, because that commit is too large."
        return Check(GIT, PreflightResult.UNKNOWN, told)
    if view.lacking:
        named = ", ".join(view.lacking[:MAX_NAMED_FOLDERS])
        more = len(view.lacking) - MAX_NAMED_FOLDERS
        what = f"{named} and {more} more" if more > 0 else named
        return _failed(f"{at} and has no folder {what}.", GitCause.FOLDER)
    has = f" and has {question.folders[0]}" if question.folders else ""
    return Check(GIT, PreflightResult.PASSED, f"{at}{has}.")


def unreadable(question: RepositoryQuestion, reason: str, cause: GitCause, *, passing: bool) -> Check:
    """The check when the repository could not be read; `passing` where that may pass by itself."""
    if not passing:
        return _failed(f"{question.place}, cannot be read: {reason}.", cause, pushes=question.pushes)
    told = f"{question.place}, cannot be read from the management cluster: {reason}. It is tried again by itself."
    return _failed(told, cause, pushes=question.pushes, lasting=False)


def _without_it(question: RepositoryQuestion, view: RepositoryView) -> Check:
    name = shorten(view.default_branch, MAX_BRANCH)
    default = f"its default branch is {name}" if name else "it has no default branch"
    if question.pushes:
        told = f"{question.url} has no {question.ref}; the operator makes it."
        return Check(GIT, PreflightResult.PASSED, told)
    return _failed(f"{question.url} has no {question.ref}; {default}.", GitCause.REF)


def _failed(message: str, cause: GitCause, *, pushes: bool = False, lasting: bool = True) -> Check:
    error = codes.GIT_READ.entry(message, remedy=remedy(cause, pushes=pushes), lasting=lasting)
    return Check(GIT, PreflightResult.FAILED, message, error)
