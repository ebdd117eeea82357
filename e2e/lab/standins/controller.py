"""Runs a reconcile function for each object: when it is woken or its time has come, never twice at once for one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from e2e.lab.standins.kube import UNREACHABLE, ApiError

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0

Reconcile = Callable[[str], Awaitable[float | None]]
"""Takes the key of an object; returns the seconds until the next look, None for one that is gone."""


class Controller:
    """One task per object, each asleep until it is woken."""

    def __init__(self, name: str, reconcile: Reconcile) -> None:
        self._name, self._reconcile = name, reconcile
        self._woken: dict[str, asyncio.Event] = {}
        self._new: asyncio.Queue[str] = asyncio.Queue()

    def wake(self, key: str) -> None:
        """Look at the object soon."""
        if key not in self._woken:
            self._woken[key] = asyncio.Event()
            self._new.put_nowait(key)
        self._woken[key].set()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._follow(await self._new.get()))

    async def _follow(self, key: str) -> None:
        woken, pause, wait = self._woken[key], _FIRST_PAUSE, 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), wait)
            woken.clear()
            try:
                next_look = await self._reconcile(key)
                pause = _FIRST_PAUSE
            except (ApiError, *UNREACHABLE) as error:
                log.info("%s %s: %s", self._name, key, str(error) or type(error).__name__)
                next_look, pause = pause, min(pause * 2, _LONGEST_PAUSE)
            if next_look is None and not woken.is_set():
                del self._woken[key]
                return
            wait = next_look or 0.0
