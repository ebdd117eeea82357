"""A look at what is not watched of a new cluster: nodes, Flux's Deployments and sources, and whatever is in trouble.

Each list is asked for by itself: one that is refused or not there leaves the others. Of large lists only what is in
trouble is kept, and only so much of it as anybody reads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from catalyst_operator.adapters.kube import Kind, Object
from catalyst_operator.adapters.remote import RemoteCluster
from catalyst_operator.core.phase1.flux import flux_object, source
from catalyst_operator.core.phase1.views import (
    FLUX_NAMESPACE,
    ClaimView,
    DeploymentView,
    EventView,
    FluxObject,
    NodeView,
    PodTroubleView,
    SourceView,
    StorageClassView,
    Survey,
)
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import ApiError, NotFound, Refused

NODES = Kind("v1", "nodes", namespaced=False)
NAMESPACES = Kind("v1", "namespaces", namespaced=False)
DEPLOYMENTS = Kind("apps/v1", "deployments")
STORAGE_CLASSES = Kind("storage.k8s.io/v1", "storageclasses", namespaced=False)
CLAIMS = Kind("v1", "persistentvolumeclaims")
PODS = Kind("v1", "pods")
EVENTS = Kind("v1", "events")
SOURCES = tuple(
    Kind("source.toolkit.fluxcd.io/v1", plural)
    for plural in ("gitrepositories", "helmrepositories", "helmcharts", "ocirepositories")
)
CERTIFICATES = (
    Kind("cert-manager.io/v1", "certificates"),
    Kind("acme.cert-manager.io/v1", "orders"),
    Kind("acme.cert-manager.io/v1", "challenges"),
)
KUBE_SYSTEM = "kube-system"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
RECENT = timedelta(minutes=30)
MAX_READ = 2000
"""Objects of one list that are looked at."""
MAX_KEPT = 50

T = TypeVar("T")


async def survey(remote: RemoteCluster, clock: Callable[[], datetime]) -> Survey:
    """Raises ApiError only where the API server cannot be asked at all."""
    uid = await _cluster_uid(remote)
    now = clock()
    # One after the other: a survey is in no hurry, and many clusters are surveyed at the same time.
    return Survey(
        at=now,
        cluster_uid=uid,
        nodes=await _read(_nodes(remote)) or (),
        deployments=await _read(_deployments(remote)),
        sources=await _read(_sources(remote)),
        storage_classes=await _read(_classes(remote)),
        claims=await _read(_claims(remote)),
        pods=await _read(_pods(remote)),
        events=await _read(_events(remote, now)),
        certificates=await _read(_certificates(remote)) or (),
    )


async def _cluster_uid(remote: RemoteCluster) -> str:
    try:
        return str((await remote.get(NAMESPACES, "", KUBE_SYSTEM))["metadata"]["uid"])
    except NotFound:
        # A cluster of a few seconds.
        return ""


async def _read(asked: Awaitable[tuple[T, ...]]) -> tuple[T, ...] | None:
    try:
        return await asked
    except (ApiError, KeyError, TypeError, ValueError, AttributeError):
        # An object that is not as documented says nothing; the next look may.
        return None


# --- what there is ----------------------------------------------------------------------------------------------------


async def _nodes(remote: RemoteCluster) -> tuple[NodeView, ...]:
    items, _ = await remote.list(NODES)
    return tuple(_node(item) for item in items)


def _node(raw: Object) -> NodeView:
    ready = _condition(raw, "Ready")
    good = ready.get("status") == "True"
    return NodeView(
        name=raw["metadata"]["name"],
        ready=good,
        message="" if good else shorten(str(ready.get("message") or ""), 200),
        since=_time(ready.get("lastTransitionTime")),
    )


async def _deployments(remote: RemoteCluster) -> tuple[DeploymentView, ...]:
    items, _ = await remote.list(DEPLOYMENTS, FLUX_NAMESPACE)
    return tuple(
        DeploymentView(item["metadata"]["name"], _condition(item, "Available").get("status") == "True")
        for item in items
    )


async def _sources(remote: RemoteCluster) -> tuple[SourceView, ...]:
    found: list[SourceView] = []
    for kind in SOURCES:
        try:
            items, _ = await remote.list(kind, FLUX_NAMESPACE, limit=MAX_READ)
        except (NotFound, Refused):
            continue
        found += map(source, items)
    return tuple(found)


async def _classes(remote: RemoteCluster) -> tuple[StorageClassView, ...]:
    items, _ = await remote.list(STORAGE_CLASSES)
    return tuple(StorageClassView(i["metadata"]["name"], _annotations(i).get(DEFAULT_CLASS) == "true") for i in items)


# --- what is in trouble -----------------------------------------------------------------------------------------------


async def _claims(remote: RemoteCluster) -> tuple[ClaimView, ...]:
    items, _ = await remote.list(CLAIMS, limit=MAX_READ)
    pending = (item for item in items if (item.get("status") or {}).get("phase") == "Pending")
    return _kept(
        ClaimView(
            namespace=item["metadata"]["namespace"],
            name=item["metadata"]["name"],
            storage_class=str(item["spec"].get("storageClassName") or ""),
            since=_time(item["metadata"].get("creationTimestamp")),
        )
        for item in pending
    )


async def _pods(remote: RemoteCluster) -> tuple[PodTroubleView, ...]:
    query = {"fieldSelector": "status.phase!=Succeeded"}
    items, _ = await remote.list(PODS, query=query, limit=MAX_READ)
    return _kept(trouble for item in items if (trouble := _trouble(item)))


def _trouble(raw: Object) -> PodTroubleView | None:
    """Why a Pod that should run does not: the kubelet's reason for a container, else the scheduler's."""
    status, meta = raw.get("status") or {}, raw["metadata"]
    waiting = (
        (c.get("state") or {}).get("waiting")
        for c in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    )
    found = next((w for w in waiting if w and w.get("reason") not in _NORMAL_WAITS), None)
    unscheduled = next((c for c in _conditions(raw) if c["type"] == "PodScheduled" and c["status"] == "False"), None)
    told = found or unscheduled or (status if status.get("phase") == "Failed" else None)
    if told is None:
        return None
    since = (unscheduled or {}).get("lastTransitionTime") or meta.get("creationTimestamp")
    return PodTroubleView(
        namespace=meta["namespace"],
        name=meta["name"],
        reason=str(told.get("reason") or status.get("phase") or ""),
        message=shorten(str(told.get("message") or "")),
        since=_time(since),
    )


_NORMAL_WAITS = frozenset({"", None, "PodInitializing", "ContainerCreating"})


async def _events(remote: RemoteCluster, now: datetime) -> tuple[EventView, ...]:
    items, _ = await remote.list(EVENTS, query={"fieldSelector": "type=Warning"}, limit=MAX_READ)
    views = sorted((_event(item) for item in items), key=lambda e: e.at or now, reverse=True)
    return _kept(view for view in views if view.at is None or now - view.at <= RECENT)


def _event(raw: Object) -> EventView:
    about = raw.get("involvedObject") or {}
    at = raw.get("lastTimestamp") or raw.get("eventTime") or raw["metadata"].get("creationTimestamp")
    return EventView(
        namespace=str(about.get("namespace") or ""),
        kind=str(about.get("kind") or ""),
        name=str(about.get("name") or ""),
        reason=str(raw.get("reason") or ""),
        message=shorten(str(raw.get("message") or "")),
        at=_time(at),
    )


async def _certificates(remote: RemoteCluster) -> tuple[FluxObject, ...]:
    found: list[FluxObject] = []
    for kind in CERTIFICATES:
        try:
            items, _ = await remote.list(kind, limit=MAX_READ)
        except (NotFound, Refused):
            continue
        found += (view for view in map(flux_object, items) if not view.ready)
    return tuple(found[:MAX_KEPT])


# --- reading ----------------------------------------------------------------------------------------------------------


def _kept(views: Iterable[T]) -> tuple[T, ...]:
    return tuple(view for view, _ in zip(views, range(MAX_KEPT), strict=False))


def _conditions(raw: Object) -> list[dict[str, Any]]:
    return list((raw.get("status") or {}).get("conditions") or ())


def _condition(raw: Object, type_: str) -> dict[str, Any]:
    return next((c for c in _conditions(raw) if c.get("type") == type_), {})


def _annotations(raw: Object) -> dict[str, str]:
    found: dict[str, str] = raw["metadata"].get("annotations") or {}
    return found


def _time(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
