"""Whether the console answers: asked at an address, for a name, as a browser would."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from catalyst_operator.adapters.new_cluster import console_probe
from catalyst_operator.core.phase1.views import ConsoleView
from tests.support.fake_cluster import TRUST, connections_to, saying, saying_over_tls, server_certificate

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
FQDN = "omantel.omani.works"
HOST = "127.0.0.1"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """Answers every request in one way, with a certificate for some other name."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.port = 0
        self.names: list[str | None] = []
        self.hosts: list[str] = []
        self.paths: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.hosts.append(request.headers["Host"])
        self.paths.append(request.path)
        return web.Response(status=self.status, headers={"Location": "https://elsewhere.example/"})

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(server_certificate(TRUST, "not-yet.invalid"))
            file.flush()
            context.load_cert_chain(file.name)
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        return context


@asynccontextmanager
async def listening(gateway: Gateway) -> AsyncIterator[Gateway]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0, ssl_context=gateway.context()).start()
    gateway.port = runner.addresses[0][1]
    try:
        yield gateway
    finally:
        await runner.cleanup()


async def ask(port: int, limit_seconds: float = 5.0) -> ConsoleView:
    return await console_probe.probe(HOST, FQDN, lambda: NOW, port, limit_seconds)


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403])
async def test_whatever_a_console_says_is_an_answer(status: int) -> None:
    """A login page, or the way to one."""
    async with listening(Gateway(status)) as gateway:
        assert await ask(gateway.port) == ConsoleView(NOW, True)


async def test_it_is_asked_for_by_name_in_both_places() -> None:
    """The gateway tells its many names apart by them; and nobody is followed elsewhere."""
    async with listening(Gateway(302)) as gateway:
        await ask(gateway.port)
    assert gateway.names == [f"console.{FQDN}"]
    assert gateway.hosts == [f"console.{FQDN}"]
    assert gateway.paths == ["/"]


@pytest.mark.parametrize("status", [404, 500, 502, 503])
async def test_what_only_the_gateway_says_is_none(status: int) -> None:
    async with listening(Gateway(status)) as gateway:
        assert await ask(gateway.port) == ConsoleView(NOW, False, f"it answers with HTTP status {status}")


async def test_nobody_listens() -> None:
    assert await ask(1) == ConsoleView(NOW, False, "connection refused")


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with listening(Gateway()) as gateway:
        assert (await ask(gateway.port)).answers


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "closed|reset"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "does not speak TLS as expected"),
        (None, "no answer within 0.2 s"),
    ],
    ids=["it hangs up", "it does not speak TLS", "it says nothing"],
)
async def test_what_is_not_a_gateway(said: bytes | None, told: str) -> None:
    """A load balancer without anything behind it hangs up."""
    async with saying(said) as server:
        found = await ask(int(server.partition(":")[2]), limit_seconds=0.2)
    assert found.answers is False
    assert any(part in found.message for part in told.split("|")), found.message


async def test_no_connection_is_left() -> None:
    async with listening(Gateway()) as gateway:
        await ask(gateway.port)
        assert connections_to(gateway.port) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", "an answer that is not HTTP"),
        (b"HTTP/1.1 200 \x1b[31m\xe2\x80\xaered\r\nA b c\r\n\r\n", "an answer that is not HTTP"),
    ],
    ids=["only that an answer will come", "no HTTP"],
)
async def test_a_console_that_does_its_worst_costs_a_moment(text: bytes, why: str) -> None:
    """It is asked every few seconds until it answers."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield text

    async with saying_over_tls(pieces) as server:
        host, _, port = server.partition(":")
        found = await console_probe.probe(host, FQDN, lambda: NOW, int(port))
    assert found == ConsoleView(NOW, False, why)
