"""Turns at drift checks: nothing waits for these, so that few at a time are enough, fewer of one namespace, and of one
project one.

A turn lasts from when it is given until its Sovereign ends it. Turns are a cache: after a restart the checks that are
under way get in line again, and a few others may be made beside them once.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from catalyst_operator.adapters.turns import Turns
from catalyst_operator.core.naming import digest_of

CHECKS_AT_ONCE, CHECKS_EACH = 4, 3
"""Drift checks under way, and of those one namespace's."""


@dataclass
class _Place:
    project: str
    owner: str
    task: asyncio.Task[None]
    has_turn: bool = False


class DriftTurns:
    """One place in line, or one turn, for each Sovereign."""

    def __init__(self, turns: Turns | None = None) -> None:
        self._turns = turns or Turns(CHECKS_AT_ONCE, CHECKS_EACH)
        self._projects = Turns(sys.maxsize, 1)
        self._places: dict[str, _Place] = {}

    def has(self, uid: str) -> bool:
        """Whether it is this Sovereign's turn."""
        place = self._places.get(uid)
        return place is not None and place.has_turn

    def ask(self, uid: str, token: SecretStr, changed: Callable[[], None], *, owner: str) -> None:
        """Get in line with those whose token opens the same project, as far as tokens tell, and then with those of
        `owner`, a namespace; `changed` is called when it is its turn. Who is in line already stays where it is."""
        if uid in self._places:
            return
        project = digest_of(token.get_secret_value())
        taking = self._take(uid, project, owner, changed)
        self._places[uid] = _Place(project, owner, asyncio.create_task(taking, name=f"turn of {uid}"))

    def end(self, uid: str) -> None:
        """Its check is over, or it does not want one any more."""
        place = self._places.pop(uid, None)
        if place is None:
            return
        if place.has_turn:
            self._give_back(place.project, place.owner)
        else:
            place.task.cancel()

    def forget(self, uid: str) -> None:
        """The Sovereign is gone."""
        self.end(uid)

    async def close(self) -> None:
        """Give up all that is in line."""
        waiting = [place.task for place in self._places.values()]
        for uid in tuple(self._places):
            self.end(uid)
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _take(self, uid: str, project: str, owner: str, changed: Callable[[], None]) -> None:
        await self._projects.take(project)
        try:
            await self._turns.take(owner)
        except asyncio.CancelledError:
            self._projects.give_back(project)
            raise
        place = self._places.get(uid)
        if place is None or place.task is not asyncio.current_task():
            # Given up in the very moment in which its turn came.
            self._give_back(project, owner)
            return
        place.has_turn = True
        changed()

    def _give_back(self, project: str, owner: str) -> None:
        self._turns.give_back(owner)
        self._projects.give_back(project)
