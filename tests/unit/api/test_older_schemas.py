"""What an earlier version let in or wrote is let in and read today: schemas only become wider, or it is said here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from catalyst_operator.api.generate.crds import crd
from catalyst_operator.api.resources import RESOURCES
from tests.support.samples import of_versions

SAMPLES = of_versions("manifests")
"""The manifests of earlier versions."""
LIMITS = {"maximum": 1, "maxLength": 1, "maxItems": 1, "minimum": -1, "minLength": -1, "minItems": -1}
"""In which direction each may move."""
EXPECTED = {
    # Never released. Where it is pushed to, admission lets spec.gitops.ref be set instead.
    "sovereigns: spec.gitops.branch is gone",
}
"""What became narrower all the same. Each needs a line in CHANGELOG and a word on how an old object goes on."""

Schema = dict[str, Any]


def narrower(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """What the old schema allows and the new one does not, but for rules, which leave alone what does not change."""
    for name in ("type", "format", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"):
        if old.get(name) != new.get(name) and (name != "format" or name in new):
            yield f"{path}: {name} was {old.get(name)} and is {new.get(name)}"
    gone = [value for value in old.get("enum", ()) if value not in new.get("enum", [value])]
    yield from (f"{path}: {value} is not allowed any more" for value in gone)
    if "enum" in new and "enum" not in old:
        yield f"{path}: only some values are allowed"
    for name, direction in LIMITS.items():
        if name in new and (name not in old or (new[name] - old[name]) * direction < 0):
            yield f"{path}: {name} was {old.get(name)} and is {new[name]}"
    properties, today = old.get("properties", {}), new.get("properties", {})
    for name in new.get("required", ()):
        if name not in old.get("required", ()) and "default" not in today[name]:
            yield f"{path}.{name} is required now"
    for name, inner in properties.items():
        place = f"{path}.{name}" if path else name
        if name in today:
            yield from narrower(inner, today[name], place)
        else:
            yield f"{place} is gone"
    for name in ("items", "additionalProperties"):
        if isinstance(old.get(name), dict):
            yield from narrower(old[name], new.get(name, {}), f"{path}[]")


def schema(definition: dict[str, Any], version: str = "v1alpha1") -> Schema:
    (found,) = (v for v in definition["spec"]["versions"] if v["name"] == version)
    root: Schema = found["schema"]["openAPIV3Schema"]
    return root


@pytest.mark.parametrize("sample", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_schemas_only_become_wider(sample: Any) -> None:
    before = {
        document["spec"]["names"]["plural"]: schema(document)
        for document in yaml.safe_load_all(sample.read_text(encoding="utf-8"))
        if document["kind"] == "CustomResourceDefinition"
    }
    assert set(before) == {resource.plural for resource in RESOURCES}
    found = {
        f"{resource.plural}: {difference}"
        for resource in RESOURCES
        for difference in narrower(before[resource.plural], schema(crd(resource)), "")
    }
    assert found == EXPECTED


WIDE: Schema = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"type": "string", "enum": ["x", "y"]},
        "b": {"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 1}},
    },
}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"properties": {"a": WIDE["properties"]["a"]}}, "b is gone"),
        (
            {"properties": {**WIDE["properties"], "a": {"type": "string", "enum": ["x"]}}},
            "a: y is not allowed any more",
        ),
        ({"properties": {**WIDE["properties"], "a": {"type": "integer"}}}, "a: type was string and is integer"),
        (
            {"properties": {**WIDE["properties"], "b": {**WIDE["properties"]["b"], "maxItems": 2}}},
            "b: maxItems was 3 and is 2",
        ),
        (
            {
                "properties": {
                    **WIDE["properties"],
                    "b": {**WIDE["properties"]["b"], "items": {"type": "integer", "minimum": 2}},
                }
            },
            "b[]: minimum was 1 and is 2",
        ),
        ({"required": ["a", "b"]}, ".b is required now"),
    ],
)
def test_what_is_narrower_is_found(changed: Schema, says: str) -> None:
    assert list(narrower(WIDE, WIDE, "")) == []
    assert list(narrower(WIDE, {**WIDE, **changed}, "")) == [says]
