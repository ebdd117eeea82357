"""The process ends when its Lease does, whatever keeps its event loop busy."""

from __future__ import annotations

import threading

from catalyst_operator.adapters.leadership.watchdog import Watchdog

SOON = 0.01
IN_TIME = 20.0


def test_it_ends_the_process_once_nothing_is_left() -> None:
    """The thread that would renew the Lease does nothing meanwhile, as one that hangs."""
    left, ended = [SOON, SOON, 0.0], threading.Event()
    with Watchdog(lambda: left.pop(0), ended.set):
        assert ended.wait(IN_TIME)
    assert left == [], "it looked again: the Lease was renewed once"


def test_it_does_nothing_once_it_is_called_off() -> None:
    ended = threading.Event()
    with Watchdog(lambda: IN_TIME, ended.set):
        pass
    assert not ended.is_set()
