"""Keeps an eye on new clusters, one watched cluster for each Sovereign that asks for it.

What is known is a cache, never the truth: it can be lost at any time, as at a restart, and is then read again. Clusters
share nothing: one that does not answer costs the others nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from catalyst_operator.adapters.new_cluster.connections import Connections
from catalyst_operator.adapters.new_cluster.remote import AccessSource, Connect
from catalyst_operator.adapters.new_cluster.timings import Timings
from catalyst_operator.adapters.new_cluster.watched_cluster import Probe, WatchedCluster
from catalyst_operator.clock import Clock
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView

__all__ = ["AccessSource", "Clusters", "Timings"]


class Clusters:
    """Built once; `connect` and `probe` can be given by tests."""

    def __init__(self, connect: Connect, probe: Probe, clock: Clock, timings: Timings | None = None) -> None:
        self._connect = connect
        self._probe = probe
        self._clock = clock
        self._timings = timings or Timings()
        self._watched: dict[str, WatchedCluster] = {}
        self._leaving: dict[str, set[asyncio.Task[None]]] = {}

    def view(self, uid: str) -> ClusterView | None:
        """What is known, or None while nobody watches."""
        watched = self._watched.get(uid)
        return watched.view() if watched else None

    def watch(self, uid: str, target: Target, access: AccessSource, changed: Callable[[], None]) -> None:
        """Watch it; `changed` is called when something of the view does. Again is harmless: the newest pace, `access`
        and `changed` count. Another target is another watch, which knows nothing yet."""
        known = self._watched.get(uid)
        if known and replace(known.target, pace=target.pace) == target:
            known.take_over(target, access, changed)
            return
        if known:
            self._leave(uid, known)
        connections = Connections(self._connect, access, self._clock)
        made = WatchedCluster(target, connections, self._probe, changed, self._clock, self._timings)
        self._watched[uid] = made
        made.start(uid)

    def look_again(self, uid: str) -> None:
        """Survey it soon, or try soon to reach it."""
        watched = self._watched.get(uid)
        if watched:
            watched.wake.set()

    async def forget(self, uid: str) -> None:
        """Stop watching; no connection to it is open when this returns."""
        watched = self._watched.pop(uid, None)
        if watched:
            await watched.close()
        await asyncio.gather(*self._leaving.get(uid, ()))

    async def close(self) -> None:
        """Stop watching all."""
        await asyncio.gather(*(self.forget(uid) for uid in {*self._watched, *self._leaving}))

    def _leave(self, uid: str, watched: WatchedCluster) -> None:
        task = asyncio.create_task(watched.close(), name=f"leaving the cluster of {uid}")
        leaving = self._leaving.setdefault(uid, set())
        leaving.add(task)
        task.add_done_callback(lambda done: self._left(uid, done))

    def _left(self, uid: str, task: asyncio.Task[None]) -> None:
        self._leaving[uid].discard(task)
        if not self._leaving[uid]:
            del self._leaving[uid]
