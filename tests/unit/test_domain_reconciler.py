"""The reconciler of domains, whole: real decisions, executor and adapters over an API server and PowerDNS in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.adapters.registrar_talks import RegistrarTalks
from catalyst_operator.api import labels
from catalyst_operator.core import naming
from catalyst_operator.core.domains.names import plain
from catalyst_operator.core.domains.observation import Answer, DnsQuestion, DnsReport
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import CatalystError, RegistrarUnauthorized, RegistrarUnavailable
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.domains.outside import DomainsOutside
from catalyst_operator.reconcilers.domains.reconciler import DomainReconciler
from tests import gen, reservations
from tests.fake_kube import Crash, FakeApi, Key
from tests.fake_powerdns import FakePowerDns
from tests.reservations import ADDRESS, HOSTS, NAME, OLD, SERVERS

OTHER_ADDRESS = "203.0.113.21"
CREDENTIAL = "hunter2hunter2hunter2"
BANK = "bank.com"
ROUNDS = 200


@dataclass
class Names:
    """Name servers that give what the servers in memory hold, and a registrar whose changes reach them."""

    ours: FakePowerDns
    parent: FakePowerDns
    clock: Callable[[], datetime]
    registrar: dict[str, tuple[str, ...]] = field(default_factory=lambda: {BANK: OLD})
    refuse: bool = False
    lose_answers: int = 0
    asked: list[str] = field(default_factory=list)

    async def look(self, key: str, question: DnsQuestion) -> DnsReport:
        zone = self.ours.zones.get(f"{question.name}.", {"rrsets": {}})
        records = zone["rrsets"].get((f"{question.probe}.", "A"), {"records": []})["records"]
        addresses = tuple(r["content"] for r in records)
        delegated = tuple(sorted(self._delegation(question)))
        return DnsReport(
            key,
            self.clock(),
            authority=tuple(Answer(s.host, s.address, addresses) for s in SERVERS) if question.probe else (),
            parent=question.parent,
            delegation=(Answer("a.parent.test", "203.0.113.1", delegated),),
        )

    def _delegation(self, question: DnsQuestion) -> Iterator[str]:
        if question.name in self.registrar:
            yield from self.registrar[question.name]
        zone = self.parent.zones.get(f"{question.parent}.", {"rrsets": {}})
        for record in zone["rrsets"].get((f"{question.name}.", "NS"), {"records": []})["records"]:
            yield plain(record["content"])

    # --- the registrar ------------------------------------------------------------------------------------------------

    async def validate(self, domain: Domain) -> None:
        self.asked.append("validate")
        if self.refuse:
            raise RegistrarUnauthorized("it does not know these credentials", "Correct them.")

    async def get(self, domain: Domain) -> RegistrarView:
        self.asked.append("get")
        return RegistrarView(self.registrar.get(domain.name, ()))

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        self.asked.append("set")
        self.registrar[domain.name] = hosts
        if self.lose_answers:
            self.lose_answers -= 1
            raise RegistrarUnavailable("it did not answer")


class World:
    """What the reconciler lives in."""

    def __init__(self) -> None:
        self.now = gen.NOW
        self.api = FakeApi(lambda: self.now)
        self.ours, self.parent = FakePowerDns(), FakePowerDns()
        self.parent.put("omani.works.", "", ("omani.works.", "NS", "a.parent.test."))
        self.names = Names(self.ours, self.parent, lambda: self.now)
        self.woken = asyncio.Event()
        for space in ("team-a", "default"):
            self.api.put("namespaces", {"metadata": {"name": space}})
        self.secrets_read: list[str] = []
        self.api.before_request = self._noted
        self._serial = 0

    def _noted(self, request: Any) -> None:
        if request.key.plural == "secrets":
            self.secrets_read.append(f"{request.key.namespace}/{request.key.name}")

    def restart(self) -> None:
        """A new process: it remembers nothing."""
        ours, parent = self.ours.client(), self.parent.client()
        self.outside = DomainsOutside(
            zones=PowerDns("http://ours.test", SecretStr("key"), ours),
            pools=PowerDns("http://parent.test", SecretStr("key"), parent),
            dns=self.names,
            looks=Errands("look"),
            talks=RegistrarTalks(lambda *_: self.names, lambda: self.now),
            client=ours,
        )
        self.clients = (ours, parent)
        settings = replace(gen.SETTINGS, domains=reservations.SETTINGS)
        metrics = Metrics(CollectorRegistry())
        self.reconciler = DomainReconciler(self.api.client(), self.outside, settings, metrics, lambda: self.now)

    async def close(self) -> None:
        await self.outside.close()
        for client in self.clients:
            await client.aclose()

    # --- people -------------------------------------------------------------------------------------------------------

    def apply(self, name: str = NAME, owner: str = "", **spec: Any) -> None:
        """A reservation, as kubectl or the Sovereign's reconciler makes it."""
        reference = {"sovereignRef": {"namespace": "team-a", "name": "omantel", "uid": owner}} if owner else {}
        self._serial += 1
        meta = {"name": name, "creationTimestamp": "2026-11-22T12:00:00Z"}
        self.api.put("domainreservations", {"metadata": meta, "spec": {"mode": "pool", **reference, **spec}})
        self.api.change(
            Key("domainreservations", "", name),
            lambda o: o["metadata"].update(uid=f"{reservations.UID[:-1]}{self._serial}"),
        )

    def secret(self, namespace: str, name: str) -> None:
        if self.api.get("namespaces", "", namespace) is None:
            self.api.put("namespaces", {"metadata": {"name": namespace}})
        data = {"key": "aHVudGVyMmh1bnRlcjJodW50ZXIy"}
        self.api.put("secrets", {"metadata": {"namespace": namespace, "name": name}, "data": data})

    def read(self, name: str = NAME) -> dict[str, Any] | None:
        return self.api.get("domainreservations", "", name)

    def condition(self, type_: str, name: str = NAME) -> tuple[str, str]:
        found = next(c for c in (self.read(name) or {})["status"]["conditions"] if c["type"] == type_)
        return found["status"], found["reason"]

    # --- time ---------------------------------------------------------------------------------------------------------

    async def settle(self, name: str = NAME) -> None:
        """Reconcile as the queue does, until only time would bring something new, or a minute and a half is over."""
        until = self.now + timedelta(seconds=90)
        for _ in range(ROUNDS):
            before = self._everything()
            try:
                again = await self.reconciler.reconcile(name)
            except Crash:
                await self.close()
                self.restart()
                continue
            except CatalystError:
                again = timedelta(seconds=1)
            await self._errands()
            if again is None or (self._everything() == before and again > timedelta(minutes=1)):
                return
            self.now += max(again, timedelta(seconds=1)) if self._everything() == before else timedelta(0)
            if self.now > until:
                return
        raise AssertionError("it does not come to rest")

    async def _errands(self) -> None:
        """What goes on beside the reconcile takes no time here."""
        for _ in range(20):
            await asyncio.sleep(0)

    def _everything(self) -> str:
        return json.dumps([self.read(), self.read(BANK)], sort_keys=True) + str(
            (self.ours.snapshot(), self.parent.snapshot())
        )


@asynccontextmanager
async def living() -> AsyncIterator[World]:
    world = World()
    world.restart()
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with living() as found:
        yield found


async def give_back(world: World, name: str) -> None:
    world.api.remove("domainreservations", "", name)
    await world.settle(name)
    assert world.read(name) is None


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


def by_api(namespace: str = "catalyst-system") -> dict[str, Any]:
    reference = {"namespace": namespace, "name": "account"}
    return {
        "mode": "byo-api",
        "loadBalancerIP": ADDRESS,
        "registrar": {"name": "ovh", "credentialsSecretRef": reference},
    }


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


def sovereign(world: World, fqdn: str = BANK, account: str = "account") -> None:
    registrar = {"name": "ovh", "credentialsSecretRef": {"name": account}}
    raw = gen.raw_sovereign(gen.spec(domain={"mode": "byo-api", "fqdn": fqdn, "registrar": registrar}))
    world.api.put("sovereigns", raw)
    world.api.change(Key("sovereigns", "team-a", "omantel"), lambda o: o["metadata"].update(uid=gen.UID))


async def test_a_sovereigns_own_secret_is_read(world: World) -> None:
    sovereign(world)
    world.secret("team-a", "account")
    world.apply(BANK, gen.UID, **by_api("team-a"))
    await world.settle(BANK)
    assert world.condition("Ready", BANK) == ("True", "Succeeded")


async def test_the_copy_is_read_once_the_owners_is_gone(world: World) -> None:
    sovereign(world)
    world.secret("team-a", "account")
    space = naming.run_namespace("omantel", gen.UID)
    world.secret(space, naming.REGISTRAR_SECRET)
    world.apply(BANK, gen.UID, **by_api("team-a"))
    await world.settle(BANK)
    world.api.remove("secrets", "team-a", "account")
    await give_back(world, BANK)
    assert world.names.registrar[BANK] == OLD
    assert f"{space}/{naming.REGISTRAR_SECRET}" in world.secrets_read


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
