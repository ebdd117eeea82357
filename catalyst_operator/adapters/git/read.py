"""A look at a Git repository before a cluster is bought that follows a branch, a tag or a commit of it: whether that is
there, and has the folders that are needed. Nothing is ever changed. All of it blocks: callers run it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable

from dulwich.errors import GitProtocolError, HangupException
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import ObjectID, Tree

from catalyst_operator.adapters.destinations import OUTSIDE, Destinations
from catalyst_operator.adapters.git import newest
from catalyst_operator.adapters.git.git_http import Client
from catalyst_operator.adapters.git.newest import Find, Heads, Repository
from catalyst_operator.core.kit.repository import RepositoryQuestion, RepositoryView
from catalyst_operator.errors import GitCommitMissing, GitCommitUnclear, GitRejected, GitTooLarge

READ_SECONDS = 30.0
_NEWEST, _OLDEST = None, 0
_ASKED_IN = (_NEWEST, _NEWEST, _OLDEST)
"""Versions of Git's protocol in which a commit is asked for, as long as the other side hangs up. Git itself does so in
the newest when it does not have the commit, as a broken connection does; in the oldest it says so in words."""
_NOT_GIVEN = (
    "it does not give out this commit: it has none of this name, or hands out only what a branch or a tag stands for "
    "(uploadpack.allowReachableSHA1InWant), so tag the commit and follow the tag"
)
_HUNG_UP = (
    f"it hung up {len(_ASKED_IN)} times when it was asked for this commit, and gave no reason: the connection was cut, "
    "or it does not give out this commit, so look whether it has it"
)


def look(
    repository: Repository,
    question: RepositoryQuestion,
    *,
    limit_seconds: float = READ_SECONDS,
    destinations: Destinations = OUTSIDE,
) -> RepositoryView:
    """What the repository says. Raises GitError."""
    password = repository.password
    with (
        Client(
            repository.url, repository.username, password, repository.authority, limit_seconds, destinations
        ) as client,
        newest.understood(password),
    ):
        if question.pushes:
            client.may_push()
        return _look(client, repository, question)


def _look(client: Client, repository: Repository, question: RepositoryQuestion) -> RepositoryView:
    store, found = MemoryObjectStore(), None

    def wanted(heads: Heads) -> ObjectID | None:
        nonlocal found
        found = ObjectID(question.ref.commit.encode()) if question.ref.commit else heads.found
        return found if question.folders else None

    try:
        if question.ref.commit:
            heads = _fetch_commit(client, repository, question.ref.commit, store, wanted)
        else:
            heads = newest.fetch(client, repository.ref, store, wanted)
    except GitTooLarge:
        if found is None:
            raise
        # Flux reads more than that. The branch is there, and that much is known.
        return RepositoryView(_text(found), lacking=None)
    if found is None or not question.folders:
        return RepositoryView(_text(found), heads.default_name)
    commit = newest.commit_of(store.__getitem__, found)
    top = newest.tree(store.__getitem__, ObjectID(commit.tree))
    lacking = (folder for folder in question.folders if not _has(store.__getitem__, top, folder))
    return RepositoryView(_text(commit.id), heads.default_name, tuple(lacking))


def _fetch_commit(
    client: Client,
    repository: Repository,
    commit: str,
    store: MemoryObjectStore,
    wanted: Callable[[Heads], ObjectID | None],
) -> Heads:
    """Servers refuse a commit in words that name it, or hang up."""
    for protocol in _ASKED_IN:
        try:
            return newest.fetch(client, repository.ref, store, wanted, protocol)
        except HangupException:
            continue
        except GitProtocolError as refusal:
            if commit not in str(refusal):
                raise
        raise GitCommitMissing(_NOT_GIVEN)
    raise GitCommitUnclear(_HUNG_UP)


def _has(find: Find, top: Tree, folder: str) -> bool:
    here = top
    for name in folder.encode().split(b"/"):
        try:
            here = newest.folder_in(find, here, name)
        except GitRejected:
            # A file, a link, or another repository.
            return False
        if not len(here):
            return False
    return True


def _text(commit: ObjectID | None) -> str:
    return commit.decode() if commit else ""
