"""Keeps what is slow to make (tools, image layers) outside the checkout, for every lab and clone of this machine.

A folder of the cache is named after everything that goes into it, is filled under another name and renamed when
complete: what has the name is whole. All of it may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.lab.layout import cache_folder
from e2e.lab.timeline import Timeline


def digest(files: Iterable[Path], *words: str) -> str:
    """A short digest of files' contents and further words: the name of what is made from them."""
    total = hashlib.sha256()
    for part in (*(file.read_bytes() for file in files), *(word.encode() for word in words)):
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:12]


def cached(name: str, make: Callable[[Path], None], timeline: Timeline, step: str, expected: str) -> Path:
    """The cache's folder `name`, made by `make` when it is not there."""
    folder = cache_folder() / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with timeline.step(step, expected=expected), _alone(folder):
        # Whoever asked at the same time has made it meanwhile.
        if not folder.is_dir():
            _make(folder, make)
    return folder


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        make(unfinished)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process makes a folder, the others wait for it. The lock ends with its holder, however that ends."""
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
