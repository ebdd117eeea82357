"""The template holds what the rest of the system relies on: names, pins, what boot has installed before it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalyst_operator.api.enums import Location, TlsStrategy
from catalyst_operator.core.access import seeds
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, SOURCE
from tests.support.charts import facts
from tests.support.postbuild import TEMPLATE, everything, objects

MODULE = TEMPLATE.parents[1] / "infra" / "hetzner"
KINDS_THAT_ARE_ALWAYS_THERE = {
    ("v1", "ConfigMap"),
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    ("source.toolkit.fluxcd.io/v1", "HelmRepository"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
}
OF_FIRST_BOOT = {
    ("v1", "Namespace"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
}
"""Kubernetes' own, and the Gateway API, which is installed before Cilium."""
BROUGHT_BY = {
    "cert-manager.io/v1": "bp-cert-manager",
    "external-secrets.io/v1beta1": "bp-external-secrets",
}
"""API version -> the chart that brings its kinds."""
ADOPTION = {"adoption", "adoption-provider", "adoption-workspace"}
"""Only with spec.crossplane (test_adoption.py)."""
WAITED_FOR = {"bp-cnpg", "bp-external-secrets"}
"""The published kit does not wait for these. Here others do: what is made of their kinds passes their webhooks."""
RELEASES = everything()


def flux_objects() -> list[Any]:
    """What the kit's own Kustomization applies, and all HelmReleases."""
    return [
        obj for file, obj in whole_tree() if len(file.relative_to(TEMPLATE).parts) == 2 or "components" in file.parts
    ]


def whole_tree() -> list[tuple[Path, Any]]:
    return [(file, obj) for file, obj in objects("") if not obj["apiVersion"].startswith("kustomize.config.k8s.io/")]


def kustomizations() -> dict[str, Any]:
    return {obj["metadata"]["name"]: obj["spec"] for obj in flux_objects() if obj["kind"] == "Kustomization"}


def test_only_kinds_that_a_new_cluster_has() -> None:
    """One object of a kind that a chart is yet to bring makes Flux refuse the whole Kustomization."""
    assert {(obj["apiVersion"], obj["kind"]) for obj in flux_objects()} == KINDS_THAT_ARE_ALWAYS_THERE


def test_everything_lies_where_the_operator_looks() -> None:
    """Boot's Secrets are there."""
    assert {obj["metadata"]["namespace"] for obj in flux_objects()} == {FLUX_NAMESPACE}


# --- objects of our own -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gateway", "issuers", "secret-store"])
def test_a_kind_that_a_chart_brings_is_asked_for_when_it_is_there(name: str) -> None:
    """Nothing may be refused on the way: the sentence would stand in status and frighten people."""
    spec = kustomizations()[name]
    folder = spec["path"].removeprefix("./clusters/_template/").partition("/${")[0]
    found = {(obj["apiVersion"], obj["kind"]) for file, obj in whole_tree() if (TEMPLATE / folder) in file.parents}
    owners = {BROUGHT_BY[version] for version, kind in found - OF_FIRST_BOOT}
    assert found
    assert owners <= waited_for(name)


def waited_for(name: str) -> set[str]:
    """The HelmReleases that are ready before a Kustomization is applied."""
    found: set[str] = set()
    for entry in kustomizations()[name].get("dependsOn", []):
        before = kustomizations()[entry["name"]]
        checked = {check["name"] for check in before.get("healthChecks", []) if check["kind"] == "HelmRelease"}
        inside = set(everything("infrastructure")) if before.get("wait") else set()
        found |= checked | inside | waited_for(entry["name"])
    return found


def test_a_worker_is_free_while_others_wait() -> None:
    """Who waits holds one of kustomize-controller's four workers, and the kit needs one to be mended. Who depends on
    another that waits begins when that one is done."""
    waiting = {name: spec for name, spec in kustomizations().items() if spec.get("wait") or spec.get("healthChecks")}
    followed = {entry["name"] for spec in waiting.values() for entry in spec.get("dependsOn", [])}
    assert len(set(waiting) - followed) <= 3


def test_nobody_waits_for_what_a_person_has_to_do_first() -> None:
    """OpenBao is initialised, and names are delegated, by people: a Sovereign must not be unready until then."""
    checked = {
        (check["kind"], check["name"]) for spec in kustomizations().values() for check in spec.get("healthChecks", [])
    }
    assert checked == {
        ("HelmRelease", "bp-cert-manager"),
        ("ClusterIssuer", "sovereign"),
        ("HelmRelease", "bp-crossplane"),
        ("CustomResourceDefinition", "providerconfigs.opentofu.upbound.io"),
        ("CustomResourceDefinition", "workspaces.opentofu.upbound.io"),
    }


@pytest.mark.parametrize("strategy", TlsStrategy)
def test_each_strategy_has_the_issuer_and_the_certificate_that_the_gateway_names(strategy: TlsStrategy) -> None:
    """One folder each, chosen by the path."""
    found = {obj["kind"]: obj for _, obj in objects(f"infrastructure/issuers/{strategy.value}")}
    assert found["ClusterIssuer"]["metadata"]["name"] == "sovereign"
    certificate, listener = found["Certificate"], listeners()["https"]
    assert certificate["spec"]["issuerRef"] == {"kind": "ClusterIssuer", "name": "sovereign"}
    assert certificate["metadata"]["namespace"] == "gateway"
    assert listener["tls"]["certificateRefs"] == [{"kind": "Secret", "name": certificate["spec"]["secretName"]}]
    ways = {str(other["tls"]) for other in listeners().values() if other["protocol"] == "HTTPS"}
    assert ways == {str(listener["tls"])}, "one certificate for all hosts"


def test_the_issuer_of_a_corporate_ca_finds_the_owners_secret() -> None:
    """cert-manager looks for it in one namespace, which is the one that boot made it in."""
    issuer = next(obj for _, obj in objects("infrastructure/issuers/corporate-ca") if obj["kind"] == "ClusterIssuer")
    assert issuer["spec"] == {"ca": {"secretName": seeds.CERTIFICATE_AUTHORITY}}
    assert RELEASES["bp-cert-manager"]["spec"]["values"]["cert-manager"]["clusterResourceNamespace"] == FLUX_NAMESPACE


def test_a_challenge_is_answered_where_the_authority_asks() -> None:
    """At port 80, in the certificate's own namespace; cert-manager has to be told that there are gateways."""
    issuer = next(obj for _, obj in objects("infrastructure/issuers/letsencrypt") if obj["kind"] == "ClusterIssuer")
    [solver] = issuer["spec"]["acme"]["solvers"]
    parents = solver["http01"]["gatewayHTTPRoute"]["parentRefs"]
    assert {(ref["kind"], ref["name"], ref["namespace"]) for ref in parents} == {("Gateway", "entrance", "gateway")}
    for name in names_of("letsencrypt"):
        served = [ref["sectionName"] for ref in parents if served_hosts([name], ref["sectionName"])]
        assert [listeners()[section]["port"] for section in served] == [listeners()["http"]["port"]], name
    assert RELEASES["bp-cert-manager"]["spec"]["values"]["cert-manager"]["config"]["enableGatewayAPI"] is True


def test_every_page_that_a_chart_is_told_of_is_in_the_certificate() -> None:
    """Without a wildcard each name counts."""
    told = set(re.findall(r"([a-z]+)\.\$\{SOVEREIGN_FQDN\}", yaml.safe_dump(list(RELEASES.values()), width=10_000)))
    names = {name.partition(".")[0] for name in names_of("letsencrypt")}
    assert {"gitea", "harbor", "grafana", "langfuse"} <= told <= names
    assert {"console", "admin", "api", "auth"} <= names


def names_of(strategy: str) -> list[str]:
    """The names in the gateway's certificate."""
    folder = f"infrastructure/issuers/{strategy}"
    found: list[str] = next(obj for _, obj in objects(folder) if obj["kind"] == "Certificate")["spec"]["dnsNames"]
    return found


OF_THE_UMBRELLA = ("console", "admin", "api")
"""It brings their Services and no word of their names."""


def owners() -> dict[str, str]:
    """Each host of the kit, and the namespace of whoever serves it."""
    umbrella = RELEASES["bp-catalyst-platform"]["spec"]["targetNamespace"]
    found = {f"{name}.${{SOVEREIGN_FQDN}}": umbrella for name in OF_THE_UMBRELLA}
    for obj in RELEASES.values():
        told = re.findall(r"[a-z]+\.\$\{SOVEREIGN_FQDN\}", yaml.safe_dump(obj, width=10_000))
        found |= dict.fromkeys(told, obj["spec"]["targetNamespace"])
    return found


def test_each_host_of_the_kit_has_a_listener_for_its_own_namespace() -> None:
    """Whoever serves auth.<domain> gets the passwords; a browser tells nobody apart by namespaces."""
    assert set(owners()) == set(names_of("letsencrypt"))
    for host, namespace in owners().items():
        listener = listeners()[f"https-{host.partition('.')[0]}"]
        assert (listener["hostname"], listener["port"]) == (host, listeners()["https"]["port"])
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        assert listener["allowedRoutes"]["namespaces"] == {"from": "Selector", "selector": selector}


def test_what_is_answered_without_tls_is_answered_by_the_kit_alone() -> None:
    """Challenges and the redirect."""
    plain = [listener for listener in listeners().values() if listener["protocol"] == "HTTP"]
    assert {listener["allowedRoutes"]["namespaces"]["from"] for listener in plain} == {"Same"}
    assert {listener["hostname"] for listener in plain} == {"*.${SOVEREIGN_FQDN}", *owners()}


def test_the_policy_of_hosts_knows_the_same_owners() -> None:
    """Cilium 1.16 judges namespaces for all listeners at once, so that the API server has to."""
    policy = policies("kit-hosts")["ValidatingAdmissionPolicy"]
    variables = {entry["name"]: entry["expression"] for entry in policy["variables"]}
    assert yaml.safe_load(variables["owners"]) == owners()
    [rule] = policy["matchConstraints"]["resourceRules"]
    assert rule["resources"] == ["httproutes", "grpcroutes", "tlsroutes"], "all that Cilium attaches"


def policies(name: str) -> dict[str, Any]:
    """Kind -> spec of a policy and its binding."""
    found = (obj for _, obj in objects("infrastructure/gateway") if obj["kind"].startswith("Validating"))
    return {obj["kind"]: obj["spec"] for obj in found if obj["metadata"]["name"] == name}


@pytest.mark.parametrize("name", ["kit-hosts", "kit-issuer", "kit-addresses", "kit-ports"])
def test_a_policy_of_the_kit_is_in_force(name: str) -> None:
    """One without a binding refuses nothing."""
    found = {
        obj["kind"]: obj["spec"]
        for _, obj in objects("infrastructure/gateway")
        if obj.get("metadata", {}).get("name") == name
    }
    assert found["ValidatingAdmissionPolicy"]["failurePolicy"] == "Fail"
    binding = found["ValidatingAdmissionPolicyBinding"]
    assert binding == {"policyName": name, "validationActions": ["Deny"]}


def test_secrets_are_read_from_namespaces_that_an_administrator_chose() -> None:
    """The store's role reads all that OpenBao holds; the chart of external-dns has an ExternalSecret of its own."""
    [store] = [obj for _, obj in objects("infrastructure/secret-store") if obj["kind"] == "ClusterSecretStore"]
    assert store["spec"]["conditions"] == [
        {"namespaceSelector": {"matchLabels": {"catalyst.openova.io/secret-store": "openbao"}}},
        {"namespaces": [RELEASES["bp-external-dns"]["spec"]["targetNamespace"]]},
    ]


def served_hosts(route: list[str], section: str) -> list[str]:
    """For which hosts a listener serves a route with these, in Cilium 1.16.

    A listener with a wildcard loses each host that any listener of the Gateway names, whatever its protocol; a route's
    wildcard becomes the listener's own host.
    """
    here, others = listeners()[section]["hostname"], {other["hostname"] for other in listeners().values()}
    found = []
    for host in route:
        if host == here or (here.startswith("*.") and host.endswith(here[1:]) and host not in others):
            found.append(host)
        elif host.startswith("*.") and here.endswith(host[1:]):
            found.append(here)
    return found


@cache
def listeners() -> dict[str, Any]:
    gateway = next(obj for _, obj in objects("infrastructure/gateway") if obj["kind"] == "Gateway")
    return {listener["name"]: listener for listener in gateway["spec"]["listeners"]}


def test_routes_of_charts_lead_to_the_gateway() -> None:
    """They are written in the values of charts, where nothing compares them."""
    values = [RELEASES[f"bp-{chart}"]["spec"]["values"][chart] for chart in ("gitea", "keycloak")]
    routes = [obj for told in values for obj in told["extraDeploy"] if obj["kind"] == "HTTPRoute"]
    for route in routes:
        [host], [parent] = route["spec"]["hostnames"], route["spec"]["parentRefs"]
        assert (parent["name"], parent["namespace"]) == ("entrance", "gateway")
        assert served_hosts([host], parent["sectionName"]) == [host]
    assert listeners()["https"]["allowedRoutes"]["namespaces"]["from"] == "All"


# --- releases ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(name for name, chart in facts.load().items() if chart.published))
def test_a_release_is_as_the_published_one(name: str) -> None:
    """Namespace, what it waits for and whether it is waited for, of which we know that charts need it so."""
    spec, published = RELEASES[name]["spec"], facts.load()[name].published
    assert published is not None
    assert spec["targetNamespace"] == published.namespace
    assert set(published.depends_on) <= {entry["name"] for entry in spec.get("dependsOn", [])}
    waits = [not spec[action].get("disableWait", False) for action in ("install", "upgrade")]
    assert waits == [published.waits or name in WAITED_FOR] * 2


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


@pytest.mark.parametrize("preset", [p for p in facts.load()["bp-cilium"].presets if "resources" not in p])
def test_what_bp_cilium_presets_was_said_at_first_boot(preset: str) -> None:
    """First boot installs the vendor's chart: what only bp-cilium says would change the network when it takes over."""
    found: Any = RELEASES["bp-cilium"]["spec"]["values"]
    for part in preset.split("."):
        found = found[part]
    assert found is not None


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
    ports = {listener["protocol"].lower(): listener["port"] for listener in listeners().values()}
    balancer = "\n".join(file.read_text(encoding="utf-8") for file in MODULE.glob("*.tf"))
    assert ports == {"http": 28080, "https": 28443}
    assert all(str(port) in balancer for port in ports.values())
    variables = policies("kit-ports")["ValidatingAdmissionPolicy"]["variables"]
    [kept] = [entry["expression"] for entry in variables if entry["name"] == "ports"]
    assert yaml.safe_load(kept) == list(ports.values()), "the policy of ports knows the same"


@pytest.mark.parametrize("taken", [range(1024), range(10_000, 20_001), range(30_000, 32_768), range(32_768, 61_000)])
def test_nobody_else_is_given_the_ports_of_the_gateway(taken: range) -> None:
    """Of root's alone; Cilium's own for its proxies; NodePorts of Services; those of the kernel for connections."""
    assert not {listener["port"] for listener in listeners().values()} & set(taken)


def test_gateways_listen_on_the_nodes_themselves() -> None:
    """A gateway's Service would have ports of Kubernetes' choice. Cilium's proxy may not have ports below 1024."""
    values = RELEASES["bp-cilium"]["spec"]["values"]["cilium"]
    assert values["gatewayAPI"] == {"enabled": True, "hostNetwork": {"enabled": True}}
    assert values["envoy"]["enabled"] and values["l7Proxy"]
    assert all(listener["port"] > 1023 for listener in listeners().values())


def test_nobody_waits_for_the_gateway_to_be_programmed() -> None:
    """With gateways on the nodes themselves some versions of Cilium give them no address and call them not programmed
    for ever (AddressNotAssigned), while they serve: https://github.com/cilium/cilium/issues/45485."""
    spec = kustomizations()["gateway"]
    assert "wait" not in spec
    assert [check["kind"] for check in spec["healthChecks"]] == ["HelmRelease"]


def example_of_day_1(name: str) -> Any:
    return yaml.safe_load((TEMPLATE / "day-1" / name / "patch.yaml").read_text(encoding="utf-8"))


def test_backups_send_no_checksum_that_an_object_store_may_refuse() -> None:
    """Hetzner's answers XAmzContentSHA256Mismatch (https://github.com/home-assistant/core/issues/144015) to what
    Velero's plugin (https://github.com/velero-io/velero/issues/8203) and barman's boto3
    (https://github.com/EnterpriseDB/barman/issues/1112) add unless they are told not to."""
    (store,) = example_of_day_1("backup")["spec"]["values"]["velero"]["configuration"]["backupStorageLocation"]
    assert store["config"]["checksumAlgorithm"] == ""
    (rendered,) = example_of_day_1("database-backup")["spec"]["postRenderers"]
    (env, *_) = yaml.safe_load(rendered["kustomize"]["patches"][0]["patch"])
    assert (env["path"], {e["name"]: e["value"] for e in env["value"]}) == (
        "/spec/env",
        dict.fromkeys(("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"), "when_required"),
    )


def test_every_host_is_redirected() -> None:
    """Cilium 1.16 would answer nothing at http for hosts that https names more narrowly: each has an http listener."""
    [redirect] = [obj for _, obj in objects("infrastructure/gateway") if obj["kind"] == "HTTPRoute"]
    sections = [parent["sectionName"] for parent in redirect["spec"]["parentRefs"]]
    assert all(listeners()[section]["protocol"] == "HTTP" for section in sections)
    served = [host for section in sections for host in served_hosts(redirect["spec"]["hostnames"], section)]
    assert sorted(served) == sorted(
        listener["hostname"] for listener in listeners().values() if listener["protocol"] == "HTTPS"
    )


def test_the_infrastructure_follows_the_same_source_and_is_waited_for() -> None:
    """Ready means its releases too; no dependency on the Kustomization that contains it."""
    assert set(kustomizations()) == {"infrastructure", "gateway", "issuers", "secret-store", *ADOPTION}
    assert all(spec["sourceRef"] == {"kind": "GitRepository", "name": SOURCE} for spec in kustomizations().values())
    assert all(spec["prune"] and spec["retryInterval"] == "1m" for spec in kustomizations().values())
    spec = kustomizations()["infrastructure"]
    assert (spec["wait"], spec["retryInterval"], spec["path"]) == (True, "1m", "./clusters/_template/infrastructure")
    assert "dependsOn" not in spec


def references() -> list[tuple[str, dict[str, Any]]]:
    return [(name, ref) for name, obj in RELEASES.items() for ref in obj["spec"].get("valuesFrom", [])]


def test_secrets_come_from_what_boot_made_and_may_be_empty() -> None:
    """Nothing waits for a Secret that the owner never gives."""
    made = {seeds.CERTIFICATE_AUTHORITY, seeds.FEDERATION, seeds.OBJECT_STORAGE}
    secrets = [ref for _, ref in references() if ref["kind"] == "Secret"]
    assert {ref["name"] for ref in secrets} <= made
    assert all(ref["optional"] for ref in secrets)


def test_charts_are_fetched_with_credentials_only_where_they_are_asked_for() -> None:
    """Boot's Secret is without any, and Flux refuses every chart for want of an entry."""
    [repository] = [obj for _, obj in objects("") if obj["kind"] == "HelmRepository"]
    assert repository["spec"]["${PULL_SECRET_FIELD:=provider}"] == "${PULL_SECRET_REF:=generic}"
    assert "secretRef" not in repository["spec"]


def test_a_value_from_a_secret_is_not_set_beside_it() -> None:
    """helm-controller lets the values of the release win over those of a Secret."""
    for name, reference in references():
        *parents, last = reference.get("targetPath", "values.yaml").split(".")
        values = RELEASES[name]["spec"].get("values", {})
        for parent in parents:
            values = values.get(parent, {})
        assert last not in values, name


def test_no_text_of_the_template_is_of_one_sovereign_only() -> None:
    """All clusters follow it."""
    text = "\n".join(yaml.safe_dump(obj) for _, obj in whole_tree())
    assert not [location for location in Location if f": {location.value}\n" in text]
    assert "omani.works" not in text
