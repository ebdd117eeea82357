"""Gateway stand-in: answers for https://console.<fqdn> at the gateway's ports once the platform is installed.

Before, nobody listens there: connections are refused, as on a cluster whose gateway has no listener yet.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from e2e.lab.standins.certificates import write_self_signed
from e2e.lab.standins.faults import Faults
from e2e.lab.standins.kube import UNREACHABLE, ApiError, Kube
from e2e.lab.standins.objects import FLUX_NAMESPACE, Object
from e2e.lab.standins.release import deployed

log = logging.getLogger(__name__)

HTTPS_PORT, HTTP_PORT = 28443, 28080
PLATFORM = f"{FLUX_NAMESPACE}/bp-catalyst-platform"
KUSTOMIZATIONS = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{FLUX_NAMESPACE}/kustomizations"
_KIT = "-bootstrap-kit"
_LOOK_SECONDS = 1.0


def fqdn_of(kustomizations: list[Object]) -> str | None:
    """The Sovereign's domain, from the name of the Kustomization of its kit."""
    names = (entry["metadata"]["name"] for entry in kustomizations)
    return next((name.removesuffix(_KIT) for name in names if name.endswith(_KIT)), None)


class Console:
    """Opens and shuts the gateway's ports."""

    def __init__(
        self,
        kube: Kube,
        folder: Path,
        address: str,
        faults: Callable[[], Faults],
        releases: Callable[[], dict[str, Object]],
    ) -> None:
        self._kube, self._folder, self._address = kube, folder, address
        self._faults, self._releases = faults, releases
        self._runners: list[web.AppRunner] = []
        self._host = ""

    async def run(self) -> None:
        """Follow the platform's release until cancelled."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._shut()

    async def _look(self) -> None:
        platform = self._releases().get(PLATFORM)
        wanted = platform is not None and deployed(platform.get("status", {})) and self._faults().console != "down"
        if wanted and not self._runners:
            await self._open()
        elif not wanted and self._runners:
            await self._shut()

    async def _open(self) -> None:
        try:
            fqdn = fqdn_of((await self._kube.get(KUSTOMIZATIONS)).get("items") or [])
        except (ApiError, *UNREACHABLE):
            return
        if fqdn is None:
            return
        self._host = f"console.{fqdn}"
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(write_self_signed(self._folder, fqdn))
        await self._listen(self._page, HTTPS_PORT, tls)
        await self._listen(self._redirect, HTTP_PORT, None)
        log.info("the console answers for %s", self._host)

    async def _listen(self, handler: Any, port: int, tls: ssl.SSLContext | None) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self._address, port, ssl_context=tls, reuse_address=True).start()

    async def _shut(self) -> None:
        while self._runners:
            await self._runners.pop().cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        if request.host.partition(":")[0] != self._host:
            return web.Response(status=404, text="no route\n")
        fault = self._faults().console
        if isinstance(fault, int):
            return web.Response(status=fault, text="\n")
        return web.Response(text="<!doctype html><title>OpenOva console</title>\n", content_type="text/html")

    async def _redirect(self, request: web.Request) -> web.Response:
        host = request.host.partition(":")[0]
        raise web.HTTPMovedPermanently(f"https://{host}{request.path_qs}")
