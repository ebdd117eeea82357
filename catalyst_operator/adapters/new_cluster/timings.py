"""How long is waited for what when a new cluster is watched, and how pauses grow.

Every pause is spread by chance, so that clusters that fell silent together do not come back together.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from catalyst_operator.errors import ApiError, NotFound, TooMuch

log = logging.getLogger(__name__)

REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""The statuses that say who may ask. No other request is refused for that, so that only patience helps."""


@dataclass(frozen=True)
class Timings:
    """In seconds. `chance` gives a number from 0 to 1, `sleep` waits."""

    silence: float = 75.0
    """Bookmarks come every minute; a link that is silent for longer is dead."""
    watch: tuple[float, float] = (300.0, 600.0)
    """When the server is to end a watch."""
    held: float = 10.0
    """A watch that lasted so long was a good one, even if there was nothing to hear."""
    failed: tuple[float, float] = (1.0, 30.0)
    """First and last pause after a failure."""
    refused: tuple[float, float] = (5.0, 60.0)
    """The same after a 401 or 403."""
    too_much: tuple[float, float] = (10.0, 300.0)
    """The same after an answer beyond the limits."""
    calm: float = 60.0
    """How long a cluster must stay within them before that is over."""
    absent: float = 3.0
    """After a 404: the kind is not there yet."""
    eager: float = 5.0
    """Pace of the survey until Flux is there, and of the console until it answers."""
    spacing: float = 1.0
    """The least pause between two looks, whoever is in a hurry."""
    gather: float = 0.05
    """What changes within this time is told once."""
    told_burst: int = 200
    told_every: float = 1.0
    """So often that may be told, and in the long run once in so many seconds: each time costs a reconcile."""
    chance: Callable[[], float] = random.SystemRandom().random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def spread(self, seconds: float) -> float:
        """Between three quarters of it and all of it."""
        return seconds * (0.75 + self.chance() / 4)

    def watch_seconds(self) -> int:
        """How long the next watch is to last."""
        least, most = self.watch
        return round(least + (most - least) * self.chance())


class Backoff:
    """Pauses that double from failure to failure."""

    def __init__(self, timings: Timings) -> None:
        self._timings = timings
        self._failures = 0

    def reset(self) -> None:
        """It went well."""
        self._failures = 0

    def after(self, error: Exception) -> float:
        """Seconds to wait after one more failure."""
        if isinstance(error, NotFound):
            return self._timings.spread(self._timings.absent)
        first, last = self._range(error)
        # Bounded before the power is taken: after days of failures it would not fit into a float any more.
        pause = min(last, first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return self._timings.spread(pause)

    def _range(self, error: Exception) -> tuple[float, float]:
        if isinstance(error, TooMuch):
            return self._timings.too_much
        refused = isinstance(error, ApiError) and error.status in REFUSALS
        return self._timings.refused if refused else self._timings.failed


class Bell:
    """Tells of changes: the first at once, what follows within a moment together, and what does not end rarely."""

    def __init__(self, told: Callable[[], None], timings: Timings) -> None:
        self.told = told
        self._timings = timings
        self._left = float(timings.told_burst)
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """There is something new."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        pause = self._timings.gather if self._left >= 1 else self._timings.told_every
        wait = self._last + pause - loop.time()
        if wait <= 0:
            self._tell()
        else:
            self._timer = loop.call_later(wait, self._tell)

    def silence(self) -> None:
        """Tell nothing of what was not told yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        self._timer = None
        now, timings = asyncio.get_running_loop().time(), self._timings
        self._left = min(timings.told_burst, self._left - 1 + (now - self._last) / timings.told_every)
        self._last = now
        try:
            self.told()
        except Exception:
            # Whoever listens must not end what speaks.
            log.exception("telling of a change")


async def rest(timings: Timings, seconds: float, hurry: asyncio.Event) -> None:
    """Wait, but no longer than until somebody is in a hurry."""
    least = min(seconds, timings.spacing)
    await timings.sleep(least)
    waits = [asyncio.ensure_future(timings.sleep(seconds - least)), asyncio.ensure_future(hurry.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    hurry.clear()
