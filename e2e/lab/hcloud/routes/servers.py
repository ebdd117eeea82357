"""Servers: ordering, reading, renaming and deleting them. What else can be done to one is in `server_actions`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from e2e.lab.hcloud.actions import Effect
from e2e.lab.hcloud.cloud import Call, Cloud, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field, not_found
from e2e.lab.hcloud.kinds import Kind, check_unprotected, common_routes
from e2e.lab.hcloud.labels import check_labels
from e2e.lab.hcloud.routes import placement_groups, primary_ips, server_order
from e2e.lab.hcloud.routes.server_networks import attach, render_private
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339

MAX_USER_DATA_BYTES = 32 * 1024
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*"
)


def render(call: Call, server: Object) -> Object:
    catalogue = call.cloud.catalogue
    group = call.find("placement_groups", server["placement_group"])
    return {
        "id": server["id"],
        "name": server["name"],
        "status": server["status"],
        "created": rfc3339(server["created"]),
        "public_net": _public_net(call, server),
        "private_net": [render_private(net) for net in server["private_net"]],
        "server_type": catalogue.server_type(server["server_type"]),
        "location": catalogue.location(server["location"]),
        "image": catalogue.image(server["image"], ""),
        "iso": None,
        "rescue_enabled": False,
        "locked": bool(call.cloud.actions.running("server", server["id"])),
        "backup_window": None,
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
        "included_traffic": 20 * 1024**4,
        "protection": server["protection"],
        "labels": server["labels"],
        "volumes": [volume["id"] for volume in call.all("volumes") if volume["server"] == server["id"]],
        "load_balancers": _balancers(call, server["id"]),
        "primary_disk_size": server["primary_disk_size"],
        "placement_group": placement_groups.render(call, group) if group else None,
    }


def _public_net(call: Call, server: Object) -> Object:
    ips = {item["type"]: item for item in call.all("primary_ips") if item["assignee_id"] == server["id"]}
    ipv4, ipv6 = ips.get("ipv4"), ips.get("ipv6")
    return {
        "ipv4": ipv4 and {"id": ipv4["id"], "ip": ipv4["ip"], "blocked": False, "dns_ptr": _reverse(ipv4["ip"])},
        "ipv6": ipv6 and {"id": ipv6["id"], "ip": ipv6["ip"], "blocked": False, "dns_ptr": []},
        "floating_ips": [],
        "firewalls": [{"id": number, "status": "applied"} for number in server["firewalls"]],
    }


def _reverse(ip: str) -> str:
    return f"static.{'.'.join(reversed(ip.split('.')))}.clients.example.com"


def _balancers(call: Call, server_id: int) -> list[int]:
    return [
        balancer["id"]
        for balancer in call.all("load_balancers")
        if any(target.get("server") == server_id for target in balancer["targets"])
    ]


KIND = Kind("servers", "server", render, "server")


class CreateFirewall(Request):
    firewall: int


class CreatePublicNet(Request):
    enable_ipv4: bool = True
    enable_ipv6: bool = True
    ipv4: int | None = None
    ipv6: int | None = None


class Create(Request):
    name: str
    server_type: int | str
    image: int | str
    location: str | None = None
    ssh_keys: list[int | str] = []
    user_data: str = ""
    start_after_create: bool = True
    labels: dict[str, str] | None = None
    automount: bool = False
    volumes: list[int] = []
    networks: list[int] = []
    firewalls: list[CreateFirewall] = []
    placement_group: int | None = None
    public_net: CreatePublicNet | None = None


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    server = _checked(call, wanted)
    call.store.save("servers", server)
    _assign_addresses(call, server, wanted.public_net or CreatePublicNet())
    for network_id in wanted.networks:
        attach(call, server, call.need("networks", network_id, "network"))
    for volume_id in wanted.volumes:
        volume = call.need("volumes", volume_id, "volume")
        volume["server"] = server["id"]
        call.store.save("volumes", volume)
    delays = call.cloud.delays
    action = call.start("create_server", delays.server_create_seconds, ("server", server["id"]))
    following = []
    if wanted.start_after_create:
        seconds = delays.server_create_seconds + delays.server_start_seconds
        following.append(call.start("start_server", seconds, ("server", server["id"])))
    password = None if wanted.ssh_keys else "emulated-root-password"
    reply = {"action": action, "next_actions": following, "root_password": password}
    return Reply({**KIND.wrap(call, server), **reply}, 201)


def _checked(call: Call, wanted: Create) -> Object:
    """The new server as it is kept. Nothing is changed before everything was checked."""
    if not _HOST_NAME.fullmatch(wanted.name):
        raise invalid_field("name", "must be a valid hostname as per RFC 1123")
    if len(wanted.user_data.encode()) > MAX_USER_DATA_BYTES:
        raise invalid_field("user_data", f"length must be at most {MAX_USER_DATA_BYTES} bytes")
    server_type, location = server_order.type_and_location(call, wanted.server_type, wanted.location)
    image = call.cloud.catalogue.image(wanted.image, server_type["architecture"])
    if image is None:
        raise not_found("image")
    if image["architecture"] != server_type["architecture"]:
        raise invalid_field("image", "architecture does not fit the server type")
    server_order.check_references(call, wanted)
    call.check_limit("servers", "server")
    return {
        "id": call.store.next_id("servers"),
        "project": call.project,
        "name": KIND.check_name(call, wanted.name),
        "status": "initializing",
        "created": call.cloud.clock(),
        "server_type": server_type["name"],
        "location": location,
        "image": image["id"],
        "labels": check_labels(wanted.labels),
        "ssh_keys": server_order.key_ids(call, wanted.ssh_keys),
        "user_data": wanted.user_data,
        "firewalls": [reference.firewall for reference in wanted.firewalls],
        "placement_group": wanted.placement_group,
        "private_net": [],
        "primary_disk_size": server_type["disk"],
        "protection": {"delete": False, "rebuild": False},
    }


def _assign_addresses(call: Call, server: Object, wanted: CreatePublicNet) -> None:
    families: list[tuple[primary_ips.Family, bool, int | None]] = [
        ("ipv4", wanted.enable_ipv4, wanted.ipv4),
        ("ipv6", wanted.enable_ipv6, wanted.ipv6),
    ]
    for family, enabled, existing in families:
        if existing:
            item = call.need("primary_ips", existing, "primary IP")
            item["assignee_id"] = server["id"]
            call.store.save("primary_ips", item)
        elif enabled:
            name = f"primary_ip-{server['id']}-{family}"
            primary_ips.allocate(call, family, name, server["location"], server["id"], auto_delete=True)


def _delete(call: Call) -> Reply:
    """A server may be deleted while it is still being created; what runs on it then fails."""
    server = KIND.from_path(call)
    check_unprotected(KIND, server)
    if server["status"] == "deleting":
        raise ApiError("locked", "server is locked")
    call.cloud.actions.cancel("server", server["id"])
    server["status"] = "deleting"
    call.store.save("servers", server)
    seconds = call.cloud.delays.server_delete_seconds
    return Reply({"action": call.start("delete_server", seconds, ("server", server["id"]))})


def effects(cloud: Cloud) -> Mapping[str, Effect]:
    """Creation leads to a server that is off, or starting; deletion takes it out of everything that names it."""

    def created(action: Object) -> None:
        server = server_of(cloud, action)
        if server:
            following = cloud.actions.running("server", server["id"])
            starts = any(other["command"] == "start_server" for other in following)
            server["status"] = "starting" if starts else "off"
            cloud.store.save("servers", server)

    def deleted(action: Object) -> None:
        number = action["resources"][0]["id"]
        server = server_of(cloud, action)
        if server:
            cloud.hook.on_server_deleted(server)
        for volume in cloud.store.where("volumes", lambda item: item["server"] == number):
            volume["server"] = None
            cloud.store.save("volumes", volume)
        for balancer in cloud.store.all("load_balancers"):
            balancer["targets"] = [target for target in balancer["targets"] if target.get("server") != number]
            cloud.store.save("load_balancers", balancer)
        primary_ips.release(cloud, number)
        cloud.store.delete("servers", number)

    return {"create_server": created, "delete_server": deleted}


def server_of(cloud: Cloud, action: Object) -> Object | None:
    """The server of an action, if it still exists."""
    return cloud.store.get("servers", action["resources"][0]["id"])


def check_unlocked(call: Call, server: Object) -> None:
    """Refuse to act on a server that something else still acts on."""
    if call.cloud.actions.running("server", server["id"]):
        raise ApiError("locked", "server is locked")


def check_off(server: Object, what: str) -> None:
    if server["status"] != "off":
        raise ApiError("server_not_stopped", f"server must be stopped before {what}")


ROUTES = [
    Route("POST", "/servers", _create),
    *common_routes(KIND, filters=("status",), delete=False),
    Route("DELETE", "/servers/{id}", _delete),
]
