"""Thousands of Sovereigns: what the operator takes for them, how soon it tells of an edit, how soon it has told
everything after a restart, and what it asks the API server while nothing happens; each at a fifth, a half and all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from e2e.bench import surroundings
from e2e.bench.apis import Api
from e2e.bench.changes import Sent
from e2e.bench.fleet import load
from e2e.bench.fleet.fakes import Fake
from e2e.bench.fleet.load import Load
from e2e.bench.fleet.run import ARRIVAL_SECONDS, LOOK_EVERY, Begin, Stretch
from e2e.bench.scale import edits, reading, requests
from e2e.bench.scale.edits import Edits
from e2e.bench.scale.making import Settler
from e2e.bench.scale.population import Population, spread, stages
from e2e.bench.scale.reading import Reading
from e2e.bench.scale.requests import Requests
from e2e.bench.scale.world import World, prepared
from e2e.bench.workplace import Workplace
from e2e.support import audit

SHARE = 0.01
"""Of all components that changes each second."""
EDITS_PER_SECOND = 5.0
EDITED = 300
"""Sovereigns that are edited, one after the other."""
MISSED = 50
"""Sovereigns that are edited while no operator runs, all over the place: the last of them comes near the end."""
QUIET_SECONDS = 120.0
"""Until what a start caused is taken to be over, whether or not it is."""


@dataclass(frozen=True)
class Rest:
    """Some time in which nothing happened."""

    seconds: float
    load: Load
    requests: Requests
    writes: int
    what: tuple[str, ...]
    """The writes by `verb uri`, the first of them."""


@dataclass(frozen=True)
class Stage:
    """All that was measured of so many Sovereigns."""

    population: Population
    made_seconds: float
    """It took to make those that were not there at the stage before."""
    first: Begin
    rest: Rest
    stretch: Stretch
    edits: Edits
    floor: Reading
    """Right before the restart."""
    restart: Begin

    @property
    def resident_mib(self) -> float:
        """The most that was seen."""
        found = (self.first, self.rest.load, self.stretch, self.restart)
        return max(part.resident_mib for part in found)

    @property
    def requests_per_hour(self) -> float:
        """For each Sovereign that was handed off, at rest."""
        return self.rest.requests.per_hour(self.population.handed_off, self.rest.seconds)


@dataclass(frozen=True)
class Scale:
    """All of it, the largest stage last."""

    busy_before: float
    stages: tuple[Stage, ...]


def measure(workplace: Workplace, *, count: int, seconds: float, rest_seconds: float) -> Scale:
    """Raises BenchError. The operator is this tree's, as a process; see `fleet.operator_process`. Only at the largest
    stage it rests for as long as `rest_seconds`."""
    busy, found = surroundings.busy(), []
    with prepared(workplace) as world:
        measurement = _Measurement(world, Api.of_lab(workplace.layout))
        wanted = stages(count)
        for population in wanted:
            rest = rest_seconds if population is wanted[-1] else min(seconds, rest_seconds)
            found.append(measurement.stage(population, seconds, rest))
    return Scale(busy, tuple(found))


class _Measurement:
    def __init__(self, world: World, api: Api) -> None:
        self._world, self._run = world, world.run
        self._api = api

    def stage(self, population: Population, seconds: float, rest_seconds: float) -> Stage:
        """From no operator to one that was restarted."""
        world, run = self._world, self._run
        run.say(f"making {population.total} Sovereigns, {population.handed_off} of them handed off ...")
        made = time.monotonic()
        world.grow(population)
        made_seconds = time.monotonic() - made
        run.say(f"made in {made_seconds:.0f} s")
        first = self._begin("starting the operator")
        rest = self._rest(rest_seconds)
        stretch, edited = self._stretch(seconds)
        run.operator.kill()
        floor = reading.once(world.client)
        restart = self._begin("starting it again after a kill")
        run.operator.kill()
        found = Stage(population, made_seconds, first, rest, stretch, edited, floor, restart)
        # What comes after it may fail, or take an hour.
        run.say(f"{population.total}: {found.resident_mib:.0f} MiB, all told {restart.told:.0f} s after a restart")
        return found

    def _begin(self, what: str) -> Begin:
        """While nobody was there, one component of each new cluster has changed and some Sovereigns were edited."""
        world, run = self._world, self._run
        run.change_each(world.good)
        changed = run.take_sent()
        edited = [world.editor.edit(settler) for settler in _some(world.settlers, MISSED)]

        def told() -> bool:
            known = all(map(run.complete, world.good)) and not run.lost(changed)
            return known and not edits.untold(edited, world.events.heard)

        return run.begin(what, told)

    def _rest(self, seconds: float) -> Rest:
        run = self._run
        deadline = time.monotonic() + QUIET_SECONDS
        run.wait_for(lambda: run.silent() or time.monotonic() > deadline, "the operator to fall silent", PATIENCE)
        run.say(f"at rest with all of them, {seconds:.0f} s ...")
        before, begin, started = requests.read(self._api), datetime.now(UTC), time.monotonic()
        with load.sampled(run.operator.pid) as taken:
            time.sleep(seconds)  # the length of time is the subject here
        asked, elapsed = requests.read(self._api).since(before), time.monotonic() - started
        writes = audit.of_operator(begin)
        return Rest(elapsed, taken, asked, len(writes), tuple(writes[:MOST_TOLD]))

    def _stretch(self, seconds: float) -> tuple[Stretch, Edits]:
        world, run = self._world, self._run
        with edits.going_on(world.editor, _some(world.settlers, EDITED), EDITS_PER_SECOND) as sent:
            begin = time.monotonic()
            stretch = run.stretch("1 % of components change each second", world.good, seconds, _share(world.good))
            # The last change may come long before the end, and edits go on until then.
            time.sleep(max(0.0, begin + seconds - time.monotonic()))
        self._settle(sent)
        return stretch, Edits.of(sent, world.events.heard)

    def _settle(self, sent: Sequence[Sent]) -> None:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while edits.untold(sent, self._world.events.heard) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)


PATIENCE = 300.0
MOST_TOLD = 50


def _share(which: Sequence[Fake]) -> float:
    """One change a second is the least: of a few clusters' components, so many per cent are none."""
    return max(SHARE, 1 / sum(len(fake.kit.releases) for fake in which))


def _some(settlers: Sequence[Settler], wanted: int) -> list[Settler]:
    return [settlers[place] for place in spread(len(settlers), wanted)]
