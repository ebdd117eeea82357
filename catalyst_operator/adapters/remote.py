"""The API of one new cluster, as one identity (DESIGN §6).

The server is verified against the cluster's own authority, by the cluster's name, whatever address is dialled; all
addresses are tried. Nothing of the environment has a say: no proxy, no other trust, no redirect.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from catalyst_operator.adapters.kube import Kind, Object
from catalyst_operator.api import labels
from catalyst_operator.core.access import Access
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import (
    ApiError,
    Conflict,
    Gone,
    NotFound,
    Refused,
    Unauthorized,
    Unavailable,
    Untrusted,
)

REQUEST_SECONDS = 15.0
CONNECT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 90.0
"""Longer than the slowest pace of looking at a cluster: a handshake costs more than an idle connection."""
MAX_ANSWER = 16 * 1024 * 1024
MAX_LINE = 1024 * 1024
"""A line of a watch may have up to twice as much, which is more than an API server stores of an object."""
MAX_REFUSAL = 64 * 1024
MAX_MESSAGE = 300
PAGE = 100
NO_ANSWER = 0
"""The status of an error where there was none."""


class RemoteCluster:
    """An async context manager; leaving it closes every connection. All methods raise ApiError."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._servers = list(access.servers)
        self._trust = trust(access)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> RemoteCluster:
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=8, keepalive_timeout=KEEP_ALIVE_SECONDS)
        cookies = aiohttp.DummyCookieJar()
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=cookies, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections, and return once they are. Again is harmless."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            # An aborted transport hands its socket back in the loop's next rounds.
            for _ in range(3):
                await asyncio.sleep(0)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises NotFound."""
        return await self._json("GET", kind.path(namespace, name))

    async def list(self, kind: Kind, namespace: str = "") -> list[Object]:
        """All objects. What may be many is better read in `pages`."""
        return [item async for page in self.pages(kind, namespace) for item in items(page)]

    async def pages(
        self, kind: Kind, namespace: str = "", *, query: Mapping[str, str] | None = None, most: int | None = None
    ) -> AsyncIterator[Object]:
        """The list in pieces, each with its metadata; it ends after about `most` objects."""
        wanted, seen = {"limit": str(PAGE), **(query or {})}, 0
        while True:
            page = await self._json("GET", kind.path(namespace), wanted)
            yield page
            seen += len(items(page))
            more = metadata(page).get("continue")
            if not more or (most is not None and seen >= most):
                return
            wanted["continue"] = str(more)

    async def apply(self, kind: Kind, manifest: Object) -> Object:
        """Server-side apply; applying the same again is not a write."""
        meta = manifest["metadata"]
        query = {"fieldManager": labels.FIELD_MANAGER, "force": "true"}
        path = kind.path(meta.get("namespace", ""), meta["name"])
        return await self._json("PATCH", path, query, body=manifest, content="application/apply-patch+yaml")

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """JSON merge patch. Raises NotFound."""
        content = "application/merge-patch+json"
        return await self._json("PATCH", kind.path(namespace, name), body=patch, content=content)

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Deleting what is gone is fine."""
        try:
            await self._json("DELETE", kind.path(namespace, name))
        except NotFound:
            return

    @asynccontextmanager
    async def watch(
        self, kind: Kind, namespace: str, query: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[AsyncIterator[Object]]:
        """The events of a watch as they come. Raises Unavailable when nothing was heard for `silence` seconds, and with
        the status of the answer when what was heard is not usable."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        response = await self._send("GET", kind.path(namespace), {**query, "watch": "true"}, timeout=timeout)
        try:
            yield _events(response)
        finally:
            _abort(response)

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Object | None = None,
        content: str = "application/json",
    ) -> Object:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        response = await self._send(method, path, query or {}, body=body, content=content, timeout=timeout)
        return _parsed(await _read(response, MAX_ANSWER), response.status)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        body: Object | None = None,
        content: str = "application/json",
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """The answer of the first server that gives one; it is asked first the next time."""
        errors: list[ApiError] = []
        for server in tuple(self._servers):
            try:
                return await self._ask(server, method, path, query, body, content, timeout)
            except (Unavailable, Untrusted) as error:
                if error.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                errors.append(error)
                self._servers.remove(server)
                self._servers.append(server)
        # Always the same one, whatever the order was: what is said of a link must not change with every attempt.
        raise min(errors, key=lambda e: (not isinstance(e, Untrusted), e.status == NO_ANSWER, str(e)))

    async def _ask(
        self,
        server: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        content: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise Unavailable(NO_ANSWER, "the connection was closed")
        with _told():
            response = await self._session.request(
                method,
                f"https://{server}{path}",
                params=query,
                data=None if body is None else json.dumps(body),
                headers={"Content-Type": content, "Accept": "application/json", "User-Agent": labels.OPERATOR_NAME},
                server_hostname=self.access.tls_name,
                allow_redirects=False,
                timeout=timeout,
                read_bufsize=MAX_LINE,
            )
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise await _refusal(response)
        return response


Connect = Callable[[Access], RemoteCluster]
AccessSource = Callable[[], Awaitable[Access]]
"""Mints access anew. Raises ApiError."""


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


def items(page: Object) -> list[Object]:
    """The objects of a list; whatever is not an object is not one."""
    found = page.get("items")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def metadata(thing: Object) -> Object:
    """The metadata of a list or an object; empty if there is none."""
    found = thing.get("metadata")
    return found if isinstance(found, dict) else {}


def error_of(status: int, message: str) -> ApiError:
    """The error that an HTTP status stands for."""
    kinds: dict[int, type[ApiError]] = {401: Unauthorized, 404: NotFound, 409: Conflict, 410: Gone, 429: Unavailable}
    return kinds.get(status, Unavailable if status >= 500 or status < 400 else Refused)(status, message)


# --- reading ----------------------------------------------------------------------------------------------------------


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body. Raises Unavailable for one that is larger than `limit`."""
    raw = bytearray()
    with _told():
        try:
            async for piece in response.content.iter_any():
                raw += piece
                if len(raw) > limit:
                    raise Unavailable(response.status, f"an answer of more than {limit} bytes")
        except BaseException:
            _abort(response)
            raise
    response.release()
    return bytes(raw)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    while True:
        try:
            with _told():
                line = await response.content.readline()
        except (HttpProcessingError, ValueError) as error:  # a line too long for the buffer; which, depends on aiohttp
            raise Unavailable(response.status, f"an event of more than {2 * MAX_LINE} bytes") from error
        if not line:
            return
        yield _parsed(line, response.status)


def _parsed(raw: bytes, status: int) -> Object:
    try:
        value: Any = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unavailable(status, "an answer that is not a JSON object")
    return value


async def _refusal(response: aiohttp.ClientResponse) -> ApiError:
    """What a server says instead of doing it. A proxy before it may say anything."""
    raw = await _read(response, MAX_REFUSAL)
    try:
        message = str(_parsed(raw, response.status)["message"])
    except (Unavailable, KeyError):
        message = f"HTTP status {response.status}"
    return error_of(response.status, shorten(message, MAX_MESSAGE))


def _abort(response: aiohttp.ClientResponse) -> None:
    """Close the connection without the farewell of TLS, which a dead link would never answer."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


@contextmanager
def _told() -> Iterator[None]:
    """Turns what the transport raises into the errors of this package, with a clause for people."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise Untrusted(NO_ANSWER, shorten(_verification(error.certificate_error), MAX_MESSAGE)) from None
    except aiohttp.ClientConnectorSSLError as error:
        if isinstance(error.os_error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            raise Unavailable(NO_ANSWER, "it closed the connection") from None
        raise Untrusted(NO_ANSWER, f"it does not speak TLS as expected ({_name(error.os_error)})") from None
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unavailable(NO_ANSWER, shorten(clause(error), MAX_MESSAGE)) from None


def _verification(error: Exception) -> str:
    said = getattr(error, "verify_message", "") or str(error)
    return f"its certificate is not accepted ({said})"


def _name(error: OSError) -> str:
    return str(getattr(error, "reason", None) or type(error).__name__)


def clause(error: Exception) -> str:
    """What happened. Addresses are left out: they are known, and with several it must not matter which was asked."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return (os.strerror(error.os_error.errno).lower() if error.os_error.errno else "") or "no connection"
    if isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "it closed the connection"
    return f"{type(error).__name__}: {error}"
