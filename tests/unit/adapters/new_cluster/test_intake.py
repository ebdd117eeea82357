"""What clusters share: whoever takes much leaves the others theirs, and everything is given back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from catalyst_operator.adapters.new_cluster.intake import Intake, IntakeTurns, Room, Share, size
from catalyst_operator.adapters.new_cluster.limits import MIB, IntakeLimits, weight
from catalyst_operator.errors import TooMuch

PATIENCE = 5.0


class Clock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def share(clock: Clock, **limits: int) -> Share:
    return Intake(IntakeLimits(**limits), clock=clock, sleep=clock.sleep).share("customers", "a")  # type: ignore[arg-type]


# --- room for answers on their way ------------------------------------------------------------------------------------


def test_all_of_the_room_is_anybodys_while_nobody_else_wants_it() -> None:
    room = Room(100)
    room.take("a", 100)
    with pytest.raises(TooMuch, match="more than its share of memory"):
        room.take("a", 1)


def test_who_has_all_of_it_takes_nothing_from_the_others() -> None:
    """Whoever never finishes an answer would otherwise keep all the others from theirs."""
    room = Room(100)
    room.take("greedy", 100)
    room.take("modest", 50)
    with pytest.raises(TooMuch):
        room.take("modest", 1)
    with pytest.raises(TooMuch):
        room.take("greedy", 1)
    room.take("late", 33)


def test_a_hundred_namespaces_that_never_finish_get_little_more_than_a_few() -> None:
    """A half, a third, a quarter more, and so on."""
    room, held = Room(1000), 0
    for namespace in map(str, range(100)):
        for _ in range(1000):
            try:
                room.take(namespace, 1)
            except TooMuch:
                break
            held += 1
    assert 1000 <= held <= 5200


def test_what_is_given_back_is_free_again() -> None:
    room = Room(100)
    for _ in range(10):
        room.take("a", 60)
        room.take("b", 40)
        room.give_back("a", 60)
        room.give_back("b", 40)
    room.take("c", 100)


def test_an_answer_that_was_read_takes_no_room_any_more(clock: Clock) -> None:
    mine = share(clock, answers_bytes=1000)
    for _ in range(10):
        with mine.body(1000) as body:
            body.add(b"x" * 900)
    with pytest.raises(TooMuch), mine.body(1000) as one, mine.body(1000) as other:
        one.add(b"x" * 900)
        other.add(b"x" * 900)
    with mine.body(1000) as body:
        body.add(b"x" * 1000)
    clock.now = 1e6
    assert mine.idle


def test_nor_does_one_that_was_not_read_to_its_end(clock: Clock) -> None:
    mine = share(clock)
    with pytest.raises(TooMuch, match="an answer of more than 10 bytes"), mine.body(10) as body:
        body.add(b"x" * 8)
        body.add(b"x" * 8)
    clock.now = 1e6
    assert mine.idle


# --- turns ------------------------------------------------------------------------------------------------------------


async def test_namespaces_take_turns_however_many_clusters_one_has() -> None:
    """Nobody waits longer than for one of each."""
    turns, order = IntakeTurns(lambda: 0.0, asyncio.sleep), list[str]()

    async def work(owner: str, cluster: str) -> None:
        async with turns.turn(owner, cluster):
            order.append(owner)
            await asyncio.sleep(0)

    many = [work("greedy", str(n % 10)) for n in range(50)]
    await asyncio.wait_for(asyncio.gather(*many, work("modest", "a"), work("other", "a")), PATIENCE)
    assert {order.index("modest"), order.index("other")} == {1, 2}


async def test_clusters_of_a_namespace_take_turns_too() -> None:
    turns, order = IntakeTurns(lambda: 0.0, asyncio.sleep), list[str]()

    async def work(cluster: str) -> None:
        async with turns.turn("customers", cluster):
            order.append(cluster)
            await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(*(work("loud") for _ in range(20)), work("quiet")), PATIENCE)
    assert order.index("quiet") == 1


async def test_one_at_a_time_and_never_longer_than_others_may(clock: Clock) -> None:
    turns, at_work = IntakeTurns(clock, clock.sleep), 0

    async def work(owner: str) -> None:
        nonlocal at_work
        async with turns.turn(owner, "a"):
            at_work += 1
            assert at_work == 1
            clock.now += 1.0
            at_work -= 1

    await asyncio.gather(*(work(owner) for owner in "abc"))
    assert clock.now == 6.0, "between two, there was as much time for everything else"


async def test_a_turn_that_is_given_up_is_the_next_ones() -> None:
    turns, over = IntakeTurns(lambda: 0.0, asyncio.sleep), asyncio.Event()

    async def hold() -> None:
        async with turns.turn("a", "a"):
            await over.wait()

    holding, waiting = asyncio.create_task(hold()), asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiting.cancel()
    holding.cancel()
    await asyncio.gather(holding, waiting, return_exceptions=True)
    async with asyncio.timeout(PATIENCE), turns.turn("a", "a"):
        pass


# --- in the long run --------------------------------------------------------------------------------------------------


async def test_what_was_read_comes_in_again(clock: Clock) -> None:
    mine = share(clock, burst_bytes=100, bytes_a_second=10)
    mine.spend(120)
    await mine.admitted()
    assert clock.now == 2.0
    mine.spend(30)
    await mine.admitted()
    assert clock.now == 5.0


async def test_saving_up_is_bounded(clock: Clock) -> None:
    mine = share(clock, burst_bytes=100, bytes_a_second=10)
    clock.now = 1e6
    mine.spend(110)
    await mine.admitted()
    assert clock.now == 1e6 + 1.0


def test_a_share_outlives_its_connections_and_not_its_debts(clock: Clock) -> None:
    """Who is cut off and comes again is no other, and a namespace more or less is not kept for ever."""
    intake = Intake(IntakeLimits(burst_bytes=100, bytes_a_second=10), clock=clock, sleep=clock.sleep)
    one = intake.share("customers", "a")
    one.spend(50)
    assert intake.share("customers", "a") is one
    assert intake.share("others", "a") is not one
    assert intake.share("customers", "b") is not one
    assert intake.share("customers", "a") is one
    clock.now = 100.0
    intake.share("others", "a")
    assert intake.share("customers", "a") is not one


# --- what a view weighs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    name: str
    texts: tuple[str, ...] = ()
    number: int = 0


def test_a_view_weighs_what_it_says() -> None:
    light, heavy = View("a"), View("a", ("x" * 1000, "y" * 2000))
    assert 3000 <= weight(heavy) - weight(light) <= 3300
    assert weight((heavy, heavy)) > 2 * weight(heavy) - 200
    assert weight(View("💥" * 1000)) > 4000, "letters of four bytes take four"


@pytest.mark.parametrize(("bytes_", "told"), [(0, "0 bytes"), (300, "300 bytes"), (2 * MIB, "2 MiB")])
def test_sizes_for_people(bytes_: int, told: str) -> None:
    assert size(bytes_) == told
