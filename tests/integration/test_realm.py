"""The kit's realm file is imported by a real Keycloak, which then has the realm, its first admin and the provider."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import realm, releases
from tests.integration.browser import Browser, Page
from tests.integration.keycloak import Keycloak, place, prepare, started
from tests.support import gen
from tests.support.paths import REPOSITORY
from tests.support.postbuild import everything, substituted

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FQDN = "omantel.omani.works"
PUBLIC = f"https://auth.{FQDN}"
EMAIL = "o'brien+1%a@omantel.example"
NAME = "- Omantel: #1 & 'co' | عُمان 😀"
SECRET = 's3cr,"et\\ {{ $x'
HOSTILE = gen.spec(
    domain={"mode": "pool", "fqdn": FQDN},
    adminEmail=EMAIL,
    organization={"name": NAME},
    keycloakTopology="shared-sovereign",
    federation={"issuerURL": f"{PUBLIC}/realms/theirs", "clientID": "#1: *", "clientSecretRef": {"name": "idp"}},
)
OWN_FACTOR = 30
"""What the owner sets after the first start."""


@dataclass(frozen=True)
class Server:
    """A Keycloak in its second life: the owner changed something in the first one."""

    keycloak: Keycloak
    imported: Any
    """The realm as it was after the first start."""
    vault: Path
    """The file with the provider's secret."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    values = told()
    home = prepare(tmp_path_factory.mktemp("keycloak"))
    mounts = {mount["name"]: mount["mountPath"] for mount in values["extraVolumeMounts"]}
    data = {obj["kind"]: obj["data"] for obj in values["extraDeploy"] if "data" in obj}
    place(home, mounts["realm"], data["ConfigMap"])
    place(home, mounts["vault"], dict.fromkeys(data["Secret"], "not this one"))
    environment = {entry["name"]: entry["value"] for entry in values["extraEnvVars"]}
    with started(home, values["extraStartupArgs"], environment) as keycloak:
        imported = keycloak.get(realm.REALM)
        keycloak.put(realm.REALM, {**imported, "failureFactor": OWN_FACTOR})
        # kcadm's login is of the master realm and lasts a minute, which a busy machine takes from command to command.
        keycloak.put("master", {**keycloak.get("master"), "accessTokenLifespan": 3600})
    [vault] = (home / "vault" / "..1").iterdir()
    with started(home, values["extraStartupArgs"], environment) as keycloak:
        yield Server(keycloak, imported, vault)


def told() -> Any:
    """The values that the wrapped chart is given for a hostile Sovereign."""
    values = kit.values(gen.sovereign(HOSTILE), releases.load().get(), pull_secret=seeds.PULL)
    return substituted(everything()["bp-keycloak"], values)["spec"]["values"]["keycloak"]


def test_the_realm_is_named_after_the_organization_and_closed(server: Server) -> None:
    """Whatever its name is made of."""
    expected = {
        "displayName": NAME,
        "sslRequired": "external",
        "registrationAllowed": False,
        "resetPasswordAllowed": True,
        "bruteForceProtected": True,
        "permanentLockout": False,
        "failureFactor": 5,
    }
    assert {name: server.imported[name] for name in expected} == expected
    assert "length(24)" in server.imported["passwordPolicy"]
    assert server.imported["attributes"][realm.TOPOLOGY] == "shared-sovereign"


def test_the_first_admin_has_a_role_and_no_password(server: Server) -> None:
    [user] = server.keycloak.get(f"{realm.REALM}/users")
    assert (user["username"], user["email"], user["enabled"]) == (EMAIL, EMAIL, True)
    assert user["requiredActions"] == ["UPDATE_PASSWORD"]
    own = f"{realm.REALM}/users/{user['id']}"
    assert server.keycloak.get(f"{own}/credentials") == []
    roles = {role["name"] for role in server.keycloak.get(f"{own}/role-mappings/realm")}
    assert roles == {realm.ADMIN_ROLE, "default-roles-catalyst-admin"}
    management = server.keycloak.client_ids(realm.REALM)["realm-management"]
    effective = server.keycloak.get(f"{own}/role-mappings/clients/{management}/composite")
    assert "realm-admin" in {role["name"] for role in effective}


def test_a_realm_that_is_there_is_left_alone(server: Server) -> None:
    """What the owner set counts from the first start on, the same file or not."""
    assert server.keycloak.get(realm.REALM)["failureFactor"] == OWN_FACTOR


def test_the_provider_waits_for_its_endpoints_and_its_secret_is_in_no_database(server: Server) -> None:
    found = server.keycloak.get(f"{realm.REALM}/identity-provider/instances/{realm.PROVIDER}")
    assert found["enabled"] is False
    assert found["config"]["issuer"] == f"{PUBLIC}/realms/theirs"
    assert found["config"]["clientId"] == "#1: *"
    assert found["config"]["clientSecret"] == "${vault.corporate}"


# --- what docs/day-1.md tells to do -----------------------------------------------------------------------------------


def day_1(heading: str, server: Server) -> str:
    """The output of what a chapter of docs/day-1.md does in the shell in Keycloak."""
    page = (REPOSITORY / "docs" / "day-1.md").read_text(encoding="utf-8")
    chapters = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    lines = re.findall(r"^ {4}(.*)$", chapters["A shell in Keycloak"] + chapters[heading], re.MULTILINE)
    whole = "\n".join(lines).replace("\\\n", "").splitlines()
    return server.keycloak.run("\n".join(here(line, server) for line in whole if not line.startswith("kubectl ")))


def here(line: str, server: Server) -> str:
    """A command of the page, for the Keycloak of the test."""
    for said, meant in {
        "http://localhost:8080": server.keycloak.url,
        "https://login.omantel.example": f"{server.keycloak.url}/realms/theirs",
        "admin@omantel.example": shlex.quote(EMAIL),
        # In the Pod it is asked for.
        "--temporary": "--temporary --new-password 'for the first login only'",
        "--config /tmp/kcadm.config": f"--config {server.keycloak.home}/kcadm.config",
        "/opt/bitnami/keycloak": str(server.keycloak.home),
    }.items():
        line = line.replace(said, meant)
    return line


def test_the_first_admin_is_given_a_password_by_hand(server: Server) -> None:
    said = day_1("The first sovereign-admin", server)
    assert "UPDATE_PASSWORD" in said
    [user] = server.keycloak.get(f"{realm.REALM}/users?email={urllib.parse.quote(EMAIL)}")
    kinds = server.keycloak.get(f"{realm.REALM}/users/{user['id']}/credentials")
    assert [kind["type"] for kind in kinds] == ["password"]


def test_a_mail_server_is_set(server: Server) -> None:
    said = day_1("Mail", server)
    assert "smtp.omantel.example" in said
    assert server.keycloak.get(realm.REALM)["smtpServer"]["from"] == "no-reply@omantel.example"


def test_people_sign_in_with_the_provider_and_the_secret_of_now(server: Server) -> None:
    """The vault is read at each login, so a new secret needs no restart."""
    make_their_realm(server.keycloak)
    said = day_1("The organization's own identity provider", server)
    assert '"enabled" : true' in said
    assert "Unexpected error when authenticating with identity provider" in signed_in(server.keycloak).text
    server.vault.write_text(SECRET, encoding="utf-8")
    arrived = urllib.parse.urlsplit(signed_in(server.keycloak).url)
    assert arrived.path == f"/realms/{realm.REALM}/account/"
    assert "code" in urllib.parse.parse_qs(arrived.query)


def make_their_realm(keycloak: Keycloak) -> None:
    """Somebody else's identity provider, which knows us as a client and one person."""
    client = {
        "clientId": "#1: *",
        "secret": SECRET,
        "redirectUris": [f"{PUBLIC}/realms/{realm.REALM}/broker/{realm.PROVIDER}/endpoint"],
    }
    password = {"type": "password", "value": "theirs"}
    user = {"username": "amal", "email": "amal@omantel.example", "enabled": True, "firstName": "Amal", "lastName": "B"}
    users = [{**user, "credentials": [password]}]
    keycloak.post("", {"realm": "theirs", "enabled": True, "clients": [client], "users": users})
    # Keycloak gives a provider five seconds, of which a busy machine may need more for the first answer.
    assert keycloak.discovered("theirs")["issuer"] == f"{PUBLIC}/realms/theirs"


def signed_in(keycloak: Keycloak) -> Page:
    """Where somebody ends up who signs in with their provider."""
    query = {
        "client_id": "account-console",
        "redirect_uri": f"{PUBLIC}/realms/{realm.REALM}/account/",
        "response_type": "code",
        "scope": "openid",
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
        "kc_idp_hint": realm.PROVIDER,
    }
    browser = Browser(PUBLIC, keycloak.url)
    url = f"{PUBLIC}/realms/{realm.REALM}/protocol/openid-connect/auth?{urllib.parse.urlencode(query)}"
    return browser.submit(browser.open(url), username="amal", password="theirs")
