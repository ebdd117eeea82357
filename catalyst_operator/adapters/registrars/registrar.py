"""The shape that every vendor's adapter has. One adapter serves one domain with one set of credentials."""

from __future__ import annotations

from typing import Protocol

from catalyst_operator.core.domains.registrar import Domain, RegistrarView


class Registrar(Protocol):
    """Access to one vendor's account. Every method raises RegistrarError and nothing else; no message of one holds
    credentials. Requests that may be repeated are repeated for a few seconds, no longer."""

    async def validate(self, domain: Domain) -> None:
        """Read only: the credentials are accepted, the domain is in the account, and what `set_nameservers` needs is
        there as far as reading can tell. Raises what is wrong."""
        ...

    async def get(self, domain: Domain) -> RegistrarView:
        """Read only: the name servers as they are set, and whether a change is under way or failed."""
        ...

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        """Have `hosts` be the name's servers and no others. Repeating it is harmless. It may return before the change
        is in force: `get` tells. Without hosts, the NS records of a child are removed; a registered domain is never
        left without."""
        ...
