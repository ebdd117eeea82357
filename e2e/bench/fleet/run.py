"""An operator's process beside fake new clusters: it is started, things change there, and what it tells is heard."""

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
from e2e.bench.fleet.operator_process import LOG, OperatorProcess, stepped_aside
from e2e.bench.fleet.preparation import Preparation
from e2e.bench.fleet.seen import Seen
from e2e.bench.streams import Stream, watch_as
from e2e.bench.workplace import Workplace
from e2e.run_local import write_kubeconfig
from e2e.support import audit
from e2e.support.cloud import Project
from e2e.support.operator import proof_key

SAMPLED = 10
"""Clusters with a bare watcher each."""
FOLLOW_SECONDS = 300.0
ARRIVAL_SECONDS = 60.0
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
    processor_seconds: float
    """Of the operator until then: that hardly depends on what else the machine does."""


@contextmanager
def prepared(
    workplace: Workplace, name: str, count: int, grouped: Callable[[list[Fake]], Sequence[Sequence[Fake]]]
) -> Iterator[Run]:
    """So many Sovereigns in a namespace of that name, each with a fake new cluster, in as many processes as there are
    groups; and an operator that is still to be started. Raises BenchError."""
    namespace, say = workplace.namespace(name), workplace.timeline.say
    with ExitStack() as stack:
        kubeconfig = write_kubeconfig(workplace.kubectl, workplace.layout)
        stack.enter_context(stepped_aside(workplace.kubectl))
        say(f"making {count} Sovereigns whose infrastructure stands ...")
        api = Api.of_lab(workplace.layout)
        client = stack.enter_context(Client(api))
        as_operator = stack.enter_context(Client(api.impersonating(audit.OPERATOR)))
        key = proof_key(workplace.kubectl)
        preparation = Preparation(workplace.kubectl, client, as_operator, namespace, key)
        made = list(preparation.sovereigns(count, Project().token))
        groups = grouped(made)
        fakes.mend([fake for group in groups for fake in group])
        say("starting their new clusters ...")
        serving = stack.enter_context(fakes.serving(workplace.layout, *groups))
        operator = OperatorProcess(workplace.layout, kubeconfig)
        stack.callback(operator.close)
        stack.callback(_delete, workplace, namespace, operator)
        place = f"/apis/{labels.API_VERSION}/namespaces/{namespace}/sovereigns"
        statuses = stack.enter_context(watch_as(api, place, seen.read))
        yield Run(workplace, operator, serving, statuses)


def _delete(workplace: Workplace, namespace: str, operator: OperatorProcess) -> None:
    """While the operator still runs: it removes what it made. If it does not, the installed one has to."""
    if not operator.runs:
        return
    workplace.timeline.say("deleting the Sovereigns ...")
    workplace.kubectl("-n", namespace, "delete", "sovereigns", "--all", "--timeout=300s", timeout=330)


class Run:
    """What all measurements with a fleet do. `groups` may be exchanged: only those are asked for reports."""

    def __init__(
        self, workplace: Workplace, operator: OperatorProcess, groups: Sequence[Fakes], statuses: Stream[Seen]
    ) -> None:
        self.say = workplace.timeline.say
        self.operator = operator
        self.groups = list(groups)
        self.statuses = statuses
        self.patience = FOLLOW_SECONDS
        """How long all may take to be followed and told after a start."""
        self._churn = Churn()
        self._sent: list[Sent] = []
        """Changes that were reported and not asked for yet."""

    def wait_for(self, look: Callable[[], float], what: str, seconds: float) -> float:
        """What `look` says once it is not nothing. Raises BenchError when time is up, or the operator has ended."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                raise BenchError(f"waited {seconds:.0f} s for {what}")
            if self.statuses.over:
                raise BenchError(f"while waiting for {what}: {self.statuses.over}")
            if not self.operator.runs:
                raise BenchError(f"the operator ended while waiting for {what}; see .lab/log/{LOG}")
            time.sleep(LOOK_EVERY)
        return found

    def silent(self) -> bool:
        """Whether nothing was told for a while."""
        return time.time() - self.statuses.heard[-1].at > SILENCE_SECONDS

    def complete(self, fake: Fake) -> bool:
        """Whether all of its components are in the Sovereign's status."""
        found = seen.latest(self.statuses.heard).get(fake.name)
        return found is not None and found.components == len(fake.kit.releases)

    # --- from the operator's start ----------------------------------------------------------------------------------

    def begin(self, what: str, told: Callable[[], bool]) -> Begin:
        """Start the operator, and wait until all clusters are watched and `told` says yes."""
        self.say(f"{what} ...")
        self.operator.start()
        began = self.operator.started
        with load.sampled(self.operator.pid) as taken:
            watched = self._await_watches(began)
            self.wait_for(told, "all to be told in status", self.patience)
            in_status = time.time()
        self.say(f"watched after {watched - began:.1f} s, told after {in_status - began:.1f} s")
        return Begin(watched - began, in_status - began, taken.resident_mib, taken.processor_seconds)

    def _await_watches(self, since: float) -> float:
        """When the last of all clusters was watched by an operator that was started after `since`."""

        def last() -> float:
            found = self._watched()
            return max(at or 0.0 for at in found) if all(at and at > since for at in found) else 0.0

        return self.wait_for(last, "all clusters to be watched", self.patience)

    def _watched(self) -> list[float | None]:
        """Since when each cluster is."""
        reports = [group.report() for group in self.groups]
        self._sent += [change for report in reports for change in report.sent]
        return [at for report in reports for at in report.watched.values()]

    # --- changes ------------------------------------------------------------------------------------------------------

    def group(self, name: str) -> Fakes:
        """The process that serves this cluster."""
        return next(group for group in self.groups if any(fake.name == name for fake in group.fakes))

    def change_each(self, which: Iterable[Fake]) -> None:
        """One release of each."""
        for fake in which:
            release = fake.kit.installed[0]
            self.group(fake.name).change(fake.name, release, self._churn.next(fake.name, release))

    def take_sent(self) -> list[Sent]:
        """The changes that were made since this was asked last."""
        self._watched()
        taken, self._sent = self._sent, []
        return taken

    def lost(self, sent: Sequence[Sent]) -> int:
        """How many of these changes are not told yet."""
        return self.arrivals(sent).count(None)

    def arrivals(self, sent: Sequence[Sent]) -> list[Arrival | None]:
        """When each of these changes was told."""
        return changes.arrivals(sent, seen.numbers(self.statuses.heard))

    def stretch(self, name: str, which: Sequence[Fake], seconds: float, share: float) -> Stretch:
        """Change this share of the releases of these clusters each second."""
        releases = [(fake.name, release) for fake in which for release in fake.kit.installed]
        total = sum(len(fake.kit.releases) for fake in which)
        planned = self._churn.plan(releases, total * share, seconds)
        self.say(f"{len(planned)} changes in {len(which)} clusters, {name}, {seconds:.0f} s ...")
        with _watchers(which[:SAMPLED]) as watchers, load.sampled(self.operator.pid) as taken:
            begin, before = time.monotonic(), surroundings.ticks()
            for change in planned:
                time.sleep(max(0.0, begin + change.after - time.monotonic()))
                self.group(change.cluster).change(change.cluster, change.release, change.number)
            busy = surroundings.busy_since(before)
            sent = self.take_sent()
            lost = self._settle(sent)
            told = self.arrivals(sent)
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
        while (lost := self.lost(sent)) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
        return lost


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
