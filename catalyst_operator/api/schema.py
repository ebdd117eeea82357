"""Markers that carry what OpenAPI can say and Python types cannot.

Models stay plain pydantic; a marker inside `Annotated[...]` (or a model's `cel_rules`) adds CEL rules and Kubernetes
list semantics to the JSON schema, from which `generate` makes the CRD. Nothing here knows a resource.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

VALIDATIONS = "x-kubernetes-validations"
LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"


class RuleReason(StrEnum):
    """Machine-readable cause the API server returns with a refused rule.

    Two are not among them: with FieldValueDuplicate the API server drops the rule's message, and with FieldValueInvalid
    it puts the type of the value before it, as in `Invalid value: "string"`, which tells people nothing.
    """

    FORBIDDEN = "FieldValueForbidden"
    REQUIRED = "FieldValueRequired"


@dataclass(frozen=True)
class Rule:
    """One entry of `x-kubernetes-validations`.

    `field_path` is relative to where the rule is attached and may not contain list indices. With
    `optional_old_self` the rule also runs at creation, and `oldSelf` is an optional.
    """

    expression: str
    message: str
    field_path: str = ""
    reason: RuleReason = RuleReason.FORBIDDEN
    message_expression: str = ""
    optional_old_self: bool = False

    def to_schema(self) -> dict[str, Any]:
        """The rule as the CRD spells it."""
        entry: dict[str, Any] = {
            "rule": self.expression,
            "message": self.message,
            "reason": self.reason.value,
        }
        if self.field_path:
            entry["fieldPath"] = self.field_path
        if self.message_expression:
            entry["messageExpression"] = self.message_expression
        if self.optional_old_self:
            entry["optionalOldSelf"] = True
        return entry

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        schema.setdefault(VALIDATIONS, []).append(self.to_schema())
        return schema


@dataclass(frozen=True)
class Format:
    """A string must match `pattern` as a whole; refused with `message`, both by the API server and when
    parsed.

    A CEL rule is used instead of OpenAPI's `pattern`, which would show people the expression and echo the
    value. Patterns keep to what Python's `re` and Go's RE2 have in common.
    """

    pattern: str
    message: str

    @property
    def rule(self) -> Rule:
        """The same check for the API server."""
        return Rule(f"self.matches({cel_string(f'^(?:{self.pattern})$')})", self.message)

    def check(self, value: str) -> str:
        """Return the value, or raise ValueError with the message."""
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.message)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.rule.__get_pydantic_json_schema__(core, handler)


@dataclass(frozen=True)
class ListMap:
    """A list of objects told apart by `keys`: server-side apply merges it item by item."""

    keys: tuple[str, ...]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(core) | {LIST_TYPE: "map", LIST_MAP_KEYS: list(self.keys)}


@dataclass(frozen=True)
class ListSet:
    """A list of distinct scalars: the API server refuses duplicates."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(core) | {LIST_TYPE: "set"}


def cel_string(text: str) -> str:
    """Quote text as a CEL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def wire_name(snake: str) -> str:
    """camelCase as Kubernetes writes it: initialisms stay upper-case unless they come first
    (`loadBalancerIP`)."""
    first, *rest = snake.split("_")
    return first + "".join(_INITIALISMS.get(word, word.capitalize()) for word in rest)


_INITIALISMS = {"id": "ID", "uid": "UID", "url": "URL", "ip": "IP", "ips": "IPs", "cidrs": "CIDRs"}
