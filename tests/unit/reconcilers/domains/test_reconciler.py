"""The reconciler of domains over what it reaches, in memory: changes by others, lost answers, and races."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.core.domains.observation import DnsQuestion, DnsReport
from catalyst_operator.errors import CatalystError, Unavailable
from tests.support import gen
from tests.support.domain_world import BANK, CREDENTIAL, World, by_api, give_back, living, sovereign
from tests.support.fake_kube import Crash, Key, Request
from tests.support.reservations import ADDRESS, HOSTS, NAME, OLD

CHILD = f"acme.{BANK}"
NEW = ("ns1.new.test", "ns2.new.test")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with living() as found:
        yield found


async def ready(world: World, name: str, **spec: Any) -> None:
    world.apply(name, **spec)
    await world.settle(name)
    assert world.condition("Ready", name) == ("True", "Succeeded")


def message(world: World, type_: str, name: str = NAME) -> str:
    found = world.read(name)
    assert found is not None
    return next(str(c["message"]) for c in found["status"]["conditions"] if c["type"] == type_)


# --- what is asked for a name of a pool -------------------------------------------------------------------------------


async def test_the_pools_zone_is_read_once_a_look_and_not_before_there_is_a_zone_to_delegate_to(world: World) -> None:
    """It has the records of thousands of names, and old servers give all of them each time."""
    world.parent.selects = False
    passes = 0
    world.apply(loadBalancerIP=ADDRESS)
    while world.condition_or_none("Ready") != ("True", "Succeeded"):
        passes += 1
        before, served = len(world.parent.requests), bool(world.ours.zones)
        await world.reconciler.reconcile(NAME)
        await world.rest()
        reads = [request for request in world.parent.requests[before:] if request.startswith("GET")]
        assert len(reads) <= served, (passes, reads)
        assert passes < 20
        world.now += timedelta(seconds=1)


# --- by hand ----------------------------------------------------------------------------------------------------------


async def by_hand(world: World) -> None:
    """A whole life, with a person at the registrar."""
    world.apply(BANK, mode="byo-manual")
    await world.settle(BANK)
    assert world.condition("Ready", BANK) == ("False", "AwaitingAddress")
    world.api.change(Key("domainreservations", "", BANK), lambda o: o["spec"].update(loadBalancerIP=ADDRESS))
    await world.settle(BANK, seconds=5)
    assert world.condition("Ready", BANK) == ("False", "AwaitingDelegation")
    assert "At your registrar, set the name servers of bank.com" in message(world, "Ready", BANK)
    world.names.registrar[BANK] = HOSTS
    await world.settle(BANK)
    assert world.condition("Ready", BANK) == ("True", "Succeeded")
    await give_back(world, BANK)


async def test_by_hand_from_apply_to_ready_and_back(world: World) -> None:
    world.ours.put("other.test.", "somebody", ("other.test.", "A", "203.0.113.99"))
    before = world.ours.snapshot(), world.parent.snapshot()
    await by_hand(world)
    assert (world.ours.snapshot(), world.parent.snapshot()) == before
    assert world.names.registrar[BANK] == HOSTS, "who set them takes them back"
    assert world.names.asked == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_by_hand_a_crash_at_any_request_changes_nothing_in_the_end(when: str) -> None:
    async with living() as calm:
        await by_hand(calm)
        total = len(calm.api.requests) + len(calm.ours.requests)
    for at in range(total):
        async with living() as world:
            seen = iter(range(total * 10))

            def strike(_request: Any, at: int = at, seen: Iterator[int] = seen) -> None:
                if next(seen) == at:
                    raise Crash

            setattr(world.api, f"{when}_request", strike)
            setattr(world.ours, when, strike)
            await by_hand(world)
            assert world.ours.snapshot() == {}, f"crash at request {at}"


# --- others at the registrar ------------------------------------------------------------------------------------------


async def test_a_name_taken_away_at_the_registrar_is_set_again(world: World) -> None:
    world.secret("catalyst-system", "account")
    await ready(world, BANK, **by_api())
    world.names.registrar[BANK] = NEW
    world.now += timedelta(hours=1)
    await world.settle(BANK)
    assert world.names.registrar[BANK] == HOSTS
    assert world.condition("Ready", BANK) == ("True", "Succeeded")


async def test_what_somebody_set_just_before_the_deletion_stays(world: World) -> None:
    """The operator has not seen it: what it read last were its own servers."""
    world.secret("catalyst-system", "account")
    await ready(world, BANK, **by_api())
    world.names.registrar[BANK] = NEW
    world.now += timedelta(minutes=1)
    await give_back(world, BANK)
    assert world.names.registrar[BANK] == NEW
    assert world.ours.snapshot() == {}


async def test_a_change_that_is_under_way_is_waited_for_before_it_is_undone(world: World) -> None:
    """Let go now, the registrar would have our servers set that do not know the name any more."""
    world.secret("catalyst-system", "account")
    world.names.gate = asyncio.Event()
    world.apply(BANK, **by_api())
    await world.settle(BANK)
    assert world.names.asked[-1] == "set" and world.names.registrar[BANK] == OLD

    world.api.remove("domainreservations", "", BANK)
    await world.settle(BANK)
    assert world.read(BANK) is not None
    assert f"{BANK}." in world.ours.zones
    world.names.gate.set()
    await world.settle(BANK)
    assert world.read(BANK) is None
    assert (world.names.registrar[BANK], world.ours.snapshot()) == (OLD, {})


async def test_also_where_the_secret_is_gone_meanwhile(world: World) -> None:
    world.secret("catalyst-system", "account")
    world.names.gate = asyncio.Event()
    world.apply(BANK, **by_api())
    await world.settle(BANK)
    world.api.remove("secrets", "catalyst-system", "account")
    world.api.remove("domainreservations", "", BANK)
    await world.settle(BANK)
    assert f"{BANK}." in world.ours.zones
    world.names.gate.set()
    await world.settle(BANK)
    assert world.names.registrar[BANK] == HOSTS
    assert f"{BANK}." in world.ours.zones, "nobody is sent to servers that do not know the name"
    assert world.condition("Ready", BANK) == ("False", "CredentialsMissing")

    world.names.registrar[BANK] = NEW
    world.now += timedelta(minutes=10)
    await world.settle(BANK)
    assert world.read(BANK) is None


# --- PowerDNS ---------------------------------------------------------------------------------------------------------


async def test_giving_back_waits_for_powerdns(world: World) -> None:
    await ready(world, NAME, loadBalancerIP=ADDRESS)
    world.parent.down = True
    world.api.remove("domainreservations", "", NAME)
    await world.settle(seconds=2)
    assert world.condition("Ready") == ("Unknown", "Retrying")
    assert f"{NAME}." in world.ours.zones, "as long as it is delegated"
    world.parent.down, world.ours.down = False, True
    await world.settle(seconds=2)
    assert world.condition("Ready") == ("Unknown", "Retrying")
    world.ours.down = False
    await world.settle()
    assert world.read() is None
    assert world.ours.snapshot() == {}


async def test_a_change_that_fails_is_told(world: World) -> None:
    def broken(what: str) -> None:
        if what.startswith("POST"):
            world.ours.down = True

    world.ours.before = broken
    world.apply(loadBalancerIP=ADDRESS)
    await world.reconciler.reconcile(NAME)
    with pytest.raises(CatalystError):
        await world.reconciler.reconcile(NAME)
    assert world.condition("Ready") == ("False", "Retrying")
    assert "PowerDNS did not take a change" in message(world, "Ready")
    writes = len(world.api.writes)
    world.ours.down = False
    with pytest.raises(CatalystError):
        await world.reconciler.reconcile(NAME)
    told_again = [r for r in world.api.writes[writes:] if r.subresource == "status"]
    assert told_again == [], "its own status would wake it at once, and again"


async def test_a_record_of_somebody_elses_in_our_zone_goes_on_to_be_theirs(world: World) -> None:
    await ready(world, NAME, loadBalancerIP=ADDRESS)
    zone = world.ours.zones[f"{NAME}."]["rrsets"]
    theirs = {"name": f"gitea.{NAME}.", "type": "A", "ttl": 60, "records": [{"content": "203.0.113.9"}], "comments": []}
    zone[f"gitea.{NAME}.", "A"] = theirs
    world.api.change(Key("domainreservations", "", NAME), lambda o: o["spec"].update(loadBalancerIP="203.0.113.30"))
    await world.settle()
    assert zone[f"gitea.{NAME}.", "A"] == theirs
    assert world.condition("Ready") == ("True", "Succeeded")
    assert f"gitea.{NAME} A" in message(world, "ZoneReady")


# --- who has which name -----------------------------------------------------------------------------------------------


async def judge(world: World, *names: str) -> list[tuple[str, str]]:
    for name in names:
        await world.reconciler.reconcile(name)
    return [world.condition("Reserved", name) for name in names]


async def test_a_name_whose_giving_was_not_answered_is_given_all_the_same(world: World) -> None:
    """The API server has it; only the operator does not know yet."""
    world.apply(BANK, "one", mode="byo-manual")
    world.apply(CHILD, "other", mode="byo-manual")
    lost = iter([True])

    def lose(request: Request) -> None:
        if request.subresource == "status" and next(lost, False):
            raise Unavailable(0, "no answer")

    world.api.after_request = lose
    with pytest.raises(Unavailable):
        await world.reconciler.reconcile(BANK)
    assert await judge(world, CHILD, BANK) == [("False", "DomainTaken"), ("True", "Reserved")]


async def test_a_name_that_could_not_be_given_is_in_nobodys_way(world: World) -> None:
    world.apply(BANK, "one", mode="byo-manual")
    world.apply(CHILD, "other", mode="byo-manual")
    world.api.refusals["PATCH", "domainreservations"] = (500, "etcd is away")
    with pytest.raises(CatalystError):
        await world.reconciler.reconcile(BANK)
    world.api.refusals.clear()
    assert await judge(world, CHILD, BANK) == [("True", "Reserved"), ("False", "DomainTaken")]


@pytest.mark.parametrize("heard", [True, False], ids=["its end was heard of", "its end was missed"])
async def test_a_name_is_free_once_its_reservation_is_gone(world: World, heard: bool) -> None:
    """A watch that breaks off tells of no deletion that fell into the gap."""
    world.apply(BANK, "one", mode="byo-manual")
    world.apply(CHILD, "other", mode="byo-manual")
    assert await judge(world, BANK, CHILD) == [("True", "Reserved"), ("False", "DomainTaken")]
    world.api.remove("domainreservations", "", BANK)
    if heard:
        await world.reconciler.reconcile(BANK)
    assert await judge(world, CHILD) == [("True", "Reserved")]


async def test_a_name_that_was_given_before_a_restart_is_known(world: World) -> None:
    world.apply(BANK, "one", mode="byo-manual")
    assert await judge(world, BANK) == [("True", "Reserved")]
    await world.close()
    world.restart()
    world.apply(CHILD, "other", mode="byo-manual")
    assert await judge(world, CHILD) == [("False", "DomainTaken")]


async def test_of_many_related_names_judged_at_once_only_unrelated_ones_are_given(world: World) -> None:
    names = [f"a.b.{CHILD}", CHILD, BANK, f"b.{CHILD}", "other.com"]
    for owner, name in enumerate(names):
        world.apply(name, f"owner-{owner}", mode="byo-manual")
    await asyncio.gather(*map(world.reconciler.reconcile, names))
    given = [name for name in names if world.condition("Reserved", name)[0] == "True"]
    assert "other.com" in given and len(given) == 2


async def test_an_applied_name_without_an_owner_runs_out_and_goes(world: World) -> None:
    world.apply(BANK, mode="byo-manual")
    await world.settle(BANK)
    assert world.condition("Reserved", BANK) == ("True", "Reserved")
    world.now += timedelta(minutes=10)
    await world.settle(BANK)
    assert world.read(BANK) is None


async def test_another_reservation_of_the_name_is_not_removed_for_one_that_ran_out(world: World) -> None:
    """Deleted and applied anew in the moment before the operator removes it."""
    world.apply(BANK, mode="byo-manual")
    await world.settle(BANK)
    world.now += timedelta(minutes=10)
    await world.reconciler.reconcile(BANK)
    assert world.condition("Reserved", BANK) == ("False", "Expired")

    def anew(request: Request) -> None:
        if request.method == "DELETE":
            world.api.before_request = lambda _: None
            world.api.remove("domainreservations", "", BANK)
            world.apply(BANK, mode="byo-manual")

    world.api.before_request = anew
    with pytest.raises(CatalystError):
        await world.reconciler.reconcile(BANK)
    assert world.read(BANK) is not None
    await world.settle(BANK)
    assert world.condition("Reserved", BANK) == ("True", "Reserved")


# --- what nobody may read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", [False, True], ids=["accepted", "refused"])
async def test_no_secret_is_in_status_events_annotations_or_logs(
    world: World, caplog: pytest.LogCaptureFixture, refused: bool
) -> None:
    caplog.set_level("DEBUG")
    sovereign(world)
    world.secret("team-a", "account")
    world.names.refuse = refused
    world.apply(BANK, gen.UID, **by_api("team-a"))
    await world.settle(BANK)
    events = [o for key, o in world.api.everything() if key.plural == "events"]
    assert events
    told = json.dumps([o for key, o in world.api.everything() if key.plural != "secrets"])
    sent = json.dumps([r.body for r in world.api.requests if r.key.plural != "secrets"])
    for text in (told, sent, caplog.text):
        assert CREDENTIAL not in text
        assert base64.b64encode(CREDENTIAL.encode()).decode() not in text


async def test_no_secret_is_read_for_a_name_that_needs_none(world: World) -> None:
    sovereign(world)
    await ready(world, NAME, loadBalancerIP=ADDRESS)
    assert world.secrets_read == []


# --- the reservation itself -------------------------------------------------------------------------------------------


async def test_other_finalizers_stay(world: World) -> None:
    world.apply(loadBalancerIP=ADDRESS)
    key = Key("domainreservations", "", NAME)
    world.api.change(key, lambda o: o["metadata"].update(finalizers=["example.com/theirs"]))
    await world.settle()
    assert (world.read() or {})["metadata"]["finalizers"] == ["example.com/theirs", labels.FINALIZER_DOMAIN_RESERVATION]
    world.api.remove("domainreservations", "", NAME)
    await world.settle()
    assert (world.read() or {})["metadata"]["finalizers"] == ["example.com/theirs"]
    assert world.ours.snapshot() == {}


async def test_one_that_this_version_cannot_read_is_told_so_and_left_alone(world: World) -> None:
    world.apply(mode="by-magic")
    assert await world.reconciler.reconcile(NAME) is None
    assert world.condition("Stalled") == ("True", "InvalidSpec")
    assert "spec.mode is not valid: input should be" in message(world, "Ready")


async def test_a_look_is_asked_for_once_at_a_time(world: World) -> None:
    """However often it is woken meanwhile."""
    await ready(world, NAME, loadBalancerIP=ADDRESS)
    world.now += timedelta(minutes=10)
    looks = 0
    real, gate = world.names.look, asyncio.Event()

    async def slow(key: str, question: DnsQuestion) -> DnsReport:
        nonlocal looks
        looks += 1
        await gate.wait()
        return await real(key, question)

    world.names.look = slow  # type: ignore[method-assign]
    for _ in range(5):
        again = await world.reconciler.reconcile(NAME)
        await asyncio.sleep(0)
        assert again is not None and again > timedelta(0)
    assert looks == 1
    gate.set()
