"""Looking for words in what controllers say, and not in the names that people gave.

A file `secret.sops.yaml`, a chart of version 37.401.0 or a release called `forbidden` says nothing of what went wrong.
Names are quoted, have dots, slashes or an @ in them, or follow a scheme; each is replaced by an underscore.
"""

from __future__ import annotations

import re

_NAME = "_"
_NAMES = (
    re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"`]+", re.IGNORECASE),
    re.compile(r'"[^"]*"|`[^`]*`'),
    # An apostrophe in a word is no quote, and what a quote has quoted itself is not looked for.
    re.compile(r"(?<![\w'])'[^']*'(?![\w'])"),
    # What was cut off in the middle of a name.
    re.compile(r"(?:\"[^\"]*|(?<![\w'])'[^']*)…$"),
    re.compile(r"\bsha(?:1|256|512):[0-9a-f]+", re.IGNORECASE),
    re.compile(r"(?<!\S)(?!i/o\b)[^\s/@]*[/@]\S*[^\s:,;.)]"),
    re.compile(r"(?<![\w-])[\w-]*(?:\.[\w-]+)+(?::\d+)?"),
    re.compile(r"\bversion string \S+", re.IGNORECASE),
)


def without_names(message: str) -> str:
    """The message with an underscore for each name, URL, version and reference."""
    for pattern in _NAMES:
        message = pattern.sub(_NAME, message)
    return message


def matches(sign: str, message: str, *, whole: bool = False) -> dict[str, str] | None:
    """The groups that the pattern, which is in lower case, finds in the message; None where it does not fit. `whole`:
    names and all."""
    found = re.search(sign, (message if whole else without_names(message)).lower())
    return None if found is None else found.groupdict()
