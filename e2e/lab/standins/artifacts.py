"""Serves the artifacts of the source stand-in over HTTP, as source-controller's file server does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

PORT = 18080


async def serve(folder: Path, address: str) -> None:
    """Serve `folder`/gitrepository at `address` until cancelled."""
    app = web.Application()
    (folder / "gitrepository").mkdir(parents=True, exist_ok=True)
    app.router.add_static("/gitrepository", folder / "gitrepository")
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, PORT, reuse_address=True).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
