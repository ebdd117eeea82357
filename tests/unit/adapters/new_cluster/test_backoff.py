"""Pauses: they grow, they are spread, and they end early for whoever asks for a look at once."""

from __future__ import annotations

import asyncio

import pytest

from catalyst_operator.adapters.new_cluster.backoff import Backoff, rest
from catalyst_operator.adapters.new_cluster.timings import Timings
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


async def test_a_rest_ends_early_when_woken_but_not_at_once() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds > 1:
            await asyncio.Event().wait()

    wake = asyncio.Event()
    wake.set()
    await asyncio.wait_for(rest(Timings(sleep=sleep), 60.0, wake), PATIENCE)
    assert slept[0] == 1.0, "whoever wakes it all the time would make a storm"
    assert not wake.is_set()


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
