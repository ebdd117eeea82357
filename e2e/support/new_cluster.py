"""The new cluster of a Sovereign, seen from inside: what its administrator would see and do there."""

from __future__ import annotations

import json
import os
from typing import Any

from e2e.lab.layout import Layout
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl, Object

FLUX = "flux-system"
FAULTS = "lab-faults"


class NewCluster:
    """Opened with the lab's administrator of it, which the operator never has."""

    def __init__(self, project: Project) -> None:
        layout = Layout.of_checkout()
        self.kubectl = Kubectl(project.kubeconfig(), f"{layout.bin}:{os.environ['PATH']}")

    def faults(self, **faults: Any) -> None:
        """From now on the stand-in for helm-controller does this wrong; see e2e.lab.standins.faults."""
        content = {"faults.json": json.dumps(faults)}
        meta = {"name": FAULTS, "namespace": FLUX}
        self.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": content})

    def releases(self) -> list[str]:
        """Names of the HelmReleases."""
        return [item["metadata"]["name"] for item in self.kubectl.items("-n", FLUX, "helmreleases")]

    def release(self, name: str) -> Object:
        """One HelmRelease."""
        return self.kubectl.get("-n", FLUX, "helmrelease", name)

    def delete_release(self, name: str) -> None:
        """Somebody deletes a HelmRelease."""
        self.kubectl("-n", FLUX, "delete", "helmrelease", name, "--wait=false")

    def reconcile_kit(self, fqdn: str) -> str:
        """As `flux reconcile kustomization` asks for it. Returns what it is asked by."""
        stamp = os.urandom(4).hex()
        mark = f"reconcile.fluxcd.io/requestedAt={stamp}"
        self.kubectl("-n", FLUX, "annotate", "kustomization", f"{fqdn}-bootstrap-kit", "--overwrite", mark)
        return stamp

    def kit_answered(self, fqdn: str) -> str:
        """What its Kustomization was asked by when it was looked at last."""
        found = self.kubectl.get("-n", FLUX, "kustomization", f"{fqdn}-bootstrap-kit")
        return str(found.get("status", {}).get("lastHandledReconcileAt"))

    def secret(self, name: str) -> dict[str, str]:
        """The data of a Secret in flux-system, encoded as it is."""
        found: dict[str, str] = self.kubectl.get("-n", FLUX, "secret", name).get("data") or {}
        return found
