"""Which of the owner's Secrets a new cluster needs, and under which names it finds them.

First boot creates the Secrets empty (core/access/boot.py); what is in them travels over the API, never in user data.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.record import ErrorEntry

PULL = "ghcr-pull"
"""What the Secret for charts is called where the setting gives no other name: published trees know it by this."""
GIT, GIT_KEYS, CROSSPLANE = "catalyst-git", "catalyst-git-keys", "catalyst-crossplane"
FEDERATION, CERTIFICATE_AUTHORITY, OBJECT_STORAGE = "catalyst-federation", "catalyst-ca", "catalyst-object-storage"
OTHERS = (GIT, GIT_KEYS, CROSSPLANE, FEDERATION, CERTIFICATE_AUTHORITY, OBJECT_STORAGE)
"""All but that for charts."""
AUTHORITIES = "catalyst-authorities"
"""Not the owner's: certificates that the operator's setting names, public, by which Flux trusts mirrors. First boot
makes it, and it is never filled later."""
VALUES_KEY = "values.yaml"
VALUES = {FEDERATION: ("keycloak", "federation", "clientSecretBase64")}
"""Secrets whose one value is for a chart -> where its release has it, in base64. They hold a document of Helm values:
from a single key Helm would read a comma, a brace or a quote in it as it reads those of `--set`."""


@dataclass(frozen=True)
class Seed:
    """One Secret of the owner's, and where it goes. `needed` keys must be there, `optional` ones are taken along."""

    target: str
    source: str
    field: str
    """The field of the spec that names it."""
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class SecretView:
    """A Secret of the owner's, without its content. `version` changes whenever that may have."""

    version: str
    keys: frozenset[str]
    """The keys with a value that can be used: text that is not empty."""


@dataclass(frozen=True)
class SeedReport:
    """What the last attempt to fill the new cluster's Secrets came to."""

    key: str
    at: datetime
    seeded: Mapping[str, str]
    """Secret on the new cluster -> version of the owner's Secret that it holds now."""
    error: ErrorEntry | None = None
    absent: str = ""
    """The first that was not there to be filled: first boot makes it, and nobody does afterwards."""


def wanted(spec: SovereignSpec, pull: str) -> tuple[Seed, ...]:
    """The Secrets that a spec names for its cluster. `pull` is what that for charts is called there."""
    named = (
        (pull, spec.image_pull_secret_ref, "imagePullSecretRef", (".dockerconfigjson",), ()),
        (GIT, spec.gitops.credentials_secret_ref, "gitops.credentialsSecretRef", ("username", "password"), ("ca.crt",)),
        (
            GIT_KEYS,
            spec.gitops.verify.secret_ref if spec.gitops.verify else None,
            "gitops.verify.secretRef",
            ("keys.asc",),
            (),
        ),
        (
            CROSSPLANE,
            spec.crossplane.credentials_secret_ref if spec.crossplane else None,
            "crossplane.credentialsSecretRef",
            ("token",),
            (),
        ),
        (
            FEDERATION,
            spec.federation.client_secret_ref if spec.federation else None,
            "federation.clientSecretRef",
            ("clientSecret",),
            (),
        ),
        (CERTIFICATE_AUTHORITY, spec.tls.ca_secret_ref, "tls.caSecretRef", ("tls.crt", "tls.key", "ca.crt"), ()),
        (
            OBJECT_STORAGE,
            spec.object_storage.credentials_secret_ref,
            "objectStorage.credentialsSecretRef",
            ("accessKeyID", "secretAccessKey"),
            (),
        ),
    )
    return tuple(
        Seed(target, reference.name, field, needed, optional)
        for target, reference, field, needed, optional in named
        if reference is not None
    )


def lacking(spec: SovereignSpec, found: Mapping[str, SecretView]) -> str:
    """What is missing of the Secrets that a spec names, as a clause; empty when nothing is."""
    # What the one for charts is called there does not matter here.
    for seed in wanted(spec, PULL):
        view = found.get(seed.source)
        if view is None:
            return f"Secret {seed.source}, which spec.{seed.field} names, does not exist"
        missing = [key for key in seed.needed if key not in view.keys]
        if missing:
            return f"Secret {seed.source}, which spec.{seed.field} names, has no text under the key '{missing[0]}'"
    return ""


def due(spec: SovereignSpec, found: Mapping[str, SecretView], seeded: Mapping[str, str], pull: str) -> tuple[Seed, ...]:
    """The Secrets that are complete here and not yet, or in an older version, on the new cluster."""
    return tuple(
        seed
        for seed in wanted(spec, pull)
        if (view := found.get(seed.source))
        and set(seed.needed) <= view.keys
        and seeded.get(seed.target) != view.version
    )


def delivered(seed: Seed, texts: Mapping[str, str]) -> dict[str, str]:
    """What the Secret on the new cluster is to hold of `texts`, the owner's."""
    path = VALUES.get(seed.target)
    if path is None:
        return {key: text for key, text in texts.items() if key in (*seed.needed, *seed.optional)}
    [key] = seed.needed
    # The owner may have taken it out a moment ago.
    return {VALUES_KEY: values_document(path, texts[key])} if key in texts else {}


def values_document(path: tuple[str, ...], text: str) -> str:
    """Helm values with one text, in base64."""
    document: Any = base64.b64encode(text.encode()).decode()
    for name in reversed(path):
        document = {name: document}
    return json.dumps(document)


def key_of(seeds: tuple[Seed, ...], found: Mapping[str, SecretView]) -> str:
    """Tells one delivery from another."""
    return digest_of({seed.target: found[seed.source].version for seed in seeds})
