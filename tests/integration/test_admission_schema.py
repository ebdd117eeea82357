"""Bad YAML of every field is refused with the field's path: made from the schema, so that no field is forgotten."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.admission import (
    EITHER_OR,
    RESERVATIONS,
    full_reservation,
    full_sovereign,
    refusal,
    schema,
    sovereigns,
)
from tests.integration.apiserver import Api

pytestmark = pytest.mark.integration

_WRONG_TYPE: dict[str, Any] = {
    "string": 7,
    "integer": "text",
    "boolean": "yes",
    "object": "text",
    "array": "text",
}


HOSTILE = "$(reboot now)"
"""Within the length of every string; no string of the API may hold it."""


@dataclass(frozen=True)
class Bad:
    """A value that the field at `path` may not have."""

    path: str
    what: str
    value: Any

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def bad_values(node: dict[str, Any], path: str = "") -> Iterator[Bad]:
    """Every way in which each field below a node can be wrong by type or bound."""
    for name, field in node.get("properties", {}).items():
        yield from _bad_field(field, f"{path}.{name}".lstrip("."))


def _bad_field(node: dict[str, Any], path: str) -> Iterator[Bad]:
    yield Bad(path, "wrong type", _WRONG_TYPE[node["type"]])
    yield from (Bad(path, what, value) for what, value in _out_of_bounds(node))
    if node["type"] == "array":
        yield from _bad_field(node["items"], f"{path}[0]")
    elif node["type"] == "object":
        yield Bad(f"{path}.unknownField", "unknown", True)
        yield from bad_values(node, path)


def _out_of_bounds(node: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    makers: dict[str, tuple[str, Callable[[int], Any]]] = {
        "maxLength": ("too long", lambda bound: "a" * (bound + 1)),
        "minLength": ("too short", lambda bound: "a" * (bound - 1)),
        "maximum": ("too high", lambda bound: bound + 1),
        "minimum": ("too low", lambda bound: bound - 1),
        "minItems": ("too few", lambda bound: []),
    }
    for key, (what, make) in makers.items():
        if key in node:
            yield what, make(node[key])
    if node["type"] == "string" and "enum" not in node:
        yield "hostile", HOSTILE
    if "enum" in node:
        yield "not one of the values", 7 if node["type"] == "integer" else "nonsense"


SOVEREIGN = list(bad_values(schema("sovereigns")["properties"]["spec"]))
RESERVATION = list(bad_values(schema("domainreservations")["properties"]["spec"]))


@pytest.mark.parametrize("bad", SOVEREIGN, ids=str)
def test_sovereign(api: Api, bad: Bad, shared_namespace: str) -> None:
    _refused(api, sovereigns(shared_namespace), full_sovereign({bad.path: bad.value}), bad)


@pytest.mark.parametrize("bad", RESERVATION, ids=str)
def test_domain_reservation(api: Api, bad: Bad) -> None:
    _refused(api, RESERVATIONS, full_reservation({bad.path: bad.value}), bad)


def test_every_field_of_the_spec_is_covered() -> None:
    """The object that is spoilt has every field, so that each refusal is about the field under test."""
    for node, full in (("sovereigns", full_sovereign()), ("domainreservations", full_reservation())):
        missing = set(_paths(schema(node)["properties"]["spec"])) - set(_given(full["spec"]))
        assert missing - EITHER_OR == set()


@pytest.fixture(scope="module")
def shared_namespace(api: Api) -> str:
    """One namespace for all dry runs, which leave nothing behind."""
    name: str = api.create("/api/v1/namespaces", {"metadata": {"generateName": "schema-"}})["metadata"]["name"]
    return name


def _refused(api: Api, path: str, body: dict[str, Any], bad: Bad) -> None:
    error = refusal(api, "POST", path, body)
    named = {field for field, _ in error.causes} or {str(error)}
    where = f"spec.{bad.path}"
    assert where in named or any(f'unknown field "{where}"' in text for text in named), error.status


def _paths(node: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, field in node.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _paths(field.get("items", field), f"{path}.{name}")


def _given(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _given(item, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield f"{path}.{name}"
            yield from _given(item, f"{path}.{name}")
