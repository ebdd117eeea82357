"""The API of one new cluster, as one identity.

The server is verified against the cluster's own authority, by the cluster's name, whatever address is dialled; all
addresses are tried. Nothing of the environment has a say: no proxy, no other trust, no redirect. What it answers is
read within `limits`, and nothing of an answer is kept while the next one is waited for.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import TypeVar

import aiohttp

from catalyst_operator.adapters.kube import PODS, Kind, Object
from catalyst_operator.adapters.leadership.fence import Fence, traced, unfenced
from catalyst_operator.adapters.new_cluster import transport
from catalyst_operator.adapters.new_cluster.intake import Intake
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER
from catalyst_operator.api import labels
from catalyst_operator.core.access.identity import Access
from catalyst_operator.errors import ApiError, NotFound, TooMuch, Unavailable, Untrusted

MAX_TOKEN = 4096
"""Characters of what is sent back to the server as it came: a resourceVersion, the token for the next page."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Object | list[Object] | None = None
    content: str = "application/json"


class RemoteCluster:
    """An async context manager; leaving it closes every connection. All methods raise ApiError; TooMuch for an answer
    beyond the limits. `fence` is asked before each change."""

    def __init__(self, access: Access, intake: Intake | None = None, fence: Fence = unfenced) -> None:
        self.access = access
        self._fence = fence
        self._share = (intake or Intake()).share(access.owner, access.tls_name)
        self.limits = self._share.limits
        self.read_bytes = 0
        """Of all answers so far."""
        self._servers = list(access.servers)
        self._trust = transport.trust(access)
        self._session: transport.Session | None = None

    async def __aenter__(self) -> RemoteCluster:
        self._session = transport.Session(self._trust, self._share.spend, trace_configs=[traced(self._fence)])
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

    # --- reading ------------------------------------------------------------------------------------------------------

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises NotFound."""
        return await self._ask(_Request("GET", kind.path(namespace, name)), _as_it_is)

    async def may_list(self, kind: Kind, namespace: str = "") -> None:
        """Ask for a list only to see whether that is allowed. Raises Refused where it is not."""
        await self._ask(_Request("GET", kind.path(namespace), {"limit": "1"}), _as_it_is)

    async def each(
        self,
        kind: Kind,
        namespace: str,
        take: Callable[[list[Object]], None],
        *,
        query: Mapping[str, str] | None = None,
        whole: bool = True,
    ) -> str:
        """Give all objects of a list to `take`, some at a time, and return the version to watch from. Raises TooMuch
        for a list that is too long, unless the beginning is enough: without `whole` it ends there."""
        limits, clock = self.limits, asyncio.get_running_loop().time
        seen, until = 0, clock() + limits.list_seconds
        asked = {"limit": str(limits.page), **(query or {})}

        def use(page: Object) -> tuple[int, str, str]:
            found = items(page)
            if seen + len(found) > limits.list_objects and whole:
                raise TooMuch(f"a list of more than {limits.list_objects} {kind.plural}")
            take(found[: limits.list_objects - seen])
            return len(found), token(page, "continue"), token(page, "resourceVersion")

        for _ in range(limits.pages):
            await self._share.admitted()
            request = _Request("GET", kind.path(namespace), asked)
            count, more, version = await self._ask(request, use, limits.bytes_of(kind.plural))
            seen += count
            if not more or (seen >= limits.list_objects and not whole):
                return version
            if clock() > until:
                raise TooMuch(f"a list of {kind.plural} that takes more than {limits.list_seconds:g} s")
            asked["continue"] = more
        raise TooMuch(f"a list of {kind.plural} of more than {limits.pages} pages")

    @asynccontextmanager
    async def watch(
        self, kind: Kind, namespace: str, query: Mapping[str, str], *, silence: float
    ) -> AsyncIterator[AsyncIterator[Object]]:
        """The events of a watch as they come. Raises Unavailable when no whole one was heard for `silence` seconds, and
        with the status of the answer when what was heard is not usable; TooMuch for a flood."""
        await self._share.admitted()
        request = _Request("GET", kind.path(namespace), {**query, "watch": "true"})
        response = await self._begun(request, aiohttp.ClientTimeout(sock_connect=self.limits.connect_seconds))
        try:
            async with aclosing(transport.events(response, self._share, silence)) as events:
                yield events
        finally:
            transport.abort(response)

    # --- changing -----------------------------------------------------------------------------------------------------

    async def apply(self, kind: Kind, manifest: Object) -> Object:
        """Server-side apply; applying the same again is not a write."""
        meta = manifest["metadata"]
        query = {"fieldManager": labels.FIELD_MANAGER, "force": "true"}
        path = kind.path(meta.get("namespace", ""), meta["name"])
        return await self._ask(_Request("PATCH", path, query, manifest, "application/apply-patch+yaml"), _as_it_is)

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """JSON merge patch. Raises NotFound."""
        request = _Request("PATCH", kind.path(namespace, name), body=patch, content="application/merge-patch+json")
        return await self._ask(request, _as_it_is)

    async def patch(self, kind: Kind, namespace: str, name: str, operations: Sequence[Object]) -> Object:
        """JSON patch. Raises NotFound, and Refused where a `test` operation does not hold."""
        path = kind.path(namespace, name)
        request = _Request("PATCH", path, body=list(operations), content="application/json-patch+json")
        return await self._ask(request, _as_it_is)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str = "") -> None:
        """Deleting what is gone is fine. With a `uid` only that very object is deleted; raises Conflict for another."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        try:
            request = _Request("DELETE", kind.path(namespace, name), body=options if uid else None)
            await self._ask(request, _as_it_is)
        except NotFound:
            return

    async def evict(self, namespace: str, name: str, uid: str) -> None:
        """Ask a Pod to move, this very one. Raises NotFound, Conflict for another of its name, and Unavailable with
        status 429 while a PodDisruptionBudget holds it."""
        body: Object = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        await self._ask(_Request("POST", PODS.path(namespace, name, "eviction"), body=body), _as_it_is)

    # --- asking -------------------------------------------------------------------------------------------------------

    async def _ask(self, request: _Request, use: Callable[[Object], T], limit: int | None = None) -> T:
        """What `use` makes of the answer."""
        limits = self.limits
        timeout = aiohttp.ClientTimeout(total=limits.request_seconds, sock_connect=limits.connect_seconds)
        response = await self._begun(request, timeout)
        with self._share.body(limit or limits.page_bytes) as body:
            await transport.read(response, body)
            self.read_bytes += len(body.raw)
            return await transport.parse(body, response.status, self._share, use)

    async def _begun(self, request: _Request, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """The answer of the first server that gives one; it is asked first the next time."""
        errors: list[ApiError] = []
        for server in tuple(self._servers):
            try:
                return await self._begun_by(server, request, timeout)
            except (Unavailable, Untrusted) as error:
                if error.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                errors.append(error)
                self._servers.remove(server)
                self._servers.append(server)
        # Always the same one, whatever the order was: what is said of a link must not change with every attempt.
        raise min(errors, key=lambda e: (not isinstance(e, Untrusted), e.status == NO_ANSWER, str(e)), default=_NOWHERE)

    async def _begun_by(self, server: str, request: _Request, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """Status and headers, within the time of a request also where the rest has no end; or what a server says
        instead."""
        if self._session is None:
            raise Unavailable(NO_ANSWER, "the connection was closed")
        seconds = self.limits.request_seconds
        if request.method != "GET":
            seconds = min(seconds, self._fence())
        self._share.spend(self.limits.request_cost)
        with transport.told():
            async with asyncio.timeout(seconds):
                response = await self._session.http.request(
                    request.method,
                    f"https://{server}{request.path}",
                    params=request.query,
                    data=None if request.body is None else json.dumps(request.body),
                    headers={
                        "Content-Type": request.content,
                        "Accept": "application/json",
                        "User-Agent": labels.OPERATOR_NAME,
                    },
                    server_hostname=self.access.tls_name,
                    allow_redirects=False,
                    timeout=timeout,
                    read_bufsize=transport.READ_BUFFER,
                )
                if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise await transport.refusal(response, self._share)
                return response


_NOWHERE = Unavailable(NO_ANSWER, "no address of it is known")

Connect = Callable[[Access], RemoteCluster]
AccessSource = Callable[[], Awaitable[Access]]
"""Mints access anew. Raises ApiError."""


def _as_it_is(answer: Object) -> Object:
    return answer


def items(page: Object) -> list[Object]:
    """The objects of a list; whatever is not an object is not one."""
    found = page.get("items")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def metadata(thing: Object) -> Object:
    """The metadata of a list or an object; empty if there is none."""
    found = thing.get("metadata")
    return found if isinstance(found, dict) else {}


def token(thing: Object, name: str) -> str:
    """What its metadata holds for the server alone, such as a resourceVersion; empty if there is none. Raises TooMuch
    for one that no API server gives."""
    found = metadata(thing).get(name)
    if not isinstance(found, str):
        return ""
    if len(found) > MAX_TOKEN:
        raise TooMuch(f"a {name} of more than {MAX_TOKEN} characters")
    return found
