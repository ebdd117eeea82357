"""The floor of a restart: all objects that the operator has to read, listed once over one connection."""

from __future__ import annotations

import time
from dataclasses import dataclass

from catalyst_operator.adapters import kube
from catalyst_operator.api import labels
from e2e.bench.apis import Client

OF_SOVEREIGNS = f"labelSelector={labels.LABEL_SOVEREIGN_UID}"
LISTS = (
    kube.SOVEREIGNS.path(),
    kube.DOMAIN_RESERVATIONS.path(),
    f"{kube.NAMESPACES.path()}?labelSelector={labels.LABEL_ROLE}%3D{labels.ROLE_RUN}",
    *(f"{kind.path()}?{OF_SOVEREIGNS}" for kind in (kube.JOBS, kube.PODS, kube.CONFIG_MAPS, kube.SECRETS)),
    f"{kube.SECRETS.path()}?labelSelector=tfstate%3Dtrue",
)
"""What is watched, the records, and what is kept in Secrets."""


@dataclass(frozen=True)
class Reading:
    """One time through all lists."""

    objects: int
    seconds: float
    """JSON made into objects included."""


def once(client: Client) -> Reading:
    """Raises BenchError."""
    begin = time.monotonic()
    objects = sum(len(client("GET", path)["items"]) for path in LISTS)
    return Reading(objects, time.monotonic() - begin)
