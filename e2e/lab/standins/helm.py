"""helm-controller stand-in: takes HelmReleases to ready in dependency order, or lets them fail as faults ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from e2e.lab.standins import crossplane, release_status, rollback, storage
from e2e.lab.standins.controller import Controller
from e2e.lab.standins.events import warn
from e2e.lab.standins.faults import Fail, Faults, ReleaseFault
from e2e.lab.standins.kube import Kube
from e2e.lab.standins.objects import FINALIZER, Draft, Object, deleting, is_ready, trigger
from e2e.lab.standins.prerequisites import ValuesMissing, namespace_problem, referenced_values
from e2e.lab.standins.release import Release, Step, dependencies, deployed, failures, next_step, read, unmet
from e2e.lab.standins.repositories import chart_problem
from e2e.lab.standins.watching import Watched

log = logging.getLogger(__name__)

PATH = "/apis/helm.toolkit.fluxcd.io/v2/helmreleases"
RETRY_SECONDS = 1.0
"""Between a failure, its remediation and the next attempt. The real one is quicker at first and then ever slower."""
_LOOK_SECONDS = 5.0
"""How often a release that waits is looked at, whatever wakes it before: the real one's --requeue-dependency."""
_COMPONENT = "helm-controller"
_ARTIFACT = "GET http://source-controller.flux-system.svc.cluster.local./helmchart giving up after 10 attempt(s)"


class Helm:
    """Reconciles every HelmRelease of the cluster."""

    def __init__(self, kube: Kube, faults: Callable[[], Faults], flux_gone: Callable[[], None]) -> None:
        self._kube, self._faults, self._flux_gone = kube, faults, flux_gone
        self._watched = Watched(kube, PATH, self._changed)
        self._classes = Watched(kube, storage.STORAGE_CLASSES, self._classes_changed)
        self._controller = Controller(_COMPONENT, self._reconcile)
        self._volumes = storage.Volumes(kube)
        self._flapped: dict[str, int] = {}

    @property
    def loops(self) -> list[Any]:
        """What has to run for it to work."""
        return [self._watched.run(), self._classes.run(), self._controller.run()]

    @property
    def releases(self) -> dict[str, Object]:
        """All HelmReleases, by key."""
        return self._watched.objects

    def wake_all(self) -> None:
        """Look at every release: faults or StorageClasses have changed."""
        for key in self._watched.objects:
            self._controller.wake(key)

    def _classes_changed(self, _key: str, _old: Object | None, _new: Object | None) -> None:
        self.wake_all()

    def _changed(self, key: str, old: Object | None, new: Object | None) -> None:
        if new is not None and (old is None or trigger(old) != trigger(new)):
            self._controller.wake(key)
        if _seen_as(old) != _seen_as(new):
            for other, obj in self._watched.objects.items():
                if key in dependencies(obj):
                    self._controller.wake(other)

    async def _reconcile(self, key: str) -> float | None:
        await self._classes.synced.wait()
        obj = self._watched.objects.get(key)
        if obj is None:
            self._flapped.pop(key, None)
            return None
        if deleting(obj):
            await self._uninstall(obj)
            return None
        if FINALIZER not in obj["metadata"].get("finalizers", []):
            obj = await self._finalizers(obj, [*obj["metadata"].get("finalizers", []), FINALIZER])
        draft = Draft(obj)
        if obj["spec"].get("suspend"):
            draft.observed()
            await self._write(draft)
            return read(obj).interval
        return await self._advance(key, draft)

    async def _advance(self, key: str, draft: Draft) -> float:
        """Take the release one step on; the seconds until the next."""
        fault = self._faults().of(draft.obj["metadata"]["name"])
        if not release_status.running(draft) and await self._not_ready_yet(draft):
            return await self._write(draft, _LOOK_SECONDS)
        try:
            release = read(draft.obj, await referenced_values(self._kube, draft.obj))
        except ValuesMissing as error:
            release_status.values_missing(draft, str(error))
            return await self._write(draft, _LOOK_SECONDS)
        if fault.rollback and release.name == rollback.RELEASE:
            return await self._lose_flux(draft, release)
        if draft.status.get("lastAttemptedGeneration") != draft.generation:
            release_status.forget_failures(draft)
        step = next_step(release, draft.status, retries=_retries(release, draft, fault))
        if step is Step.STALL:
            return await self._stall(draft, release, fault)
        if step is Step.NONE:
            return await self._rest(key, draft, release, fault)
        return await self._run(draft, release, step, fault)

    async def _not_ready_yet(self, draft: Draft) -> bool:
        """Whether a dependency or the chart is missing, and says so."""
        if message := unmet(draft.obj, self._watched.objects):
            release_status.waiting(draft, message)
        elif message := await chart_problem(self._kube, draft.obj):
            release_status.source_not_ready(draft, message)
        return bool(message)

    async def _run(self, draft: Draft, release: Release, step: Step, fault: ReleaseFault) -> float:
        """One action of Helm, from its announcement to its end, or to where a fault holds it."""
        release_status.started(draft, release, step)
        await self._write(draft)
        if fault.hold or (step is Step.INSTALL and await self._waits_for_volume(release, fault)):
            return _LOOK_SECONDS
        if step in (Step.UNINSTALL, Step.ROLLBACK):
            release_status.remediated(draft, release, step)
            return await self._write(draft, RETRY_SECONDS)
        await asyncio.sleep(self._faults().install_seconds)
        problem = await self._problem(draft, release, fault)
        if problem is not None:
            message = release_status.failed(draft, release, step, problem)
            await warn(self._kube, draft.obj, f"{step.value.capitalize()}Failed", message, _COMPONENT)
            return await self._write(draft, RETRY_SECONDS)
        await crossplane.bring(self._kube, release.chart)
        release_status.succeeded(draft, release, step)
        return await self._write(draft, 0.0 if fault.flap or fault.degrade else release.interval)

    async def _problem(self, draft: Draft, release: Release, fault: ReleaseFault) -> str | None:
        """Why the action fails; None when it does not."""
        if fault.fail is Fail.ONCE and draft.status.get("failures", 0) == 0:
            return fault.message
        if fault.fail in (Fail.FOR_GOOD, Fail.RETRYING):
            return fault.message
        return await namespace_problem(self._kube, release)

    async def _waits_for_volume(self, release: Release, fault: ReleaseFault) -> bool:
        unserved = release.name in storage.WITH_VOLUMES and not storage.has_default(self._classes.objects.values())
        if not unserved and not fault.pvc_pending:
            await self._volumes.clear(release)
            return False
        if await namespace_problem(self._kube, release) is not None:
            return False
        await self._volumes.leave_pending(release, refused=fault.pvc_pending)
        return True

    async def _stall(self, draft: Draft, release: Release, fault: ReleaseFault) -> float:
        """Give up, unless what made it fail is gone: then begin anew, as a person would who repaired it."""
        if await self._problem(draft, release, fault) is None:
            release_status.forget_failures(draft)
            return await self._write(draft, 0.0)
        release_status.stalled(draft)
        return await self._write(draft, _LOOK_SECONDS)

    async def _rest(self, key: str, draft: Draft, release: Release, fault: ReleaseFault) -> float:
        """The release is as the spec wants it: ready, but for the faults of releases that are installed."""
        flap = fault.flap
        if flap is None:
            self._flapped.pop(key, None)
        half_turns = self._flapped.get(key, 0)
        if fault.degrade or (flap is not None and half_turns % 2 == 1):
            release_status.source_lost(draft, fault.message if fault.degrade else _ARTIFACT)
        else:
            release_status.in_sync(draft)
        if flap is None or half_turns >= 2 * flap.times:
            return await self._write(draft, release.interval)
        await self._write(draft)
        await asyncio.sleep(flap.seconds)
        self._flapped[key] = half_turns + 1
        return 0.0

    async def _lose_flux(self, draft: Draft, release: Release) -> float:
        """How a cluster was lost once: the failed release of Flux is rolled back, and the rollback deletes Flux."""
        step = Step.UPGRADE if deployed(draft.status) else Step.INSTALL
        release_status.started(draft, release, step)
        await self._write(draft)
        await asyncio.sleep(self._faults().install_seconds)
        release_status.failed(draft, release, step, rollback.MESSAGE)
        await self._write(draft)
        await rollback.delete_flux(self._kube)
        self._flux_gone()
        return _LOOK_SECONDS

    async def _uninstall(self, obj: Object) -> None:
        await self._volumes.clear(read(obj))
        if FINALIZER in obj["metadata"].get("finalizers", []):
            await self._finalizers(obj, [name for name in obj["metadata"]["finalizers"] if name != FINALIZER])

    async def _write(self, draft: Draft, wait: float = 0.0) -> float:
        """Store what changed of the status; returns `wait`."""
        if (patch := draft.patch) is not None:
            draft.obj = await self._kube.patch(f"{_path(draft.obj)}/status", {"status": patch})
            self._watched.put(draft.obj)
        return wait

    async def _finalizers(self, obj: Object, finalizers: list[str]) -> Object:
        version = obj["metadata"]["resourceVersion"]
        wish = {"metadata": {"resourceVersion": version, "finalizers": finalizers}}
        obj = await self._kube.patch(_path(obj), wish)
        if not deleting(obj):
            self._watched.put(obj)
        return obj


def _seen_as(obj: Object | None) -> bool | None:
    """What dependents see of a release: not there, not ready, ready."""
    return None if obj is None else is_ready(obj)


def _path(obj: Object) -> str:
    meta = obj["metadata"]
    return f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{meta['namespace']}/helmreleases/{meta['name']}"


def _retries(release: Release, draft: Draft, fault: ReleaseFault) -> int | None:
    """Faults that mean to be retried are, however few retries the spec has."""
    if fault.fail is Fail.RETRYING:
        return -1
    if fault.fail is Fail.ONCE:
        action = draft.status.get("lastAttemptedReleaseAction", "install")
        return max(1, release.retries(action), failures(draft.status, action))
    return None
