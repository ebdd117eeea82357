"""The reconciler of domains, whole: real decisions, executor and adapters over an API server and PowerDNS in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from catalyst_operator.core.domains.claims.names import plain
from tests.support import gen
from tests.support.domain_world import BANK, CREDENTIAL, OTHER_ADDRESS, World, by_api, give_back, living, sovereign
from tests.support.fake_kube import Crash, Key
from tests.support.reservations import ADDRESS, HOSTS, NAME, OLD


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with living() as found:
        yield found


async def test_a_pools_name_from_apply_to_ready_and_back(world: World) -> None:
    before = world.ours.snapshot(), world.parent.snapshot()
    world.apply()
    await world.settle()
    assert world.condition("Ready") == ("False", "AwaitingAddress")
    assert (world.ours.snapshot(), world.parent.snapshot()) == before

    world.api.change(Key("domainreservations", "", NAME), lambda o: o["spec"].update(loadBalancerIP=ADDRESS))
    await world.settle()
    assert world.condition("Ready") == ("True", "Succeeded")
    assert world.ours.zones[f"{NAME}."]["rrsets"][f"*.{NAME}.", "A"]["records"][0]["content"] == ADDRESS
    delegated = world.parent.zones["omani.works."]["rrsets"][f"{NAME}.", "NS"]["records"]
    assert tuple(plain(r["content"]) for r in delegated) == HOSTS

    world.api.change(Key("domainreservations", "", NAME), lambda o: o["spec"].update(loadBalancerIP=OTHER_ADDRESS))
    await world.settle()
    assert world.ours.zones[f"{NAME}."]["rrsets"][f"*.{NAME}.", "A"]["records"][0]["content"] == OTHER_ADDRESS

    await give_back(world, NAME)
    assert (world.ours.snapshot(), world.parent.snapshot()) == before


async def test_a_foreign_record_and_a_foreign_zone_outlive_us(world: World) -> None:
    world.ours.put(f"{NAME}.", "somebody", (f"{NAME}.", "A", "203.0.113.99"))
    before = world.ours.snapshot(), world.parent.snapshot()
    world.apply(loadBalancerIP=ADDRESS)
    await world.settle()
    assert world.condition("Ready") == ("False", "ZoneForeign")
    await give_back(world, NAME)
    assert (world.ours.snapshot(), world.parent.snapshot()) == before


async def test_powerdns_is_down_and_comes_back(world: World) -> None:
    world.apply(loadBalancerIP=ADDRESS)
    world.ours.down = True
    await world.settle()
    assert world.condition("ZoneReady") == ("Unknown", "PowerDNSUnreachable")
    world.ours.down = False
    await world.settle()
    assert world.condition("Ready") == ("True", "Succeeded")


async def test_a_registrars_name_is_flipped_and_flipped_back(world: World) -> None:
    world.secret("catalyst-system", "account")
    world.apply(BANK, **by_api())
    await world.settle(BANK)
    assert world.condition("Ready", BANK) == ("True", "Succeeded")
    assert world.names.registrar[BANK] == HOSTS
    meta = (world.read(BANK) or {})["metadata"]
    assert meta["annotations"][labels.ANNOTATION_PREVIOUS_NAMESERVERS] == ",".join(OLD)
    assert world.names.asked.index("validate") < world.names.asked.index("set")

    await give_back(world, BANK)
    assert world.names.registrar[BANK] == OLD
    assert world.ours.snapshot() == {}


async def test_a_lost_answer_is_looked_after_and_the_change_is_not_repeated(world: World) -> None:
    world.secret("catalyst-system", "account")
    world.names.lose_answers = 1
    world.apply(BANK, **by_api())
    await world.settle(BANK)
    assert world.condition("Ready", BANK) == ("True", "Succeeded")
    assert world.names.asked.count("set") == 1


async def test_refused_credentials_change_nothing_and_show_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.secret("catalyst-system", "account")
    world.names.refuse = True
    world.apply(BANK, **by_api())
    await world.settle(BANK)
    assert world.condition("RegistrarCredentialsValid", BANK) == ("False", "CredentialsInvalid")
    assert world.names.registrar[BANK] == OLD
    told = json.dumps([o for key, o in world.api.everything() if key.plural != "secrets"]) + caplog.text
    assert CREDENTIAL not in told


async def test_of_two_related_names_judged_at_once_one_is_refused(world: World) -> None:
    for name in (BANK, f"acme.{BANK}"):
        owner = f"{gen.UID[:-1]}{len(name) % 10}"
        world.apply(name, owner, mode="byo-manual")
    await asyncio.gather(*(world.reconciler.reconcile(name) for name in (BANK, f"acme.{BANK}")))
    given = [world.condition("Reserved", name) for name in (BANK, f"acme.{BANK}")]
    assert sorted(given) == [("False", "DomainTaken"), ("True", "Reserved")]


# --- whose Secret may be read -----------------------------------------------------------------------------------------


async def test_a_sovereigns_own_secret_is_read(world: World) -> None:
    sovereign(world)
    world.secret("team-a", "account")
    world.apply(BANK, gen.UID, **by_api("team-a"))
    await world.settle(BANK)
    assert world.condition("Ready", BANK) == ("True", "Succeeded")


async def test_the_copy_is_read_once_the_owners_is_gone(world: World) -> None:
    sovereign(world)
    world.secret("team-a", "account")
    world.secret(gen.HOME, naming.registrar_secret(gen.UID))
    world.apply(BANK, gen.UID, **by_api("team-a"))
    await world.settle(BANK)
    world.api.remove("secrets", "team-a", "account")
    await give_back(world, BANK)
    assert world.names.registrar[BANK] == OLD
    assert f"{gen.HOME}/{naming.registrar_secret(gen.UID)}" in world.secrets_read


@pytest.mark.parametrize(
    ("owner", "namespace", "prepare"),
    [
        ("", "team-a", lambda _world: None),
        (gen.UID, "team-a", lambda _world: None),
        (gen.UID, "team-a", lambda world: sovereign(world, account="another")),
        (gen.UID, "team-a", lambda world: sovereign(world, fqdn="other.com")),
        ("another-uid", "team-a", sovereign),
        (gen.UID, "catalyst-system", sovereign),
    ],
    ids=["no Sovereign", "none of this name", "it names another", "for another name", "a later one", "the operator's"],
)
async def test_somebody_elses_secret_is_never_read(
    world: World, owner: str, namespace: str, prepare: Callable[[World], None]
) -> None:
    """Whoever may write a reservation could else have the operator use any Secret of the cluster."""
    prepare(world)
    world.secret(namespace, "account")
    world.apply(BANK, owner, **by_api(namespace))
    world.secrets_read.clear()
    await world.settle(BANK)
    assert world.secrets_read == []
    assert world.names.asked == []
    assert world.condition("RegistrarCredentialsValid", BANK) == ("False", "CredentialsMissing")


# --- crashes ----------------------------------------------------------------------------------------------------------


async def whole_life(world: World, name: str, **spec: Any) -> tuple[str, str]:
    world.apply(name, **spec)
    await world.settle(name)
    reached = world.condition("Ready", name)
    await give_back(world, name)
    return reached


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["pool", "registrar"])
async def test_a_crash_at_any_request_changes_nothing_in_the_end(kind: str, when: str) -> None:
    name, spec = (NAME, {"loadBalancerIP": ADDRESS}) if kind == "pool" else (BANK, by_api())
    async with living() as calm:
        calm.secret("catalyst-system", "account")
        assert await whole_life(calm, name, **spec) == ("True", "Succeeded")
        total = len(calm.api.requests) + len(calm.ours.requests) + len(calm.parent.requests)
        end = calm.ours.snapshot(), calm.parent.snapshot(), calm.names.registrar
    for at in range(total):
        async with living() as world:
            world.secret("catalyst-system", "account")
            seen = iter(range(total * 10))

            def strike(_request: Any, at: int = at, seen: Iterator[int] = seen) -> None:
                if next(seen) == at:
                    raise Crash

            if when == "before":
                world.api.before_request, world.ours.before, world.parent.before = strike, strike, strike
            else:
                world.api.after_request, world.ours.after, world.parent.after = strike, strike, strike
            assert await whole_life(world, name, **spec) == ("True", "Succeeded"), f"crash at request {at}"
            assert (world.ours.snapshot(), world.parent.snapshot(), world.names.registrar) == end, f"request {at}"
