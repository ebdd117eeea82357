"""What no image of ours may have, whoever built it."""

from __future__ import annotations

import stat

from e2e.image.contents import Contents

SHARED = {"tmp", "var/tmp", "run/lock"}
"""Debian's folders for everybody. The sticky bit keeps each other's files safe in them."""


def faults(contents: Contents) -> list[str]:
    """A sentence for each fault, sorted by path."""
    found = []
    for path, entry in sorted(contents.items()):
        if entry.kind == "file" and entry.mode & (stat.S_ISUID | stat.S_ISGID):
            found.append(f"/{path} gives whoever runs it its owner's or group's rights: {entry.shown}")
        if entry.kind != "link" and entry.mode & stat.S_IWOTH and not _shared(path, entry.mode):
            found.append(f"/{path} is writable by everybody: {entry.shown}")
    return found


def _shared(path: str, mode: int) -> bool:
    return path in SHARED and bool(mode & stat.S_ISVTX)
