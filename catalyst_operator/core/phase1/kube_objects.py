"""Kubernetes' own objects as the API server returns them, made into views: what is there, and what is in trouble.

As with Flux's objects nothing here raises: what an object does not say, or says in an unexpected form, is taken as not
said. Texts are cut and cleaned, since they end up in status.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from catalyst_operator.core.phase1.flux import YEARS
from catalyst_operator.core.phase1.views import (
    ClaimView,
    DeploymentView,
    EventView,
    NodeView,
    PodTroubleView,
    StorageClassView,
)
from catalyst_operator.core.redact import shorten

MAX_NAME = 253
MAX_REASON = 128
MAX_CONDITION = 300
MAX_ITEMS = 64
"""Of a list in an object: conditions, containers. Nothing has half as many."""
SLOW = timedelta(minutes=1)
"""How long a Pod may take to start, or be not ready, before that is trouble: most do for a while."""
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})

Object = Mapping[str, Any]


def uid(raw: Any) -> str:
    """The UID of any object."""
    return _text(_at(raw, "metadata"), "uid", MAX_REASON)


def node(raw: Any) -> NodeView:
    """A node, with what its kubelet says while it is not ready."""
    ready = _condition(raw, "Ready")
    good = ready.get("status") == "True"
    told = _text(ready, "message") or _text(ready, "reason") or "its kubelet has said nothing yet"
    since = _time(ready, "lastTransitionTime")
    return NodeView(
        _name(raw),
        good,
        "" if good else told,
        since,
        silent=ready.get("status") == "Unknown",
        uid=uid(raw),
        cordoned=_at(raw, "spec").get("unschedulable") is True,
    )


def deployment(raw: Any) -> DeploymentView:
    """A Deployment."""
    available = _condition(raw, "Available")
    return DeploymentView(_name(raw), available.get("status") == "True", _time(available, "lastTransitionTime"))


def storage_class(raw: Any) -> StorageClassView:
    """A StorageClass."""
    marks = _at(_at(raw, "metadata"), "annotations")
    return StorageClassView(_name(raw), any(marks.get(mark) == "true" for mark in _DEFAULT_CLASS))


# --- what is in trouble -----------------------------------------------------------------------------------------------


def unbound_claim(raw: Any) -> ClaimView | None:
    """A claim that waits for a volume. One that asks for no class at all waits for somebody to make one by hand."""
    spec, meta = _at(raw, "spec"), _at(raw, "metadata")
    if _text(_at(raw, "status"), "phase") == "Bound" or spec.get("storageClassName") == "" or _deleting(raw):
        return None
    since = _time(meta, "creationTimestamp")
    return ClaimView(_namespace(raw), _name(raw), _text(spec, "storageClassName", MAX_NAME), since)


def warning(raw: Any) -> EventView:
    """An event. `at` is when it was seen last."""
    about = _at(raw, "involvedObject")
    times = (
        _time(_at(raw, "series"), "lastObservedTime"),
        _time(raw, "lastTimestamp"),
        _time(raw, "eventTime"),
        _time(_at(raw, "metadata"), "creationTimestamp"),
    )
    return EventView(
        namespace=_text(about, "namespace", MAX_NAME),
        kind=_text(about, "kind", MAX_REASON),
        name=_text(about, "name", MAX_NAME),
        reason=_text(raw, "reason", MAX_REASON),
        message=_text(raw, "message"),
        at=next((time for time in times if time), None),
    )


def pod_trouble(raw: Any, now: datetime) -> PodTroubleView | None:
    """Why a Pod that should run does not, if that is so. One that ended, well or not, is not one that should run: who
    made it makes another."""
    if _text(_at(raw, "status"), "phase") in ("Succeeded", "Failed") or _deleting(raw):
        return None
    found = _unscheduled(raw) or next(_stopped(raw), None) or _slow(raw, now)
    if found is None:
        return None
    reason, message, since = found
    return PodTroubleView(_namespace(raw), _name(raw), reason, message, since)


_Trouble = tuple[str, str, datetime | None]
"""Reason, message and since when."""


def _unscheduled(raw: Any) -> _Trouble | None:
    """What the scheduler says."""
    scheduled = _condition(raw, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    reason = _text(scheduled, "reason", MAX_REASON) or "Unschedulable"
    return reason, _text(scheduled, "message"), _time(scheduled, "lastTransitionTime")


def _stopped(raw: Any) -> Iterator[_Trouble]:
    """What the kubelet says of containers that it cannot start, or that ended and should not."""
    for state, container in _containers(raw):
        waiting, terminated = _at(state, "waiting"), _at(state, "terminated")
        reason = _text(waiting, "reason", MAX_REASON)
        if reason and reason not in _STARTING:
            yield reason, _of_container(container, waiting), _unready_since(raw)
        elif terminated and terminated.get("exitCode") != 0:
            ended = _text(terminated, "reason", MAX_REASON) or "Error"
            yield ended, _of_container(container, {}), _unready_since(raw)


def _slow(raw: Any, now: datetime) -> _Trouble | None:
    """It has begun, but does not get on. `since` is when that began."""
    if not _condition(raw, "Ready"):
        return _not_taken_up(raw, now)
    ready, since = _condition(raw, "Ready"), _unready_since(raw)
    if ready.get("status") != "False" or since is None or now - since < SLOW:
        return None
    waiting = (_text(_at(state, "waiting"), "reason", MAX_REASON) for state, _ in _containers(raw))
    starting = next(filter(None, waiting), "")
    return starting or _text(ready, "reason", MAX_REASON) or "NotReady", _text(ready, "message"), since


def _not_taken_up(raw: Any, now: datetime) -> _Trouble | None:
    """It has a node, whose kubelet has not said a word of it."""
    scheduled = _condition(raw, "PodScheduled")
    since = _time(scheduled, "lastTransitionTime")
    if scheduled.get("status") != "True" or since is None or now - since < SLOW:
        return None
    where = _text(_at(raw, "spec"), "nodeName", MAX_NAME)
    return "NotTakenUp", f"the kubelet of node {where} says nothing of it", since


def _containers(raw: Any) -> Iterator[tuple[Object, Object]]:
    """State and status of each, in the order in which they start."""
    status = _at(raw, "status")
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in _items(status, field):
            yield _at(container, "state"), container


def _of_container(container: Object, waiting: Object) -> str:
    """What is known of it. How long the kubelet waits before it tries again changes each time and helps nobody."""
    last = _at(_at(container, "lastState"), "terminated") or _at(_at(container, "state"), "terminated")
    parts = [f"container {_text(container, 'name', MAX_NAME)}"]
    if last:
        parts.append(f"it ended with exit code {_number(last, 'exitCode')} ({_text(last, 'reason') or 'Error'})")
    said = _text(last, "message") or ("" if last else _text(waiting, "message"))
    return shorten(": ".join(part for part in (", ".join(parts), said) if part), MAX_CONDITION)


def _unready_since(raw: Any) -> datetime | None:
    ready = _time(_condition(raw, "Ready"), "lastTransitionTime")
    return ready or _time(_at(raw, "metadata"), "creationTimestamp")


# --- reading what may be anything -------------------------------------------------------------------------------------


def _name(raw: Any) -> str:
    return _text(_at(raw, "metadata"), "name", MAX_NAME)


def _namespace(raw: Any) -> str:
    return _text(_at(raw, "metadata"), "namespace", MAX_NAME)


def _deleting(raw: Any) -> bool:
    return bool(_at(raw, "metadata").get("deletionTimestamp"))


def _condition(raw: Any, type_: str) -> Object:
    return next((c for c in _items(_at(raw, "status"), "conditions") if c.get("type") == type_), {})


def _at(raw: Any, key: str) -> Object:
    found = raw.get(key) if isinstance(raw, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _items(raw: Object, key: str) -> tuple[Object, ...]:
    found = raw.get(key)
    return tuple(item for item in found[:MAX_ITEMS] if isinstance(item, Mapping)) if isinstance(found, list) else ()


def _text(raw: Any, key: str, limit: int = MAX_CONDITION) -> str:
    found = raw.get(key) if isinstance(raw, Mapping) else None
    return shorten(found, limit) if isinstance(found, str) else ""


def _number(raw: Object, key: str) -> int:
    found = raw.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _time(raw: Any, key: str) -> datetime | None:
    """None also for a time that is not of any cluster's life: with one near the end of all times none can be
    reckoned."""
    try:
        found = datetime.fromisoformat(_text(raw, key))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)) if found.year in YEARS else None
