"""Flux's objects become views, whatever they look like."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.core.phase1 import flux
from catalyst_operator.core.phase1.views import FluxCondition

RELEASE: dict[str, Any] = {
    "apiVersion": "helm.toolkit.fluxcd.io/v2",
    "kind": "HelmRelease",
    "metadata": {
        "name": "bp-keycloak",
        "namespace": "flux-system",
        "generation": 2,
        "creationTimestamp": "2026-11-22T11:00:00Z",
    },
    "spec": {"targetNamespace": "keycloak", "dependsOn": [{"name": "bp-openbao"}, {"name": "db", "namespace": "data"}]},
    "status": {
        "observedGeneration": 2,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "InstallSucceeded",
                "message": "Helm install succeeded for release keycloak/keycloak.v1 with chart bp-keycloak@1.1.2",
                "observedGeneration": 2,
                "lastTransitionTime": "2026-11-22T11:05:00Z",
            }
        ],
        "history": [{"status": "deployed", "version": 1}],
    },
}


def test_a_helm_release_as_the_api_server_returns_it() -> None:
    """Every field that a decision depends on arrives."""
    view = flux.helm_release(RELEASE)
    assert (view.key, view.generation, view.observed_generation) == ("flux-system/bp-keycloak", 2, 2)
    assert view.depends_on == ("flux-system/bp-openbao", "data/db")
    assert view.target_namespace == "keycloak"
    assert view.ready and view.was_installed and not view.exhausted and not view.suspended and not view.deleting
    assert view.created == datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    assert view.conditions[0].since == datetime(2026, 11, 22, 11, 5, tzinfo=UTC)


RETRIES: tuple[tuple[str, dict[str, Any], dict[str, Any], bool], ...] = (
    ("no failure", {}, {"lastAttemptedReleaseAction": "install"}, False),
    ("retries default to none", {}, {"lastAttemptedReleaseAction": "install", "installFailures": 1}, True),
    (
        "one retry left",
        {"install": {"remediation": {"retries": 3}}},
        {"lastAttemptedReleaseAction": "install", "installFailures": 3},
        False,
    ),
    (
        "the last retry failed",
        {"install": {"remediation": {"retries": 3}}},
        {"lastAttemptedReleaseAction": "install", "installFailures": 4},
        True,
    ),
    (
        "a negative number has no end",
        {"install": {"remediation": {"retries": -1}}},
        {"lastAttemptedReleaseAction": "install", "installFailures": 99},
        False,
    ),
    (
        "failures of the install before an upgrade do not count, since success resets nothing",
        {"upgrade": {"remediation": {"retries": 1}}},
        {"lastAttemptedReleaseAction": "upgrade", "installFailures": 4, "upgradeFailures": 1},
        False,
    ),
    ("an upgrade counts likewise", {}, {"lastAttemptedReleaseAction": "upgrade", "upgradeFailures": 1}, True),
    ("without a last action any count tells", {}, {"upgradeFailures": 1}, True),
    (
        "RetryOnFailure has no end",
        {"install": {"strategy": {"name": "RetryOnFailure"}}},
        {"lastAttemptedReleaseAction": "install", "installFailures": 7},
        False,
    ),
    (
        "helm-controller itself says so",
        {"install": {"remediation": {"retries": 3}}},
        {"conditions": [{"type": "Stalled", "status": "True", "reason": "RetriesExceeded"}]},
        True,
    ),
    (
        "stalled for another reason is not this",
        {},
        {"conditions": [{"type": "Stalled", "status": "True", "reason": "AccessDenied"}]},
        False,
    ),
)


@pytest.mark.parametrize(("why", "spec", "status", "exhausted"), RETRIES, ids=[row[0] for row in RETRIES])
def test_retries(why: str, spec: dict[str, Any], status: dict[str, Any], exhausted: bool) -> None:
    """helm-controller compares the failures of its last action with the retries of that action."""
    assert flux.helm_release({"spec": spec, "status": status}).exhausted is exhausted, why


@pytest.mark.parametrize(
    ("statuses", "installed"),
    [((), False), (("failed",), False), (("failed", "superseded"), True), (("uninstalled",), False)],
)
def test_history_tells_whether_it_was_installed(statuses: tuple[str, ...], installed: bool) -> None:
    """A component that never worked is not degraded."""
    raw = {"status": {"history": [{"status": status} for status in statuses]}}
    assert flux.helm_release(raw).was_installed is installed


_MEANT = {"lastAttemptedGeneration": 2, "lastAttemptedRevision": "1.1.2", "lastAttemptedConfigDigest": "sha256:a"}
_DONE = {"status": "deployed", "chartVersion": "1.1.2", "configDigest": "sha256:a"}


@pytest.mark.parametrize(
    ("why", "status", "in_sync"),
    [
        ("what was meant is deployed", {**_MEANT, "history": [_DONE]}, True),
        ("another version is meant", {**_MEANT, "lastAttemptedRevision": "1.1.3", "history": [_DONE]}, False),
        ("other values are meant", {**_MEANT, "lastAttemptedConfigDigest": "sha256:b", "history": [_DONE]}, False),
        ("it was edited since", {**_MEANT, "lastAttemptedGeneration": 1, "history": [_DONE]}, False),
        ("what was deployed last failed", {**_MEANT, "history": [{**_DONE, "status": "failed"}, _DONE]}, False),
        (
            "it was rolled back to the version before",
            {**_MEANT, "history": [{**_DONE, "chartVersion": "1.1.1"}, {**_DONE, "status": "failed"}]},
            False,
        ),
        ("nothing was ever deployed", _MEANT, False),
    ],
)
def test_whether_what_was_meant_is_deployed(why: str, status: dict[str, Any], in_sync: bool) -> None:
    """Ready is Unknown then, or speaks of others: nothing of it changes all the same."""
    raw = {"metadata": {"generation": 2}, "status": status}
    assert flux.helm_release(raw).in_sync is in_sync, why


@pytest.mark.parametrize(
    ("spec", "status", "chart"),
    [
        ({"chart": {"spec": {"sourceRef": {"name": "o"}}}}, {}, "HelmChart/flux-system/flux-system-bp-a"),
        (
            {"chart": {"spec": {"sourceRef": {"name": "o", "namespace": "charts"}}}},
            {},
            "HelmChart/charts/flux-system-bp-a",
        ),
        ({"chart": {}}, {"helmChart": "charts/what-it-says"}, "HelmChart/charts/what-it-says"),
        ({"chartRef": {"kind": "OCIRepository", "name": "a"}}, {}, "OCIRepository/flux-system/a"),
        (
            {"chartRef": {"kind": "HelmChart", "name": "a", "namespace": "charts"}},
            {"helmChart": "left/over"},
            "HelmChart/charts/a",
        ),
    ],
)
def test_a_release_tells_where_its_chart_is(spec: dict[str, Any], status: dict[str, Any], chart: str) -> None:
    raw = {"metadata": {"name": "bp-a", "namespace": "flux-system"}, "spec": spec, "status": status}
    assert flux.helm_release(raw).chart == chart


def test_a_chart_tells_its_repository() -> None:
    """In its own namespace: it cannot refer to another."""
    raw = {"metadata": {"namespace": "charts"}, "spec": {"sourceRef": {"kind": "HelmRepository", "name": "openova"}}}
    assert flux.source(raw).source == "HelmRepository/charts/openova"


def test_failures_are_those_of_the_action_that_fails() -> None:
    counted = {"failures": 0, "installFailures": 1, "upgradeFailures": 3}
    assert flux.helm_release({"status": counted}).failures == 3


def test_a_kustomization_as_the_api_server_returns_it() -> None:
    """The expected components come from its inventory."""
    view = flux.kustomization(
        {
            "kind": "Kustomization",
            "metadata": {"name": "kit", "namespace": "flux-system", "generation": 1},
            "spec": {"path": "./clusters/_template", "sourceRef": {"kind": "GitRepository", "name": "openova-public"}},
            "status": {
                "inventory": {"entries": [{"id": "flux-system_bp-a_helm.toolkit.fluxcd.io_HelmRelease", "v": "v2"}]},
                "lastAppliedRevision": "main@sha1:1",
                "lastAttemptedRevision": "main@sha1:2",
            },
        }
    )
    assert view.inventory == ("flux-system_bp-a_helm.toolkit.fluxcd.io_HelmRelease",)
    assert (view.applied_revision, view.attempted_revision) == ("main@sha1:1", "main@sha1:2")
    assert (view.source, view.path) == ("GitRepository/flux-system/openova-public", "./clusters/_template")


def test_a_source_tells_its_url_without_a_password() -> None:
    """People put tokens into URLs."""
    view = flux.source(
        {"spec": {"url": "https://me:hunter2@git.example/x"}, "status": {"artifact": {"revision": "main@sha1:1"}}}
    )
    assert (view.url, view.revision) == ("https://[redacted]@git.example/x", "main@sha1:1")


def test_an_acme_order_is_told_like_a_condition() -> None:
    """Orders have a state and no conditions."""
    view = flux.flux_object({"kind": "Order", "status": {"state": "errored", "reason": "429 rateLimited"}})
    assert view.conditions == (FluxCondition("Ready", "False", "errored", "429 rateLimited"),)


def test_long_messages_are_cut() -> None:
    """A status holds 2 KiB a message."""
    raw = {"status": {"conditions": [{"type": "Ready", "status": "False", "message": "x" * 300_000}]}}
    assert len(flux.helm_release(raw).conditions[0].message) == 512


def _keys(raw: Any) -> set[str]:
    inner = raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else ()
    return set(raw if isinstance(raw, dict) else ()).union(*map(_keys, inner))


_KEYS = sorted(_keys(RELEASE) | {"install", "remediation", "retries", "installFailures", "inventory", "entries", "id"})
_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=20,
)


@given(_ODD)
@settings(max_examples=200, deadline=None)
def test_nothing_that_the_api_server_may_return_raises(raw: Any) -> None:
    """One odd object must not stop the watch of all others."""
    for parse in (flux.helm_release, flux.kustomization, flux.source, flux.flux_object):
        assert parse(raw).generation is not None
