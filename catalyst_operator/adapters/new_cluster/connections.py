"""The connection to one cluster: with a certificate that is made anew in time, and after it was refused.

What still runs over the connection before is not cut: that one is closed once nobody uses it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from catalyst_operator.adapters.new_cluster.remote import AccessSource, Connect, RemoteCluster
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER
from catalyst_operator.clock import Clock
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import ApiError, Unauthorized, Unavailable

log = logging.getLogger(__name__)


class Connections:
    """At most one that is good now, and those before it that are still in use."""

    def __init__(self, connect: Connect, access: AccessSource, clock: Clock) -> None:
        self.access = access
        """May be replaced at any time; counts from the next certificate on."""
        self._connect = connect
        self._clock = clock
        self._current: _Connection | None = None
        self._all: set[_Connection] = set()
        self._minting = asyncio.Lock()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[RemoteCluster]:
        """The one that is good now. Raises Unavailable where none can be had."""
        connection = await self._good()
        connection.users += 1
        try:
            yield connection.remote
        except Unauthorized:
            connection.refused = True
            raise
        finally:
            connection.users -= 1
            await self._close_unused()

    async def close(self) -> None:
        """Close all, whoever still uses them."""
        self._current = None
        while self._all:
            await self._all.pop().remote.close()

    async def _good(self) -> _Connection:
        async with self._minting:
            if self._current is None or self._current.refused or self._clock() >= self._current.renew_at:
                self._current = await self._renewed()
            return self._current

    async def _renewed(self) -> _Connection:
        """A new one. While the old certificate is valid and was not refused, it does where none can be made."""
        try:
            access = await self.access()
            remote = await self._connect(access).__aenter__()
        except Exception as error:
            if not isinstance(error, ApiError):
                log.exception("access to a new cluster")
            if self._current and not self._current.refused and self._clock() < self._current.remote.access.expires:
                return self._current
            raise Unavailable(NO_ANSWER, shorten(f"no certificate can be made for it ({error})", 300)) from error
        made = _Connection(remote, access.expires - (access.expires - self._clock()) / 4)
        self._all.add(made)
        return made

    async def _close_unused(self) -> None:
        for connection in [c for c in self._all if c is not self._current and c.users == 0]:
            self._all.discard(connection)
            await connection.remote.close()


class _Connection:
    def __init__(self, remote: RemoteCluster, renew_at: datetime) -> None:
        self.remote = remote
        self.renew_at = renew_at
        self.users = 0
        self.refused = False
