"""Volumes that nobody provides: what a chart with a StatefulSet leaves behind while no StorageClass can serve it.

There is neither a StatefulSet controller nor a scheduler nor a volume controller on the lab's clusters, so claim, Pod
and events are written as these would write them.
"""

from __future__ import annotations

from collections.abc import Iterable

from e2e.lab.standins.events import warn
from e2e.lab.standins.kube import Kube
from e2e.lab.standins.objects import Object, stamp
from e2e.lab.standins.release import Release

STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
WITH_VOLUMES = frozenset(
    {"bp-spire", "bp-nats-jetstream", "bp-openbao", "bp-keycloak", "bp-gitea", "bp-catalyst-platform"}
)
"""Releases whose charts ask for volumes."""

_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_NO_CLASS = "no persistent volumes available for this claim and no storage class is set"
_UNSCHEDULABLE = (
    "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: "
    "1 Preemption is not helpful for scheduling."
)


def has_default(classes: Iterable[Object]) -> bool:
    """Whether one of the StorageClasses serves claims that name none."""
    return any(entry["metadata"].get("annotations", {}).get(_DEFAULT) == "true" for entry in classes)


class Volumes:
    """The claims and Pods of one cluster's releases that wait for a volume."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def leave_pending(self, release: Release, *, refused: bool) -> None:
        """Leave the release's claim and Pod pending; `refused`: whatever StorageClass there is or will be."""
        core = f"/api/v1/namespaces/{release.target}"
        claim = await self._kube.create(f"{core}/persistentvolumeclaims", _claim(release, refused=refused))
        if claim is not None:
            await warn(self._kube, claim, "FailedBinding", _NO_CLASS, "persistentvolume-controller")
        # Admission asks for it, and the controller that would make it is not there.
        await self._kube.create(f"{core}/serviceaccounts", {"metadata": {"name": "default"}})
        pod = await self._kube.create(f"{core}/pods", _pod(release))
        if pod is not None:
            await self._kube.patch(f"{core}/pods/{pod['metadata']['name']}/status", {"status": _unscheduled()})
            await warn(self._kube, pod, "FailedScheduling", _UNSCHEDULABLE, "default-scheduler")

    async def clear(self, release: Release) -> None:
        """Take claim and Pod away, as when the volume came and the Pod went to work."""
        core = f"/api/v1/namespaces/{release.target}"
        await self._kube.delete(f"{core}/pods/{_pod_name(release)}")
        claim = f"{core}/persistentvolumeclaims/{_claim_name(release)}"
        if await self._kube.find(claim) is not None:
            await self._kube.delete(claim)
            # The controller that lifts the protection of claims is not there.
            if await self._kube.find(claim) is not None:
                await self._kube.patch(claim, {"metadata": {"finalizers": None}})


def _claim_name(release: Release) -> str:
    return f"data-{release.release}-0"


def _pod_name(release: Release) -> str:
    return f"{release.release}-0"


def _claim(release: Release, *, refused: bool) -> Object:
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": _claim_name(release), "labels": _labels(release)},
        # An empty class, named as such, keeps a default class from being put in where a fault asks for this trouble.
        "spec": {**size, **({"storageClassName": ""} if refused else {})},
    }


def _pod(release: Release) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _pod_name(release), "labels": _labels(release)},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": "registry.invalid/none"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": _claim_name(release)}}],
        },
    }


def _labels(release: Release) -> dict[str, str]:
    return {"app.kubernetes.io/instance": release.release, "app.kubernetes.io/managed-by": "Helm"}


def _unscheduled() -> Object:
    entry = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": _UNSCHEDULABLE}
    return {"phase": "Pending", "conditions": [{**entry, "lastTransitionTime": stamp()}]}
