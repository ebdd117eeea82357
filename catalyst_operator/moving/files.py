"""The folder of a backup: `operator.json`, and `<namespace>/<name>.json` for each Sovereign. Each is a List that
kubectl reads as well. They hold keys, so only their owner reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Raw = dict[str, Any]
OPERATOR = "operator.json"


def write(path: Path, items: Sequence[Raw]) -> None:
    """The whole file or none of it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)}, indent=1) + "\n")
    partial.replace(path)


def of(path: Path) -> list[Path]:
    """The Sovereigns' files in a folder; a file stands for itself."""
    return sorted(path.glob("*/*.json")) if path.is_dir() else [path]


def read(path: Path) -> Any:
    """Raises OSError, and ValueError for what is no JSON."""
    return json.loads(path.read_text(encoding="utf-8"))
