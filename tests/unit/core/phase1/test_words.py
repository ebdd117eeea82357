"""What controllers say is searched for words, and the names that people gave are not."""

from __future__ import annotations

import pytest

from catalyst_operator.core.phase1.suspects.words import matches, without_names

NAMES = (
    ("open /tmp/kustomization-351/clusters/kit/secret.sops.yaml: no such file or directory", "sops"),
    ("accumulation err='accumulating resources from 'secret.sops.yaml': open x", "sops"),
    ("could not locate a version matching provided version string 37.401.0", r"\b401\b"),
    ("could not locate a version matching provided version string 401", r"\b401\b"),
    ("no chart version found for bp-keycloak-1.403.2", r"\b403\b"),
    ('secrets "unauthorized" not found', "unauthorized"),
    ("dependency 'apps/forbidden' is not ready", "forbidden"),
    ("unable to clone https://git.example/404/forbidden.git: EOF", r"\b404\b|forbidden"),
    ("HelmRelease/apps/access-denied dry-run failed", "denied"),
    ("release keycloak/forbidden.v3 with chart denied@1.0.0", "forbidden|denied"),
    ("stored artifact for revision 'main@sha1:401'", r"\b401\b"),
    ("failed to pull sha256:401: EOF", r"\b401\b"),
    ("lookup sops.example on 10.43.0.10:53: server misbehaving", "sops"),
    ("dial tcp 10.0.0.1:401: connect: connection refused", r"\b401\b"),
    ("it was cut off in the middle of 'apps/forbidden-…", "forbidden"),
    ("field `forbidden` not declared in schema", "forbidden"),
)
"""Each names something after what did not happen."""


@pytest.mark.parametrize(("message", "sign"), NAMES)
def test_names_are_not_searched(message: str, sign: str) -> None:
    assert matches(sign, message) is None, without_names(message)
    assert matches(sign, message, whole=True) is not None, "or there was nothing to be mistaken about"


WORDS = (
    ("failed to fetch https://ghcr.io/token?scope=repository: 401 Unauthorized", r"\b401 unauthorized"),
    ('couldn\'t find remote ref "refs/heads/x"', "couldn't find remote ref"),
    ("dial tcp: lookup ghcr.io: i/o timeout", "i/o timeout"),
    ("response status code 403: denied: requested access to the resource is denied", r"\b403\b"),
    ('clusterroles "x" is forbidden: attempting to grant RBAC', "is forbidden"),
    ('namespaces "apps" not found', "namespaces _ not found"),
    ('Failed to create pod sandbox: plugin type="cilium-cni" failed: no network', r"\bnetwork\b"),
    ("x/y dry-run failed (Forbidden): not allowed", r"\(forbidden\)"),
)
"""What the controllers themselves say."""


@pytest.mark.parametrize(("message", "sign"), WORDS)
def test_what_is_said_is_found(message: str, sign: str) -> None:
    assert matches(sign, message) is not None, without_names(message)


def test_what_a_pattern_names_is_given() -> None:
    said = 'no matches for kind "HelmRepository" in version "source.toolkit.fluxcd.io/v1beta2"'
    assert matches(r'version "(?P<group>[a-z.]+)/', said, whole=True) == {"group": "source.toolkit.fluxcd.io"}
