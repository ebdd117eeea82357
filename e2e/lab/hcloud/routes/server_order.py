"""The checks of an order that concern what else it names: type and location, keys, firewalls, networks, the group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from e2e.lab.hcloud.catalogue import offer_in
from e2e.lab.hcloud.cloud import Call
from e2e.lab.hcloud.errors import ApiError, invalid_field, not_found
from e2e.lab.hcloud.routes.placement_groups import check_room
from e2e.lab.hcloud.store import Object


class FirewallReference(Protocol):
    @property
    def firewall(self) -> int: ...


class Order(Protocol):
    """What an order names besides itself."""

    @property
    def ssh_keys(self) -> Sequence[int | str]: ...
    @property
    def firewalls(self) -> Sequence[FirewallReference]: ...
    @property
    def networks(self) -> Sequence[int]: ...
    @property
    def volumes(self) -> Sequence[int]: ...
    @property
    def placement_group(self) -> int | None: ...


def type_and_location(call: Call, type_name: int | str, location: str | None) -> tuple[Object, str]:
    """The server type and the location's name, if the type can be had there now."""
    server_type = call.cloud.catalogue.server_type(type_name)
    if server_type is None:
        raise not_found("server type")
    if location is None:
        location = next((offer["name"] for offer in server_type["locations"] if offer["available"]), None)
    if location is None or call.cloud.catalogue.location(location) is None:
        raise invalid_field("location", f"location '{location}' does not exist")
    check_offer(call, server_type, location)
    return server_type, location


def check_offer(call: Call, server_type: Object, location: str) -> None:
    """Refuse a type that the location never had, no longer has, or has no room for."""
    offer = offer_in(server_type, location)
    if offer is None:
        raise ApiError("invalid_input", "unsupported location for server type")
    if _is_over(call, offer["deprecation"]) or _is_over(call, server_type["deprecation"]):
        raise ApiError("invalid_server_type", f"server type {server_type['name']} is deprecated")
    if not offer["available"]:
        raise ApiError("resource_unavailable", "error during placement")


def _is_over(call: Call, deprecation: Object | None) -> bool:
    if deprecation is None:
        return False
    return datetime.fromisoformat(deprecation["unavailable_after"]).timestamp() < call.cloud.clock()


def key_ids(call: Call, wanted: Sequence[int | str]) -> list[int]:
    """The ids of SSH keys that are given by id or name."""
    by_name = {key["name"]: key["id"] for key in call.all("ssh_keys")}
    ids = [number if isinstance(number, int) else by_name.get(number) for number in wanted]
    return [call.need("ssh_keys", number, "SSH key")["id"] for number in ids]


def check_references(call: Call, order: Order) -> None:
    """Everything that the order names must exist in the project."""
    key_ids(call, order.ssh_keys)
    for reference in order.firewalls:
        call.need("firewalls", reference.firewall, "firewall")
    for number in order.networks:
        call.need("networks", number, "network")
    for number in order.volumes:
        if call.need("volumes", number, "volume")["server"] is not None:
            raise ApiError("volume_already_attached", "volume is already attached to a server")
    if order.placement_group is not None:
        check_room(call, order.placement_group)
