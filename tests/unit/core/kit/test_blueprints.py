"""The catalogue is what spec.components may say and what the template installs: the two must agree file by file."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from catalyst_operator.core.kit import blueprints
from catalyst_operator.core.kit.blueprints import Blueprint, Folder, Tier
from catalyst_operator.core.kit.values import version_variable
from tests.support.postbuild import TEMPLATE, releases

CATALOGUE = blueprints.load()
VERSION = "version"
ALL = list(CATALOGUE.blueprints.values())
KIT = [
    "cilium",
    "cert-manager",
    "flux",
    "crossplane",
    "sealed-secrets",
    "spire",
    "nats-jetstream",
    "openbao",
    "keycloak",
    "gitea",
    "powerdns",
    "catalyst-platform",
]


def names(found: tuple[Blueprint, ...]) -> list[str]:
    return [blueprint.name for blueprint in found]


def kustomization(folder: str) -> Any:
    return yaml.safe_load((TEMPLATE / folder / "kustomization.yaml").read_text(encoding="utf-8"))


def one(**changes: Any) -> str:
    entry = {"family": "a", "tier": "optional", "folder": "components", "namespace": "a", "version": "1.0.0"}
    return yaml.safe_dump({"a": {**entry, "dependencies": [], **changes}})


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_the_kit_is_the_twelve_in_order() -> None:
    """The product's own order, which people know it by."""
    assert names(CATALOGUE.of(Folder.KIT)) == KIT


@pytest.mark.parametrize("name", KIT)
def test_the_products_order_is_one_of_the_graph(name: str) -> None:
    """Whoever installs one after the other, as the product's documents tell it, never installs anything too early."""
    assert (needed(name) - {name}) & set(KIT) <= set(KIT[: KIT.index(name)])


def test_the_kit_is_no_chain() -> None:
    """What does not depend on each other is installed at the same time: the longest way is half of the twelve."""
    assert max(map(length, KIT)) == 5


def needed(name: str) -> set[str]:
    """The blueprint and all that it needs, directly or not."""
    return {name}.union(*map(needed, CATALOGUE.blueprints[name].dependencies))


def length(name: str) -> int:
    """How many are installed one after the other until it is."""
    return 1 + max(map(length, CATALOGUE.blueprints[name].dependencies), default=0)


def test_who_brings_a_kind_comes_before_who_uses_it() -> None:
    """bp-powerdns makes a database of CloudNativePG's, and a chart with an unknown kind is refused whole."""
    users = {"powerdns": "cnpg", "external-secrets": "cert-manager", "catalyst-platform": "cert-manager"}
    assert {user: owner for user, owner in users.items() if owner in needed(user)} == users
    assert CATALOGUE.blueprints["cnpg"].tier is Tier.MANDATORY


@pytest.mark.parametrize(
    ("selected", "closure"),
    [
        ([], []),
        (["langfuse"], ["langfuse"]),
        (["librechat"], ["ferretdb", "librechat"]),
        (["harbor"], ["valkey", "seaweedfs", "harbor"]),
        (["alloy"], ["opentelemetry", "alloy"]),
        (["harbor", "cnpg", "langfuse"], ["valkey", "seaweedfs", "harbor", "langfuse"]),
        (["cilium", "no-such", "keda"], ["keda"]),
    ],
)
def test_closure(selected: list[str], closure: list[str]) -> None:
    """Cascades go from component to component; what is always included is not pulled in."""
    assert names(CATALOGUE.closure(selected)) == closure


def test_a_family_pulls_in_nothing_by_itself() -> None:
    """A family is where people look, not what they get."""
    loki = CATALOGUE.blueprints["loki"]
    relatives = {b.name for b in ALL if b.family == loki.family} - {"loki"}
    assert relatives
    assert not relatives & set(names(CATALOGUE.closure(["loki"])))


def test_unknown_names_are_told_with_what_was_meant() -> None:
    """People write the chart's name, or slip."""
    told = dict(CATALOGUE.unknown(["harbor", "bp-harbor", "langfuze", "qqqqqqq"]))
    assert {name: similar[:1] for name, similar in told.items()} == {
        "bp-harbor": ("harbor",),
        "langfuze": ("langfuse",),
        "qqqqqqq": (),
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dependencies": ["b"]}, "a depends on b"),
        ({"dependencies": ["a"]}, "a depends on a"),
        ({"tier": "mandatory"}, "components are recommended or optional"),
        ({"folder": "bootstrap-kit"}, "components are recommended or optional"),
        ({"version": "1.0"}, "pattern"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_catalogue_is_refused(changes: dict[str, Any], message: str) -> None:
    """It is edited by hand: cycles, families as dependencies and slips must not get as far as a cluster."""
    assert blueprints.parse(one())
    with pytest.raises(ValidationError, match=message):
        blueprints.parse(one(**changes))


def test_it_cannot_be_changed() -> None:
    """One object serves the whole process."""
    with pytest.raises(ValidationError):
        setattr(ALL[0], VERSION, "9.9.9")
    assert blueprints.load() is CATALOGUE


# --- the template -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [Folder.KIT, Folder.INFRASTRUCTURE])
def test_folder_and_catalogue_have_the_same_releases_in_the_same_order(folder: Folder) -> None:
    """A file without an entry would be installed unseen; an entry without a file would be waited for for ever."""
    assert list(releases(folder)) == [b.release for b in CATALOGUE.of(folder)]


def test_every_component_has_a_folder_of_its_own_and_no_other_is_there() -> None:
    """spec.components is turned into a path."""
    folders = {path.name for path in (TEMPLATE / "components").iterdir()}
    assert folders == {*names(CATALOGUE.of(Folder.COMPONENTS)), "flux-take-ownership", "adoption"}


@pytest.mark.parametrize("blueprint", CATALOGUE.of(Folder.COMPONENTS), ids=lambda b: b.name)
def test_a_component_is_one_release(blueprint: Blueprint) -> None:
    """It adds itself and nothing else, since what it needs is added beside it."""
    folder = f"components/{blueprint.name}"
    assert kustomization(folder) == {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["release.yaml"],
    }
    assert list(releases(folder)) == [blueprint.release]


@pytest.mark.parametrize("folder", [Folder.KIT, Folder.INFRASTRUCTURE])
def test_a_kustomization_lists_every_file_beside_it(folder: Folder) -> None:
    """A file that is not listed is not applied, and nobody is told."""
    listed = kustomization(folder)["resources"]
    assert listed == sorted(p.name for p in (TEMPLATE / folder).glob("*.yaml") if p.name != "kustomization.yaml")


@pytest.mark.parametrize("number", range(12))
def test_files_of_the_kit_are_numbered_in_its_order(number: int) -> None:
    """People find them by the number that the product's documents give."""
    assert (TEMPLATE / Folder.KIT / f"{number + 1:02}-{KIT[number]}.yaml").is_file()


@pytest.mark.parametrize("blueprint", ALL, ids=lambda b: b.name)
def test_a_release_is_what_its_entry_says(blueprint: Blueprint) -> None:
    """Chart, version, namespace and what it waits for stand in two files."""
    folder = blueprint.folder.value
    spec = releases(folder)[blueprint.release]["spec"]
    chart = spec["chart"]["spec"]
    version = f"${{{version_variable(blueprint.name)}:={blueprint.version}}}"
    assert chart == {
        "chart": blueprint.release,
        # What is handed on to the infrastructure are not versions.
        "version": blueprint.version if blueprint.folder is Folder.INFRASTRUCTURE else version,
        "sourceRef": {"kind": "HelmRepository", "name": "catalyst-charts"},
    }
    assert (spec["releaseName"], spec["targetNamespace"]) == (blueprint.name, blueprint.namespace)
    assert [entry["name"] for entry in spec.get("dependsOn", [])] == [f"bp-{name}" for name in blueprint.dependencies]


def test_tiers_are_all_used() -> None:
    """The wizard of the product shows recommended ones chosen, and mandatory ones read-only."""
    assert {b.tier for b in ALL} == set(Tier)
    assert 15 <= len(CATALOGUE.of(Folder.COMPONENTS)) <= 25
