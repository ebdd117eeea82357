"""What all new clusters share of this process: memory for answers that are on their way, time to parse them.

None of it is waited for while another cluster takes its time over the network: who is slow, or sends without end, only
uses up what is its own. Shares are equal among namespaces, so that nobody gets more by having more clusters.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from catalyst_operator.adapters.new_cluster.limits import MIB, IntakeLimits
from catalyst_operator.errors import TooMuch

ROOM_BYTES = 16 * MIB
SMALL = 64 * 1024
"""An answer that is parsed without waiting for a turn: it takes less than a millisecond."""

RECOVERED = 1 / 8
"""Of what may come at once: when there is room for so much again, a burst is over."""


class Intake:
    """Built once; all connections to new clusters share it. `clock` tells seconds, `sleep` waits."""

    def __init__(
        self,
        limits: IntakeLimits | None = None,
        *,
        room: int = ROOM_BYTES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limits = limits or IntakeLimits()
        self._clock = clock
        self._sleep = sleep
        self._room = Room(room)
        self._turns = IntakeTurns(clock, sleep)
        self._shares: dict[tuple[str, str], Share] = {}

    def share(self, owner: str, cluster: str) -> Share:
        """That of a cluster, whose owner is a namespace. It is the same for all connections to the cluster, one after
        the other too: who cuts connections must not begin anew each time."""
        self._shares = {key: share for key, share in self._shares.items() if not share.idle or key == (owner, cluster)}
        found = self._shares.get((owner, cluster))
        if found is None:
            found = Share(owner, cluster, self._limits, self._room, self._turns, self._clock, self._sleep)
            self._shares[owner, cluster] = found
        return found


class Share:
    """What one cluster may use. Nobody else's is any less for what it does."""

    def __init__(
        self,
        owner: str,
        cluster: str,
        limits: IntakeLimits,
        room: Room,
        turns: IntakeTurns,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.limits = limits
        self._owner, self._cluster = owner, cluster
        self._room = room
        self._turns = turns
        self._clock = clock
        self._sleep = sleep
        self._held = 0
        self._left = float(limits.burst_bytes)
        self._filled = clock()
        self._dry_since: float | None = None

    # --- at once ------------------------------------------------------------------------------------------------------

    @contextmanager
    def body(self, limit: int) -> Iterator[Body]:
        """Room for one answer of at most `limit` bytes; what it took is free again afterwards."""
        made = Body(self, limit)
        try:
            yield made
        finally:
            made.drop(len(made.raw))

    def hold(self, count: int) -> None:
        """Raises TooMuch where there is no room for so many bytes more."""
        if self._held + count > self.limits.answers_bytes:
            raise TooMuch(f"unfinished answers of more than {size(self.limits.answers_bytes)} at a time")
        self._room.take(self._owner, count)
        self._held += count

    def let_go(self, count: int) -> None:
        """They are not held any more."""
        self._held -= count
        self._room.give_back(self._owner, count)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """To parse something large in."""
        async with self._turns.turn(self._owner, self._cluster):
            yield

    # --- in the long run ----------------------------------------------------------------------------------------------

    def spend(self, count: int) -> None:
        """So many bytes were read, or what counts as many."""
        self._fill()
        self._left -= count

    async def admitted(self) -> None:
        """Return once more may be read. Others get their turn meanwhile, in any case."""
        self._fill()
        wait = max(0.0, -self._left / self.limits.bytes_a_second)
        if wait and self._dry_since is None:
            self._dry_since = self._clock()
        await self._sleep(wait)

    def check(self) -> None:
        """Raises TooMuch when far more was read than may be: before the next, one would have to wait for long."""
        if self._left < -self.limits.burst_bytes:
            raise TooMuch(f"more than {size(2 * self.limits.burst_bytes)} at once, or as much work")

    @property
    def flooded(self) -> bool:
        """Whether more comes than may, for so long that it is no burst any more."""
        self._fill()
        dry = 0.0 if self._dry_since is None else self._clock() - self._dry_since
        return self._left < 0 and dry > self.limits.flood_seconds

    @property
    def idle(self) -> bool:
        """Whether it is as good as new."""
        self._fill()
        return self._held == 0 and self._left >= self.limits.burst_bytes

    def _fill(self) -> None:
        now = self._clock()
        more = (now - self._filled) * self.limits.bytes_a_second
        self._left, self._filled = min(self.limits.burst_bytes, self._left + more), now
        if self._left >= self.limits.burst_bytes * RECOVERED:
            self._dry_since = None


class Body:
    """What was read of an answer so far."""

    def __init__(self, share: Share, limit: int) -> None:
        self.raw = bytearray()
        self._share = share
        self._limit = limit

    def add(self, piece: bytes) -> None:
        """Raises TooMuch."""
        if len(self.raw) + len(piece) > self._limit:
            raise TooMuch(f"an answer of more than {size(self._limit)}")
        self._share.hold(len(piece))
        self.raw += piece
        self._share.spend(max(len(piece), self._share.limits.piece_cost))
        self._share.check()

    def drop(self, count: int) -> None:
        """Forget the first bytes."""
        del self.raw[:count]
        self._share.let_go(count)


class Room:
    """Bytes that answers may take together, of all clusters. While they are all in use, a namespace still gets as much
    as would be its equal part of them, and one that has as much gets none: who holds on to what it has, takes nothing
    from the others. So it may be more than the total, but for a hundred such namespaces only five times as much."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._held: Counter[str] = Counter()

    def take(self, owner: str, count: int) -> None:
        """Raises TooMuch."""
        owners = len({*self._held, owner})
        full = self._held.total() + count > self._total
        if full and self._held[owner] + count > self._total / owners:
            raise TooMuch("unfinished answers, with other clusters of the namespace, of more than its share of memory")
        self._held[owner] += count

    def give_back(self, owner: str, count: int) -> None:
        self._held[owner] -= count
        if self._held[owner] <= 0:
            del self._held[owner]


class IntakeTurns:
    """One parses at a time, and whoever else there is gets as much time as that took. Clusters of a namespace take
    turns, and namespaces do: each waits in line only once."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._everybody = asyncio.Lock()
        self._locks: defaultdict[tuple[str, ...], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._users: Counter[tuple[str, ...]] = Counter()

    @asynccontextmanager
    async def turn(self, owner: str, cluster: str) -> AsyncIterator[None]:
        async with self._in_line((owner, cluster)), self._in_line((owner,)), self._everybody:
            began = self._clock()
            yield
            await self._sleep(self._clock() - began)

    @asynccontextmanager
    async def _in_line(self, key: tuple[str, ...]) -> AsyncIterator[None]:
        self._users[key] += 1
        try:
            async with self._locks[key]:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._locks[key]


def size(count: int) -> str:
    """Bytes for people: `2 MiB`, or `300 bytes`."""
    return f"{count / MIB:g} MiB" if count >= MIB else f"{count} bytes"
