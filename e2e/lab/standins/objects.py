"""What the stand-ins read from any object, and the status they write while they work on one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]

FLUX_NAMESPACE = "flux-system"
FINALIZER = "finalizers.fluxcd.io"
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"

_FIRST = ("Stalled", "Reconciling", "Ready")
"""Flux sorts these before all other conditions."""


def key_of(obj: Mapping[str, Any]) -> str:
    """`namespace/name`; for an object without a namespace, its name."""
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else str(meta["name"])


def requested_at(obj: Mapping[str, Any]) -> str | None:
    """When a person asked for a reconciliation, as they wrote it."""
    value = obj["metadata"].get("annotations", {}).get(REQUESTED_AT)
    return None if value is None else str(value)


def deleting(obj: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def trigger(obj: Mapping[str, Any]) -> tuple[Any, ...]:
    """Changes when a controller has to look at the object: not with what it writes to the status itself."""
    meta = obj["metadata"]
    return meta.get("uid"), meta.get("generation"), requested_at(obj), deleting(obj)


def condition(obj: Mapping[str, Any], type_: str) -> Mapping[str, Any] | None:
    """The condition of that type."""
    found: list[Mapping[str, Any]] = obj.get("status", {}).get("conditions", [])
    return next((entry for entry in found if entry["type"] == type_), None)


def is_ready(obj: Mapping[str, Any]) -> bool:
    """As Flux sees a dependency: Ready, and nothing newer than what was observed."""
    found = condition(obj, "Ready")
    observed = obj.get("status", {}).get("observedGeneration")
    return found is not None and found["status"] == "True" and observed == obj["metadata"].get("generation")


def stamp(moment: datetime | None = None) -> str:
    """A time as Kubernetes writes it."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Draft:
    """The status of one object while a controller works on it; `patch` is what has to be written."""

    def __init__(self, obj: Object, now: str | None = None) -> None:
        self.obj = obj
        self.status: Object = copy.deepcopy(obj.get("status", {}))
        self.generation: int = obj["metadata"].get("generation", 1)
        self._now = now or stamp()

    def mark(self, type_: str, status: str, reason: str, message: str) -> None:
        """Set a condition. Its transition time moves with any change of status, reason or message, as Flux has it."""
        before = self.find(type_)
        entry = {"type": type_, "status": status, "reason": reason, "message": message}
        same = before is not None and all(before.get(name) == value for name, value in entry.items())
        moment = before["lastTransitionTime"] if before is not None and same else self._now
        self.clear(type_)
        self._conditions.append({**entry, "observedGeneration": self.generation, "lastTransitionTime": moment})
        self.status["conditions"] = sorted(self._conditions, key=_weight)

    def clear(self, *types: str) -> None:
        """Take conditions away."""
        self.status["conditions"] = [entry for entry in self._conditions if entry["type"] not in types]

    def find(self, type_: str) -> Object | None:
        """The condition of that type."""
        return next((entry for entry in self._conditions if entry["type"] == type_), None)

    def reconciling(self, reason: str, message: str) -> None:
        """Say that there is work under way, which ends a stall."""
        self.clear("Stalled")
        self.mark("Reconciling", "True", reason, message)

    def stalled(self, reason: str, message: str) -> None:
        """Say that nothing will happen until somebody changes something."""
        self.clear("Reconciling")
        self.mark("Stalled", "True", reason, message)

    def observed(self) -> None:
        """Say that the present generation was dealt with, and the present request."""
        self.status["observedGeneration"] = self.generation
        self.handled()

    def handled(self) -> None:
        """Say that the present request for a reconciliation was seen."""
        if (value := requested_at(self.obj)) is not None:
            self.status["lastHandledReconcileAt"] = value

    @property
    def patch(self) -> Object | None:
        """A merge patch from the status that is stored to this one; None when they are the same."""
        return difference(self.obj.get("status", {}), self.status) or None

    @property
    def _conditions(self) -> list[Object]:
        found: list[Object] = self.status.setdefault("conditions", [])
        return found


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Object:
    """The merge patch that makes `new` of `old`; lists are replaced whole."""
    patch: Object = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if inner := difference(before, value):
                patch[name] = inner
        elif value != before and not (name not in old and value == []):
            patch[name] = value
    return patch


def _weight(entry: Mapping[str, Any]) -> tuple[int, str]:
    type_ = entry["type"]
    return (_FIRST.index(type_) if type_ in _FIRST else len(_FIRST)), type_
