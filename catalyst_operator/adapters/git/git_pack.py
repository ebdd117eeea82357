"""Adds up what a pack would unpack to, before anything of it is unpacked.

Whoever owns a Sovereign names the server that packs come from. Deflate makes a thousand bytes of one, deltas make more,
and the operator's memory is everybody's: dulwich holds each object to the size it declares, but nobody adds them up.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

MAX_GIT_OBJECTS = 200_000
_HEADER, _HASH, _CHUNK = 12, 20, 4096
_OFFSET_DELTA, _HASH_DELTA = 6, 7


def unpacked_size(pack: bytes, limit: int) -> int:
    """Bytes of all objects together; it stops adding once they are more than `limit`. Raises ValueError for what is no
    pack, or one of more objects than a repository's newest commit has reason to have."""
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
    at = _HEADER
    for _ in range(count):
        kind, (size, at) = pack[at] >> 4 & 7, _varint(pack, at, 4)
        yield size
        if kind == _OFFSET_DELTA:
            _, at = _varint(pack, at)
        elif kind == _HASH_DELTA:
            at += _HASH
        begin, at = _inflated(pack, at, size)
        if kind in (_OFFSET_DELTA, _HASH_DELTA):
            _, after_base = _varint(begin, 0)
            yield _varint(begin, after_base)[0]


def _varint(data: bytes, at: int, first_bits: int = 7) -> tuple[int, int]:
    """A number and where it ends: `first_bits` of the first byte, then seven of each, while the highest bit is set."""
    value, shift = data[at] & ((1 << first_bits) - 1), first_bits
    while data[at] & 0x80:
        at += 1
        value |= (data[at] & 0x7F) << shift
        shift += 7
    return value, at + 1


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
