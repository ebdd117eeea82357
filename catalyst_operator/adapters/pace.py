"""A pause between one and the next of what may be asked only so often, for each key by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Whoever waits goes in the order of coming, `pause_seconds` apart from the one before with the same key."""

    def __init__(
        self, pause_seconds: float, *, sleep: Sleep = asyncio.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pause = pause_seconds
        self._sleep = sleep
        self._clock = clock
        self._free: dict[str, float] = {}
        """Key -> when the next may go; only of those that have to wait."""

    async def wait(self, key: str) -> None:
        """Until it may go. The place of one that is given up meanwhile stays empty."""
        now = self._clock()
        self._free = {known: at for known, at in self._free.items() if at > now}
        at = self._free.get(key, now)
        self._free[key] = at + self._pause
        await self._sleep(at - now)
