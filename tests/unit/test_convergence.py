"""Whatever happens, in whatever order: what must hold holds at every step, and once trouble ends, the end is right.

A scenario is a list of small steps of the cluster, the operator, people and bad luck. The world (tests/world.py) checks
the invariants after each change; here it is checked that it comes to rest, and at the right place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import gen
from tests.fake_kube import Crash, Request
from tests.world import WRONG_TOKEN, World

Act = Callable[[World], None]
CHAOS = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
ENOUGH = 600
"""Steps after which a world without trouble must have come to rest."""


@dataclass(frozen=True)
class Step:
    """Something that happens; `at` says during which request of a reconcile, if it happens in the middle of one."""

    name: str
    value: int = 0
    at: int | None = None

    def __repr__(self) -> str:
        return f"Step({self.name!r}, {self.value}, {self.at})"


# --- what may happen --------------------------------------------------------------------------------------------------


def _cluster(world: World, value: int) -> None:
    steps = world.enabled()
    if steps:
        steps[value % len(steps)]()


def _token(world: World, value: int) -> None:
    world.set_token([gen.TOKEN, WRONG_TOKEN, "too-short", None][value % 4])


def _edit(world: World, value: int) -> None:
    count = value % 3
    world.edit(workers={"size": "cpx32", "replicas": count} if count else {"replicas": 0})


def _trouble(world: World, value: int) -> None:
    world.cloud.trouble.append(["resource_unavailable", "resource_limit_exceeded", "server_error"][value % 3])


def _tick(world: World, value: int) -> None:
    world.now += timedelta(seconds=[0.3, 3, 30, 900][value % 4])


def _delete(world: World, value: int) -> None:
    if value % 2:
        world.edit(deletionProtection=False)
    world.delete()


def _crash(_: World, __: int) -> None:
    raise Crash


def _lost_answer(_: World, __: int) -> None:
    raise TimeoutError


EVENTS: dict[str, Callable[[World, int], None]] = {
    "cluster": _cluster,
    "edit": _edit,
    "token": _token,
    "trouble": _trouble,
    "tick": _tick,
    "suspend": lambda world, value: world.edit(suspend=bool(value % 2)),
    "protect": lambda world, value: world.edit(deletionProtection=bool(value % 2)),
    "retry": lambda world, _: world.annotate("retryRequestedAt"),
    "delete": _delete,
    "delete job": lambda world, _: world.delete_job(),
    "delete pod": lambda world, _: world.delete_pod(),
    "evict pod": lambda world, _: world.evict_pod(),
}
INSIDE = {**{name: act for name, act in EVENTS.items() if name != "tick"}, "crash": _crash, "lost answer": _lost_answer}
"""What may happen in the middle of a reconcile."""


async def perform(world: World, step: Step) -> None:
    """Let one step happen."""
    world.events.append(repr(step))
    if step.name == "go on":
        await undisturbed(world, 4 + step.value)
    elif step.name == "reconcile":
        await reconcile(world)
    elif step.at is None:
        EVENTS[step.name](world, step.value)
    else:
        await reconcile(world, step)


async def reconcile(world: World, step: Step | None = None) -> None:
    """A reconcile, woken or not, with a step in the middle of it: before or after one of its requests takes effect."""
    if step is not None and step.at is not None:
        seen = 0
        early, number = step.at % 2 == 0, step.at // 2

        def strike(_: Request) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                INSIDE[step.name](world, step.value)

        world.api.before_request, world.api.after_request = (strike, _calm) if early else (_calm, strike)
    try:
        await world.reconcile()
    finally:
        world.api.before_request = world.api.after_request = _calm
    await _listeners()


def _calm(_: Request) -> None:
    """Nothing happens."""


async def _listeners() -> None:
    """Let those who follow logs hear what was said."""
    for _ in range(3):
        await asyncio.sleep(0)


async def undisturbed(world: World, steps: int) -> bool:
    """Let so many steps happen in a fair order. Whether it came to rest: nothing is to be done, now or later."""
    for _ in range(steps):
        if world.wake or (world.timer is not None and world.timer <= world.now):
            await reconcile(world)
            continue
        enabled = world.enabled()
        if enabled:
            world.now += timedelta(seconds=1)
            enabled[0]()
        elif world.timer is not None:
            world.now = world.timer
        else:
            return True
    return False


# --- coming to rest ---------------------------------------------------------------------------------------------------


def mend(world: World) -> None:
    """All trouble ends, and the owner wants what is wanted."""
    world.cloud.trouble.clear()
    world.set_token(gen.TOKEN)
    world.edit(suspend=False)
    if (world.sovereign or {}).get("metadata", {}).get("deletionTimestamp"):
        world.edit(deletionProtection=False)


def respond(world: World) -> bool:
    """A person does what the status asks for. Whether it asked for anything."""
    stalled, ready = world.condition("Stalled"), world.condition("Ready")
    if ready.get("reason") == "AwaitingApproval":
        digest = (world.sovereign or {})["status"]["plan"]["digest"]
        world.edit(approvePlan=digest)
        return True
    if stalled:
        world.annotate("retryRequestedAt")
        return True
    return False


async def settle(world: World) -> None:
    """From here on without trouble, to where nothing moves any more."""
    mend(world)
    for _ in range(8):
        rested = await _rest(world)
        if rested:
            break
    assert rested, f"it does not come to rest: {story(world)}"


async def _rest(world: World) -> bool:
    for _ in range(ENOUGH):
        if await undisturbed(world, 1):
            return not respond(world)
        if world.condition("Stalled") and not world.wake and not world.enabled():
            respond(world)
    return False


def story(world: World) -> str:
    """What happened, and how it stands, for the reader of a failure."""
    status = (world.sovereign or {}).get("status") or {}
    return "\n".join([*world.events, str(status.get("conditions")), str(sorted(world.cloud.objects))])


def check_end(world: World) -> None:
    """The right end: what is wanted is there, or everything is gone."""
    if world.sovereign is None:
        assert not world.cloud.objects, story(world)
        assert world.api.get("namespaces", "", gen.SPACE) is None, story(world)
        assert not [key for key, _ in world.api.everything() if key.namespace == gen.SPACE], story(world)
        return
    assert "deletionTimestamp" not in world.sovereign["metadata"], story(world)
    assert world.condition("TofuOutput").get("status") == "True", story(world)
    assert world.condition("Ready").get("reason") == "AwaitingFluxBootstrap", story(world)
    assert set(world.cloud.objects) == world.wanted(), story(world)
    assert world.sovereign["status"]["observedGeneration"] == world.sovereign["metadata"]["generation"]
    assert not any("observed" in str(pod["metadata"].get("finalizers")) for pod in world.pods()), story(world)


async def check_quiet(world: World) -> None:
    """Once at rest, however often it is looked at: nothing is written."""
    before = len(world.api.writes)
    for _ in range(3):
        await reconcile(world)
    wrote = [(r.method, r.key) for r in world.api.writes[before:]]
    assert not wrote, f"written although nothing changed: {wrote}"


def check_token_nowhere(world: World) -> None:
    """The token is in its Secret and in the copy that runs use, and in no other object."""
    holders = {key for key, found in world.api.everything() if gen.TOKEN in str(found) or WRONG_TOKEN in str(found)}
    assert not holders, holders


async def play(steps: list[Step]) -> World:
    """A whole scenario: what happens, then rest, then the checks of the end."""
    world = World()
    for step in steps:
        await perform(world, step)
    await settle(world)
    check_end(world)
    await check_quiet(world)
    check_token_nowhere(world)
    await world.logs.close()
    return world


def events() -> st.SearchStrategy[Step]:
    """Steps, the ordinary ones most often."""
    value = st.integers(0, 11)
    ordinary = st.builds(Step, st.sampled_from(["go on", "go on", "reconcile", "cluster", "tick"]), value)
    alone = st.builds(Step, st.sampled_from(sorted(EVENTS)), value)
    inside = st.builds(Step, st.sampled_from(sorted(INSIDE)), value, st.integers(2, 50))
    return st.one_of(ordinary, ordinary, alone, inside)


@CHAOS
@given(st.lists(events(), max_size=30))
def test_whatever_happens_it_ends_well(steps: list[Step]) -> None:
    """Any order and repetition of events, a crash at any point, stale writes, people at their worst."""
    asyncio.run(play(steps))


@CHAOS
@given(st.integers(0, 60), st.lists(events(), max_size=12))
def test_whenever_it_is_deleted_everything_is_taken_back(when: int, steps: list[Step]) -> None:
    """Deleted in any phase, with anything happening after it."""
    world = asyncio.run(play([Step("go on", when), Step("delete", 1), *steps]))
    assert world.sovereign is None
