"""Cutting and cleaning texts from outside before they reach status, events or logs.

Nothing known to be secret ever comes this way; this is the second line, for a vendor that echoes what it was sent.
"""

from __future__ import annotations

import re

MAX = 512

# Hetzner tokens are 64 letters and digits; join tokens begin with K10; PEM blocks and URLs speak for themselves.
_SECRETS = (
    re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{64}(?![A-Za-z0-9])(?<![0-9a-f]{64})"),
    re.compile(r"\bK10[0-9a-f]{64}::\S+"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),
)


_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def redact(text: str) -> str:
    """The text with whatever looks like a secret replaced; digests in lower-case hexadecimal stay."""
    for pattern in _SECRETS:
        text = pattern.sub("[redacted]", text)
    return text


def readable(text: str, limit: int) -> str:
    """Text of several lines for people: redacted, without control and format characters, of at most `limit`
    characters."""
    lines = (_UNSEEN.sub("", redact(line.expandtabs(4))) for line in text.splitlines())
    whole = "\n".join(lines)
    return whole if len(whole) <= limit else f"{whole[:limit]}\n... cut here: the plan is longer"


def shorten(text: str, limit: int = MAX) -> str:
    """One line of at most `limit` characters, redacted."""
    line = " ".join(redact(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
