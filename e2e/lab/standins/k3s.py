"""Stand-in for the controllers of k3s that clear up after a Node: its password, and its member of etcd.

As with k3s, a deleted Node stays until that is done, because of finalizers.
"""

from __future__ import annotations

import asyncio
import logging

from e2e.lab.etcd_gateway import EtcdFailed, Gateway
from e2e.lab.standins.kube import UNREACHABLE, ApiError, Kube
from e2e.lab.standins.objects import Object
from e2e.lab.standins.watching import Watched

log = logging.getLogger(__name__)

NODES = "/api/v1/nodes"
MEMBER_NAME = "etcd.k3s.cattle.io/node-name"
OURS = "wrangler.cattle.io/"
RETRY_SECONDS = 1.0


class K3s:
    """Follows the Nodes of a cluster."""

    def __init__(self, kube: Kube, etcd: Gateway) -> None:
        self._kube, self._etcd = kube, etcd
        self._nodes = Watched(kube, NODES, self._changed)
        self._deleted: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._nodes.run())
            tasks.create_task(self._work())

    def _changed(self, key: str, _old: Object | None, new: Object | None) -> None:
        if new is not None and "deletionTimestamp" in new["metadata"]:
            self._deleted.put_nowait(key)

    async def _work(self) -> None:
        while True:
            key = await self._deleted.get()
            node = self._nodes.objects.get(key)
            if node is None:
                continue
            try:
                await self._clear(node)
            except (ApiError, EtcdFailed, *UNREACHABLE) as error:
                log.info("node %s is tried again: %s", key, error)
                await asyncio.sleep(RETRY_SECONDS)
                self._deleted.put_nowait(key)

    async def _clear(self, node: Object) -> None:
        metadata = node["metadata"]
        kept = [entry for entry in metadata.get("finalizers") or [] if not entry.startswith(OURS)]
        if kept == (metadata.get("finalizers") or []):
            return
        name = metadata["name"]
        await self._kube.delete(f"/api/v1/namespaces/kube-system/secrets/{name}.node-password.k3s")
        member = (metadata.get("annotations") or {}).get(MEMBER_NAME)
        if member:
            await asyncio.to_thread(self._remove, member)
        await self._kube.patch(f"{NODES}/{name}", {"metadata": {"finalizers": kept or None}})
        log.info("node %s was cleared up after", name)

    def _remove(self, name: str) -> None:
        for member in self._etcd.members():
            if member.name == name:
                self._etcd.remove(member.number)
