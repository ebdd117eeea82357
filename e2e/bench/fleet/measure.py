"""A hundred new clusters followed at once: how soon what changes is told, what that takes, what five silent ones do to
the others, and how soon all are followed again after a restart."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

from e2e.bench import surroundings
from e2e.bench.fleet import fakes, load
from e2e.bench.fleet.fakes import Fake
from e2e.bench.fleet.load import Load
from e2e.bench.fleet.preparation import NAME
from e2e.bench.fleet.run import FOLLOW_SECONDS, Begin, Run, Stretch, prepared
from e2e.bench.workplace import Workplace

SHARE = 0.01
"""Of all releases that changes each second."""
FROZEN, CUT = 3, 2
"""Clusters that become black holes: so many take connections and never answer, and so many drop every packet."""
LEAST = 2 * (FROZEN + CUT)
NOTICE_SECONDS = 240.0


@dataclass(frozen=True)
class Holes:
    """What became of the clusters that fell silent, in seconds."""

    count: int
    noticed: float
    """From their falling silent until all of their Sovereigns say so."""
    back: float
    """From their answering again until what changed meanwhile is told of all of them."""


@dataclass(frozen=True)
class Fleet:
    """All of it."""

    clusters: int
    releases: int
    busy_before: float
    """Share of the processors in use before the operator was started, by anyone."""
    first: Begin
    rest: Load
    stretches: tuple[Stretch, ...]
    holes: Holes
    restart: Begin


def measure(workplace: Workplace, *, clusters: int, seconds: float) -> Fleet:
    """Raises BenchError. The operator is this tree's, as a process; see `operator_process`."""
    with prepared(workplace, NAME, clusters, lambda made: (made[:-FROZEN], made[-FROZEN:])) as run:
        return _Measurement(run).all(seconds)


class _Measurement:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._made = [fake for group in run.groups for fake in group.fakes]
        self._holes = self._made[-(FROZEN + CUT) :]

    def all(self, seconds: float) -> Fleet:
        run, made = self._run, self._made
        busy = surroundings.busy()
        first = run.begin("starting the operator", lambda: all(map(run.complete, made)))
        run.wait_for(run.silent, "the Sovereigns to fall silent", FOLLOW_SECONDS)
        run.say(f"at rest with all of them, {seconds:.0f} s ...")
        with load.sampled(run.operator.pid) as rest:
            time.sleep(seconds)  # the length of time is the subject here
        everybody = run.stretch("all answer", made, seconds, SHARE)
        healthy, holes = self._with_holes(seconds)
        return Fleet(
            clusters=len(made),
            releases=sum(len(fake.kit.releases) for fake in made),
            busy_before=busy,
            first=first,
            rest=rest,
            stretches=(everybody, healthy),
            holes=holes,
            restart=self._restart(),
        )

    def _restart(self) -> Begin:
        """Killed without notice, while in each cluster something changes that nobody tells it of."""
        self._run.operator.kill()
        self._run.change_each(self._made)
        sent = self._run.take_sent()
        return self._run.begin("starting it again after a kill", lambda: self._run.lost(sent) == 0)

    def _with_holes(self, seconds: float) -> tuple[Stretch, Holes]:
        run, frozen = self._run, self._run.groups[-1]
        with ExitStack() as silence:
            silence.enter_context(fakes.cut(self._holes[:CUT]))
            frozen.freeze()
            silence.callback(frozen.thaw)
            since = time.time()
            run.groups = run.groups[:-1]
            name = f"{len(self._holes)} are black holes"
            healthy = run.stretch(name, self._made[: -len(self._holes)], seconds, SHARE)
            noticed = self._await_noticed(since)
            run.groups = [*run.groups, frozen]
            run.change_each(self._holes)
        mended = time.time()
        sent = run.take_sent()
        run.wait_for(lambda: run.lost(sent) == 0, "the black holes to be followed again", FOLLOW_SECONDS)
        back = max(arrival.at for arrival in run.arrivals(sent) if arrival) - mended
        run.say(f"noticed after {noticed:.0f} s, followed again after {back:.1f} s")
        return healthy, Holes(len(self._holes), noticed, back)

    def _await_noticed(self, since: float) -> float:
        return await_told(self._run, self._holes, since) - since


def await_told(run: Run, which: list[Fake], since: float) -> float:
    """When the last of these Sovereigns told, after `since`, that its new cluster does not answer as it should."""
    names = {fake.name for fake in which}

    def when() -> float:
        heard = run.statuses.heard
        told = {item.what.cluster: item.at for item in reversed(heard) if item.at > since and item.what.unreachable}
        return max(told.values()) if names <= told.keys() else 0.0

    return run.wait_for(when, "what is wrong with a new cluster to be told", NOTICE_SECONDS)
