"""The dated catalogue of sizes, and the arithmetic on it."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from catalyst_operator.api.enums import Location
from catalyst_operator.api.sizes import catalogue, parse
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.project import sizing
from catalyst_operator.core.project.prices import cost, cost_of, size, successor
from catalyst_operator.core.record import SizeChoice
from tests.integration.admission import Edits, sovereign

TABLE = parse("""
pricesAsOf: "2026-01-31"
currency: EUR
loadBalancers: {lb11: "6.00"}
primaryIPv4: "0.50"
groups: {eu: [fsn1, nbg1], us: [ash]}
sizes:
  - {name: small, cores: 2, memory: 4, disk: 40, monthly: {eu: "8.10"}, locations: [eu, us]}
  - {name: big, cores: 4, memory: 8, disk: 80, monthly: {eu: "15.60", us: "20.05"}, locations: [eu, us]}
  - {name: old, cores: 2, memory: 4, disk: 40, locations: [us], retired: [eu], successor: small}
""")


def monthly(*sizes: str, location: Location = Location.FSN1, balancer: str | None = "lb11") -> str | None:
    total = cost(sizes, location, balancer, TABLE)
    return total.monthly if total else None


def test_servers_addresses_and_load_balancer_add_up() -> None:
    assert monthly("small", "big") == "30.70"


def test_prices_are_those_of_the_location() -> None:
    assert monthly("big", location=Location.ASH) == "26.55"


def test_without_load_balancer() -> None:
    assert monthly("small", balancer=None) == "8.60"


def test_no_servers_cost_the_load_balancer() -> None:
    assert monthly() == "6.00"


@pytest.mark.parametrize("sizes", [("unknown",), ("big", "unknown"), ("old",)])
def test_a_price_that_is_not_known_is_not_guessed(sizes: tuple[str, ...]) -> None:
    assert monthly(*sizes) is None


def test_ten_cents_ten_times_are_exactly_one_euro() -> None:
    """What floats get wrong."""
    assert monthly(*["small"] * 10, balancer=None) == "86.00"


def test_currency_and_date_come_along() -> None:
    total = cost(["small"], Location.FSN1, table=TABLE)
    assert total
    assert total.to_wire() == {"monthly": "14.60", "currency": "EUR", "pricesAsOf": "2026-01-31"}


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({"controlPlane.size": "small"}, "14.60"),
        ({"controlPlane.size": "small", "workers": {"size": "big", "replicas": 2}}, "46.80"),
        ({"controlPlane": {"size": "small", "replicas": 3}, "workers": {"size": "big", "replicas": 1}}, "47.90"),
        ({"controlPlane.size": "small", "workers": {"size": "big", "replicas": 0}}, "14.60"),
    ],
)
def test_cost_of_a_spec(edits: Edits, expected: str) -> None:
    total = cost_of(Sovereign.parse(sovereign(edits)).spec, {}, TABLE)
    assert total
    assert total.monthly == expected


@pytest.mark.parametrize(
    ("choices", "expected", "why"),
    [
        ({}, "30.70", "as the spec asks"),
        ({"worker-0": SizeChoice("small", "big")}, "23.20", "what the worker got is what is paid for"),
        ({"worker-0": SizeChoice("small", "other")}, "30.70", "the spec asks for another size by now"),
        ({"worker-1": SizeChoice("small", "big")}, "30.70", "of a worker that is not wanted any more"),
        ({"worker-0": SizeChoice("old", "big")}, None, "a price that is not known is not guessed"),
    ],
)
def test_cost_is_of_the_sizes_that_were_to_be_had(choices: sizing.Choices, expected: str | None, why: str) -> None:
    spec = Sovereign.parse(sovereign({"controlPlane.size": "small", "workers": {"size": "big", "replicas": 1}})).spec
    total = cost_of(spec, choices, TABLE)
    assert (total.monthly if total else None) == expected, why


def test_successor_only_where_retired() -> None:
    assert successor("old", Location.NBG1, TABLE) == "small"
    assert successor("old", Location.ASH, TABLE) is None
    assert successor("small", Location.FSN1, TABLE) is None
    assert successor("unknown", Location.FSN1, TABLE) is None


@pytest.mark.parametrize("price", ["8.1", "8"])
def test_an_unquoted_price_is_refused(price: str) -> None:
    with pytest.raises(ValidationError, match="quoted string"):
        parse(f"""
pricesAsOf: "2026-01-31"
currency: EUR
loadBalancers: {{lb11: {price}}}
primaryIPv4: "0.50"
groups: {{}}
sizes: []
""")


def test_the_catalogue_carried_is_sound() -> None:
    table = catalogue()
    assert date.fromisoformat(table.prices_as_of)
    for one in table.sizes.values():
        assert not set(one.locations) & set(one.retired), f"{one.name} is both sold and retired somewhere"
        assert set(one.monthly) <= set(one.locations), f"{one.name} has a price where it is not sold"
        assert all(price > Decimal(0) for price in one.monthly.values())


def test_successors_are_sold_where_their_predecessors_are_not_any_more() -> None:
    """cx types were only ever sold in Europe; elsewhere any successor is as good."""
    for one in (entry for entry in catalogue().sizes.values() if entry.retired):
        assert one.successor
        heir = size(one.successor)
        assert heir
        assert heir.orderable
        assert {Location.FSN1, Location.NBG1, Location.HEL1} <= set(heir.locations)
        assert (heir.memory, heir.cores) >= (one.memory, 0)


@pytest.mark.parametrize(("old", "new"), [("cpx21", "cpx22"), ("cpx31", "cpx32"), ("cx32", "cx33"), ("cx42", "cx43")])
def test_the_sizes_of_the_old_documents_have_their_successors(old: str, new: str) -> None:
    assert successor(old, Location.FSN1) == new
