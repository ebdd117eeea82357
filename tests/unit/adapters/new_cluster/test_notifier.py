"""Changes are told at once, and rarely where they do not end."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from catalyst_operator.adapters.new_cluster.notifier import Notifier
from catalyst_operator.adapters.new_cluster.timings import Timings

PATIENCE = 5.0


async def test_a_notifier_tells_at_once_and_then_once_for_all() -> None:
    told = asyncio.Semaphore(0)
    times: list[float] = []

    def tell() -> None:
        times.append(asyncio.get_running_loop().time())
        told.release()

    notifier = Notifier(tell, Timings(gather=0.05))
    notifier.notify()
    assert len(times) == 1
    for _ in range(100):
        notifier.notify()
    assert len(times) == 1
    for _ in range(2):
        await asyncio.wait_for(told.acquire(), PATIENCE)
    assert len(times) == 2
    assert times[1] - times[0] >= 0.049


async def test_changes_without_end_are_told_rarely() -> None:
    """So often at once, and then at its own pace."""
    told: list[float] = []
    clock = asyncio.get_running_loop().time
    notifier = Notifier(lambda: told.append(clock()), Timings(gather=0.0, told_burst=5, told_every=0.05))
    async with asyncio.timeout(PATIENCE):
        while len(told) < 8:
            notifier.notify()
            await asyncio.sleep(0)
    late = [after - before for before, after in pairwise(told[5:])]
    assert told[4] - told[0] < 0.05
    assert min(late) >= 0.045


async def test_a_stopped_notifier_tells_nothing_any_more() -> None:
    told: list[int] = []
    notifier = Notifier(lambda: told.append(1), Timings(gather=0.01))
    notifier.notify()
    notifier.notify()
    notifier.stop()
    # Timers go off in the order of their times: this one after the notifier's.
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, later.set)
    await later.wait()
    assert told == [1]


async def test_a_listener_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A watch that notifies it would end with it."""

    def fail() -> None:
        raise KeyError("surprise")

    notifier = Notifier(fail, Timings(gather=0.0))
    notifier.notify()
    assert "surprise" in caplog.text
    told: list[int] = []
    notifier.changed = lambda: told.append(1)
    notifier.notify()
    assert told == [1]
