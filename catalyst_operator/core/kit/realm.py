"""The realm of a Sovereign's administrators, as the file that Keycloak imports at its first start.

It is written here and not in the template, because what people write would otherwise pass five readers in one line:
YAML, Flux, Helm, Keycloak's placeholders and JSON. The template takes the file as one value (core/kit/quoting.py).

Keycloak leaves a realm alone that it has already (docs/decisions/0063-realm-is-imported-once.md).
"""

from __future__ import annotations

from typing import Any

from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.api.sovereign_spec import FederationSpec
from catalyst_operator.core.kit.quoting import inert_json

REALM = "catalyst-admin"
ADMIN_ROLE = "sovereign-admin"
PROVIDER = "corporate"
"""Alias of the identity provider; it is a part of the redirect URI that the owner registers there."""
TOPOLOGY = "catalyst.keycloakTopology"
"""Attribute of the realm with spec.keycloakTopology."""

Json = dict[str, Any]

_MINUTE = 60
_SECURITY: Json = {
    # Traffic from private addresses may be plain: TLS ends at the gateway.
    "sslRequired": "external",
    "registrationAllowed": False,
    "loginWithEmailAllowed": True,
    "duplicateEmailsAllowed": False,
    # The first sovereign-admin has no password: the mail to set one is how they come in.
    "resetPasswordAllowed": True,
    "passwordPolicy": "length(24) and notUsername(undefined) and notEmail(undefined)",
    "bruteForceProtected": True,
    # Locked for good, anybody who knows an address could lock its owner out.
    "permanentLockout": False,
    "failureFactor": 5,
    "waitIncrementSeconds": _MINUTE,
    "maxFailureWaitSeconds": 15 * _MINUTE,
    "maxDeltaTimeSeconds": 12 * 60 * _MINUTE,
}
_ADMIN: Json = {
    "name": ADMIN_ROLE,
    "description": "Administers the Sovereign and this realm.",
    "composite": True,
    "composites": {"client": {"realm-management": ["realm-admin"]}},
}


def realm_file(spec: SovereignSpec) -> str:
    """The realm as one line of JSON, without any secret."""
    return inert_json(_realm(spec))


def _realm(spec: SovereignSpec) -> Json:
    return {
        "realm": REALM,
        "enabled": True,
        "displayName": spec.organization.name,
        "attributes": {TOPOLOGY: spec.keycloak_topology.value},
        **_SECURITY,
        "roles": {"realm": [_ADMIN]},
        "users": [_first_admin(spec.admin_email)],
        "identityProviders": [_provider(spec.federation)] if spec.federation else [],
    }


def _first_admin(email: str) -> Json:
    return {
        "username": email,
        "email": email,
        "enabled": True,
        "requiredActions": ["UPDATE_PASSWORD"],
        # An imported user has no role but these; the default ones are those for the own account.
        "realmRoles": [ADMIN_ROLE, f"default-roles-{REALM}"],
    }


def _provider(federation: FederationSpec) -> Json:
    """Switched off: a file cannot discover the provider's endpoints, and a login without them ends in an error."""
    return {
        "alias": PROVIDER,
        "providerId": "oidc",
        "enabled": False,
        "trustEmail": False,
        "config": {
            "issuer": federation.issuer_url,
            "clientId": federation.client_id,
            # Keycloak reads it from its vault at each login: a folder into which a Secret is mounted.
            "clientSecret": f"${{vault.{PROVIDER}}}",
            "clientAuthMethod": "client_secret_post",
            "defaultScope": "openid profile email",
            "pkceEnabled": "true",
            "pkceMethod": "S256",
            "validateSignature": "true",
            "useJwksUrl": "true",
            "syncMode": "IMPORT",
        },
    }
