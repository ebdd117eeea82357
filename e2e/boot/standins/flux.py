"""Stand-in for Flux's install.yaml: its real CRDs, and Deployments of its controllers that nobody runs."""

from __future__ import annotations

import json

from e2e.lab import toolchain
from e2e.lab.hcloud.boot import flux
from e2e.lab.hcloud.boot.kubectl import Object
from e2e.lab.timeline import Timeline


def manifest(version: str, timeline: Timeline) -> bytes:
    """YAML, as the vendor's without marks of Helm."""
    definitions = [file.read_text() for file in sorted(toolchain.flux_crds_folder(timeline).glob("*.yaml"))]
    objects = [_as_the_vendors(entry) for entry in (flux.namespace(), *flux.deployments(version))]
    return "\n---\n".join([*map(json.dumps, objects[:1]), *definitions, *map(json.dumps, objects[1:])]).encode()


def _as_the_vendors(entry: Object) -> Object:
    """As boot's library will make it the emulator's again."""
    labels = {key: text for key, text in entry["metadata"]["labels"].items() if not key.endswith("/managed-by")}
    metadata = {**entry["metadata"], "labels": labels}
    del metadata["annotations"]
    return {key: value for key, value in {**entry, "metadata": metadata}.items() if key != "status"}
