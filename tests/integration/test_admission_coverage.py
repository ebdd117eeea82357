"""No rule without a case: every CEL rule of the CRDs is refused for, by name, in one of the tables.

Rules about a single string are left to `test_admission_schema`, which gives every string a hostile value.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration import test_admission_domain_reservation, test_admission_sovereign
from tests.integration.admission import Case, schema


def table_of(module: Any) -> list[Case]:
    """All cases of refusals that a module's tests are parametrized with."""
    marks = [mark for test in vars(module).values() for mark in getattr(test, "pytestmark", []) if callable(test)]
    values = [value for mark in marks if mark.name == "parametrize" for value in mark.args[1]]
    return [value for value in values if isinstance(value, Case) and value.where]


def rules(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, str]]:
    """Path, message and message expression of every rule below a node that is not about one string alone."""
    for rule in node.get("x-kubernetes-validations", []):
        if not rule["rule"].startswith(("self.matches", "!(self.matches")):
            where = (path + rule.get("fieldPath", "")).lstrip(".")
            yield where, rule["message"], rule.get("messageExpression", "")
    for name, child in node.get("properties", {}).items():
        yield from rules(child, f"{path}.{name}")
    if "items" in node:
        yield from rules(node["items"], path)


def covered(case: Case, where: str, message: str, expression: str) -> bool:
    """Whether the case is refused by this rule; a computed message is only known at the server."""
    same_place = re.sub(r"\[\d+\]", "", case.where) == where
    return same_place and (bool(expression) or (bool(case.says) and case.says in message))


@pytest.mark.parametrize(
    ("plural", "module"),
    [
        ("sovereigns", test_admission_sovereign),
        ("domainreservations", test_admission_domain_reservation),
    ],
)
def test_every_rule_has_a_case(plural: str, module: Any) -> None:
    table = table_of(module)
    missing = [rule for rule in rules(schema(plural)) if not any(covered(case, *rule) for case in table)]
    assert missing == []
