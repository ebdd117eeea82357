"""A look at what is not watched of a new cluster: nodes, Flux's Deployments and sources, and whatever is in trouble.

Each list is asked for by itself, and one that is refused, broken or too long leaves the others. They are read page by
page, and only what somebody reads is kept, so that a huge cluster costs no more than a small one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from heapq import nlargest
from typing import TypeVar

from catalyst_operator.adapters.kube import Kind, Object
from catalyst_operator.adapters.new_cluster.intake import size
from catalyst_operator.adapters.new_cluster.limits import weight
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER
from catalyst_operator.clock import Clock
from catalyst_operator.core.phase1 import kube_objects
from catalyst_operator.core.phase1.flux import flux_object, source
from catalyst_operator.core.phase1.views import (
    FLUX_NAMESPACE,
    ClaimView,
    EventView,
    FluxObject,
    PodTroubleView,
    SourceView,
    Survey,
)
from catalyst_operator.errors import ApiError, NotFound, TooMuch, Unauthorized, Unavailable

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
_ELSEWHERE = {"fieldSelector": f"metadata.namespace!={FLUX_NAMESPACE}"}
RECENT = timedelta(minutes=30)
MAX_KEPT = 50
"""Objects in trouble of one kind that are kept: far more than anybody reads."""

T = TypeVar("T")


async def cluster_uid(remote: RemoteCluster) -> str:
    """UID of the namespace kube-system. Raises ApiError; Unavailable in the first seconds of a cluster."""
    try:
        return kube_objects.uid(await remote.get(NAMESPACES, "", KUBE_SYSTEM))
    except NotFound:
        raise Unavailable(503, "it has only just begun to start") from None


async def survey(remote: RemoteCluster, clock: Clock, *, kit_settled: bool = False) -> Survey:
    """One look. Raises ApiError where the API server does not answer, or does not answer the operator any more. Once
    the kit is settled nobody asks for the causes of trouble, and Pods, claims and events are left alone."""
    uid = await cluster_uid(remote)
    look = _Look(remote, clock())
    # One after the other, over one connection: a survey is in no hurry, and many clusters are surveyed at once.
    sources = await look.read(look.sources())
    elsewhere = None if kit_settled else await look.read(look.sources_elsewhere())
    return Survey(
        at=look.now,
        cluster_uid=uid,
        nodes=await look.read(look.all(kube_objects.node, NODES)),
        deployments=await look.read(look.all(kube_objects.deployment, DEPLOYMENTS, namespace=FLUX_NAMESPACE)),
        sources=None if sources is None else (*sources, *(elsewhere or ())),
        storage_classes=await look.read(look.all(kube_objects.storage_class, STORAGE_CLASSES)),
        claims=None if kit_settled else await look.read(look.claims()),
        pods=None if kit_settled else await look.read(look.pods()),
        events=None if kit_settled else await look.read(look.events()),
        certificates=await look.read(look.certificates()) or (),
        too_much=look.too_much,  # the last, once all were read
    )


class _Look:
    """At one cluster, at one time. What may be read and kept is counted over all of its lists."""

    def __init__(self, remote: RemoteCluster, now: datetime) -> None:
        self.now = now
        self.too_much = ""
        """The first thing that was."""
        self._remote = remote
        self._clock = asyncio.get_running_loop().time
        self._until = self._clock() + remote.limits.survey_seconds
        self._from = remote.read_bytes
        self._weight = 0

    async def read(self, asked: Awaitable[tuple[T, ...]]) -> tuple[T, ...] | None:
        """None where this list cannot be read. No answer at all is another matter: there would be none to the
        others."""
        before = self._weight
        try:
            return await asked
        except TooMuch as error:
            self._weight = before
            self.too_much = self.too_much or str(error)
        except ApiError as error:
            if error.status == NO_ANSWER or isinstance(error, Unauthorized):
                raise
        return None

    async def all(self, parse: Callable[[Object], T], *kinds: Kind, namespace: str = "") -> tuple[T, ...]:
        """All objects of the first of `kinds` that is served; none where none is."""
        for kind in kinds:
            with suppress(NotFound):
                return await self._whole(parse, kind, namespace)
        return ()

    async def _whole(self, parse: Callable[[Object], T], kind: Kind, namespace: str) -> tuple[T, ...]:
        found: list[T] = []
        await self._each(kind, lambda item: self._keep(found, parse(item)), namespace)
        return tuple(found)

    async def sources(self) -> tuple[SourceView, ...]:
        """Of Flux."""
        found = [await self.all(source, *kinds, namespace=FLUX_NAMESPACE) for kinds in SOURCES]
        return tuple(view for views in found for view in views)

    # --- what is in trouble: enough of it, not all --------------------------------------------------------------------

    async def sources_elsewhere(self) -> tuple[SourceView, ...]:
        """Those of other namespaces that are not as they should be: a chart may come from anywhere."""
        found: list[SourceView] = []
        for kinds in SOURCES:
            for kind in kinds:
                with suppress(NotFound):
                    found += await self._some(_bad_source_elsewhere, kind, _ELSEWHERE)
                    break
        return tuple(found)

    async def claims(self) -> tuple[ClaimView, ...]:
        """Claims without a volume."""
        return await self._some(kube_objects.unbound_claim, CLAIMS)

    async def pods(self) -> tuple[PodTroubleView, ...]:
        """Pods that should run and do not."""
        running = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
        return await self._some(lambda item: kube_objects.pod_trouble(item, self.now), PODS, running)

    async def events(self) -> tuple[EventView, ...]:
        """The newest warnings of the last half hour, the oldest of them first."""
        newest: list[tuple[datetime, EventView]] = []

        def take(item: Object) -> None:
            view = kube_objects.warning(item)
            at = view.at or self.now
            if self.now - at <= RECENT:
                newest.append((at, view))
            if len(newest) >= 2 * MAX_KEPT:
                newest[:] = nlargest(MAX_KEPT, newest, key=_at)

        await self._each(EVENTS, take, query={"fieldSelector": "type=Warning"}, whole=False)
        found = tuple(view for _, view in reversed(nlargest(MAX_KEPT, newest, key=_at)))
        for view in found:
            self._keep([], view)
        return found

    async def certificates(self) -> tuple[FluxObject, ...]:
        """Those that are not ready, and what was asked for their sake. Of a certificate that is there, old attempts
        that failed tell nothing."""
        bad: list[FluxObject] = []
        with suppress(NotFound):
            bad += await self._some(lambda item: _bad(flux_object(item)), CERTIFICATES)
        spaces = {view.namespace for view in bad}
        for kind in FOR_CERTIFICATES if bad else ():
            with suppress(NotFound):
                bad += await self._some(lambda item: _bad(flux_object(item), spaces), kind)
        return tuple(bad[:MAX_KEPT])

    async def _some(
        self, parse: Callable[[Object], T | None], kind: Kind, query: Mapping[str, str] | None = None
    ) -> tuple[T, ...]:
        """The first of those that `parse` makes something of. Raises NotFound where the kind is not served."""
        found: list[T] = []

        def take(item: Object) -> None:
            view = parse(item) if len(found) < MAX_KEPT else None
            if view is not None:
                self._keep(found, view)

        await self._each(kind, take, query=query, whole=False)
        return tuple(found)

    # --- within the limits --------------------------------------------------------------------------------------------

    async def _each(
        self,
        kind: Kind,
        take: Callable[[Object], None],
        namespace: str = "",
        *,
        query: Mapping[str, str] | None = None,
        whole: bool = True,
    ) -> None:
        limits = self._remote.limits

        def page(items: list[Object]) -> None:
            if self._remote.read_bytes - self._from > limits.survey_bytes:
                raise TooMuch(f"lists of more than {size(limits.survey_bytes)} together")
            if self._clock() > self._until:
                raise TooMuch(f"lists that take more than {limits.survey_seconds:g} s together")
            for item in items:
                take(item)

        await self._remote.each(kind, namespace, page, query=query, whole=whole)

    def _keep(self, found: list[T], view: T) -> None:
        self._weight += weight(view)
        if self._weight > self._remote.limits.kept_bytes:
            raise TooMuch(f"objects that say more than {size(self._remote.limits.kept_bytes)}")
        found.append(view)


def _at(pair: tuple[datetime, EventView]) -> datetime:
    return pair[0]


def _bad_source_elsewhere(item: Object) -> SourceView | None:
    view = source(item)
    return None if view.ready or view.namespace == FLUX_NAMESPACE else view


def _bad(view: FluxObject, spaces: Container[str] | None = None) -> FluxObject | None:
    """One that is not ready, in one of these namespaces."""
    return view if (spaces is None or view.namespace in spaces) and not _is_good(view) else None


def _is_good(view: FluxObject) -> bool:
    """Not all of cert-manager's conditions tell of which generation they speak."""
    ready = view.condition("Ready")
    return ready is not None and ready.status == "True"
