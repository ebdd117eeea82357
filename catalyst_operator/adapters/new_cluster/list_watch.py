"""A small list+watch of its own, for clusters far away, because watches from the shelf hang on dead links or storm.

It lists once, follows from there, and goes on from where it was after an interruption; what it cannot go on from is
listed again, and what is not in the new list is dropped. Objects are kept as views, never raw.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Protocol, TypeVar

from catalyst_operator.adapters.kube import Kind, Object
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster, items, metadata
from catalyst_operator.adapters.new_cluster.timings import REFUSALS, Backoff, Timings
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER, error_of
from catalyst_operator.errors import ApiError, NotFound, Unavailable

log = logging.getLogger(__name__)

MAX_WATCHED_OBJECTS = 2000
"""A cluster that has more of a kind in one namespace is not one of ours, and must not fill the memory."""
RESUMABLE = frozenset({NO_ANSWER, *REFUSALS, 429, 500, 502, 503})
"""After these the watch goes on from where it was. Any other says something about the version watched from, or about
an event that would come again; a 504 says that the server has not got that far, which is another server then."""


class Named(Protocol):
    """What is kept has a key of its own."""

    @property
    def key(self) -> str: ...


View = TypeVar("View", bound=Named)
Use = Callable[[], AbstractAsyncContextManager[RemoteCluster]]
"""The connection that is good now."""
Outcome = Callable[[ApiError | None], None]
"""Is told each failure, and None when it works."""


class ListWatch(Generic[View]):
    """All objects of one kind in one namespace. `changed` is called after whatever makes a difference."""

    def __init__(
        self,
        kind: Kind,
        namespace: str,
        parse: Callable[[Object], View],
        changed: Callable[[], None],
        timings: Timings,
    ) -> None:
        self._kind = kind
        self._namespace = namespace
        self._parse = parse
        self._changed = changed
        self._timings = timings
        self._version = ""
        self.objects: dict[str, View] = {}
        self.synced = False
        """Whether the list was read completely, so that what is not in it is not there."""

    def reset(self) -> None:
        """Believe nothing any more."""
        self._version, self.synced = "", False
        self.objects = {}

    async def run(self, use: Use, outcome: Outcome) -> None:
        """Keep going until cancelled, whatever happens."""
        backoff = Backoff(self._timings)
        while True:
            try:
                async with use() as remote:
                    await self._follow(remote, outcome, backoff)
            except ApiError as error:
                self._failed(error)
                outcome(error)
                await self._timings.sleep(backoff.after(error))
            except Exception as error:
                # A defect in reading one cluster's answers must not end the watch of it for ever.
                log.exception("watch of %s", self._kind.plural)
                self._version = ""
                await self._timings.sleep(backoff.after(error))

    def _failed(self, error: ApiError) -> None:
        if error.status not in RESUMABLE:
            self._version = ""
        if isinstance(error, NotFound) and self.synced:
            # The kind itself is gone, and with it all objects.
            self.reset()
            self._changed()

    async def _follow(self, remote: RemoteCluster, outcome: Outcome, backoff: Backoff) -> None:
        """List where that is needed, then watch until the server ends it."""
        if not self._version:
            await self._list(remote)
        query = {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self._timings.watch_seconds()),
        }
        clock = asyncio.get_running_loop().time
        async with remote.watch(self._kind, self._namespace, query, silence=self._timings.silence) as events:
            outcome(None)
            good_from = clock() + self._timings.held
            async for event in events:
                self._take(event)
                backoff.reset()
                good_from = clock()
        if clock() < good_from:
            raise Unavailable(NO_ANSWER, "it ended a watch as soon as it had begun")

    async def _list(self, remote: RemoteCluster) -> None:
        found: dict[str, View] = {}
        version = ""
        async for page in remote.pages(self._kind, self._namespace, most=MAX_WATCHED_OBJECTS + 1):
            found.update((view.key, view) for view in map(self._parse, items(page)))
            version = str(metadata(page).get("resourceVersion") or "")
        _check_count(len(found))
        differs = not self.synced or found != self.objects
        self.objects, self._version, self.synced = found, version, True
        if differs:
            self._changed()

    def _take(self, event: Object) -> None:
        """Raises ApiError for an event that is an error, or not one at all."""
        kind, item = event.get("type"), event.get("object")
        if not isinstance(item, dict):
            raise Unavailable(200, "an event without an object")
        if kind == "ERROR":
            self._version = ""
            raise error_of(_code(item), str(item.get("message") or "the watch broke off"))
        self._version = str(metadata(item).get("resourceVersion") or self._version)
        if kind == "DELETED":
            self._drop(self._parse(item))
        elif kind in ("ADDED", "MODIFIED"):
            self._keep(self._parse(item))

    def _drop(self, view: View) -> None:
        if self.objects.pop(view.key, None) is not None:
            self._changed()

    def _keep(self, view: View) -> None:
        if self.objects.get(view.key) != view:
            self.objects[view.key] = view
            _check_count(len(self.objects))
            self._changed()


def _check_count(count: int) -> None:
    if count > MAX_WATCHED_OBJECTS:
        raise Unavailable(200, f"it has more than {MAX_WATCHED_OBJECTS} objects of a kind in one namespace")


def _code(status: dict[str, Any]) -> int:
    code = status.get("code")
    return code if isinstance(code, int) else 500
