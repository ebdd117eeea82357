"""Whatever happens to a name that a registrar delegates, and in whatever order: nobody is sent to servers that do not
know it, nothing of others is touched, and once everything works again it is ready, or gone without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalyst_operator.api import labels
from catalyst_operator.errors import CatalystError
from tests.support.domain_world import BANK, World, by_api, living
from tests.support.fake_kube import Crash, Key
from tests.support.reservations import HOSTS, OLD

NEW = ("ns1.new.test", "ns2.new.test")


def _secret(world: World) -> None:
    if world.api.get("secrets", "catalyst-system", "account"):
        world.api.remove("secrets", "catalyst-system", "account")
    else:
        world.secret("catalyst-system", "account")


def _gate(world: World) -> None:
    """The registrar takes its time, or goes on."""
    if world.names.gate is None:
        world.names.gate = asyncio.Event()
    else:
        world.names.gate.set()
        world.names.gate = None


def _key(world: World) -> None:
    world.ours.denies = not world.ours.denies


def _registrar(world: World) -> None:
    world.names.refuse = not world.names.refuse


def _answers(world: World) -> None:
    world.names.lose_answers += 1


def _delete(world: World) -> None:
    world.api.remove("domainreservations", "", BANK)


def _taken_away(world: World) -> None:
    world.names.registrar[BANK] = NEW


def _tasks(world: World) -> None:
    """The registrar makes tasks of changes, or does them at once."""
    world.names.task_takes = timedelta(seconds=40) if world.names.task_takes is None else None


def _fails(world: World) -> None:
    world.names.task_fails = not world.names.task_fails


def _move(world: World) -> None:
    if world.read(BANK):
        world.api.change(Key("domainreservations", "", BANK), lambda o: o["spec"].update(loadBalancerIP="203.0.113.77"))


def _lost(world: World) -> None:
    """The next request to the API server takes effect, and the process ends before it hears of it."""

    def strike(_request: object) -> None:
        world.api.after_request = lambda _: None
        raise Crash

    world.api.after_request = strike


EVENTS: dict[str, Callable[[World], None]] = {
    "the Secret goes or comes": _secret,
    "the registrar takes its time or goes on": _gate,
    "PowerDNS refuses or takes the key": _key,
    "the registrar refuses or accepts": _registrar,
    "an answer of the registrar is lost": _answers,
    "somebody deletes the reservation": _delete,
    "somebody sets others at the registrar": _taken_away,
    "the registrar makes tasks of changes": _tasks,
    "such tasks fail": _fails,
    "the address moves": _move,
    "the process ends in the middle": _lost,
}
PAUSES = (0, 1, 5, 60, 600)


async def look(world: World) -> None:
    try:
        await world.reconciler.reconcile(BANK)
    except Crash:
        await world.close()
        world.restart()
    except CatalystError:
        pass
    await world.rest()
    check(world)


def check(world: World) -> None:
    world.names.carry_on()
    sent_to_us = world.names.registrar[BANK] == HOSTS
    assert not sent_to_us or f"{BANK}." in world.ours.zones, "the world is sent to servers that do not know the name"


def heal(world: World) -> None:
    world.ours.denies = world.names.refuse = world.names.task_fails = False
    world.names.lose_answers = 0
    if world.names.gate is not None:
        world.names.gate.set()
        world.names.gate = None
    if not world.api.get("secrets", "catalyst-system", "account"):
        world.secret("catalyst-system", "account")


async def live(story: list[tuple[str, int]]) -> None:
    async with living() as world:
        world.ours.put("other.test.", "somebody", ("other.test.", "A", "203.0.113.99"))
        others = world.ours.snapshot()
        world.secret("catalyst-system", "account")
        world.apply(BANK, **by_api())
        for event, pause in story:
            for _ in range(2):
                await look(world)
            EVENTS[event](world)
            world.now += timedelta(seconds=pause)
        await look(world)

        heal(world)
        for _ in range(3):
            world.now += timedelta(minutes=11)
            await world.settle(BANK)
            check(world)
        found = world.read(BANK)
        if found is not None:
            assert world.condition("Ready", BANK) == ("True", "Succeeded"), found["status"]["conditions"]
            assert world.names.registrar[BANK] == HOSTS
            _delete(world)
            await world.settle(BANK)
            check(world)
            before = found["metadata"]["annotations"][labels.ANNOTATION_PREVIOUS_NAMESERVERS]
            assert ",".join(world.names.registrar[BANK]) == before
        assert world.read(BANK) is None
        assert world.names.registrar[BANK] in (OLD, NEW)
        assert world.ours.snapshot() == others


STORIES = st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.sampled_from(PAUSES)), max_size=7)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STORIES)
def test_whatever_happens_it_ends_well(story: list[tuple[str, int]]) -> None:
    asyncio.run(live(story))


@pytest.mark.parametrize("event", EVENTS)
async def test_each_at_once(event: str) -> None:
    await live([(event, 0), (event, 5)])
