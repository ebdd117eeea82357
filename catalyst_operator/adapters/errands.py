"""Work that takes longer than a reconcile may: it runs beside it, and what it came to is looked at the next time.

The reports are a cache, never the truth: they can be lost at any time, and the errand is then run again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from catalyst_operator.adapters.turns import Turns


class Keyed(Protocol):
    """A report says what it is about."""

    @property
    def key(self) -> str: ...


log = logging.getLogger(__name__)
Report = TypeVar("Report", bound=Keyed)


@dataclass
class _UnderWay:
    key: str
    task: asyncio.Task[None]


class Errands(Generic[Report]):
    """The last report of each Sovereign, and at most one errand under way for it. With `turns`,
    namespaces take turns; without, whatever is asked for is begun. `failed` makes a report of an error that an errand
    did not foresee, of its key and the error; without, the errands foresee all by themselves."""

    def __init__(
        self, name: str, turns: Turns | None = None, *, failed: Callable[[str, Exception], Report] | None = None
    ) -> None:
        self._name = name
        self._failed = failed
        self._turns = turns
        self._reports: dict[str, Report] = {}
        self._under_way: dict[str, _UnderWay] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        """Given up, and on their way out: they may have a connection to close."""

    def report(self, uid: str) -> Report | None:
        """What the last errand came to, whatever it was about; `key` tells."""
        return self._reports.get(uid)

    def under_way(self, uid: str) -> bool:
        """Whether an errand is, whatever it is about."""
        known = self._under_way.get(uid)
        return known is not None and not known.task.done()

    def run(
        self,
        uid: str,
        key: str,
        errand: Callable[[], Awaitable[Report]],
        changed: Callable[[], None],
        *,
        owner: str = "",
    ) -> None:
        """Run it when it is the turn of `owner`, the namespace that it is for; `changed` is called once its report is
        there. While one of the same key is under way nothing happens; one of another key is given up, since nobody
        wants its answer any more. `errand` turns every failure that it foresees into a report."""
        known = self._under_way.get(uid)
        if known and not known.task.done():
            if known.key == key:
                return
            self._give_up(known.task)
        task = asyncio.create_task(self._run(uid, key, errand, changed, owner), name=f"{self._name} of {uid}")
        self._under_way[uid] = _UnderWay(key, task)

    def forget(self, uid: str) -> None:
        """The Sovereign is gone, or needs none of this any more."""
        self._reports.pop(uid, None)
        known = self._under_way.pop(uid, None)
        if known:
            self._give_up(known.task)

    async def close(self) -> None:
        """Give up what is under way, and return once nothing of it is."""
        for known in self._under_way.values():
            self._give_up(known.task)
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _give_up(self, task: asyncio.Task[None]) -> None:
        if task.cancel():
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _run(
        self, uid: str, key: str, errand: Callable[[], Awaitable[Report]], changed: Callable[[], None], owner: str
    ) -> None:
        async with self._turns.turn(owner) if self._turns else nullcontext():
            try:
                report = await errand()
            except Exception as error:
                log.exception("%s of %s", self._name, uid)
                if self._failed is None:
                    return
                # Without a report nobody would ever hear of it, and every pass would begin it anew.
                report = self._failed(key, error)
            self._reports[uid] = report
        changed()
