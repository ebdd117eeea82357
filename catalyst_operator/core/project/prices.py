"""What servers cost and whether they can be had, by the dated table: pure arithmetic over `api.sizes`."""

from collections.abc import Iterable
from decimal import Decimal

from catalyst_operator.api.enums import Location
from catalyst_operator.api.sizes import Size, SizeCatalogue, catalogue
from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.api.sovereign_status import Cost
from catalyst_operator.core.project import sizing

LOAD_BALANCER = "lb11"


def size(name: str, table: SizeCatalogue | None = None) -> Size | None:
    """The entry of a server type, or None for one that the table does not know (it may still exist)."""
    return (table or catalogue()).sizes.get(name)


def successor(name: str, location: Location, table: SizeCatalogue | None = None) -> str | None:
    """What to use instead of a size that is retired in this location; None if it is not retired there."""
    entry = size(name, table)
    return entry.successor if entry and location in entry.retired else None


def cost(
    sizes: Iterable[str],
    location: Location,
    load_balancer: str | None = LOAD_BALANCER,
    table: SizeCatalogue | None = None,
) -> Cost | None:
    """Net list price of a month for these servers, their IPv4 addresses and the load balancer.

    None when the price of any of them is not known in this location: a wrong figure is worse than none.
    """
    table = table or catalogue()
    prices = [_server_price(name, location, table) for name in sizes]
    if None in prices:
        return None
    balancer = table.load_balancers[load_balancer] if load_balancer else Decimal(0)
    total = sum((price for price in prices if price is not None), balancer)
    return Cost(monthly=f"{total:.2f}", currency=table.currency, prices_as_of=table.prices_as_of)


def cost_of(spec: SovereignSpec, choices: sizing.Choices, table: SizeCatalogue | None = None) -> Cost | None:
    """The cost of what a spec asks for, with the sizes chosen for its servers."""
    sizes = [sizing.size_of(server, choices) for server in sizing.servers(spec)]
    return cost(sizes, spec.regions[0].location, table=table)


def _server_price(name: str, location: Location, table: SizeCatalogue) -> Decimal | None:
    entry = size(name, table)
    monthly = entry.monthly.get(location) if entry else None
    return None if monthly is None else monthly + table.primary_ipv4
