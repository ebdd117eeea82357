"""After a destroy: lists what still carries this Sovereign's UID label in the cloud project, and removes of it what
could not go before the servers had gone, such as their addresses.

An object may live some seconds longer than the DELETE that was answered with success, so it looks again until nothing
is left or a minute is over; what is then left is named and the run fails.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from catalyst_operator.core.project import belongings, sweeping
from catalyst_operator.core.project.belongings import Holdings, Reference, Thing, Whose
from catalyst_operator.core.project.sweeping import SweepStep
from catalyst_operator.in_job import hcloud, sweep

EXIT_LEFT = 6
TERMINATION_LOG = Path("/dev/termination-log")


@dataclass(frozen=True)
class Patience:
    """How long to wait for what is on its way out, and between two looks; in seconds."""

    deadline: float = 60.0
    pause: float = 2.0


def main(termination_log: Path = TERMINATION_LOG, patience: Patience = Patience()) -> int:
    """Exit code 0 when nothing is left, EXIT_LEFT when something is, hcloud.EXIT_UNAUTHORIZED when the token is
    refused, and 1 when the API could not be asked."""
    deadline = time.monotonic() + patience.deadline
    pause = threading.Event()
    removed: set[Reference] = set()
    try:
        left = find()
        while left and time.monotonic() < deadline:
            print(f"still there: {describe(left)}", flush=True)
            removed |= remove(left)
            pause.wait(patience.pause)
            left = find()
    except hcloud.TROUBLE as error:
        print(f"could not list what is left in the project: {error}", file=sys.stderr, flush=True)
        return hcloud.exit_code(error)
    names = [_named(thing) for thing in left]
    termination_log.write_text(sweeping.termination_message({}, names, {"removed": removed}))
    print(f"left: {describe(left)}" if left else "nothing is left", flush=True)
    return EXIT_LEFT if left else 0


def describe(left: Iterable[Thing]) -> str:
    """The first ten by name, and how many more."""
    return sweeping.some_of(_named(thing) for thing in left)


def find() -> list[Thing]:
    """What carries the label. Raises one of hcloud.TROUBLE."""
    return [belongings.thing(kind, raw) for kind in hcloud.KINDS for raw in hcloud.labelled(kind)]


def remove(left: Iterable[Thing]) -> set[Reference]:
    """Take the next step about each that can go now that the servers have gone; returns what was deleted. What the API
    refuses is found again by the next look."""
    removed = set()
    for thing in left:
        step = _step(thing)
        if step in (None, SweepStep.WAIT):
            continue
        try:
            if sweep.careful_step(thing, step, _step, os.environ["CATALYST_SOVEREIGN_UID"]) is SweepStep.DELETE:
                removed.add(thing.reference)
        except hcloud.TROUBLE as error:
            print(f"{thing}: {step.value} was refused: {error}", flush=True)
    return removed


def _step(thing: Thing) -> SweepStep | None:
    """What OpenTofu removes is none of this container's business, however long it takes to go."""
    what = belongings.whose(thing, Holdings(os.environ["CATALYST_SOVEREIGN_UID"]))
    last = what is Whose.LABELLED and thing.kind in sweeping.LAST_TO_GO
    return sweeping.step(thing, what, sweep_all=False) if last else None


def _named(thing: Thing) -> str:
    return f"{thing} (protected from being deleted)" if thing.protected else str(thing)
