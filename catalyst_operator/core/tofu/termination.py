"""Termination messages: what a container of a run leaves for the operator, within what the kubelet keeps of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_NAMES = 10
MAX_TERMINATION_BYTES = 1500
"""The kubelet keeps 12 KiB for all containers of a Pod."""
MAX_TOLD_NAME = 80


def message(words: Mapping[str, Any], lists: Mapping[str, Sequence[str]]) -> str:
    """JSON of `words` and of as many names of each list as fit, at most MAX_TERMINATION_BYTES of it as long as `words`
    alone leave room. What is cut from a list is counted in its last entry."""
    longest = max(map(len, lists.values()), default=0)
    texts = (_text(words, lists, entries) for entries in range(min(longest, MAX_NAMES), -1, -1))
    return next(text for text in texts if len(text) <= MAX_TERMINATION_BYTES)


def _text(words: Mapping[str, Any], lists: Mapping[str, Sequence[str]], entries: int) -> str:
    cut = {key: _cut(names, entries) for key, names in lists.items()}
    return json.dumps({**words, **cut}, separators=(",", ":"))


def _cut(names: Sequence[str], entries: int) -> list[str]:
    """At most so many entries; the last one is a count if there are more names."""
    named = len(names) if len(names) <= entries else max(0, entries - 1)
    more = [f"and {len(names) - named} more"] if named < len(names) else []
    return [*(name[:MAX_TOLD_NAME] for name in names[:named]), *more]
