"""What can be done to a server that exists: power, type, placement, protection."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from e2e.lab.hcloud.actions import Effect
from e2e.lab.hcloud.cloud import Call, Cloud, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field, not_found
from e2e.lab.hcloud.kinds import action_reply, action_route, protection_route
from e2e.lab.hcloud.routes.placement_groups import check_room
from e2e.lab.hcloud.routes.server_order import check_offer
from e2e.lab.hcloud.routes.servers import KIND, check_off, check_unlocked, server_of
from e2e.lab.hcloud.store import Object


class NoFields(Request):
    pass


class ChangeType(Request):
    server_type: int | str
    upgrade_disk: bool


class AddToGroup(Request):
    placement_group: int


def _free(call: Call) -> Object:
    """The server, if nothing else acts on it."""
    server = KIND.from_path(call)
    check_unlocked(call, server)
    return server


def _simple(command: str) -> Callable[[Call], Reply]:
    def handler(call: Call) -> Reply:
        server = _free(call)
        call.parse(NoFields)
        return action_reply(call.quick(command, ("server", server["id"])))

    return handler


def _change_type(call: Call) -> Reply:
    server, wanted = _free(call), call.parse(ChangeType)
    check_off(server, "changing type")
    new = call.cloud.catalogue.server_type(wanted.server_type)
    if new is None:
        raise not_found("server type")
    check_offer(call, new, server["location"])
    old = call.cloud.catalogue.server_type(server["server_type"])
    if old and old["architecture"] != new["architecture"]:
        raise ApiError("invalid_server_type", "server type has another architecture")
    if new["disk"] < server["primary_disk_size"]:
        raise ApiError("invalid_server_type", "the disk of the server type is smaller than the server's")
    server["server_type"] = new["name"]
    if wanted.upgrade_disk:
        server["primary_disk_size"] = new["disk"]
    call.store.save("servers", server)
    return action_reply(call.quick("change_server_type", ("server", server["id"])))


def _add_to_group(call: Call) -> Reply:
    server, wanted = _free(call), call.parse(AddToGroup)
    check_off(server, "adding it to a placement group")
    if server["placement_group"] is not None:
        raise ApiError("placement_error", "server is already in a placement group")
    server["placement_group"] = check_room(call, wanted.placement_group)["id"]
    call.store.save("servers", server)
    return action_reply(call.quick("add_to_placement_group", ("server", server["id"])))


def _remove_from_group(call: Call) -> Reply:
    server = _free(call)
    if server["placement_group"] is None:
        raise invalid_field("placement_group", "server is in no placement group")
    server["placement_group"] = None
    call.store.save("servers", server)
    return action_reply(call.quick("remove_from_placement_group", ("server", server["id"])))


def effects(cloud: Cloud) -> Mapping[str, Effect]:
    """Power states. A server whose type was changed is started again, and so is one that is reset."""

    def started(action: Object) -> None:
        server = server_of(cloud, action)
        if server and server["status"] != "deleting":
            server["status"] = "running"
            cloud.store.save("servers", server)
            cloud.hook.on_server_started(server)

    def stopped(action: Object) -> None:
        server = server_of(cloud, action)
        if server and server["status"] != "deleting":
            server["status"] = "off"
            cloud.store.save("servers", server)
            cloud.hook.on_server_stopped(server)

    return {
        "start_server": started,
        "reboot_server": started,
        "reset_server": started,
        "change_server_type": started,
        "stop_server": stopped,
        "shutdown_server": stopped,
    }


ROUTES: list[Route] = [
    action_route(KIND, "poweron", _simple("start_server")),
    action_route(KIND, "poweroff", _simple("stop_server")),
    action_route(KIND, "shutdown", _simple("shutdown_server")),
    action_route(KIND, "reboot", _simple("reboot_server")),
    action_route(KIND, "reset", _simple("reset_server")),
    action_route(KIND, "change_type", _change_type),
    action_route(KIND, "add_to_placement_group", _add_to_group),
    action_route(KIND, "remove_from_placement_group", _remove_from_group),
    protection_route(KIND),
]
