"""What the operator refuses without asking a Git server, and packs that would unpack to more than it has memory for."""

from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace
from hashlib import sha1
from io import BytesIO
from typing import cast

import pytest
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, Tree
from dulwich.pack import pack_objects_to_data, write_pack_data
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from catalyst_operator.adapters.git import newest
from catalyst_operator.adapters.git.git_http import Client
from catalyst_operator.adapters.git.git_pack import MAX_GIT_OBJECTS, memory_of
from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.git.push import _Push, push
from catalyst_operator.adapters.template import FOLDER as TEMPLATE
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.kit.pushed import OverlayChange
from catalyst_operator.errors import GitDenied, GitError, GitMissing, GitUnavailable

LIMIT = 1 << 20
EMPTY = 1 << 10
"""What an object takes without its content."""
PASSWORD = "correct-horse"
REPOSITORY = Repository("https://push.example/acme/gitops.git", GitRef(branch="main"), "pusher", SecretStr(PASSWORD))
FOLDER = "clusters/acme.example.com"
CHANGE = OverlayChange(FOLDER, {f"{FOLDER}/sync.yaml": "a: 1\n"}, "Render it")
TEXTS = [b"", b"x" * 15, b"x" * 16, bytes(range(256)) * 20, b"y" * 5000]


def honest_pack(texts: list[bytes]) -> bytes:
    """As dulwich writes it, without deltas."""
    out = BytesIO()
    count, objects = pack_objects_to_data([Blob.from_string(text) for text in texts])
    write_pack_data(out.write, objects, num_records=count, object_format=DEFAULT_OBJECT_FORMAT)
    return out.getvalue()


def pack(*objects: bytes, count: int | None = None) -> bytes:
    """With a header of its own and without a check sum."""
    number = len(objects) if count is None else count
    return b"PACK" + (2).to_bytes(4, "big") + number.to_bytes(4, "big") + b"".join(objects) + b"\0" * 20


def varint(value: int, first: int = 0, first_bits: int = 7) -> bytes:
    """As sizes are written: the lowest bits first."""
    byte, rest, out = first | value & ((1 << first_bits) - 1), value >> first_bits, b""
    while rest:
        out, byte, rest = out + bytes([byte | 0x80]), rest & 0x7F, rest >> 7
    return out + bytes([byte])


def packed(kind: int, content: bytes, base: bytes = b"", size: int | None = None) -> bytes:
    """One object, which says it has `size` bytes."""
    said = len(content) if size is None else size
    return varint(said, kind << 4, 4) + base + zlib.compress(content)


def distance(value: int) -> bytes:
    """As a delta says how far back its base is: the highest bits first."""
    out = bytes([value & 0x7F])
    while value := value >> 7:
        value -= 1
        out = bytes([0x80 | value & 0x7F]) + out
    return out


def test_sizes_are_added_up() -> None:
    assert memory_of(honest_pack(TEXTS), LIMIT) == sum(EMPTY + 2 * len(text) for text in TEXTS)


@pytest.mark.parametrize("base", [(6, bytes([0x81, 0x2C])), (7, b"h" * 20)], ids=["by offset", "by hash"])
def test_what_a_delta_makes_counts_too(base: tuple[int, bytes]) -> None:
    """Of an object that is not in the pack, so that it may become whatever takes most."""
    delta = varint(100) + varint(7_000) + b"instructions"
    kind, reference = base
    made = memory_of(pack(packed(kind, delta, reference), packed(3, b"four")), LIMIT)
    assert made == EMPTY + 2 * len(delta) + 72 * 7_000 + EMPTY + 2 * len(b"four")


def test_a_delta_makes_what_its_base_is() -> None:
    """Also a delta of a delta, and one that is far from it."""
    blob, delta = packed(3, bytes(range(256)) * 2), varint(512) + varint(512) + b"\x80"
    first = packed(6, delta, distance(len(blob)))
    second = packed(6, delta, distance(len(first)))
    third = packed(6, delta, distance(len(blob + first + second)))
    deltas = 3 * (EMPTY + 2 * len(delta))
    assert len(blob + first + second) > 127
    assert memory_of(pack(blob, first, second, third), LIMIT) == EMPTY + deltas + 4 * 2 * 512


LINES = b"tree %s\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\na b\n%s\nx"
ENTRIES = [bytes([one, other]) for one in range(1, 128) for other in range(1, 256) if 47 not in (one, other)]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (1, LINES % (b"1" * 40, b" \n" * (1 << 19))),
        (4, b"object %s\ntype commit\ntag x\n%s\nx" % (b"1" * 40, b"a b\n" * (1 << 18))),
        (2, b"".join(b"4 " + name + b"\0" + b"h" * 20 for name in ENTRIES)),
        (3, b"x" * (4 << 20)),
    ],
    ids=["commit", "tag", "tree", "blob"],
)
def test_no_object_takes_more_than_is_thought(kind: int, content: bytes) -> None:
    """dulwich has each parsed at once, and copied."""
    whole = pack(packed(kind, content))[:-20]
    whole += sha1(whole, usedforsecurity=False).digest()
    tracemalloc.start()
    try:
        newest._unpack(whole, MemoryObjectStore())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Its own size is there once more while it is read.
    assert most < memory_of(whole, 1 << 40) + 2 * len(content)
    assert len(content) < most


def test_a_push_takes_no_more_than_is_thought() -> None:
    """It copies the trees that it changes, once for each of what it adds."""
    top = b"".join(b"4 " + name + b"\0" + b"h" * 20 for name in ENTRIES)
    commit = LINES % (Tree.from_string(top).id, b"")
    whole = pack(packed(1, commit), packed(2, top))[:-20]
    whole += sha1(whole, usedforsecurity=False).digest()
    template = {f"{TEMPLATE}/kustomization.yaml": "a: 1\n"}
    attempt = _Push(cast(Client, None), REPOSITORY, replace(CHANGE, template=True), template)
    tracemalloc.start()
    try:
        newest._unpack(whole, attempt._fetched)
        attempt._wanted(attempt._tree_of(Commit.from_string(commit).id))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 24 * len(top) < most < memory_of(whole, 1 << 40)


@pytest.mark.parametrize(
    "endless",
    [pack(b"\xff" * (1 << 20)), pack(b"\xe1" + b"\xff" * (1 << 20)), pack(packed(6, b"", b"\xff" * (1 << 20)))],
    ids=["size", "size of a delta", "base"],
)
def test_a_number_without_end_is_not_read(endless: bytes) -> None:
    """Each byte more makes the number longer to compute with, and nothing stops a thread that computes."""
    with pytest.raises(ValueError, match="no end"):
        memory_of(endless, LIMIT)


@pytest.mark.parametrize(
    "bomb",
    [
        pack(packed(3, b"\0", size=10 << 30)),
        pack(*[packed(3, b"\0" * (LIMIT // 4))] * 1000),
        pack(*[packed(3, b"")] * 10_000),
        pack(packed(1, b"\n" * (LIMIT // 40))),
        pack(packed(7, varint(100) + varint(10 << 30), b"h" * 20)),
    ],
    ids=["one large object", "many", "many empty ones", "a commit of lines", "a delta"],
)
def test_it_is_not_unpacked_to_find_out(bomb: bytes) -> None:
    """Adding stops where it is too much already."""
    assert LIMIT < memory_of(bomb, LIMIT) <= 11 * 72 << 30


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"<html>", "no pack"),
        (pack(packed(3, b"\0" * LIMIT, size=10)), "not of the size it says"),
        (pack(packed(3, b"text")[:-6])[:-20], "not of the size it says"),
        (pack(count=MAX_GIT_OBJECTS + 1), "200001 objects"),
    ],
    ids=["something else", "a lie", "cut off", "too many"],
)
def test_what_is_no_pack_is_told(broken: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        memory_of(broken, LIMIT)


@given(st.integers(12, 400), st.binary(min_size=1, max_size=8))
def test_broken_packs_raise_nothing_else(at: int, junk: bytes) -> None:
    """What is raised here is told as an answer that Git does not give."""
    whole = honest_pack(TEXTS)
    try:
        memory_of(whole[:at] + junk + whole[at + len(junk) :], LIMIT)
    except newest.NOT_GIT:
        return


@pytest.mark.parametrize(
    ("repository", "kind", "words"),
    [
        (replace(REPOSITORY, url="http://push.example/acme.git"), GitDenied, "over https:// only"),
        (replace(REPOSITORY, url="https:///acme.git"), GitMissing, "not the address of a server"),
        (replace(REPOSITORY, url="https://push.example:99999/acme.git"), GitMissing, "not the address of a server"),
        (replace(REPOSITORY, authority="-----BEGIN CERTIFICATE-----"), GitDenied, "not a certificate in PEM"),
        (replace(REPOSITORY, authority="Zertifikat für Müller"), GitDenied, "not a certificate in PEM"),
        (replace(REPOSITORY, url="https://git..example/acme.git"), GitUnavailable, "could not be resolved"),
    ],
)
def test_what_cannot_be_pushed_to_is_told(repository: Repository, kind: type[GitError], words: str) -> None:
    with pytest.raises(kind, match=words) as refused:
        push(repository, CHANGE, {})
    assert PASSWORD not in f"{refused.value!r} {repository!r}"


@pytest.mark.parametrize("path", ["README.md", "clusters/acme.example.com.au/sync.yaml", FOLDER])
def test_a_change_never_leaves_its_folder(path: str) -> None:
    """A slip here must not cost people their files."""
    with pytest.raises(ValueError, match="only there"):
        push(REPOSITORY, replace(CHANGE, files={**CHANGE.files, path: "mine\n"}), {})


def test_a_change_without_files_is_none() -> None:
    """It would remove what the cluster follows, and Flux would remove all that it installed."""
    with pytest.raises(ValueError, match="files in it"):
        push(REPOSITORY, replace(CHANGE, files={}), {})


def test_a_change_that_removes_the_folder_has_no_files() -> None:
    with pytest.raises(ValueError, match="unless it removes the folder"):
        push(REPOSITORY, replace(CHANGE, removes=True), {})
