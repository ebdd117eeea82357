"""What a server's disk holds that its image does not: files, with whom they belong to and who may read them."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

MOST = 64 * 1024**2
"""Bytes of a file that are read."""


@dataclass(frozen=True)
class File:
    server: str
    path: str
    owner: int
    group: int
    mode: int
    private: bool
    """Whether the file or a folder above it keeps everybody but root out."""
    content: bytes = field(repr=False)


def files(disk: Path, server: str) -> list[File]:
    """All that were written since the server was made. A folder that its image had has the image's mode."""
    return [replace(file, server=server) for file in _below(disk, disk, private=False)]


def _below(folder: Path, disk: Path, *, private: bool) -> Iterator[File]:
    for entry in sorted(folder.iterdir()):
        status = entry.lstat()
        if stat.S_ISDIR(status.st_mode):
            yield from _below(entry, disk, private=private or _closed(status.st_mode, stat.S_IXGRP | stat.S_IXOTH))
        elif stat.S_ISREG(status.st_mode):
            closed = private or _closed(status.st_mode, stat.S_IRGRP | stat.S_IROTH)
            content = entry.read_bytes()[:MOST]
            mode = stat.S_IMODE(status.st_mode)
            yield File("", f"/{entry.relative_to(disk)}", status.st_uid, status.st_gid, mode, closed, content)


def _closed(mode: int, bits: int) -> bool:
    return not mode & bits
