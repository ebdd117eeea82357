"""The runs of all Sovereigns, as their statuses tell them: kept in memory, so that no pass reads them all.

It is a cache. A new operator fills it from what is there before its first pass, and every pass corrects its own part.
Between the decision that it is a run's turn and its Job lies time in which another pass decides: whoever takes the turn
first has it, and the other looks again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.moving import identity
from catalyst_operator.core.queue.order import (
    UNKNOWN_PROJECT,
    Entry,
    Queue,
    RunKind,
    RunLimits,
    TurnPlace,
    place,
    places,
)
from catalyst_operator.core.queue.standing import RunStanding, queue_of, standing
from catalyst_operator.errors import Conflict

TELL_AFTER = 0.2
"""Seconds in which changes of the queue are collected before those whose turn it is are woken."""
TOLD_AGAIN = 10
"""A place is told anew when it is by a tenth another: who waits behind a thousand is not written a thousand times."""
AT_WORK = "status.phase!=Succeeded,status.phase!=Failed"


class RunQueue:
    """By UID of the object. `wake` is called with the namespace and the name of those whose turn has come, or whose
    place is another."""

    def __init__(self, limits: RunLimits | None = None) -> None:
        self._limits = limits or RunLimits()
        self.wake: Callable[[str, str], None] = lambda _namespace, _name: None
        """Set by the composition."""
        self._standings: dict[str, RunStanding] = {}
        self._seen: Queue | None = None
        self._called: set[str] = set()
        """UIDs of those who were told that it is their turn, and have not moved since."""
        self._timer: asyncio.TimerHandle | None = None

    async def fill(self, client: Kube) -> None:
        """Know what is there, before anything is decided. Raises ApiError."""
        made_as: defaultdict[str, list[str]] = defaultdict(list)
        async for raw in client.pages(kube.SOVEREIGNS):
            if sovereign := _parsed(raw):
                uid = sovereign.metadata.uid
                self.note(uid, standing(sovereign, sovereign.status))
                made_as[identity.claimed(sovereign)].append(uid)
        # An operator that died just after it had made a Job has not told of it.
        selector = labels.LABEL_SOVEREIGN_UID
        for pod in await client.list_metadata(kube.PODS, selector=selector, fields=AT_WORK):
            meta = pod["metadata"]
            # Of a restored Sovereign they have the old UID; whoever claims that wrongly harms nobody but itself.
            for uid in made_as[meta["labels"][labels.LABEL_SOVEREIGN_UID]]:
                self._note_pod(uid, datetime.fromisoformat(meta["creationTimestamp"]))

    def _note_pod(self, uid: str, began: datetime) -> None:
        known = self._standings[uid]
        if known.under_way:
            return
        entry = Entry(uid, known.namespace, UNKNOWN_PROJECT, RunKind.WANTED, began)
        self.note(uid, replace(known, under_way=entry, waiting=None, began=began))

    def seen(self) -> Queue:
        """The queue as it stands."""
        if self._seen is None:
            self._seen = queue_of(self._standings.values())
        return self._seen

    def note(self, uid: str, told: RunStanding) -> None:
        """What is told of a Sovereign now."""
        before = self._standings.get(uid)
        if before != told:
            self._standings[uid] = told
            self._moved(uid)

    def forget(self, namespace: str, name: str) -> None:
        """The Sovereign is gone, or nothing is done for it."""
        gone = [uid for uid, known in self._standings.items() if (known.namespace, known.name) == (namespace, name)]
        for uid in gone:
            del self._standings[uid]
            self._moved(uid)

    def take(self, entry: Entry, name: str, now: datetime) -> None:
        """Have the turn: it is under way from now on. Raises Conflict if it is somebody else's by now."""
        if place(self.seen(), self._limits, entry) is not None:
            raise Conflict(HTTPStatus.CONFLICT, "somebody else had the turn; the queue is looked at again")
        self.note(entry.uid, RunStanding(entry.namespace, name, under_way=replace(entry, since=now), began=now))

    def close(self) -> None:
        """Nobody is woken any more."""
        if self._timer:
            self._timer.cancel()

    def _moved(self, uid: str) -> None:
        self._seen = None
        self._called.discard(uid)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TELL_AFTER, self._tell)

    def _tell(self) -> None:
        self._timer = None
        queue = self.seen()
        for uid, now in places(queue, self._limits).items() if queue.waiting else ():
            known = self._standings[uid]
            if not self._is_news(uid, known.told, now):
                continue
            if now is None:
                self._called.add(uid)
            self.wake(known.namespace, known.name)

    def _is_news(self, uid: str, told: int, now: TurnPlace | None) -> bool:
        if now is None:
            return uid not in self._called
        return abs(now.position - told) * TOLD_AGAIN >= max(told, TOLD_AGAIN)


def _parsed(raw: Object) -> Sovereign | None:
    """None for what the schema in force would not have let in: nothing is done for it."""
    try:
        return Sovereign.parse(raw)
    except ValueError:
        return None
