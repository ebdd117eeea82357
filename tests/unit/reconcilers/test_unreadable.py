"""Objects that are older or newer than the operator: what it cannot read is told, and nothing of it is lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api.conditions import ConditionType
from catalyst_operator.core import conditions
from catalyst_operator.core.errors import codes
from catalyst_operator.reconcilers.unreadable import ROLLOUT
from tests.support import gen, reservations
from tests.support.drive import reconcile, settle, undisturbed
from tests.support.fake_kube import Key
from tests.support.world import RECORD, SOVEREIGN, World

RESERVATION = Key("domainreservations", "", reservations.NAME)
TOLD = ("conditions", "lastErrors", "summary")
"""Fields of a status."""
OTHER_VERSION = "was written by another version of the operator"


async def provisioned() -> World:
    world = World()
    await settle(world)
    assert world.cloud.objects
    return world


@contextmanager
def another_schema(world: World) -> Iterator[None]:
    """The world holds that whatever is written follows today's schema; here something is older or newer than that."""
    held, world.api.on_change = world.api.on_change, lambda *_: None
    try:
        yield
    finally:
        world.api.on_change = held


def types(status: dict[str, Any]) -> set[str]:
    return {c["type"] for c in status["conditions"]}


def writes(world: World) -> int:
    return len(world.api.writes)


async def test_what_an_older_version_let_in_is_told_and_goes_on_once_it_is_corrected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The rest of its status stays, a second look writes nothing, and its owner can put it right."""
    world = await provisioned()
    before = world.status
    with another_schema(world):
        world.api.change(SOVEREIGN, lambda o: o["spec"].update(approval="Sometimes"))
        await reconcile(world)

    assert (world.condition("Ready")["status"], world.condition("Ready")["reason"]) == ("Unknown", "InvalidSpec")
    assert world.condition("Stalled")["status"] == "True"
    (told,) = world.status["lastErrors"]
    assert told["code"] == codes.SPEC_INVALID.code
    assert told["message"].startswith("spec.approval is not valid: input should be 'Automatic' or 'Manual'")
    assert "spec.approval" in world.condition("Ready")["message"]
    untouched = {name: value for name, value in before.items() if name not in TOLD}
    assert untouched.items() <= world.status.items()
    assert types(before) - {"Reconciling"} <= types(world.status)

    assert world.status["summary"].startswith("ERR_SPEC_INVALID: spec.approval is not valid")

    (logged,) = (r for r in caplog.records if "is not valid" in r.getMessage())
    assert logged.levelno == logging.ERROR
    assert logged.getMessage().startswith("Sovereign team-a/omantel is not valid")

    since, seen = world.condition("Stalled")["lastTransitionTime"], writes(world)
    world.now += timedelta(hours=1)
    await reconcile(world)
    assert (writes(world), world.condition("Stalled")["lastTransitionTime"]) == (seen, since)

    with another_schema(world):
        world.edit(approval="Automatic")
    world.wake = True
    assert await undisturbed(world)
    assert world.condition("Stalled") == {}
    assert not world.status.get("lastErrors")


async def test_what_was_not_ready_is_not_either() -> None:
    world = await provisioned()
    ready = conditions.condition(ConditionType.READY, "False", "Retrying", "", generation=1, now=gen.NOW).to_wire()
    with another_schema(world):
        world.api.change(SOVEREIGN, lambda o: o.update(status={"conditions": [ready]}))
        world.api.change(SOVEREIGN, lambda o: o["spec"].update(approval="Sometimes"))
        await reconcile(world)
    assert world.condition("Ready")["status"] == "False"


@pytest.mark.parametrize(
    ("where", "content", "says"),
    [
        ("spec", {"ofANewerVersion": True}, "spec.ofANewerVersion is not known to this version of the operator"),
        ("status", {"phase": "dancing"}, f"status.phase {OTHER_VERSION}"),
    ],
    ids=["spec", "status"],
)
async def test_what_only_a_newer_version_knows_is_told_once_a_rollout_would_be_over(
    where: str, content: dict[str, Any], says: str
) -> None:
    """Beside the manifests of its successor an operator may act for a while: that is no news for anybody."""
    world = await provisioned()
    with another_schema(world):
        world.api.change(SOVEREIGN, lambda o: o[where].update(content))
        seen = writes(world)
        await reconcile(world)
        assert writes(world) == seen
        assert world.timer == world.now + ROLLOUT

        world.now += ROLLOUT
        await reconcile(world)
    (told,) = world.status["lastErrors"]
    assert told["code"] == codes.NEWER_VERSION.code
    assert told["message"].startswith(says)
    assert world.jobs(), "and nothing was taken away"
    for name, value in content.items():
        assert (world.sovereign or {})[where][name] == value, "what the newer one wrote is left as it is"


async def test_a_rollout_that_comes_to_its_end_is_not_counted_to_the_next() -> None:
    world = await provisioned()
    for _ in range(3):
        with another_schema(world):
            world.api.change(SOVEREIGN, lambda o: o["spec"].update(ofANewerVersion=True))
            await reconcile(world)
            world.now += ROLLOUT / 2
            world.api.change(SOVEREIGN, lambda o: o["spec"].pop("ofANewerVersion"))
        await reconcile(world)
    assert not world.status.get("lastErrors")


async def test_a_record_of_a_newer_version_says_how_to_go_on() -> None:
    world = await provisioned()
    world.api.change(RECORD, lambda o: o["data"].update({"record.json": '{"of_a_newer": 1, "uid": "u"}'}))
    await reconcile(world)
    told = world.condition("Ready")["message"]
    assert "of_a_newer" in told
    assert "if it was written by a newer version of the operator, install that version again" in told
