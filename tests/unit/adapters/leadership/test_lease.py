"""Two operators, one Lease: one acts, the other waits, and never do both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.adapters.kube import SECRETS, Kube
from catalyst_operator.adapters.leadership.lease import Lease
from catalyst_operator.errors import LeaseLost
from tests.support import gen
from tests.support.fake_kube import FakeApi, Key, Request

SPACE = "catalyst-system"
LEASE = Key("leases", SPACE, "catalyst-operator")
DURATION = timedelta(seconds=15)


class World:
    """An API server as it is after installing, and a clock. Whoever sleeps lets time pass, and what is to happen in
    that time happens."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.api.put("namespaces", {"metadata": {"name": SPACE}})
        self.api.put("leases", {"metadata": {"name": LEASE.name, "namespace": SPACE}})
        self.seconds = 1000.0
        self.plan: list[tuple[float, Callable[[], None]]] = []

    def operator(self, identity: str) -> Lease:
        return Lease(
            self.api.client(),
            SPACE,
            identity,
            DURATION,
            lambda: gen.NOW + timedelta(seconds=self.seconds),
            elapsed=lambda: self.seconds,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for item in [item for item in self.plan if item[0] <= self.seconds]:
            self.plan.remove(item)
            item[1]()

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.plan.append((self.seconds + seconds, what))

    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = (self.api.get(*LEASE) or {})["spec"]
        return found

    def taken_by(self, identity: str) -> None:
        self.api.change(LEASE, lambda o: o["spec"].update(holderIdentity=identity))


class Stop(Exception):
    """The end of a story."""


def stop() -> None:
    raise Stop


@pytest.fixture
def world() -> World:
    return World()


async def test_the_first_one_acts_at_once(world: World) -> None:
    first = world.operator("first")
    with pytest.raises(LeaseLost):
        first.check()
    await first.acquire()
    first.check()
    assert first.standing() == (True, f"This operator acts: it holds the Lease {SPACE}/catalyst-operator.")
    assert first.check() == first.left() == 10
    assert (world.spec()["holderIdentity"], world.spec()["leaseDurationSeconds"]) == ("first", 15)
    assert world.seconds == 1000


async def test_a_second_one_waits_and_says_for_whom(world: World) -> None:
    first, second = world.operator("first"), world.operator("second")
    await first.acquire()
    before = len(world.api.writes)
    world.after(60, stop)
    # The first one goes on renewing.
    for second_of in range(0, 60, 3):
        world.after(
            second_of, lambda: world.api.change(LEASE, lambda o: o["spec"].update(renewTime=str(world.seconds)))
        )
    with pytest.raises(Stop):
        await second.acquire()
    ready, words = second.standing()
    assert ready, "it could take over"
    assert second.left() == 0, "it does not act"
    assert words.startswith("This operator waits and does nothing: first holds the Lease")
    assert world.api.writes[before:] == []
    with pytest.raises(LeaseLost):
        second.check()


async def test_it_takes_over_when_the_other_has_not_renewed_for_the_whole_duration(world: World) -> None:
    first, second = world.operator("first"), world.operator("second")
    await first.acquire()
    begun = world.seconds
    await second.acquire()
    assert 15 <= world.seconds - begun <= 15 + 3
    assert (world.spec()["holderIdentity"], world.spec()["leaseTransitions"]) == ("second", 2)
    with pytest.raises(LeaseLost):
        first.check()


async def test_no_two_clocks_have_to_agree(world: World) -> None:
    """A time of renewal that looks long past is a clock that goes wrong: what counts is whether it changes."""
    first, second = world.operator("first"), world.operator("second")
    await first.acquire()
    world.api.change(LEASE, lambda o: o["spec"].update(renewTime="2020-01-01T00:00:00.000000Z"))
    world.after(10, stop)
    with pytest.raises(Stop):
        await second.acquire()
    assert world.spec()["holderIdentity"] == "first"


async def test_the_first_one_stops_before_another_may_begin(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    world.seconds += 9.9
    first.check()
    world.seconds += 0.2
    with pytest.raises(LeaseLost, match="not renewed in time"):
        first.check()


async def test_one_that_ended_in_good_order_is_followed_at_once(world: World) -> None:
    first, second = world.operator("first"), world.operator("second")
    await first.acquire()
    await first.release()
    with pytest.raises(LeaseLost):
        first.check()
    begun = world.seconds
    await second.acquire()
    assert world.seconds == begun


async def test_a_container_that_was_started_again_goes_on_at_once(world: World) -> None:
    await world.operator("the same Pod").acquire()
    begun = world.seconds
    await world.operator("the same Pod").acquire()
    assert world.seconds == begun


async def test_a_lease_that_somebody_took_away_is_made_anew_when_its_holder_has_surely_stopped(world: World) -> None:
    first, second = world.operator("first"), world.operator("second")
    await first.acquire()
    world.api.remove(*LEASE)
    begun = world.seconds
    waiting: list[str] = []
    world.after(6, lambda: waiting.append(second.standing()[1]))
    await second.acquire()
    assert first.left() == 0
    assert 15 <= world.seconds - begun <= 15 + 3
    assert "somebody took the Lease catalyst-system/catalyst-operator away" in waiting[0]
    assert (world.spec()["holderIdentity"], world.spec()["leaseTransitions"]) == ("second", 0)


async def test_of_two_that_see_it_free_one_gets_it(world: World) -> None:
    first, second = world.operator("first"), world.operator("second")
    await first.acquire()
    await first.release()

    def faster(request: Request) -> None:
        if request.method == "PATCH":
            world.api.before_request = lambda _: None
            world.taken_by("another")

    world.api.before_request = faster
    world.after(6, stop)
    with pytest.raises(Stop):
        await second.acquire()
    assert world.spec()["holderIdentity"] == "another"


async def test_it_is_renewed_for_as_long_as_it_is_held(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    world.after(100, stop)
    with pytest.raises(Stop):
        await first.keep()
    first.check()
    assert world.spec()["renewTime"] > "2026-11-22T12:18"


async def test_a_server_that_is_away_for_a_moment_stops_nobody(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    away = {("PATCH", "leases"): (503, "etcd is electing")}
    world.after(2, lambda: world.api.refusals.update(away))
    world.after(8, world.api.refusals.clear)
    world.after(60, stop)
    with pytest.raises(Stop):
        await first.keep()
    first.check()


async def test_a_server_that_stays_away_stops_the_holder_in_time(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    begun = world.seconds
    world.api.refusals = {("PATCH", "leases"): (503, "no quorum")}
    with pytest.raises(LeaseLost):
        await first.keep()
    assert world.seconds - begun <= 10


async def test_a_lease_that_another_took_ends_it_at_once(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    world.taken_by("another")
    begun = world.seconds
    with pytest.raises(LeaseLost, match="another's now"):
        await first.keep()
    assert world.seconds - begun <= 3


async def test_a_renewal_whose_answer_was_lost_is_no_reason_to_stop(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    world.api.change(LEASE, lambda o: o["spec"].update(renewTime="later"))
    world.after(20, stop)
    with pytest.raises(Stop):
        await first.keep()
    first.check()


async def test_a_conflict_is_looked_into_within_the_time_that_is_left(world: World) -> None:
    """The server answers with a conflict, and then not at all."""
    first = world.operator("first")
    await first.acquire()
    world.taken_by("another")

    async def silent() -> None:
        await asyncio.Event().wait()

    world.api.silence = {("GET", "leases"): silent}
    world.seconds += 9.9
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(first.keep(), 5)


async def test_a_conflict_with_a_renewal_of_its_own_is_followed_by_another_one(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    world.api.change(LEASE, lambda o: o["spec"].update(renewTime="later"))
    world.after(4, stop)
    with pytest.raises(Stop):
        await first.keep()
    assert first.left() == 10 - 3, "it was renewed at the first turn"


async def test_a_release_is_not_prevented_by_a_renewal_whose_answer_was_lost(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    world.api.change(LEASE, lambda o: o["spec"].update(renewTime="later"))
    await first.release()
    assert "holderIdentity" not in world.spec()


async def test_a_lease_that_another_took_is_not_released(world: World) -> None:
    first = world.operator("first")
    await first.acquire()
    world.taken_by("another")
    await first.release()
    assert world.spec()["holderIdentity"] == "another"


async def test_one_that_was_frozen_while_it_took_the_lease_may_not_write(world: World) -> None:
    """Between asking for it and hearing that it has it: counted is from the first."""
    first = world.operator("first")

    def freeze(request: Request) -> None:
        if request.method == "PATCH":
            world.seconds += 16

    world.api.after_request = freeze
    await first.acquire()
    with pytest.raises(LeaseLost):
        first.check()
    assert not first.standing()[0]


async def test_who_may_not_write_it_waits_and_says_why(world: World) -> None:
    world.api.refusals = {("PATCH", "leases"): (403, "leases is forbidden")}
    world.after(10, stop)
    only = world.operator("only")
    with pytest.raises(Stop):
        await only.acquire()
    assert "could not be taken" in only.standing()[1]
    assert "forbidden" in only.standing()[1]


async def test_who_cannot_read_it_could_not_take_over_and_is_not_ready(world: World) -> None:
    first, second = world.operator("first"), world.operator("second")
    assert not second.standing()[0], "it has not looked yet"
    await first.acquire()
    world.after(3, lambda: world.api.refusals.update({("GET", "leases"): (503, "no quorum")}))
    seen: list[bool] = []
    for seconds in (2, 10, 20):
        world.after(seconds, lambda: seen.append(second.standing()[0]))
    world.after(25, stop)
    with pytest.raises(Stop):
        await second.acquire()
    assert seen == [True, True, False]


async def test_what_is_written_is_asked_of_the_fence_and_what_is_read_is_not(world: World) -> None:
    first = world.operator("first")
    client = Kube(world.api, first.check)
    with pytest.raises(LeaseLost):
        await client.create({"kind": "Secret", "metadata": {"name": "a", "namespace": SPACE}})
    assert await client.find(SECRETS, SPACE, "a") is None
    await first.acquire()
    await client.create({"kind": "Secret", "metadata": {"name": "a", "namespace": SPACE}})
