"""Where a change of name servers takes effect: in the parent's DNS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import httpx

TTL_SECONDS = 900


class Registry(Protocol):
    """The DNS that a registrar's changes reach. Names are without trailing dots."""

    async def publish(self, zone: str, name: str, hosts: tuple[str, ...]) -> None:
        """Have `hosts` be all NS records of `name` in `zone`; none without hosts. Raises Exception when it cannot."""
        ...


class MemoryRegistry:
    """Remembers what is delegated, and in which order it came to be."""

    def __init__(self) -> None:
        self.delegations: dict[str, tuple[str, ...]] = {}
        self.history: list[tuple[str, tuple[str, ...]]] = []

    async def publish(self, zone: str, name: str, hosts: tuple[str, ...]) -> None:
        """See Registry."""
        assert name.endswith("." + zone), f"{name} is not in {zone}"
        self.history.append((name, hosts))
        self.delegations[name] = hosts
        if not hosts:
            del self.delegations[name]


@dataclass(frozen=True)
class PowerDns:
    """The API of one PowerDNS server."""

    url: str
    key: str


class PowerDnsRegistry:
    """Writes the records into the zone on PowerDNS servers. The zone must be there."""

    def __init__(self, servers: tuple[PowerDns, ...], client: httpx.AsyncClient) -> None:
        self._servers = servers
        self._client = client

    async def publish(self, zone: str, name: str, hosts: tuple[str, ...]) -> None:
        """See Registry."""
        change: dict[str, object] = {"name": f"{name}.", "type": "NS", "changetype": "DELETE"}
        if hosts:
            records = [{"content": f"{host}.", "disabled": False} for host in hosts]
            change |= {"changetype": "REPLACE", "ttl": TTL_SECONDS, "records": records}
        for server in self._servers:
            answer = await self._client.patch(
                f"{server.url.rstrip('/')}/api/v1/servers/localhost/zones/{zone}.",
                json={"rrsets": [change]},
                headers={"X-API-Key": server.key},
            )
            answer.raise_for_status()


def parent(name: str) -> str:
    """The zone that delegates a registered domain: all but its first label."""
    return name.partition(".")[2]
