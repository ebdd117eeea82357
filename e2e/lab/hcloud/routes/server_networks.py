"""A server's private networks: attaching, detaching, alias addresses."""

from __future__ import annotations

from ipaddress import IPv4Network

from e2e.lab.hcloud.addresses import assign, check_free, mac_address, taken_addresses
from e2e.lab.hcloud.cloud import Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, not_found
from e2e.lab.hcloud.store import Object


def render_private(net: Object) -> Object:
    return {key: net[key] for key in ("network", "ip", "alias_ips", "mac_address")}


class Attach(Request):
    network: int
    ip: str | None = None
    ip_range: str | None = None
    alias_ips: list[str] = []


class Detach(Request):
    network: int


class ChangeAliases(Request):
    network: int
    alias_ips: list[str]


def attach(call: Call, server: Object, network: Object, wanted: Attach | None = None) -> None:
    """Give the server an interface in the network."""
    if any(net["network"] == network["id"] for net in server["private_net"]):
        raise ApiError("server_already_attached", "server is already attached to the network")
    wanted = wanted or Attach(network=network["id"])
    ip = assign(call.store, network, wanted.ip, wanted.ip_range)
    server["private_net"].append(
        {
            "network": network["id"],
            "ip": ip,
            "alias_ips": _aliases(call, network, wanted.alias_ips),
            "mac_address": mac_address(server["id"] % 2**24),
        }
    )
    call.store.save("servers", server)


def _aliases(call: Call, network: Object, wanted: list[str]) -> list[str]:
    subnets = [IPv4Network(subnet["ip_range"]) for subnet in network["subnets"]]
    return [check_free(ip, subnets, taken_addresses(call.store, network["id"])) for ip in wanted]


def _server(call: Call) -> Object:
    text = call.path["id"]
    server = call.need("servers", int(text) if text.isdigit() else None, f"server with ID '{text}'")
    if call.cloud.actions.running("server", server["id"]):
        raise ApiError("locked", "server is locked")
    return server


def _attach(call: Call) -> Reply:
    server, wanted = _server(call), call.parse(Attach)
    network = call.need("networks", wanted.network, "network")
    attach(call, server, network, wanted)
    return _started(call, "attach_to_network", server, network["id"])


def _net(server: Object, network_id: int) -> Object:
    net: Object | None = next((net for net in server["private_net"] if net["network"] == network_id), None)
    if net is None:
        raise not_found("attachment of the server to the network")
    return net


def _detach(call: Call) -> Reply:
    server, wanted = _server(call), call.parse(Detach)
    server["private_net"].remove(_net(server, wanted.network))
    call.store.save("servers", server)
    return _started(call, "detach_from_network", server, wanted.network)


def _change_aliases(call: Call) -> Reply:
    server, wanted = _server(call), call.parse(ChangeAliases)
    net = _net(server, wanted.network)
    net["alias_ips"] = []
    net["alias_ips"] = _aliases(call, call.need("networks", wanted.network, "network"), wanted.alias_ips)
    call.store.save("servers", server)
    return _started(call, "change_alias_ips", server, wanted.network)


def _started(call: Call, command: str, server: Object, network_id: int) -> Reply:
    return Reply({"action": call.quick(command, ("server", server["id"]), ("network", network_id))}, 201)


ROUTES = [
    Route("POST", "/servers/{id}/actions/attach_to_network", _attach),
    Route("POST", "/servers/{id}/actions/detach_from_network", _detach),
    Route("POST", "/servers/{id}/actions/change_alias_ips", _change_aliases),
]
