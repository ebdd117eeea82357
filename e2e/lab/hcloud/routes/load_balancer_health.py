"""What a load balancer says of its targets. Nothing is probed: a target is well when its server runs."""

from __future__ import annotations

from e2e.lab.hcloud.cloud import Call
from e2e.lab.hcloud.store import Object


def health(call: Call, balancer: Object, target: Object) -> list[Object]:
    """The health of a target for each service."""
    status = _status(call, target)
    return [{"listen_port": service["listen_port"], "status": status} for service in balancer["services"]]


def _status(call: Call, target: Object) -> str:
    if target["type"] != "server":
        return "unknown"
    server = call.find("servers", target["server"])
    return "healthy" if server and server["status"] == "running" else "unhealthy"
