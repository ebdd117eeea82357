"""What bootstrap-cluster.sh makes of the first control plane, step by step in the script's own order."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from e2e.lab.hcloud.boot import flux, nodes
from e2e.lab.hcloud.boot.boots import BootEffect
from e2e.lab.hcloud.boot.first_boot import CLUSTER_SCRIPT, KIT, FirstBoot
from e2e.lab.hcloud.boot.kubectl import STAND_IN, Kubectl
from e2e.lab.hcloud.boot.place import Place

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


class Cluster:
    """The first control plane's cluster while it is made."""

    def __init__(self, place: Place, boot: FirstBoot, around: Surroundings) -> None:
        self._place, self._boot, self._around = place, boot, around
        self._kubectl = Kubectl(place)
        self._steps: dict[str, Callable[[], Awaitable[None]]] = {
            "api": self._register,
            "storage-class": self._storage_class,
            "gateway-api": self._nothing,
            "helm": self._nothing,
            "cilium": self._network,
            "flux": self._flux,
            "boot-manifests": self._manifests,
            "kit": self._kit,
        }

    async def bootstrap(self) -> None:
        """Everything, or nothing where the kit is there already; may be repeated."""
        if await self._kubectl.has(KUSTOMIZATION, self._boot.env["KIT_NAME"], flux.NAMESPACE):
            self._controllers()
            return
        for step in self._boot.steps(CLUSTER_SCRIPT):
            await self._steps[step]()
            self._place.say(f"step {step}: done")

    async def _nothing(self) -> None:
        """What it installs is not there, and nothing stands in for it."""

    async def _register(self) -> None:
        await self._kubectl.apply_objects([nodes.node(self._boot, ready=False)])

    async def _storage_class(self) -> None:
        if not self._around.effect().no_storage_class:
            await self._kubectl.apply(json.dumps(_STORAGE_CLASS))

    async def _network(self) -> None:
        await self._kubectl.apply_objects([nodes.node(self._boot, ready=True)])

    async def _flux(self) -> None:
        await self._around.allowed(lambda effect: effect.no_flux, "Flux cannot be installed")
        definitions = [file.read_text() for file in flux.crds(self._place.layout)]
        await self._kubectl.apply("\n---\n".join([json.dumps(flux.namespace()), *definitions]))
        await self._kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        await write_kit_faults(self._place, self._around.kit_faults())
        self._controllers()
        await self._kubectl.apply_objects(flux.deployments(self._boot.env["FLUX_VERSION"]))

    def _controllers(self) -> None:
        self._place.start(flux.KUSTOMIZE, *flux.kustomize_controller(self._place))
        self._place.start(flux.STANDINS, *flux.standins(self._place))

    async def _manifests(self) -> None:
        for manifest in self._boot.manifests:
            await self._kubectl.create_missing(manifest)

    async def _kit(self) -> None:
        await self._kubectl.apply(self._boot.config.text(KIT))


async def has_flux_namespace(place: Place) -> bool:
    """Whether the boot got as far as to make Flux's namespace, and the API server says so."""
    return await Kubectl(place).has("namespace", flux.NAMESPACE)


async def write_kit_faults(place: Place, faults: dict[str, Any]) -> None:
    """What the stand-ins of the cluster read."""
    metadata = {"name": "lab-faults", "namespace": flux.NAMESPACE}
    data = {"faults.json": json.dumps(faults)}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    await Kubectl(place).apply(json.dumps(manifest), manager=STAND_IN)
