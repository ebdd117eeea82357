"""What stories have in common: how to get to where they begin, and what can be seen of a world."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from catalyst_operator.api import labels
from tests.support import cluster, gen, tofu
from tests.support.drive import check_end, story, undisturbed, until
from tests.support.world import World

Act = Callable[[World], None]


async def provisioned(*mods: gen.RawMod) -> World:
    """A world whose Sovereign was provisioned undisturbed."""
    world = World(*mods)
    assert await undisturbed(world), story(world)
    check_end(world)
    return world


async def applying(world: World, done: int = 1) -> None:
    """To the middle of an apply: so many cloud objects were made or removed in it."""
    before = len(world.cloud.objects)
    await until(world, lambda: abs(len(world.cloud.objects) - before) == done)


def workers(count: int) -> Act:
    """The owner asks for so many workers."""
    return lambda world: world.edit(workers={"size": "cpx32", "replicas": count} if count else {"replicas": 0})


def names(world: World) -> list[str]:
    """The Jobs that are there."""
    return [job["metadata"]["name"] for job in world.jobs()]


def reason(world: World) -> str:
    """The reason of Ready."""
    return str(world.condition("Ready").get("reason"))


def message(world: World) -> str:
    """What Ready says."""
    return str(world.condition("Ready")["message"])


def results(world: World) -> list[str]:
    """How the runs ended, the latest first."""
    return [run["result"] for run in world.status.get("history", ())]


def holder(world: World) -> str:
    """Who holds the lock of the state."""
    return str((world.api.get(*tofu.LEASE) or {}).get("spec", {}).get("holderIdentity") or "")


def lock_by_hand(world: World) -> None:
    """A person runs OpenTofu on the state."""
    info = {"app.terraform.io/lock-info": json.dumps({"ID": "by-hand", "Who": "lia@laptop", "Operation": "Apply"})}
    world.api.change(tofu.LEASE, lambda o: o["metadata"].update(annotations=info))
    world.api.change(tofu.LEASE, lambda o: o.update(spec={"holderIdentity": "by-hand"}))


def in_phase(world: World, phase: str) -> bool:
    """Whether this phase runs in a Pod."""
    found = (s for pod in world.pods() for s in cluster.phases(pod) if s["name"] == phase)
    return any("running" in s["state"] for s in found)


def inputs(world: World) -> dict[str, Any]:
    """What the latest run was given: the variables of its Pod."""
    job = max(world.jobs(), key=lambda job: int(job["metadata"]["labels"][labels.LABEL_ATTEMPT]))
    volume = next(v for v in job["spec"]["template"]["spec"]["volumes"] if v["name"] == "inputs")
    name = volume["projected"]["sources"][0]["secret"]["name"]
    held = (world.api.get("secrets", gen.SPACE, name) or {})["data"]["tofu.auto.tfvars.json"]
    found: dict[str, Any] = json.loads(base64.b64decode(held))
    return found


async def for_a_while(world: World, steps: int = 40) -> None:
    """Whatever happens by itself, if anything does."""
    for _ in range(steps):
        await undisturbed(world, 1)
