"""CRDs from the models: pydantic's JSON schema, made structural as the API server demands it.

What this adds to the models: a default list type (atomic), no nulls, no references, no keywords that structural
schemas do not know. What only Kubernetes knows about a resource (scope, names, columns, selectable fields) is in
`resources`.
"""

from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from catalyst_operator.api.common import Model, Resource
from catalyst_operator.api.labels import GROUP, VERSION
from catalyst_operator.api.resources import ResourceDefinition
from catalyst_operator.api.scalars import format_duration
from catalyst_operator.api.schema import LIST_TYPE, VALIDATIONS

JsonSchema = dict[str, Any]

# Written first, so that a CRD reads from what a field is to what it holds.
_ORDER = ("description", "type", "format", "default", "enum")
_DROPPED = ("title", "additionalProperties")


class _Generator(GenerateJsonSchema):
    """Defaults in their wire form."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Model):
            return dft.to_wire()
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return super().encode_default(dft)


def crd(definition: ResourceDefinition) -> dict[str, Any]:
    """The CustomResourceDefinition of a resource, ready to be written as YAML."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{definition.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "catalyst-operator"},
        },
        "spec": {
            "group": GROUP,
            "scope": definition.scope,
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": list(definition.short_names),
                "categories": ["catalyst"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [column.to_wire() for column in definition.columns],
                    "selectableFields": [{"jsonPath": path} for path in definition.selectable],
                    "schema": {"openAPIV3Schema": root_schema(definition.model)},
                }
            ],
        },
    }


def root_schema(model: type[Resource]) -> JsonSchema:
    """The structural schema of a whole resource."""
    raw = raw_schema(model)
    spec, status = structural(raw["properties"]["spec"]), structural(raw["properties"]["status"])
    return {
        "description": structural(raw)["description"],
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"Always {model.__name__}."},
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": _without(spec, "default"),
            # What nobody has written must read as absent, so status has no defaults.
            "status": without_defaults(status),
        },
        VALIDATIONS: raw.get(VALIDATIONS, []),
    }


def raw_schema(model: type[Model], mode: JsonSchemaMode = "validation") -> JsonSchema:
    """pydantic's JSON schema with every reference put in place."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator, mode=mode)
    definitions = schema.pop("$defs", {})
    inlined: JsonSchema = _inline(schema, definitions)
    return inlined


def _inline(node: Any, definitions: dict[str, JsonSchema]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        return _merged(_inline(target, definitions), _inline(_without(node, "$ref"), definitions))
    if "anyOf" in node:
        (value,) = (option for option in node["anyOf"] if option != {"type": "null"})
        return _merged(_inline(value, definitions), _inline(_without(node, "anyOf"), definitions))
    return {key: _inline(value, definitions) for key, value in node.items()}


def _merged(inner: JsonSchema, outer: JsonSchema) -> JsonSchema:
    """The field's own keywords win over its type's; rules of both apply."""
    rules = [*inner.get(VALIDATIONS, []), *outer.get(VALIDATIONS, [])]
    return inner | outer | ({VALIDATIONS: rules} if rules else {})


def structural(node: JsonSchema) -> JsonSchema:
    """One node of the schema and all below it, in the dialect of CustomResourceDefinitions."""
    out = {key: value for key, value in node.items() if key not in _DROPPED}
    if "description" in out:
        out["description"] = _description(node)
    if "const" in out:
        out["enum"] = [out.pop("const")]
    if out.get("default") is None:
        out.pop("default", None)
    if out.get("type") == "integer":
        out.setdefault("format", "int64")
    if out.get("type") == "array":
        out["items"] = structural(out["items"])
        out.setdefault(LIST_TYPE, "atomic")
    if "properties" in out:
        out["properties"] = {name: structural(field) for name, field in out["properties"].items()}
    return {key: out[key] for key in sorted(out, key=_rank)}


def without_defaults(node: JsonSchema) -> JsonSchema:
    """The same schema with every default taken out."""
    out = _without(node, "default")
    if "items" in out:
        out["items"] = without_defaults(out["items"])
    if "properties" in out:
        out["properties"] = {name: without_defaults(field) for name, field in out["properties"].items()}
    return out


def _description(node: JsonSchema) -> str:
    return " ".join(node["description"].split())


def _without(node: JsonSchema, *keys: str) -> JsonSchema:
    return {key: value for key, value in node.items() if key not in keys}


def _rank(key: str) -> tuple[int, str]:
    if key in _ORDER:
        return _ORDER.index(key), ""
    return (len(_ORDER) + (2 if key in ("properties", "items") else 3 if key == VALIDATIONS else 1)), key
