"""The template holds what the rest of the system relies on: names, pins, what boot has installed before it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from catalyst_operator.api.enums import Location
from catalyst_operator.core.access import seeds
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, SOURCE
from tests.support.postbuild import TEMPLATE, everything, objects

MODULE = TEMPLATE.parents[1] / "infra" / "hetzner"
KINDS_THAT_ARE_ALWAYS_THERE = {
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    ("source.toolkit.fluxcd.io/v1", "HelmRepository"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
}
RELEASES = everything()


def flux_objects() -> list[Any]:
    """But for what waits in a Kustomization of its own until its kinds are there (test_adoption.py)."""
    return [
        obj
        for file, obj in objects("")
        if not obj["apiVersion"].startswith("kustomize.config.k8s.io/")
        and TEMPLATE / "infrastructure" / "adoption" not in file.parents
    ]


def test_only_kinds_that_a_new_cluster_has() -> None:
    """One object of a kind that a chart is yet to bring makes Flux refuse the whole Kustomization."""
    assert {(obj["apiVersion"], obj["kind"]) for obj in flux_objects()} == KINDS_THAT_ARE_ALWAYS_THERE


def test_everything_lies_where_the_operator_looks() -> None:
    """Only this namespace of the new cluster is watched, and boot's Secrets are there."""
    assert {obj["metadata"]["namespace"] for obj in flux_objects()} == {FLUX_NAMESPACE}


@pytest.mark.parametrize("name", [name for name in RELEASES if name != "bp-flux"])
def test_a_release_gives_up_after_some_tries(name: str) -> None:
    """Retries without end would never be a verdict."""
    spec = RELEASES[name]["spec"]
    assert spec["install"]["remediation"] == spec["upgrade"]["remediation"] == {"retries": 3}


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_has_its_namespace_made(name: str) -> None:
    """Nobody else makes it; the two of boot are there."""
    spec = RELEASES[name]["spec"]
    there = spec["targetNamespace"] in {"kube-system", FLUX_NAMESPACE}
    assert spec["install"].get("createNamespace", False) is not there


def test_cilium_upgrades_the_release_that_boot_made() -> None:
    """Another release name, namespace or place of Helm's records would be a second Cilium over the first."""
    spec = RELEASES["bp-cilium"]["spec"]
    assert (spec["releaseName"], spec["targetNamespace"], spec["storageNamespace"]) == (
        "cilium",
        "kube-system",
        "kube-system",
    )
    boot = (MODULE / "scripts" / "bootstrap-cluster.sh").read_text(encoding="utf-8")
    assert 'helm install cilium "$CACHE_DIR/cilium.tgz" --namespace kube-system' in boot


def test_cilium_keeps_the_values_it_booted_with() -> None:
    """The network must not change under the Pods when the kit takes over."""
    values = yaml.safe_load((MODULE / "cilium-values.yaml").read_text(encoding="utf-8"))
    assert RELEASES["bp-cilium"]["spec"]["values"] == {"cilium": values}


def test_flux_adopts_what_boot_installed() -> None:
    """What once cost a cluster: what is not adopted is made anew, rolled back, and deleted."""
    spec = RELEASES["bp-flux"]["spec"]
    assert (spec["releaseName"], spec["targetNamespace"]) == ("flux", FLUX_NAMESPACE)
    assert spec["upgrade"]["preserveValues"] is True
    boot = (MODULE / "scripts" / "bootstrap-cluster.sh").read_text(encoding="utf-8")
    assert "as_helm_release flux flux-system" in boot


@pytest.mark.parametrize("action", ["install", "upgrade"])
def test_a_failure_of_flux_is_not_undone(action: str) -> None:
    """The same from another side: helm-controller uninstalls or rolls back before a retry, and here that is itself."""
    remediation = RELEASES["bp-flux"]["spec"][action]["remediation"]
    assert remediation == {"retries": 0, "remediateLastFailure": False}


def test_a_field_that_flux_2_4_does_not_know_is_only_in_its_component() -> None:
    """It is added for releases that have it."""
    having = {file.parent.name for file, obj in objects("") if "disableTakeOwnership" in yaml.safe_dump(obj)}
    assert having == {"flux-take-ownership"}


def test_the_gateway_is_where_the_load_balancer_sends_to() -> None:
    """The two are told apart by two tools, and meet only in a running cluster."""
    ports = RELEASES["bp-catalyst-platform"]["spec"]["values"]["gateway"]["nodePorts"]
    balancer = "\n".join(file.read_text(encoding="utf-8") for file in MODULE.glob("*.tf"))
    assert ports == {"http": 31080, "https": 31443}
    assert all(str(port) in balancer for port in ports.values())


def test_the_infrastructure_follows_the_same_source_and_is_waited_for() -> None:
    """Ready means its releases too; no dependency on the Kustomization that contains it."""
    named = {obj["metadata"]["name"]: obj["spec"] for obj in flux_objects() if obj["kind"] == "Kustomization"}
    spec = named["infrastructure"]
    assert spec["sourceRef"] == {"kind": "GitRepository", "name": SOURCE}
    assert (spec["wait"], spec["retryInterval"], spec["path"]) == (True, "1m", "./clusters/_template/infrastructure")
    assert "dependsOn" not in spec


def references() -> list[tuple[str, dict[str, Any]]]:
    return [(name, ref) for name, obj in RELEASES.items() for ref in obj["spec"].get("valuesFrom", [])]


def test_secrets_come_from_what_boot_made_and_may_be_empty() -> None:
    """Nothing waits for a Secret that the owner never gives."""
    assert {(name, ref["name"], ref["valuesKey"]) for name, ref in references()} == {
        ("bp-cert-manager", seeds.CERTIFICATE_AUTHORITY, "tls.crt"),
        ("bp-cert-manager", seeds.CERTIFICATE_AUTHORITY, "tls.key"),
        ("bp-cert-manager", seeds.CERTIFICATE_AUTHORITY, "ca.crt"),
        ("bp-keycloak", seeds.FEDERATION, "clientSecret"),
        ("bp-seaweedfs", seeds.OBJECT_STORAGE, "accessKeyID"),
        ("bp-seaweedfs", seeds.OBJECT_STORAGE, "secretAccessKey"),
    }
    assert all(ref["kind"] == "Secret" and ref["optional"] for _, ref in references())


def test_charts_are_fetched_with_credentials_only_where_they_are_asked_for() -> None:
    """Boot's Secret is without any, and Flux refuses every chart for want of an entry."""
    having = {
        file.parent.name: obj["spec"].get("secretRef") for file, obj in objects("") if obj["kind"] == "HelmRepository"
    }
    assert having == {"bootstrap-kit": None, "pull-secret": {"name": seeds.PULL}}


@pytest.mark.parametrize(("name", "reference"), references(), ids=lambda value: str(value)[:40])
def test_a_value_from_a_secret_is_not_set_beside_it(name: str, reference: dict[str, Any]) -> None:
    """helm-controller lets the values of the release win over those of a Secret."""
    *parents, last = reference["targetPath"].split(".")
    values = RELEASES[name]["spec"]["values"]
    for parent in parents:
        values = values[parent]
    assert last not in values


def test_no_text_of_the_template_is_of_one_sovereign_only() -> None:
    """All clusters follow it."""
    text = "\n".join(yaml.safe_dump(obj) for obj in flux_objects())
    assert not [location for location in Location if f": {location.value}\n" in text]
    assert "omani.works" not in text
