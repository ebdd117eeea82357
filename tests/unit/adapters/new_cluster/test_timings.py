"""Pauses: they grow, they are spread, and they end early for whoever is in a hurry."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from catalyst_operator.adapters.new_cluster.timings import Backoff, Bell, Timings, rest
from catalyst_operator.errors import NotFound, Refused, TooMuch, Unauthorized, Unavailable

PATIENCE = 5.0
DOWN = Unavailable(0, "connection refused")


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.75), (1.0, 1.0)])
def test_pauses_are_spread(chance: float, share: float) -> None:
    backoff = Backoff(Timings(chance=lambda: chance))
    assert [backoff.after(DOWN) for _ in range(7)] == [share * pause for pause in (1, 2, 4, 8, 16, 30, 30)]


def test_after_days_of_failures_a_pause_is_still_a_pause() -> None:
    backoff = Backoff(Timings(chance=lambda: 1.0))
    for _ in range(3000):
        backoff.after(DOWN)
    assert backoff.after(DOWN) == 30


def test_what_went_well_ends_the_row() -> None:
    backoff = Backoff(Timings(chance=lambda: 1.0))
    for _ in range(3):
        backoff.after(DOWN)
    backoff.reset()
    assert backoff.after(DOWN) == 1


@pytest.mark.parametrize("refusal", [Unauthorized(401, "no"), Refused(403, "no")])
def test_after_a_refusal_it_waits_longer(refusal: Refused) -> None:
    backoff = Backoff(Timings(chance=lambda: 1.0))
    assert [backoff.after(refusal) for _ in range(6)] == [5, 10, 20, 40, 60, 60]


def test_after_too_much_it_waits_longest() -> None:
    """It will be too much again."""
    backoff = Backoff(Timings(chance=lambda: 1.0))
    assert [backoff.after(TooMuch("a list")) for _ in range(7)] == [10, 20, 40, 80, 160, 300, 300]


def test_a_request_that_was_not_good_is_no_refusal() -> None:
    assert Backoff(Timings(chance=lambda: 1.0)).after(Refused(422, "no")) == 1


def test_what_is_not_there_yet_is_asked_for_steadily() -> None:
    backoff = Backoff(Timings(chance=lambda: 1.0))
    assert [backoff.after(NotFound(404, "no")) for _ in range(3)] == [3, 3, 3]
    assert backoff.after(DOWN) == 1


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 300), (0.5, 450), (1.0, 600)])
def test_watches_do_not_all_end_together(chance: float, seconds: int) -> None:
    assert Timings(chance=lambda: chance).watch_seconds() == seconds


def test_chance_is_chance() -> None:
    assert len({Timings().spread(1.0) for _ in range(10)}) > 1


async def test_a_rest_ends_early_for_a_hurry_but_not_at_once() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds > 1:
            await asyncio.Event().wait()

    hurry = asyncio.Event()
    hurry.set()
    await asyncio.wait_for(rest(Timings(sleep=sleep), 60.0, hurry), PATIENCE)
    assert slept[0] == 1.0, "whoever is in a hurry all the time would make a storm"
    assert not hurry.is_set()


async def test_a_rest_is_as_long_as_was_said() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await asyncio.wait_for(rest(Timings(sleep=sleep), 60.0, asyncio.Event()), PATIENCE)
    assert sum(slept) == 60.0


async def test_a_rest_that_is_cancelled_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    resting = asyncio.create_task(rest(Timings(spacing=0.0), 60.0, asyncio.Event()))
    for _ in range(5):
        await asyncio.sleep(0)
    resting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resting
    assert asyncio.all_tasks() == before


async def test_a_bell_rings_at_once_and_then_once_for_all() -> None:
    told = asyncio.Semaphore(0)
    times: list[float] = []

    def tell() -> None:
        times.append(asyncio.get_running_loop().time())
        told.release()

    bell = Bell(tell, Timings(gather=0.05))
    bell.ring()
    assert len(times) == 1
    for _ in range(100):
        bell.ring()
    assert len(times) == 1
    for _ in range(2):
        await asyncio.wait_for(told.acquire(), PATIENCE)
    assert len(times) == 2
    assert times[1] - times[0] >= 0.049


async def test_a_bell_that_rings_without_end_is_heard_rarely() -> None:
    """So often at once, and then at its own pace."""
    told: list[float] = []
    clock = asyncio.get_running_loop().time
    bell = Bell(lambda: told.append(clock()), Timings(gather=0.0, told_burst=5, told_every=0.05))
    async with asyncio.timeout(PATIENCE):
        while len(told) < 8:
            bell.ring()
            await asyncio.sleep(0)
    late = [after - before for before, after in pairwise(told[5:])]
    assert told[4] - told[0] < 0.05
    assert min(late) >= 0.045


async def test_a_silenced_bell_tells_nothing_any_more() -> None:
    told: list[int] = []
    bell = Bell(lambda: told.append(1), Timings(gather=0.01))
    bell.ring()
    bell.ring()
    bell.silence()
    # Timers go off in the order of their times: this one after the bell's.
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, later.set)
    await later.wait()
    assert told == [1]


async def test_who_listens_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A watch that rings the bell would end with it."""

    def fail() -> None:
        raise KeyError("surprise")

    bell = Bell(fail, Timings(gather=0.0))
    bell.ring()
    assert "surprise" in caplog.text
    told: list[int] = []
    bell.told = lambda: told.append(1)
    bell.ring()
    assert told == [1]
