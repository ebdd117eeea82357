"""The work queue: one worker a key, nothing lost, nothing hot.

Time is real but short, and nothing is waited for by guess.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from catalyst_operator.errors import Unavailable
from catalyst_operator.reconcilers.queue import WorkQueue

PATIENCE = 5.0
Work = Callable[[str], Awaitable[timedelta | None]]


class Worker:
    """Counts what it is asked, lets each call wait at a gate, and answers as it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.running = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers: list[timedelta | Exception | None] = []
        self.called = asyncio.Condition()

    async def work(self, key: str) -> timedelta | None:
        self.running += 1
        self.most = max(self.most, self.running)
        self.calls.append(key)
        async with self.called:
            self.called.notify_all()
        try:
            await self.gate.wait()
            answer = self.answers.pop(0) if self.answers else None
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.running -= 1

    async def until(self, count: int) -> None:
        """Until so many calls were made."""
        async with self.called:
            await asyncio.wait_for(self.called.wait_for(lambda: len(self.calls) >= count), PATIENCE)


def pauses(caplog: pytest.LogCaptureFixture) -> list[object]:
    """The pauses that were logged, one for each failure."""
    return [record.args[-1] for record in caplog.records if isinstance(record.args, tuple)]


async def test_woken_is_worked() -> None:
    worker = Worker()
    tested = WorkQueue(worker.work)
    tested.wake("a")
    await worker.until(1)
    await tested.close()
    assert worker.calls == ["a"]


async def test_a_burst_of_events_is_one_call() -> None:
    worker = Worker()
    tested = WorkQueue(worker.work)
    for _ in range(100):
        tested.wake("a")
    await worker.until(1)
    await tested.close()
    assert worker.calls == ["a"]


async def test_what_happens_during_the_work_is_worked_on_afterwards_once() -> None:
    worker = Worker()
    worker.gate.clear()
    tested = WorkQueue(worker.work)
    tested.wake("a")
    await worker.until(1)
    for _ in range(10):
        tested.wake("a")
    worker.gate.set()
    await worker.until(2)
    await tested.close()
    assert (worker.calls, worker.most) == (["a", "a"], 1)


async def test_a_key_has_one_worker_and_keys_do_not_wait_for_each_other() -> None:
    worker = Worker()
    worker.gate.clear()
    tested = WorkQueue(worker.work)
    for key in "abc":
        tested.wake(key)
    await worker.until(3)
    assert worker.running == 3
    worker.gate.set()
    await tested.close()


async def test_no_more_at_a_time_than_allowed() -> None:
    worker = Worker()
    worker.gate.clear()
    tested = WorkQueue(worker.work, parallel=2)
    for key in "abcd":
        tested.wake(key)
    await worker.until(2)
    worker.gate.set()
    await worker.until(4)
    await tested.close()
    assert worker.most == 2


async def test_a_result_may_ask_to_be_woken_again() -> None:
    worker = Worker()
    worker.answers = [timedelta(milliseconds=5), timedelta(0), None]
    tested = WorkQueue(worker.work)
    tested.wake("a")
    await worker.until(3)
    await tested.close()
    assert worker.calls == ["a"] * 3


async def test_an_event_does_not_wait_for_the_timer() -> None:
    worker = Worker()
    worker.answers = [timedelta(hours=1)]
    tested = WorkQueue(worker.work)
    tested.wake("a")
    await worker.until(1)
    tested.wake("a")
    await worker.until(2)
    await tested.close()


async def test_a_failure_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    worker.answers = [Unavailable(503, "overloaded"), ValueError("a bug"), None]
    tested = WorkQueue(worker.work, first_backoff=0.001)
    with caplog.at_level(logging.WARNING):
        tested.wake("a")
        await worker.until(3)
        await tested.close()
    expected, bug = caplog.records
    assert "overloaded" in expected.getMessage()
    assert not expected.exc_info, "an error raised on purpose needs no traceback"
    assert bug.exc_info, "a bug does"


async def test_the_pause_after_a_failure_doubles_up_to_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    worker.answers = [ValueError("x")] * 5
    tested = WorkQueue(worker.work, first_backoff=0.001, max_backoff=0.004)
    with caplog.at_level(logging.WARNING):
        tested.wake("a")
        await worker.until(6)
        await tested.close()
    assert pauses(caplog) == [0.001, 0.002, 0.004, 0.004, 0.004]


async def test_a_key_that_fails_for_days_is_still_worked_on(caplog: pytest.LogCaptureFixture) -> None:
    """Two to the power of a thousand failures is no float any more."""
    worker = Worker()
    worker.answers = [Unavailable(503, "down")] * 1100
    tested = WorkQueue(worker.work, first_backoff=1e-6, max_backoff=1e-6)
    with caplog.at_level(logging.ERROR):
        tested.wake("a")
        await worker.until(1101)
        await tested.close()
    assert worker.answers == []


async def test_success_forgets_the_failures(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    worker.answers = [ValueError("x"), ValueError("x"), timedelta(0), ValueError("x"), None]
    tested = WorkQueue(worker.work, first_backoff=0.001)
    with caplog.at_level(logging.WARNING):
        tested.wake("a")
        await worker.until(5)
        await tested.close()
    assert pauses(caplog) == [0.001, 0.002, 0.001]


async def test_closing_waits_for_the_work_at_hand_and_starts_no_more() -> None:
    worker = Worker()
    worker.gate.clear()
    tested = WorkQueue(worker.work)
    tested.wake("a")
    await worker.until(1)
    tested.wake("a")
    closing = asyncio.create_task(tested.close())
    await asyncio.sleep(0)
    assert not closing.done()
    worker.gate.set()
    await asyncio.wait_for(closing, PATIENCE)
    tested.wake("a")
    assert worker.calls == ["a"]


async def test_closing_disarms_timers() -> None:
    worker = Worker()
    worker.answers = [timedelta(milliseconds=1)]
    tested = WorkQueue(worker.work)
    tested.wake("a")
    await worker.until(1)
    await tested.close()
    fired = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, fired.set)
    await fired.wait()
    assert worker.calls == ["a"]


async def test_what_is_to_be_looked_at_by_a_time_is_and_what_is_due_anyway_is_left_alone() -> None:
    worker = Worker()
    worker.answers = [timedelta(seconds=0.2)]
    queue = WorkQueue(worker.work)
    queue.look_by("rests", timedelta(seconds=0.01))
    await worker.until(1)
    queue.look_by("rests", timedelta(0))
    assert worker.calls == ["rests"]
    await worker.until(2)
    await queue.close()
