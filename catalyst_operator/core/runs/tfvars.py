"""From a Sovereign's spec to the module's variables (`infra/hetzner/variables.tf`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.phases import RunVerb, ServerRole
from catalyst_operator.api.scalars import ANYWHERE
from catalyst_operator.api.sovereign import Sovereign, SovereignSpec
from catalyst_operator.core import kit, naming
from catalyst_operator.core.access import boot, module, seeds, source
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.releases import Release, UnknownReleaseError
from catalyst_operator.core.project import sizing, ssh_keys
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.tofu.server_names import STARTER


def tfvars(
    sovereign: Sovereign,
    settings: CoreSettings,
    choices: sizing.Choices = MappingProxyType({}),
    pinned_release: str = "",
    made: Collection[str] = (),
) -> dict[str, Any]:
    """The variables without secrets: equal specs, with equal choices of sizes, the same pinned release and the same
    servers that were made, give equal variables.

    Raises UnknownReleaseError.
    """
    meta, spec = sovereign.metadata, sovereign.spec
    release = releases.load().get(spec.release or pinned_release or settings.default_release)
    servers = sizing.servers(spec)
    turn = sizing.in_turn(servers, choices, made)
    sizes = [(server.role, turn[server.key].size) for server in servers]
    return {
        "cluster_name": naming.cluster_name(meta.name, meta.uid),
        "fqdn": spec.domain.fqdn,
        "labels": {
            labels.LABEL_SOVEREIGN: meta.name,
            labels.LABEL_SOVEREIGN_NAMESPACE: meta.namespace,
            labels.LABEL_SOVEREIGN_UID: meta.uid,
        },
        "location": spec.regions[0].location.value,
        "cluster_started": STARTER in made,
        "control_plane_sizes": [size for role, size in sizes if role is ServerRole.CONTROL_PLANE],
        "worker_sizes": [size for role, size in sizes if role is ServerRole.WORKER],
        "ssh_public_keys": [ssh_keys.plain(key) for key in spec.ssh_public_keys],
        "ssh_allowed_cidrs": _networks(spec.ssh_allowed_cidrs),
        **_api_access(spec, settings),
        "release": release.module_value(mirrors=settings.mirrors, digests=settings.digests_of(release.name)),
        "git": _git(sovereign, settings, release),
        "kit_values": kit.values(
            sovereign,
            release,
            chart_registry=settings.charts,
            pull_secret=settings.pull_secret,
            adoption_provider=settings.adoption_package,
            module=module.fetched(spec, settings),
            chart_authorities=settings.chart_authorities,
        ),
        "boot_manifests": boot.manifests(spec.domain.fqdn, settings.pull_secret, settings.authorities),
        **_surroundings(settings),
    }


def of_any_release(
    sovereign: Sovereign,
    settings: CoreSettings,
    choices: sizing.Choices = MappingProxyType({}),
    pinned_release: str = "",
) -> dict[str, Any]:
    """The same where it does not matter what new servers install: of a release that nobody knows, as of the default."""
    try:
        return tfvars(sovereign, settings, choices, pinned_release)
    except UnknownReleaseError:
        spec = sovereign.spec.model_copy(update={"release": None})
        known = replace(settings, default_release=None)
        return tfvars(sovereign.model_copy(update={"spec": spec}), known, choices)


def _api_access(spec: SovereignSpec, settings: CoreSettings) -> dict[str, Any]:
    """Who reaches the Kubernetes API. Nothing where everybody may, which is the module's default too: clusters that are
    older than the variable would else be planned anew."""
    allowed = _networks(spec.api_allowed_cidrs)
    if set(ANYWHERE) <= set(allowed):
        return {}
    return {"api_allowed_cidrs": _networks((*allowed, *settings.egress_cidrs))}


def _surroundings(settings: CoreSettings) -> dict[str, Any]:
    """How servers fetch what is not at its vendor's. Nothing where it is: variables are then what they always were."""
    found = {
        "registries_yaml": settings.mirrors.registries_yaml,
        "trusted_authorities": list(settings.authorities),
        "proxy": settings.server_proxy.variable if settings.server_proxy else None,
    }
    return {name: value for name, value in found.items() if value}


def _networks(given: Iterable[str]) -> list[str]:
    """Networks as the module and Hetzner write them, each once."""
    return list(dict.fromkeys(str(ip_network(cidr, strict=False)) for cidr in given))


def _git(sovereign: Sovereign, settings: CoreSettings, release: Release) -> dict[str, Any]:
    """What Flux on the new cluster follows: the shared template with components, or the Sovereign's own folder, which
    names them itself."""
    spec = sovereign.spec
    own, followed = spec.gitops.mode is GitOpsMode.COMMIT, source.wanted(spec, settings)
    return {
        "url": followed.url,
        "ref": followed.ref.given,
        "path": followed.path,
        "components": [] if own else list(kit.components(spec, release)),
        "secret_name": followed.secret,
        "verify": {"mode": followed.verify, "secret_name": seeds.GIT_KEYS} if followed.verify else None,
    }


def inputs_digest(verb: RunVerb, variables: dict[str, Any]) -> str:
    """Digest of what decides what a run would do: another digest is another run.

    What only cloud-init carries is left out: it acts once, when a server is born, and a new operator version with
    another default must not start runs for every Sovereign.
    """
    infrastructure = {name: value for name, value in variables.items() if name not in _BOOT_ONLY}
    return naming.digest_of({"verb": verb.value, "tfvars": infrastructure})


_BOOT_ONLY = frozenset(
    {
        *("cluster_started", "release", "git", "kit_values", "boot_manifests"),
        *("registries_yaml", "trusted_authorities", "proxy"),
    }
)
