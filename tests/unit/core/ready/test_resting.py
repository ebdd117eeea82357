"""Which Sovereigns nobody has to look at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.decide import decide
from catalyst_operator.core.ready.resting import RESTS_FOR, first_look, rests
from catalyst_operator.core.record import HandOff
from tests.support import gen
from tests.support.gen import NOW, RawMod, known, of

HANDED_OFF = {
    "type": "HandedOff",
    "status": "True",
    "reason": "HandedOff",
    "message": "",
    "lastTransitionTime": "2026-11-22T12:00:00Z",
    "observedGeneration": 1,
}
DONE = HandOff(started=NOW, refused=NOW, finished=NOW)


def handed_off(*mods: RawMod) -> Sovereign:
    """With the status that a look gives it, and edited afterwards."""
    o = gen.observation(of(), known(gen.succeeded(), hand_off=DONE))
    seen = gen.after(o, decide(o)).sovereign
    raw = seen.model_dump(mode="json", by_alias=True, exclude_none=True)
    for mod in mods:
        mod(raw)
    return Sovereign.parse(raw)


def test_what_was_handed_off_rests() -> None:
    found = handed_off()
    assert rests(found, found.status)


@pytest.mark.parametrize(
    "mod",
    [
        gen.meta(generation=2),
        gen.meta(deletionTimestamp="2026-11-22T12:00:00Z"),
        gen.meta(finalizers=[]),
        gen.annotated(retryRequestedAt="now"),
        gen.annotated(rebuild="omantel-12345-worker-0"),
        gen.spec(originalUID="3b0d9f0e-6f3a-4c57-9a53-0f6f6f1f2a99"),
        gen.status(conditions=[HANDED_OFF, {**HANDED_OFF, "type": "Stalled"}]),
        gen.meta(annotations={"reconcile.fluxcd.io/requestedAt": "now"}),
        gen.status(phase="ready"),
        gen.status(conditions=[]),
    ],
    ids=[
        "an edit",
        "a deletion",
        "not held",
        "a retry",
        "a request for another server",
        "one that was restored: who may act for it is looked at",
        "trouble",
        "a request to look",
        "not handed off",
        "a status that was lost",
    ],
)
def test_whatever_is_asked_of_it_ends_its_rest(mod: RawMod) -> None:
    found = handed_off(mod)
    assert not rests(found, found.status)


def test_what_is_at_work_does_not_rest() -> None:
    o = gen.observation(known(gen.succeeded()))
    seen = gen.after(o, decide(o)).sovereign
    assert not rests(seen, seen.status)


def test_those_that_rest_are_not_looked_at_all_at_the_same_time() -> None:
    times = [first_look(f"uid-{number}") for number in range(1000)]
    assert all(timedelta(0) <= time <= RESTS_FOR for time in times)
    assert {time // timedelta(hours=1) for time in times} == set(range(24))
