"""A look at what is not watched of a new cluster: nodes, Flux's Deployments and sources, and whatever is in trouble.

Each list is asked for by itself, and one that is refused or broken leaves the others. They are read page by page, and
only what somebody reads is kept, so that a huge cluster costs no more than a small one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from heapq import nlargest
from typing import TypeVar

from catalyst_operator.adapters.kube import Kind, Object
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster, items
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER
from catalyst_operator.core.phase1 import kube_objects
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
from catalyst_operator.errors import ApiError, NotFound, Unauthorized, Unavailable

NAMESPACES = Kind("v1", "namespaces", namespaced=False)
NODES = Kind("v1", "nodes", namespaced=False)
DEPLOYMENTS = Kind("apps/v1", "deployments")
STORAGE_CLASSES = Kind("storage.k8s.io/v1", "storageclasses", namespaced=False)
CLAIMS = Kind("v1", "persistentvolumeclaims")
PODS = Kind("v1", "pods")
EVENTS = Kind("v1", "events")
SOURCES: tuple[tuple[Kind, ...], ...] = (
    (Kind("source.toolkit.fluxcd.io/v1", "gitrepositories"),),
    (Kind("source.toolkit.fluxcd.io/v1", "helmrepositories"),),
    (Kind("source.toolkit.fluxcd.io/v1", "helmcharts"),),
    # Before Flux 2.6 there was only a beta of it.
    (
        Kind("source.toolkit.fluxcd.io/v1", "ocirepositories"),
        Kind("source.toolkit.fluxcd.io/v1beta2", "ocirepositories"),
    ),
)
CERTIFICATES = Kind("cert-manager.io/v1", "certificates")
FOR_CERTIFICATES = (
    Kind("cert-manager.io/v1", "certificaterequests"),
    Kind("acme.cert-manager.io/v1", "orders"),
    Kind("acme.cert-manager.io/v1", "challenges"),
)
KUBE_SYSTEM = "kube-system"
RECENT = timedelta(minutes=30)
MAX_READ = 2000
"""Objects of one list that are looked at."""
MAX_KEPT = 50
"""Objects in trouble of one kind that are kept: far more than anybody reads."""

T = TypeVar("T")


async def cluster_uid(remote: RemoteCluster) -> str:
    """UID of the namespace kube-system. Raises ApiError; Unavailable in the first seconds of a cluster."""
    try:
        return kube_objects.uid(await remote.get(NAMESPACES, "", KUBE_SYSTEM))
    except NotFound:
        raise Unavailable(503, "it has only just begun to start") from None


async def survey(remote: RemoteCluster, clock: Callable[[], datetime], *, kit_settled: bool = False) -> Survey:
    """One look. Raises ApiError where the API server does not answer, or does not answer the operator any more. Once
    the kit is settled nobody asks for the causes of trouble, and Pods, claims and events are left alone."""
    uid = await cluster_uid(remote)
    now = clock()
    # One after the other, over one connection: a survey is in no hurry, and many clusters are surveyed at once.
    return Survey(
        at=now,
        cluster_uid=uid,
        nodes=await _read(_nodes(remote)),
        deployments=await _read(_deployments(remote)),
        sources=await _read(_sources(remote)),
        storage_classes=await _read(_classes(remote)),
        claims=None if kit_settled else await _read(_claims(remote)),
        pods=None if kit_settled else await _read(_pods(remote, now)),
        events=None if kit_settled else await _read(_events(remote, now)),
        certificates=await _read(_certificates(remote)) or (),
    )


async def _read(asked: Awaitable[tuple[T, ...]]) -> tuple[T, ...] | None:
    """None where this list cannot be read. No answer at all is another matter: there would be none to the others."""
    try:
        return await asked
    except ApiError as error:
        if error.status == NO_ANSWER or isinstance(error, Unauthorized):
            raise
        return None


async def _each(
    remote: RemoteCluster, kind: Kind, namespace: str = "", query: Mapping[str, str] | None = None
) -> AsyncIterator[Object]:
    async for page in remote.pages(kind, namespace, query=query, most=MAX_READ):
        for item in items(page):
            yield item


# --- what there is ----------------------------------------------------------------------------------------------------


async def _nodes(remote: RemoteCluster) -> tuple[NodeView, ...]:
    return tuple([kube_objects.node(item) async for item in _each(remote, NODES)])


async def _deployments(remote: RemoteCluster) -> tuple[DeploymentView, ...]:
    return tuple([kube_objects.deployment(item) async for item in _each(remote, DEPLOYMENTS, FLUX_NAMESPACE)])


async def _classes(remote: RemoteCluster) -> tuple[StorageClassView, ...]:
    return tuple([kube_objects.storage_class(item) async for item in _each(remote, STORAGE_CLASSES)])


async def _sources(remote: RemoteCluster) -> tuple[SourceView, ...]:
    """Those of flux-system, and of others what is not as it should be: a chart may come from anywhere."""
    found: list[SourceView] = []
    elsewhere: list[SourceView] = []
    for kinds in SOURCES:
        for view in await _all(remote, kinds, source):
            if view.namespace == FLUX_NAMESPACE:
                found.append(view)
            elif not view.ready and len(elsewhere) < MAX_KEPT:
                elsewhere.append(view)
    return (*found, *elsewhere)


async def _all(
    remote: RemoteCluster, kinds: tuple[Kind, ...], parse: Callable[[Object], T], namespace: str = ""
) -> list[T]:
    """All objects of the first of `kinds` that is served; none where none is."""
    for kind in kinds:
        try:
            return [parse(item) async for item in _each(remote, kind, namespace)]
        except NotFound:
            continue
    return []


# --- what is in trouble -----------------------------------------------------------------------------------------------


async def _claims(remote: RemoteCluster) -> tuple[ClaimView, ...]:
    found = [view async for item in _each(remote, CLAIMS) if (view := kube_objects.unbound_claim(item))]
    return tuple(found[:MAX_KEPT])


async def _pods(remote: RemoteCluster, now: datetime) -> tuple[PodTroubleView, ...]:
    running = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
    pods = _each(remote, PODS, query=running)
    found = [view async for item in pods if (view := kube_objects.pod_trouble(item, now))]
    return tuple(found[:MAX_KEPT])


async def _events(remote: RemoteCluster, now: datetime) -> tuple[EventView, ...]:
    """The newest of the last half hour, the oldest of them first."""
    events = _each(remote, EVENTS, query={"fieldSelector": "type=Warning"})
    views = [(view.at or now, view) async for item in events if (view := kube_objects.warning(item))]
    recent = ((at, view) for at, view in views if now - at <= RECENT)
    newest = nlargest(MAX_KEPT, recent, key=lambda pair: pair[0])
    return tuple(view for _, view in reversed(newest))


async def _certificates(remote: RemoteCluster) -> tuple[FluxObject, ...]:
    """Those that are not ready, and what was asked for their sake. Of a certificate that is there, old attempts that
    failed tell nothing."""
    bad = [view for view in await _all(remote, (CERTIFICATES,), flux_object) if not _is_good(view)]
    if not bad:
        return ()
    spaces = {view.namespace for view in bad}
    for kind in FOR_CERTIFICATES:
        views = await _all(remote, (kind,), flux_object)
        bad += [view for view in views if view.namespace in spaces and not _is_good(view)]
    return tuple(bad[:MAX_KEPT])


def _is_good(view: FluxObject) -> bool:
    """Not all of cert-manager's conditions tell of which generation they speak."""
    ready = view.condition("Ready")
    return ready is not None and ready.status == "True"
