"""Images: the system's, which are the same for every project, and the snapshots that a project made of its servers."""

from __future__ import annotations

from typing import Literal

from e2e.lab.hcloud.catalogue import find
from e2e.lab.hcloud.cloud import Call, Reply, Request, Route
from e2e.lab.hcloud.errors import not_found
from e2e.lab.hcloud.kinds import Kind, common_routes, filtered, page, protection_route
from e2e.lab.hcloud.labels import check_labels
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339


def render(_call: Call, item: Object) -> Object:
    """A snapshot has no name, only a description."""
    return {
        "id": item["id"],
        "type": "snapshot",
        "status": "available",
        "name": None,
        "description": item["description"],
        "image_size": 1.0,
        "disk_size": item["disk_size"],
        "created": rfc3339(item["created"]),
        "created_from": item["created_from"],
        "bound_to": None,
        "os_flavor": "ubuntu",
        "os_version": "24.04",
        "rapid_deploy": False,
        "protection": item["protection"],
        "deprecated": None,
        "deleted": None,
        "labels": item["labels"],
        "architecture": item["architecture"],
    }


KIND = Kind("images", "image", render)


class CreateImage(Request):
    type: Literal["snapshot"] = "snapshot"
    description: str | None = None
    labels: dict[str, str] | None = None


def _list(call: Call) -> Reply:
    images = call.cloud.catalogue.images + [render(call, item) for item in call.all("images")]
    if call.first("include_deprecated") != "true":
        images = [image for image in images if not image["deprecated"]]
    return page(call, "images", filtered(call, images, ("name", "type", "status", "architecture")))


def _read(call: Call) -> Reply:
    entry = find(call.cloud.catalogue.images, call.path["id"])
    if entry is not None:
        return Reply({"image": entry})
    return Reply(KIND.wrap(call, KIND.from_path(call)))


def _create(call: Call) -> Reply:
    text = call.path["id"]
    server = call.need("servers", int(text) if text.isdigit() else None, "server")
    wanted = call.parse(CreateImage)
    kind = call.cloud.catalogue.server_type(server["server_type"])
    if kind is None:
        raise not_found("server type")
    item: Object = {
        "id": call.store.next_id("images"),
        "project": call.project,
        "description": wanted.description or server["name"],
        "disk_size": server["primary_disk_size"],
        "created_from": {"id": server["id"], "name": server["name"]},
        "architecture": kind["architecture"],
        "labels": check_labels(wanted.labels),
        "protection": {"delete": False},
        "created": call.cloud.clock(),
    }
    call.store.save("images", item)
    action = call.quick("create_image", ("server", server["id"]))
    return Reply({**KIND.wrap(call, item), "action": action}, 201)


ROUTES = [
    Route("GET", "/images", _list),
    Route("GET", "/images/{id}", _read),
    *(route for route in common_routes(KIND) if route.method not in {"GET"}),
    Route("POST", "/servers/{id}/actions/create_image", _create),
    protection_route(KIND),
]
