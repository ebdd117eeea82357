"""The first cause: the deepest thing that is wrong, told with one command, and not too early."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.errors import codes
from catalyst_operator.core.phase1.first_cause import PATIENCE, PLACES, Cause, first_cause
from catalyst_operator.core.phase1.suspects.base import Place
from catalyst_operator.core.phase1.suspects.machines import CNI_PATIENCE
from catalyst_operator.core.phase1.views import SOURCE, ClusterView, EventView, Link, LinkView, NodeView
from tests.unit.core.phase1 import kit
from tests.unit.core.phase1.causes import (
    CASES,
    COMPONENTS,
    FINE,
    LONG_AGO,
    YOUNG,
    Case,
    broken,
    build,
    git,
    installing,
    pod,
)
from tests.unit.core.phase1.kit import FQDN, KIT, NOW

CODES = {c.code for c in vars(codes).values() if isinstance(c, codes.Code)}


def told(view: ClusterView | None, **values: Any) -> Cause:
    """The first cause of a cluster whose infrastructure stands for twenty minutes."""
    now = values.pop("now", NOW)
    arguments = {"since": LONG_AGO, "sovereign": ("customers", "omantel"), **values}
    return first_cause(view, FQDN, now=now, **arguments)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_cause(case: Case) -> None:
    """Every case of the runbook, with the controllers' own messages."""
    found = told(case.view, **case.with_).error
    assert found is not None
    assert found.code == case.code, found.message
    for part in case.says:
        assert part in f"{found.message} {found.remedy}"
    assert case.lasting is None or found.terminal is case.lasting
    commands = re.findall(r"`([^`]+)`", found.remedy)
    assert len(commands) == 1, found.remedy
    assert case.command in commands[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_what_is_told_is_complete(case: Case) -> None:
    """No placeholder of a template is left, no text is too long for status, and the code is in the table."""
    found = told(case.view, **case.with_).error
    assert found is not None and found.code in CODES
    assert len(found.message) <= 1024 and len(found.remedy) <= 1024
    assert not re.search(r"\{(kind|namespace|name)\}|\{\{", found.remedy)


@pytest.mark.parametrize(("why", "view", "values"), FINE, ids=[row[0] for row in FINE])
def test_nothing_is_told_without_a_cause(why: str, view: ClusterView, values: dict[str, Any]) -> None:
    """An error that is none teaches people to look away."""
    assert told(view, **values).error is None, why


@pytest.mark.parametrize(("why", "view", "values", "after"), YOUNG, ids=[row[0] for row in YOUNG])
def test_what_is_young_is_told_later(why: str, view: ClusterView, values: dict[str, Any], after: timedelta) -> None:
    """A cause counts once it has been so for its patience, and the operator wakes then."""
    found = told(view, **values)
    assert found.error is None, why
    assert found.again == NOW + after
    assert told(view, now=NOW + after - timedelta(seconds=1), **values).error is None
    assert told(view, now=NOW + after, **values).error is not None


def test_no_storage_class_is_told_within_two_minutes() -> None:
    """The issue asks for it."""
    assert YOUNG[0][3] + timedelta(seconds=10) < timedelta(minutes=2)


def test_one_that_gave_up_is_told_at_once() -> None:
    """Waiting for it would be in vain."""
    refused = kit.not_ready("URLInvalid", "failed to parse url")
    found = kit.source("GitRepository", SOURCE, refused, kit.stalled("URLInvalid", "failed to parse url"))
    view = broken(survey={"sources": (replace(found, created=NOW),)})
    assert told(view).error is not None
    young = kit.source("GitRepository", SOURCE, refused)
    assert told(broken(survey={"sources": (replace(young, created=NOW),)})).again == NOW + PATIENCE


def test_an_old_event_is_not_held_against_a_long_attempt() -> None:
    """What failed may have been cured since."""
    event = EventView("flux-system", "Kustomization", KIT, "BuildFailed", "kustomize build failed", NOW)
    begun = kit.condition("Ready", "Unknown", "Progressing", "Reconciliation in progress", minutes=3)
    assert told(broken(kustomizations=(kit.kustomization(KIT, begun),), survey={"events": (event,)})).error is None


def test_what_is_deeper_is_told_first() -> None:
    """With everything broken at once, only what all the rest stands on is worth a look."""
    everything = replace(
        installing(pods=(pod("ImagePullBackOff", "x"),), sources=git("authentication required").survey.sources),  # type: ignore[union-attr]
        kustomizations=build("kustomize build failed").kustomizations,
    )
    found = told(everything).error
    assert found is not None and found.code == "ERR_GIT_SOURCE"
    mended = replace(everything, survey=kit.survey(pods=(pod("ImagePullBackOff", "x"),)))
    found = told(mended).error
    assert found is not None and found.code == "ERR_KUSTOMIZATION"
    whole = replace(mended, kustomizations=kit.cluster().kustomizations)
    found = told(whole).error
    assert found is not None and found.code == "ERR_KIT_IMAGE_PULL"


def test_nothing_is_said_of_a_cluster_that_cannot_be_seen() -> None:
    """That is for FluxBootstrap."""
    view = COMPONENTS[0].view
    assert told(view).error is not None
    unseen = (
        None,
        replace(view, synced=False),  # only the network and the nodes can be judged without Flux, and they are well
        replace(view, survey=None),
        replace(view, link=LinkView(Link.DOWN, NOW)),
    )
    assert [told(v) for v in unseen] == [Cause()] * 4


def test_once_there_is_a_verdict_what_is_only_suspected_is_told() -> None:
    """That nothing says why would not be true."""
    young = kit.kustomization(KIT, kit.not_ready("ArtifactFailed", "kustomization path not found: /x"))
    view = replace(kit.cluster(releases=()), kustomizations=(young,))
    early = {"now": NOW, "patience": timedelta(hours=1)}
    assert told(view, **early).error is None
    found = told(view, outcome=Phase1Outcome.FLUX_NOT_RECONCILING, **early).error
    assert found is not None and found.code == "ERR_KUSTOMIZATION"


def test_a_network_that_never_came_is_named_although_flux_is_not_there_yet() -> None:
    node = NodeView("omantel-cp-0", ready=False, message="cni plugin not initialized", since=NOW - CNI_PATIENCE)
    view = ClusterView(kit.UP, synced=False, survey=kit.survey(nodes=(node,)))
    found = told(view).error
    assert found is not None and found.code == "ERR_CNI_STUCK"


def test_every_place_has_a_case() -> None:
    """A place that no case leads to is not tested."""

    def found(case: Case, *without: Place) -> Cause:
        return told(case.view, places=tuple(p for p in PLACES if p not in without), **case.with_)

    assert {place for case in CASES for place in PLACES if found(case, place) != found(case)} == set(PLACES)


def test_cases_differ() -> None:
    """Two rows that say the same would hide that one of them is not reached."""
    whys = [case.why for case in CASES]
    assert [one for one, other in combinations(whys, 2) if one == other] == []
