"""Placement groups of the type `spread`: at most ten servers each."""

from __future__ import annotations

from typing import Literal

from e2e.lab.hcloud.cloud import NO_CONTENT, Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError
from e2e.lab.hcloud.kinds import Kind, common_routes, remove_later
from e2e.lab.hcloud.labels import check_labels
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339

MAX_SERVERS = 10


def members(call: Call, group_id: int) -> list[int]:
    return [server["id"] for server in call.all("servers") if server["placement_group"] == group_id]


def render(call: Call, group: Object) -> Object:
    return {
        "id": group["id"],
        "name": group["name"],
        "type": group["type"],
        "labels": group["labels"],
        "servers": members(call, group["id"]),
        "created": rfc3339(group["created"]),
    }


KIND = Kind("placement_groups", "placement_group", render)


class Create(Request):
    name: str
    type: Literal["spread"]
    labels: dict[str, str] | None = None


def check_room(call: Call, group_id: int) -> Object:
    """The group, if one more server may join it."""
    group = call.need("placement_groups", group_id, f"placement group with ID '{group_id}'")
    if len(members(call, group_id)) >= MAX_SERVERS:
        raise ApiError(
            "placement_group_member_limit_reached",
            f"placement group with ID {group_id} contains already {MAX_SERVERS} servers",
        )
    return group


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    group = {
        "id": call.store.next_id("placement_groups"),
        "project": call.project,
        "name": KIND.check_name(call, wanted.name),
        "type": wanted.type,
        "labels": check_labels(wanted.labels),
        "created": call.cloud.clock(),
    }
    call.store.save("placement_groups", group)
    return Reply({**KIND.wrap(call, group), "action": None}, 201)


def _delete(call: Call) -> Reply:
    group = KIND.from_path(call)
    if members(call, group["id"]):
        raise ApiError("resource_in_use", f"placement group with ID {group['id']} is still in use")
    remove_later(call, KIND, group)
    return NO_CONTENT


ROUTES = [
    Route("POST", "/placement_groups", _create),
    *common_routes(KIND, filters=("type",), delete=False),
    Route("DELETE", "/placement_groups/{id}", _delete),
]
