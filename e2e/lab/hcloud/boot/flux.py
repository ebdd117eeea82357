"""Flux on a booted cluster: real CRDs and a real kustomize-controller; the rest of its install.yaml is a stand-in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from e2e.lab.hcloud.boot.kubectl import Object
from e2e.lab.hcloud.boot.membership import client_url
from e2e.lab.hcloud.boot.place import Place
from e2e.lab.layout import REPOSITORY, Layout

NAMESPACE = "flux-system"
CONTROLLERS = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")
KUSTOMIZE, STANDINS = "kustomize-controller", "standins"
_MANAGED = {"app.kubernetes.io/managed-by": "Helm"}
_HELM = {"meta.helm.sh/release-name": "flux", "meta.helm.sh/release-namespace": NAMESPACE}


def namespace() -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, **_marks("namespace")}}


@cache
def crds(layout: Layout) -> list[Object]:
    """Definitions of the kinds that the kit uses."""
    files = sorted((layout.bin / "crds").glob("*.yaml"))
    definitions: list[Object] = [yaml.load(file.read_text(), Loader=yaml.CSafeLoader) for file in files]
    for definition in definitions:
        metadata = definition["metadata"]
        metadata["labels"] = metadata.get("labels", {}) | _MANAGED
        metadata["annotations"] = metadata.get("annotations", {}) | _HELM
    return definitions


def deployments(version: str) -> list[Object]:
    """Flux's controllers as Deployments that nobody runs, Available."""
    return [_deployment(name, version) for name in CONTROLLERS]


def _deployment(name: str, version: str) -> Object:
    selector = {"app": name}
    container = {"name": "manager", "image": f"ghcr.io/fluxcd/{name}:{version}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, **_marks(name, version)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": {"containers": [container]}},
        },
        "status": {
            "observedGeneration": 1,
            "replicas": 1,
            "readyReplicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": 1,
            "conditions": [
                {
                    "type": "Available",
                    "status": "True",
                    "reason": "MinimumReplicasAvailable",
                    "message": "Deployment has minimum availability.",
                }
            ],
        },
    }


def _marks(component: str, version: str = "") -> Object:
    """As `as_helm_release` of the boot's library marks them, so that bp-flux adopts them."""
    labels = {
        **_MANAGED,
        "app.kubernetes.io/part-of": "flux",
        "app.kubernetes.io/instance": NAMESPACE,
        "app.kubernetes.io/component": component,
        **({"app.kubernetes.io/version": version} if version else {}),
    }
    return {"labels": labels, "annotations": _HELM}


def kustomize_controller(place: Place) -> tuple[list[str | Path], Mapping[str, str]]:
    """Command and environment."""
    temporary = place.disk / "tmp"
    temporary.mkdir(exist_ok=True)
    command: list[str | Path] = [
        place.layout.bin / "kustomize-controller",
        "--events-addr=",
        "--enable-leader-election=false",
        "--requeue-dependency=2s",
        "--metrics-addr=0",
        f"--health-addr={place.address}:9440",
        "--log-level=info",
    ]
    environment = {"RUNTIME_NAMESPACE": NAMESPACE, "KUBECONFIG": str(place.kubeconfig), "TMPDIR": str(temporary)}
    return command, environment


def standins(place: Place) -> tuple[list[str | Path], Mapping[str, str]]:
    """Command and environment of what stands in for source- and helm-controller and the gateway."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "e2e.lab.standins",
        f"--kubeconfig={place.kubeconfig}",
        f"--address={place.address}",
        f"--folder={place.disk / 'standins'}",
        f"--etcd={client_url(place.address)}",
        f"--etcd-tls={place.tls / 'etcd'}",
    ]
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    trust = place.layout.pki / "ca.crt"
    # Of the lab's git server; an emulator that belongs to no lab has none.
    return command, environment | ({"GIT_SSL_CAINFO": str(trust)} if trust.exists() else {})
