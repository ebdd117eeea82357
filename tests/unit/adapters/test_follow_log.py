"""Following a log over HTTP, by the real client: whatever breaks it off is one of this package's errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from catalyst_operator.adapters.kube import Kube
from catalyst_operator.errors import NotFound, Unavailable

PATIENCE = 5.0
WHERE = ("sov-omantel-d2faa", "apply-1-x", "tofu-apply")
TOO_LONG = b"x" * 8 * 1024 * 1024
"""More than any buffer of aiohttp takes."""


class Kubelet:
    """Sends one log, and then ends it, breaks it off, or says nothing any more."""

    def __init__(self, *pieces: bytes, then: str = "end") -> None:
        self.pieces = pieces
        self.then = then
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.left = asyncio.Event()
        """Whoever listened has gone."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, dict(request.query)))
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for piece in self.pieces:
                await response.write(piece)
            if self.then == "silence":
                await asyncio.Event().wait()
            if self.then == "break" and request.transport:
                request.transport.abort()
        finally:
            self.left.set()
        return response


@asynccontextmanager
async def serving(kubelet: Kubelet) -> AsyncIterator[Kube]:
    app = web.Application()
    app.router.add_get("/{path:.*}", kubelet.answer)
    async with TestServer(app, handler_cancellation=True) as server:
        configuration = client.Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        async with client.ApiClient(configuration) as api:
            yield Kube(api)


async def heard(kube: Kube, into: Callable[[str], None], idle_seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(2 * PATIENCE):
        async for line in kube.follow_log(*WHERE, idle_seconds=idle_seconds):
            into(line)


async def test_the_lines_come_until_the_log_ends() -> None:
    """Also a last one without its end, and bytes that are no text."""
    kubelet, lines = Kubelet(b"first\nsec", b"ond\n\xff\n", b"last"), list[str]()
    async with serving(kubelet) as kube:
        await heard(kube, lines.append)
    assert lines == ["first\n", "second\n", "�\n", "last"]
    assert kubelet.asked == [
        (f"/api/v1/namespaces/{WHERE[0]}/pods/{WHERE[1]}/log", {"container": WHERE[2], "follow": "true"})
    ]


@pytest.mark.parametrize(
    "kubelet",
    [
        lambda: Kubelet(b"first\n", TOO_LONG + b"\n", b"second\n"),
        lambda: Kubelet(b"first\n", TOO_LONG, then="silence"),
        lambda: Kubelet(b"first\n", then="break"),
    ],
    ids=["a line too long", "one without end", "the kubelet is gone"],
)
async def test_what_breaks_it_off_is_told(kubelet: Callable[[], Kubelet]) -> None:
    """As an error that the follower knows: any other would end it unseen, and be told by asyncio at the very end."""
    made, lines = kubelet(), list[str]()
    async with serving(made) as kube:
        with pytest.raises(Unavailable, match=f"the log of {WHERE[0]}/{WHERE[1]} broke off"):
            await heard(kube, lines.append)
        await asyncio.wait_for(made.left.wait(), PATIENCE)
    assert lines[:1] == ["first\n"]
    assert "second\n" not in lines


async def test_silence_is_noticed_and_the_connection_closed() -> None:
    kubelet, lines = Kubelet(b"first\n", then="silence"), list[str]()
    async with serving(kubelet) as kube:
        with pytest.raises(Unavailable, match="broke off"):
            await heard(kube, lines.append, idle_seconds=0.1)
        await asyncio.wait_for(kubelet.left.wait(), PATIENCE)
    assert lines == ["first\n"]


async def test_whoever_stops_listening_holds_no_connection() -> None:
    """A run is over, and its Pod's log may go on for ever."""
    kubelet, told = Kubelet(b"first\n", then="silence"), asyncio.Event()
    async with serving(kubelet) as kube:
        listening = asyncio.create_task(heard(kube, lambda _: told.set()))
        await asyncio.wait_for(told.wait(), PATIENCE)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        await asyncio.wait_for(kubelet.left.wait(), PATIENCE)


async def test_a_pod_that_is_gone_is_not_a_log_that_broke_off() -> None:
    class Gone(Kubelet):
        async def answer(self, request: web.Request) -> web.StreamResponse:
            return web.json_response({"kind": "Status", "message": "pods not found"}, status=404)

    async with serving(Gone()) as kube:
        with pytest.raises(NotFound, match="pods not found"):
            await heard(kube, lambda _: None)
