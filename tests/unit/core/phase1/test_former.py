"""What an object said before it was asked again: shapes as kustomize-controller writes them, one after the other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from catalyst_operator.core.phase1.former import as_answered, is_at_rest, joined, remembered
from catalyst_operator.core.phase1.views import KustomizationView, NodeView
from catalyst_operator.core.record import KustomizationEntry
from tests.unit.core.phase1 import kit
from tests.unit.core.phase1.kit import KIT, NOW, REVISION, Mod

NEXT = "main@sha1:0badcafe"
_ASKED = kit.condition("Ready", "Unknown", "Progressing", "Reconciliation in progress", minutes=0)
_FETCHING = kit.condition(
    "Reconciling", "True", "Progressing", f"Fetching manifests for revision {REVISION} with a timeout of 5m0s"
)
READY = kit.kustomization(KIT, kit.applied())
ROUTINE = kit.kustomization(KIT, kit.applied(), _ASKED, _FETCHING)
"""As at each interval, for ever: asked again about what it has applied."""
FAILED = kit.kustomization(KIT, kit.applied(), kit.not_ready("HealthCheckFailed", "timeout waiting for: [Job/x/y]"))


def seen(*views: KustomizationView, before: dict[str, KustomizationEntry] | None = None) -> KustomizationView:
    """The last of these, seen one after the other, as it is judged."""
    entries = before or {}
    for view in views:
        entries = remembered(entries, (view,), NOW)
    (found,) = as_answered(kit.cluster(kustomizations=views[-1:]), entries).kustomizations
    return found


def test_asked_again_it_is_as_it_was() -> None:
    assert not ROUTINE.ready, "Ready is Unknown"
    assert seen(READY, ROUTINE).ready
    assert seen(READY, ROUTINE, ROUTINE).ready


def test_asked_again_it_says_what_it_said() -> None:
    """Status is not written again for that."""
    told = seen(READY, ROUTINE).condition("Ready")
    before = READY.condition("Ready")
    assert told is not None and before is not None
    assert (told.status, told.reason, told.message) == (before.status, before.reason, before.message)


def test_one_that_was_not_ready_is_not_ready_when_it_is_asked_again() -> None:
    assert not seen(READY, FAILED, ROUTINE).ready
    assert not seen(ROUTINE).ready, "nobody heard an answer"


def test_one_that_was_asked_again_and_then_fails_is_not_ready() -> None:
    assert not seen(READY, ROUTINE, FAILED).ready


NOT_THE_SAME: tuple[tuple[str, tuple[Mod, ...]], ...] = (
    ("its spec was edited", (kit.applied(), _ASKED, kit.edited)),
    ("it applied another revision meanwhile", (kit.applied(), _ASKED, kit.status(lastAppliedRevision=NEXT))),
    ("it never applied anything", (_ASKED,)),
)


@pytest.mark.parametrize(("why", "mods"), NOT_THE_SAME, ids=[row[0] for row in NOT_THE_SAME])
def test_what_it_was_ready_for_has_to_be_the_same(why: str, mods: tuple[Mod, ...]) -> None:
    assert not seen(READY, kit.kustomization(KIT, *mods)).ready, why


def test_while_another_revision_is_applied_what_stands_is_as_it_was() -> None:
    """Each commit to the branch brings a new one; what it changes shows in what it is about."""
    at_work = kit.kustomization(KIT, kit.applied(), _ASKED, kit.status(lastAttemptedRevision=NEXT))
    assert seen(READY, at_work).ready
    assert not is_at_rest(at_work)


def test_since_when_it_is_not_ready_survives_its_attempts() -> None:
    """Its own condition is of the last attempt, which never gets old."""
    entries = remembered({}, (FAILED,), NOW)
    for minutes, view in enumerate((ROUTINE, FAILED, ROUTINE), start=1):
        entries = remembered(entries, (view,), NOW + timedelta(minutes=minutes))
    assert entries == {FAILED.key: KustomizationEntry(unready_since=NOW)}
    (told,) = as_answered(kit.cluster(kustomizations=(FAILED,)), entries).kustomizations
    assert told.unready_since == NOW
    assert remembered(entries, (READY,), NOW) == {READY.key: KustomizationEntry(REVISION)}


def test_one_that_is_gone_is_forgotten() -> None:
    assert remembered({READY.key: KustomizationEntry(REVISION)}, (), NOW) == {}


def test_suspended_while_it_was_asked_again_it_is_as_it_was() -> None:
    """Suspending is an edit, of which its controller says nothing."""
    assert seen(READY, kit.kustomization(KIT, kit.applied(), _ASKED, kit.suspended)).ready


@pytest.mark.parametrize(("view", "rests"), [(READY, True), (ROUTINE, True), (FAILED, False)])
def test_at_rest(view: KustomizationView, rests: bool) -> None:
    """Nobody looks for causes of trouble at each interval of each Kustomization."""
    assert is_at_rest(view) is rests


def test_nodes_that_joined_are_remembered_while_they_are_wanted() -> None:
    survey = kit.survey(nodes=(NodeView("a", True), NodeView("b", False), NodeView("mine", True)))
    assert joined(("c", "d"), survey, ("a", "b", "c")) == ("a", "c")
    assert joined(("c",), kit.survey(nodes=None), ("a", "c")) == ("c",)
    assert joined(("c",), None, ("a", "c")) == ("c",)
