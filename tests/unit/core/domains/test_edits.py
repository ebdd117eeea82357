"""A reservation whose spec is edited after something was made for it, and settings that change under one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from catalyst_operator.core.domains.decide import decide
from tests.support.domain_world import BANK, World, by_api, give_back, living
from tests.support.fake_kube import Key
from tests.support.fake_powerdns import FakePowerDns
from tests.support.reservations import ADDRESS, HOSTS, NAME, OLD, delegated, flaws, look, our_zone, ready


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with living() as found:
        yield found


async def edit(world: World, name: str = NAME, **spec: Any) -> None:
    """A value of None takes a field away."""

    def change(o: dict[str, Any]) -> None:
        o["spec"].update(spec)
        o["spec"] = {field: value for field, value in o["spec"].items() if value is not None}

    world.api.change(Key("domainreservations", "", name), change)
    await world.settle(name)


async def test_a_pools_delegation_goes_whatever_the_mode_says_by_then(world: World) -> None:
    """Somebody edits the mode, is refused, and deletes the reservation to begin anew."""
    before = world.ours.snapshot(), world.parent.snapshot()
    world.apply(loadBalancerIP=ADDRESS)
    await world.settle()
    await edit(world, mode="byo-manual")
    assert world.condition("Ready") == ("False", "UnderPool")
    await give_back(world, NAME)
    assert (world.ours.snapshot(), world.parent.snapshot()) == before


async def test_a_mode_that_is_edited_back_has_everything_back(world: World) -> None:
    world.apply(loadBalancerIP=ADDRESS)
    await world.settle()
    await edit(world, mode="byo-manual")
    await edit(world, mode="pool")
    assert world.condition("Ready") == ("True", "Succeeded")


def test_also_decided_alone() -> None:
    o = look(ready(deleted=True, spec={"mode": "byo-manual"}), zone=our_zone(), parent=delegated())
    decision = decide(o)
    assert flaws(decision, o) == []
    assert type(decision.actions[0]).__name__ == "ChangePool"


async def test_a_name_by_hand_may_be_left_to_the_registrar_later(world: World) -> None:
    world.secret("catalyst-system", "account")
    world.apply(BANK, mode="byo-manual", loadBalancerIP=ADDRESS)
    await world.settle(BANK)
    assert world.condition("Ready", BANK) == ("False", "AwaitingDelegation")
    await edit(world, BANK, **by_api())
    assert world.condition("Ready", BANK) == ("True", "Succeeded")
    await give_back(world, BANK)
    assert world.names.registrar[BANK] == OLD


async def test_another_registrar_is_asked_anew_and_the_way_back_stays_known(world: World) -> None:
    world.secret("catalyst-system", "account")
    world.apply(BANK, **by_api())
    await world.settle(BANK)
    registrar = {**by_api()["registrar"], "name": "dynadot"}
    await edit(world, BANK, registrar=registrar)
    assert world.condition("Ready", BANK) == ("True", "Succeeded")
    await give_back(world, BANK)
    assert world.names.registrar[BANK] == OLD


async def test_whoever_goes_on_by_hand_is_not_asked_for_credentials_any_more(world: World) -> None:
    world.secret("catalyst-system", "account")
    world.apply(BANK, **by_api())
    await world.settle(BANK)
    await edit(world, BANK, mode="byo-manual", registrar=None)
    status = (world.read(BANK) or {})["status"]
    assert "RegistrarCredentialsValid" not in {c["type"] for c in status["conditions"]}
    assert world.condition("Ready", BANK) == ("True", "Succeeded")


async def test_name_servers_of_the_operator_that_change_are_followed(world: World) -> None:
    world.secret("catalyst-system", "account")
    world.apply(loadBalancerIP=ADDRESS)
    world.apply(BANK, **by_api())
    await world.settle()
    await world.settle(BANK)
    domains = world.reconciler._settings.domains
    assert domains is not None
    others = replace(domains, nameservers=domains.nameservers[:1])
    world.reconciler._settings = replace(world.reconciler._settings, domains=others)
    for name in (NAME, BANK):
        await world.settle(name)
        assert world.condition("Ready", name) == ("True", "Succeeded")
    assert world.names.registrar[BANK] == HOSTS[:1]
    servers = world.parent.zones["omani.works."]["rrsets"][f"{NAME}.", "NS"]["records"]
    assert [r["content"] for r in servers] == [f"{HOSTS[0]}."]


def test_a_finalizer_that_somebody_took_off_is_put_on_again() -> None:
    """The zone is there, and nobody would give it back."""
    o = look(ready(), zone=our_zone(), parent=delegated())
    decision = decide(o)
    assert flaws(decision, o) == []
    assert type(decision.actions[0]).__name__ == "Hold"


async def test_a_public_suffix_is_refused(world: World) -> None:
    world.apply("co.uk", mode="byo-manual", loadBalancerIP=ADDRESS)
    await world.settle("co.uk")
    assert world.condition("Ready", "co.uk") == ("False", "InvalidSpec")
    assert world.ours.snapshot() == {}


async def test_a_wrong_address_of_powerdns_is_no_hot_loop(world: World) -> None:
    """Every path of it is a 404, which elsewhere means that there is no such zone."""
    await world.close()
    world.ours = _Elsewhere()
    world.restart()
    world.apply(loadBalancerIP=ADDRESS)
    await world.settle()
    ready_now = next(c for c in (world.read() or {})["status"]["conditions"] if c["type"] == "Ready")
    assert "CATALYST_POWERDNS_URL" in ready_now["message"]


class _Elsewhere(FakePowerDns):
    """A server that knows nothing of PowerDNS."""

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(404, text="Not here")))
