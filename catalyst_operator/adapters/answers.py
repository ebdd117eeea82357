"""How much is read of what the vendors answer: Hetzner, the registrars, PowerDNS.

None of them means harm, but a broken proxy or another server in their place may answer anything, and the operator's
memory is everybody's. What is larger, or cannot be read, is Unusable; how long an answer may take the caller says,
for connecting, sending and reading together. New clusters and Git, which belong to tenants, have limits of their own:
`new_cluster/limits.py`, `git/git_http.py`.

Standard library only: the containers of runs use it as well.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, Mapping
from typing import Any, NoReturn

MIB = 1024 * 1024
MAX_ANSWER_BYTES = 2 * MIB
"""Of one answer. Hetzner's list of server types, the largest one, has a tenth of it."""
MAX_ANSWER_VALUES = 64 * 1024
"""JSON values of one answer: `{},` is three bytes to send and a hundred to keep."""
MAX_TALK_BYTES = 8 * MAX_ANSWER_BYTES
"""Of all the answers of one talk, however many pages or requests it has."""
MAX_DIGITS = 20
"""Of a whole number: as many as 64 bits have."""
UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""For every request: a thousand bytes may be one when they are compressed."""


class Unusable(ValueError):
    """The answer is not one to use. The message is a noun, such as `an answer of more than 2 MiB`."""


class TooLong(Unusable):
    """It is larger than what is read."""


class Talk:
    """What one talk with a vendor may bring in: limits of each answer, and of all together."""

    def __init__(self, answer_bytes: int = MAX_ANSWER_BYTES, talk_bytes: int = MAX_TALK_BYTES) -> None:
        self._answer_bytes = answer_bytes
        self._talk_bytes = talk_bytes
        self._read = 0

    async def body(self, headers: Mapping[str, str], pieces: AsyncIterable[bytes]) -> bytes:
        """The body of an answer, given in pieces of any length. Raises Unusable as soon as it is known to be."""
        check_uncompressed(headers)
        body = bytearray()
        async for piece in pieces:
            body += piece
            self._read += len(piece)
            if len(body) > self._answer_bytes:
                raise TooLong(f"an answer of more than {mebibytes(self._answer_bytes)}")
            if self._read > self._talk_bytes:
                raise TooLong(f"answers of more than {mebibytes(self._talk_bytes)} together")
            # Others get their turn also while all of it has come already, in pieces of a byte.
            await asyncio.sleep(0)
        return bytes(body)


def check_uncompressed(headers: Mapping[str, str]) -> None:
    """Raises Unusable for an answer that is compressed, which was not asked for."""
    if headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
        raise Unusable("a compressed answer, which was not asked for")


def parsed(content: bytes | bytearray, most_values: int = MAX_ANSWER_VALUES) -> Any:
    """The JSON value that an answer holds. Raises TooLong for one of more values, and Unusable for what is not JSON or
    has numbers that nobody means."""
    # All of these in texts count too: what is in bounds is far below them.
    if content.count(b"{") + content.count(b"[") + content.count(b",") > most_values:
        raise TooLong(f"an answer of more than {most_values} values")
    try:
        return json.loads(content, parse_int=_whole_number, parse_constant=_no_number)
    except Unusable:
        raise
    except (ValueError, RecursionError):
        pass
    # Raised here: those errors hold the answer, and that may be an echo.
    raise Unusable("an answer that is not JSON")


def mebibytes(count: int) -> str:
    """For people: `2 MiB`."""
    return f"{count / MIB:g} MiB"


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Unusable(f"a number of more than {MAX_DIGITS} digits")
    return int(digits)


def _no_number(name: str) -> NoReturn:
    raise Unusable(f"{name} in place of a number")
