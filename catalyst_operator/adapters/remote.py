"""The API of one new cluster, as one identity (DESIGN §6).

The server is verified against the cluster's own authority, by the cluster's name, whatever address is dialled; all
addresses are tried. Nothing of the environment has a say: no proxy, no other trust, no redirect.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import aiohttp

from catalyst_operator.adapters.kube import Kind, Object
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
MAX_ANSWER = 16 * 1024 * 1024
MAX_LINE = 1024 * 1024
"""A line of a watch may have twice as much; whoever sends more is listed again."""
PAGE = 200


class RemoteCluster:
    """An async context manager; closing it closes every connection."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._servers = list(access.servers)
        self._trust = trust(access)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> RemoteCluster:
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=8)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Again is harmless."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises NotFound."""
        return await self._json("GET", kind.path(namespace, name))

    async def list(
        self, kind: Kind, namespace: str = "", *, query: Mapping[str, str] | None = None, limit: int = 10_000
    ) -> tuple[list[Object], str]:
        """The objects, at most about `limit` of them, page by page, and the resourceVersion to watch from."""
        items: list[Object] = []
        pages = {"limit": str(PAGE), **(query or {})}
        while True:
            page = await self._json("GET", kind.path(namespace), pages)
            items += page.get("items") or []
            meta = page.get("metadata") or {}
            if not meta.get("continue") or len(items) >= limit:
                return items, str(meta.get("resourceVersion") or "")
            pages["continue"] = meta["continue"]

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """JSON merge patch."""
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
        """The events of a watch as they come. Raises Unavailable when nothing was heard for `silence` seconds."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        response = await self._send("GET", kind.path(namespace), {**query, "watch": "true"}, timeout=timeout)
        try:
            yield _events(response)
        finally:
            response.close()

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
        with _told(f"{method} {path}"):
            try:
                raw = await response.content.read(MAX_ANSWER + 1)
                while len(raw) <= MAX_ANSWER and (more := await response.content.read(MAX_ANSWER)):
                    raw += more
            finally:
                response.release()
            if len(raw) > MAX_ANSWER:
                raise Unavailable(0, f"{method} {path}: the answer is larger than {MAX_ANSWER} bytes")
            return _object(json.loads(raw))

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
        last: ApiError = Unavailable(0, "the connection is closed")
        for server in list(self._servers):
            if self._session is None:
                break
            try:
                with _told(f"{method} {path}"):
                    response = await self._session.request(
                        method,
                        f"https://{server}{path}",
                        params=query,
                        data=None if body is None else json.dumps(body),
                        headers={"Content-Type": content, "Accept": "application/json"},
                        server_hostname=self.access.tls_name,
                        allow_redirects=False,
                        timeout=timeout,
                        read_bufsize=MAX_LINE,
                    )
            except (Unavailable, Untrusted) as error:
                last = error
                self._servers.append(self._servers.pop(self._servers.index(server)))
                continue
            if response.status >= 300:
                raise await _refusal(response, f"{method} {path}")
            return response
        raise last


Connect = Callable[[Access], RemoteCluster]


def trust(access: Access) -> ssl.SSLContext:
    """Trust in one authority and nobody else, with the client's certificate. The key never reaches a disk."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=access.authority)
    handle = os.memfd_create("client", os.MFD_CLOEXEC)
    try:
        os.write(handle, f"{access.key.get_secret_value()}\n{access.certificate}".encode())
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
    return context


class _told:
    """Turns what the transport raises into the errors of this package, without what the transport adds to them."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
            raise Untrusted(0, _clause(error)) from None
        if isinstance(error, aiohttp.ClientError | OSError | TimeoutError | ValueError):
            raise Unavailable(0, _clause(error)) from None


def _clause(error: Exception) -> str:
    """What happened, as a clause: addresses and ports are left out, they are in status."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return shorten(str(error.certificate_error), 200)
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        return (cause.strerror or str(cause)).lower() if cause else "no connection"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    return shorten(str(error) or type(error).__name__, 200)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    with _told("watch"):
        async for line in response.content:
            yield _object(json.loads(line))


def _object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise ValueError("the answer is not an object")
    return value


async def _refusal(response: aiohttp.ClientResponse, what: str) -> ApiError:
    with _told(what):
        raw = await response.content.read(64 * 1024)
    response.close()
    try:
        message = str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"HTTP status {response.status}"
    return error_of(response.status, shorten(message, 300))


def error_of(status: int, message: str) -> ApiError:
    """The error that an HTTP status stands for."""
    kinds: dict[int, type[ApiError]] = {401: Unauthorized, 404: NotFound, 409: Conflict, 410: Gone, 429: Unavailable}
    return kinds.get(status, Unavailable if status >= 500 or status < 400 else Refused)(status, message)
