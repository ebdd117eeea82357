"""Turns at what there is little of: so many at a time, of one owner a few at most, and owners take turns.

An owner is a namespace. However much of one tenant's work waits, and however slow it is, another tenant's first piece
of work waits for none of it: a place is left, because no owner may take them all. Where several owners fill all places,
the next one that comes free goes to whoever has fewest.
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
        """Owner -> what waits."""
        self._last: dict[str, int] = {}
        """Owner -> the number of its latest turn; of those that have a turn or wait for one."""
        self._handed_out = 0

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
            raise

    def give_back(self, owner: str) -> None:
        """The turn is over."""
        self._taken[owner] -= 1
        self._tidy(owner)
        self._hand_out()

    def _hand_out(self) -> None:
        while self._taken.total() < self._at_once:
            eligible = [owner for owner in self._waiting if self._taken[owner] < self._each]
            if not eligible:
                return
            # Of those who have equally many, whoever had one longest ago, or never.
            owner = min(eligible, key=lambda one: (self._taken[one], self._last.get(one, 0)))
            place = self._waiting[owner].popleft()
            if place.cancelled():
                self._tidy(owner)
                continue
            self._handed_out += 1
            self._last[owner] = self._handed_out
            self._taken[owner] += 1
            self._tidy(owner)
            place.set_result(None)

    def _tidy(self, owner: str) -> None:
        """Nothing is kept of who neither has a turn nor waits for one."""
        if not self._waiting.get(owner):
            self._waiting.pop(owner, None)
        if not self._taken[owner]:
            del self._taken[owner]
            if owner not in self._waiting:
                self._last.pop(owner, None)
