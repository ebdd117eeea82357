"""What the rows of deletions are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.record import RunState
from tests.support import gen
from tests.support.gen import OUTPUTS, RawMod, SceneMod, deleting, of, spec

ORPHAN = spec(deletionPolicy="Orphan")
MADE = gen.status(runNamespace=gen.SPACE)
ANNOUNCED = gen.status(
    conditions=[
        {
            "type": "Deleting",
            "status": "True",
            "reason": "CleaningUp",
            "message": "said",
            "lastTransitionTime": "2026-11-22T11:59:30Z",
        }
    ]
)
DESTROY = RunVerb.DESTROY
APPLIED = gen.succeeded()
RUNNING = gen.run(RunState.RUNNING, 2, DESTROY, generation=2)
DESTROYED = gen.succeeded(2, DESTROY, generation=2, plan=replace(gen.PLAN, add=0, destroy=9))
BROKEN = gen.failed(attempt=2, verb=DESTROY, generation=2)
BROKEN_FOR_GOOD = gen.failed("ERR_TOKEN_INVALID", True, "leftovers", attempt=2, verb=DESTROY, generation=2)
BEFORE: dict[str, Any] = {"touched": True, "state_serial": 7, "outputs": OUTPUTS}
AFTER: dict[str, Any] = {"touched": True, "destroyed": True, "state_serial": 0, "outputs": OUTPUTS}


def going(*mods: RawMod) -> SceneMod:
    """A Sovereign that is being deleted."""
    return of(deleting, *mods)
