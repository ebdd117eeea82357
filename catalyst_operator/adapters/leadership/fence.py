"""The door that everything leaves by: whatever is sent while another operator may act is stopped at its last moment.

A request waits before it is sent: for a place, a name, a connection, a handshake. So the fence is asked twice: when a
request is made, and again where its first bytes are about to leave.
"""

from __future__ import annotations

import math
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import httpx

Fence = Callable[[], float]
"""For how many seconds what is sent may be under way. Raises LeaseLost when nothing may be sent any more. Asked from
threads as well."""
OPEN_FILES = Path("/proc/self/fd")
THROW_AWAY = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time."""


def unfenced() -> float:
    """For tests, and for what changes nothing that is shared."""
    return math.inf


def traced(fence: Fence) -> aiohttp.TraceConfig:
    """Asks the fence once a request of aiohttp has its connection; those that only read pass."""

    async def begin(_: aiohttp.ClientSession, context: SimpleNamespace, begun: aiohttp.TraceRequestStartParams) -> None:
        context.writes = begun.method != "GET"

    async def ask(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        if context.writes:
            fence()

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(begin)
    trace.on_connection_create_end.append(ask)
    trace.on_connection_reuseconn.append(ask)
    return trace


def hooks(fence: Fence) -> dict[str, list[Callable[..., object]]]:
    """The event hooks of an httpx.AsyncClient of which every request asks the fence: with some vendors a GET changes
    something, and one that does not act has nothing to ask them."""

    async def begin(request: httpx.Request) -> None:
        fence()
        request.extensions["trace"] = ask

    async def ask(event: str, _: object) -> None:
        if event.endswith((".send_request_headers.started", ".send_request_body.started")):
            fence()

    return {"request": [begin]}


def cut_connections() -> None:
    """Have the kernel throw away, when this process ends, what it has not delivered yet: after a partition it would
    deliver it, however late, and nobody would be there to be asked."""
    for name in [entry.name for entry in OPEN_FILES.iterdir()]:
        # One that is closed meanwhile, or no socket.
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as held:
            if held.family in (socket.AF_INET, socket.AF_INET6) and held.type == socket.SOCK_STREAM:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, THROW_AWAY)
