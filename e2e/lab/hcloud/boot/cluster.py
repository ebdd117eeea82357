"""What bootstrap-cluster.sh makes of the first control plane, step by step in the script's own order."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from e2e.lab.hcloud.boot import flux, nodes
from e2e.lab.hcloud.boot.boots import BootEffect
from e2e.lab.hcloud.boot.first_boot import CLUSTER_SCRIPT, KIT, FirstBoot
from e2e.lab.hcloud.boot.kubectl import STAND_IN, Kubectl
from e2e.lab.hcloud.boot.place import Place
from e2e.lab.standins import kinds

KUSTOMIZATION = "kustomizations.kustomize.toolkit.fluxcd.io"
_STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "local-path",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "rancher.io/local-path",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "WaitForFirstConsumer",
}


@dataclass(frozen=True)
class Surroundings:
    """What the steps ask of outside."""

    effect: Callable[[], BootEffect]
    kit_faults: Callable[[], dict[str, Any]]
    allowed: Callable[[Callable[[BootEffect], bool], str], Awaitable[None]]
    """Returns once no fault holds the step back any more."""
    start_controllers: Callable[[], None]
    """Flux's and the stand-ins', unless they run on another control plane."""


class Cluster:
    """The first control plane's cluster while it is made."""

    def __init__(self, place: Place, boot: FirstBoot, member: str, around: Surroundings) -> None:
        self._place, self._boot, self._member, self._around = place, boot, member, around
        self._kubectl = Kubectl(place)
        self._steps: dict[str, Callable[[], Awaitable[None]]] = {
            "api": self._register,
            "storage-class": self._storage_class,
            "gateway-api": self._gateway_api,
            "helm": self._nothing,
            "cilium": self._network,
            "flux": self._flux,
            "boot-manifests": self._manifests,
            "kit": self._kit,
        }

    async def bootstrap(self) -> None:
        """Everything, or nothing where the kit is there already; may be repeated."""
        if await self._kubectl.has(KUSTOMIZATION, self._boot.env["KIT_NAME"], flux.NAMESPACE):
            await self._kubectl.apply_objects([nodes.node(self._boot, ready=True, member=self._member)])
            self._around.start_controllers()
            return
        for step in self._boot.steps(CLUSTER_SCRIPT):
            began = monotonic()
            await self._steps[step]()
            self._place.say(f"step {step}: done in {monotonic() - began:.0f} s")

    async def _nothing(self) -> None:
        """What it installs is not there, and nothing stands in for it."""

    async def _gateway_api(self) -> None:
        await self._kubectl.apply_objects([kind.definition for kind in kinds.GATEWAY_API])

    async def _register(self) -> None:
        await self._kubectl.apply_objects([nodes.node(self._boot, ready=False, member=self._member)])

    async def _storage_class(self) -> None:
        if not self._around.effect().no_storage_class:
            await self._kubectl.apply(json.dumps(_STORAGE_CLASS))

    async def _network(self) -> None:
        await self._kubectl.apply_objects([nodes.node(self._boot, ready=True, member=self._member)])

    async def _flux(self) -> None:
        await self._around.allowed(lambda effect: effect.no_flux, "Flux cannot be installed")
        items = [flux.namespace(), *flux.crds(self._place.layout)]
        await self._kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        await self._kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        await write_kit_faults(self._place, self._around.kit_faults())
        self._around.start_controllers()
        await self._kubectl.apply_objects(flux.deployments(self._boot.env["FLUX_VERSION"]))

    async def _manifests(self) -> None:
        for manifest in self._boot.manifests:
            await self._kubectl.create_missing(manifest)

    async def _kit(self) -> None:
        await self._kubectl.apply(self._boot.config.text(KIT))


def start_controllers(place: Place) -> None:
    """Flux's, and what stands in for others; on one control plane of a cluster at a time."""
    place.start(flux.KUSTOMIZE, *flux.kustomize_controller(place))
    place.start(flux.STANDINS, *flux.standins(place))


async def is_flux_installed(place: Place) -> bool:
    """Whether the first control plane's boot got beyond Flux, whose controllers it starts itself.

    The namespace alone does not say so: it is there while that boot still waits for Flux's kinds.
    """
    return await Kubectl(place).has("deployment", flux.CONTROLLERS[0], flux.NAMESPACE)


async def has_flux_namespace(place: Place) -> bool:
    """Whether the boot got as far as to make Flux's namespace, and the API server says so."""
    return await Kubectl(place).has("namespace", flux.NAMESPACE)


async def write_kit_faults(place: Place, faults: dict[str, Any]) -> None:
    """What the stand-ins of the cluster read."""
    metadata = {"name": "lab-faults", "namespace": flux.NAMESPACE}
    data = {"faults.json": json.dumps(faults)}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    await Kubectl(place).apply(json.dumps(manifest), manager=STAND_IN)
