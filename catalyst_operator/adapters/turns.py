"""Turns at what there is little of: so many at a time, of one owner a few at most, and owners take turns.

An owner is a namespace. However much of one tenant's work waits, and however slow it is, another tenant's first piece
of work waits for none of it: a place is left, since no owner may take them all. Where several owners fill all places,
the next place that comes free goes to whoever had none for longest.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """At most `at_once` turns at a time, and `each` of one owner, which is fewer."""

    def __init__(self, at_once: int, each: int) -> None:
        if not 0 < each < at_once:
            raise ValueError("one owner could take every turn")
        self._at_once = at_once
        self._each = each
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Owner -> what waits, in the order in which owners get their next turn."""

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the block ends."""
        await self.take(owner)
        try:
            yield
        finally:
            self.give_back(owner)

    async def take(self, owner: str) -> None:
        """Wait for a turn; it has to be given back."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(place)
        self._hand_out()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.give_back(owner)
            else:
                self._forget(owner, place)
            raise

    def give_back(self, owner: str) -> None:
        """The turn is over."""
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]
        self._hand_out()

    def _hand_out(self) -> None:
        while self._taken.total() < self._at_once:
            owner = next((one for one in self._waiting if self._taken[one] < self._each), None)
            if owner is None:
                return
            waiting = self._waiting.pop(owner)
            place = waiting.popleft()
            if waiting:
                # Behind all others that wait.
                self._waiting[owner] = waiting
            self._taken[owner] += 1
            place.set_result(None)

    def _forget(self, owner: str, place: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(owner)
        if waiting is None:
            return
        waiting.remove(place)
        if not waiting:
            del self._waiting[owner]
