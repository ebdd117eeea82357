"""What a hostile API server answers, as pieces of bytes, for as long as somebody reads them and no longer than so many
bytes or seconds: also a fault in what reads them must not fill a machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any

MIB = 1024 * 1024
PIECE = 64 * 1024
MOST_BYTES = 256 * MIB
"""Of one answer."""
DRIP_SECONDS = 300.0
NEXT_PAGE = json.dumps({"metadata": {"resourceVersion": "1", "continue": "on-and-on"}, "items": []}).encode()
"""One of pages without end: nothing is on it, and there is always another."""


class Shape(StrEnum):
    """Ways to be hostile, by what the report calls them."""

    EMPTY_ITEMS = "16 MiB of empty items"
    PAGES = "pages without end"
    EVENTS = "events without end"
    DRIP = "a byte a second"
    MESSAGE = "a message of 10 MiB"
    MOST = "the most that is read"


async def empty_items(size: int = 16 * MIB) -> AsyncIterator[bytes]:
    """A list of nothing but empty objects: each takes three bytes here, and a hundred where it is kept."""
    yield b'{"metadata":{"resourceVersion":"1"},"items":[{}'
    filler = b",{}" * (PIECE // 3)
    for _ in range(size // len(filler)):
        yield filler
    yield b"]}"


async def long_message(template: dict[str, Any], size: int = 10 * MIB) -> AsyncIterator[bytes]:
    """This answer, in which `@` is replaced by a text that long."""
    head, _, tail = json.dumps(template).partition("@")
    yield head.encode()
    for _ in range(size // PIECE):
        yield b"x" * PIECE
    yield f"{tail}\n".encode()


async def events(template: dict[str, Any]) -> AsyncIterator[bytes]:
    """Changes of this object, in which `@` is replaced by a number, as fast as they are read."""
    head, _, tail = json.dumps({"type": "MODIFIED", "object": template}).partition("@")
    sent = number = 0
    while sent < MOST_BYTES:
        lines = b"".join(f"{head}{number + n}{tail}\n".encode() for n in range(64))
        sent, number = sent + len(lines), number + 64
        yield lines


async def drip(text: bytes, every: float = 1.0) -> AsyncIterator[bytes]:
    """A byte at a time, always too soon to be taken for dead; it begins anew where the text ends."""
    for n in range(round(DRIP_SECONDS / every)):
        yield text[n % len(text) : n % len(text) + 1]
        await asyncio.sleep(every)


def most(size: int, values: int) -> bytes:
    """A page just within so many bytes and values, of one object, and another to follow."""
    filler = b",".join([b'{"":0}'] * ((values - 100) // 2))
    head = b'{"metadata":{"resourceVersion":"1","continue":"on-and-on"},"items":[{"x":['
    rest = size - len(head) - len(filler) - 100
    return b"%b%b],%b}]}" % (head, filler, b'"y":"%b"' % (b"x" * max(0, rest)))
