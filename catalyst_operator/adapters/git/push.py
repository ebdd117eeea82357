"""Pushes one folder to a Git repository over HTTPS, or removes it: one commit for a change, none for nothing, never
forced.

dulwich speaks Git's protocol without a git binary in the image. Only the head of one branch is fetched, without the
contents of files where the server leaves them out, and into memory. All of it blocks: callers run it in a thread.
"""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from dulwich.errors import SendPackError
from dulwich.index import commit_tree
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.pack import UnpackedObject, pack_objects_to_data
from dulwich.refs import Ref
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from catalyst_operator.adapters.destinations import OUTSIDE, Destinations
from catalyst_operator.adapters.git import newest
from catalyst_operator.adapters.git.git_http import Client
from catalyst_operator.adapters.git.newest import Heads, Repository
from catalyst_operator.adapters.leadership.fence import Fence, unfenced
from catalyst_operator.adapters.template import FOLDER as TEMPLATE
from catalyst_operator.core.kit.pushed import OverlayChange
from catalyst_operator.errors import GitRejected

PUSH_SECONDS = 60.0
PUSH_ATTEMPTS = 4
"""When somebody else pushes in between, it is done again on top of theirs, so many times."""
AUTHOR = b"catalyst-operator <catalyst-operator@catalyst.openova.io>"
FILE_MODE = 0o100644

_MOVED_ON = (
    "non-fast-forward|fetch first|stale info|(cannot|failed to) lock|failed to update ref|already exists|old value"
)
"""What servers say when the branch is not any more where it was."""


@dataclass(frozen=True)
class Pushed:
    """The commit that has the wanted content, and whether it had to be made."""

    revision: str
    committed: bool


_NOWHERE = ObjectID(b"0" * 40)
"""Git's way to say that there is no commit."""


class _MovedOnError(GitRejected):
    """Somebody pushed in between."""


def push(
    repository: Repository,
    change: OverlayChange,
    template: Mapping[str, str],
    *,
    limit_seconds: float = PUSH_SECONDS,
    destinations: Destinations = OUTSIDE,
    fence: Fence = unfenced,
) -> Pushed:
    """Have the repository hold the change. `template` is path -> text of what is added where clusters/_template is
    missing. Raises GitError, and what the `fence` raises, which everything that is sent asks."""
    if change.removes == bool(change.files) or not all(path.startswith(f"{change.folder}/") for path in change.files):
        raise ValueError(f"a change of {change.folder} has files in it, and only there, unless it removes the folder")
    password = repository.password
    with Client(
        repository.url, repository.username, password, repository.authority, limit_seconds, destinations, fence
    ) as client:
        for attempt in Retrying(
            stop=stop_after_attempt(PUSH_ATTEMPTS),
            wait=wait_random(0, 0.5),
            retry=retry_if_exception_type(_MovedOnError),
            reraise=True,
        ):
            with attempt, newest.understood(password):
                return _Push(client, repository, change, template).run()
    raise AssertionError("unreachable: the last attempt returns or raises")


class _Push:
    """One attempt, from what the branch is now."""

    def __init__(
        self, client: Client, repository: Repository, change: OverlayChange, template: Mapping[str, str]
    ) -> None:
        self._client = client
        self._password = repository.password
        self._change = change
        self._template = template if change.template else {}
        self._ref = repository.ref
        self._fetched = MemoryObjectStore()
        self._made = MemoryObjectStore()

    def run(self) -> Pushed:
        branch, parent = self._fetch()
        if self._change.removes and branch is None:
            # Nobody has it: neither a branch nor a repository is made for that.
            return Pushed((parent or _NOWHERE).decode(), committed=False)
        before = self._tree_of(parent)
        wanted = self._wanted(before)
        if parent and wanted.id == before.id:
            if branch is None:
                self._send(parent, None)
            return Pushed(parent.decode(), committed=False)
        commit = self._commit(wanted, parent)
        self._send(commit, branch)
        return Pushed(commit.decode(), committed=True)

    def _fetch(self) -> tuple[ObjectID | None, ObjectID | None]:
        """The head of the branch, None where it is missing; and what to build upon: that, else the head of the default
        branch, and None in an empty repository."""

        def base(heads: Heads) -> ObjectID | None:
            return heads.found or heads.default

        heads = newest.fetch(self._client, self._ref, self._fetched, base)
        return heads.found, base(heads)

    def _find(self, identity: ObjectID) -> ShaFile:
        return (self._made if identity in self._made else self._fetched)[identity]

    def _tree_of(self, parent: ObjectID | None) -> Tree:
        return newest.tree_of(self._find, parent) if parent else Tree()

    def _wanted(self, before: Tree) -> Tree:
        """The folder is what the change says, and nothing else is touched; but for the template, where there is
        none."""
        root = before
        if self._change.removes:
            return self._without(root, self._change.folder.split("/"))
        if self._template and not self._has(root, TEMPLATE.split("/")):
            root = self._with(root, TEMPLATE, self._template)
        return self._with(root, self._change.folder, self._change.files)

    def _has(self, root: Tree, path: Sequence[str]) -> bool:
        name, rest = path[0].encode(), path[1:]
        if name not in root:
            return False
        return not rest or self._has(self._inside(root, name), rest)

    def _without(self, root: Tree, path: Sequence[str]) -> Tree:
        """The tree without this folder, and without those above it that had nothing else."""
        name, rest = path[0].encode(), path[1:]
        if not self._has(root, path):
            return root
        changed = Tree.from_string(root.as_raw_string())
        inside = self._without(self._inside(root, name), rest) if rest else Tree()
        if len(inside):
            changed[name] = (stat.S_IFDIR, inside.id)
        else:
            del changed[name]
        self._made.add_object(changed)
        return changed

    def _with(self, root: Tree, folder: str, files: Mapping[str, str]) -> Tree:
        blobs = {
            path.removeprefix(f"{folder}/").encode(): Blob.from_string(text.encode()) for path, text in files.items()
        }
        for blob in blobs.values():
            self._made.add_object(blob)
        content = commit_tree(self._made, [(path, blob.id, FILE_MODE) for path, blob in blobs.items()])
        return self._graft(root, folder.encode().split(b"/"), content)

    def _graft(self, root: Tree, path: Sequence[bytes], content: ObjectID) -> Tree:
        name, rest = path[0], path[1:]
        grafted = self._graft(self._inside(root, name), rest, content).id if rest else content
        changed = Tree.from_string(root.as_raw_string())
        changed[name] = (stat.S_IFDIR, grafted)
        self._made.add_object(changed)
        return changed

    def _inside(self, root: Tree, name: bytes) -> Tree:
        return newest.folder_in(self._find, root, name)

    def _commit(self, tree: Tree, parent: ObjectID | None) -> ObjectID:
        commit = Commit()
        commit.tree, commit.parents = tree.id, [parent] if parent else []
        commit.author = commit.committer = AUTHOR
        commit.author_time = commit.commit_time = int(time.time())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding, commit.message = b"UTF-8", f"{self._change.message}\n".encode()
        self._made.add_object(commit)
        return commit.id

    def _send(self, commit: ObjectID, branch: ObjectID | None) -> None:
        """Move the branch there, from where it was found."""

        def update(refs: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
            if refs.get(self._ref) != branch:
                raise _MovedOnError("others push to the branch all the time")
            return {self._ref: commit}

        def pack(
            have: Set[ObjectID], want: Set[ObjectID], *, ofs_delta: bool = False, progress: object = None
        ) -> tuple[int, Iterator[UnpackedObject]]:
            objects: list[ShaFile] = [self._made[identity] for identity in self._made]
            return pack_objects_to_data(objects, ofs_delta=ofs_delta)

        said: list[bytes] = []
        try:
            result = self._client.send_pack("", update, pack, progress=said.append)
            refused = (result.ref_status or {}).get(self._ref)
        except SendPackError as error:
            refused = str(error)
        if refused:
            raise self._refusal(refused, b"".join(said).decode("utf-8", "replace"))

    def _refusal(self, refused: str, said: str) -> GitRejected:
        """Hooks say best what they want, though not that somebody was faster."""
        told = newest.said(f"{refused}; {said}".rstrip("; \n"), self._password, 400)
        kind = _MovedOnError if re.search(_MOVED_ON, refused) else GitRejected
        return kind(f"the server refused the commit: {told}")
