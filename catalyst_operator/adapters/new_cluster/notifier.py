"""Telling of changes on a new cluster, and how often that may be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from catalyst_operator.adapters.new_cluster.timings import Timings

log = logging.getLogger(__name__)


class Notifier:
    """Tells of changes: the first at once, what follows within a moment together, and what does not end rarely."""

    def __init__(self, changed: Callable[[], None], timings: Timings) -> None:
        self.changed = changed
        self._timings = timings
        self._left = float(timings.told_burst)
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def notify(self) -> None:
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

    def stop(self) -> None:
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
            self.changed()
        except Exception:
            # A listener that fails must not end the watch.
            log.exception("telling of a change")
