"""A small list+watch of its own, for clusters far away (FACTS: what is on the shelf hangs on dead links or storms).

It lists once, follows from there, and goes on from where it was after every interruption; only when the server does not
remember that far back it lists again. The objects are kept as views, never raw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from catalyst_operator.adapters.kube import Kind, Object
from catalyst_operator.adapters.remote import RemoteCluster, error_of
from catalyst_operator.errors import ApiError, Gone


class Named(Protocol):
    """What is kept has a key of its own."""

    @property
    def key(self) -> str: ...


View = TypeVar("View", bound=Named)
GONE_STATUSES = frozenset({410, 504})
"""504 in a watch: the version asked for is larger than the server's, which is another server then."""


class ListWatch(Generic[View]):
    """All objects of one kind in one namespace."""

    def __init__(self, kind: Kind, namespace: str, parse: Callable[[Object], View]) -> None:
        self._kind = kind
        self._namespace = namespace
        self._parse = parse
        self._version = ""
        self.objects: dict[str, View] = {}
        self.synced = False
        """Whether the list was read completely, so that what is not in it is not there."""

    def reset(self) -> None:
        """Believe nothing any more: it is another cluster."""
        self._version, self.synced = "", False
        self.objects.clear()

    def relist(self) -> None:
        """List again the next time; what is known stands until then."""
        self._version = ""

    async def follow(
        self, remote: RemoteCluster, changed: Callable[[], None], *, watch_seconds: int, silence: float
    ) -> None:
        """List where that is needed, then watch until the server ends it. `changed` is called after each change and
        after the list. Raises ApiError; Gone when the next call has to list."""
        if not self._version:
            await self._list(remote)
            changed()
        query = {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(watch_seconds),
        }
        try:
            async with remote.watch(self._kind, self._namespace, query, silence=silence) as events:
                async for event in events:
                    if self._take(event):
                        changed()
        except ApiError as error:
            if error.status in GONE_STATUSES:
                self.relist()
                raise Gone(error.status, str(error)) from error
            raise

    async def _list(self, remote: RemoteCluster) -> None:
        items, version = await remote.list(self._kind, self._namespace)
        views = [self._parse(item) for item in items]
        self.objects = {view.key: view for view in views}
        self._version, self.synced = version, True

    def _take(self, event: Object) -> bool:
        """Whether the event changed anything. Raises ApiError for an event that is an error."""
        kind, item = event.get("type"), event.get("object")
        if not isinstance(item, dict):
            raise error_of(500, "an event without an object")
        if kind == "ERROR":
            raise error_of(int(item.get("code") or 500), str(item.get("message") or "the watch broke off"))
        self._version = str((item.get("metadata") or {}).get("resourceVersion") or self._version)
        return kind != "BOOKMARK" and self._keep(kind, item)

    def _keep(self, kind: Any, item: Object) -> bool:
        view = self._parse(item)
        if kind == "DELETED":
            return self.objects.pop(view.key, None) is not None
        if self.objects.get(view.key) == view:
            return False
        self.objects[view.key] = view
        return True
