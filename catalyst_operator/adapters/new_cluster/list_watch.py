"""A small list+watch of its own, for clusters far away, because watches from the shelf hang on dead links or storm.

It lists once, follows from there, and goes on from where it was after an interruption; what it cannot go on from is
listed again, and what is not in the new list is dropped. Objects are kept as views, never raw, and only so many. After
a flood of events it lists again too: what is there now is all that anybody wants to know.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Generic, Protocol, TypeVar

from catalyst_operator.adapters.kube import Kind, Object
from catalyst_operator.adapters.new_cluster.backoff import REFUSALS, Backoff
from catalyst_operator.adapters.new_cluster.intake import size
from catalyst_operator.adapters.new_cluster.limits import IntakeLimits, weight
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster, token
from catalyst_operator.adapters.new_cluster.timings import Timings
from catalyst_operator.adapters.new_cluster.transport import MAX_REFUSAL_WORDS, NO_ANSWER, error_of
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import ApiError, NotFound, TooMuch, Unavailable

log = logging.getLogger(__name__)

RESUMABLE = frozenset({NO_ANSWER, *REFUSALS, 429, 500, 502, 503})
"""After these the watch goes on from where it was. Any other says something about the version watched from, or about
an event that would come again; a 504 says that the server has not got that far, which is another server then."""


class Named(Protocol):
    """What is kept has a key of its own."""

    @property
    def namespace(self) -> str: ...

    @property
    def key(self) -> str: ...


View = TypeVar("View", bound=Named)
Use = Callable[[], AbstractAsyncContextManager[RemoteCluster]]
"""The connection that is good now."""
Outcome = Callable[[ApiError | None], None]
"""Is told each failure, and None when it works."""


class ListWatch(Generic[View]):
    """All objects of one kind, of one namespace or of all where that is empty. `changed` is called after whatever makes
    a difference."""

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
        self._kept = _Kept[View](IntakeLimits())
        self._too_much = False
        """Whether it was, and has not been in bounds for long enough since."""
        self.synced = False
        """Whether the list was read completely, so that what is not in it is not there."""

    @property
    def objects(self) -> dict[str, View]:
        """By their keys."""
        return self._kept.views

    def reset(self) -> None:
        """Believe nothing any more."""
        self._version, self.synced = "", False
        self._kept = _Kept(IntakeLimits())

    async def run(self, use: Use, outcome: Outcome) -> None:
        """Keep going until cancelled, whatever happens."""
        backoff, excess = Backoff(self._timings), Backoff(self._timings)
        while True:
            try:
                async with use() as remote:
                    await self._follow(remote, outcome, backoff)
            except TooMuch as error:
                self._version, self._too_much = "", True
                outcome(error)
                await self._timings.sleep(excess.after(error))
            except ApiError as error:
                self._failed(error)
                outcome(error)
                await self._timings.sleep(backoff.after(error))
            except Exception as error:
                # A defect in reading one cluster's answers must not end the watch of it for ever.
                log.exception("watch of %s", self._kind.plural)
                self._version = ""
                await self._timings.sleep(backoff.after(error))
            if not self._too_much:
                excess.reset()

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
        # The server was asked to end it. One that does not is left, and asked for another, as if it had.
        seconds = float(query["timeoutSeconds"]) + remote.limits.watch_grace_seconds
        async with remote.watch(self._kind, self._namespace, query, silence=self._timings.silence) as events:
            began = clock()
            if not self._too_much:
                outcome(None)
            good_from = began + self._timings.held
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    async for event in events:
                        self._take(event)
                        del event  # a large one is not kept while the next is awaited
                        backoff.reset()
                        good_from = clock()
                        self._is_calm(clock() - began, outcome)
        self._is_calm(clock() - began, outcome)
        if clock() < good_from:
            raise Unavailable(NO_ANSWER, "it ended a watch as soon as it had begun")

    def _is_calm(self, seconds: float, outcome: Outcome) -> None:
        """It has been in bounds for so long."""
        if self._too_much and seconds >= self._timings.calm:
            self._too_much = False
            outcome(None)

    async def _list(self, remote: RemoteCluster) -> None:
        found = _Kept[View](remote.limits)

        def take(items: list[Object]) -> None:
            for view in map(self._parse, items):
                if self._namespace in ("", view.namespace):
                    found.keep(view)

        version = await remote.each(self._kind, self._namespace, take)
        differs = not self.synced or found.views != self.objects
        self._kept, self._version, self.synced = found, version, True
        if differs:
            self._changed()

    def _take(self, event: Object) -> None:
        """Raises ApiError for an event that is an error, or not one at all; TooMuch for one object too many."""
        kind, item = event.get("type"), event.get("object")
        if not isinstance(item, dict):
            raise Unavailable(200, "an event without an object")
        if kind == "ERROR":
            self._version = ""
            raise error_of(_code(item), shorten(str(item.get("message") or "the watch broke off"), MAX_REFUSAL_WORDS))
        self._version = token(item, "resourceVersion") or self._version
        if kind in ("ADDED", "MODIFIED", "DELETED"):
            view = self._parse(item)
            if self._namespace in ("", view.namespace):
                self._changes(view, gone=kind == "DELETED")

    def _changes(self, view: View, *, gone: bool) -> None:
        before = self.objects.get(view.key)
        if gone:
            self._kept.drop(view.key)
        else:
            self._kept.keep(view)
        if before != self.objects.get(view.key):
            self._changed()


class _Kept(Generic[View]):
    """Views by their keys, as many as may be."""

    def __init__(self, limits: IntakeLimits) -> None:
        self.views: dict[str, View] = {}
        self._limits = limits
        self._weights: dict[str, int] = {}
        self._weight = 0

    def keep(self, view: View) -> None:
        """Raises TooMuch, and then has what it had."""
        heavy, before = weight(view), self._weights.get(view.key)
        if before is None and len(self.views) >= self._limits.list_objects:
            raise TooMuch(f"more than {self._limits.list_objects} objects of a kind in one namespace")
        if self._weight - (before or 0) + heavy > self._limits.kept_bytes:
            raise TooMuch(f"objects of a kind in one namespace that say more than {size(self._limits.kept_bytes)}")
        self.views[view.key], self._weights[view.key] = view, heavy
        self._weight += heavy - (before or 0)

    def drop(self, key: str) -> None:
        if self.views.pop(key, None) is not None:
            self._weight -= self._weights.pop(key)


def _code(status: dict[str, Any]) -> int:
    code = status.get("code")
    return code if isinstance(code, int) else 500
