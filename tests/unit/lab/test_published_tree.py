"""The published kit as stories follow it: all that is known of it is in the tree, and kustomize takes that."""

from __future__ import annotations

from typing import Any

import yaml

from e2e.support.published import tree

Objects = dict[tuple[str, str], dict[str, Any]]


def built() -> Objects:
    """Everything that the tree's own kustomization.yaml names."""
    files = tree.files()
    resources = yaml.safe_load(files[f"{tree.FOLDER}/kustomization.yaml"])["resources"]
    found = (obj for name in resources for obj in yaml.safe_load_all(files[f"{tree.FOLDER}/{name}"]))
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in found}


def test_it_has_35_releases_from_repositories_of_an_older_version() -> None:
    kinds = [(obj["apiVersion"], kind) for (kind, _), obj in built().items()]
    assert kinds.count(("helm.toolkit.fluxcd.io/v2", "HelmRelease")) == 35
    assert kinds.count(("source.toolkit.fluxcd.io/v1beta2", "HelmRepository")) == len(kinds) - 35 == 35


def test_every_release_is_as_the_facts_have_it() -> None:
    objects = built()
    for name, entry in tree.facts()["releases"].items():
        spec = objects["HelmRelease", name]["spec"]
        assert (spec["releaseName"], spec["targetNamespace"]) == (entry["release"], entry["namespace"])
        assert spec["chart"]["spec"]["version"] == entry["version"]
        assert [other["name"] for other in spec.get("dependsOn", [])] == entry.get("after", [])
        assert spec["install"].get("disableWait", False) is not entry.get("waits", False)
        assert spec.get("timeout") == entry.get("timeout")
        repository = objects["HelmRepository", spec["chart"]["spec"]["sourceRef"]["name"]]
        assert repository["spec"]["secretRef"] == {"name": "ghcr-pull"}


def test_values_are_set_where_the_facts_say_so() -> None:
    objects = built()
    platform = objects["HelmRelease", "bp-catalyst-platform"]["spec"]["values"]
    assert platform["global"] == {"sovereignFQDN": "${SOVEREIGN_FQDN}"}
    assert platform["ingress"]["hosts"]["console"] == {"host": "${SOVEREIGN_FQDN}"}
    assert objects["HelmRelease", "bp-external-dns"]["spec"]["values"]["external-dns"]["domainFilters"] == [
        "${SOVEREIGN_FQDN}"
    ]
    assert objects["HelmRelease", "bp-cilium"]["spec"]["values"]["cilium"]["l7Proxy"] is True


def test_the_order_can_be_followed() -> None:
    """Nothing waits for what is not there, or for itself."""
    left = {name: set(entry.get("after", ())) for name, entry in tree.facts()["releases"].items()}
    done: set[str] = set()
    while ready := {name for name, after in left.items() if after <= done}:
        done |= ready
        left = {name: after for name, after in left.items() if name not in ready}
    assert left == {}
