"""Turns at drift checks: few at a time, fewer of a namespace, one of a project, and everybody's comes."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from catalyst_operator.adapters.project.drift_turns import CHECKS_AT_ONCE, CHECKS_EACH, DriftTurns


def namespace(uid: str) -> str:
    return uid[0] if uid[0] in "abcdef" else "mallory"


class Bench:
    """Sovereigns `a0`, `a1`, `b0`, ... whose letter is their project's. Projects `a` to `f` are of one namespace each,
    and all others of one together."""

    def __init__(self) -> None:
        self.turns = DriftTurns()
        self.told: list[str] = []

    async def ask(self, *uids: str) -> None:
        for uid in uids:
            token, changed = SecretStr(f"token of {uid[0]}"), partial(self.told.append, uid)
            self.turns.ask(uid, token, changed, owner=namespace(uid))
        await self.settle()

    async def end(self, uid: str) -> None:
        self.turns.end(uid)
        await self.settle()

    @staticmethod
    async def settle() -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_whose_turn_it_is_hears_of_it(bench: Bench) -> None:
    assert not bench.turns.has("a0")
    await bench.ask("a0")
    assert (bench.turns.has("a0"), bench.told) == (True, ["a0"])
    await bench.ask("a0")
    assert bench.told == ["a0"], "once"


async def test_of_one_project_there_is_one_at_a_time(bench: Bench) -> None:
    await bench.ask("a0", "a1", "b0")
    assert bench.told == ["a0", "b0"]
    await bench.end("a0")
    assert (bench.turns.has("a0"), bench.turns.has("a1")) == (False, True)


async def test_projects_without_number_of_one_namespace_keep_no_other_waiting(bench: Bench) -> None:
    """A token of another project is easily had, and so is another of the same."""
    await bench.ask("u0", "v0", "w0", "x0", "y0", "z0", "a0")
    assert bench.turns.has("a0")
    assert len(bench.told) == CHECKS_AT_ONCE
    await bench.end("a0")
    assert len([one for one in bench.told if bench.turns.has(one)]) == CHECKS_EACH


async def test_who_waits_for_its_namespace_keeps_its_project_and_gives_it_back(bench: Bench) -> None:
    await bench.ask("u0", "v0", "w0", "x0", "x1")
    await bench.end("x0")
    await bench.end("u0")
    assert bench.turns.has("x1")


async def test_who_does_not_want_its_turn_any_more_is_passed_over(bench: Bench) -> None:
    await bench.ask("a0", "a1", "a2")
    await bench.end("a1")
    await bench.end("a0")
    assert (bench.turns.has("a1"), bench.turns.has("a2")) == (False, True)
    bench.turns.forget("nobody")


async def test_a_turn_given_up_in_the_moment_it_comes_is_not_lost(bench: Bench) -> None:
    await bench.ask("a0", "a1")
    bench.turns.end("a0")
    bench.turns.end("a1")
    await bench.settle()
    await bench.ask("a2")
    assert bench.turns.has("a2")


async def test_at_the_end_nobody_waits(bench: Bench) -> None:
    await bench.ask("a0", "a1", "b0", "c0", "d0", "e0")
    await bench.turns.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("drift turn")]


NAMES = st.sampled_from([f"{project}{n}" for project in "abcxyz" for n in range(3)])


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(st.booleans(), NAMES), max_size=60))
def test_never_too_many_and_everybody_comes(steps: list[tuple[bool, str]]) -> None:
    async def play() -> None:
        bench, asked = Bench(), set[str]()
        for asks, uid in steps:
            await (bench.ask(uid) if asks else bench.end(uid))
            asked = asked | {uid} if asks else asked - {uid}
            have = [one for one in asked if bench.turns.has(one)]
            assert len(have) <= CHECKS_AT_ONCE
            assert max(Counter(namespace(one) for one in have).values(), default=0) <= CHECKS_EACH
            assert max(Counter(one[0] for one in have).values(), default=0) <= 1
        for _ in range(len(asked)):
            have = [one for one in asked if bench.turns.has(one)]
            assert have, "a turn is free, and nobody has it"
            await bench.end(have[0])
            asked.remove(have[0])

    asyncio.run(play())
