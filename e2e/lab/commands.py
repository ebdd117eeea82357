"""Runs a program to its end, and says what it said when it fails."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.lab.errors import LabError

SHOWN = 3000
"""Characters of a failed program's output that are worth showing: its end."""

DEFAULT_REMEDY = "if the message does not say it: `make lab-down`, then try again"


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
    remedy: str = DEFAULT_REMEDY,
) -> str:
    """Standard output of a program, run with `environment` added; LabError when it is missing or fails."""
    words = [str(word) for word in command]
    merged = {**os.environ, **(environment or {})}
    try:
        ran = subprocess.run(words, cwd=cwd, env=merged, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LabError(f"`{words[0]}` is not there: {error.strerror}", remedy) from error
    if ran.returncode != 0:
        said = (ran.stdout + ran.stderr).strip()[-SHOWN:]
        raise LabError(f"`{' '.join(words[:3])} ...` failed with exit code {ran.returncode}:\n{said}", remedy)
    return ran.stdout
