"""source-controller stand-in: HelmRepositories, and the charts that releases take from them.

There is no registry and no index in the lab, so every chart is there. What is looked at is the Secret with credentials:
without it, neither repository nor chart is ready. A repository of type oci has no status; the real one gives it none.
"""

from __future__ import annotations

from typing import Any

from e2e.lab.standins import source_status
from e2e.lab.standins.controller import Controller
from e2e.lab.standins.durations import parse
from e2e.lab.standins.events import warn
from e2e.lab.standins.kube import Kube
from e2e.lab.standins.objects import Draft, Object, deleting, trigger
from e2e.lab.standins.watching import Watched

PATH = "/apis/source.toolkit.fluxcd.io/v1/helmrepositories"
POLL_SECONDS = 3.0
"""At most so long until a Secret is seen, as with a push to a GitRepository."""
_COMPONENT = "source-controller"


class Repositories:
    """Keeps the status of every HelmRepository of the cluster."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._watched = Watched(kube, PATH, self._changed)
        self._controller = Controller(_COMPONENT, self._reconcile)

    @property
    def loops(self) -> list[Any]:
        """What has to run for it to work."""
        return [self._watched.run(), self._controller.run()]

    def _changed(self, key: str, old: Object | None, new: Object | None) -> None:
        if new is not None and (old is None or trigger(old) != trigger(new)):
            self._controller.wake(key)

    async def _reconcile(self, key: str) -> float | None:
        obj = self._watched.objects.get(key)
        if obj is None or deleting(obj) or is_static(obj) or obj["spec"].get("suspend"):
            return None
        draft = Draft(obj)
        problem = await missing_secret(self._kube, obj)
        before = draft.find("Ready")
        if problem is None:
            source_status.index_stored(draft)
        else:
            source_status.begun(draft)
            source_status.failed(draft, source_status.AUTHENTICATION_FAILED, problem)
            if before is None or before["message"] != problem:
                await warn(self._kube, obj, source_status.AUTHENTICATION_FAILED, problem, _COMPONENT)
        if (patch := draft.patch) is not None:
            self._watched.put(await self._kube.patch(f"{path_of(obj)}/status", {"status": patch}))
        return min(parse(obj["spec"]["interval"]), POLL_SECONDS)


def is_static(obj: Object) -> bool:
    """Whether nobody reconciles it: an OCI registry has no index to fetch."""
    return bool(obj["spec"].get("type") == "oci")


def path_of(obj: Object) -> str:
    meta = obj["metadata"]
    return f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{meta['namespace']}/helmrepositories/{meta['name']}"


async def missing_secret(kube: Kube, repository: Object) -> str | None:
    """What source-controller says of a Secret that is named and not there; None when there is no such problem."""
    reference = repository["spec"].get("secretRef")
    if reference is None:
        return None
    namespace, name = repository["metadata"]["namespace"], reference["name"]
    if await kube.find(f"/api/v1/namespaces/{namespace}/secrets/{name}") is not None:
        return None
    return f"failed to get secret '{namespace}/{name}': secrets \"{name}\" not found"


async def chart_problem(kube: Kube, release: Object) -> str | None:
    """Why the chart of a HelmRelease is not ready, in helm-controller's words; None when it is."""
    chart = release["spec"].get("chart", {}).get("spec", {})
    reference = chart.get("sourceRef") or {}
    if reference.get("kind") != "HelmRepository":
        return None
    meta = release["metadata"]
    namespace = reference.get("namespace") or meta["namespace"]
    repository = await kube.find(
        f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/helmrepositories/{reference['name']}"
    )
    problem = await missing_secret(kube, repository) if repository else _missing(reference["name"])
    return problem and f"HelmChart '{namespace}/{meta['namespace']}-{meta['name']}' is not ready: {problem}"


def _missing(name: str) -> str:
    return f'failed to get source: HelmRepository.source.toolkit.fluxcd.io "{name}" not found'
