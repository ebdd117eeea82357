"""Between the plan of a destroy and its apply: removes what the cluster itself made, which is in no state.

First it looks whether something is in the way that is not the Sovereign's alone: then nothing is begun. Then the
servers are powered off, so that no controller makes anew what is removed. Then it looks and removes in rounds until a
look finds nothing more to do, or time is up. What it sees is judged by core.project.belongings, and once more, as it is
then, right before each step.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from catalyst_operator.core.project import belongings, looking, sweeping
from catalyst_operator.core.project.belongings import Holdings, Reference, Thing, Whose
from catalyst_operator.core.project.hetzner import NOT_FOUND, TOKEN_REFUSALS
from catalyst_operator.core.project.looking import AllLabelled, Question, SweepLook, Told
from catalyst_operator.core.project.sweeping import SweepStep
from catalyst_operator.core.tofu import adoption
from catalyst_operator.in_job import hcloud, power
from catalyst_operator.in_job.adopt import pulled_state

EXIT_IN_THE_WAY = 6
EXIT_STOPPED = 128 + signal.SIGTERM
"""As if nobody had caught the signal: a run that was stopped has not failed."""
TERMINATION_LOG = Path("/dev/termination-log")
RATE_LIMITED = "rate_limit_exceeded"
PASSING = frozenset(
    {RATE_LIMITED, "server_error", "bad_gateway", "gateway_timeout", "timeout", "unavailable", "maintenance"}
)
"""The API's words for what is worth asking again, whatever was asked."""
FINAL = frozenset({*TOKEN_REFUSALS, "token_readonly"})
"""Its words for a token with which nothing can be removed."""


@dataclass(frozen=True)
class SweepPatience:
    """In seconds: how long to power servers off, how long to remove, between two looks, and after the project's
    requests of the hour were used up, of which one comes back a second."""

    power_off: float = 120.0
    deadline: float = 600.0
    pause: float = 2.0
    when_limited: float = 30.0


class Blocked(Exception):
    """Something that is not the Sovereign's alone, or that somebody protected, is in the way."""

    def __init__(self, explanation: str, things: Collection[Thing]) -> None:
        super().__init__(explanation)
        self.things = tuple(things)


class NotDone(Exception):
    """Time was up before everything was removed."""


class Stopped(Exception):
    """The run was told to stop."""


def main(termination_log: Path = TERMINATION_LOG, patience: SweepPatience = SweepPatience()) -> int:
    """Exit code 0 when the apply may follow, EXIT_IN_THE_WAY when something is in the way, hcloud.EXIT_UNAUTHORIZED
    when the token is refused, EXIT_STOPPED when it is told to stop, and 1 when something could not be removed, or the
    project or the state not be read."""
    try:
        held = adoption.references(pulled_state())
    except subprocess.CalledProcessError as error:
        print(f"`{' '.join(error.cmd)}` failed with exit code {error.returncode}", file=sys.stderr, flush=True)
        return 1
    signal.signal(signal.SIGTERM, _stop)
    return told(Sweeper(held, patience, sweep_all=os.environ["CATALYST_SWEEP"] == "All"), termination_log)


def _stop(*_: object) -> None:
    raise Stopped("told to stop before everything was removed")


def told(sweeper: Sweeper, termination_log: Path) -> int:
    """Sweep, and leave for the operator what came of it. Returns the exit code."""
    words: dict[str, str] = {}
    names: tuple[str, ...] = ()
    code = 0
    try:
        sweeper.run()
    except Blocked as blocked:
        words, names, code = {"explanation": str(blocked)}, tuple(map(str, blocked.things)), EXIT_IN_THE_WAY
    except Stopped as error:
        words, code = {"explanation": str(error)}, EXIT_STOPPED
    except NotDone as error:
        words, code = {"explanation": str(error)}, 1
    except hcloud.TROUBLE as error:
        words, code = {"explanation": f"could not sweep the project: {error}"}, hcloud.exit_code(error)
    termination_log.write_text(sweeping.termination_message(words, names, sweeper.lists()))
    print(words.get("explanation") or "nothing is left to sweep", flush=True)
    return code


class Sweeper:
    """One sweep of the project, and what came of it."""

    def __init__(self, held: frozenset[Reference], patience: SweepPatience, *, sweep_all: bool) -> None:
        self._held = held
        self._patience = patience
        self._all = sweep_all
        self._found: set[Reference] = set(held)
        self._removed: set[Reference] = set()
        self._unclear: set[Reference] = set()
        self._reasons: dict[Reference, str] = {}
        self._wait = threading.Event().wait

    def lists(self) -> dict[str, Collection[Reference]]:
        """What the state lists and what was found besides, what of it was removed, and of what nobody can tell whose it
        is."""
        return {"found": self._found, "removed": self._removed, "unclear": self._unclear}

    def run(self) -> None:
        """Raises Blocked, NotDone, or one of hcloud.TROUBLE."""
        until = time.monotonic() + self._patience.deadline
        seen = self._look(until)
        self._power_off(seen.running)
        rounds = 0
        while due := self._due(seen := self._look(until)):
            # What the last round did is looked at, however late that is.
            if rounds and time.monotonic() >= until:
                raise NotDone(self._not_done(due))
            self._round(due, seen)
            rounds += 1
            self._wait(self._patience.pause)
        self._unclear = {thing.reference for thing in seen.unclear}
        for thing in seen.unclear:
            print(f"{thing} hangs on no server: nobody can tell whose it is, and it is left", flush=True)

    def _look(self, until: float) -> SweepLook:
        """The project as it is. Raises Blocked when something is in the way."""
        seen = self._asked(lambda: look(self._held), until)
        self._found |= {t.reference for t, what in seen.things if self._step(t, what)}
        foreign = [t for t, what in seen.things if belongings.in_the_way(t, what, sweep_all=self._all)]
        protected = [t for t, what in seen.things if t.protected and sweeping.is_swept(what, sweep_all=self._all)]
        if foreign or protected:
            raise Blocked(sweeping.in_the_way_words(foreign, protected, sweep_all=self._all), [*foreign, *protected])
        return seen

    def _asked(self, ask: Callable[[], SweepLook], until: float) -> SweepLook:
        """The answer. What passes by itself is asked again until time is up."""
        while True:
            try:
                return ask()
            except hcloud.Answered as error:
                if error.code not in PASSING or time.monotonic() >= until:
                    raise
                print(f"the project could not be looked at yet: {error}", flush=True)
                limited = error.code == RATE_LIMITED
            self._wait(self._patience.when_limited if limited else self._patience.pause)

    def _step(self, thing: Thing, what: Whose) -> SweepStep | None:
        return sweeping.step(thing, what, sweep_all=self._all)

    def _due(self, seen: SweepLook) -> list[tuple[Thing, SweepStep]]:
        """What can be done now, in the order of the steps: nothing is taken from where it hangs before all that is
        told by its place is marked."""
        steps = [(thing, step) for thing, what in seen.things if (step := self._step(thing, what))]
        return sorted((s for s in steps if s[1] is not SweepStep.WAIT), key=lambda s: list(SweepStep).index(s[1]))

    def _round(self, due: Iterable[tuple[Thing, SweepStep]], seen: SweepLook) -> None:
        for thing, step in due:
            try:
                self._do(thing, step, seen)
                self._reasons.pop(thing.reference, None)
            except hcloud.TROUBLE as error:
                code = error.code if isinstance(error, hcloud.Answered) else ""
                if code in FINAL:
                    raise
                if code == NOT_FOUND:
                    continue
                self._reasons[thing.reference] = str(error)
                print(f"{thing}: {step.value} was refused: {error}", flush=True)
                if code == RATE_LIMITED:
                    self._wait(self._patience.when_limited)
                    return

    def _do(self, thing: Thing, step: SweepStep, seen: SweepLook) -> None:
        def judged(now: Thing) -> SweepStep | None:
            return self._step(now, belongings.whose(now, seen.holdings))

        if careful_step(thing, step, judged, seen.holdings.uid) is SweepStep.DELETE:
            self._removed.add(thing.reference)

    def _power_off(self, servers: Iterable[Thing]) -> None:
        left = power.stop((str(server.id) for server in servers), self._patience.power_off, self._patience.pause)
        for number in left:
            # The rounds go on until nothing is made anew, so that a server that cannot be stopped holds up nothing.
            print(f"server {number} could not be powered off", flush=True)

    def _not_done(self, due: Iterable[tuple[Thing, SweepStep]]) -> str:
        left = [f"{thing} ({self._reasons.get(thing.reference, 'it is still there')})" for thing, _ in due]
        return f"after {self._patience.deadline:g} s there is still something to remove: {sweeping.some_of(left)}"


def look(held: frozenset[Reference]) -> SweepLook:
    """Look at the project once; `held` is what the state lists. Raises one of hcloud.TROUBLE."""
    conversation = looking.look(Holdings(os.environ["CATALYST_SOVEREIGN_UID"], held))
    try:
        question = next(conversation)
        while True:
            question = conversation.send(_answer(question))
    except StopIteration as end:
        seen: SweepLook = end.value
        return seen


def _answer(question: Question) -> Told:
    if isinstance(question, AllLabelled):
        return hcloud.listed(question.kind, question.selector)
    found = hcloud.one(question.kind, question.id)
    return [found] if found else []


def careful_step(
    thing: Thing, step: SweepStep, judge: Callable[[Thing], SweepStep | None], uid: str
) -> SweepStep | None:
    """Take a step about an object, unless it has gone, or what is to be done about it, as it is now, is something else.
    Returns the step if it was taken. Raises one of hcloud.TROUBLE."""
    raw = hcloud.one(thing.kind, thing.id)
    if raw is None:
        return None
    now = belongings.thing(thing.kind, raw)
    if judge(now) is not step:
        print(f"{thing} has changed: it is looked at again", flush=True)
        return None
    print(f"{thing}: {step.value}", flush=True)
    if step is SweepStep.MARK:
        hcloud.relabel(now.kind, now.id, {**now.labels, sweeping.MARK_LABEL: uid})
    if step is SweepStep.DETACH:
        hcloud.act(now.kind, now.id, sweeping.DETACHES[now.kind])
    if step is SweepStep.DELETE:
        hcloud.delete(now.kind, now.id)
    return step
