"""Run namespaces whose Sovereign is gone, and the marks on owners' namespaces: what no pass for one Sovereign sees.

A Sovereign goes without the operator's leave when somebody takes its finalizer off: its servers, keys and domain stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.scalars import format_time
from catalyst_operator.core.naming import digest_of

Raw = Mapping[str, Any]
Marks = dict[str, str | None]
"""Annotations of an owner's namespace by name, None where there is to be none."""
REASON = "OrphanedRunNamespace"


@dataclass(frozen=True)
class Orphan:
    """A run namespace whose Sovereign does not exist any more."""

    name: str
    uid: str
    namespace: str
    """Where its Sovereign was."""
    sovereign: str
    sovereign_uid: str
    going: bool = False
    """Whether somebody deleted it: an administrator who made sure that nothing is left."""

    @property
    def message(self) -> str:
        """For people: what it is, why that matters, what to do."""
        return (
            f"Sovereign {self.namespace}/{self.sovereign} is gone, but its run namespace {self.name} is not, because "
            "the Sovereign's finalizer was taken off by hand. Its servers may still run and cost money, and their "
            f"state and token are here. What is left in the Hetzner project has the label "
            f"{labels.LABEL_SOVEREIGN_UID}={self.sovereign_uid}. How to end this: docs/runbook.md, chapter Orphaned "
            "run namespaces."
        )


def find(namespaces: Iterable[Raw], sovereigns: Iterable[Raw]) -> tuple[Orphan, ...]:
    """The orphans among all namespaces. The Sovereigns have to be read after the namespaces, or new ones look gone."""
    alive = {_meta(raw)["uid"] for raw in sovereigns}
    runs = (_meta(raw) for raw in namespaces if _labels(raw).get(labels.LABEL_ROLE) == labels.ROLE_RUN)
    return tuple(_orphan(meta) for meta in runs if not alive & _holders(meta))


def keys_of_nobody(keys: Iterable[Raw], namespaces: Iterable[Raw], sovereigns: Iterable[Raw]) -> tuple[str, ...]:
    """The names of those Secrets beside the operator whose Sovereign is gone, and its run namespace, too: as long as
    that is there, somebody may still need them to end it. `keys` have to be read first and Sovereigns last, or those
    of new ones look like nobody's."""
    runs = (raw for raw in namespaces if _labels(raw).get(labels.LABEL_ROLE) == labels.ROLE_RUN)
    alive = {_meta(raw)["uid"] for raw in sovereigns} | {_labels(raw).get(labels.LABEL_SOVEREIGN_UID) for raw in runs}
    return tuple(_meta(raw)["name"] for raw in keys if _labels(raw).get(labels.LABEL_SOVEREIGN_UID) not in alive)


def wrong_marks(namespaces: Iterable[Raw], sovereigns: Iterable[Raw]) -> Iterator[tuple[Raw, Marks]]:
    """The namespaces whose annotations do not say which Sovereigns they hold, each with what to change of them: what
    they should be, None for one to remove. `sovereigns` are all there are, read after the namespaces."""
    # Once through each of both: all against all would hold up everything else for seconds where there are thousands.
    held: dict[str, list[Raw]] = defaultdict(list)
    for raw in sovereigns:
        meta = _meta(raw)
        held[meta["namespace"]].append(meta)
    for namespace in namespaces:
        if changes := _marks_to_change(namespace, held.get(_meta(namespace)["name"], ())):
            yield namespace, changes


def _marks_to_change(namespace: Raw, here: Iterable[Raw]) -> Marks:
    """`here` is the metadata of the Sovereigns in it."""
    annotations = _meta(namespace).get("annotations") or {}
    held = {name: value for name, value in annotations.items() if name.startswith(labels.MARK_PREFIX)}
    # One that is about to be held is marked already, and one that is about to go is not any more.
    there = {mark(meta["name"]): meta["uid"] for meta in here}
    stale: Marks = {name: None for name, uid in held.items() if there.get(name) != uid}
    return {**stale, **{mark(meta["name"]): meta["uid"] for meta in here if _lacks_mark(meta, held)}}


def mark(sovereign: str) -> str:
    """The annotation of its owner's namespace that stands for a Sovereign."""
    return f"{labels.MARK_PREFIX}{sovereign}"


def _lacks_mark(meta: Raw, held: Mapping[str, str]) -> bool:
    stays = labels.FINALIZER_SOVEREIGN in (meta.get("finalizers") or ()) and "deletionTimestamp" not in meta
    return stays and held.get(mark(meta["name"])) != meta["uid"]


def event(orphan: Orphan, now: datetime) -> dict[str, Any]:
    """A warning about the namespace; always the same one, so that it is there once. What has no namespace of its own is
    told in the default one."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{orphan.name}.{digest_of([orphan.uid, REASON])[:16]}", "namespace": "default"},
        "involvedObject": {"apiVersion": "v1", "kind": "Namespace", "name": orphan.name, "uid": orphan.uid},
        "type": "Warning",
        "reason": REASON,
        "message": orphan.message,
        "source": {"component": labels.OPERATOR_NAME},
        "reportingComponent": labels.OPERATOR_NAME,
        "firstTimestamp": format_time(now),
        "lastTimestamp": format_time(now),
        "count": 1,
    }


def _holders(meta: Raw) -> set[str]:
    """UIDs of the objects that a run namespace is, or was, there for."""
    held_by = (meta.get("annotations") or {}).get(labels.ANNOTATION_HELD_BY, "")
    return {meta["labels"].get(labels.LABEL_SOVEREIGN_UID, ""), held_by}


def _orphan(meta: Raw) -> Orphan:
    held = meta["labels"]
    return Orphan(
        name=meta["name"],
        uid=meta["uid"],
        namespace=held.get(labels.LABEL_SOVEREIGN_NAMESPACE, ""),
        sovereign=held.get(labels.LABEL_SOVEREIGN, ""),
        sovereign_uid=held.get(labels.LABEL_SOVEREIGN_UID, ""),
        going="deletionTimestamp" in meta,
    )


def _meta(raw: Raw) -> Raw:
    found: Raw = raw["metadata"]
    return found


def _labels(raw: Raw) -> Raw:
    return _meta(raw).get("labels") or {}
