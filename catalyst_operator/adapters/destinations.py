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
IN_CLUSTER = ("localhost", ".localhost", ".svc", ".cluster.local", ".internal")
"""Names of nothing outside."""
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
        found = ipaddress.ip_address(address.partition("%")[0])
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        one = mapped or found
        apart = one.is_loopback or one.is_link_local or one.is_unspecified or one.is_multicast
        return not apart and not any(one in network for network in self.refused if network.version == one.version)


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
