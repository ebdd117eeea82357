"""The stand-in for k3s as the one file that a server downloads: a Python archive with what it imports of the lab."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from e2e.lab.layout import REPOSITORY

_PARTS = ("e2e/__init__.py", "e2e/lab/*.py", "e2e/lab/hcloud/__init__.py", "e2e/lab/hcloud/boot/*.py", "e2e/boot/*.py")
_OWN = ("e2e/boot/standins/__init__.py", "e2e/boot/standins/k3s/*.py")
_MAIN = "from e2e.boot.standins.k3s.__main__ import main\nmain()\n"
_BEGINNING = "#!/usr/bin/python3\n"
_TIME = (2026, 1, 1, 0, 0, 0)
"""Of all files in it, so that the same sources make the same archive."""


def k3s() -> bytes:
    """The file's content."""
    packed = io.BytesIO(_BEGINNING.encode())
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", _TIME), _MAIN)
        for file in _files():
            archive.writestr(zipfile.ZipInfo(str(file.relative_to(REPOSITORY)), _TIME), file.read_text())
    return packed.getvalue()


def _files() -> Iterator[Path]:
    for part in (*_PARTS, *_OWN):
        yield from sorted(REPOSITORY.glob(part))
