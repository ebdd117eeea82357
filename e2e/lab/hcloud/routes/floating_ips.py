"""Floating IPs: public addresses that stay when their server goes."""

from __future__ import annotations

from typing import Literal

from e2e.lab.hcloud.addresses import public_ipv4, public_ipv6
from e2e.lab.hcloud.cloud import Call, Reply, Request, Route
from e2e.lab.hcloud.errors import invalid_field
from e2e.lab.hcloud.kinds import Kind, action_reply, action_route, common_routes, protection_route
from e2e.lab.hcloud.labels import check_labels
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339


def render(call: Call, item: Object) -> Object:
    # Whose server is gone is assigned to none.
    server = call.find("servers", item["server"])
    return {
        "id": item["id"],
        "name": item["name"],
        "description": item["description"],
        "type": item["type"],
        "ip": item["ip"],
        "server": server["id"] if server else None,
        "dns_ptr": [],
        "home_location": call.cloud.catalogue.location(item["home_location"]),
        "blocked": False,
        "protection": item["protection"],
        "labels": item["labels"],
        "created": rfc3339(item["created"]),
    }


KIND = Kind("floating_ips", "floating_ip", render)


class Create(Request):
    type: Literal["ipv4", "ipv6"]
    name: str | None = None
    description: str | None = None
    server: int | None = None
    home_location: str | None = None
    labels: dict[str, str] | None = None


class Assign(Request):
    server: int


class NoFields(Request):
    pass


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    server = call.need("servers", wanted.server, "server") if wanted.server is not None else None
    home = str(server["location"]) if server else wanted.home_location
    if home is None or call.cloud.catalogue.location(home) is None:
        raise invalid_field("home_location", "either a known home_location or a server must be given")
    number = call.store.next_id("floating_ips")
    item: Object = {
        "id": number,
        "project": call.project,
        "name": KIND.check_name(call, wanted.name or f"floating-ip-{number}"),
        "description": wanted.description,
        "type": wanted.type,
        "ip": public_ipv4(call.store, call.cloud.public_ranges) if wanted.type == "ipv4" else public_ipv6(number),
        "server": wanted.server,
        "home_location": home,
        "labels": check_labels(wanted.labels),
        "protection": {"delete": False},
        "created": call.cloud.clock(),
    }
    call.store.save("floating_ips", item)
    action = call.quick("assign_floating_ip", ("floating_ip", number)) if server else None
    return Reply({**KIND.wrap(call, item), "action": action}, 201)


def _assigned(call: Call, item: Object, server: int | None, command: str) -> Reply:
    item["server"] = server
    call.store.save("floating_ips", item)
    return action_reply(call.quick(command, ("floating_ip", item["id"])))


def _assign(call: Call) -> Reply:
    item = KIND.from_path(call)
    server = call.need("servers", call.parse(Assign).server, "server")
    return _assigned(call, item, server["id"], "assign_floating_ip")


def _unassign(call: Call) -> Reply:
    item = KIND.from_path(call)
    call.parse(NoFields)
    return _assigned(call, item, None, "unassign_floating_ip")


ROUTES = [
    Route("POST", "/floating_ips", _create),
    *common_routes(KIND),
    action_route(KIND, "assign", _assign),
    action_route(KIND, "unassign", _unassign),
    protection_route(KIND),
]
