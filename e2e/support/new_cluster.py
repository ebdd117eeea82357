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
    """Opened with the lab's administrator of it, which the operator never has; by the API server of the first control
    plane, or of another server."""

    def __init__(self, project: Project, server: str | None = None) -> None:
        layout = Layout.of_checkout()
        self.kubectl = Kubectl(project.kubeconfig(server), f"{layout.bin}:{os.environ['PATH']}")

    def faults(self, **faults: Any) -> None:
        """From now on the stand-in for helm-controller does this wrong; see e2e.lab.standins.faults."""
        content = {"faults.json": json.dumps(faults)}
        meta = {"name": FAULTS, "namespace": FLUX}
        self.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": content})

    @property
    def uid(self) -> str:
        """Tells it from every other cluster."""
        return str(self.kubectl.get("namespace", "kube-system")["metadata"]["uid"])

    def nodes(self) -> dict[str, str]:
        """The nodes that are ready: name -> UID."""
        return {
            item["metadata"]["name"]: item["metadata"]["uid"] for item in self.kubectl.items("nodes") if _ready(item)
        }

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


def _ready(node: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
