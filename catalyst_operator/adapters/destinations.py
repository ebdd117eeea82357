"""Where the operator connects to for a tenant, who names the host: never to itself, its node or its cluster.

The operator stands where a tenant does not. A host that resolves to its loopback, to the cloud's metadata service or to
a Service of the management cluster would be asked on the tenant's behalf, and what status says of the answer would tell
one from another.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
IN_CLUSTER = ("localhost", ".localhost", ".svc", ".cluster.local", ".internal")
"""Names of nothing outside."""
METADATA = tuple(
    map(
        ipaddress.ip_network,
        ("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd00:42::42/128", "fd20:ce::254/128"),
    )
)
"""Metadata services of clouds that are not link-local as others are: Alibaba's, Azure's, and by IPv6 those of AWS,
Scaleway and Google."""
NAT64, COMPATIBLE = ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96")
IPV4 = (1 << 32) - 1
WORDS = (
    "its address is none that the operator connects to for a Sovereign: it belongs to the operator's own machine, to "
    "the cloud's metadata service or to the management cluster"
)
"""One text for all of them, whether anything listens there or not."""


@dataclass(frozen=True)
class Destinations:
    """`refused`: networks besides those that are never outside, such as the management cluster's Pods and Services."""

    refused: tuple[Network, ...] = ()

    def allows_name(self, host: str) -> bool:
        """Whether a name may be looked up at all."""
        name = host.lower().rstrip(".")
        return not any(name == end.lstrip(".") or name.endswith(end) for end in IN_CLUSTER)

    def allows(self, address: str) -> bool:
        """Whether an address may be connected to."""
        return all(map(self._is_outside, _meant(ipaddress.ip_address(address.partition("%")[0]))))

    def _is_outside(self, one: Address) -> bool:
        apart = one.is_loopback or one.is_link_local or one.is_unspecified or one.is_multicast
        return not apart and not any(one in network for network in (*METADATA, *self.refused))


def _meant(found: Address) -> tuple[Address, ...]:
    """An address, or the IPv4 addresses that one of IPv6 leads to: mapped, or by a gateway that translates."""
    if isinstance(found, ipaddress.IPv4Address):
        return (found,)
    if found.ipv4_mapped:
        return (found.ipv4_mapped,)
    within = (
        found.sixtofour,
        *(ipaddress.IPv4Address(int(found) & IPV4) for net in (NAT64, COMPATIBLE) if found in net),
    )
    return (found, *filter(None, within))


class Anywhere(Destinations):
    """No limits: for servers that a test runs on its own machine."""

    def allows_name(self, host: str) -> bool:
        """Any."""
        return True

    def allows(self, address: str) -> bool:
        """Any."""
        return True


OUTSIDE = Destinations()


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR notation. Raises ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)
