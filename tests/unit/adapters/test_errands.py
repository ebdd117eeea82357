"""Errands beside the reconcile: one of a key at once, the newest key counts, and what is given up tells nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from catalyst_operator.adapters.errands import Errands

PATIENCE = 5.0


@dataclass(frozen=True)
class Told:
    """A report that says nothing but what it is about."""

    key: str
    text: str = ""


def failed(key: str, error: Exception) -> Told:
    """The report of an errand that ended in an error."""
    return Told(key, f"failed: {type(error).__name__}")


@dataclass
class Started:
    """An errand under way, which ends when the test says so."""

    key: str
    end: asyncio.Future[Told] = field(default_factory=asyncio.Future)


class Bench:
    """Errands, those that were started, and whom they woke."""

    def __init__(self) -> None:
        self.errands: Errands[Told] = Errands("test", failed=failed)
        self.started: list[Started] = []
        self.woken: list[tuple[str, Told | None]] = []
        """Sovereign, and the report that was there when it was woken."""

    async def run(self, key: str = "first", uid: str = "a") -> None:
        """Ask for it, and let it begin."""

        async def errand() -> Told:
            started = Started(key)
            self.started.append(started)
            return await started.end

        self.errands.run(uid, key, errand, lambda: self.woken.append((uid, self.errands.report(uid))))
        await self.settle()

    async def end(self, started: Started, text: str = "done") -> None:
        started.end.set_result(Told(started.key, text))
        await self.settle()

    @staticmethod
    async def settle() -> None:
        """Whatever can go on has gone on."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await asyncio.wait_for(made.errands.close(), PATIENCE)


async def test_the_report_is_there_when_somebody_is_woken(bench: Bench) -> None:
    """Woken before it, a pass would see nothing new, and nobody would wake it again."""
    await bench.run()
    assert (bench.errands.report("a"), bench.woken) == (None, [])
    await bench.end(bench.started[0])
    assert bench.woken == [("a", Told("first", "done"))]
    assert bench.errands.report("a") == Told("first", "done")


async def test_the_same_is_not_started_twice_at_once(bench: Bench) -> None:
    """Every pass asks for it, as long as it is not seen done."""
    await bench.run()
    await bench.run()
    assert len(bench.started) == 1
    await bench.end(bench.started[0])
    assert len(bench.woken) == 1


async def test_the_same_may_be_run_again_once_it_has_ended(bench: Bench) -> None:
    """After a failure, or because what it did was undone."""
    await bench.run()
    await bench.end(bench.started[0], "failed")
    await bench.run()
    assert bench.errands.report("a") == Told("first", "failed"), "the last report stays until there is another"
    await bench.end(bench.started[1])
    assert bench.errands.report("a") == Told("first", "done")
    assert len(bench.woken) == 2


async def test_an_error_that_nobody_foresaw_is_a_report_and_wakes(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Else nobody would be told, and every pass would begin it anew."""
    await bench.run()
    bench.started[0].end.set_exception(KeyError("surprise"))
    await bench.settle()
    assert bench.woken == [("a", Told("first", "failed: KeyError"))]
    assert not bench.errands.under_way("a")
    assert "surprise" in caplog.text
    await bench.run()
    await bench.end(bench.started[1])
    assert bench.errands.report("a") == Told("first", "done")


async def test_another_key_takes_over(bench: Bench) -> None:
    """What was asked before is of no use to anybody: it is given up, and tells nothing."""
    await bench.run("first")
    await bench.run("second")
    first, second = bench.started
    assert first.end.cancelled()
    assert bench.woken == []
    await bench.end(second)
    assert bench.woken == [("a", Told("second", "done"))]


async def test_the_one_that_took_over_is_the_one_under_way(bench: Bench) -> None:
    """The end of the one that was given up must not make room for a third."""
    await bench.run("first")
    await bench.run("second")
    await bench.run("second")
    assert [started.key for started in bench.started] == ["first", "second"]
    assert not bench.started[1].end.cancelled()


async def test_one_that_ends_as_it_is_given_up_tells_nothing(bench: Bench) -> None:
    """Its answer was on its way; it must not stand over that of the newer one, or wake anybody."""
    await bench.run("first")
    bench.started[0].end.set_result(Told("first"))
    await bench.run("second")
    assert (bench.errands.report("a"), bench.woken) == (None, [])


async def test_sovereigns_do_not_meet(bench: Bench) -> None:
    await bench.run("first", "a")
    await bench.run("second", "b")
    one, other = bench.started
    assert not one.end.cancelled()
    await bench.end(other)
    assert (bench.errands.report("a"), bench.errands.report("b")) == (None, Told("second", "done"))
    bench.errands.forget("b")
    await bench.settle()
    assert not one.end.cancelled()


async def test_what_is_forgotten_is_given_up_and_tells_nothing(bench: Bench) -> None:
    await bench.run()
    bench.errands.forget("a")
    await bench.settle()
    assert bench.started[0].end.cancelled()
    assert (bench.errands.report("a"), bench.woken) == (None, [])


async def test_what_is_forgotten_has_no_report_any_more(bench: Bench) -> None:
    await bench.run()
    await bench.end(bench.started[0])
    bench.errands.forget("a")
    assert bench.errands.report("a") is None


async def test_what_was_forgotten_may_be_asked_anew(bench: Bench) -> None:
    await bench.run()
    bench.errands.forget("a")
    await bench.run()
    await bench.end(bench.started[1])
    assert bench.woken == [("a", Told("first", "done"))]


async def test_forgetting_what_nobody_knows_is_fine(bench: Bench) -> None:
    bench.errands.forget("nobody")
    assert bench.errands.report("nobody") is None


async def test_in_the_end_nothing_is_under_way(bench: Bench) -> None:
    await bench.run("first", "a")
    await bench.run("first", "b")
    await asyncio.wait_for(bench.errands.close(), PATIENCE)
    assert all(started.end.cancelled() for started in bench.started)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("given_up", ["for another", "for good"])
async def test_what_was_given_up_before_has_ended_by_then(bench: Bench, given_up: str) -> None:
    """It may have a connection to close, which takes a moment; nothing of it is left when the operator ends."""
    begun: list[str] = []
    ended: list[str] = []

    async def slow_to_end() -> Told:
        begun.append("open")
        try:
            return await asyncio.Future[Told]()
        finally:
            await bench.settle()
            ended.append("closed")

    bench.errands.run("a", "first", slow_to_end, lambda: None)
    await bench.settle()
    if given_up == "for another":
        bench.errands.run("a", "second", slow_to_end, lambda: None)
    else:
        bench.errands.forget("a")
    await asyncio.wait_for(bench.errands.close(), PATIENCE)
    assert len(ended) == len(begun) > 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
