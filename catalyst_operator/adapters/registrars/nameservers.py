"""What holds for lists of name servers, and for delegations in zones, with every vendor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catalyst_operator.core.domains.registrar import Domain
from catalyst_operator.core.redact import shorten, visible
from catalyst_operator.errors import RegistrarRefused

DELEGATION_TTL = 900
"""Seconds that an NS record of a child may be cached."""
SHOWN = 3
"""How many of the records that stand in the way are named."""


def tidy(hosts: Iterable[str]) -> tuple[str, ...]:
    """The names as the operator compares them: lower-case, without trailing dots, each once, sorted."""
    return tuple(sorted({"".join(visible(host).split()).lower().removesuffix(".") for host in hosts} - {""}))


def check_some(domain: Domain, hosts: Sequence[str]) -> None:
    """Raises RegistrarRefused where a registered domain would be left without name servers."""
    if domain.is_registered and not hosts:
        raise RegistrarRefused(f"{domain.name} is a registered domain, which is never left without name servers")


def full_name(domain: Domain, label: str) -> str:
    """The whole name of a record in the registered domain's zone; `@`, or nothing, is the zone itself."""
    return f"{label}.{domain.registered}".lower() if label not in ("", "@") else domain.registered


def check_hidden(domain: Domain, hosts: Sequence[str], records: Iterable[tuple[str, str]], vendor: str) -> None:
    """Raises RegistrarRefused where a first delegation of a child would hide records that answer now: below NS records
    only the child's own servers do, but for the addresses of those. `records` are those of the zone, as (whole name,
    type)."""
    hidden = sorted(
        {
            f"{name} {kind}"
            for name, kind in records
            if (name == domain.name and kind != "NS")
            or (name.endswith(f".{domain.name}") and not (name in hosts and kind in ("A", "AAAA")))
        }
    )
    if hidden:
        more = f" and {len(hidden) - SHOWN} more" if len(hidden) > SHOWN else ""
        raise RegistrarRefused(
            shorten(f"the delegation of {domain.name} would hide records that answer now: {', '.join(hidden[:SHOWN])}")
            + more,
            f"Move these records into the new zone and remove them at {vendor}, or use another name.",
        )
