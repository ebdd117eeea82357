"""Whose turn it is: a pure function of the runs under way and of those that wait.

Namespaces take turns. The next one is whichever has fewest runs under way; of those with equally many, the one whose
latest run began longest ago. Within a namespace deletions come first, since they end what costs, and then whoever waits
longest. What a full project or namespace holds up holds up nobody of another one.

Everything that goes in is told by the status of Sovereigns, so that an operator that has just started decides the same.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, StrEnum

from catalyst_operator.api.phases import RunVerb

UNKNOWN_PROJECT = ""
"""Of a run of which only its Pod is known yet: it may be in any project, and counts in each."""
LOOKS_SHARE = 3
"""Looks that nobody waits for have one place of so many."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class RunKind(StrEnum):
    """What a run is for, as far as its turn depends on that."""

    DESTROY = "Destroy"
    WANTED = "Wanted"
    """Somebody asked for what it does: an apply or a dry run, with retries, rebuilds and repairs."""
    LOOK = "Look"
    """Nobody waits for it: it comes after all runs of other kinds, and looks together have a share of the places."""


def kind_of(verb: RunVerb, *, drift_check: bool = False) -> RunKind:
    """The kind of a run."""
    if verb is RunVerb.DESTROY:
        return RunKind.DESTROY
    return RunKind.LOOK if drift_check else RunKind.WANTED


class Bound(Enum):
    """Which of the limits holds a run up."""

    OPERATOR = "operator"
    PROJECT = "project"
    NAMESPACE = "namespace"


@dataclass(frozen=True)
class RunLimits:
    """How many runs may be under way at once: of the operator, in one cloud project, of one namespace's Sovereigns."""

    operator: int = 24
    project: int = 3
    namespace: int = 6

    def most(self, bound: Bound) -> int:
        """The limit of this name."""
        return {Bound.OPERATOR: self.operator, Bound.PROJECT: self.project, Bound.NAMESPACE: self.namespace}[bound]


@dataclass(frozen=True)
class Entry:
    """A run under way, or one that waits. There is at most one for a Sovereign."""

    uid: str
    """Of the object on this cluster, whatever UID its spec claims: nobody takes another's part in the queue."""
    namespace: str
    project: str
    """A mark of the token's project; UNKNOWN_PROJECT where it is not known."""
    kind: RunKind
    since: datetime
    """When it began to wait, or to run."""


@dataclass(frozen=True)
class Queue:
    """The runs of all Sovereigns."""

    under_way: tuple[Entry, ...] = ()
    waiting: tuple[Entry, ...] = ()
    served: Mapping[str, datetime] = field(default_factory=dict)
    """Namespace -> when its latest run began, as far as that is known."""

    def with_waiting(self, entry: Entry) -> Queue:
        """The same, but of this Sovereign that it waits, and nothing else."""
        return replace(
            self,
            under_way=tuple(other for other in self.under_way if other.uid != entry.uid),
            waiting=(*(other for other in self.waiting if other.uid != entry.uid), entry),
        )


@dataclass(frozen=True)
class TurnPlace:
    """Where a run stands that cannot start yet, among those that the same limit concerns."""

    position: int
    """From 1."""
    of: int
    bound: Bound
    under_way: int
    """Runs that the limit counts."""
    most: int


def place(queue: Queue, limits: RunLimits, entry: Entry) -> TurnPlace | None:
    """Where this run stands in the queue; None when it may start now."""
    return places(queue.with_waiting(entry), limits)[entry.uid]


def places(queue: Queue, limits: RunLimits) -> dict[str, TurnPlace | None]:
    """The same for every run that waits, by UID."""
    ahead = list(in_order(queue))
    room = _Room(queue, limits)
    bounds = {entry.uid: room.take(entry) for entry in ahead}
    groups: defaultdict[tuple[Bound, str], list[str]] = defaultdict(list)
    for entry in ahead:
        for group in _groups(entry):
            groups[group].append(entry.uid)
    ranks = {group: {uid: rank for rank, uid in enumerate(uids, 1)} for group, uids in groups.items()}
    return {
        entry.uid: _place(ranks[group], entry, bound, queue, limits)
        if (bound := bounds[entry.uid]) and (group := _group(entry, bound))
        else None
        for entry in ahead
    }


def in_order(queue: Queue) -> Iterator[Entry]:
    """All that waits, whoever is next first; looks after everything else."""
    wanted = tuple(entry for entry in queue.waiting if entry.kind is not RunKind.LOOK)
    yield from _by_turns(queue, wanted)
    yield from _by_turns(queue, tuple(entry for entry in queue.waiting if entry.kind is RunKind.LOOK))


def _by_turns(queue: Queue, waiting: tuple[Entry, ...]) -> Iterator[Entry]:
    running = Counter(entry.namespace for entry in queue.under_way)
    lanes: defaultdict[str, deque[Entry]] = defaultdict(deque)
    for entry in sorted(waiting, key=lambda one: (one.kind is not RunKind.DESTROY, one.since, one.uid)):
        lanes[entry.namespace].append(entry)
    # Of namespaces that had a turn in this very order, the one that had it longest ago.
    heap = [(running[name], 0, queue.served.get(name, _NEVER), lane[0].since, name) for name, lane in lanes.items()]
    heapq.heapify(heap)
    turn = 0
    while heap:
        count, _, served, _, name = heapq.heappop(heap)
        yield lanes[name].popleft()
        turn += 1
        if lanes[name]:
            heapq.heappush(heap, (count + 1, turn, served, lanes[name][0].since, name))


def _place(rank: Mapping[str, int], entry: Entry, bound: Bound, queue: Queue, limits: RunLimits) -> TurnPlace:
    counted = sum(_counts_in(other, _group(entry, bound)) for other in queue.under_way)
    return TurnPlace(rank[entry.uid], len(rank), bound, counted, limits.most(bound))


def _group(entry: Entry, bound: Bound) -> tuple[Bound, str]:
    return bound, {Bound.OPERATOR: "", Bound.PROJECT: entry.project, Bound.NAMESPACE: entry.namespace}[bound]


def _groups(entry: Entry) -> tuple[tuple[Bound, str], ...]:
    return tuple(_group(entry, bound) for bound in (Bound.NAMESPACE, Bound.PROJECT, Bound.OPERATOR))


def _counts_in(entry: Entry, group: tuple[Bound, str]) -> bool:
    bound, name = group
    anywhere = bound is Bound.PROJECT and UNKNOWN_PROJECT in (entry.project, name)
    return anywhere or _group(entry, bound) == group


class _Room:
    """What is left of the limits, while one after the other takes of it."""

    def __init__(self, queue: Queue, limits: RunLimits) -> None:
        self._limits = limits
        self._taken: Counter[tuple[Bound, str]] = Counter()
        self._looks: Counter[tuple[Bound, str]] = Counter()
        self._unknown = 0
        for entry in queue.under_way:
            self._add(entry)

    def take(self, entry: Entry) -> Bound | None:
        """Take a place, or say which limit holds the run up."""
        full = next((group[0] for group in _groups(entry) if self._full(entry, group)), None)
        if full is None:
            self._add(entry)
        return full

    def _add(self, entry: Entry) -> None:
        self._unknown += entry.project == UNKNOWN_PROJECT
        self._taken.update(_groups(entry))
        if entry.kind is RunKind.LOOK:
            self._looks.update(_groups(entry))

    def _full(self, entry: Entry, group: tuple[Bound, str]) -> bool:
        most = self._limits.most(group[0])
        if entry.kind is RunKind.LOOK and self._looks[group] >= max(1, most // LOOKS_SHARE):
            return True
        elsewhere = self._unknown if group[0] is Bound.PROJECT and group[1] != UNKNOWN_PROJECT else 0
        return self._taken[group] + elsewhere >= most
