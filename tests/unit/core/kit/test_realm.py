"""The realm file that the kit hands to Keycloak: who is in it, what protects it, and that it holds no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import realm, releases
from tests.support import gen
from tests.support.postbuild import everything, substituted

HOSTILE_NAMES = ["- Omantel: #1", "it's | & 50% @ *", "'", "null", "1e3", "عُمانتل 😀\u2028", "  ", "[a, b]"]


def file_of(*mods: gen.RawMod) -> Any:
    return json.loads(realm.realm_file(gen.sovereign(*mods).spec))


def told(*mods: gen.RawMod) -> Any:
    """The wrapped chart's values, as helm-controller would see them."""
    values = kit.values(gen.sovereign(*mods), releases.load().get(), pull_secret=seeds.PULL)
    return substituted(everything()["bp-keycloak"], values)["spec"]["values"]["keycloak"]


def deployed(values: Any) -> dict[str, Any]:
    """What the chart is given to deploy beside its own objects, by kind."""
    return {obj["kind"]: obj for obj in values["extraDeploy"]}


def federated(**changes: Any) -> gen.RawMod:
    federation = {"issuerURL": "https://login.example/a%20b", "clientID": "#1: *", "clientSecretRef": {"name": "idp"}}
    return gen.spec(federation={**federation, **changes})


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_chart_is_given_the_file_as_it_was_written(name: str) -> None:
    """A name that ended its text early would be part of the realm, and Keycloak would not start."""
    named = gen.spec(organization={"name": name}, adminEmail="o'brien+1%a@omantel.example")
    made = deployed(told(named))["ConfigMap"]
    assert json.loads(made["data"]["catalyst-admin.json"]) == file_of(named)
    assert file_of(named)["displayName"] == name


@pytest.mark.parametrize("topology", ["per-organization", "shared-sovereign"])
def test_the_topology_is_told_to_whoever_reads_the_realm(topology: str) -> None:
    assert file_of(gen.spec(keycloakTopology=topology))["attributes"] == {"catalyst.keycloakTopology": topology}


def test_the_first_admin_must_choose_a_password() -> None:
    """No password is in the file, and the default roles are not given to users of a file by themselves."""
    [user] = file_of(gen.spec(adminEmail="o'brien+1%a@omantel.example"))["users"]
    assert user["username"] == user["email"] == "o'brien+1%a@omantel.example"
    assert user["requiredActions"] == ["UPDATE_PASSWORD"]
    assert user["realmRoles"] == ["sovereign-admin", "default-roles-catalyst-admin"]
    assert "credentials" not in user


def test_nobody_registers_and_guessing_is_slow() -> None:
    made = file_of()
    assert (made["realm"], made["enabled"], made["sslRequired"]) == ("catalyst-admin", True, "external")
    assert (made["registrationAllowed"], made["bruteForceProtected"], made["permanentLockout"]) == (False, True, False)


def test_there_is_a_provider_only_when_one_is_asked_for() -> None:
    assert file_of()["identityProviders"] == []


def test_the_provider_is_named_and_never_its_secret() -> None:
    """Its endpoints are discovered on day 1; until then nobody is offered a login that ends in an error."""
    [provider] = file_of(federated())["identityProviders"]
    assert (provider["alias"], provider["providerId"], provider["enabled"]) == ("corporate", "oidc", False)
    config = provider["config"]
    assert (config["issuer"], config["clientId"]) == ("https://login.example/a%20b", "#1: *")
    assert config["clientSecret"] == "${vault.corporate}"


def test_keycloak_finds_file_and_secret_where_they_are_mounted() -> None:
    """The vault's file is named after the realm and what the file asks for; the folder of imports is Keycloak's own."""
    values = told(federated())
    made, secret = deployed(values)["ConfigMap"], deployed(values)["Secret"]
    mounted = {mount["name"]: mount["mountPath"] for mount in values["extraVolumeMounts"]}
    assert mounted["realm"] == "/opt/bitnami/keycloak/data/import"
    environment = {entry["name"]: entry["value"] for entry in values["extraEnvVars"]}
    assert environment["KC_VAULT"] == "file"
    assert environment["KC_VAULT_DIR"] == mounted["vault"]
    assert environment["KC_HOSTNAME"] == "https://auth.omantel.omani.works"
    assert list(secret["data"]) == [f"{realm.REALM}_{realm.PROVIDER}"]
    named = {volume["name"]: volume for volume in values["extraVolumes"]}
    assert named["realm"]["configMap"]["name"] == made["metadata"]["name"]
    assert named["vault"]["secret"]["secretName"] == secret["metadata"]["name"]
    assert values["extraStartupArgs"] == "--import-realm"


def test_the_secret_of_the_provider_reaches_the_vault_through_one_value() -> None:
    """Whole values, since Helm would split what a targetPath gives it at commas, braces and quotes; encoded, so that
    nothing in it is read as YAML or as a template."""
    [reference] = everything()["bp-keycloak"]["spec"]["valuesFrom"]
    assert reference == {
        "kind": "Secret",
        "name": seeds.FEDERATION,
        "valuesKey": seeds.VALUES_KEY,
        "optional": True,
    }
    [text] = deployed(told(federated()))["Secret"]["data"].values()
    chart, *path = seeds.VALUES[seeds.FEDERATION]
    assert chart == "keycloak"
    assert text == f'{{{{ .Values.{".".join(path)} | default "" }}}}'


def test_people_reach_keycloak_by_the_name_that_it_gives_itself() -> None:
    """In links of mails and tokens it calls itself by one name, which the gateway has to know."""
    values = told()
    [name] = deployed(values)["HTTPRoute"]["spec"]["hostnames"]
    assert {"name": "KC_HOSTNAME", "value": f"https://{name}"} in values["extraEnvVars"]
