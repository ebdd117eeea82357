"""What the status of a Sovereign says of its runs: the only thing that the queue is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.queue.order import UNKNOWN_PROJECT, Entry, Queue, RunKind, kind_of


@dataclass(frozen=True)
class RunStanding:
    """One Sovereign's part in the queue."""

    namespace: str
    name: str
    under_way: Entry | None = None
    waiting: Entry | None = None
    told: int = 0
    """The position that its status tells; 0 while it does not wait."""
    began: datetime | None = None
    """When its latest run did."""


def standing(sovereign: Sovereign, status: SovereignStatus) -> RunStanding:
    """The part of a Sovereign with this status. One that has a place in the queue does not run yet, whatever was
    recorded for it."""
    meta, operation, run = sovereign.metadata, status.last_operation, status.current_run
    times = [past.start_time for past in status.history[:1]] + ([run.start_time] if run else [])
    project = (operation.project if operation else None) or UNKNOWN_PROJECT
    place = operation.queue if operation else None
    began = max(times, default=None)
    if place is not None:
        kind = RunKind.DESTROY if meta.deletion_timestamp else RunKind.WANTED
        entry = Entry(meta.uid_here, meta.namespace, project, kind, place.since)
        return RunStanding(meta.namespace, meta.name, waiting=entry, told=place.position, began=began)
    if run is None:
        return RunStanding(meta.namespace, meta.name, began=began)
    kind = kind_of(run.verb, drift_check=run.drift_check)
    entry = Entry(meta.uid_here, meta.namespace, project, kind, run.start_time)
    return RunStanding(meta.namespace, meta.name, under_way=entry, began=began)


def queue_of(standings: Iterable[RunStanding]) -> Queue:
    """The queue that Sovereigns' standings make."""
    under_way, waiting = [], []
    served: dict[str, datetime] = {}
    for one in standings:
        if one.under_way:
            under_way.append(one.under_way)
        if one.waiting:
            waiting.append(one.waiting)
        if one.began:
            served[one.namespace] = max(one.began, served.get(one.namespace, one.began))
    return Queue(tuple(under_way), tuple(waiting), served)
