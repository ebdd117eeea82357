"""Adds up what memory a pack would take, before anything of it is unpacked.

Whoever owns a Sovereign names the server that packs come from. Deflate makes a thousand bytes of one, deltas make more,
and dulwich has each object parsed as soon as it is unpacked: a byte of a commit may become fifty. dulwich holds each
object to the size it declares, but nobody adds them up, and the operator's memory is everybody's.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

MAX_GIT_OBJECTS = 200_000
_HEADER, _HASH, _CHUNK = 12, 20, 4096
_COMMIT, _TREE, _BLOB, _TAG, _OFFSET_DELTA, _HASH_DELTA = 1, 2, 3, 4, 6, 7
_OBJECT = 1 << 10
"""Bytes that an empty object takes, rounded up."""
_AS_IT_IS = 2
"""Bytes for each one that is kept unparsed: a copy is made."""
_PARSED = {_COMMIT: 48, _TREE: 72, _TAG: 48, _BLOB: _AS_IT_IS}
"""Kind -> bytes for each one of an object of nothing but the shortest lines or entries, measured and rounded up; with
the copies that a push makes of trees to change them."""
_LONGEST_NUMBER = 10
"""Bytes of a number, of 64 bits at most."""


def memory_of(pack: bytes, limit: int) -> int:
    """Bytes that all objects together take at most; it stops adding once they are more than `limit`. Raises ValueError
    or IndexError for what is no pack, or one of more objects than a repository's newest commit has reason to have."""
    if not pack.startswith(b"PACK"):
        raise ValueError("it is no pack")
    count = int.from_bytes(pack[8:_HEADER], "big")
    if count > MAX_GIT_OBJECTS:
        raise ValueError(f"it has {count} objects")
    total = 0
    for size in _sizes(pack, count):
        total += size
        if total > limit:
            break
    return total


def _sizes(pack: bytes, count: int) -> Iterator[int]:
    """What each object takes; of a delta both itself and what it makes. Each is told before it is inflated: whoever has
    heard enough asks no further."""
    at, kinds = _HEADER, dict[int, int]()
    for _ in range(count):
        start, kind, (size, at) = at, pack[at] >> 4 & 7, _varint(pack, at, 4)
        is_delta = kind in (_OFFSET_DELTA, _HASH_DELTA)
        yield _OBJECT + size * (_AS_IT_IS if is_delta else _weight(kind))
        if kind == _OFFSET_DELTA:
            back, at = _offset(pack, at)
            kind = kinds.get(start - back, kind)
        elif kind == _HASH_DELTA:
            at += _HASH
        kinds[start] = kind
        begin, at = _inflated(pack, at, size)
        if is_delta:
            _, after_base = _varint(begin, 0)
            yield _varint(begin, after_base)[0] * _weight(kind)


def _weight(kind: int) -> int:
    """Of what is not known to be anything better, as a delta whose base is elsewhere, the worst."""
    return _PARSED.get(kind, max(_PARSED.values()))


def _varint(data: bytes, at: int, first_bits: int = 7) -> tuple[int, int]:
    """A number and where it ends: `first_bits` of the first byte, then seven of each, while the highest bit is set."""
    value, shift, start = data[at] & ((1 << first_bits) - 1), first_bits, at
    while data[at] & 0x80:
        at = _next(at, start)
        value |= (data[at] & 0x7F) << shift
        shift += 7
    return value, at + 1


def _offset(data: bytes, at: int) -> tuple[int, int]:
    """How far back a delta's base begins, which is written with the highest bits first, and where that ends."""
    value, start = data[at] & 0x7F, at
    while data[at] & 0x80:
        at = _next(at, start)
        value = (value + 1 << 7) | data[at] & 0x7F
    return value, at + 1


def _next(at: int, start: int) -> int:
    """A number as long as a pack takes hours to read, and nothing stops who reads it."""
    if at + 1 - start >= _LONGEST_NUMBER:
        raise ValueError("a number in it has no end")
    return at + 1


def _inflated(pack: bytes, at: int, size: int) -> tuple[bytes, int]:
    """The first bytes of what lies deflated at `at`, and where it ends."""
    engine, begin, produced = zlib.decompressobj(), b"", 0
    while not engine.eof:
        chunk = pack[at : at + _CHUNK]
        out = engine.decompress(chunk)
        begin, produced = (begin + out)[:_HASH], produced + len(out)
        if not chunk or produced > size:
            raise ValueError("an object is not of the size it says")
        at += len(chunk) - len(engine.unused_data)
    return begin, at
