"""Cutting and cleaning texts from outside before they reach status, events or logs: the one door for them.

What cannot be seen does not pass: with control and formatting characters a text could move the cursor of who reads it,
turn around what stands beside it, forge a line of a log, or hide from a search. Nothing known to be secret ever comes
this way; that a secret is replaced is the second line, for a vendor that echoes what it was sent.
"""

from __future__ import annotations

import re
from typing import Any

MAX = 512

# Hetzner tokens are 64 letters and digits; join tokens begin with K10; PEM blocks and URLs speak for themselves.
_SECRETS = (
    re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{64}(?![A-Za-z0-9])(?<![0-9a-f]{64})"),
    re.compile(r"\bK10[0-9a-f]{64}::\S+"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),
)
_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-9:;<=>?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
"""Sequences that move a cursor, colour, or name a window: they go whole, or their letters would stay."""


def visible(text: str) -> str:
    """The text without what cannot be seen. Lines and tabs stay; any other kind of space becomes one."""
    if text.isprintable():
        return text
    return "".join(map(_seen, _TERMINAL.sub("", text)))


def _seen(letter: str) -> str:
    if letter.isprintable() or letter in "\n\t":
        return letter
    return " " if letter.isspace() else ""


def all_visible(value: Any) -> Any:
    """The same for every text of a JSON value, names of fields aside."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {key: all_visible(inner) for key, inner in value.items()}
    return [all_visible(inner) for inner in value] if isinstance(value, list) else value


def redact(text: str) -> str:
    """The text as far as it can be seen, with whatever looks like a secret replaced; digests in lower-case hexadecimal
    stay."""
    text = visible(text)
    for pattern in _SECRETS:
        text = pattern.sub("[redacted]", text)
    return text


def readable(text: str, limit: int) -> str:
    """Text of several lines for people: redacted, without control and format characters, of at most `limit`
    characters."""
    lines = (redact(line.expandtabs(4)) for line in text.splitlines())
    whole = "\n".join(lines)
    return whole if len(whole) <= limit else f"{whole[:limit]}\n... cut here: the plan is longer"


def shorten(text: str, limit: int = MAX) -> str:
    """One line of at most `limit` characters, redacted. Of a text of megabytes only the beginning is looked at."""
    line = " ".join(redact(text[: 8 * limit + 4096]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
