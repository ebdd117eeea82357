"""Primary IPs: a server's own public addresses. They come and go with their server unless a client says otherwise."""

from __future__ import annotations

from typing import Literal

from e2e.lab.hcloud.addresses import public_ipv4, public_ipv6
from e2e.lab.hcloud.cloud import NO_CONTENT, Call, Cloud, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field
from e2e.lab.hcloud.kinds import Kind, check_unprotected, common_routes, protection_route, remove_later
from e2e.lab.hcloud.labels import check_labels
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339

Family = Literal["ipv4", "ipv6"]


def render(call: Call, item: Object) -> Object:
    return {
        "id": item["id"],
        "name": item["name"],
        "type": item["type"],
        "ip": item["ip"],
        "assignee_id": item["assignee_id"],
        "assignee_type": "server",
        "auto_delete": item["auto_delete"],
        "blocked": False,
        "created": rfc3339(item["created"]),
        "dns_ptr": [],
        "labels": item["labels"],
        "location": call.cloud.catalogue.location(item["location"]),
        "protection": item["protection"],
    }


KIND = Kind("primary_ips", "primary_ip", render)


class Create(Request):
    name: str
    type: Family
    assignee_type: Literal["server"] = "server"
    assignee_id: int | None = None
    location: str | None = None
    auto_delete: bool = False
    labels: dict[str, str] | None = None


def allocate(call: Call, family: Family, name: str, location: str, server_id: int | None, auto_delete: bool) -> Object:
    """A new primary IP, assigned to the server if one is given."""
    call.check_limit("primary_ips", "Primary IP")
    number = call.store.next_id("primary_ips")
    item = {
        "id": number,
        "project": call.project,
        "name": name,
        "type": family,
        "ip": public_ipv4(call.store, call.cloud.public_ranges) if family == "ipv4" else public_ipv6(number),
        "assignee_id": server_id,
        "auto_delete": auto_delete,
        "labels": {},
        "location": location,
        "protection": {"delete": False},
        "created": call.cloud.clock(),
    }
    return call.store.save("primary_ips", item)


def release(cloud: Cloud, server_id: int) -> None:
    """Let go of a deleted server's addresses: delete those that were made with it, unassign the others."""
    for item in list(cloud.store.where("primary_ips", lambda item: item["assignee_id"] == server_id)):
        if item["auto_delete"]:
            cloud.store.delete("primary_ips", item["id"])
        else:
            item["assignee_id"] = None
            cloud.store.save("primary_ips", item)


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    if wanted.assignee_id is not None:
        raise ApiError("unsupported_error", "this emulator assigns primary IPs only when it creates a server")
    if wanted.location is None or call.cloud.catalogue.location(wanted.location) is None:
        raise invalid_field("location", f"location '{wanted.location}' does not exist")
    name = KIND.check_name(call, wanted.name)
    item = allocate(call, wanted.type, name, wanted.location, None, wanted.auto_delete)
    item["labels"] = check_labels(wanted.labels)
    call.store.save("primary_ips", item)
    return Reply({**KIND.wrap(call, item), "action": None}, 201)


def _delete(call: Call) -> Reply:
    item = KIND.from_path(call)
    check_unprotected(KIND, item)
    if item["assignee_id"] is not None:
        raise ApiError("primary_ip_assigned", "primary IP is assigned to a server")
    remove_later(call, KIND, item)
    return NO_CONTENT


ROUTES = [
    Route("POST", "/primary_ips", _create),
    *common_routes(KIND, filters=("type", "ip"), delete=False),
    Route("DELETE", "/primary_ips/{id}", _delete),
    protection_route(KIND),
]
