"""Stand-in for the node lifecycle controller of kube-controller-manager: a Node of which nothing is heard any more.

On a real server the kubelet renews a Lease, and 40 seconds after the last time the controller makes the Node's Ready
Unknown. Here nobody renews anything: the cloud tells which server has gone, and whoever comes up says so in the Node.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from e2e.lab.hcloud.boot.kubectl import STAND_IN, Kubectl, KubectlFailed
from e2e.lab.hcloud.boot.place import Place

GRACE_SECONDS = 10.0
RETRY_SECONDS = 1.0
SILENT = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
MESSAGE = "Kubelet stopped posting node status."


class WithApi(Protocol):
    """A control plane, as far as it is used here."""

    place: Place

    @property
    def cluster(self) -> str: ...


class NodeLifecycle:
    """Of all clusters. `apis` gives a project's control planes that have power, and None where it has no servers."""

    def __init__(self, grace_seconds: float, apis: Callable[[str], Iterable[WithApi] | None]) -> None:
        self._grace, self._apis = grace_seconds, apis
        self._waiting: set[asyncio.Task[None]] = set()

    def silent(self, project: str, node: str) -> None:
        """Nothing is heard of the node from now on, unless its server comes up again."""
        task = asyncio.create_task(self._wait(project, node, datetime.now(UTC)), name=f"silence of {node}")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        """Give up what is waited for."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def _wait(self, project: str, node: str, since: datetime) -> None:
        await asyncio.sleep(self._grace)
        while (apis := self._apis(project)) is not None:
            clusters = {api.cluster: api for api in apis}
            judged = [await _judged(api.place, node, since) for api in clusters.values()]
            if judged and all(judged):
                return
            await asyncio.sleep(RETRY_SECONDS)


async def _judged(place: Place, node: str, since: datetime) -> bool:
    """Whether the API server answered; the Node is then marked if it is the one that has gone."""
    kubectl = Kubectl(place)
    try:
        found = await kubectl("get", "node", node, "--ignore-not-found", "-o", "json")
        if found and _heard(json.loads(found)) < since:
            patch = json.dumps({"status": {"conditions": [_silent()]}})
            options = ("--subresource=status", f"--field-manager={STAND_IN}", "--type=strategic")
            await kubectl("patch", "node", node, *options, "-p", patch)
            place.say(f"node {node} is not Ready: {MESSAGE}")
    except KubectlFailed as failed:
        return "(NotFound)" in failed.said
    return True


def _heard(node: Any) -> datetime:
    """When the kubelet was last heard of; one that registers at this moment, just now."""
    told = (found["lastHeartbeatTime"] for found in node["status"].get("conditions", ()) if found["type"] == "Ready")
    return next(map(datetime.fromisoformat, told), datetime.now(UTC))


def _silent() -> dict[str, str]:
    return {**SILENT, "message": MESSAGE, "lastTransitionTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
