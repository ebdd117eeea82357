"""Addresses: public ones from given ranges, private ones from a network's subnets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

from e2e.lab.hcloud.errors import ApiError, invalid_field
from e2e.lab.hcloud.store import Object, Store

DOCUMENTATION = (IPv4Network("203.0.113.0/24"), IPv4Network("198.51.100.0/24"), IPv4Network("192.0.2.0/24"))
"""Ranges that are reserved for documentation: nobody is there."""

_LAST = "last_public_ipv4"
_PUBLIC_IPV6 = IPv6Network("2001:db8::/32")
_PRIVATE = [IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")]


def public_ipv4(store: Store, ranges: Sequence[IPv4Network]) -> str:
    """An IPv4 address of the ranges that no object of any project has.

    Given out in turn: one that was just given back may still be busy with its last owner's connections.
    """
    taken = {item["ip"] for item in store.all("primary_ips")}
    taken |= {balancer["ipv4"] for balancer in store.all("load_balancers")}
    hosts = [host for network in ranges for host in network.hosts()]
    last = store.setting(_LAST) or 0
    for step in range(len(hosts)):
        number = (last + step) % len(hosts)
        if str(hosts[number]) not in taken:
            store.set_setting(_LAST, number + 1)
            return str(hosts[number])
    raise ApiError("resource_unavailable", f"no public IPv4 address is left in {', '.join(map(str, ranges))}")


def public_ipv6(number: int) -> str:
    """The /64 network of the object with this id."""
    return str(IPv6Network((int(_PUBLIC_IPV6.network_address) + ((number & 0xFFFFFFFF) << 64), 64)))


def mac_address(number: int) -> str:
    """A locally administered address for the attachment with this number."""
    return "86:00:00:" + number.to_bytes(3, "big").hex(":")


def private_range(text: str, field: str) -> IPv4Network:
    """A range within the private ranges, its host bits zero."""
    try:
        network = ip_network(text)
    except ValueError as error:
        raise invalid_field(field, str(error)) from None
    if not isinstance(network, IPv4Network) or not any(network.subnet_of(whole) for whole in _PRIVATE):
        raise invalid_field(field, "is not within a private IPv4 range")
    return network


def gateway_of(network: IPv4Network) -> str:
    return str(network.network_address + 1)


def taken_addresses(store: Store, network_id: int) -> set[str]:
    """All addresses that are in use in a network, aliases included."""
    return set(_taken(store, network_id))


def _taken(store: Store, network_id: int) -> Iterator[str]:
    for kind in ("servers", "load_balancers"):
        for item in store.all(kind):
            for private in item["private_net"]:
                if private["network"] == network_id:
                    yield private["ip"]
                    yield from private.get("alias_ips", [])


def assign(store: Store, network: Object, wanted: str | None, ip_range: str | None) -> str:
    """An address in one of the network's subnets: the wanted one, or the first free one, of `ip_range` if given."""
    subnets = [IPv4Network(subnet["ip_range"]) for subnet in network["subnets"]]
    if ip_range is not None:
        subnets = [subnet for subnet in subnets if str(subnet) == ip_range]
    if not subnets:
        raise ApiError("no_subnet_available", "no subnet or IP is available")
    taken = taken_addresses(store, network["id"]) | {subnet["gateway"] for subnet in network["subnets"]}
    return _first_free(subnets, taken) if wanted is None else check_free(wanted, subnets, taken)


def _first_free(subnets: Iterable[IPv4Network], taken: set[str]) -> str:
    for subnet in subnets:
        for host in subnet.hosts():
            if str(host) not in taken:
                return str(host)
    raise ApiError("no_subnet_available", "no subnet or IP is available")


def check_free(wanted: str, subnets: Iterable[IPv4Network], taken: set[str]) -> str:
    """The wanted address, if it lies in a subnet and nobody has it."""
    try:
        address = ip_address(wanted)
    except ValueError as error:
        raise invalid_field("ip", str(error)) from None
    inside = isinstance(address, IPv4Address) and any(address in subnet for subnet in subnets)
    if not inside or str(address) in taken:
        raise ApiError("ip_not_available", "IP is not available")
    return str(address)
