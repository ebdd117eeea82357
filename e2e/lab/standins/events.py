"""Events as Flux' controllers and Kubernetes' own record them; `kubectl describe` and the operator read them."""

from __future__ import annotations

import secrets

from e2e.lab.standins.kube import Kube
from e2e.lab.standins.objects import Object, stamp

_LONGEST = 1024


async def warn(kube: Kube, obj: Object, reason: str, message: str, component: str) -> None:
    """Record a warning about an object, in its namespace."""
    meta, now = obj["metadata"], stamp()
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{secrets.token_hex(8)}", "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta.get("uid", ""),
            "resourceVersion": meta.get("resourceVersion", ""),
        },
        "type": "Warning",
        "reason": reason,
        "message": message[:_LONGEST],
        "source": {"component": component},
        "reportingComponent": component,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    await kube.create(f"/api/v1/namespaces/{meta['namespace']}/events", event)
