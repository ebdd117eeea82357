"""The kit as Flux sees it: built by kustomize, applied by a real kustomize-controller against Flux' real CRDs."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalyst_operator.api.enums import TlsStrategy
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds, transfer
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit import blueprints, releases
from catalyst_operator.core.kit.blueprints import Folder
from catalyst_operator.core.phase1 import components
from catalyst_operator.core.tofu import encryption
from e2e.lab.git_server.repositories import PUBLIC
from e2e.support import papers
from tests.integration.apiserver import ApiError, find_tool
from tests.integration.flux import (
    CORE,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    RELEASES,
    Flux,
    booted,
    condition,
    follow,
    wait_until,
)
from tests.integration.lab_git_server import Running, git_server
from tests.support import gen
from tests.support.postbuild import TEMPLATE, everything, substituted

pytestmark = pytest.mark.integration

RELEASE = releases.load().get()
COMPONENTS = [blueprint.name for blueprint in blueprints.load().of(Folder.COMPONENTS)]
EXAMPLES = {
    "backup": "bp-velero",
    "database-backup": "bp-powerdns",
    "registry": "bp-harbor",
    "telemetry": "telemetry",
}
"""Of day 1 -> the release that each one changes or adds."""
OF_OUR_OWN = ["gateway", "secret-store", *(f"issuers/{strategy.value}" for strategy in TlsStrategy)]
BESIDE_THE_KIT = ("infrastructure", "gateway", "issuers", "secret-store")
"""Kustomizations that the kit contains."""
# A number to whoever reads it as YAML, and a valid name.
FQDN = "1.e3"
ADOPTION_PAGE, DELETING = TEMPLATE.parents[1] / "docs" / "adoption.md", "Deleting the Sovereign afterwards"
ADOPTION = {"adoption", "adoption-provider", "adoption-workspace"}
FETCHED = "git::https://git.example/a//infra/hetzner?ref=refs/remotes/origin/main%5E0"
KIT = f"{KUSTOMIZATIONS}/{FQDN}-bootstrap-kit"
# Allowed in text, but Flux cannot carry it.
UNREADABLE = "".join(map(chr, range(0x80, 0xA0))) + "\ufeff\ufffe\uffff"
HOSTILE = gen.spec(
    domain={"mode": "pool", "fqdn": FQDN},
    components=COMPONENTS,
    imagePullSecretRef={"name": "registry"},
    crossplane={"credentialsSecretRef": {"name": "own-token"}},
    adminEmail="_1%+o'brien-x@a.example",
    organization={
        "name": "- A: *b #c, 'd' & !e | @ % true",
        "industry": "null",
        "size": "007",
        "headquarters": " عُمان: [مسقط] # 😀\u00a0\u2028\u2029 ",
        "complianceFrames": ["* all", "&b", "!c", "| d", "@e", "% f", "'g'", "- h", "1e3", "yes", "2026-01-01", "~"],
    },
    federation={
        "issuerURL": "https://login.example/a%20b,c:d@e",
        "clientID": f"# not a comment: 'x'{UNREADABLE}",
        "clientSecretRef": {"name": "idp"},
    },
    objectStorage={
        "provider": "s3",
        "endpoint": "https://s3.example",
        "bucket": "1e3",
        "credentialsSecretRef": {"name": "s3"},
    },
)


def hostile() -> Sovereign:
    return gen.sovereign(HOSTILE)


# --- as kustomize builds it -------------------------------------------------------------------------------------------


def build(folder: Path) -> list[Any]:
    """All objects of a folder, as `kubectl kustomize` builds it."""
    command = [find_tool("kubectl"), "kustomize", str(folder)]
    built = subprocess.run(command, check=True, capture_output=True, text=True)
    assert built.stderr == ""
    return list(yaml.safe_load_all(built.stdout))


def of_kind(built: list[Any], kind: str) -> dict[str, Any]:
    return {obj["metadata"]["name"]: obj for obj in built if obj["kind"] == kind}


def with_components(folder: Path, *components: str) -> list[Any]:
    """The kit with components, as Flux adds those of a Kustomization's spec."""
    shutil.copytree(TEMPLATE, folder / "_template")
    own = folder / "own"
    own.mkdir()
    content = {"resources": ["../_template/bootstrap-kit"], "components": [f"../_template/{c}" for c in components]}
    (own / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return build(own)


@pytest.mark.parametrize("part", [Folder.KIT, Folder.INFRASTRUCTURE])
def test_a_part_builds_into_what_its_files_say(part: Folder) -> None:
    """Kustomize changes nothing of them."""
    assert of_kind(build(TEMPLATE / part), "HelmRelease") == everything(part)


@pytest.mark.parametrize("folder", OF_OUR_OWN)
def test_objects_of_our_own_build(folder: str) -> None:
    """Each folder by itself, since each is followed by a Kustomization of its own."""
    files = [
        file for file in (TEMPLATE / "infrastructure" / folder).glob("*.yaml") if file.name != "kustomization.yaml"
    ]
    built = {(obj["kind"], obj["metadata"]["name"]) for obj in build(TEMPLATE / "infrastructure" / folder)}
    written = [obj for file in files for obj in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    assert built == {(obj["kind"], obj["metadata"]["name"]) for obj in written}


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_adds_its_release_to_the_kit(tmp_path: Path, component: str) -> None:
    """Alone, since any choice is allowed, and nothing of the kit is changed."""
    built = of_kind(with_components(tmp_path, f"components/{component}"), "HelmRelease")
    added = f"bp-{component}"
    assert built == {**everything(Folder.KIT), added: everything()[added]}


def test_all_components_together(tmp_path: Path) -> None:
    """No two of them have an object in common."""
    built = with_components(tmp_path, *(f"components/{name}" for name in COMPONENTS))
    assert set(of_kind(built, "HelmRelease")) == set(everything()) - set(everything(Folder.INFRASTRUCTURE))


def test_taking_ownership_is_said_of_flux_and_the_umbrella(tmp_path: Path) -> None:
    """For releases with Flux 2.5 or newer: bp-flux adopts what boot installed, the umbrella must not adopt bp-flux."""
    built = of_kind(with_components(tmp_path, "components/flux-take-ownership"), "HelmRelease")
    for name, disabled in (("bp-flux", False), ("bp-catalyst-platform", True)):
        spec = built[name]["spec"]
        assert [spec[action].pop("disableTakeOwnership") for action in ("install", "upgrade")] == [disabled] * 2
    assert built == everything(Folder.KIT)


@pytest.mark.parametrize(("example", "changed"), EXAMPLES.items())
def test_an_example_of_day_1_changes_one_release(tmp_path: Path, example: str, changed: str) -> None:
    """Copied to where docs/day-1.md says, beside a kit with all components."""
    top = tmp_path / "clusters"
    shutil.copytree(TEMPLATE, top / "_template")
    shutil.copytree(TEMPLATE / "day-1" / example, top / "omantel-day-1" / example)
    write_overlay(tmp_path, hostile())
    own = tmp_path / kit.overlay_path(FQDN)
    before = of_kind(build(own), "HelmRelease")
    content = yaml.safe_load((own / "kustomization.yaml").read_text())
    content["components"].append(f"../omantel-day-1/{example}")
    (own / "kustomization.yaml").write_text(yaml.safe_dump(content))
    after = of_kind(build(own), "HelmRelease")
    assert {name for name, obj in after.items() if obj != before.get(name)} == {changed}


def test_every_example_of_day_1_is_explained() -> None:
    page = (TEMPLATE.parents[1] / "docs" / "day-1.md").read_text(encoding="utf-8")
    assert EXAMPLES.keys() == {folder.name for folder in (TEMPLATE / "day-1").iterdir()}
    assert [name for name in EXAMPLES if f"[day-1/{name}]" not in page] == []


def test_the_plans_of_day_2_take_control_planes_first_and_one_at_a_time() -> None:
    """With the fields of system-upgrade-controller's documentation, and no others."""
    fields = {
        *("channel", "concurrency", "cordon", "drain", "exclusive", "imagePullSecrets", "jobActiveDeadlineSecs"),
        *("nodeSelector", "postCompleteDelay", "prepare", "priorityClassName", "secrets", "serviceAccountName"),
        *("tolerations", "upgrade", "version", "window"),
    }
    first, second = build(TEMPLATE / "day-2" / "k3s-upgrade")
    for plan in (first, second):
        assert (plan["apiVersion"], plan["kind"]) == ("upgrade.cattle.io/v1", "Plan")
        assert plan["metadata"]["namespace"] == "system-upgrade"
        assert plan["spec"].keys() <= fields
        assert (plan["spec"]["concurrency"], plan["spec"]["version"]) == (1, first["spec"]["version"])
    (where,), (elsewhere,) = (plan["spec"]["nodeSelector"]["matchExpressions"] for plan in (first, second))
    assert (where["operator"], elsewhere["operator"]) == ("Exists", "DoesNotExist")
    assert where["key"] == elsewhere["key"] == "node-role.kubernetes.io/control-plane"
    assert second["spec"]["prepare"]["args"] == ["prepare", first["metadata"]["name"]]
    assert "disableEviction" not in second["spec"]["drain"], "budgets are respected"


def test_every_example_of_day_2_is_explained() -> None:
    page = (TEMPLATE.parents[1] / "docs" / "day-2.md").read_text(encoding="utf-8")
    assert [folder.name for folder in (TEMPLATE / "day-2").iterdir() if f"[day-2/{folder.name}]" not in page] == []


def test_the_adoption_adds_its_three_steps_and_nothing_else(tmp_path: Path) -> None:
    """For Sovereigns with a token for their own Crossplane."""
    built = with_components(tmp_path, "components/adoption")
    assert of_kind(built, "HelmRelease") == everything(Folder.KIT)
    assert (
        set(of_kind(built, "Kustomization")) - set(of_kind(build(TEMPLATE / Folder.KIT), "Kustomization")) == ADOPTION
    )


@pytest.mark.parametrize(
    ("folder", "kinds"),
    [("", {"ConfigMap"}), ("provider", {"Provider"}), ("workspace", {"ProviderConfig", "Workspace"})],
    ids=["settings", "provider", "workspace"],
)
def test_each_step_of_the_adoption_builds(folder: str, kinds: set[str]) -> None:
    """Kustomize leaves apart what lies in the folders below."""
    assert {obj["kind"] for obj in build(TEMPLATE / "infrastructure" / "adoption" / folder)} == kinds


def test_an_overlay_builds_into_the_kit_and_its_own_kustomization(tmp_path: Path) -> None:
    """What mode Commit pushes is whole beside the template."""
    shutil.copytree(TEMPLATE, tmp_path / "clusters" / "_template")
    write_overlay(tmp_path, hostile())
    built = build(tmp_path / kit.overlay_path(FQDN))
    assert set(of_kind(built, "HelmRelease")) == set(everything()) - set(everything(Folder.INFRASTRUCTURE))
    followed = of_kind(built, "Kustomization")
    assert set(followed) == {*BESIDE_THE_KIT, *ADOPTION, f"{FQDN}-bootstrap-kit"}
    told = followed[f"{FQDN}-bootstrap-kit"]["spec"]["postBuild"]["substitute"]
    assert told == kit.values(hostile(), RELEASE, pull_secret=seeds.PULL, module=FETCHED)


def write_overlay(top: Path, sovereign: Sovereign) -> None:
    for name, text in overlay(sovereign).items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text, encoding="utf-8")


def overlay(sovereign: Sovereign) -> dict[str, str]:
    return kit.overlay(
        sovereign, RELEASE, pull_secret=seeds.PULL, place="branch main of https://git.example/a", module=FETCHED
    )


# --- as Flux applies it -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("git")
    with git_server(folder, TEMPLATE.parent) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, git: Running) -> Iterator[Flux]:
    """A cluster that was told what first boot tells it about a hostile Sovereign, in mode Template."""
    with booted(tmp_path_factory.mktemp("flux"), git.ca) as cluster:
        # First boot makes it empty; a repository whose Secret does not exist is never ready.
        cluster.api.create("/api/v1/namespaces/flux-system/secrets", {"metadata": {"name": seeds.PULL}})
        cluster.api.create("/api/v1/namespaces", {"metadata": {"name": transfer.NAMESPACE}})
        spec = {
            "path": "clusters/_template/bootstrap-kit",
            "components": list(kit.components(hostile().spec, RELEASE)),
            "postBuild": {"substitute": kit.values(hostile(), RELEASE, pull_secret=seeds.PULL, module=FETCHED)},
        }
        follow(cluster, f"{FQDN}-bootstrap-kit", git.server.repository_url(PUBLIC), spec)
        yield cluster


def applied(cluster: Flux) -> dict[str, Any]:
    """The HelmReleases of the cluster, by name."""
    return {obj["metadata"]["name"]: obj for obj in cluster.api.get(RELEASES)["items"]}


def charts(cluster: Flux) -> Any:
    """The HelmRepository that all charts come from."""
    return cluster.api.get(f"{GIT_REPOSITORIES.rpartition('/')[0]}/helmrepositories/catalyst-charts")


def ready(cluster: Flux, path: str) -> bool:
    """Whether it was applied and is well; one that nobody has made yet is not."""
    try:
        found = cluster.api.get(path)
    except ApiError as error:
        assert error.code == HTTPStatus.NOT_FOUND, error
        return False
    told = condition(found)
    # On a slow machine Flux looks before its source is there, says so, and looks again when it is.
    early = told.get("reason") == components.ARTIFACT_FAILED
    assert early or "fail" not in told.get("reason", "").lower(), told
    settled = found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
    return bool(settled and told.get("status") == "True")


def test_the_kit_of_a_hostile_sovereign_is_applied_as_it_was_meant(cluster: Flux) -> None:
    """Flux' own code reads what people wrote, and refuses fields that its CRDs do not have."""
    wait_until(lambda: ready(cluster, KIT), "the kit's Kustomization")
    found = applied(cluster)
    wanted = {name: obj for name, obj in everything().items() if name not in everything(Folder.INFRASTRUCTURE)}
    assert set(wanted) <= set(found)
    values = kit.values(hostile(), RELEASE, pull_secret=seeds.PULL)
    for name, obj in wanted.items():
        assert found[name]["spec"].get("values") == substituted(obj, values)["spec"].get("values"), name
    told = yaml.safe_load(cluster.api.get(f"{CORE}/configmaps/sovereign")["data"]["sovereign.yaml"])
    asked = gen.raw_sovereign(HOSTILE)["spec"]
    assert told["organization"] == asked["organization"]
    assert (told["domain"], told["adminEmail"]) == (FQDN, asked["adminEmail"])
    federation = told["federation"]
    made = found["bp-keycloak"]["spec"]["values"]["keycloak"]["extraDeploy"][0]
    realm = json.loads(made["data"]["catalyst-admin.json"])
    assert (realm["displayName"], realm["users"][0]["email"]) == (asked["organization"]["name"], asked["adminEmail"])
    config = realm["identityProviders"][0]["config"]
    assert (config["issuer"], config["clientId"]) == (federation["issuer"], federation["clientID"])
    assert (federation["issuer"], federation["clientID"]) == (
        asked["federation"]["issuerURL"],
        asked["federation"]["clientID"].replace("\x85", " ").translate(dict.fromkeys(map(ord, UNREADABLE), "\ufffd")),
    )


def test_versions_and_registry_are_those_of_release_and_template(cluster: Flux) -> None:
    """Defaults inside variables have characters that envsubst could stumble over."""
    wait_until(lambda: set(applied(cluster)) == set(kit.expected(hostile().spec)), "all releases")
    versions = {name: obj["spec"]["chart"]["spec"]["version"] for name, obj in applied(cluster).items()}
    catalogue = {b.release: b.version for b in blueprints.load().blueprints.values()}
    assert versions == {**catalogue, "bp-flux": RELEASE.kit["bp-flux"]}
    assert charts(cluster)["spec"]["url"] == "oci://ghcr.io/openova-io"
    assert charts(cluster)["spec"]["secretRef"] == {"name": seeds.PULL}


def test_every_kustomization_becomes_ready(cluster: Flux) -> None:
    """On a cluster where no chart has brought its kinds yet, and without a complaint: Ready asks for all of them."""
    for name in BESIDE_THE_KIT:
        wait_until(partial(ready, cluster, f"{KUSTOMIZATIONS}/{name}"), f"Kustomization {name}")
    assert set(applied(cluster)) == set(kit.expected(hostile().spec))
    assert condition(cluster.release("bp-external-dns"))["status"] == "True"
    told = cluster.release("bp-external-dns")["spec"]["values"]
    assert (told["external-dns"]["domainFilters"], told["external-dns"]["txtOwnerId"]) == ([FQDN], FQDN)


def test_the_gateway_and_its_certificate_are_of_this_sovereign(cluster: Flux) -> None:
    """Handed on from one Kustomization to the next: a name that reads as a number, and an address with a quote."""
    wait_until(lambda: ready(cluster, f"{KUSTOMIZATIONS}/issuers"), "the issuers' Kustomization")
    gateway = cluster.api.get("/apis/gateway.networking.k8s.io/v1/namespaces/gateway/gateways/entrance")
    hosts = {listener["hostname"] for listener in gateway["spec"]["listeners"]}
    assert {f"*.{FQDN}", f"auth.{FQDN}", f"console.{FQDN}"} < hosts
    issuer = cluster.api.get("/apis/cert-manager.io/v1/clusterissuers/sovereign")
    assert issuer["spec"]["acme"]["email"] == "_1%+o'brien-x@a.example"
    certificate = cluster.api.get("/apis/cert-manager.io/v1/namespaces/gateway/certificates/entrance")
    assert f"console.{FQDN}" in certificate["spec"]["dnsNames"]


def route(name: str, namespace: str, *hosts: str, section: str | None = None) -> dict[str, Any]:
    """An HTTPRoute at the kit's Gateway."""
    parent = {"name": "entrance", "namespace": "gateway", **({"sectionName": section} if section else {})}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"parentRefs": [parent], **({"hostnames": list(hosts)} if hosts else {})},
    }


def certificate(namespace: str, issuer: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "asked", "namespace": namespace},
        "spec": {"secretName": "asked", "issuerRef": issuer, "dnsNames": [f"auth.{FQDN}"]},
    }


def order(namespace: str, issuer: dict[str, str]) -> dict[str, Any]:
    """What cert-manager asks an ACME server for, made by hand."""
    return {
        "apiVersion": "acme.cert-manager.io/v1",
        "kind": "Order",
        "metadata": {"name": "asked", "namespace": namespace},
        "spec": {"request": "YQ==", "issuerRef": issuer, "dnsNames": [f"auth.{FQDN}"]},
    }


NODE = "10.0.1.11"
ADDRESSES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/kit-addresses"


def service(namespace: str, *external: str, port: int = 28443, **spec: Any) -> dict[str, Any]:
    taken = {"externalIPs": list(external)} if external else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "taker", "namespace": namespace},
        "spec": {"selector": {"app": "taker"}, "ports": [{"port": port}], **taken, **spec},
    }


def pod(namespace: str, port: int, where: str = "containers") -> dict[str, Any]:
    container = {"name": "taker", "image": "taker"}
    ports = {"ports": [{"containerPort": 80}, {"containerPort": 8443, "hostPort": port}]}
    spec = {"containers": [container]} if where == "containers" else {"containers": [container | {"name": "other"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "taker", "namespace": namespace},
        "spec": {**spec, where: [container | ports]},
    }


def refused(cluster: Flux, obj: dict[str, Any]) -> str:
    """Why the API server takes this object not; empty if it does."""
    plural = f"{obj['kind'].lower()}s"
    group = "/api/v1" if obj["apiVersion"] == "v1" else f"/apis/{obj['apiVersion']}"
    path = f"{group}/namespaces/{obj['metadata']['namespace']}/{plural}"
    try:
        cluster.api.create(path, obj)
    except ApiError as error:
        assert error.code in {403, 422}, error
        return str(error)
    cluster.api.delete(f"{path}/{obj['metadata']['name']}")
    return ""


@pytest.fixture(scope="module")
def fenced(cluster: Flux) -> Flux:
    """The same with its gateway applied, the policies in force, and a namespace of somebody else's."""
    wait_until(lambda: ready(cluster, f"{KUSTOMIZATIONS}/issuers"), "the issuers' Kustomization")
    for name in ("shop", "keycloak"):
        cluster.api.apply(
            f"/api/v1/namespaces/{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        )
    wait_until(lambda: refused(cluster, route("first", "shop", f"auth.{FQDN}")), "the policy of hosts in force")
    issuer = {"kind": "ClusterIssuer", "name": "sovereign"}
    wait_until(lambda: refused(cluster, certificate("shop", issuer)), "the policy of the issuer in force")
    wait_until(lambda: refused(cluster, service("shop", NODE)), "the policy of addresses in force")
    wait_until(lambda: refused(cluster, pod("shop", 28443)), "the policy of ports in force")
    return cluster


@pytest.mark.parametrize(
    ("hosts", "section"),
    [
        ([f"auth.{FQDN}"], "https-auth"),
        ([f"auth.{FQDN}"], "https"),
        ([f"auth.{FQDN}"], None),
        ([f"shop.{FQDN}", f"console.{FQDN}"], "https"),
        ([f"*.{FQDN}"], "https"),
        (["*.e3"], None),
        ([], "https"),
    ],
)
def test_nobody_else_serves_a_host_of_the_kit(fenced: Flux, hosts: list[str], section: str | None) -> None:
    """By whatever listener, and by no wildcard over it."""
    said = refused(fenced, route("taken", "shop", *hosts, section=section))
    assert "spec.hostnames: " in said
    assert not hosts or f"auth.{FQDN} (keycloak)" in said, "it tells which hosts those are"


@pytest.mark.parametrize(
    ("namespace", "host"),
    [
        ("shop", f"shop.{FQDN}"),
        ("shop", f"auth.shop.{FQDN}"),
        ("shop", f"*.shop.{FQDN}"),
        ("shop", f"xauth.{FQDN}"),
        ("keycloak", f"auth.{FQDN}"),
        ("gateway", f"auth.{FQDN}"),
        ("gateway", f"*.{FQDN}"),
    ],
)
def test_everybody_serves_hosts_of_their_own(fenced: Flux, namespace: str, host: str) -> None:
    """The kit its own too, and challenges in the gateway's namespace."""
    assert refused(fenced, route("own", namespace, host)) == ""


def test_a_route_of_another_gateway_is_nobodys_business(fenced: Flux) -> None:
    """Its names may be served within the cluster, or for another domain."""
    elsewhere = route("elsewhere", "shop", f"auth.{FQDN}")
    elsewhere["spec"]["parentRefs"] = [{"name": "entrance"}, {"name": "mesh", "kind": "Service", "group": ""}]
    assert refused(fenced, elsewhere) == ""


def test_the_issuer_signs_where_an_administrator_lets_it(fenced: Flux) -> None:
    """With corporate-ca it would sign any name for anybody who may make a Certificate."""
    shared, own = {"kind": "ClusterIssuer", "name": "sovereign"}, {"name": "sovereign"}
    assert "catalyst.openova.io/issuer=sovereign" in refused(fenced, certificate("shop", shared))
    assert refused(fenced, certificate("shop", own)) == "", "an Issuer of its own namespace"
    assert refused(fenced, certificate("gateway", shared)) == ""
    assert "catalyst.openova.io/issuer=sovereign" in refused(fenced, order("shop", shared)), "nor by its second door"
    labels = {"metadata": {"labels": {"catalyst.openova.io/issuer": "sovereign"}}}
    fenced.api.patch("/api/v1/namespaces/shop", labels)
    wait_until(lambda: refused(fenced, certificate("shop", shared)) == "", "the label to be seen")


@pytest.mark.parametrize("namespace", ["shop", "gateway", "kube-system"])
def test_no_service_takes_the_address_of_a_node(fenced: Flux, namespace: str) -> None:
    """Cilium would give it what the load balancer sends to the gateway, or what is meant for the API server."""
    said = refused(fenced, service(namespace, NODE))
    assert "spec.externalIPs: " in said
    assert "load balancer" in said, "it tells what to do instead"


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_a_service_without_such_an_address_is_its_owners(fenced: Flux, kind: str) -> None:
    """NodePorts are of a range that the gateway's are not in."""
    assert refused(fenced, service("shop", type=kind)) == ""
    assert "range of valid ports" in refused(fenced, service("shop", type="NodePort", ports=[_node_port(28443)]))


def _node_port(number: int) -> dict[str, int]:
    return {"port": 443, "nodePort": number}


def test_a_service_from_before_may_be_labelled_and_goes_but_takes_no_other_port(fenced: Flux) -> None:
    """Finalizers have to come off, too."""
    binding = fenced.api.get(ADDRESSES)
    fenced.api.delete(ADDRESSES)
    wait_until(lambda: refused(fenced, service("shop", NODE)) == "", "no policy of addresses")
    services = "/api/v1/namespaces/shop/services"
    fenced.api.create(services, service("shop", NODE, port=80))
    metadata = {key: value for key, value in binding["metadata"].items() if key in ("name", "labels")}
    fenced.api.apply(ADDRESSES, {**binding, "metadata": metadata})
    wait_until(lambda: refused(fenced, service("gateway", NODE)), "the policy of addresses in force")
    taker = f"{services}/taker"
    fenced.api.patch(taker, {"metadata": {"labels": {"seen": "yes"}}})
    with pytest.raises(ApiError, match=r"spec\.externalIPs: "):
        fenced.api.patch(taker, {"spec": {"ports": [{"port": 28443}]}})
    fenced.api.patch(taker, {"spec": {"externalIPs": None, "ports": [{"port": 28443}]}})
    fenced.api.delete(taker)


@pytest.mark.parametrize("where", ["containers", "initContainers"])
@pytest.mark.parametrize("port", [28080, 28443])
def test_no_pod_takes_a_port_of_the_gateway(fenced: Flux, port: int, where: str) -> None:
    said = refused(fenced, pod("shop", port, where))
    assert "hostPort: " in said
    assert "28080 and 28443" in said


def test_other_ports_of_nodes_are_for_whoever_may_have_them(fenced: Flux) -> None:
    """Pod Security says who."""
    assert refused(fenced, pod("shop", 28444)) == ""


def test_its_own_crossplane_is_told_how_to_take_over(cluster: Flux) -> None:
    """By an API server that refuses a field which the kinds do not have, each step once the one before has brought
    them."""
    for name in sorted(ADOPTION):
        wait_until(partial(ready, cluster, f"{KUSTOMIZATIONS}/{name}"), f"Kustomization {name}")
    workspace = cluster.api.get("/apis/opentofu.upbound.io/v1beta1/workspaces/sovereign")["spec"]
    assert workspace["deletionPolicy"] == "Orphan"
    assert workspace["forProvider"]["module"] == FETCHED
    config = cluster.api.get(f"/api/v1/namespaces/{transfer.NAMESPACE}/configmaps/{transfer.ADOPTION}")
    assert config["data"]["encryption"] == encryption.configuration(transfer.KEY)
    assert cluster.api.get("/apis/pkg.crossplane.io/v1/providers/provider-opentofu")["spec"]["package"].endswith(
        ":v1.1.5"
    )


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("helmreleases/bp-flux", codes.FLUX_PIN_DRIFT.remedy.split("`")[1]),
        ("kustomizations/adoption-workspace", papers.command(ADOPTION_PAGE, DELETING, "kubectl -n flux-system patch")),
    ],
)
def test_what_people_are_told_to_stop_stays_stopped(cluster: Flux, name: str, command: str) -> None:
    """Flux takes back what kubectl did to its objects, unless that was done under a name which it leaves alone."""
    followers = {"helmreleases": RELEASES, "kustomizations": KUSTOMIZATIONS}
    kind, _, called = name.partition("/")
    path = f"{followers[kind]}/{called}"
    wait_until(lambda: ready(cluster, f"{KUSTOMIZATIONS}/adoption-workspace"), "the last of the kit", 90)
    told = [find_tool("kubectl"), f"--kubeconfig={cluster.server.kubeconfig}", *shlex.split(command)[1:]]
    subprocess.run(told, check=True, capture_output=True)
    asked = f"stop {called}"
    cluster.api.patch(KIT, {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": asked}}})
    wait_until(lambda: cluster.api.get(KIT)["status"].get("lastHandledReconcileAt") == asked, "the kit applied again")
    assert cluster.api.get(path)["spec"].get("suspend") is True
    cluster.api.patch(path, {"spec": {"suspend": None}})


def test_in_mode_commit_git_tells_the_cluster_the_same(cluster: Flux, git: Running) -> None:
    """The cluster follows its own folder, which contains the very Kustomization that follows it."""
    wait_until(lambda: ready(cluster, f"{KUSTOMIZATIONS}/infrastructure"), "the infrastructure's Kustomization")
    before = {name: obj["spec"] for name, obj in applied(cluster).items()}
    git.server.commit(PUBLIC, overlay(hostile()), "Sovereign 1.e3")
    cluster.api.patch(KIT, {"spec": {"path": kit.overlay_path(FQDN), "components": None}})
    wait_until(lambda: of_overlay(cluster), "its own folder applied")
    assert {name: obj["spec"] for name, obj in applied(cluster).items()} == before
    fewer = gen.sovereign(HOSTILE, gen.spec(components=["umami"], imagePullSecretRef=None))
    git.server.commit(PUBLIC, overlay(fewer), "Sovereign 1.e3 with fewer components")
    wait_until(lambda: set(applied(cluster)) == set(kit.expected(fewer.spec)), "what was deselected is gone")
    told = cluster.api.get(KIT)["spec"]["postBuild"]["substitute"]
    assert told == kit.values(fewer, RELEASE, pull_secret=seeds.PULL, module=FETCHED)
    wait_until(lambda: "secretRef" not in charts(cluster)["spec"], "it names no Secret for charts any more")


def of_overlay(cluster: Flux) -> bool:
    """Whether the kit's Kustomization is in its own inventory, which only the overlay puts it into."""
    entries = cluster.api.get(KIT)["status"].get("inventory", {}).get("entries", [])
    return any(entry["id"].startswith(f"flux-system_{FQDN}-bootstrap-kit_") for entry in entries)
