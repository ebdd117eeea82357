"""Who a Sovereign is, and whether it may act as that one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import orphans
from catalyst_operator.core.actions import DeleteNamespace, RemoveFinalizer
from catalyst_operator.core.decide import decide
from catalyst_operator.core.moving.identity import ELSEWHERE, Holding, Standing, claimed, judge
from catalyst_operator.core.observation import NamespaceView, Observation
from tests.support import gen

HERE = "99999999-6f3a-4c57-9a53-0f6f6f1f2a11"
"""UID of the object that was restored; gen.UID is the one that it was made as."""
OTHER = "00000000-6f3a-4c57-9a53-0f6f6f1f2a11"


def restored(*mods: gen.RawMod) -> Sovereign:
    return gen.sovereign(gen.meta(uid=HERE), gen.spec(originalUID=gen.UID), *mods)


ACTED = gen.status(runNamespace=gen.SPACE)


@pytest.mark.parametrize(
    ("sovereign", "holding", "standing"),
    [
        (gen.sovereign(), None, Standing.OWN),
        (gen.sovereign(), Holding(proven=True), Standing.OWN),
        (gen.sovereign(), Holding(proven=True, held_by=gen.UID), Standing.OWN),
        (gen.sovereign(), Holding(proven=True, held_by=OTHER), Standing.UNCONFIRMED),
        (gen.sovereign(), Holding(proven=True, held_by=ELSEWHERE), Standing.GIVEN_AWAY),
        # A namespace that is not proven is told as a foreign one, whatever it says.
        (gen.sovereign(), Holding(proven=False, held_by=ELSEWHERE), Standing.OWN),
        (restored(), None, Standing.UNCONFIRMED),
        (restored(), Holding(proven=True), Standing.UNCONFIRMED),
        (restored(), Holding(proven=True, held_by=OTHER), Standing.UNCONFIRMED),
        (restored(), Holding(proven=False, held_by=HERE), Standing.UNCONFIRMED),
        (restored(), Holding(proven=True, held_by=HERE), Standing.OWN),
        (restored(), Holding(proven=True, held_by=ELSEWHERE), Standing.UNCONFIRMED),
        (restored(ACTED), Holding(proven=True, held_by=ELSEWHERE), Standing.GIVEN_AWAY),
        (restored(ACTED), Holding(proven=True, held_by=OTHER), Standing.UNCONFIRMED),
        (restored(ACTED), Holding(proven=True), Standing.UNCONFIRMED),
        (restored(ACTED), None, Standing.UNCONFIRMED),
    ],
)
def test_who_may_act(sovereign: Sovereign, holding: Holding | None, standing: Standing) -> None:
    assert judge(sovereign, gen.SPACE, holding) is standing


def test_it_is_known_as_the_one_that_it_was_made_as() -> None:
    found = restored().known_as(claimed(restored()))
    assert (found.metadata.uid, found.metadata.uid_here) == (gen.UID, HERE)
    own = gen.sovereign()
    assert own.known_as(claimed(own)) == own
    assert own.metadata.uid_here == gen.UID


@pytest.mark.parametrize("mods", [(), (gen.deleting,)], ids=["wanted", "deleted"])
def test_one_that_nothing_confirms_is_told_and_nothing_is_done(mods: tuple[gen.RawMod, ...]) -> None:
    seen = replace(gen.observation(), sovereign=restored(*mods), namespace=None, standing=Standing.UNCONFIRMED)
    decision = decide(seen)
    assert decision.actions == ()
    assert decision.status is not None
    (error,) = decision.status.last_errors
    assert error.code == "ERR_IDENTITY_UNCONFIRMED"
    assert gen.UID in error.message
    assert HERE in error.message
    assert {c.reason for c in decision.status.conditions if c.type in ("Ready", "Stalled")} == {"IdentityUnconfirmed"}
    assert gen.undocumented(decision.status.conditions) == []


def given_away(*mods: gen.RawMod) -> Observation:
    view = NamespaceView(held_by=ELSEWHERE)
    return replace(gen.observation(), sovereign=gen.sovereign(*mods), namespace=view, standing=Standing.GIVEN_AWAY)


def test_one_that_was_given_away_does_nothing_more() -> None:
    decision = decide(given_away())
    assert decision.actions == ()
    assert decision.status is not None
    assert [e.code for e in decision.status.last_errors] == ["ERR_MOVED"]
    assert gen.undocumented(decision.status.conditions) == []


def test_its_deletion_destroys_nothing_and_takes_its_copies_along() -> None:
    decision = decide(given_away(gen.deleting))
    assert decision.actions == (DeleteNamespace(), RemoveFinalizer())
    assert decision.status is None
    assert decide(given_away(gen.deleting, gen.meta(finalizers=[]))).actions == ()


def test_a_run_namespace_that_a_restored_sovereign_holds_is_no_orphan() -> None:
    space = {
        "metadata": {
            "name": gen.SPACE,
            "uid": "namespace-1",
            "labels": {labels.LABEL_ROLE: labels.ROLE_RUN, labels.LABEL_SOVEREIGN_UID: gen.UID},
            "annotations": {labels.ANNOTATION_HELD_BY: HERE},
        }
    }
    held = gen.raw_sovereign(gen.meta(uid=HERE))
    assert orphans.find([space], [held]) == ()
    assert len(orphans.find([space], [])) == 1
    assert orphans.find([space], [gen.raw_sovereign()]) == (), "the one that it was given away by is still there"
