"""What Flux substitutes in the kit for one Sovereign (`postBuild.substitute`).

Two kinds of values: those that consist of harmless characters only and may stand inside another text, and quoted ones,
which are whole scalars of YAML and may be anything. docs/kit.md lists them.
"""

from __future__ import annotations

from catalyst_operator.api.sovereign import Sovereign, SovereignSpec
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import blueprints
from catalyst_operator.core.kit.quoting import flag, quoted, quoted_list
from catalyst_operator.core.kit.realm import realm_file
from catalyst_operator.core.kit.releases import Release


def values(
    sovereign: Sovereign,
    release: Release,
    *,
    pull_secret: str,
    chart_registry: str = "",
    adoption_provider: str = "",
    module: str = "",
    chart_authorities: bool = False,
) -> dict[str, str]:
    """Variable -> value. `pull_secret` is what the Secret with the credentials for charts is called, of which only
    those are told that name one; `chart_registry` replaces the template's own, such as oci://registry.example/charts,
    and `adoption_provider` its package of Crossplane's provider; `module` is where Crossplane finds the module
    (`access.module.fetched`). Of these two only those are told that have a Crossplane of their own. With
    `chart_authorities` the registry is trusted by what first boot put into a Secret."""
    spec = sovereign.spec
    found = {
        **_place(spec),
        **_organization(spec),
        **_identity(spec),
        **_security(spec),
        **_storage(spec),
        **_credentials(spec, pull_secret),
        **_versions(release),
    }
    others = {
        "CHART_REGISTRY": chart_registry,
        "ADOPTION_PROVIDER": adoption_provider if spec.crossplane else "",
        "ADOPTION_MODULE": module if spec.crossplane else "",
        # A line of a HelmRepository, or its default, like that of the credentials.
        "CHARTS_TRUST_FIELD": "certSecretRef" if chart_authorities else "",
        "CHARTS_TRUST_REF": f'{{"name": {quoted(seeds.AUTHORITIES)}}}' if chart_authorities else "",
    }
    return {**found, **{name: value for name, value in others.items() if value}}


def version_variable(blueprint: str) -> str:
    """Name of the variable with the version of a blueprint's chart: BP_CERT_MANAGER_VERSION."""
    return f"BP_{blueprint.upper().replace('-', '_')}_VERSION"


def _place(spec: SovereignSpec) -> dict[str, str]:
    region = spec.regions[0]
    return {
        # Raw, to stand inside host names; alone, a name such as 1.e3 would be a number.
        "SOVEREIGN_FQDN": spec.domain.fqdn,
        "SOVEREIGN_DOMAIN": quoted(spec.domain.fqdn),
        "LOCATION": region.location.value,
        "BUILDING_BLOCKS": quoted_list(tuple(block.value for block in region.building_blocks)),
    }


def _organization(spec: SovereignSpec) -> dict[str, str]:
    organization = spec.organization
    return {
        "ORGANIZATION_NAME": quoted(organization.name),
        "ORGANIZATION_INDUSTRY": quoted(organization.industry or ""),
        "ORGANIZATION_SIZE": quoted(organization.size or ""),
        "ORGANIZATION_HEADQUARTERS": quoted(organization.headquarters or ""),
        "COMPLIANCE_FRAMES": quoted_list(organization.compliance_frames),
    }


def _identity(spec: SovereignSpec) -> dict[str, str]:
    federation = spec.federation
    return {
        "ADMIN_EMAIL": quoted(spec.admin_email),
        "KEYCLOAK_TOPOLOGY": spec.keycloak_topology.value,
        "KEYCLOAK_REALM": quoted(realm_file(spec)),
        "FEDERATION_ENABLED": flag(federation),
        "FEDERATION_ISSUER": quoted(federation.issuer_url if federation else ""),
        "FEDERATION_CLIENT_ID": quoted(federation.client_id if federation else ""),
    }


def _security(spec: SovereignSpec) -> dict[str, str]:
    return {
        # Raw, because it names the folder of its issuer.
        "TLS_STRATEGY": spec.tls.strategy.value,
        "CROSSPLANE_CREDENTIALS": flag(spec.crossplane),
    }


def _storage(spec: SovereignSpec) -> dict[str, str]:
    storage = spec.object_storage
    return {
        "OBJECT_STORAGE_PROVIDER": storage.provider.value,
        "OBJECT_STORAGE_ENDPOINT": quoted(storage.endpoint or ""),
        "OBJECT_STORAGE_BUCKET": quoted(storage.bucket or ""),
    }


def _credentials(spec: SovereignSpec, pull_secret: str) -> dict[str, str]:
    """One line of a HelmRepository: what it is fetched with, or a default. Both are always told, since a variable that
    first boot has told stays in the cluster's Kustomization when it is no longer in Git."""
    if not spec.image_pull_secret_ref:
        return {"PULL_SECRET_FIELD": "provider", "PULL_SECRET_REF": "generic"}
    return {"PULL_SECRET_FIELD": "secretRef", "PULL_SECRET_REF": f'{{"name": {quoted(pull_secret)}}}'}


def _versions(release: Release) -> dict[str, str]:
    """Only what the release pins; for the rest the template has its own versions."""
    named = {f"bp-{name}": name for name in blueprints.load().blueprints}
    return {version_variable(named[chart]): version for chart, version in release.kit.items() if chart in named}
