"""The stand-in provider's schema is the real provider's, for everything that it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hcloud.cluster import Tofu

pytestmark = pytest.mark.integration

REAL = Path(__file__).with_name("real-provider-schema.json")

# What the real provider's types have and the stand-in's lack. A configuration that uses one does not validate, which is
# better than one that is ignored.
UNSUPPORTED = {
    "hcloud_firewall.apply_to",
    "hcloud_load_balancer.target",
    "hcloud_load_balancer_service.http",
    "hcloud_load_balancer_service.health_check.http",
    "hcloud_server.allow_deprecated_images",
    "hcloud_server.backup_window",
    "hcloud_server.backups",
    "hcloud_server.datacenter",
    "hcloud_server.iso",
    "hcloud_server.rescue",
    "data.hcloud_image.selector",
}

# Attributes called "description": the file lost them when its descriptions were removed.
LOST_IN_THE_FILE = {
    "hcloud_firewall.rule.description",
    "data.hcloud_image.description",
    "data.hcloud_location.description",
    "data.hcloud_server_type.description",
    "data.hcloud_locations.locations.description",
}

Facts = dict[str, Any]
PROPERTIES = ("type", "required", "optional", "computed", "sensitive", "deprecated")


def flatten(path: str, block: Facts) -> dict[str, Facts]:
    """Every attribute and block below a block, by its dotted path."""
    flat: dict[str, Facts] = {}
    for name, attribute in block.get("attributes", {}).items():
        flat[f"{path}.{name}"] = {key: attribute[key] for key in PROPERTIES if attribute.get(key)}
        # The file gives the nested type under its own name in one place, directly in another.
        nested = attribute.get("nested_type") or attribute.get("type")
        if isinstance(nested, dict):
            flat[f"{path}.{name}"].pop("type", None)
            flat |= flatten(f"{path}.{name}", nested)
    for name, nested in block.get("block_types", {}).items():
        flat[f"{path}.{name}"] = {"block": nested["nesting_mode"]}
        flat |= flatten(f"{path}.{name}", nested["block"])
    return flat


def everything(schemas: Facts, names: Facts) -> dict[str, Facts]:
    # OpenTofu calls it "provider", the file "provider_config": there "provider" is the provider's address.
    flat = flatten("provider", schemas["provider_config" if "provider_config" in schemas else "provider"]["block"])
    for name in names["resource_schemas"]:
        flat |= flatten(name, schemas["resource_schemas"][name]["block"])
    for name in names["data_source_schemas"]:
        flat |= flatten(f"data.{name}", schemas["data_source_schemas"][name]["block"])
    return flat


def under(path: str, roots: set[str]) -> bool:
    return any(path == root or path.startswith(f"{root}.") for root in roots)


@pytest.fixture(scope="module")
def ours(tofu: Tofu) -> Facts:
    ran = tofu.run("providers", "schema", "-json", cwd=tofu.home / "module", environment={})
    assert ran.returncode == 0, ran.stderr
    schemas: Facts = json.loads(ran.stdout)["provider_schemas"]["registry.opentofu.org/hetznercloud/hcloud"]
    return schemas


def test_the_schema_is_the_real_providers(ours: Facts) -> None:
    want = everything(json.loads(REAL.read_text()), ours)
    have = everything(ours, ours)
    assert {path for path in want if under(path, UNSUPPORTED)} >= UNSUPPORTED, "the list names what does not exist"
    assert not {path for path in have if under(path, UNSUPPORTED)}, "the list names what is supported"
    expected = {path: facts for path, facts in want.items() if not under(path, UNSUPPORTED)}
    assert {path: facts for path, facts in have.items() if path not in LOST_IN_THE_FILE} == expected


def test_what_the_module_needs_is_there(ours: Facts) -> None:
    assert set(ours["resource_schemas"]) == {
        "hcloud_firewall",
        "hcloud_load_balancer",
        "hcloud_load_balancer_network",
        "hcloud_load_balancer_service",
        "hcloud_load_balancer_target",
        "hcloud_network",
        "hcloud_network_subnet",
        "hcloud_placement_group",
        "hcloud_server",
        "hcloud_ssh_key",
    }
