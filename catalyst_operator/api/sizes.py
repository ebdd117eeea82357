"""The dated catalogue of server sizes, read from `sizes.yaml` beside this module.

It lies in the API because admission refuses retired sizes by it. What is computed from it is in `core.catalogue`.
A live answer of the cloud wins over this table wherever a token is at hand.
"""

import re
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from catalyst_operator.api.enums import Location

ARM = "cax"
"""What the names of types with Arm processors begin with."""
ARM_TOLD = "is an Arm type; the image and the kit are built for x86"
FAMILIES = "^(cx|cpx|ccx)[0-9]{2}$"
"""The shape of a name alone: which of them Hetzner has, and where, it says itself before anything is spent."""
NO_SERVER_TYPE = "is no server type of Hetzner Cloud: those are cx, cpx or ccx with two digits, such as cx33"
RETIRED = "is no longer sold in this location"


def _exact(value: Any) -> Any:
    # A float would have lost the price already; YAML prices are quoted.
    if not isinstance(value, str):
        raise ValueError("a price must be a quoted string")
    return Decimal(value)


Price = Annotated[Decimal, BeforeValidator(_exact)]


class Size(BaseModel):
    """A server type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    cores: int
    memory: int
    """GB."""
    disk: int
    """GB."""
    monthly: dict[Location, Price] = Field(default_factory=dict)
    """Net list price of a month by location; a location without an entry has no known price."""
    locations: tuple[Location, ...] = ()
    """Where it can be ordered."""
    retired: tuple[Location, ...] = ()
    """Where it can no longer be ordered."""
    successor: str | None = None
    """What to use instead where it is retired."""

    @property
    def orderable(self) -> bool:
        """Whether it can be ordered anywhere."""
        return bool(self.locations)


class SizeCatalogue(BaseModel):
    """All sizes, and the prices of what else a Sovereign always has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prices_as_of: str
    currency: str
    load_balancers: dict[str, Price]
    primary_ipv4: Price
    sizes: dict[str, Size]


def parse(text: str) -> SizeCatalogue:
    """Read the catalogue's YAML, in which locations may be given by the names of its groups."""
    raw = yaml.safe_load(text)
    groups: dict[str, list[str]] = raw["groups"]

    def located(entry: dict[str, Any]) -> dict[str, Any]:
        return entry | {
            "monthly": {place: price for name, price in entry.get("monthly", {}).items() for place in groups[name]},
            "locations": [place for name in entry.get("locations", ()) for place in groups[name]],
            "retired": [place for name in entry.get("retired", ()) for place in groups[name]],
        }

    return SizeCatalogue(
        prices_as_of=raw["pricesAsOf"],
        currency=raw["currency"],
        load_balancers=raw["loadBalancers"],
        primary_ipv4=raw["primaryIPv4"],
        sizes={entry["name"]: Size.model_validate(located(entry)) for entry in raw["sizes"]},
    )


@cache
def catalogue() -> SizeCatalogue:
    """The catalogue this build carries."""
    return parse(files(__package__).joinpath("sizes.yaml").read_text("utf-8"))


def refusal(name: str, location: Location, table: SizeCatalogue | None = None) -> str:
    """Why admission takes no new Sovereign with this size in this location, in the words of its rules; empty if it
    does. For those who have no API server at hand."""
    if name.startswith(ARM):
        return ARM_TOLD
    if not re.match(FAMILIES, name):
        return f"{name} {NO_SERVER_TYPE}"
    entry = (table or catalogue()).sizes.get(name)
    if entry is None or location not in entry.retired:
        return ""
    return f"{name} {RETIRED}: use {entry.successor}"
