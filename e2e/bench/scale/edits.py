"""Edits of spec: how soon the first status speaks of each, beside how soon a bare watcher hears of the edit itself."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.bench import changes
from e2e.bench.apis import MERGE, Client, Object
from e2e.bench.changes import Numbers, Sent
from e2e.bench.fleet.run import latencies
from e2e.bench.scale.making import Settler
from e2e.bench.streams import Stamped


@dataclass(frozen=True)
class Heard:
    """What is kept of a Sovereign's watch event."""

    key: str
    generation: int
    observed: int


def heard(sovereign: Object) -> Heard:
    """Of the event's object."""
    meta, status = sovereign["metadata"], sovereign.get("status") or {}
    return Heard(f"{meta['namespace']}/{meta['name']}", meta["generation"], status.get("observedGeneration", 0))


@dataclass(frozen=True)
class Edits:
    """What became of them."""

    count: int
    lost: int
    """Of which no status spoke although it was waited for."""
    floor: tuple[float, ...]
    """From each edit to the event that has it, in seconds."""
    told: tuple[float, ...]
    """From each edit to the event with a status that speaks of it."""

    @classmethod
    def of(cls, sent: Sequence[Sent], events: Sequence[Stamped[Heard]]) -> Edits:
        """What these events tell of those edits."""
        mattering = _of(sent, events)
        told = changes.arrivals(sent, _observed(mattering))
        made = changes.arrivals(sent, [Stamped(e.at, {e.what.key: e.what.generation}) for e in mattering])
        return cls(len(sent), told.count(None), latencies(sent, made), latencies(sent, told))


def untold(sent: Sequence[Sent], events: Sequence[Stamped[Heard]]) -> int:
    """How many of them no status speaks of yet."""
    return changes.arrivals(sent, _observed(_of(sent, events))).count(None)


def _of(sent: Sequence[Sent], events: Sequence[Stamped[Heard]]) -> list[Stamped[Heard]]:
    """The events about those Sovereigns since the first edit: a few of tens of thousands."""
    keys, since = {edit.key for edit in sent}, min((edit.at for edit in sent), default=0.0)
    return [event for event in events if event.at >= since and event.what.key in keys]


def _observed(events: Sequence[Stamped[Heard]]) -> list[Stamped[Numbers]]:
    return [Stamped(event.at, {event.what.key: event.what.observed}) for event in events]


class Editor:
    """Edits what means nothing to anybody, one edit after the other over one connection: it puts the protection on, and
    the next time off."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._protected: set[str] = set()

    def edit(self, settler: Settler) -> Sent:
        """The number of an edit is the generation that it makes."""
        protect = settler.key not in self._protected
        at = time.time()
        after = self._client("PATCH", settler.path, {"spec": {"deletionProtection": protect}}, MERGE)
        self._protected ^= {settler.key}
        return Sent(settler.key, after["metadata"]["generation"], at)


@contextmanager
def going_on(editor: Editor, settlers: Sequence[Settler], per_second: float) -> Iterator[list[Sent]]:
    """So many edits a second while this holds, of one Sovereign after the other; read them afterwards."""
    sent: list[Sent] = []
    over = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            begin = time.monotonic()
            for number, settler in enumerate(itertools.cycle(settlers)):
                if over.wait(max(0.0, begin + number / per_second - time.monotonic())):
                    return
                sent.append(editor.edit(settler))
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="edits")
    thread.start()
    try:
        yield sent
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]
