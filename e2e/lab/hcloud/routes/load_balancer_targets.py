"""The targets of a load balancer: servers, label selectors, addresses."""

from __future__ import annotations

from typing import Literal

from e2e.lab.hcloud.cloud import Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field
from e2e.lab.hcloud.kinds import action_route
from e2e.lab.hcloud.routes.load_balancers import KIND, started
from e2e.lab.hcloud.store import Object


class ServerReference(Request):
    id: int


class SelectorReference(Request):
    selector: str


class IpReference(Request):
    ip: str


class Target(Request):
    type: Literal["server", "label_selector", "ip"]
    server: ServerReference | None = None
    label_selector: SelectorReference | None = None
    ip: IpReference | None = None
    use_private_ip: bool = False


class RemoveTarget(Request):
    type: Literal["server", "label_selector", "ip"]
    server: ServerReference | None = None
    label_selector: SelectorReference | None = None
    ip: IpReference | None = None


def _identity(wanted: Target | RemoveTarget) -> Object:
    """What tells a target from others."""
    if wanted.type == "server" and wanted.server:
        return {"type": "server", "server": wanted.server.id}
    if wanted.type == "label_selector" and wanted.label_selector:
        return {"type": "label_selector", "selector": wanted.label_selector.selector}
    if wanted.type == "ip" and wanted.ip:
        return {"type": "ip", "ip": wanted.ip.ip}
    raise invalid_field(wanted.type, "is required for this type of target")


def _same(target: Object, identity: Object) -> bool:
    return identity.items() <= target.items()


def _check_private(call: Call, balancer: Object, identity: Object) -> None:
    """A target's private IP can be used within the load balancer's own network only."""
    networks = {net["network"] for net in balancer["private_net"]}
    if not networks:
        raise ApiError("load_balancer_not_attached_to_network", "load balancer is not attached to a network")
    if identity["type"] != "server":
        return
    server = call.need("servers", identity["server"], "server")
    if not networks & {net["network"] for net in server["private_net"]}:
        raise ApiError("server_not_attached_to_network", "server is not attached to the network")


def _add(call: Call) -> Reply:
    balancer, wanted = KIND.from_path(call), call.parse(Target)
    identity = _identity(wanted)
    if wanted.type == "server":
        call.need("servers", identity["server"], "server")
    if any(_same(target, identity) for target in balancer["targets"]):
        raise ApiError("target_already_defined", "target is already defined")
    kind = call.cloud.catalogue.load_balancer_type(balancer["load_balancer_type"])
    if kind and len(balancer["targets"]) >= kind["max_targets"]:
        raise ApiError("resource_limit_exceeded", "load balancer target limit exceeded")
    if wanted.use_private_ip:
        _check_private(call, balancer, identity)
    balancer["targets"].append(identity | {"use_private_ip": wanted.use_private_ip})
    return started(call, balancer, "add_target")


def _remove(call: Call) -> Reply:
    balancer, identity = KIND.from_path(call), _identity(call.parse(RemoveTarget))
    remaining = [target for target in balancer["targets"] if not _same(target, identity)]
    if len(remaining) == len(balancer["targets"]):
        raise ApiError("load_balancer_target_not_found", "target not found")
    balancer["targets"] = remaining
    return started(call, balancer, "remove_target")


ROUTES: list[Route] = [action_route(KIND, "add_target", _add), action_route(KIND, "remove_target", _remove)]
