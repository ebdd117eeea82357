"""The look at all run namespaces and Sovereigns together: what no pass for one Sovereign can see.

Orphaned run namespaces are told: a metric, a warning event on the namespace, a line in the log. One that an
administrator deleted is let go; once it is gone, so are its Sovereign's keys beside the operator. And the marks on
owners' namespaces are made to say what is.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.api import labels
from catalyst_operator.clock import Clock
from catalyst_operator.core import naming, orphans
from catalyst_operator.core.orphans import Orphan
from catalyst_operator.errors import ApiError, Conflict, NotFound
from catalyst_operator.metrics import Metrics

log = logging.getLogger(__name__)
INTERVAL = timedelta(minutes=10)
ALL = "all run namespaces"
"""The one key of its work queue."""


class RunNamespaces:
    """Looks at everything once; the work queue sees to it that this is done from time to time, and once at a time."""

    def __init__(self, client: Kube, home: str, metrics: Metrics, clock: Clock) -> None:
        self._kube = client
        self._home = home
        """The operator's own namespace."""
        self._metrics = metrics
        self._clock = clock
        self._told: set[str] = set()
        """UIDs of orphaned namespaces that are in the log."""

    async def reconcile(self, _: str = ALL) -> timedelta:
        """Returns when to look again. Raises ApiError."""
        keys = await self._kube.list_metadata(
            kube.SECRETS, self._home, selector=f"{labels.LABEL_ROLE}={labels.ROLE_KEYS}"
        )
        namespaces = await self._kube.list_metadata(kube.NAMESPACES)
        sovereigns = await self._kube.list_metadata(kube.SOVEREIGNS)
        found = orphans.find(namespaces, sovereigns)
        self._metrics.orphaned(found)
        for orphan in found:
            await self._tell(orphan)
            await self._let_go(orphan)
        for name in orphans.keys_of_nobody(keys, namespaces, sovereigns):
            log.info("Secret %s/%s is removed: its Sovereign and its run namespace are gone.", self._home, name)
            await self._kube.delete(kube.SECRETS, self._home, name)
        for namespace, changes in orphans.wrong_marks(namespaces, sovereigns):
            await self._mark(namespace, changes)
        return INTERVAL

    async def _tell(self, orphan: Orphan) -> None:
        if orphan.uid not in self._told:
            self._told.add(orphan.uid)
            log.warning("%s", orphan.message)
        if orphan.going:
            return
        try:
            await self._kube.create_once(orphans.event(orphan, self._clock()))
        except ApiError as error:
            # An event is a courtesy: metric and log have said it already.
            log.warning("event about %s not written: %s", orphan.name, error)

    async def _let_go(self, orphan: Orphan) -> None:
        """The evidence of its runs is nobody's any more. The record, which keeps the namespace, goes when that does; in
        a namespace that goes, the rights to do this may be gone before."""
        try:
            for pod in await self._kube.list(kube.PODS, orphan.name, selector=labels.LABEL_SOVEREIGN_UID):
                await self._without(kube.PODS, pod, labels.FINALIZER_OBSERVED)
        except ApiError as error:
            if not orphan.going:
                raise
            log.info("%s: its Pods cannot be let go: %s", orphan.name, error)
        if orphan.going:
            patch: Object = {"metadata": {"finalizers": None}}
            try:
                await self._kube.merge(kube.CONFIG_MAPS, orphan.name, naming.RECORD, patch)
            except NotFound:
                return

    async def _without(self, kind: kube.Kind, raw: Object, finalizer: str) -> None:
        meta = raw["metadata"]
        held = meta.get("finalizers") or []
        if finalizer not in held:
            return
        rest = [name for name in held if name != finalizer]
        patch: Object = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": rest}}
        await self._kube.merge(kind, meta["namespace"], meta["name"], patch)

    async def _mark(self, namespace: orphans.Raw, changes: orphans.Marks) -> None:
        meta = namespace["metadata"]
        patch: Object = {"metadata": {"resourceVersion": meta["resourceVersion"], "annotations": changes}}
        try:
            await self._kube.merge(kube.NAMESPACES, "", meta["name"], patch)
        except (Conflict, NotFound) as error:
            log.info("%s changed while its marks were to be; the next look sees to it: %s", meta["name"], error)
