"""FluxBootstrap: what is awaited, since when, and from when on it is an error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api.conditions import CONDITIONS, ConditionType, Reason
from catalyst_operator.core.phase1.bootstrap import FluxBootstrap, bootstrap, flux_available
from catalyst_operator.core.phase1.views import ClusterView, DeploymentView, Link, LinkView
from tests.unit.core.phase1 import kit
from tests.unit.core.phase1.kit import FQDN, KIT, NOW

MINUTE = timedelta(minutes=1)
EMPTY = ClusterView(kit.UP, synced=True, survey=kit.survey(deployments=(), sources=()))
REFUSED = "connection refused"


def link(state: Link, minutes: float = 1, message: str = "", survey: bool = False) -> ClusterView:
    """Nobody to talk to, for so many minutes; with `survey` it was seen before."""
    view = ClusterView(LinkView(state, NOW - minutes * MINUTE, message))
    return replace(view, survey=kit.survey()) if survey else view


def up(**values: Any) -> ClusterView:
    """It answers and has no HelmRelease; values are of the survey."""
    return ClusterView(kit.UP, synced=True, kustomizations=(kit.kustomization(KIT),), survey=kit.survey(**values))


@dataclass(frozen=True)
class Case:
    """One row: what is seen leads to this reason, these words and this error."""

    why: str
    view: ClusterView | None
    reason: Reason
    says: str
    status: str = "False"
    code: str = ""
    age: float = 3
    """Minutes since the infrastructure stood."""
    flux_seen: bool = False


HALF = (DeploymentView("source-controller", True), DeploymentView("kustomize-controller", False))
AWAY = (DeploymentView("source-controller", False, NOW - MINUTE), *kit.FLUX[1:])
"""It is replaced by a newer one: its Deployment recreates it."""
CASES = (
    Case("nobody watches yet", None, Reason.RUNNING, "began at 11:57:00 UTC", "Unknown"),
    Case("the first attempt to connect", link(Link.CONNECTING), Reason.RUNNING, "Awaited: k3s", "Unknown"),
    Case(
        "refused, as it is normal",
        link(Link.DOWN, message=REFUSED),
        Reason.RUNNING,
        "until 12:07:00 UTC it is normal that nobody answers: connection refused.",
        "Unknown",
    ),
    Case(
        "refused for ten minutes; a restart of the operator in between does not matter",
        link(Link.DOWN, 1, REFUSED),
        Reason.API_UNREACHABLE,
        "Awaited: k3s, Cilium and Flux: connection refused.",
        code="ERR_API_UNREACHABLE",
        age=10,
    ),
    Case(
        "still connecting after ten minutes",
        link(Link.CONNECTING),
        Reason.RUNNING,
        "Awaited",
        "Unknown",
        code="ERR_API_UNREACHABLE",
        age=11,
    ),
    Case(
        "it answered before and does not now",
        link(Link.DOWN, 2, survey=True),
        Reason.API_UNREACHABLE,
        "does not answer any more since 11:58:00 UTC.",
        age=40,
    ),
    Case(
        "it answered before, and not for ten minutes",
        link(Link.DOWN, 10),
        Reason.API_UNREACHABLE,
        "any more since 11:50:00",
        code="ERR_API_UNREACHABLE",
        age=40,
        flux_seen=True,
    ),
    Case(
        "it answers with more than is read",
        link(Link.TOO_MUCH, 3, "an answer of more than 4 MiB"),
        Reason.ANSWERS_TOO_LARGE,
        "more than the operator reads since 11:57:00 UTC: an answer of more than 4 MiB.",
        code="ERR_REMOTE_TOO_BIG",
    ),
    Case(
        "somebody else answers",
        link(Link.UNTRUSTED, message="certificate is for another name"),
        Reason.API_UNREACHABLE,
        "is not the new cluster: certificate is for another name.",
        code="ERR_REMOTE_UNTRUSTED",
    ),
    Case(
        "the API server is up and the operator's rights are not made yet",
        link(Link.UNAUTHORIZED, 2, "403 Forbidden"),
        Reason.RUNNING,
        "until 12:07:00 UTC that is normal.",
        "Unknown",
    ),
    Case(
        "k3s came up late, and the rights are not made yet",
        link(Link.UNAUTHORIZED, 2),
        Reason.RUNNING,
        "until 12:03:00 UTC that is normal.",
        "Unknown",
        age=20,
    ),
    Case(
        "the rights were never made",
        link(Link.UNAUTHORIZED, 5, "403 Forbidden"),
        Reason.UNAUTHORIZED,
        "refuses the operator since 11:55:00 UTC: 403 Forbidden.",
        code="ERR_REMOTE_UNAUTHORIZED",
        age=10,
    ),
    Case("refused for a moment", link(Link.UNAUTHORIZED, 1, survey=True), Reason.UNAUTHORIZED, "11:59:00", age=40),
    Case(
        "the rights were taken away later",
        link(Link.UNAUTHORIZED, 2, "403 Forbidden"),
        Reason.UNAUTHORIZED,
        "403 Forbidden",
        code="ERR_REMOTE_UNAUTHORIZED",
        age=40,
        flux_seen=True,
    ),
    Case("it answers, nothing was read", ClusterView(kit.UP), Reason.RUNNING, "Awaited: a first look", "Unknown"),
    Case("Deployments could not be read", up(deployments=None), Reason.RUNNING, "a look at the Deploy", "Unknown"),
    Case(
        "Flux is not there yet",
        EMPTY,
        Reason.RUNNING,
        "source-controller, kustomize-controller, helm-controller",
        "Unknown",
    ),
    Case(
        "Flux is coming up",
        up(deployments=HALF),
        Reason.RUNNING,
        "Awaited: kustomize-controller, helm-controller in flux-system.",
        "Unknown",
    ),
    Case(
        "a controller is down for a moment, as in an upgrade",
        up(deployments=tuple(replace(d, available=d.name != "helm-controller") for d in kit.FLUX)),
        Reason.FLUX_MISSING,
        "Awaited: helm-controller",
        flux_seen=True,
    ),
    Case(
        "Flux was there and is gone",
        EMPTY,
        Reason.FLUX_MISSING,
        "Flux is gone",
        code="ERR_FLUX_GONE",
        flux_seen=True,
    ),
    Case(
        "HelmReleases tell that it was there",
        replace(EMPTY, releases=kit.chain("bp-cilium")),
        Reason.FLUX_MISSING,
        "Flux is gone",
        code="ERR_FLUX_GONE",
    ),
    Case(
        "HelmReleases are watched, and newer than the last look at Deployments, which was before Flux: not gone",
        replace(EMPTY, releases=tuple(replace(r, created=NOW - timedelta(seconds=1)) for r in kit.chain("bp-cilium"))),
        Reason.RUNNING,
        "Awaited: source-controller, kustomize-controller, helm-controller in flux-system.",
        "Unknown",
    ),
    Case(
        "no GitRepository and no Kustomization yet",
        replace(up(sources=()), kustomizations=()),
        Reason.RUNNING,
        "GitRepository openova-public and Kustomization omantel.omani.works-bootstrap-kit",
        "Unknown",
    ),
    Case(
        "no GitRepository yet", up(sources=None), Reason.RUNNING, "Awaited: GitRepository openova-public in", "Unknown"
    ),
    Case("all is there", up(), Reason.SUCCEEDED, "Flux is available", "True"),
)


def judged(case: Case) -> FluxBootstrap:
    """What is said of it."""
    return bootstrap(case.view, FQDN, NOW - case.age * MINUTE, NOW, flux_seen=case.flux_seen)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_bootstrap(case: Case) -> None:
    """Every step, with what is awaited and since when."""
    found = judged(case)
    assert (found.status, found.reason) == (case.status, case.reason)
    assert case.says in found.message
    assert (found.error.code if found.error else "") == case.code
    assert found.done is (case.status == "True")


def test_every_reason_is_documented_for_the_condition() -> None:
    """The API reference lists what may appear."""
    documented = next(doc.reasons for doc in CONDITIONS if doc.type is ConditionType.FLUX_BOOTSTRAP)
    assert {case.reason for case in CASES} <= set(documented)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_nothing_changes_until_it_says_so(case: Case) -> None:
    """While nothing happens, nothing is written; when time makes an error of it, the operator wakes."""
    found, since = judged(case), NOW - case.age * MINUTE
    until = found.again or NOW + 60 * MINUTE
    just_before = bootstrap(case.view, FQDN, since, until - timedelta(seconds=1), flux_seen=case.flux_seen)
    assert just_before == found
    if found.again:
        assert bootstrap(case.view, FQDN, since, found.again, flux_seen=case.flux_seen).error is not None


def test_flux_is_recorded_once_it_is_available() -> None:
    """What is gone later was not just late."""
    assert flux_available(up())
    assert not any(map(flux_available, (None, ClusterView(kit.UP), up(deployments=HALF), up(deployments=None), EMPTY)))


def test_a_controller_that_is_replaced_takes_nothing_back() -> None:
    """Flux knows what to do; the kit's own upgrade of Flux takes a controller away for a moment."""
    view = up(deployments=AWAY)
    found = bootstrap(view, FQDN, NOW - 60 * MINUTE, NOW, flux_seen=True)
    assert (found.done, found.again) == (True, NOW + MINUTE)
    late = bootstrap(view, FQDN, NOW - 60 * MINUTE, NOW + MINUTE, flux_seen=True)
    assert (late.status, late.reason, late.message) == (
        "False",
        Reason.FLUX_MISSING,
        "The API server answers. Awaited: source-controller in flux-system.",
    )


def test_a_controller_that_was_never_there_is_awaited_at_once() -> None:
    found = bootstrap(up(deployments=AWAY), FQDN, NOW - MINUTE, NOW, flux_seen=False)
    assert not found.done and "Awaited: source-controller" in found.message
