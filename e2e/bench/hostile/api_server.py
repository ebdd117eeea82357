"""A fake API server that can be told to do its worst. It knows who it is all the same, so that it is followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from aiohttp import web

from catalyst_operator.adapters.new_cluster.limits import IntakeLimits
from e2e.bench.fleet import objects
from e2e.bench.fleet.api_server import ApiServer
from e2e.bench.fleet.objects import Kit
from e2e.bench.hostile import shapes
from e2e.bench.hostile.shapes import Shape

Pieces = Callable[[], AsyncIterator[bytes]]
MOST_REQUESTS = 50_000
MOST_BYTES = 8 * 1024 * shapes.MIB
"""Of all answers; from then on it says that it is out of order."""


class HostileApiServer(ApiServer):
    """As good as any other until it is told otherwise."""

    def __init__(self, name: str, address: str, kit: Kit, trust: Mapping[str, str]) -> None:
        super().__init__(name, address, kit, trust)
        self.requests = 0
        self.bytes = 0
        self._shape: Shape | None = None
        self._streams: set[asyncio.Task[Any]] = set()
        release = objects.watched(kit)[objects.RELEASES][0]
        ready = {"type": "Ready", "status": "False", "reason": "Changed", "message": "@", "observedGeneration": 1}
        loud = {**release, "status": {"observedGeneration": 1, "conditions": [ready]}}
        limits = IntakeLimits()
        most = shapes.most(limits.page_bytes - 1000, limits.values)
        self._wrong_lists: dict[Shape, Pieces] = {
            Shape.EMPTY_ITEMS: shapes.empty_items,
            Shape.PAGES: lambda: _once(shapes.NEXT_PAGE),
            Shape.DRIP: lambda: shapes.drip(b'{"items":[]}'),
            Shape.MESSAGE: lambda: shapes.long_message({"metadata": {"resourceVersion": "1"}, "items": [loud]}),
            Shape.MOST: lambda: _once(most),
        }
        self._wrong_watches: dict[Shape, Pieces] = {
            Shape.EVENTS: lambda: shapes.events(loud),
            Shape.DRIP: lambda: shapes.drip(b'{"type":"ADDED"'),
            Shape.MESSAGE: lambda: shapes.long_message({"type": "MODIFIED", "object": loud}),
        }

    def behave(self, shape: Shape | None) -> None:
        """From now on; what it was saying is cut off."""
        self._shape, self.requests, self.bytes = shape, 0, 0
        for stream in self._streams:
            stream.cancel()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self.requests > MOST_REQUESTS or self.bytes > MOST_BYTES:
            return web.Response(status=503)
        wrong = self._wrong_watches if "watch" in request.query else self._wrong_lists
        pieces = wrong.get(self._shape) if self._shape and self._is_list(request.path) else None
        if pieces is None:
            return await super()._answer(request)
        task = asyncio.current_task()
        assert task
        self._streams.add(task)
        try:
            return await self._stream(request, pieces())
        finally:
            self._streams.discard(task)

    async def _stream(self, request: web.Request, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        async for piece in pieces:
            self.bytes += len(piece)
            await response.write(piece)
        return response

    def _is_list(self, path: str) -> bool:
        return path != objects.KUBE_SYSTEM and (path in self._answers or path in self._objects)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
