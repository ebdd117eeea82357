"""A name is looked at before it is reserved: over the API and a registrar in memory, and nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.domains.actions import AskRegistrar
from catalyst_operator.core.domains.claims.beforehand import Outlook, outlook
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.reconcilers.domains.beforehand import NameLook
from catalyst_operator.reconcilers.domains.claims import Claims
from catalyst_operator.reconcilers.observe import Observer
from tests.support import gen, reservations
from tests.support.domain_world import BANK, World, living, sovereign
from tests.support.fake_kube import Key
from tests.support.outside import outside

SETTINGS = replace(gen.SETTINGS, domains=reservations.SETTINGS)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with living() as found:
        yield found


def look_of(world: World) -> NameLook:
    client = world.api.client()
    return NameLook(client, Claims(client), world.outside.talks, SETTINGS, lambda: world.now)


def owner(world: World) -> Sovereign:
    found = world.api.get("sovereigns", "team-a", "omantel")
    assert found is not None
    return Sovereign.parse(found)


async def seen(names: NameLook, world: World) -> DomainObservation:
    found = await names.look(owner(world))
    assert found is not None
    return found


async def stands(names: NameLook, world: World) -> Outlook:
    return outlook(await seen(names, world))


def written(world: World) -> list[str]:
    return [request.method for request in world.api.requests if request.writes]


async def test_a_registrar_is_asked_and_the_name_is_held_by_nobody(world: World) -> None:
    sovereign(world)
    world.secret("team-a", "account")
    before, names, woken = written(world), look_of(world), list[int]()
    first = await stands(names, world)
    (ask,) = (action for action in first.step.actions if isinstance(action, AskRegistrar))
    assert (first.step.reason, first.worth_asking) == ("Pending", False)
    await names.ask(owner(world), ask, lambda: woken.append(1))
    await world.rest()
    assert (world.names.asked, woken) == (["validate", "get"], [1])
    found = await stands(names, world)
    assert (found.step.reason, found.worth_asking) == ("Passed", True)
    assert (written(world), world.read(BANK)) == (before, None)


async def test_credentials_that_are_refused_are_said_to_be(world: World) -> None:
    sovereign(world)
    world.secret("team-a", "account")
    world.names.refuse = True
    names = look_of(world)
    (ask,) = (a for a in (await stands(names, world)).step.actions if isinstance(a, AskRegistrar))
    await names.ask(owner(world), ask, lambda: None)
    await world.rest()
    found = await stands(names, world)
    assert (found.step.reason, found.worth_asking) == ("CredentialsInvalid", False)
    assert found.step.error is not None and found.step.error.code == "ERR_REGISTRAR_CREDENTIALS"


async def test_a_secret_that_is_missing_is_not_asked_about(world: World) -> None:
    sovereign(world)
    found = await stands(look_of(world), world)
    assert (found.step.reason, found.worth_asking) == ("CredentialsMissing", False)


async def test_names_of_others_are_seen(world: World) -> None:
    sovereign(world)
    world.secret("team-a", "account")
    below = f"x.{BANK}"
    world.apply(below, owner="another", mode="byo-manual", loadBalancerIP=reservations.ADDRESS)
    world.names.registrar[below] = reservations.HOSTS
    await world.settle(below)
    found = await stands(look_of(world), world)
    assert (found.step.reason, found.worth_asking) == ("DomainTaken", False)


async def test_only_what_nobody_has_reserved_is_looked_at(world: World) -> None:
    sovereign(world)
    client = world.api.client()
    observer = Observer(client, outside(client, names=look_of(world)), SETTINGS)
    assert (await observer.observe(owner(world), world.now)).name is not None
    world.apply(BANK, owner="another", mode="byo-manual")
    assert (await observer.observe(owner(world), world.now)).name is None
    world.api.remove("domainreservations", "", BANK)
    world.api.change(Key("sovereigns", "team-a", "omantel"), _deleted)
    assert (await observer.observe(owner(world), world.now)).name is None


def _deleted(found: dict[str, dict[str, object]]) -> None:
    found["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:00Z"
