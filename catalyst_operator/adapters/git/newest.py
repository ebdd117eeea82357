"""The commit of a branch or a tag, or one by its name, fetched into memory: its folders, and the contents of files only
where the server does not leave them out.

dulwich speaks Git's protocol without a git binary in the image. All of it blocks: callers run it in a thread.
"""

from __future__ import annotations

import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from dulwich.errors import (
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    GitProtocolError,
    WrongObjectException,
)
from dulwich.object_store import MemoryObjectStore, ObjectStoreGraphWalker
from dulwich.objects import Commit, ObjectID, ShaFile, Tag, Tree
from dulwich.refs import Ref
from pydantic import SecretStr

from catalyst_operator.adapters.git.git_http import TOO_LARGE, Client
from catalyst_operator.adapters.git.git_pack import memory_of
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import GitError, GitRejected, GitTooLarge, GitUnavailable

MAX_GIT_MEMORY = 64 << 20
"""Of what is unpacked of one answer. As much again goes for the answer itself and for the branches that it lists."""
HEAD = Ref(b"HEAD")
_BRANCHES, _TAGS = b"refs/heads/", b"refs/tags/"

NOT_GIT = (
    *(GitProtocolError, FileFormatException, WrongObjectException, ChecksumMismatch, ApplyDeltaError, zlib.error),
    *(ValueError, KeyError, IndexError, AssertionError),
)
"""What dulwich raises for answers that are not as Git's protocol has them."""

Find = Callable[[ObjectID], ShaFile]
"""The object of this name. Raises KeyError."""


@dataclass(frozen=True)
class Repository:
    """What is followed of a repository, and who asks; without user name and password anybody. `authority`: PEM to trust
    instead of the system's."""

    url: str
    followed: GitRef
    username: str = ""
    password: SecretStr = field(default=SecretStr(""), repr=False)
    authority: str = ""

    @property
    def ref(self) -> Ref:
        """The branch or the tag, as Git calls it; HEAD where a commit is asked for, which no server lists."""
        if self.followed.commit:
            return HEAD
        tag, branch = self.followed.tag.encode(), self.followed.branch.encode()
        return Ref(_TAGS + tag if tag else _BRANCHES + branch)


@dataclass(frozen=True)
class Heads:
    """What a server says of its branches and tags: where this one is, None where it is missing; and where its default
    branch is, None in an empty repository."""

    found: ObjectID | None
    default: ObjectID | None
    default_name: str = ""


def fetch(
    client: Client,
    ref: Ref,
    store: MemoryObjectStore,
    wanted: Callable[[Heads], ObjectID | None],
    protocol: int | None = None,
) -> Heads:
    """Where they are; into the store goes the commit that is `wanted` of them. `protocol` is the version of Git's, None
    for the newest that both know. Raises GitError and what `understood` translates."""
    pack: list[bytes] = []
    told = Heads(None, None)

    def wants(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
        nonlocal told
        told = Heads(refs.get(ref), refs.get(HEAD))
        commit = wanted(told)
        return [commit] if commit else []

    def keep(data: bytes) -> int:
        pack.append(data)
        return len(data)

    found = client.fetch_pack(
        "",
        wants,
        ObjectStoreGraphWalker([], lambda _: []),
        keep,
        depth=1,
        ref_prefix=[HEAD, ref],
        filter_spec=b"blob:none",
        protocol_version=protocol,
    )
    if found.object_format not in (None, "sha1"):
        # Not what it calls it: a server may call it anything, the password included.
        raise GitRejected("its objects have names of another kind than sha1, which alone is supported")
    _unpack(b"".join(pack), store)
    name = found.symrefs.get(HEAD, b"").removeprefix(_BRANCHES).decode("utf-8", "replace")
    return Heads(told.found, told.default, name)


def commit_of(find: Find, identity: ObjectID) -> Commit:
    """The commit itself, or what an annotated tag, or a tag of tags, stands for."""
    found = find(identity)
    while isinstance(found, Tag):
        found = find(ObjectID(found.object[1]))
    if not isinstance(found, Commit):
        raise GitRejected("what is followed is no commit")
    return found


def tree_of(find: Find, commit: ObjectID) -> Tree:
    """The top folder of a commit."""
    return tree(find, ObjectID(commit_of(find, commit).tree))


def tree(find: Find, identity: ObjectID) -> Tree:
    """A folder by its object."""
    found = find(identity)
    if not isinstance(found, Tree):
        raise GitRejected("a folder of it is none")
    return found


def folder_in(find: Find, outer: Tree, name: bytes) -> Tree:
    """A folder of a folder; an empty one where it is missing."""
    if name not in outer:
        return Tree()
    mode, identity = outer[name]
    if not stat.S_ISDIR(mode):
        raise GitRejected(f"{name.decode()} is a file or a link in the repository, where a folder belongs")
    return tree(find, ObjectID(identity))


@contextmanager
def understood(password: SecretStr) -> Iterator[None]:
    """Answers that are not as Git's protocol has them become GitUnavailable."""
    told = ""
    try:
        yield
    except GitError:
        raise
    except NOT_GIT as error:
        told = said(f"{type(error).__name__}: {error}", password, 200)
    if told:
        raise GitUnavailable(f"it does not answer as Git does ({told})")


def said(text: str, password: SecretStr, limit: int) -> str:
    """What a server said, as far as it can be passed on: it knows the password, and could repeat it."""
    secret = password.get_secret_value()
    for form in filter(None, (secret, str(secret.encode())[2:-1])):
        text = text.replace(form, "[redacted]")
    return shorten(text, limit)


def _unpack(pack: bytes, store: MemoryObjectStore) -> None:
    if not pack:
        return
    if memory_of(pack, MAX_GIT_MEMORY) > MAX_GIT_MEMORY:
        raise GitTooLarge(TOO_LARGE)
    sink, commit, _ = store.add_pack()
    sink.write(pack)
    commit()
