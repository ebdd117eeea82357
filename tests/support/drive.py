"""Driving a world: steps in a fair order, steps in the middle of a reconcile, and rest.

Shared by the property tests, which let anything happen, and by the stories, which let one thing happen at a time.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable

from catalyst_operator.core import naming
from tests.support import gen
from tests.support.fake_kube import Request
from tests.support.world import SOVEREIGN, World

ENOUGH = 600
"""Steps after which a world without trouble must have come to rest."""
ROUNDS = 8
"""How often a person has to do what the status asks for, at most."""

Strike = Callable[[Request], None]


def calm(_: Request) -> None:
    """Nothing happens."""


def at_request(number: int, act: Strike) -> Strike:
    """Acts at the request of this number, counted from 1."""
    seen = 0

    def strike(request: Request) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act(request)

    return strike


async def reconcile(world: World, before: Strike = calm, after: Strike = calm) -> None:
    """A reconcile, with something happening before or after its requests take effect."""
    world.api.before_request, world.api.after_request = before, after
    try:
        await world.reconcile()
    finally:
        world.api.before_request = world.api.after_request = calm
    for _ in range(12):  # whoever follows a log hears what was said, and errands come to their end
        await asyncio.sleep(0)


def due(world: World) -> bool:
    """Whether the operator has a reason to look: an event, or its timer."""
    return world.wake or (world.timer is not None and world.timer <= world.now)


async def undisturbed(world: World, steps: int = ENOUGH) -> bool:
    """Let so many steps happen in a fair order. Whether it came to rest: nothing is to be done, now or later."""
    for _ in range(steps):
        enabled = world.enabled()
        if due(world):
            await reconcile(world)
        elif enabled:
            world.now += gen.SECOND
            enabled[0]()
        elif world.timer is not None:
            world.now = world.timer
        else:
            return True
    return False


async def until(world: World, reached: Callable[[], bool]) -> None:
    """Let it go on undisturbed until something is so."""
    for _ in range(ENOUGH):
        if reached():
            return
        assert not await undisturbed(world, 1) or reached(), f"never reached: {story(world)}"
    raise AssertionError(f"not reached: {story(world)}")


def mend(world: World) -> None:
    """All trouble ends, and the owner wants what is wanted."""
    world.cloud.trouble.clear()
    world.cloud.sold_out.clear()
    if world.token() != gen.TOKEN:
        world.set_token(gen.TOKEN)
    if world.sovereign is None:
        return
    for pause in ("suspend", "dryRun"):
        if world.sovereign["spec"].get(pause):
            world.edit(**{pause: False})
    if world.sovereign["spec"].get("deletionPolicy") == "Orphan":
        world.edit(deletionPolicy="Delete")
    if "deletionTimestamp" in world.sovereign["metadata"] and world.sovereign["spec"].get("deletionProtection", True):
        world.edit(deletionProtection=False)


def respond(world: World) -> bool:
    """A person does what the status asks for. Whether it asked for anything."""
    if world.condition("Ready").get("reason") == "AwaitingApproval":
        world.edit(approvePlan=world.status["plan"]["digest"])
    elif world.condition("Stalled"):
        world.annotate("retryRequestedAt")
    else:
        return False
    return True


async def settle(world: World) -> None:
    """From here on without trouble, to where nothing moves any more."""
    mend(world)
    for _ in range(ROUNDS):
        if await _rest(world) and not respond(world):
            return
    raise AssertionError(f"it does not come to rest: {story(world)}")


async def _rest(world: World) -> bool:
    """To where nothing moves, or nothing but a look every few seconds at what a person has to mend."""
    for _ in range(ENOUGH):
        if await undisturbed(world, 1):
            return True
        if world.condition("Stalled") and not world.wake and not world.enabled():
            return True
    return False


def story(world: World) -> str:
    """What happened, and how it stands, for the reader of a failure."""
    told = (f"{c['type']}={c['status']} {c['reason']}: {c['message']}" for c in world.status.get("conditions", ()))
    return "\n".join(["", *world.events, *told, str(sorted(world.cloud.objects))])


def check_end(world: World) -> None:
    """The right end: what is wanted is there, or everything is gone."""
    if world.sovereign is None:
        assert not world.cloud.objects or world.orphaned, story(world)
        assert world.api.get("namespaces", "", gen.SPACE) is None, story(world)
        assert not [key for key, _ in world.api.everything() if key.namespace in (gen.SPACE, gen.HOME)], story(world)
        return
    assert "deletionTimestamp" not in world.sovereign["metadata"], story(world)
    assert world.api.get("secrets", gen.SPACE, naming.BOOT_SECRETS) is None, story(world)
    assert world.condition("TofuOutput").get("status") == "True", story(world)
    assert world.condition("Ready").get("reason") == "Succeeded", story(world)
    assert set(world.cloud.objects) == world.wanted(), story(world)
    assert world.status["observedGeneration"] == world.sovereign["metadata"]["generation"], story(world)
    assert not any("observed" in str(pod["metadata"].get("finalizers")) for pod in world.pods()), story(world)


async def check_quiet(world: World) -> None:
    """Once at rest, however often and however much later it is looked at: nothing is written but that the checks were
    repeated, and that once for each time."""
    await _an_hour_later(world)
    before, told = len(world.api.writes), _undated(world)
    hours = 3
    for _ in range(hours):
        await _an_hour_later(world)
    wrote = [(r.method, r.key) for r in world.api.writes[before:]]
    assert set(wrote) <= {("PATCH", SOVEREIGN)}, f"written although nothing changed: {wrote}"
    assert len(wrote) <= hours, "written more than once for each time that the checks were repeated"
    assert _undated(world) == told, "told anew although nothing changed"


async def _an_hour_later(world: World) -> None:
    world.now += 3600 * gen.SECOND
    await reconcile(world)
    while world.wake:
        await reconcile(world)


def _undated(world: World) -> str:
    """The status without when checks were repeated."""
    return re.sub(r'"checkedAt": "[^"]*"|Checked at [-0-9: ]+ UTC', "", json.dumps(world.status))
