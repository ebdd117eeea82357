"""Lists and watches of one kind of object, kept in memory for as long as the process runs.

They outlive the API server: whatever happens to a stream, the list is read anew and the difference is told.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from e2e.lab.standins.kube import UNREACHABLE, ApiError, Kube
from e2e.lab.standins.objects import Object, key_of

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
_SHORTEST_STREAM = 1.0

Listener = Callable[[str, Object | None, Object | None], None]
"""Told the key, what was known and what is now; None for what is not there."""


class Watched:
    """All objects at one path of the API."""

    def __init__(self, kube: Kube, path: str, listener: Listener, **query: str) -> None:
        self._kube, self._path, self._listener, self._query = kube, path, listener, query
        self.objects: dict[str, Object] = {}
        self.synced = asyncio.Event()
        """Set once the list was read: what is not among the objects then is not there."""

    async def run(self) -> None:
        """Follow the objects until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            try:
                version = await self._list()
                pause = _FIRST_PAUSE
                while True:
                    version = await self._stream(version)
            except (ApiError, *UNREACHABLE) as error:
                if pause == _FIRST_PAUSE:
                    log.info("%s: %s; reading it anew", self._path, str(error) or type(error).__name__)
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 not a secret
                pause = min(pause * 2, _LONGEST_PAUSE)

    def put(self, obj: Object) -> None:
        """Take in what a write of our own returned, so that the next look is not at older news."""
        key = key_of(obj)
        before = self.objects.get(key)
        if before is not None and _version(before) >= _version(obj):
            return
        self.objects[key] = obj
        self._listener(key, before, obj)

    async def _list(self) -> str:
        answer = await self._kube.get(self._path, **self._query)
        found = {key_of(item): item for item in answer.get("items") or []}
        before, self.objects = self.objects, found
        for key in before.keys() | found.keys():
            self._listener(key, before.get(key), found.get(key))
        self.synced.set()
        return str(answer["metadata"]["resourceVersion"])

    async def _stream(self, version: str) -> str:
        began = time.monotonic()
        async for kind, obj in self._kube.watch(self._path, version, **self._query):
            if kind == "ERROR":
                raise ApiError(obj.get("code", 500), obj.get("message", ""))
            version = obj["metadata"]["resourceVersion"]
            if kind != "BOOKMARK":
                self._take(kind, obj)
        await asyncio.sleep(max(0.0, _SHORTEST_STREAM - (time.monotonic() - began)))
        return version

    def _take(self, kind: str, obj: Object) -> None:
        if kind != "DELETED":
            self.put(obj)
            return
        before = self.objects.pop(key_of(obj), None)
        if before is not None:
            self._listener(key_of(obj), before, None)


def _version(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])
