"""Names above and below each other, over what the reconciler reaches: who gives way, what is served, and races."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.core.domains.claims.proof import claim_of
from catalyst_operator.core.domains.observation import DnsQuestion, DnsReport
from tests.support import reservations
from tests.support.domain_world import BANK, World, by_api, living
from tests.support.reservations import ADDRESS, HOSTS, OLD

BELOW = f"x.{BANK}"
MALLORY, VICTIM = "mallory-uid", "victim-uid"
COMMITTED: dict[str, Any] = {"mode": "byo-manual", "loadBalancerIP": ADDRESS}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with living() as found:
        yield found


async def settle(world: World, *names: str) -> None:
    """All of them, until whoever was woken by another has been looked at."""
    for _ in range(4):
        for name in names:
            await world.settle(name, seconds=70)
        world.woken.clear()


async def squatted(world: World) -> None:
    """A name below the victim's is held, and served, by somebody who has never proven anything."""
    world.names.registrar[BELOW] = ()
    world.apply(BELOW, owner=MALLORY, **COMMITTED)
    await settle(world, BELOW)
    assert world.condition("Reserved", BELOW) == ("True", "Committed")
    assert f"{BELOW}." in world.ours.zones


async def test_a_name_below_that_nobody_proved_does_not_keep_its_owner_from_a_domain(world: World) -> None:
    await squatted(world)
    world.apply(BANK, owner=VICTIM, **COMMITTED)
    await settle(world, BANK, BELOW)
    assert world.condition("Reserved", BANK) == ("False", "DomainTaken")
    assert f"{BANK}." not in world.ours.zones

    world.names.registrar[BANK] = HOSTS
    await settle(world, BANK, BELOW)
    assert world.condition("Ready", BANK) == ("True", "Succeeded")
    assert world.condition("Reserved", BELOW) == ("False", "DomainTaken")
    assert list(world.ours.zones) == [f"{BANK}."], "what a stranger served below it is served no longer"


async def test_nor_from_one_whose_registrar_account_is_the_owners(world: World) -> None:
    await squatted(world)
    world.secret("catalyst-system", "account")
    world.apply(BANK, **by_api())
    await settle(world, BANK, BELOW)
    assert world.names.registrar[BANK] == HOSTS
    assert world.condition("Ready", BANK) == ("True", "Succeeded")
    assert world.condition("Reserved", BELOW) == ("False", "DomainTaken")


async def test_a_name_below_that_is_delegated_stays_its_owners(world: World) -> None:
    await squatted(world)
    world.names.registrar[BELOW] = HOSTS
    await settle(world, BELOW)
    assert world.condition("Ready", BELOW) == ("True", "Succeeded")
    world.names.registrar[BANK] = HOSTS
    world.apply(BANK, owner=VICTIM, **COMMITTED)
    await settle(world, BANK, BELOW)
    assert world.condition("Reserved", BANK) == ("False", "DomainTaken")
    assert world.condition("Ready", BELOW) == ("True", "Succeeded")


async def test_the_owner_gets_it_back_when_the_other_goes(world: World) -> None:
    await squatted(world)
    world.names.registrar[BANK] = HOSTS
    world.apply(BANK, owner=VICTIM, **COMMITTED)
    await settle(world, BANK, BELOW)
    world.api.remove("domainreservations", "", BANK)
    await settle(world, BANK, BELOW)
    assert world.condition("Reserved", BELOW)[0] == "True"
    assert f"{BELOW}." in world.ours.zones


async def test_a_process_that_was_restarted_knows_who_proved_what(world: World) -> None:
    await test_a_name_below_that_nobody_proved_does_not_keep_its_owner_from_a_domain(world)
    await world.close()
    world.restart()
    await settle(world, BELOW, BANK)
    assert world.condition("Ready", BANK) == ("True", "Succeeded")
    assert world.condition("Reserved", BELOW) == ("False", "DomainTaken")


@pytest.mark.parametrize("order", [(BANK, BELOW), (BELOW, BANK)], ids=["above first", "below first"])
async def test_of_two_proofs_in_the_same_moment_one_is_believed(
    world: World, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    """Both were read before either was written: while one waits for the API server, the other goes on."""
    request = world.api.request

    async def taking_its_time(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(0)
        return await request(*arguments, **options)

    monkeypatch.setattr(world.api, "request", taking_its_time)
    await squatted(world)
    world.apply(BANK, owner=VICTIM, **COMMITTED)
    await settle(world, BANK, BELOW)
    world.names.registrar |= {BANK: HOSTS, BELOW: HOSTS}
    claims = []
    for _ in range(6):
        await asyncio.gather(*map(world.reconciler.reconcile, order))
        await world.rest()
        world.now += timedelta(minutes=1)
        claims = [claim_of(world.read(name) or {}) for name in (BANK, BELOW)]
        assert sum(claim.proven for claim in claims) <= 1
        assert sum(claim.held for claim in claims) <= 1
    assert sum(claim.proven and claim.held for claim in claims) == 1, "and one is, in the end"


async def test_credentials_that_are_refused_keep_nobody_from_a_name(world: World) -> None:
    world.secret("catalyst-system", "account")
    world.names.refuse = True
    world.apply(BELOW, **by_api())
    await settle(world, BELOW)
    assert world.condition("Reserved", BELOW) == ("False", "Pending")
    assert world.condition("RegistrarCredentialsValid", BELOW) == ("False", "CredentialsInvalid")
    assert world.condition("Ready", BELOW) == ("False", "CredentialsInvalid")
    world.apply(BANK, owner=VICTIM, mode="byo-manual")
    await settle(world, BANK)
    assert world.condition("Reserved", BANK) == ("True", "Reserved")
    assert world.ours.snapshot() == {}


async def test_a_namespace_gets_so_many_names_and_the_next_once_one_is_given_back(world: World) -> None:
    domains = replace(reservations.SETTINGS, most_names=2)
    world.reconciler._settings = replace(world.reconciler._settings, domains=domains)
    names = [f"name{number}.omani.works" for number in range(3)]
    for number, name in enumerate(names):
        world.apply(name, owner=f"uid-{number}")
        await world.reconciler.reconcile(name)
    assert [world.condition("Reserved", name)[0] for name in names] == ["True", "True", "False"]
    assert world.condition("Reserved", names[2]) == ("False", "DomainQuota")
    world.api.remove("domainreservations", "", names[0])
    await world.reconciler.reconcile(names[2])
    assert world.condition("Reserved", names[2])[0] == "True", "also before the watch tells of the end"


async def test_a_delegation_that_only_our_own_servers_tell_of_proves_nothing(world: World) -> None:
    """Whoever serves a zone with us could otherwise prove the name by the zone itself."""
    await squatted(world)
    look = world.names.look

    async def by_our_servers(key: str, question: DnsQuestion) -> DnsReport:
        report = await look(key, question)
        ours = tuple(replace(a, server=reservations.SERVERS[0].host, values=HOSTS) for a in report.delegation)
        return replace(report, delegation=ours)

    world.names.look = by_our_servers  # type: ignore[method-assign]
    await settle(world, BELOW)
    found = world.read(BELOW)
    assert found is not None and found["status"]["proven"] is False
    assert world.names.registrar[BANK] == OLD
