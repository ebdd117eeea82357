"""Waiting for a condition, never for a length of time: the one place where tests and stories look again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LOOK_EVERY = 0.2
OFTEN = 0.02
"""For what another process on this machine brings about, in seconds."""


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


async def until(holds: Callable[[], object], *, seconds: float, every: float = 0.005) -> None:
    """The same for what goes on in this event loop. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - for what sets no event
            await asyncio.sleep(every)
