"""Load balancers: orders, networks, the public interface. Services and targets have modules of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from e2e.lab.hcloud.addresses import assign, public_ipv4, public_ipv6
from e2e.lab.hcloud.cloud import Call, Reply, Request, Route
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
from e2e.lab.hcloud.labels import check_labels, selects
from e2e.lab.hcloud.routes.load_balancer_health import health
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339

_Algorithm = Literal["round_robin", "least_connections"]


def render(call: Call, balancer: Object) -> Object:
    catalogue = call.cloud.catalogue
    return {
        "id": balancer["id"],
        "name": balancer["name"],
        "public_net": {
            "enabled": balancer["public"],
            "ipv4": {"id": balancer["id"], "ip": balancer["ipv4"], "blocked": False, "dns_ptr": ""},
            "ipv6": {"id": balancer["id"], "ip": balancer["ipv6"], "blocked": False, "dns_ptr": ""},
        },
        "private_net": balancer["private_net"],
        "location": catalogue.location(balancer["location"]),
        "load_balancer_type": catalogue.load_balancer_type(balancer["load_balancer_type"]),
        "protection": balancer["protection"],
        "labels": balancer["labels"],
        "created": rfc3339(balancer["created"]),
        "services": balancer["services"],
        "targets": [_render_target(call, balancer, target) for target in balancer["targets"]],
        "algorithm": {"type": balancer["algorithm"]},
        "included_traffic": 20 * 1024**4,
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
    }


def _render_target(call: Call, balancer: Object, target: Object) -> Object:
    common = {
        "type": target["type"],
        "health_status": health(call, balancer, target),
        "use_private_ip": target["use_private_ip"],
    }
    if target["type"] == "server":
        return {**common, "server": {"id": target["server"]}}
    if target["type"] == "label_selector":
        chosen = [server for server in call.all("servers") if selects(target["selector"], server["labels"])]
        reached = [{**common, "type": "server", "server": {"id": server["id"]}} for server in chosen]
        return {**common, "label_selector": {"selector": target["selector"]}, "targets": reached}
    return {**common, "ip": {"ip": target["ip"]}}


KIND = Kind("load_balancers", "load_balancer", render)


class Algorithm(Request):
    type: _Algorithm


class Create(Request):
    name: str
    load_balancer_type: int | str
    algorithm: Algorithm = Algorithm(type="round_robin")
    location: str | None = None
    network_zone: str | None = None
    labels: dict[str, str] | None = None
    public_interface: bool = True
    network: int | None = None


class Attach(Request):
    network: int
    ip: str | None = None
    ip_range: str | None = None


class Detach(Request):
    network: int


class ChangeType(Request):
    load_balancer_type: int | str


def _location_of(call: Call, wanted: Create) -> str:
    for location in call.cloud.catalogue.locations:
        if wanted.location == location["name"] or (
            wanted.location is None and wanted.network_zone == location["network_zone"]
        ):
            return str(location["name"])
    raise invalid_field("location", "either a known location or a known network_zone must be given")


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    kind = call.cloud.catalogue.load_balancer_type(wanted.load_balancer_type)
    if kind is None:
        raise not_found("load balancer type")
    call.check_limit("load_balancers", "load balancer")
    number = call.store.next_id("load_balancers")
    balancer = {
        "id": number,
        "project": call.project,
        "name": KIND.check_name(call, wanted.name),
        "load_balancer_type": kind["name"],
        "location": _location_of(call, wanted),
        "algorithm": wanted.algorithm.type,
        "labels": check_labels(wanted.labels),
        "public": wanted.public_interface,
        "ipv4": public_ipv4(call.store, call.cloud.public_ranges),
        "ipv6": public_ipv6(number).replace("::/64", "::1"),
        "private_net": [],
        "services": [],
        "targets": [],
        "protection": {"delete": False},
        "created": call.cloud.clock(),
    }
    if wanted.network is not None:
        _join(call, balancer, Attach(network=wanted.network))
    call.store.save("load_balancers", balancer)
    seconds = call.cloud.delays.load_balancer_create_seconds
    action = call.start("create_load_balancer", seconds, ("load_balancer", number))
    return Reply({**KIND.wrap(call, balancer), "action": action}, 201)


def _join(call: Call, balancer: Object, wanted: Attach) -> None:
    network = call.need("networks", wanted.network, "network")
    if balancer["private_net"]:
        raise ApiError("load_balancer_already_attached", "load balancer is already attached to a network")
    ip = assign(call.store, network, wanted.ip, wanted.ip_range)
    balancer["private_net"] = [{"network": network["id"], "ip": ip}]


def started(call: Call, balancer: Object, command: str) -> Reply:
    """Keep the changed load balancer and answer with the action that changes it."""
    call.store.save("load_balancers", balancer)
    return action_reply(call.quick(command, ("load_balancer", balancer["id"])))


def _attach(call: Call) -> Reply:
    balancer = KIND.from_path(call)
    _join(call, balancer, call.parse(Attach))
    return started(call, balancer, "attach_to_network")


def _detach(call: Call) -> Reply:
    balancer, wanted = KIND.from_path(call), call.parse(Detach)
    remaining = [net for net in balancer["private_net"] if net["network"] != wanted.network]
    if len(remaining) == len(balancer["private_net"]):
        raise not_found("attachment of the load balancer to the network")
    balancer["private_net"] = remaining
    return started(call, balancer, "detach_from_network")


def _change_type(call: Call) -> Reply:
    balancer, wanted = KIND.from_path(call), call.parse(ChangeType)
    kind = call.cloud.catalogue.load_balancer_type(wanted.load_balancer_type)
    if kind is None:
        raise not_found("load balancer type")
    if len(balancer["targets"]) > kind["max_targets"] or len(balancer["services"]) > kind["max_services"]:
        raise ApiError("invalid_load_balancer_type", "load balancer has too many targets or services for the type")
    balancer["load_balancer_type"] = kind["name"]
    return started(call, balancer, "change_load_balancer_type")


def _change_algorithm(call: Call) -> Reply:
    balancer = KIND.from_path(call)
    balancer["algorithm"] = call.parse(Algorithm).type
    return started(call, balancer, "change_algorithm")


def _set_public(enabled: bool, command: str) -> Callable[[Call], Reply]:
    def handler(call: Call) -> Reply:
        balancer = KIND.from_path(call)
        balancer["public"] = enabled
        return started(call, balancer, command)

    return handler


def _delete(call: Call) -> Reply:
    """Answers with an action since 2026-10; clients from before that do not look at the answer."""
    balancer = KIND.from_path(call)
    check_unprotected(KIND, balancer)
    remove_later(call, KIND, balancer)
    return action_reply(call.quick("delete_load_balancer", ("load_balancer", balancer["id"])))


ROUTES: list[Route] = [
    Route("POST", "/load_balancers", _create),
    *common_routes(KIND, delete=False),
    Route("DELETE", "/load_balancers/{id}", _delete),
    action_route(KIND, "attach_to_network", _attach),
    action_route(KIND, "detach_from_network", _detach),
    action_route(KIND, "change_type", _change_type),
    action_route(KIND, "change_algorithm", _change_algorithm),
    action_route(KIND, "enable_public_interface", _set_public(True, "enable_public_interface")),
    action_route(KIND, "disable_public_interface", _set_public(False, "disable_public_interface")),
    protection_route(KIND),
]
