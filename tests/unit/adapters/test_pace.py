"""A pause between one and the next, for each key by itself."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.pace import Pace, Rests
from catalyst_operator.errors import CloudRateLimited
from tests.support import gen


class Clock:
    """A time that passes as it is told, and how long each had to wait."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def pace(clock: Clock) -> Pace:
    return Pace(30.0, sleep=clock.sleep, clock=lambda: clock.now)


async def test_of_many_each_goes_after_the_one_before() -> None:
    clock = Clock()
    one = pace(clock)
    await asyncio.gather(*(one.wait("token") for _ in range(4)))
    assert clock.waits == [0.0, 30.0, 60.0, 90.0]


async def test_another_key_waits_for_none_of_them() -> None:
    clock = Clock()
    one = pace(clock)
    await one.wait("token")
    await one.wait("another")
    assert clock.waits == [0.0, 0.0]


async def test_a_pause_that_is_over_is_not_waited_for() -> None:
    clock = Clock()
    one = pace(clock)
    await one.wait("token")
    clock.now += 40.0
    await one.wait("token")
    clock.now += 10.0
    await one.wait("token")
    assert clock.waits == [0.0, 0.0, 20.0]


async def test_a_project_that_asked_for_rest_is_left_alone_by_all_that_have_its_token() -> None:
    asked: list[str] = []
    now = gen.NOW

    async def limited(token: SecretStr, question: str) -> str:
        asked.append(question)
        if question == "too much":
            raise CloudRateLimited(gen.NOW + 60 * gen.SECOND)
        return token.get_secret_value()

    rests = Rests(lambda: now)
    one, other = rests.kept_by(limited), rests.kept_by(limited)
    for look, question in ((one, "too much"), (one, "again"), (other, "something else")):
        with pytest.raises(CloudRateLimited) as refused:
            await look(SecretStr("a"), question)
        assert refused.value.until == gen.NOW + 60 * gen.SECOND
    assert asked == ["too much"]
    assert await other(SecretStr("b"), "of another project") == "b"
    now += 60 * gen.SECOND
    assert await other(SecretStr("a"), "later") == "a"
