"""How a cluster was lost once: bp-flux ships another Flux than the boot did, its release fails, and Helm deletes Flux.

The whole story: docs/runbook.md#err_flux_pin_drift

What is left is a cluster without GitOps engine, which only a reprovision helps. The stand-ins then stop too, and a
marker file keeps them from coming back with a restart.
"""

from __future__ import annotations

from pathlib import Path

from e2e.lab.standins.kube import Kube
from e2e.lab.standins.objects import FLUX_NAMESPACE

RELEASE = "bp-flux"
MARKER = "flux-gone"
MESSAGE = (
    'cannot patch "gitrepositories.source.toolkit.fluxcd.io" with kind CustomResourceDefinition: '
    'CustomResourceDefinition.apiextensions.k8s.io "gitrepositories.source.toolkit.fluxcd.io" is invalid: '
    'status.storedVersions[0]: Invalid value: "v1": must appear in spec.versions'
)


async def delete_flux(kube: Kube) -> None:
    """Delete every Deployment of Flux' namespace."""
    path = f"/apis/apps/v1/namespaces/{FLUX_NAMESPACE}/deployments"
    for deployment in (await kube.get(path)).get("items") or []:
        await kube.delete(f"{path}/{deployment['metadata']['name']}")


def remember(folder: Path) -> None:
    """Note that Flux is gone from the cluster whose files are in `folder`."""
    (folder / MARKER).touch()


def is_gone(folder: Path) -> bool:
    """Whether Flux is gone for good."""
    return (folder / MARKER).exists()
