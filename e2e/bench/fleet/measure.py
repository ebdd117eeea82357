"""A hundred new clusters followed at once: how soon what changes is told, what that takes, what five silent ones do to
the others, and how soon all are followed again after a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from catalyst_operator.api import labels
from e2e.bench import changes, surroundings
from e2e.bench.apis import Api, Client
from e2e.bench.changes import Arrival, Numbers, Sent
from e2e.bench.errors import BenchError
from e2e.bench.fleet import fakes, load, objects, seen
from e2e.bench.fleet.churn import Churn
from e2e.bench.fleet.fakes import Fake, Fakes
from e2e.bench.fleet.load import Load
from e2e.bench.fleet.operator_process import LOG, OperatorProcess, stepped_aside
from e2e.bench.fleet.preparation import NAME, Preparation
from e2e.bench.fleet.seen import Seen
from e2e.bench.streams import Stream, watch_as
from e2e.bench.workplace import Workplace
from e2e.run_local import write_kubeconfig
from e2e.support import audit
from e2e.support.cloud import Project
from e2e.support.operator import proof_key

SHARE = 0.01
"""Of all releases that changes each second."""
FROZEN, CUT = 3, 2
"""Clusters that become black holes: so many take connections and never answer, and so many drop every packet."""
LEAST = 2 * (FROZEN + CUT)
SAMPLED = 10
"""Clusters with a bare watcher each."""
FOLLOW_SECONDS = 300.0
ARRIVAL_SECONDS = 60.0
NOTICE_SECONDS = 240.0
LOOK_EVERY = 0.2
SILENCE_SECONDS = 5.0
"""Without an event for so long, what the start caused is over."""


@dataclass(frozen=True)
class Stretch:
    """Some time with changes, and what the operator took for it."""

    name: str
    clusters: int
    """Those that were changed."""
    seconds: float
    busy: float
    """Share of the processors in use during it, by all: operator, fake clusters, API server and benchmark."""
    changes: int
    lost: int
    overtaken: int
    """Changes of which only a later one's event told."""
    floor: tuple[float, ...]
    """From each change of a sampled cluster to the event of a bare watch on it, in seconds."""
    told: tuple[float, ...]
    """From each change to the Sovereign's watch event that has it."""
    resident_mib: float
    processor_percent: float


@dataclass(frozen=True)
class Begin:
    """From the start of the operator's process, in seconds."""

    watched: float
    """Until all clusters are watched."""
    told: float
    """Until all of it is in the Sovereigns' status."""
    resident_mib: float


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
    namespace, say = workplace.namespace(NAME), workplace.timeline.say
    with ExitStack() as stack:
        kubeconfig = write_kubeconfig(workplace.kubectl, workplace.layout)
        stack.enter_context(stepped_aside(workplace.kubectl))
        say(f"making {clusters} Sovereigns whose infrastructure stands ...")
        api = Api.of_lab(workplace.layout)
        client = stack.enter_context(Client(api))
        as_operator = stack.enter_context(Client(api.impersonating(audit.OPERATOR)))
        key = proof_key(workplace.kubectl)
        preparation = Preparation(workplace.kubectl, client, as_operator, namespace, key)
        made = list(preparation.sovereigns(clusters, Project().token))
        holes = made[-(FROZEN + CUT) :]
        fakes.mend(holes)
        say("starting their new clusters ...")
        groups = stack.enter_context(fakes.serving(workplace.layout, made[:-FROZEN], made[-FROZEN:]))
        operator = OperatorProcess(workplace.layout, kubeconfig)
        stack.callback(operator.close)
        stack.callback(_delete, workplace, namespace, operator)
        place = f"/apis/{labels.API_VERSION}/namespaces/{namespace}/sovereigns"
        statuses = stack.enter_context(watch_as(api, place, seen.read))
        return _Run(workplace, operator, made, holes, groups, statuses).all(seconds)


def _delete(workplace: Workplace, namespace: str, operator: OperatorProcess) -> None:
    """While the operator still runs: it removes what it made. If it does not, the installed one has to."""
    if not operator.runs:
        return
    workplace.timeline.say("deleting the Sovereigns ...")
    workplace.kubectl("-n", namespace, "delete", "sovereigns", "--all", "--timeout=300s", timeout=330)


class _Run:
    def __init__(
        self,
        workplace: Workplace,
        operator: OperatorProcess,
        made: Sequence[Fake],
        holes: Sequence[Fake],
        groups: Sequence[Fakes],
        statuses: Stream[Seen],
    ) -> None:
        self._say = workplace.timeline.say
        self._operator = operator
        self._made, self._holes, self._groups = made, holes, groups
        self._statuses = statuses
        self._churn = Churn()
        self._sent: list[Sent] = []
        """Changes that were reported and not asked for yet."""

    def all(self, seconds: float) -> Fleet:
        busy = surroundings.busy()
        first = self._begin("starting the operator", lambda: all(map(self._complete, self._made)))
        self._await(self._silent, "the Sovereigns to fall silent", FOLLOW_SECONDS)
        self._say(f"at rest with all of them, {seconds:.0f} s ...")
        with load.sampled(self._operator.pid) as rest:
            time.sleep(seconds)  # the length of time is the subject here
        everybody = self._stretch("all answer", self._made, seconds)
        healthy, holes = self._with_holes(seconds)
        return Fleet(
            clusters=len(self._made),
            releases=sum(len(fake.kit.releases) for fake in self._made),
            busy_before=busy,
            first=first,
            rest=rest,
            stretches=(everybody, healthy),
            holes=holes,
            restart=self._restart(),
        )

    def _silent(self) -> bool:
        return time.time() - self._statuses.heard[-1].at > SILENCE_SECONDS

    # --- from the operator's start ----------------------------------------------------------------------------------

    def _begin(self, what: str, told: Callable[[], bool]) -> Begin:
        self._say(f"{what} ...")
        self._operator.start()
        began = self._operator.started
        with load.sampled(self._operator.pid) as taken:
            watched = self._await_watches(began)
            self._await(told, "all to be told in status", FOLLOW_SECONDS)
            in_status = time.time()
        self._say(f"watched after {watched - began:.1f} s, told after {in_status - began:.1f} s")
        return Begin(watched - began, in_status - began, taken.resident_mib)

    def _await_watches(self, since: float) -> float:
        """When the last of all clusters was watched by an operator that was started after `since`."""

        def last() -> float:
            found = self._watched()
            return max(at or 0.0 for at in found) if all(at and at > since for at in found) else 0.0

        return self._await(last, "all clusters to be watched", FOLLOW_SECONDS)

    def _watched(self) -> list[float | None]:
        """Since when each cluster is."""
        reports = [group.report() for group in self._groups]
        self._sent += [change for report in reports for change in report.sent]
        return [at for report in reports for at in report.watched.values()]

    def _complete(self, fake: Fake) -> bool:
        found = seen.latest(self._statuses.heard).get(fake.name)
        return found is not None and found.components == len(fake.kit.releases)

    def _restart(self) -> Begin:
        """Killed without notice, while in each cluster something changes that nobody tells it of."""
        self._operator.kill()
        self._change_each(self._made)
        sent = self._take_sent()
        return self._begin("starting it again after a kill", lambda: self._lost(sent) == 0)

    def _lost(self, sent: Sequence[Sent]) -> int:
        return changes.arrivals(sent, seen.numbers(self._statuses.heard)).count(None)

    # --- changes ------------------------------------------------------------------------------------------------------

    def _group(self, name: str) -> Fakes:
        return next(group for group in self._groups if any(fake.name == name for fake in group.fakes))

    def _take_sent(self) -> list[Sent]:
        """The changes that were made since this was asked last."""
        self._watched()
        taken, self._sent = self._sent, []
        return taken

    def _change_each(self, which: Iterable[Fake]) -> None:
        for fake in which:
            release = fake.kit.installed[0]
            self._group(fake.name).change(fake.name, release, self._churn.next(fake.name, release))

    def _stretch(self, name: str, which: Sequence[Fake], seconds: float) -> Stretch:
        releases = [(fake.name, release) for fake in which for release in fake.kit.installed]
        total = sum(len(fake.kit.releases) for fake in which)
        planned = self._churn.plan(releases, total * SHARE, seconds)
        self._say(f"{len(planned)} changes in {len(which)} clusters, {name}, {seconds:.0f} s ...")
        with _watchers(which[:SAMPLED]) as watchers, load.sampled(self._operator.pid) as taken:
            begin, before = time.monotonic(), surroundings.ticks()
            for change in planned:
                time.sleep(max(0.0, begin + change.after - time.monotonic()))
                self._group(change.cluster).change(change.cluster, change.release, change.number)
            busy = surroundings.busy_since(before)
            sent = self._take_sent()
            lost = self._settle(sent)
            told = changes.arrivals(sent, seen.numbers(self._statuses.heard))
            sampled = [change for change in sent if change.key.partition("/")[0] in watchers]
            heard = [item for watcher in watchers.values() for item in watcher.heard]
            floor = changes.arrivals(sampled, heard)
        return Stretch(
            name=name,
            clusters=len(which),
            seconds=seconds,
            busy=busy,
            changes=len(sent),
            lost=lost,
            overtaken=sum(at is not None and at.number > change.number for change, at in zip(sent, told, strict=True)),
            floor=latencies(sampled, floor),
            told=latencies(sent, told),
            resident_mib=taken.resident_mib,
            processor_percent=taken.processor_percent,
        )

    def _settle(self, sent: Sequence[Sent]) -> int:
        """How many changes never arrive, although they are waited for."""
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while (lost := self._lost(sent)) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
        return lost

    # --- black holes ----------------------------------------------------------------------------------------------

    def _with_holes(self, seconds: float) -> tuple[Stretch, Holes]:
        frozen = self._groups[-1]
        with ExitStack() as silence:
            silence.enter_context(fakes.cut(self._holes[:CUT]))
            frozen.freeze()
            silence.callback(frozen.thaw)
            since = time.time()
            self._groups = self._groups[:-1]
            healthy = self._stretch(f"{len(self._holes)} are black holes", self._made[: -len(self._holes)], seconds)
            noticed = self._await_noticed(since)
            self._groups = [*self._groups, frozen]
            self._change_each(self._holes)
        mended = time.time()
        sent = self._take_sent()
        self._await(lambda: self._lost(sent) == 0, "the black holes to be followed again", FOLLOW_SECONDS)
        told = changes.arrivals(sent, seen.numbers(self._statuses.heard))
        back = max(arrival.at for arrival in told if arrival) - mended
        self._say(f"noticed after {noticed:.0f} s, followed again after {back:.1f} s")
        return healthy, Holes(len(self._holes), noticed, back)

    def _await_noticed(self, since: float) -> float:
        names = {fake.name for fake in self._holes}

        def when() -> float:
            heard = self._statuses.heard
            told = {item.what.cluster: item.at for item in reversed(heard) if item.at > since and item.what.unreachable}
            return max(told.values()) if names <= told.keys() else 0.0

        return self._await(when, "the black holes to be noticed", NOTICE_SECONDS) - since

    def _await(self, look: Callable[[], float], what: str, seconds: float) -> float:
        """What `look` says once it is not nothing. Raises BenchError when time is up, or the operator has ended."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                raise BenchError(f"waited {seconds:.0f} s for {what}")
            if not self._operator.runs:
                raise BenchError(f"the operator ended while waiting for {what}; see .lab/log/{LOG}")
            time.sleep(LOOK_EVERY)
        return found


def latencies(sent: Sequence[Sent], arrived: Sequence[Arrival | None]) -> tuple[float, ...]:
    """Of those that arrived."""
    return tuple(there.at - change.at for change, there in zip(sent, arrived, strict=True) if there)


@contextmanager
def _watchers(which: Sequence[Fake]) -> Iterator[dict[str, Stream[Numbers]]]:
    """A bare watcher on each of these clusters."""
    with ExitStack() as stack:
        yield {fake.name: stack.enter_context(_watcher(fake)) for fake in which}


@contextmanager
def _watcher(fake: Fake) -> Iterator[Stream[Numbers]]:
    with watch_as(fake.api, objects.RELEASES, lambda found: changes.in_release(fake.name, found)) as stream:
        yield stream
