"""Ends the process in the moment in which its Lease runs out, whatever its event loop is busy with."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Watchdog:
    """A thread beside the event loop. `left` says for how many seconds the Lease is still ours; `end`, which does not
    return, is called once that is none."""

    def __init__(self, left: Callable[[], float], end: Callable[[], None]) -> None:
        self._left = left
        self._end = end
        self._called_off = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The Lease is about to be released: from here on nothing is written anyway."""
        self._called_off.set()
        self._thread.join()

    def _watch(self) -> None:
        while (left := self._left()) > 0:
            if self._called_off.wait(left):
                return
        self._end()
