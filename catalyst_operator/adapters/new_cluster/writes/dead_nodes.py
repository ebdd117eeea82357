"""Removes the nodes of a new cluster whose servers are gone, as the identity that may do that and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

from catalyst_operator.adapters.new_cluster.remote import Connect
from catalyst_operator.adapters.new_cluster.survey import NODES
from catalyst_operator.clock import Clock
from catalyst_operator.core.access.dead_nodes import DeadNode, RemovalReport
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.errors import codes
from catalyst_operator.errors import ApiError, Conflict, NotFound

log = logging.getLogger(__name__)


async def remove(
    connect: Connect,
    access: Callable[[], Awaitable[Access]],
    *,
    nodes: Iterable[DeadNode],
    key: str,
    clock: Clock,
) -> RemovalReport:
    """Each by its UID: what has joined under its name meanwhile stays. Never raises ApiError."""
    try:
        async with connect(await access()) as remote:
            for node in nodes:
                try:
                    await remote.delete(NODES, "", node.name, uid=node.uid)
                except Conflict:
                    continue
                log.info("node %s, whose server is gone, was removed", node.name)
    except NotFound:
        # A hand-off has removed the authorities.
        return RemovalReport(key, clock())
    except ApiError as error:
        told = f"A node whose server is gone could not be removed, so that the new server cannot join: {error}"
        return RemovalReport(key, clock(), codes.DEAD_NODE.entry(told))
    return RemovalReport(key, clock())
