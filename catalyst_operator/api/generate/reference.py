"""docs/api.md: the reference for people, rendered from the same schemas as the CRDs."""

from collections.abc import Iterator
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import CONDITIONS, DOMAIN_CONDITIONS, ConditionDoc
from catalyst_operator.api.generate.crds import JsonSchema, root_schema
from catalyst_operator.api.resources import RESOURCES, ResourceDefinition
from catalyst_operator.api.schema import LIST_TYPE, VALIDATIONS

_INTRO = f"""\
# API reference

<!-- Generated from catalyst_operator/api by `make generate`; edit the models, not this file. -->

Group `{labels.GROUP}`, version `{labels.VERSION}`. `kubectl explain sovereign.spec --recursive` shows the same in the
terminal. Rules are checked by the API server when an object is created or changed; a refusal names the field.
"""

_CONDITIONS = {"Sovereign": CONDITIONS, "DomainReservation": DOMAIN_CONDITIONS}

_ANNOTATIONS = (
    (labels.ANNOTATION_RECONCILE, "look again now", "lastHandledReconcileAt"),
    (labels.ANNOTATION_RETRY, "clear a terminal failure and try again", "lastHandledRetryAt"),
    (labels.ANNOTATION_CANCEL, "stop the run in progress gracefully", "lastHandledCancelAt"),
    (labels.ANNOTATION_REJOIN, "watch the kit again, with a new deadline", "lastHandledRejoinAt"),
    (labels.ANNOTATION_HAND_OFF, "hand over now (`handOff.mode: Manual`)", "lastHandledHandOffAt"),
    (
        labels.ANNOTATION_REBUILD,
        "make this server again: its name as `status.servers` has it; for the same one once more, with `@` and "
        "anything new behind it",
        "lastHandledRebuild",
    ),
    (
        labels.ANNOTATION_CONFIRM_PROJECT,
        "the token opens the right project, and what is not there any more is really gone; only for "
        "`ERR_PROJECT_MISMATCH` and `ERR_OBJECTS_GONE`",
        "lastHandledProjectConfirmedAt",
    ),
)


def reference() -> str:
    """The whole document."""
    sections = [_INTRO, *(_resource(definition) for definition in RESOURCES), _annotations()]
    return "\n".join(sections)


def _resource(definition: ResourceDefinition) -> str:
    schema = root_schema(definition.model)
    names = ", ".join(f"`{name}`" for name in definition.short_names)
    lines = [
        f"## {definition.kind}",
        "",
        f"{schema['description']} {definition.scope}; short name {names}; category `catalyst`.",
        "",
        *_bullets("Rules of the whole object:", _grouped(schema[VALIDATIONS])),
        "### Spec",
        "",
        *_table(schema["properties"]["spec"]),
        "### Status",
        "",
        *_table(schema["properties"]["status"]),
        f"### Conditions of a {definition.kind}",
        "",
        *_conditions(definition.kind),
        "### Columns and field selectors",
        "",
        "Columns: "
        + ", ".join(f"{column.name.upper()}{' (wide)' * column.wide}" for column in definition.columns)
        + ".",
        "",
        "Field selectors: " + ", ".join(f"`{path.removeprefix('.')}`" for path in definition.selectable) + ".",
        "",
    ]
    return "\n".join(lines)


def _table(schema: JsonSchema) -> list[str]:
    rows = [
        f"| `{path}` | {_type(node)} | {_default(node, required)} | {_description(node)} |"
        for path, node, required in _fields(schema, "")
    ]
    return ["| field | type | default | meaning and rules |", "|---|---|---|---|", *rows, ""]


def _fields(schema: JsonSchema, prefix: str) -> Iterator[tuple[str, JsonSchema, bool]]:
    """Every field below a node, depth first: its path, its schema, and whether it must be given."""
    required = schema.get("required", [])
    for name, node in schema.get("properties", {}).items():
        path = f"{prefix}{name}" + ("[]" if node["type"] == "array" else "")
        yield path, node, name in required
        inner = node["items"] if node["type"] == "array" else node
        yield from _fields(inner, f"{path}.")


def _type(node: JsonSchema) -> str:
    if node["type"] == "array":
        return f"list of {_type(node['items'])}"
    if node["type"] == "string" and node.get("format") == "date-time":
        return "time"
    return str(node["type"])


def _default(node: JsonSchema, required: bool) -> str:
    if required:
        return "required"
    default = node.get("default")
    if default is None or isinstance(default, dict):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _description(node: JsonSchema) -> str:
    rules = [*_bounds(node), *_rules(node)]
    text: str = node.get("description", "") + "".join(f"<br>• {rule}" for rule in rules)
    return text.replace("|", "\\|").replace("<fqdn>", "`<fqdn>`").replace("<name>", "`<name>`")


def _bounds(node: JsonSchema) -> list[str]:
    inner = node.get("items", {})
    found = [_range(node, "minLength", "maxLength", "characters"), _range(node, "minItems", "maxItems", "entries")]
    found += [_range(node, "minimum", "maximum", ""), _range(inner, "minLength", "maxLength", "characters each")]
    for values in (node.get("enum"), inner.get("enum")):
        found.append("one of " + ", ".join(f"`{value}`" for value in values) if values else "")
    found.append("no duplicates" if node.get(LIST_TYPE) == "set" else "")
    return [text for text in found if text]


def _range(node: JsonSchema, low: str, high: str, unit: str) -> str:
    if low not in node and high not in node:
        return ""
    text = f"{node[low]} to {node[high]}" if low in node and high in node else ""
    text = text or (f"at most {node[high]}" if high in node else f"at least {node[low]}")
    return f"{text} {unit}".strip()


def _rules(node: JsonSchema) -> list[str]:
    own = [_rule(rule) for rule in node.get(VALIDATIONS, [])]
    return own + [_rule(rule) for rule in node.get("items", {}).get(VALIDATIONS, []) if node["type"] == "array"]


def _rule(rule: dict[str, Any]) -> str:
    path = str(rule.get("fieldPath", "")).removeprefix(".")
    return (f"`{path}` " if path else "") + _escaped(rule["message"])


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _grouped(rules: list[dict[str, Any]]) -> list[str]:
    """One line a message, with all the fields it is said of."""
    fields: dict[str, list[str]] = {}
    for rule in rules:
        fields.setdefault(_escaped(rule["message"]), []).append(f"`{rule['fieldPath'].removeprefix('.')}`")
    return [f"{', '.join(dict.fromkeys(paths))}: {message}" for message, paths in fields.items()]


def _bullets(title: str, items: list[str]) -> list[str]:
    return [title, "", *(f"- {item}" for item in items), ""] if items else []


def _conditions(kind: str) -> list[str]:
    return [line for condition in _CONDITIONS[kind] for line in _condition(condition)]


def _condition(condition: ConditionDoc) -> list[str]:
    rows = [f"| `{reason.value}` | {meaning} |" for reason, meaning in condition.reasons.items()]
    return [f"**{condition.type.value}**: {condition.meaning}", "", "| reason | meaning |", "|---|---|", *rows, ""]


def _annotations() -> str:
    rows = [f"| `{name}` | {meaning} | `status.{answer}` |" for name, meaning, answer in _ANNOTATIONS]
    return "\n".join(
        [
            "## Annotations",
            "",
            "Set one to any new value, such as the current time; it is answered once, in status.",
            "",
            "| annotation | asks the operator to | answered in |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
