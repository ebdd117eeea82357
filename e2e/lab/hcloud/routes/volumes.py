"""Volumes: block devices of a location, attached to at most one server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from e2e.lab.hcloud.actions import Effect
from e2e.lab.hcloud.cloud import NO_CONTENT, Call, Cloud, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field
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

MIN_SIZE, MAX_SIZE = 10, 10240


def render(call: Call, volume: Object) -> Object:
    return {
        "id": volume["id"],
        "name": volume["name"],
        "server": volume["server"],
        "location": call.cloud.catalogue.location(volume["location"]),
        "size": volume["size"],
        "linux_device": f"/dev/disk/by-id/scsi-0HC_Volume_{volume['id']}",
        "protection": volume["protection"],
        "labels": volume["labels"],
        "status": volume["status"],
        "created": rfc3339(volume["created"]),
        "format": volume["format"],
    }


KIND = Kind("volumes", "volume", render)


class Create(Request):
    name: str
    size: int
    server: int | None = None
    location: str | int | None = None
    labels: dict[str, str] | None = None
    automount: bool = False
    format: Literal["ext4", "xfs"] | None = None


class Attach(Request):
    server: int
    automount: bool = False


class Resize(Request):
    size: int


def _location_of(call: Call, wanted: Create) -> str:
    if wanted.server is not None:
        return str(call.need("servers", wanted.server, "server")["location"])
    if wanted.location is None:
        raise invalid_field("location", "either location or server must be given")
    location = call.cloud.catalogue.location(wanted.location)
    if location is None:
        raise invalid_field("location", f"location '{wanted.location}' does not exist")
    return str(location["name"])


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    if not MIN_SIZE <= wanted.size <= MAX_SIZE:
        raise invalid_field("size", f"must be between {MIN_SIZE} and {MAX_SIZE} GB")
    call.check_limit("volumes", "volume")
    volume: Object = {
        "id": call.store.next_id("volumes"),
        "project": call.project,
        "name": KIND.check_name(call, wanted.name),
        "server": wanted.server,
        "location": _location_of(call, wanted),
        "size": wanted.size,
        "labels": check_labels(wanted.labels),
        "status": "creating",
        "format": wanted.format,
        "protection": {"delete": False},
        "created": call.cloud.clock(),
    }
    call.store.save("volumes", volume)
    action = call.start("create_volume", call.cloud.delays.volume_create_seconds, ("volume", volume["id"]))
    following = []
    if wanted.server is not None:
        following = [call.quick("attach_volume", ("volume", volume["id"]), ("server", wanted.server))]
    return Reply({**KIND.wrap(call, volume), "action": action, "next_actions": following}, 201)


def _attach(call: Call) -> Reply:
    volume, wanted = KIND.from_path(call), call.parse(Attach)
    server = call.need("servers", wanted.server, "server")
    if volume["server"] is not None:
        raise ApiError("volume_already_attached", "volume is already attached to a server")
    if server["location"] != volume["location"]:
        raise invalid_field("server", "server is in another location than the volume")
    volume["server"] = server["id"]
    call.store.save("volumes", volume)
    return action_reply(call.quick("attach_volume", ("volume", volume["id"]), ("server", server["id"])))


def _detach(call: Call) -> Reply:
    volume = KIND.from_path(call)
    volume["server"] = None
    call.store.save("volumes", volume)
    return action_reply(call.quick("detach_volume", ("volume", volume["id"])))


def _resize(call: Call) -> Reply:
    volume, wanted = KIND.from_path(call), call.parse(Resize)
    if wanted.size <= volume["size"]:
        raise invalid_field("size", "a volume can only grow")
    volume["size"] = wanted.size
    call.store.save("volumes", volume)
    return action_reply(call.quick("resize_volume", ("volume", volume["id"])))


def _delete(call: Call) -> Reply:
    volume = KIND.from_path(call)
    check_unprotected(KIND, volume)
    if volume["server"] is not None:
        raise ApiError("volume_already_attached", "volume is still attached to a server")
    remove_later(call, KIND, volume)
    return NO_CONTENT


def effects(cloud: Cloud) -> Mapping[str, Effect]:
    def created(action: Object) -> None:
        volume = cloud.store.get("volumes", action["resources"][0]["id"])
        if volume:
            volume["status"] = "available"
            cloud.store.save("volumes", volume)

    return {"create_volume": created}


ROUTES = [
    Route("POST", "/volumes", _create),
    *common_routes(KIND, filters=("status",), delete=False),
    Route("DELETE", "/volumes/{id}", _delete),
    action_route(KIND, "attach", _attach),
    action_route(KIND, "detach", _detach),
    action_route(KIND, "resize", _resize),
    protection_route(KIND),
]
