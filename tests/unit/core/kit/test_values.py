"""What Flux is told about a Sovereign reaches the charts as it was said, whatever people wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import kit
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.quoting import quoted, quoted_list
from tests.support import gen
from tests.support.postbuild import VARIABLE, everything, objects, substituted

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
    return kit.values(gen.sovereign(*mods), RELEASE)


def rendered(name: str, *mods: gen.RawMod) -> Any:
    """The chart values of a HelmRelease, as helm-controller would see them."""
    return substituted(everything()[name], values(*mods))["spec"]["values"]


def handed_on(*mods: gen.RawMod) -> dict[str, str]:
    """What the infrastructure's own Kustomization substitutes."""
    kustomization = next(obj for _, obj in objects("bootstrap-kit") if obj["metadata"]["name"] == "infrastructure")
    told: dict[str, str] = substituted(kustomization, values(*mods))["spec"]["postBuild"]["substitute"]
    return told


# --- hostile text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_what_it_is(text: str) -> None:
    """A name that became a number, a comment or a key would break the kit, or change what it installs."""
    obj = {"kind": "Any", "name": "${TEXT}", "list": ["${TEXT}", "${LIST}"], "after": True}
    told = substituted(obj, {"TEXT": quoted(text), "LIST": quoted_list((text, text))})
    assert told == {"kind": "Any", "name": text, "list": [text, [text, text]], "after": True}


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


def test_organization_and_place_reach_the_platform() -> None:
    """The umbrella chart shows them to people."""
    told = rendered(
        "bp-catalyst-platform",
        gen.spec(
            organization={
                "name": "- Omantel: #1",
                "industry": "null",
                "size": "007",
                "headquarters": "Muscat, 'Oman'",
                "complianceFrames": ["* all", "GDPR, ISO-27001"],
            },
            regions=[{"location": "hel1", "buildingBlocks": ["mgt", "rtz", "dmz"]}],
        ),
    )
    assert told["organization"] == {
        "name": "- Omantel: #1",
        "industry": "null",
        "size": "007",
        "headquarters": "Muscat, 'Oman'",
        "complianceFrames": ["* all", "GDPR, ISO-27001"],
    }
    assert (told["domain"], told["location"], told["buildingBlocks"]) == (
        "omantel.omani.works",
        "hel1",
        ["mgt", "rtz", "dmz"],
    )
    assert told["gateway"]["nodePorts"] == {"http": 31080, "https": 31443}
    assert told["gateway"]["hostnames"][0] == "console.omantel.omani.works"
    assert told["tls"] == {"strategy": "letsencrypt", "wildcard": "*.omantel.omani.works"}


def test_what_is_not_said_is_empty_and_not_missing() -> None:
    """A chart can rely on the type."""
    organization = rendered("bp-catalyst-platform")["organization"]
    assert organization == {"name": "Omantel", "industry": "", "size": "", "headquarters": "", "complianceFrames": []}


@pytest.mark.parametrize("topology", ["per-organization", "shared-sovereign"])
def test_keycloak_gets_topology_realm_and_admin(topology: str) -> None:
    """The first sovereign-admin gets the password mail."""
    told = rendered("bp-keycloak", gen.spec(keycloakTopology=topology, adminEmail="o'brien+1%a@omantel.example"))
    assert told["topology"] == topology
    assert told["realm"] == {
        "name": "catalyst-admin",
        "displayName": "Omantel",
        "admin": {"email": "o'brien+1%a@omantel.example", "requiredActions": ["UPDATE_PASSWORD"]},
        "federation": {"enabled": False, "issuer": "", "clientID": ""},
    }


def test_federation_names_the_provider_and_never_its_secret() -> None:
    """The client's secret comes from a Secret on the cluster."""
    federation = {"issuerURL": "https://login.example/a%20b", "clientID": "#1: *", "clientSecretRef": {"name": "idp"}}
    told = rendered("bp-keycloak", gen.spec(federation=federation))
    expected = {"enabled": True, "issuer": "https://login.example/a%20b", "clientID": "#1: *"}
    assert told["realm"]["federation"] == expected


@pytest.mark.parametrize(
    ("strategy", "letsencrypt", "corporate"),
    [("letsencrypt", True, False), ("corporate-ca", False, True), ("cert-manager", False, False)],
)
def test_issuers_follow_the_strategy(strategy: str, letsencrypt: bool, corporate: bool) -> None:
    """With strategy cert-manager the owner makes them: two issuers would fight over one certificate."""
    reference = {"caSecretRef": {"name": "ca"}} if corporate else {}
    issuers = rendered("bp-cert-manager", gen.spec(tls={"strategy": strategy, **reference}))["issuers"]
    assert issuers["strategy"] == strategy
    assert issuers["letsencrypt"]["enabled"] is letsencrypt
    assert issuers["letsencrypt"]["dns01"]["powerdns"]["zone"] == "omantel.omani.works"
    assert issuers["corporateCA"] == {"enabled": corporate}


CROSSPLANE = gen.spec(crossplane={"credentialsSecretRef": {"name": "x"}})


def test_only_a_crossplane_with_a_token_is_told_of_the_module() -> None:
    """Who needs no value is given none: every other overlay in Git would change for it."""
    told = gen.variables(CROSSPLANE, gen.spec(gitops={"url": "https://git.example/a.git", "branch": "v1"}))
    assert told["kit_values"]["ADOPTION_MODULE"] == "git::https://git.example/a.git//infra/hetzner?ref=v1"
    assert "ADOPTION_MODULE" not in gen.variables()["kit_values"]


def test_object_storage_reaches_seaweedfs() -> None:
    """The cold tier behind all that store objects."""
    storage = {
        "provider": "s3",
        "endpoint": "https://s3.example",
        "bucket": "1e3",
        "credentialsSecretRef": {"name": "s"},
    }
    assert rendered("bp-seaweedfs", gen.spec(objectStorage=storage))["objectStorage"] == {
        "provider": "s3",
        "location": "fsn1",
        "endpoint": "https://s3.example",
        "bucket": "1e3",
    }


def test_a_name_that_looks_like_a_number_stays_a_name() -> None:
    """1e3.x1 and the like are valid names; in the kit and, once handed on, in the infrastructure."""
    named = gen.spec(domain={"mode": "pool", "fqdn": "1.e3"})
    assert handed_on(named) == {"SOVEREIGN_DOMAIN": '"1.e3"'}
    assert values(named)["SOVEREIGN_DOMAIN"] == '"1.e3"'
    told = substituted(everything()["bp-external-dns"], handed_on(named))["spec"]["values"]
    assert (told["domainFilters"], told["txtOwnerId"]) == (["1.e3"], "1.e3")


# --- variables --------------------------------------------------------------------------------------------------------


def used(folder: str) -> Iterator[tuple[str, bool]]:
    for _, obj in objects(folder):
        for found in VARIABLE.finditer(yaml.safe_dump(obj, width=10_000)):
            yield found["name"], found["default"] is not None


def test_the_template_uses_every_value_and_gets_every_value_it_uses() -> None:
    """A variable that nobody sets is empty text, which Flux does not complain about."""
    needed = {name for folder in ("bootstrap-kit", "components") for name, default in used(folder) if not default}
    given_ = {name for name in gen.variables(CROSSPLANE)["kit_values"] if not name.startswith("BP_")}
    assert needed == given_
    assert {name for name, _ in used("infrastructure")} == {*handed_on(), "ADOPTION_MODULE"}


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
    assert inside == {"SOVEREIGN_FQDN"}
    assert not inside & quoted_ones


def scalars(value: Any) -> Iterator[str]:
    """All text in an object."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from scalars(item)
    elif isinstance(value, str):
        yield value


def test_versions_come_from_the_release_and_else_from_the_template() -> None:
    """bp-flux must be the one that wraps the Flux that booted."""
    kit_of = RELEASE.model_copy(update={"kit": {"flux2": "9", "cilium": "9", "bp-flux": "9.8.7", "bp-cilium": "6.5.4"}})
    found = kit.values(gen.sovereign(), kit_of)
    assert {name: value for name, value in found.items() if name.startswith("BP_")} == {
        "BP_FLUX_VERSION": "9.8.7",
        "BP_CILIUM_VERSION": "6.5.4",
    }
    versions = {
        name: substituted(everything()[name], found)["spec"]["chart"]["spec"]["version"]
        for name in ("bp-flux", "bp-cilium", "bp-gitea")
    }
    assert versions == {"bp-flux": "9.8.7", "bp-cilium": "6.5.4", "bp-gitea": "1.1.1"}


def test_the_registry_of_charts_can_be_another_one() -> None:
    """An air gap has a mirror."""
    repository = next(obj for _, obj in objects("bootstrap-kit") if obj["kind"] == "HelmRepository")
    sovereign: Sovereign = gen.sovereign()
    mirrored = kit.values(sovereign, RELEASE, chart_registry="oci://mirror.example:5000/charts")
    assert substituted(repository, mirrored)["spec"]["url"] == "oci://mirror.example:5000/charts"
    assert substituted(repository, kit.values(sovereign, RELEASE))["spec"]["url"].startswith("oci://")
