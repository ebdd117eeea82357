"""Pushes one folder to a Git repository over HTTPS: one commit for a change, none for nothing, never forced.

dulwich speaks Git's protocol without a git binary in the image. Only the head of one branch is fetched, into a folder
that is gone afterwards. All of it blocks: callers run it in a thread.
"""

from __future__ import annotations

import re
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import urllib3
from dulwich.client import HTTPUnauthorized, Urllib3HttpGitClient
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.object_store import commit_tree_changes, iter_tree_contents
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.pack import UnpackedObject
from dulwich.refs import Ref
from dulwich.repo import Repo
from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from catalyst_operator.core.overlay import Change
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import GitDenied, GitError, GitMissing, GitRejected, GitUnavailable

TIMEOUT = urllib3.Timeout(connect=10, read=30)
ATTEMPTS = 4
"""When somebody else pushes in between, it is done again on top of theirs, so many times."""
AUTHOR = b"catalyst-operator <catalyst-operator@catalyst.openova.io>"
FILE_MODE = 0o100644
HEAD = Ref(b"HEAD")


@dataclass(frozen=True)
class Repository:
    """A branch of a repository, and who may push there. `authority`: PEM to trust instead of the system's."""

    url: str
    branch: str
    username: str
    password: SecretStr = field(repr=False)
    authority: str = ""


@dataclass(frozen=True)
class Pushed:
    """The commit that has the wanted content, and whether it had to be made."""

    revision: str
    committed: bool


class _MovedOnError(Exception):
    """Somebody pushed in between."""


def push(repository: Repository, change: Change, template: Mapping[str, str]) -> Pushed:
    """Have the repository hold the change. `template` is path -> text of what is added where clusters/_template is
    missing. Raises GitError."""
    try:
        for attempt in Retrying(
            stop=stop_after_attempt(ATTEMPTS), retry=retry_if_exception_type(_MovedOnError), reraise=True
        ):
            with attempt, tempfile.TemporaryDirectory() as folder, Repo.init_bare(folder) as scratch:
                attempted = _Push(repository, change, template, scratch)
                try:
                    return attempted.run()
                finally:
                    attempted.close()
    except _MovedOnError:
        raise GitRejected("others pushed to the branch all the time") from None
    except HTTPUnauthorized:
        raise GitDenied("the repository does not accept the user name and password") from None
    except NotGitRepository:
        raise GitMissing("there is no such repository, or it is not shown to this user") from None
    except (GitProtocolError, urllib3.exceptions.HTTPError, ssl.SSLError, OSError) as error:
        raise _of_protocol(error) from None
    raise AssertionError("unreachable: the last attempt returns or raises")


class _Push:
    """One attempt, from what the branch is now."""

    def __init__(self, repository: Repository, change: Change, template: Mapping[str, str], scratch: Repo) -> None:
        self._change = change
        self._template = template if change.template else {}
        self._scratch = scratch
        self._ref = Ref(f"refs/heads/{repository.branch}".encode())
        base, _, path = repository.url.rpartition("/")
        self._path = path
        self._pool = _Pool(repository.authority)
        self._client = Urllib3HttpGitClient(
            base,
            pool_manager=self._pool,
            username=repository.username,
            password=repository.password.get_secret_value(),
            quiet=True,
        )

    def run(self) -> Pushed:
        parent = self._fetch()
        before = self._tree_of(parent)
        wanted = commit_tree_changes(self._scratch.object_store, before, list(self._changes(before)))
        if parent and wanted == before:
            return Pushed(parent.decode(), committed=False)
        commit = self._commit(wanted, parent)
        self._send(commit, parent)
        return Pushed(commit.decode(), committed=True)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _tree_of(self, parent: ObjectID | None) -> ObjectID:
        if parent is None:
            empty = Tree()
            self._scratch.object_store.add_object(empty)
            return empty.id
        commit = self._scratch[parent]
        if not isinstance(commit, Commit):
            raise GitRejected("the branch does not point to a commit")
        return ObjectID(commit.tree)

    def _fetch(self) -> ObjectID | None:
        """The head of the branch; where the branch is missing that of the default one, and None in an empty
        repository."""

        def wants(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
            head = refs.get(self._ref) or refs.get(HEAD)
            return [head] if head else []

        refs = self._client.fetch(self._path, self._scratch, wants, depth=1).refs
        return refs.get(self._ref) or refs.get(HEAD)

    def _changes(self, tree: ObjectID) -> Iterator[tuple[bytes, int | None, ObjectID | None]]:
        """What turns the folder into what is wanted, and adds the template where there is none."""
        entries = iter_tree_contents(self._scratch.object_store, tree)
        there = {entry.path for entry in entries if entry.path is not None}
        folder = f"{self._change.folder}/".encode()
        for gone in sorted(there - {path.encode() for path in self._change.files}):
            if gone.startswith(folder):
                yield gone, None, None
        added = {path: text for path, text in self._template.items() if not _has_any(there, path)}
        for path, text in sorted({**added, **self._change.files}.items()):
            blob = Blob.from_string(text.encode())
            self._scratch.object_store.add_object(blob)
            yield path.encode(), FILE_MODE, blob.id

    def _commit(self, tree: ObjectID, parent: ObjectID | None) -> ObjectID:
        commit = Commit()
        commit.tree, commit.parents = tree, [parent] if parent else []
        commit.author = commit.committer = AUTHOR
        commit.author_time = commit.commit_time = int(time.time())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding, commit.message = b"UTF-8", f"{self._change.message}\n".encode()
        self._scratch.object_store.add_object(commit)
        return commit.id

    def _send(self, commit: ObjectID, parent: ObjectID | None) -> None:
        def update(refs: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
            if refs.get(self._ref, parent) != parent:
                raise _MovedOnError
            return {self._ref: commit}

        def pack(
            have: Set[ObjectID], want: Set[ObjectID], *, ofs_delta: bool = False, progress: object = None
        ) -> tuple[int, Iterator[UnpackedObject]]:
            return self._scratch.generate_pack_data(set(have), set(want), ofs_delta=ofs_delta)

        try:
            result = self._client.send_pack(self._path, update, pack)
        except HTTPUnauthorized:
            raise GitDenied("the user may read the repository, but not push to it") from None
        refused = (result.ref_status or {}).get(self._ref)
        if not refused:
            return
        if re.search("non-fast-forward|fetch first|failed to (lock|update ref)|stale info", str(refused)):
            raise _MovedOnError
        raise GitRejected(f"the server refused the commit: {shorten(str(refused), 200)}")


def _has_any(there: set[bytes], path: str) -> bool:
    """Whether the repository has the folder that this file of the template belongs to: then it is somebody's own."""
    top = "/".join(path.split("/")[:2]) + "/"
    return any(known.startswith(top.encode()) for known in there)


class _Pool(urllib3.PoolManager):
    """Trust in the given authority alone, or in the system's. Redirects would lead elsewhere and are not followed."""

    def __init__(self, authority: str) -> None:
        context = ssl.create_default_context(cadata=authority or None)
        super().__init__(ssl_context=context, timeout=TIMEOUT, retries=urllib3.Retry(0, redirect=0))
        self._answers: list[urllib3.BaseHTTPResponse] = []

    def request(self, *arguments: Any, **options: Any) -> urllib3.BaseHTTPResponse:
        """As urllib3 does it; the answer is remembered, since dulwich does not read one that is a refusal."""
        answer = super().request(*arguments, **options)
        self._answers.append(answer)
        return answer

    def close(self) -> None:
        """Close all connections, also those whose answer nobody read."""
        for answer in self._answers:
            answer.close()
        self.clear()


def _of_protocol(error: Exception) -> GitError:
    """What the transport said, by what can be told apart; the rest is not passed on, as it may hold the URL's user."""
    text = str(error)
    status = re.search(r"unexpected http resp (\d{3})", text)
    if status and status[1] == "403":
        return GitDenied("the user may not push to the repository, or may not use it at all")
    if status:
        return GitUnavailable(f"it answered with HTTP status {status[1]}")
    return GitUnavailable(next((words for sign, words in _SIGNS if re.search(sign, text)), type(error).__name__))


_SIGNS = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted: put the authority's under ca.crt into the Secret"),
    ("Connection refused", "connection refused"),
    ("resolve|Name or service", "its name could not be resolved"),
    ("timed out|[Tt]imeout", "it did not answer in time"),
)
