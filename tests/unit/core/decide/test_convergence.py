"""Whatever happens, in whatever order: what must hold holds at every step, and once trouble ends, the end is right.

A scenario is a list of small steps of the cluster, the operator, people and bad luck. The world
(tests/support/world.py) checks the invariants after each change; here it is checked that it comes to rest, and where.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support import drive, gen
from tests.support.drive import calm, check_end, check_quiet, reconcile, settle, undisturbed
from tests.support.fake_kube import Crash, Request
from tests.support.tofu import OTHER_TOKEN, SECOND_TOKEN
from tests.support.world import WRONG_TOKEN, World

CHAOS = settings(
    max_examples=45,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


@dataclass(frozen=True)
class Step:
    """Something that happens. With `at`, in the middle of a reconcile: half of it is the number of the request, and
    odd ones happen after that request took effect."""

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
    # As long as nothing was made, any project is as good as another: that is no trouble, but another story.
    other = OTHER_TOKEN if world.cloud.objects else WRONG_TOKEN
    world.set_token([gen.TOKEN, WRONG_TOKEN, "too-short", None, other, SECOND_TOKEN][value % 6])


def _edit(world: World, value: int) -> None:
    count = value % 3
    world.edit(workers={"size": "cpx32", "replicas": count} if count else {"replicas": 0})


def _fallbacks(world: World, value: int) -> None:
    ladder = [["cpx42"], ["cpx42", "cpx52"], []][value % 3]
    world.edit(workers={"size": "cpx32", "replicas": 1 + value % 2, "sizeFallbacks": ladder})


def _sold_out(world: World, value: int) -> None:
    world.cloud.sold_out = set([["cpx32"], ["cpx32", "cpx42"], ["cpx22"], []][value % 4])


def _trouble(world: World, value: int) -> None:
    world.cloud.trouble.append(["resource_unavailable", "resource_limit_exceeded", "server_error"][value % 3])


def _tick(world: World, value: int) -> None:
    world.now += timedelta(seconds=[0.3, 3, 30, 900][value % 4])


def _delete(world: World, value: int) -> None:
    if value % 2:
        world.edit(deletionProtection=False)
    world.delete()


def _approve(world: World, value: int) -> None:
    """The plan that is shown, another one, or none: an approval may be taken back."""
    shown = (world.status.get("plan") or {}).get("digest")
    world.edit(approvePlan=[shown, "e" * 64, None][value % 3])


EVENTS: dict[str, Callable[[World, int], None]] = {
    "cluster": _cluster,
    "edit": _edit,
    "token": _token,
    "trouble": _trouble,
    "tick": _tick,
    "fallbacks": _fallbacks,
    "sold out": _sold_out,
    "approve": _approve,
    "manual": lambda world, value: world.edit(approval="Manual" if value % 2 else "Automatic"),
    "orphan": lambda world, value: world.edit(deletionPolicy="Orphan" if value % 2 else "Delete"),
    "dry run": lambda world, value: world.edit(dryRun=bool(value % 2)),
    "cancel": lambda world, _: world.annotate("cancelRequestedAt"),
    "suspend": lambda world, value: world.edit(suspend=bool(value % 2)),
    "protect": lambda world, value: world.edit(deletionProtection=bool(value % 2)),
    "retry": lambda world, _: world.annotate("retryRequestedAt"),
    "delete": _delete,
    "delete job": lambda world, _: world.delete_job(),
    "delete pod": lambda world, _: world.delete_pod(),
    "evict pod": lambda world, _: world.evict_pod(),
    "kill pod": lambda world, _: world.kill_pod(),
}
INSIDE = sorted(EVENTS.keys() - {"tick"}) + ["crash", "lost answer", "late"] * 3
"""What may happen in the middle of a reconcile."""


def strike(world: World, step: Step, request: Request) -> None:
    """Something happens while the operator makes this request."""
    if step.name == "crash":
        raise Crash
    if step.name == "late" and request.writes and request.key.plural in ("jobs", "configmaps"):
        world.late.append(request)
    if step.name in ("late", "lost answer"):
        raise TimeoutError
    EVENTS[step.name](world, step.value)


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
        act = drive.at_request(step.at // 2, lambda request: strike(world, step, request))
        await (reconcile(world, calm, act) if step.at % 2 else reconcile(world, act, calm))


async def play(steps: list[Step]) -> World:
    """A whole scenario: what happens, then rest, then the checks of the end."""
    world = World()
    for step in steps:
        await perform(world, step)
    await settle(world)
    check_end(world)
    await check_quiet(world)
    await world.close()
    return world


def events() -> st.SearchStrategy[Step]:
    """Steps, the ordinary ones most often."""
    value = st.integers(0, 11)
    ordinary = st.builds(Step, st.sampled_from(["go on", "go on", "reconcile", "cluster", "tick"]), value)
    alone = st.builds(Step, st.sampled_from(sorted(EVENTS)), value)
    inside = st.builds(Step, st.sampled_from(INSIDE), value, st.integers(2, 50))
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
