"""How often others may be asked: a pause between one and the next, and the rest that a cloud project asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from pydantic import SecretStr

from catalyst_operator.clock import Clock
from catalyst_operator.core.naming import digest_of
from catalyst_operator.errors import CloudRateLimited

Q = TypeVar("Q")
A = TypeVar("A")
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


class Rests:
    """A project that asked to be left alone is left alone by everybody who has its token, whatever they would ask."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._until: dict[str, datetime] = {}
        """Hash of the token -> until when; only of those that rest."""

    def kept_by(self, look: Callable[[SecretStr, Q], Awaitable[A]]) -> Callable[[SecretStr, Q], Awaitable[A]]:
        """The same look, which asks nothing of a project that rests and raises CloudRateLimited instead."""

        async def looking(token: SecretStr, question: Q) -> A:
            key, now = digest_of(token.get_secret_value()), self._now()
            self._until = {known: until for known, until in self._until.items() if until > now}
            if key in self._until:
                raise CloudRateLimited(self._until[key])
            try:
                return await look(token, question)
            except CloudRateLimited as error:
                self._until[key] = max(error.until, self._until.get(key, error.until))
                raise

        return looking
