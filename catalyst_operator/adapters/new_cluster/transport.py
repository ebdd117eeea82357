"""HTTP over TLS to a server far away, which may be dead, broken or somebody else: what it says becomes an answer or one
of the errors of this package, and never more than fits into memory."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from asyncio import sslproto
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

from catalyst_operator.adapters import answers
from catalyst_operator.adapters.kube import Object
from catalyst_operator.adapters.new_cluster.intake import SMALL, Body, Share
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import (
    ApiError,
    Conflict,
    Gone,
    NotFound,
    Refused,
    TooMuch,
    Unauthorized,
    Unavailable,
    Untrusted,
)

MAX_REFUSAL = 64 * 1024
MAX_REFUSAL_WORDS = 300
CONNECTIONS = 8
KEEP_ALIVE_SECONDS = 90.0
"""Longer than the slowest pace of looking at a cluster: a handshake costs more than an idle connection."""
CLOSING_ROUNDS = 100
"""Of the event loop; a socket needs about five."""
NO_ANSWER = 0
"""The status of an error where there was none."""
MAX_INFORMATIONAL = 8
READ_BUFFER = 64 * 1024
"""Bytes of an answer that wait to be read; up to twice as many do."""

T = TypeVar("T")

TLS_BUFFER = 64 * 1024
# asyncio gives each TLS connection of the process a buffer of 256 KiB, and has no other way to say that this is too
# much. Hundreds of connections stay open here, over which little comes: for a hundred clusters it makes 80 MiB.
sslproto.SSLProtocol.max_size = TLS_BUFFER


def trust(access: Access) -> ssl.SSLContext:
    """Trust in one authority and nobody else, with the client's certificate. The key never reaches a disk: OpenSSL
    only reads files, so it is given one that lives in memory and has no name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=access.authority)
    handle = os.memfd_create("client", os.MFD_CLOEXEC)
    try:
        os.write(handle, f"{access.key.get_secret_value()}\n{access.certificate}".encode())
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
    return context


class Session:
    """A session over one kind of trust, of which no socket is left once it is closed. Nothing of the environment has a
    say in it, and no cookie is kept. `spend` is told of all bytes that come in, those of TLS and HTTP included."""

    def __init__(self, tls: ssl.SSLContext, spend: Callable[[int], None] | None = None, **options: Any) -> None:
        self._spend = spend
        self._sockets: WeakSet[socket.socket] = WeakSet()
        connector = aiohttp.TCPConnector(
            ssl=tls, limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS, socket_factory=self._socket
        )
        cookies = aiohttp.DummyCookieJar()
        self.http = aiohttp.ClientSession(
            connector=connector, cookie_jar=cookies, trust_env=False, response_class=_Response, **options
        )

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        made = _Metered(*address[:3])
        made.spend = self._spend
        self._sockets.add(made)
        return made

    async def close(self) -> None:
        """Return once all sockets are closed, also to whoever is cancelled meanwhile: nobody else would close the rest,
        and it takes a moment only."""
        closing = asyncio.ensure_future(self._close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise

    async def _close(self) -> None:
        """A request that was given up leaves a socket that waits for the other side's farewell, which on a dead link
        never comes: it is told here that nothing will."""
        await self.http.close()
        for _ in range(CLOSING_ROUNDS):
            left = [made for made in self._sockets if made.fileno() >= 0]
            if not left:
                return
            for made in left:
                with suppress(OSError):
                    made.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)


class _Metered(socket.socket):
    """A byte may come in a record and a chunk of its own: what is in an answer does not say what it took to read it."""

    spend: Callable[[int], None] | None = None

    def recv_into(self, *arguments: Any) -> int:
        count = super().recv_into(*arguments)
        if self.spend is not None:
            self.spend(count)
        return count


class _Response(aiohttp.ClientResponse):
    """One that begins at some time: aiohttp reads any number of informational answers before the one that counts."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol: Any = connection.protocol
        read, left = protocol.read, MAX_INFORMATIONAL

        async def counted() -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise HttpProcessingError(message="informational answers without end")
            return await read()

        protocol.read = counted
        try:
            return await super().start(connection)
        finally:
            del protocol.read


def error_of(status: int, message: str) -> ApiError:
    """The error that an HTTP status stands for."""
    kinds: dict[int, type[ApiError]] = {401: Unauthorized, 404: NotFound, 409: Conflict, 410: Gone, 429: Unavailable}
    return kinds.get(status, Unavailable if status >= 500 or status < 400 else Refused)(status, message)


# --- reading ----------------------------------------------------------------------------------------------------------


async def read(response: aiohttp.ClientResponse, body: Body) -> None:
    """The whole body. Raises TooMuch for one that is larger than it may be."""
    with told():
        try:
            while await _more(response, body):
                pass
        except BaseException:
            abort(response)
            raise
    response.release()


async def events(response: aiohttp.ClientResponse, share: Share, silence: float) -> AsyncGenerator[Object, None]:
    """The events of a watch, one for each line. Raises Unavailable when there was no whole one for `silence` seconds,
    and with the answer's status for what is not one; TooMuch for one that is too large, and for a flood of them."""
    limits = share.limits
    with share.body(limits.event_bytes) as body:
        while line := await _line(response, body, silence):
            share.spend(max(0, limits.event_cost - len(line)))
            yield parsed(line, response.status, limits.event_values)
            if share.flooded:
                raise TooMuch(f"more events than {limits.bytes_a_second // limits.event_cost} a second")
            await share.admitted()


async def _line(response: aiohttp.ClientResponse, body: Body, silence: float) -> bytes:
    """The next line, the last one also without its end; nothing once there is none."""
    looked_at = 0
    with told():
        async with asyncio.timeout(silence):
            while (end := body.raw.find(b"\n", looked_at)) < 0:
                looked_at = len(body.raw)
                if not await _more(response, body):
                    end = looked_at
                    break
    line = bytes(body.raw[: end + 1])
    body.drop(len(line))
    return line


async def _more(response: aiohttp.ClientResponse, body: Body) -> bool:
    """Read a piece, if there is one: not everything that has come, since each piece has its cost. Others get their turn
    in between, also while all have come already."""
    piece, ended = await response.content.readchunk()
    body.add(piece)
    await asyncio.sleep(0)
    return bool(piece) or ended


async def parse(body: Body, status: int, share: Share, use: Callable[[Object], T]) -> T:
    """What `use` makes of a JSON object, as `parsed`. A large one waits for its turn, which lasts until it is used: the
    memory of no two of them is needed at a time."""
    if len(body.raw) <= SMALL:
        return use(parsed(body.raw, status, share.limits.values))
    async with share.turn():
        return use(parsed(body.raw, status, share.limits.values))


def parsed(raw: bytes | bytearray, status: int, values: int) -> Object:
    """A JSON object of at most so many `values`. Raises TooMuch for more, and Unavailable for anything else."""
    try:
        value: Any = answers.parsed(raw, values)
    except answers.TooLong as error:
        raise TooMuch(str(error)) from None
    except answers.Unusable:
        value = None
    if not isinstance(value, dict):
        raise Unavailable(status, "an answer that is not a JSON object")
    return value


async def refusal(response: aiohttp.ClientResponse, share: Share) -> ApiError:
    """What a server says instead of doing it. A proxy before it may say anything."""
    with share.body(MAX_REFUSAL) as body:
        await read(response, body)
        try:
            message = str(parsed(body.raw, response.status, share.limits.values)["message"])
        except (Unavailable, KeyError):
            message = f"HTTP status {response.status}"
    return error_of(response.status, shorten(message, MAX_REFUSAL_WORDS))


def abort(response: aiohttp.ClientResponse) -> None:
    """Close the connection without the farewell of TLS, which a dead link would never answer."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


@contextmanager
def told() -> Iterator[None]:
    """Turns what the transport raises into the errors of this package, with a clause for people."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise Untrusted(NO_ANSWER, shorten(_verification(error.certificate_error), MAX_REFUSAL_WORDS)) from None
    except aiohttp.ClientConnectorSSLError as error:
        hung_up = isinstance(error.os_error, _HANGING_UP)
        raise (Unavailable if hung_up else Untrusted)(NO_ANSWER, clause(error)) from None
    except (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError) as error:
        raise Unavailable(NO_ANSWER, clause(error)) from None


def _verification(error: Exception) -> str:
    said = getattr(error, "verify_message", "") or str(error)
    return f"its certificate is not accepted ({said})"


_HANGING_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


def clause(error: Exception) -> str:
    """What happened. Addresses are left out: they are known, and with several it must not matter which was asked."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _no_connection(error.os_error)
    if isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "it closed the connection"
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return "an answer that is not HTTP"
    return shorten(f"{type(error).__name__}: {error}", MAX_REFUSAL_WORDS)


def _no_connection(error: OSError) -> str:
    if isinstance(error, _HANGING_UP):
        return "it closed the connection"
    if isinstance(error, ssl.SSLError):
        return f"it does not speak TLS as expected ({error.reason})"
    if error.errno is None or error.errno <= 0:
        return f"no connection ({error.strerror or type(error).__name__})"
    return os.strerror(error.errno).lower()
