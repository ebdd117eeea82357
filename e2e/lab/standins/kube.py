"""The few requests that the stand-ins make to their cluster's API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from e2e.lab.standins.kubeconfig import Connection
from e2e.lab.standins.objects import Object

WATCH_SECONDS = 290
_SILENCE_SECONDS = 300.0


class ApiError(Exception):
    """The API server refused a request."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


UNREACHABLE = (aiohttp.ClientError, TimeoutError, ConnectionError)
"""What a request raises while the API server is away."""


class Kube:
    """A client of one cluster. Paths are those of the API, like `/api/v1/nodes`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session = aiohttp.ClientSession(
            headers=connection.headers,
            timeout=aiohttp.ClientTimeout(total=20),
            connector=aiohttp.TCPConnector(ssl=connection.tls, limit=0),
        )

    async def close(self) -> None:
        await self._session.close()

    async def get(self, path: str, **query: str) -> Object:
        """An object or a list."""
        return await self._send("GET", path, query=query)

    async def find(self, path: str) -> Object | None:
        """An object, None when it is not there."""
        try:
            return await self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def create(self, path: str, body: Object) -> Object | None:
        """Create an object in a collection; None when it was there already."""
        try:
            return await self._send("POST", path, body)
        except ApiError as error:
            if error.code == 409:
                return None
            raise

    async def patch(self, path: str, body: Object) -> Object:
        """Merge-patch an object, or its status at `path/status`."""
        return await self._send("PATCH", path, body, content="application/merge-patch+json")

    async def delete(self, path: str) -> None:
        """Delete an object, at once; one that is gone is deleted already."""
        try:
            await self._send("DELETE", path, {"gracePeriodSeconds": 0})
        except ApiError as error:
            if error.code != 404:
                raise

    async def watch(self, path: str, version: str, **query: str) -> AsyncIterator[tuple[str, Object]]:
        """Events since a resourceVersion, until the server ends the stream."""
        parameters = {
            **query,
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_SILENCE_SECONDS)
        async with self._session.get(
            self._connection.server + path,
            params=parameters,
            timeout=timeout,
            server_hostname=self._connection.tls_name,
            read_bufsize=1 << 20,
        ) as answer:
            await _check(answer)
            async for line in answer.content:
                event = json.loads(line)
                yield event["type"], event["object"]

    async def _send(
        self, method: str, path: str, body: Any = None, content: str = "application/json", query: Any = None
    ) -> Object:
        data = None if body is None else json.dumps(body)
        async with self._session.request(
            method,
            self._connection.server + path,
            data=data,
            params=query,
            headers={"Content-Type": content},
            server_hostname=self._connection.tls_name,
        ) as answer:
            await _check(answer)
            found: Object = await answer.json()
            return found


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.ok:
        return
    text = await answer.text()
    try:
        message = json.loads(text).get("message", text)
    except ValueError:
        message = text
    raise ApiError(answer.status, message)
