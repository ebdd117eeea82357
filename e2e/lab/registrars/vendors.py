"""All vendors that are emulated."""

from __future__ import annotations

from collections.abc import Sequence

from e2e.lab.registrars.emulator import Emulator


def all_vendors() -> Sequence[Emulator]:
    """One of each."""
    return ()
