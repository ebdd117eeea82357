"""What the kubelet asks: `/healthz`, whether the process lives, and `/readyz`, whether it acts or could at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the kubelet asks from outside the Pod


@asynccontextmanager
async def served(port: int, standing: Callable[[], tuple[bool, str]], host: str = ANY_ADDRESS) -> AsyncIterator[None]:
    """Both are answered while the block runs, with the sentence of `standing`. One that waits for its turn is ready, or
    a rollout would never be over and a drain would be refused; one that could not take over is not."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text=standing()[1])

    async def readyz(_: web.Request) -> web.Response:
        ready, words = standing()
        return web.Response(text=words, status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
