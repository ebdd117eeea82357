"""What Cloudflare's zones must be like for a child to be delegated there."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from catalyst_operator.adapters.registrars.nameservers import tidy
from catalyst_operator.core.domains.registrar import Domain
from catalyst_operator.errors import RegistrarRefused


class _Account(BaseModel):
    id: str


class CloudflareZone(BaseModel):
    """A zone, as the API shows it."""

    id: str
    name: str
    status: str
    type: str
    account: _Account
    name_servers: tuple[str, ...] | None = None


class CloudflareRecord(BaseModel):
    """A record; its name is whole."""

    id: str
    name: str
    type: str
    content: str = ""


@dataclass(frozen=True)
class Place:
    """What the zone holds at the child's name and below it."""

    zone: CloudflareZone
    delegation: tuple[CloudflareRecord, ...]
    others: tuple[CloudflareRecord, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The child's name servers."""
        return tidy(record.content for record in self.delegation)

    @property
    def rest(self) -> list[tuple[str, str]]:
        """Whatever is no part of the delegation, as (name, type)."""
        return [(record.name, record.type) for record in self.others]


def check_child(domain: Domain) -> None:
    """Raises RegistrarRefused for a registered domain."""
    if domain.is_registered:
        raise RegistrarRefused(
            f"no API of Cloudflare changes the name servers of {domain.name} itself",
            f"Use a name below it, such as cloud.{domain.name}. If it is registered elsewhere, set domain.registrar to "
            "that registrar, or domain.mode to byo-manual. A domain that is registered with Cloudflare stays on "
            "Cloudflare's name servers until it is transferred to another registrar.",
        )


def check_zone(zone: CloudflareZone) -> None:
    """Raises RegistrarRefused for a zone that Cloudflare does not answer for."""
    if zone.type != "full":
        raise RegistrarRefused(
            f"Cloudflare does not serve {zone.name} as its primary DNS, so a record there would have no effect",
            "Set domain.mode to byo-manual and the NS records where the zone is kept.",
        )
    if zone.status != "active":
        raise RegistrarRefused(
            f"the zone {zone.name} is not active in Cloudflare, so a record there would have no effect",
            "Finish its set-up in Cloudflare's dashboard, or set domain.mode to byo-manual.",
        )


def check_signed(domain: Domain, place: Place) -> None:
    """Raises RegistrarRefused for a child with a DS record: that of the old zone makes resolvers reject a new one."""
    if any(record.type == "DS" and record.name == domain.name for record in place.others):
        raise RegistrarRefused(
            f"{domain.name} has a DS record, with which resolvers reject answers of other name servers",
            "Remove the DS record in Cloudflare's dashboard first, and wait for its time to live to pass.",
        )
