"""What the reconciler of domains reaches besides the management cluster's API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

import httpx

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.adapters.registrars.talks import RegistrarTalks
from catalyst_operator.core.domains.observation import DnsQuestion, DnsReport


class Resolver(Protocol):
    """Asks name servers; see `adapters.dns`."""

    async def look(self, key: str, question: DnsQuestion) -> DnsReport: ...


@dataclass(frozen=True)
class DomainsOutside:
    """Built once by the composition."""

    zones: PowerDns
    """Where the Sovereigns' zones are."""
    pools: PowerDns
    """Where the pool domains' zones are; often the same server."""
    dns: Resolver
    looks: Errands[DnsReport]
    talks: RegistrarTalks
    client: httpx.AsyncClient
    """What all of them send with."""

    def forget(self, uid: str) -> None:
        """The reservation is gone."""
        self.looks.forget(uid)
        self.talks.forget(uid)

    async def close(self) -> None:
        """Give up all that is under way."""
        await asyncio.gather(self.looks.close(), self.talks.close())
        await self.client.aclose()
