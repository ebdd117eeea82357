"""Nodes of a new cluster whose servers are gone, and what came of removing them.

A server that is made again has the name and the private address of the one before it. k3s refuses both for as long as
the dead node is there: with it go its password (kube-system/<node>.node-password.k3s) and its membership in etcd.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.phase1.views import NodeView
from catalyst_operator.core.record import ErrorEntry


@dataclass(frozen=True)
class DeadNode:
    """A node that is to go, and no other of its name."""

    name: str
    uid: str


@dataclass(frozen=True)
class RemovalReport:
    """What the last attempt to remove dead nodes came to."""

    key: str
    at: datetime
    error: ErrorEntry | None = None


def still_there(dead: Mapping[str, str], nodes: Collection[NodeView]) -> tuple[DeadNode, ...]:
    """Those of the dead, node -> UID, that are among the nodes."""
    return tuple(DeadNode(node.name, node.uid) for node in nodes if node.uid and dead.get(node.name) == node.uid)


def key_of(nodes: Collection[DeadNode]) -> str:
    """Tells one removal from another."""
    return digest_of({node.name: node.uid for node in nodes})
