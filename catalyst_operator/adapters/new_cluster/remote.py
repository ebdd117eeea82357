"""The API of one new cluster, as one identity.

The server is verified against the cluster's own authority, by the cluster's name, whatever address is dialled; all
addresses are tried. Nothing of the environment has a say: no proxy, no other trust, no redirect.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import TracebackType

import aiohttp

from catalyst_operator.adapters.kube import Kind, Object
from catalyst_operator.adapters.new_cluster import transport
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER
from catalyst_operator.api import labels
from catalyst_operator.core.access.identity import Access
from catalyst_operator.errors import ApiError, NotFound, Unavailable, Untrusted

REMOTE_REQUEST_SECONDS = 15.0
CONNECT_SECONDS = 5.0
MAX_REMOTE_ANSWER = 16 * 1024 * 1024
PAGE = 100


class RemoteCluster:
    """An async context manager; leaving it closes every connection. All methods raise ApiError."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._servers = list(access.servers)
        self._trust = transport.trust(access)
        self._session: transport.Session | None = None

    async def __aenter__(self) -> RemoteCluster:
        self._session = transport.Session(self._trust)
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
            yield transport.events(response)
        finally:
            transport.abort(response)

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Object | None = None,
        content: str = "application/json",
    ) -> Object:
        timeout = aiohttp.ClientTimeout(total=REMOTE_REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        response = await self._send(method, path, query or {}, body=body, content=content, timeout=timeout)
        return transport.parsed(await transport.read(response, MAX_REMOTE_ANSWER), response.status)

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
        raise min(errors, key=lambda e: (not isinstance(e, Untrusted), e.status == NO_ANSWER, str(e)), default=_NOWHERE)

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
        with transport.told():
            response = await self._session.http.request(
                method,
                f"https://{server}{path}",
                params=query,
                data=None if body is None else json.dumps(body),
                headers={"Content-Type": content, "Accept": "application/json", "User-Agent": labels.OPERATOR_NAME},
                server_hostname=self.access.tls_name,
                allow_redirects=False,
                timeout=timeout,
                read_bufsize=transport.MAX_LINE,
            )
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise await transport.refusal(response)
        return response


_NOWHERE = Unavailable(NO_ANSWER, "no address of it is known")

Connect = Callable[[Access], RemoteCluster]
AccessSource = Callable[[], Awaitable[Access]]
"""Mints access anew. Raises ApiError."""


def items(page: Object) -> list[Object]:
    """The objects of a list; whatever is not an object is not one."""
    found = page.get("items")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def metadata(thing: Object) -> Object:
    """The metadata of a list or an object; empty if there is none."""
    found = thing.get("metadata")
    return found if isinstance(found, dict) else {}
