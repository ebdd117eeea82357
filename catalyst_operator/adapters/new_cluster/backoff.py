"""How the pauses after failures grow, such as those of a broken watch, and what ends one early."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from catalyst_operator.adapters.new_cluster.timings import Timings
from catalyst_operator.errors import ApiError, NotFound, TooMuch

REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""The statuses that say who may ask. No other request is refused for that, so that only patience helps."""


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


async def rest(timings: Timings, seconds: float, wake: asyncio.Event) -> None:
    """Wait, but no longer than until `wake` is set."""
    least = min(seconds, timings.spacing)
    await timings.sleep(least)
    waits = [asyncio.ensure_future(timings.sleep(seconds - least)), asyncio.ensure_future(wake.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    wake.clear()
