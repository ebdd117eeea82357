"""Stand-in for Flux's install.yaml: its real CRDs, and Deployments of its controllers that nobody runs."""

from __future__ import annotations

import json

from e2e.lab import toolchain
from e2e.lab.hcloud.boot import flux
from e2e.lab.timeline import Timeline


def manifest(version: str, timeline: Timeline) -> bytes:
    """YAML, as the vendor's without marks of Helm."""
    definitions = [file.read_text() for file in sorted(toolchain.flux_crds_folder(timeline).glob("*.yaml"))]
    deployments = flux.deployments(version)
    for entry in deployments:
        metadata = entry["metadata"]
        del entry["status"], metadata["annotations"], metadata["labels"]["app.kubernetes.io/managed-by"]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": flux.NAMESPACE}}
    return "\n---\n".join([json.dumps(namespace), *definitions, *map(json.dumps, deployments)]).encode()
