"""Waiting for a condition, never for a length of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LOOK_EVERY = 0.2


def wait_for(
    look: Callable[[], T],
    what: str,
    *,
    seconds: float,
    shown: Callable[[], str] | None = None,
    every: float = LOOK_EVERY,
) -> T:
    """What `look` returned once it was true; AssertionError, with what was `shown` last, when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}\n{shown() if shown else ''}")
        time.sleep(every)
