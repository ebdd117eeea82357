"""What Flux is told about a Sovereign reaches the charts as it was said, whatever people wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalyst_operator.api.enums import TlsStrategy
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.quoting import inert_json, quoted, quoted_list
from tests.support import gen
from tests.support.postbuild import TEMPLATE, VARIABLE, everything, objects, substituted, told

# What Flux cannot carry: it reads its own JSON as YAML, which refuses these.
LOST = "".join(map(chr, range(0x7F, 0xA0))) + "\ufeff\ufffe\uffff"
RELEASE = releases.load().get()
HOSTILE = [
    "Acme: Oman",
    "Acme #1",
    "# all of it",
    "*alias",
    "&anchor",
    "!tag",
    "|",
    ">",
    "@home",
    "% of it",
    "'",
    "it's",
    "''",
    "- dash",
    "-",
    "--- ",
    "? key",
    "[list]",
    "a, b",
    "007",
    "0x1f",
    "1e3",
    "1_000",
    "12:30:45",
    "2026-01-01",
    "true",
    "No",
    "null",
    "~",
    "=",
    "<<",
    "${HOME}",
    '"quoted"',
    "back\\slash",
    "`whoami`",
    "{a: b}",
    " spaces around ",
    "عُمانتل",
    "日本電信",
    "😀 emoji",
    "\u00a0",
    "line\u2028separator",
    "",
]


def values(*mods: gen.RawMod) -> dict[str, str]:
    return kit.values(gen.sovereign(*mods), RELEASE, pull_secret=seeds.PULL)


def handed_to(kustomization: str, *mods: gen.RawMod) -> Any:
    """The spec of a Kustomization beside the kit, as Flux sees it."""
    found = next(
        obj
        for folder in ("bootstrap-kit", "components/adoption")
        for _, obj in objects(folder)
        if (obj["kind"], obj.get("metadata", {}).get("name")) == ("Kustomization", kustomization)
    )
    return substituted(found, values(*mods))["spec"]


def handed_on(kustomization: str, *mods: gen.RawMod) -> dict[str, str]:
    """What such a Kustomization substitutes in its own folder."""
    found: dict[str, str] = handed_to(kustomization, *mods).get("postBuild", {}).get("substitute", {})
    return found


# --- hostile text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_what_it_is(text: str) -> None:
    """A name that became a number, a comment or a key would break the kit, or change what it installs."""
    obj = {"kind": "Any", "name": "${TEXT}", "list": ["${TEXT}", "${LIST}"], "after": True}
    found = substituted(obj, {"TEXT": quoted(text), "LIST": quoted_list((text, text))})
    assert found == {"kind": "Any", "name": text, "list": [text, [text, text]], "after": True}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=LOST)))
def test_any_text_stays_what_it_is(text: str) -> None:
    """The table above is only what somebody thought of."""
    once = quoted(text)
    assert substituted({"name": "${TEXT}"}, {"TEXT": once}) == {"name": text}
    assert json.loads(once) == text
    assert "${" not in once
    assert "\n" not in once


@given(st.text())
def test_quoting_twice_is_undone_by_reading_twice(text: str) -> None:
    """In mode Commit the values themselves lie in a YAML file."""
    assert yaml.safe_load(yaml.safe_load(quoted(quoted(text)))) == yaml.safe_load(quoted(text))


@settings(deadline=None)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
@example({"{": {"{{": "$"}, "{{{": ["${HOME}", "$(env:HOME)", "{{ .Values }}"]})
def test_a_document_says_the_same_and_nothing_in_it_is_acted_on(document: Any) -> None:
    """Flux, Helm and Keycloak look at it as text, one after the other, and only then somebody reads JSON."""
    text = inert_json(document)
    assert json.loads(text) == document
    assert not [acted_on for acted_on in ("$", "{{", "\n") if acted_on in text]


def test_what_flux_cannot_carry_is_replaced_and_breaks_nothing() -> None:
    """One such character in a name, and the whole kit could not be built."""
    for character in LOST:
        seen = " " if character == "\x85" else "\ufffd"
        assert yaml.safe_load(quoted(f"a{character}b")) == f"a{seen}b"
    assert yaml.safe_load(quoted("a\ud800b")) == "a\ufffdb"


def test_without_quotes_such_text_would_do_harm() -> None:
    """The test above proves something only if Flux really drops the quotes that a template has."""
    obj = yaml.safe_load('name: "${TEXT}"')
    assert substituted(obj, {"TEXT": "true"}) == {"name": True}
    assert substituted(obj, {"TEXT": "Acme #1"}) == {"name": "Acme"}


# --- what charts are given --------------------------------------------------------------------------------------------


def test_organization_and_place_are_told() -> None:
    """No chart shows them to people; the ConfigMap does."""
    organization = {
        "name": "- Omantel: #1",
        "industry": "null",
        "size": "007",
        "headquarters": "Muscat, 'Oman'",
        "complianceFrames": ["* all", "GDPR, ISO-27001"],
    }
    regions = [{"location": "hel1", "buildingBlocks": ["mgt", "rtz", "dmz"]}]
    found = told(values(gen.spec(organization=organization, regions=regions)))
    assert found["organization"] == organization
    assert (found["domain"], found["location"], found["buildingBlocks"]) == (
        "omantel.omani.works",
        "hel1",
        ["mgt", "rtz", "dmz"],
    )


def test_what_is_not_said_is_empty_and_not_missing() -> None:
    """Whoever reads it can rely on the type."""
    found = told(values())
    assert found["organization"] == {
        "name": "Omantel",
        "industry": "",
        "size": "",
        "headquarters": "",
        "complianceFrames": [],
    }
    assert found["federation"] == {"enabled": False, "issuer": "", "clientID": ""}
    assert found["objectStorage"] == {"provider": "native", "endpoint": "", "bucket": ""}
    assert found["crossplane"] == {"credentials": False}


@pytest.mark.parametrize("topology", ["per-organization", "shared-sovereign"])
def test_topology_and_admin_are_told(topology: str) -> None:
    """As the object has them."""
    found = told(values(gen.spec(keycloakTopology=topology, adminEmail="o'brien+1%a@omantel.example")))
    assert (found["keycloak"]["topology"], found["adminEmail"]) == (topology, "o'brien+1%a@omantel.example")


def test_federation_names_the_provider_and_never_its_secret() -> None:
    """The client's secret comes from a Secret on the cluster."""
    federation = {"issuerURL": "https://login.example/a%20b", "clientID": "#1: *", "clientSecretRef": {"name": "idp"}}
    found = told(values(gen.spec(federation=federation)))
    assert found["federation"] == {"enabled": True, "issuer": "https://login.example/a%20b", "clientID": "#1: *"}


CROSSPLANE = gen.spec(crossplane={"credentialsSecretRef": {"name": "x"}})


def test_only_a_crossplane_with_a_token_is_told_of_the_module() -> None:
    """Who needs no value is given none: every other overlay in Git would change for it."""
    gitops = {"url": "https://git.example/a.git", "ref": {"branch": "v1"}}
    with_module = gen.variables(CROSSPLANE, gen.spec(gitops=gitops))["kit_values"]
    assert (
        with_module["ADOPTION_MODULE"] == "git::https://git.example/a.git//infra/hetzner?ref=refs/remotes/origin/v1%5E0"
    )
    assert "ADOPTION_MODULE" not in gen.variables()["kit_values"]


def test_object_storage_is_told() -> None:
    """What the cold tier is set up with on day 1; its credentials lie in a Secret."""
    storage = {
        "provider": "s3",
        "endpoint": "https://s3.example",
        "bucket": "1e3",
        "credentialsSecretRef": {"name": "s"},
    }
    found = told(values(gen.spec(objectStorage=storage, crossplane={"credentialsSecretRef": {"name": "x"}})))
    assert found["objectStorage"] == {"provider": "s3", "endpoint": "https://s3.example", "bucket": "1e3"}
    assert found["crossplane"] == {"credentials": True}


@pytest.mark.parametrize("strategy", TlsStrategy)
def test_the_strategy_chooses_the_folder_of_the_issuer(strategy: TlsStrategy) -> None:
    """A path that is not there would be found on a cluster."""
    reference = {"caSecretRef": {"name": "ca"}} if strategy is TlsStrategy.CORPORATE_CA else {}
    path = handed_to("issuers", gen.spec(tls={"strategy": strategy.value, **reference}))["path"]
    assert (TEMPLATE.parents[1] / path / "kustomization.yaml").is_file()


def test_charts_are_told_the_name() -> None:
    """Where it stands alone and where it stands in a host's name."""
    named = values(gen.spec(domain={"mode": "pool", "fqdn": "1.e3"}))
    gitea = substituted(everything()["bp-gitea"], named)["spec"]["values"]["gitea"]
    assert gitea["gitea"]["config"]["server"] == {"DOMAIN": "gitea.1.e3", "ROOT_URL": "https://gitea.1.e3"}
    assert gitea["extraDeploy"][0]["spec"]["hostnames"] == ["gitea.1.e3"]
    spire = substituted(everything()["bp-spire"], named)["spec"]["values"]["spire"]["global"]["spire"]
    assert spire == {"trustDomain": "1.e3", "clusterName": "1.e3"}


def test_a_name_that_looks_like_a_number_stays_a_name() -> None:
    """1e3.x1 and the like are valid names; in the kit and, once handed on, in the folders beside it."""
    named = gen.spec(domain={"mode": "pool", "fqdn": "1.e3"}, adminEmail="_1%+o'brien-x@a.example")
    assert handed_on("infrastructure", named) == {"SOVEREIGN_DOMAIN": '"1.e3"'}
    assert values(named)["SOVEREIGN_DOMAIN"] == '"1.e3"'
    release = substituted(everything()["bp-external-dns"], handed_on("infrastructure", named))["spec"]["values"]
    assert release["external-dns"] == {"domainFilters": ["1.e3"], "txtOwnerId": "1.e3", "policy": "upsert-only"}
    assert handed_on("issuers", named) == {"SOVEREIGN_FQDN": "1.e3", "ADMIN_EMAIL": "_1%+o'brien-x@a.example"}
    issuer = of_kind("issuers/letsencrypt", "ClusterIssuer", "issuers", named)
    certificate = of_kind("issuers/letsencrypt", "Certificate", "issuers", named)
    assert issuer["spec"]["acme"]["email"] == "_1%+o'brien-x@a.example"
    assert certificate["spec"]["dnsNames"][0] == "console.1.e3"
    gateway = of_kind("gateway", "Gateway", "gateway", named)
    assert gateway["spec"]["listeners"][1]["hostname"] == "*.1.e3"


def of_kind(folder: str, kind: str, kustomization: str, *mods: gen.RawMod) -> Any:
    """The object of a folder of the infrastructure, as its Kustomization makes it."""
    found = next(obj for _, obj in objects(f"infrastructure/{folder}") if obj["kind"] == kind)
    return substituted(found, handed_on(kustomization, *mods))


# --- variables --------------------------------------------------------------------------------------------------------


def used(folder: str) -> Iterator[tuple[str, bool]]:
    for _, obj in objects(folder):
        for found in VARIABLE.finditer(yaml.safe_dump(obj, width=10_000)):
            yield found["name"], found["default"] is not None


def test_the_template_uses_every_value_and_gets_every_value_it_uses() -> None:
    """A variable that nobody sets is empty text, which Flux does not complain about."""
    found = [entry for folder in ("bootstrap-kit", "components") for entry in used(folder)]
    needed, defaulted = {name for name, default in found if not default}, {name for name, default in found if default}
    told_ = kit.values(
        gen.sovereign(CROSSPLANE),
        RELEASE,
        pull_secret=seeds.PULL,
        module="git::https://git.example/a//infra/hetzner?ref=v1",
    )
    given_ = {name for name in told_ if not name.startswith("BP_")}
    assert needed == given_ - defaulted
    assert given_ <= needed | defaulted


@pytest.mark.parametrize(
    ("kustomization", "folders"),
    [
        ("infrastructure", ["infrastructure/*.yaml"]),
        ("gateway", ["infrastructure/gateway/*"]),
        ("issuers", ["infrastructure/issuers/*/*"]),
        ("secret-store", ["infrastructure/secret-store/*"]),
        ("adoption", ["infrastructure/adoption/*.yaml"]),
        ("adoption-provider", ["infrastructure/adoption/provider/*"]),
        ("adoption-workspace", ["infrastructure/adoption/workspace/*"]),
    ],
)
def test_what_is_handed_on_is_what_is_used(kustomization: str, folders: list[str]) -> None:
    """The same of the folders beside the kit."""
    files = [file for pattern in folders for file in TEMPLATE.glob(pattern)]
    names = {found["name"] for file in files for found in VARIABLE.finditer(file.read_text(encoding="utf-8"))}
    assert files
    assert names == set(handed_on(kustomization, CROSSPLANE))


def test_what_is_not_quoted_never_stands_alone_where_it_could_be_misread() -> None:
    """Raw values consist of harmless characters, and yet a name alone may be a number."""
    alone = {scalar for _, obj in objects("") for scalar in scalars(obj) if VARIABLE.fullmatch(scalar)}
    assert "${SOVEREIGN_FQDN}" not in alone
    quoted_ones = {name for name, value in values().items() if value.startswith(('"', "["))}
    inside = {
        found["name"]
        for _, obj in objects("")
        for scalar in scalars(obj)
        for found in VARIABLE.finditer(scalar)
        if found.group() != scalar
    }
    # A name, and one of three words.
    assert inside == {"SOVEREIGN_FQDN", "TLS_STRATEGY"}
    assert not inside & quoted_ones


def scalars(value: Any) -> Iterator[str]:
    """All text in an object."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from scalars(item)
    elif isinstance(value, str) and "\n" in value:
        yield from scalars(yaml.safe_load(value))
    elif isinstance(value, str):
        yield value


def test_versions_come_from_the_release_and_else_from_the_template() -> None:
    """bp-flux must be the one that wraps the Flux that booted."""
    kit_of = RELEASE.model_copy(update={"kit": {"flux2": "9", "cilium": "9", "bp-flux": "9.8.7", "bp-cilium": "6.5.4"}})
    found = kit.values(gen.sovereign(), kit_of, pull_secret=seeds.PULL)
    assert {name: value for name, value in found.items() if name.startswith("BP_")} == {
        "BP_FLUX_VERSION": "9.8.7",
        "BP_CILIUM_VERSION": "6.5.4",
    }
    versions = {
        name: substituted(everything()[name], found)["spec"]["chart"]["spec"]["version"]
        for name in ("bp-flux", "bp-cilium", "bp-gitea")
    }
    assert versions == {"bp-flux": "9.8.7", "bp-cilium": "6.5.4", "bp-gitea": "1.1.2"}


@pytest.mark.parametrize("name", [seeds.PULL, "1e3", "registry-login"])
def test_the_registrys_secret_is_named_for_those_who_have_credentials(name: str) -> None:
    """Flux refuses every chart when the Secret it is told of has no entry for the registry, and boot's has none."""
    repository = next(obj for _, obj in objects("bootstrap-kit") if obj["kind"] == "HelmRepository")
    named = kit.values(gen.sovereign(gen.spec(imagePullSecretRef={"name": "mine"})), RELEASE, pull_secret=name)
    assert substituted(repository, named)["spec"]["secretRef"] == {"name": name}
    unnamed = kit.values(gen.sovereign(), RELEASE, pull_secret=name)
    told_of_none = substituted(repository, unnamed)["spec"]
    assert "secretRef" not in told_of_none, "the API server takes no null"
    assert told_of_none["provider"] == "generic", "which is the default"


def test_the_package_of_crossplanes_provider_can_be_another_one() -> None:
    """Not everybody may pull the vendor's."""
    step = next(obj for _, obj in objects("components/adoption") if obj["metadata"].get("name") == "adoption-provider")
    [provider] = [obj for _, obj in objects("infrastructure/adoption/provider") if obj["kind"] == "Provider"]
    mirrored = "mirror.example:5000/provider-opentofu:v1.1.5"
    for named, package in ((mirrored, mirrored), ("", "xpkg.upbound.io/upbound/provider-opentofu:v1.1.5")):
        found = kit.values(gen.sovereign(CROSSPLANE), RELEASE, pull_secret=seeds.PULL, adoption_provider=named)
        handed_on = substituted(step, found)["spec"]["postBuild"]["substitute"]
        assert substituted(provider, handed_on)["spec"]["package"] == package
    without = kit.values(gen.sovereign(), RELEASE, pull_secret=seeds.PULL, adoption_provider=mirrored)
    assert "ADOPTION_PROVIDER" not in without


def test_the_registry_of_charts_can_be_another_one() -> None:
    """An air gap has a mirror."""
    repository = next(obj for _, obj in objects("bootstrap-kit") if obj["kind"] == "HelmRepository")
    sovereign: Sovereign = gen.sovereign()
    mirrored = kit.values(sovereign, RELEASE, pull_secret=seeds.PULL, chart_registry="oci://mirror.example:5000/charts")
    assert substituted(repository, mirrored)["spec"]["url"] == "oci://mirror.example:5000/charts"
    assert substituted(repository, kit.values(sovereign, RELEASE, pull_secret=seeds.PULL))["spec"]["url"].startswith(
        "oci://"
    )
