"""What earlier versions left behind, a file each: `tests/samples/<what>/<version>.<ending>`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.paths import REPOSITORY

SAMPLES = REPOSITORY / "tests" / "samples"


def of_versions(what: str) -> list[Path]:
    """The samples of one thing, such as `records`."""
    return sorted(path for path in (SAMPLES / what).iterdir() if path.suffix in (".json", ".yaml"))


def holds(written: Any, read: Any) -> bool:
    """Whether everything that was written is in what was read."""
    if isinstance(written, dict):
        return all(key in read and holds(value, read[key]) for key, value in written.items())
    if isinstance(written, list):
        return len(written) == len(read) and all(map(holds, written, read))
    return bool(written == read)
