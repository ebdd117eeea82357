"""How long is waited for what when a new cluster is watched.

Every pause is spread by chance, so that clusters that fell silent together do not come back together.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


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
    """The least pause between two looks, even if somebody asks for one at once."""
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
