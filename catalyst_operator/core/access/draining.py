"""Emptying nodes of a new cluster before their servers go: what of a node has to move, and what came of it.

The same rules as `kubectl drain` has: Pods of DaemonSets and static Pods stay, the others are evicted, which
PodDisruptionBudgets may put off.

Why: docs/explanation.md#servers-are-emptied-before-they-go
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalyst_operator.core.naming import digest_of

MOST_NAMED = 3
MIRROR = "kubernetes.io/config.mirror"
"""Annotation of a static Pod's image in the API: evicting it stops nothing."""
_OBJECT_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True)
class LeavingNode:
    """A node that is to be emptied, and no other of its name."""

    name: str
    uid: str


@dataclass(frozen=True)
class MovablePod:
    """A Pod that is evicted from its node."""

    namespace: str
    name: str
    uid: str
    going: bool
    """Whether it is being deleted already."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class DrainReport:
    """What one round came to: the Pods that are still there, and which of them must not be evicted at the moment."""

    key: str
    at: datetime
    left: int = 0
    pods: tuple[str, ...] = ()
    """Some of them, as `namespace/name`; those that are held first."""
    held: int = 0
    """How many must not be evicted at the moment."""
    why: str = ""
    """What the new cluster says of one of these, if that is not that a PodDisruptionBudget holds it."""
    trouble: str = ""
    """Why nothing could be done, as a clause."""
    lasting: bool = False
    """Whether trying again does not help: the rights are missing, as on a cluster that is older than them."""


def movable(raw: Any) -> MovablePod | None:
    """The Pod, as the API server returns it, if it has to move; None also for what has no usable name."""
    meta, status = _at(raw, "metadata"), _at(raw, "status")
    name, namespace, uid = (meta.get(key) for key in ("name", "namespace", "uid"))
    if not (_is_name(name) and _is_name(namespace) and isinstance(uid, str)):
        return None
    if MIRROR in _at(meta, "annotations") or _of_daemon_set(meta) or status.get("phase") in ("Succeeded", "Failed"):
        return None
    return MovablePod(str(namespace), str(name), uid[:128], bool(meta.get("deletionTimestamp")))


def of_a_budget(refusal: str) -> bool:
    """Whether the API server refuses an eviction for the sake of a PodDisruptionBudget, or of two for one Pod. It gives
    the statuses of both to other refusals, too."""
    said = refusal.lower()
    return "disruption budget" in said or "poddisruptionbudget" in said


def goes_with_its_namespace(refusal: str) -> bool:
    """Whether the Pod cannot be evicted because its namespace is being deleted, and the Pod with it."""
    return "because it is being terminated" in refusal.lower()


def key_of(nodes: Collection[LeavingNode], since: datetime) -> str:
    """Tells one drain from another."""
    return digest_of({"since": since.isoformat(), "nodes": {node.name: node.uid for node in nodes}})


def _of_daemon_set(meta: Mapping[str, Any]) -> bool:
    owners = meta.get("ownerReferences")
    first = owners[:16] if isinstance(owners, list) else ()
    return any(isinstance(o, Mapping) and o.get("kind") == "DaemonSet" and o.get("controller") is True for o in first)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _OBJECT_NAME.fullmatch(value) is not None


def _at(raw: Any, key: str) -> Mapping[str, Any]:
    found = raw.get(key) if isinstance(raw, Mapping) else None
    return found if isinstance(found, Mapping) else {}
