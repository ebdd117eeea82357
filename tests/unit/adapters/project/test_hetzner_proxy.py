"""Hetzner's API is asked through the proxy of the environment, where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import BaseModel, SecretStr

from catalyst_operator.adapters.project import hetzner_api
from tests.support.gen import NOW, TOKEN

HOST = "hetzner.example"


class Network(BaseModel):
    id: int


class Proxy:
    """Answers everything with one network, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(request.split(b"\r\n")[0].decode())
        body = b'{"network": {"id": 7}}'
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    found = Proxy()
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{found.port}")
    async with server:
        yield found


async def asked(endpoint: str) -> Network:
    async with hetzner_api.opened(endpoint, SecretStr(TOKEN), lambda: NOW) as api:
        return await api.one("networks", "7", Network)


async def test_the_proxy_is_asked(proxy: Proxy) -> None:
    assert (await asked(f"http://{HOST}/v1")).id == 7
    assert proxy.asked == [f"GET http://{HOST}/v1/networks/7 HTTP/1.1"]


async def test_an_exception_is_asked_directly(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the same server, which then sees a path only."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert (await asked(f"http://127.0.0.1:{proxy.port}/v1")).id == 7
    assert proxy.asked == ["GET /v1/networks/7 HTTP/1.1"]
