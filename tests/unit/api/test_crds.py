"""The generated CRDs and reference: complete, bounded, and what lies in the repository."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.api.generate.__main__ import main
from catalyst_operator.api.generate.crds import crd, root_schema
from catalyst_operator.api.generate.files import drift, generated, write
from catalyst_operator.api.resources import DOMAIN_RESERVATION, RESOURCES, SOVEREIGN, ResourceDefinition
from catalyst_operator.api.sovereign import SovereignSpec
from tests.support.paths import REPOSITORY

PACKAGE = REPOSITORY / "catalyst_operator"

NEVER_ACTED_ON = {
    "provider": "admission lets one value pass",
}

every_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of the schema with its path, metadata left out: it is Kubernetes' own."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        if (path, name) != ("", "metadata"):
            yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def all_nodes(resource: ResourceDefinition) -> list[tuple[str, dict[str, Any]]]:
    return list(nodes(root_schema(resource.model)))


@pytest.mark.parametrize("name", SovereignSpec.model_fields)
def test_every_field_is_acted_on(name: str) -> None:
    """What admission lets in and nobody reads would be a promise that is not kept."""
    sources = (path for path in PACKAGE.rglob("*.py") if PACKAGE / "api" not in path.parents)
    read = any(re.search(rf"\bspec\.{name}\b", path.read_text("utf-8")) for path in sources)
    assert read != (name in NEVER_ACTED_ON)


@every_resource
def test_every_field_is_described(resource: ResourceDefinition) -> None:
    """`kubectl explain` is the documentation; items are described by their list."""
    missing = [path for path, node in all_nodes(resource) if not path.endswith("[]") and not node.get("description")]
    assert missing == []


@every_resource
def test_everything_is_bounded(resource: ResourceDefinition) -> None:
    kinds = {"apiVersion": (), "kind": ()}
    bounds = {"string": "maxLength", "array": "maxItems", "integer": "minimum"}
    for path, node in all_nodes(resource):
        if path.removeprefix(".") in kinds or "enum" in node or node["type"] not in bounds:
            continue
        assert bounds[node["type"]] in node, path


@every_resource
def test_only_what_structural_schemas_know(resource: ResourceDefinition) -> None:
    for path, node in all_nodes(resource):
        assert node["type"] in ("string", "integer", "boolean", "object", "array"), path
        assert not {"$ref", "anyOf", "title", "const", "additionalProperties", "nullable"} & set(node), path
        assert "x-kubernetes-preserve-unknown-fields" not in node, path
        assert (node["type"] == "array") == ("x-kubernetes-list-type" in node), path


@every_resource
def test_every_rule_helps(resource: ResourceDefinition) -> None:
    for path, node in all_nodes(resource):
        for rule in node.get("x-kubernetes-validations", []):
            assert rule["message"], path
            assert rule["reason"] in ("FieldValueForbidden", "FieldValueRequired"), path
            assert not re.search(r"[a-z]\.$", rule["message"]), f"{path}: the API server puts it into a list"


@every_resource
def test_status_has_no_defaults(resource: ResourceDefinition) -> None:
    assert [path for path, node in all_nodes(resource) if path.startswith(".status") and "default" in node] == []


def test_lists_that_are_merged_by_key() -> None:
    keys = {path: node.get("x-kubernetes-list-map-keys") for path, node in all_nodes(SOVEREIGN) if "items" in node}
    assert keys[".status.conditions"] == ["type"]
    assert keys[".status.components"] == ["name"]
    assert keys[".spec.regions"] == ["location"]


def test_names() -> None:
    names = {resource.kind: crd(resource)["spec"]["names"]["shortNames"] for resource in RESOURCES}
    assert names == {"Sovereign": ["sov"], "DomainReservation": ["domres"]}
    assert (SOVEREIGN.scope, DOMAIN_RESERVATION.scope) == ("Namespaced", "Cluster")


def test_what_lies_in_the_repository_is_up_to_date() -> None:
    assert drift(REPOSITORY) == []


def test_drift_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    assert main(["--check", "--root", str(tmp_path)]) == 0
    with (tmp_path / "docs/api.md").open("a") as file:
        file.write("an edit by hand\n")
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert "docs/api.md is out of date: run `make generate`" in capsys.readouterr().err


@every_resource
def test_the_reference_has_every_field(resource: ResourceDefinition) -> None:
    text = generated()["docs/api.md"]
    for path, _ in all_nodes(resource):
        for part in (".spec.", ".status."):
            if path.startswith(part) and not path.endswith("[]"):
                assert f"`{path.removeprefix(part)}" in text
