"""Turns among namespaces: never too many at a time, never one that idles while somebody may have it, and nobody's work
keeps others' waiting for longer than one turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.adapters.turns import Turns

MALLORY, ALICE, BOB = "mallory", "alice", "bob"


@dataclass
class Bench:
    """Work that has its turn until the test ends it."""

    turns: Turns
    had: list[str] = field(default_factory=list)
    """Whose turns they were, in order."""
    working: list[tuple[str, asyncio.Event]] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Whose each of them is."""

    async def ask(self, owner: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._work(owner))
        self.tasks.append(task)
        self.asked.append(owner)
        await self.settle()
        return task

    async def _work(self, owner: str) -> None:
        async with self.turns.turn(owner):
            self.had.append(owner)
            mine = (owner, asyncio.Event())
            self.working.append(mine)
            try:
                await mine[1].wait()
            finally:
                self.working.remove(mine)

    async def end(self, owner: str = "") -> None:
        """The work that has been at it for longest, of this owner or of any."""
        next(event for whose, event in self.working if owner in ("", whose)).set()
        await self.settle()

    @staticmethod
    async def settle() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def left(self) -> Counter[str]:
        """How much of each owner waits for its turn."""
        asked = Counter(owner for owner, task in zip(self.asked, self.tasks, strict=True) if not task.done())
        return asked - self.at_work

    @property
    def at_work(self) -> Counter[str]:
        return Counter(owner for owner, _ in self.working)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(Turns(3, 2))
    yield made
    await made.close()


async def test_one_owner_never_has_all(bench: Bench) -> None:
    for _ in range(20):
        await bench.ask(MALLORY)
    assert bench.at_work == {MALLORY: 2}
    await bench.ask(ALICE)
    assert bench.at_work == {MALLORY: 2, ALICE: 1}


async def test_where_all_are_taken_the_next_one_is_for_whoever_had_none(bench: Bench) -> None:
    for owner in (MALLORY, MALLORY, BOB, MALLORY, MALLORY, BOB, BOB):
        await bench.ask(owner)
    await bench.ask(ALICE)
    assert bench.at_work == {MALLORY: 2, BOB: 1}
    await bench.end()
    assert bench.at_work == {MALLORY: 1, BOB: 1, ALICE: 1}


async def test_the_work_of_one_owner_comes_in_the_order_in_which_it_was_asked_for() -> None:
    turns, told = Turns(2, 1), list[int]()

    async def work(number: int) -> None:
        async with turns.turn(MALLORY):
            told.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*map(work, range(5)))
    assert told == list(range(5))


async def test_what_is_given_up_while_it_waits_takes_no_turn(bench: Bench) -> None:
    for _ in range(2):
        await bench.ask(MALLORY)
    waiting = await bench.ask(MALLORY)
    waiting.cancel()
    await bench.settle()
    await bench.end()
    assert bench.at_work == {MALLORY: 1}


@pytest.mark.parametrize("first", ["its turn", "giving up"])
async def test_what_is_given_up_in_the_moment_of_its_turn_gives_it_back(first: str) -> None:
    turns = Turns(2, 1)
    await turns.take(MALLORY)
    waiting = asyncio.create_task(turns.take(MALLORY))
    await asyncio.sleep(0)
    if first == "its turn":
        turns.give_back(MALLORY)
        waiting.cancel()
    else:
        waiting.cancel()
        turns.give_back(MALLORY)
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(turns.take(MALLORY), 1)


@pytest.mark.parametrize(("at_once", "each"), [(1, 1), (2, 2), (2, 0)])
def test_a_share_that_is_no_share_is_refused(at_once: int, each: int) -> None:
    with pytest.raises(ValueError, match="every turn"):
        Turns(at_once, each)


STEPS = st.lists(st.one_of(st.sampled_from([MALLORY, ALICE, BOB]), st.integers(0, 5), st.none()), max_size=40)
"""Somebody asks; the work at this place ends; or what was asked for last is given up."""


@settings(deadline=None)
@given(STEPS, st.integers(2, 4), st.integers(1, 3))
def test_whatever_happens_no_turn_idles_and_none_is_one_too_many(
    steps: list[str | int | None], at_once: int, each: int
) -> None:
    async def play() -> None:
        bench = Bench(Turns(at_once, min(each, at_once - 1)))
        most = min(each, at_once - 1)
        for step in steps:
            if isinstance(step, str):
                await bench.ask(step)
            elif step is None and bench.tasks:
                bench.tasks[-1].cancel()
                await bench.settle()
            elif step is not None and bench.working:
                bench.working[step % len(bench.working)][1].set()
                await bench.settle()
            waiting = {owner for owner, left in bench.left().items() if left}
            assert bench.at_work.total() <= at_once
            assert all(count <= most for count in bench.at_work.values())
            if bench.at_work.total() < at_once:
                assert all(bench.at_work[owner] == most for owner in waiting), "a turn idles"
        await bench.close()

    asyncio.run(play())


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(2, 4), st.integers(0, 6))
def test_others_work_delays_a_first_piece_by_one_turn_at_most(crowd: int, at_once: int, before: int) -> None:
    """However much one namespace has waiting and however long it has been at it, another's first piece of work waits
    for none of it; where others' fill what is left, until the first of all that is under way has ended."""

    async def play() -> None:
        bench = Bench(Turns(at_once, at_once - 1))
        for _ in range(crowd):
            await bench.ask(MALLORY)
        for _ in range(before):
            if bench.working:
                await bench.end()
        await bench.ask(ALICE)
        assert bench.at_work[ALICE] == 1, "a place is left"
        for _ in range(crowd):
            await bench.ask(ALICE)
        await bench.ask(BOB)
        if bench.at_work[BOB] == 0:
            await bench.end()
        assert bench.at_work[BOB] == 1, "the first turn that came free was his"
        await bench.close()

    asyncio.run(play())
