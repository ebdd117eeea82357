"""Empties nodes of a new cluster whose servers are to go, as the identity that may do that: one round at a time.

A round closes the nodes to new Pods and asks each Pod to move once; who calls again does so until nothing is left, or
its time is over. Evictions respect PodDisruptionBudgets: the API server does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from catalyst_operator.adapters.kube import PODS, Object
from catalyst_operator.adapters.new_cluster.remote import Connect, RemoteCluster
from catalyst_operator.adapters.new_cluster.survey import NODES
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER
from catalyst_operator.clock import Clock
from catalyst_operator.core.access.draining import (
    MOST_NAMED,
    DrainReport,
    LeavingNode,
    MovablePod,
    goes_with_its_namespace,
    movable,
    of_a_budget,
)
from catalyst_operator.core.access.identity import Access
from catalyst_operator.errors import ApiError, Conflict, NotFound, Refused, TooMuch, Unavailable

log = logging.getLogger(__name__)
MOST_EVICTIONS = 120
"""In one round; a node has 110 Pods at most, unless somebody set it otherwise."""
ROUND_SECONDS = 60.0
"""How long a round may take, whatever the cluster does with the time."""
Mint = Callable[[], Awaitable[Access]]


async def drain(connect: Connect, access: Mint, *, nodes: Iterable[LeavingNode], key: str, clock: Clock) -> DrainReport:
    """One round. What joined under a node's name meanwhile is left alone. Never raises ApiError."""

    async def act(remote: RemoteCluster) -> DrainReport:
        left: list[MovablePod] = []
        for node in nodes:
            if await _schedulable(remote, node, False):
                left += await _pods_of(remote, node)
        held = {pod: why for pod in left[:MOST_EVICTIONS] if not pod.going and (why := await _refused(remote, pod))}
        named = tuple(map(str, dict.fromkeys((*held, *left))))[:MOST_NAMED]
        others = (f"{pod}: {why}" for pod, why in held.items() if not of_a_budget(why))
        return DrainReport(key, clock(), len(left), named, len(held), why=next(others, ""))

    return await _reported(connect, access, act, key, clock)


async def reopen(
    connect: Connect, access: Mint, *, nodes: Iterable[LeavingNode], key: str, clock: Clock
) -> DrainReport:
    """Nodes take Pods again. Never raises ApiError."""

    async def act(remote: RemoteCluster) -> DrainReport:
        for node in nodes:
            if await _schedulable(remote, node, True):
                log.info("node %s takes Pods again: its server stays", node.name)
        return DrainReport(key, clock())

    return await _reported(connect, access, act, key, clock)


async def _reported(
    connect: Connect, access: Mint, act: Callable[[RemoteCluster], Awaitable[DrainReport]], key: str, clock: Clock
) -> DrainReport:
    try:
        async with asyncio.timeout(ROUND_SECONDS), connect(await access()) as remote:
            return await act(remote)
    except TimeoutError:
        return DrainReport(key, clock(), trouble="the new cluster answers too slowly")
    except Refused as error:
        return DrainReport(key, clock(), trouble=f"the new cluster does not let the operator: {error}", lasting=True)
    except ApiError as error:
        return DrainReport(key, clock(), trouble=str(error))


async def _schedulable(remote: RemoteCluster, node: LeavingNode, wanted: bool) -> bool:
    """Open or close this very node; False if it is gone."""
    operations: list[Object] = [
        {"op": "test", "path": "/metadata/uid", "value": node.uid},
        {"op": "add", "path": "/spec/unschedulable", "value": not wanted},
    ]
    try:
        await remote.patch(NODES, "", node.name, operations)
    except (NotFound, Conflict):
        return False
    except Refused as error:
        if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return False
    return True


async def _pods_of(remote: RemoteCluster, node: LeavingNode) -> list[MovablePod]:
    pods: list[MovablePod] = []

    def take(page: list[Object]) -> None:
        pods.extend(filter(None, map(movable, page)))

    await remote.each(PODS, "", take, query={"fieldSelector": f"spec.nodeName={node.name}"})
    return pods


async def _refused(remote: RemoteCluster, pod: MovablePod) -> str:
    """Why it may not move for now, in the cluster's words; empty if it moves."""
    try:
        await remote.evict(pod.namespace, pod.name, pod.uid)
    except (NotFound, Conflict):
        # It is gone, or another one by now.
        return ""
    except Refused as error:
        return "" if goes_with_its_namespace(str(error)) else _words(error)
    except Unavailable as error:
        if error.status == NO_ANSWER or isinstance(error, TooMuch):
            raise
        # 429 of a budget, or 500 of two for one Pod; but also of a server that is busy, or of a webhook that is away.
        return _words(error)
    return ""


def _words(error: ApiError) -> str:
    return str(error) or f"HTTP status {error.status}"
