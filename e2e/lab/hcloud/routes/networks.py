"""Networks, their subnets and routes."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Literal

from e2e.lab.hcloud.addresses import gateway_of, private_range
from e2e.lab.hcloud.cloud import NO_CONTENT, Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field, not_found
from e2e.lab.hcloud.kinds import (
    Kind,
    action_reply,
    action_route,
    check_unprotected,
    common_routes,
    protection_route,
    remove_later,
)
from e2e.lab.hcloud.labels import check_labels
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339


def attached(call: Call, kind: str, network_id: int) -> list[Object]:
    """The servers or load balancers in a network."""
    return [item for item in call.all(kind) if any(net["network"] == network_id for net in item["private_net"])]


def render(call: Call, network: Object) -> Object:
    return {
        "id": network["id"],
        "name": network["name"],
        "ip_range": network["ip_range"],
        "subnets": network["subnets"],
        "routes": network["routes"],
        "servers": [server["id"] for server in attached(call, "servers", network["id"])],
        "load_balancers": [item["id"] for item in attached(call, "load_balancers", network["id"])],
        "protection": network["protection"],
        "labels": network["labels"],
        "created": rfc3339(network["created"]),
        "expose_routes_to_vswitch": network["expose_routes_to_vswitch"],
    }


KIND = Kind("networks", "network", render)


class Subnet(Request):
    type: Literal["cloud", "server", "vswitch"]
    network_zone: str
    ip_range: str | None = None
    vswitch_id: int | None = None


class StaticRoute(Request):
    destination: str
    gateway: str


class Create(Request):
    name: str
    ip_range: str
    labels: dict[str, str] | None = None
    subnets: list[Subnet] = []
    routes: list[StaticRoute] = []
    expose_routes_to_vswitch: bool = False


class Update(Request):
    name: str | None = None
    labels: dict[str, str] | None = None
    expose_routes_to_vswitch: bool | None = None


class DeleteSubnet(Request):
    ip_range: str


class ChangeRange(Request):
    ip_range: str


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    call.check_limit("networks", "network")
    network = {
        "id": call.store.next_id("networks"),
        "project": call.project,
        "name": KIND.check_name(call, wanted.name),
        "ip_range": str(private_range(wanted.ip_range, "ip_range")),
        "subnets": [],
        "routes": [route.model_dump() for route in wanted.routes],
        "protection": {"delete": False},
        "labels": check_labels(wanted.labels),
        "expose_routes_to_vswitch": wanted.expose_routes_to_vswitch,
        "created": call.cloud.clock(),
    }
    for subnet in wanted.subnets:
        _add(call, network, subnet)
    call.store.save("networks", network)
    return Reply(KIND.wrap(call, network), 201)


def _add(call: Call, network: Object, wanted: Subnet) -> None:
    zones = {location["network_zone"] for location in call.cloud.catalogue.locations}
    if wanted.network_zone not in zones:
        raise invalid_field("network_zone", f"network zone '{wanted.network_zone}' does not exist")
    whole = IPv4Network(network["ip_range"])
    existing = [IPv4Network(subnet["ip_range"]) for subnet in network["subnets"]]
    ip_range = private_range(wanted.ip_range, "ip_range") if wanted.ip_range else _free_range(whole, existing)
    if not ip_range.subnet_of(whole):
        raise invalid_field("ip_range", "is not within the range of the network")
    if any(ip_range.overlaps(other) for other in existing):
        raise invalid_field("ip_range", "overlaps with another subnet")
    subnet: Object = {
        "type": wanted.type,
        "network_zone": wanted.network_zone,
        "ip_range": str(ip_range),
        "gateway": gateway_of(whole),
    }
    if wanted.vswitch_id is not None:
        subnet["vswitch_id"] = wanted.vswitch_id
    network["subnets"].append(subnet)


def _free_range(whole: IPv4Network, existing: list[IPv4Network]) -> IPv4Network:
    for candidate in whole.subnets(new_prefix=max(24, whole.prefixlen)):
        if not any(candidate.overlaps(other) for other in existing):
            return candidate
    raise ApiError("no_subnet_available", "no range is left in the network")


def _add_subnet(call: Call) -> Reply:
    network = KIND.from_path(call)
    _add(call, network, call.parse(Subnet))
    call.store.save("networks", network)
    return action_reply(call.quick("add_subnet", ("network", network["id"])))


def _delete_subnet(call: Call) -> Reply:
    network, wanted = KIND.from_path(call), call.parse(DeleteSubnet)
    if all(subnet["ip_range"] != wanted.ip_range for subnet in network["subnets"]):
        raise not_found("subnet")
    if _occupied(call, network["id"], IPv4Network(wanted.ip_range)):
        raise ApiError("service_error", "cannot remove subnet because servers are attached to it")
    network["subnets"] = [subnet for subnet in network["subnets"] if subnet["ip_range"] != wanted.ip_range]
    call.store.save("networks", network)
    return action_reply(call.quick("delete_subnet", ("network", network["id"])))


def _occupied(call: Call, network_id: int, subnet: IPv4Network) -> bool:
    members = attached(call, "servers", network_id) + attached(call, "load_balancers", network_id)
    nets = [net for item in members for net in item["private_net"] if net["network"] == network_id]
    return any(IPv4Network(net["ip"]).subnet_of(subnet) for net in nets)


def _add_route(call: Call) -> Reply:
    network, wanted = KIND.from_path(call), call.parse(StaticRoute)
    if any(route["destination"] == wanted.destination for route in network["routes"]):
        raise invalid_field("destination", "a route with this destination exists")
    network["routes"].append(wanted.model_dump())
    call.store.save("networks", network)
    return action_reply(call.quick("add_route", ("network", network["id"])))


def _delete_route(call: Call) -> Reply:
    network, wanted = KIND.from_path(call), call.parse(StaticRoute)
    if wanted.model_dump() not in network["routes"]:
        raise not_found("route")
    network["routes"].remove(wanted.model_dump())
    call.store.save("networks", network)
    return action_reply(call.quick("delete_route", ("network", network["id"])))


def _change_ip_range(call: Call) -> Reply:
    network = KIND.from_path(call)
    whole = private_range(call.parse(ChangeRange).ip_range, "ip_range")
    if any(not IPv4Network(subnet["ip_range"]).subnet_of(whole) for subnet in network["subnets"]):
        raise invalid_field("ip_range", "does not hold all subnets")
    network["ip_range"] = str(whole)
    call.store.save("networks", network)
    return action_reply(call.quick("change_ip_range", ("network", network["id"])))


def _update(call: Call) -> Reply:
    network, change = KIND.from_path(call), call.parse(Update)
    if change.name is not None:
        network["name"] = KIND.check_name(call, change.name, network["id"])
    if change.labels is not None:
        network["labels"] = check_labels(change.labels)
    if change.expose_routes_to_vswitch is not None:
        network["expose_routes_to_vswitch"] = change.expose_routes_to_vswitch
    call.store.save("networks", network)
    return Reply(KIND.wrap(call, network))


def _delete(call: Call) -> Reply:
    """What is still attached is detached: the real API does so as well."""
    network = KIND.from_path(call)
    check_unprotected(KIND, network)
    for kind in ("servers", "load_balancers"):
        for item in attached(call, kind, network["id"]):
            item["private_net"] = [net for net in item["private_net"] if net["network"] != network["id"]]
            call.store.save(kind, item)
    remove_later(call, KIND, network)
    return NO_CONTENT


ROUTES = [
    Route("POST", "/networks", _create),
    *(route for route in common_routes(KIND, delete=False) if route.method != "PUT"),
    Route("PUT", "/networks/{id}", _update),
    Route("DELETE", "/networks/{id}", _delete),
    action_route(KIND, "add_subnet", _add_subnet),
    action_route(KIND, "delete_subnet", _delete_subnet),
    action_route(KIND, "add_route", _add_route),
    action_route(KIND, "delete_route", _delete_route),
    action_route(KIND, "change_ip_range", _change_ip_range),
    protection_route(KIND),
]
