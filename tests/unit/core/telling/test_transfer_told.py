"""HandedOff says what the Sovereign's own Crossplane was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api.conditions import ConditionType
from catalyst_operator.core.record import HandOff
from catalyst_operator.core.telling.cluster_status import conditions_of
from tests.support import gen
from tests.support.gen import NOW, RawMod, spec

ENDED = HandOff(started=NOW - timedelta(minutes=1), refused=NOW, finished=NOW)
CROSSPLANE = spec(crossplane={"credentialsSecretRef": {"name": "own-token"}})


@pytest.mark.parametrize(
    ("mods", "hand_off", "told"),
    [
        ((), ENDED, "Its Crossplane has no state, since spec.crossplane was not set."),
        ((CROSSPLANE,), replace(ENDED, given=NOW), "Secret crossplane-system/tfstate-default-sovereign"),
        (
            (CROSSPLANE,),
            replace(ENDED, not_given="it has no Secrets"),
            "could not be given the state: it has no Secrets.",
        ),
        ((CROSSPLANE,), ENDED, "this hand-off was before there was one to give"),
    ],
    ids=["not asked for", "given", "impossible", "an older hand-off"],
)
def test_handed_off_says_whose_state_it_is(mods: tuple[RawMod, ...], hand_off: HandOff, told: str) -> None:
    o = gen.observation(gen.of(*mods), gen.known(gen.succeeded(), hand_off=hand_off))
    assert o.record is not None
    _, _, message = conditions_of(o, o.record, None)[ConditionType.HANDED_OFF]
    assert message.endswith(told) or told in message
    assert f"{gen.SPACE}/archived-state" in message
