"""The work queue: events only wake a key, and each key has at most one worker.

What client-go's rate limiting queue does for Go controllers: a key that is woken while it is worked on runs once more
afterwards, a failure is tried again with exponential backoff, and a result may ask to be woken later. No work is done
for keys nobody asks for, and nothing sleeps inside a reconcile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from catalyst_operator.errors import CatalystError, Conflict

K = TypeVar("K", bound=Hashable)
log = logging.getLogger(__name__)

PASSES_AT_ONCE = 8
FIRST_BACKOFF = 0.5
MAX_BACKOFF = 300.0
MAX_DOUBLINGS = 32
"""After days of failing, two to the power of the failures is no float any more."""


@dataclass
class _Entry:
    task: asyncio.Task[None] | None = None
    dirty: bool = False
    failures: int = 0
    timer: asyncio.TimerHandle | None = None


class WorkQueue(Generic[K]):
    """`work(key)` returns when to be woken again, or None. At most `parallel` keys are worked on at a time.

    After a failure it is woken again in `first_backoff` seconds, twice that after the next, up to `max_backoff`.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[timedelta | None]],
        *,
        parallel: int = PASSES_AT_ONCE,
        first_backoff: float = FIRST_BACKOFF,
        max_backoff: float = MAX_BACKOFF,
    ) -> None:
        self._work = work
        self._first, self._max = first_backoff, max_backoff
        self._slots = asyncio.Semaphore(parallel)
        self._entries: dict[K, _Entry] = {}
        self._closed = False

    def wake(self, key: K) -> None:
        """Have the key worked on soon. Cheap; as often as anyone likes."""
        if self._closed:
            return
        entry = self._entries.setdefault(key, _Entry())
        self._disarm(entry)
        entry.dirty = True
        if entry.task is None:
            entry.task = asyncio.create_task(self._run(key, entry), name=f"reconcile {key}")

    def look_by(self, key: K, after: timedelta) -> None:
        """Have the key worked on by then, unless that is due anyway."""
        if self._closed or key in self._entries:
            return
        entry = self._entries[key] = _Entry()
        entry.timer = asyncio.get_running_loop().call_later(after.total_seconds(), self.wake, key)

    async def close(self) -> None:
        """Stop taking keys and wait for the work at hand: a reconcile is never cut in two on a normal exit."""
        self._closed = True
        for entry in self._entries.values():
            self._disarm(entry)
        tasks = [entry.task for entry in self._entries.values() if entry.task]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: K, entry: _Entry) -> None:
        again: timedelta | None = None
        while entry.dirty and not self._closed:
            entry.dirty = False
            async with self._slots:
                again = await self._once(key, entry)
        entry.task = None
        if again is not None and not self._closed:
            entry.timer = asyncio.get_running_loop().call_later(again.total_seconds(), self.wake, key)
        elif again is None:
            self._entries.pop(key, None)

    async def _once(self, key: K, entry: _Entry) -> timedelta | None:
        try:
            again = await self._work(key)
        except Exception as error:
            entry.failures += 1
            delay = min(self._max, self._first * 2 ** min(entry.failures - 1, MAX_DOUBLINGS))
            log.log(
                # Somebody wrote in between: observing again is all there is to it.
                logging.INFO if isinstance(error, Conflict) else logging.WARNING,
                "%s: %s: %s; again in %.1f s",
                key,
                type(error).__name__,
                error,
                delay,
                exc_info=_unexpected(error),
            )
            return timedelta(seconds=delay)
        entry.failures = 0
        return again

    @staticmethod
    def _disarm(entry: _Entry) -> None:
        if entry.timer:
            entry.timer.cancel()
            entry.timer = None


def _unexpected(error: Exception) -> bool:
    return not isinstance(error, CatalystError)
