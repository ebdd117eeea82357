"""A world for the reconciler of domains: an API server, two PowerDNS, name servers and a registrar, all in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.adapters.registrars.talks import RegistrarTalks
from catalyst_operator.clock import Clock
from catalyst_operator.core.domains.claims.names import plain
from catalyst_operator.core.domains.observation import DnsAnswer, DnsQuestion, DnsReport
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import CatalystError, RegistrarUnauthorized, RegistrarUnavailable
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.domains.outside import DomainsOutside
from catalyst_operator.reconcilers.domains.reconciler import DomainReconciler
from tests.support import gen, reservations
from tests.support.fake_kube import Crash, FakeApi, Key
from tests.support.fake_powerdns import FakePowerDns
from tests.support.reservations import ADDRESS, NAME, OLD, SERVERS

OTHER_ADDRESS = "203.0.113.21"
CREDENTIAL = "hunter2hunter2hunter2"
BANK = "bank.com"
ROUNDS = 200


@dataclass
class Names:
    """Name servers that give what the servers in memory hold, and a registrar whose changes reach them."""

    ours: FakePowerDns
    parent: FakePowerDns
    clock: Clock
    registrar: dict[str, tuple[str, ...]] = field(default_factory=lambda: {BANK: OLD})
    refuse: bool = False
    lose_answers: int = 0
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """What a change waits for before it is carried out."""
    task_takes: timedelta | None = None
    """How long a change takes once it was accepted, at a registrar that makes tasks of them."""
    task_fails: bool = False
    _tasks: dict[str, tuple[tuple[str, ...], datetime, bool]] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)

    def carry_on(self) -> None:
        """Tasks whose time has come are done, or fail."""
        for name, (hosts, due, fails) in list(self._tasks.items()):
            if self.clock() >= due:
                del self._tasks[name]
                if fails:
                    self._failed.add(name)
                else:
                    self.registrar[name] = hosts

    async def look(self, key: str, question: DnsQuestion) -> DnsReport:
        self.carry_on()
        zone = self.ours.zones.get(f"{question.name}.", {"rrsets": {}})
        records = zone["rrsets"].get((f"{question.probe}.", "A"), {"records": []})["records"]
        addresses = tuple(r["content"] for r in records)
        delegated = tuple(sorted(self._delegation(question)))
        return DnsReport(
            key,
            self.clock(),
            authority=tuple(DnsAnswer(s.host, s.address, addresses) for s in SERVERS) if question.probe else (),
            parent=question.parent,
            delegation=(DnsAnswer("a.parent.test", "203.0.113.1", delegated),),
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
        self.carry_on()
        pending = "a task is to be done" if domain.name in self._tasks else ""
        failed = "the task failed" if domain.name in self._failed else ""
        return RegistrarView(self.registrar.get(domain.name, ()), pending, failed)

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        self.asked.append("set")
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            # The request was sent; whoever sent it does not hear of it any more.
            self._accept(domain, hosts)
            raise
        self._accept(domain, hosts)
        if self.lose_answers:
            self.lose_answers -= 1
            raise RegistrarUnavailable("it did not answer")

    def _accept(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        self._failed.discard(domain.name)
        self._tasks.pop(domain.name, None)
        if self.task_takes is None:
            self.registrar[domain.name] = hosts
        else:
            self._tasks[domain.name] = hosts, self.clock() + self.task_takes, self.task_fails


class World:
    """What the reconciler lives in."""

    def __init__(self) -> None:
        self.now = gen.NOW
        self.api = FakeApi(lambda: self.now)
        self.ours, self.parent = FakePowerDns(), FakePowerDns()
        self.parent.put("omani.works.", "", ("omani.works.", "NS", "a.parent.test."))
        self.names = Names(self.ours, self.parent, lambda: self.now)
        self.woken: set[str] = set()
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
        self.reconciler.wake = self.woken.add

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

    def condition_or_none(self, type_: str, name: str = NAME) -> tuple[str, str] | None:
        """The same of one of which nothing may have been told yet."""
        found = (self.read(name) or {}).get("status", {}).get("conditions", ())
        return next(((c["status"], c["reason"]) for c in found if c["type"] == type_), None)

    # --- time ---------------------------------------------------------------------------------------------------------

    async def settle(self, name: str = NAME, *, seconds: float = 90) -> None:
        """Reconcile as the queue does, until only time would bring something new, or these seconds are over."""
        until = self.now + timedelta(seconds=seconds)
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
            await self.rest()
            if name in self.woken:
                self.woken.discard(name)
                continue
            if again is None or (self._everything() == before and again > timedelta(minutes=1)):
                return
            self.now += max(again, timedelta(seconds=1)) if self._everything() == before else timedelta(0)
            if self.now > until:
                return
        raise AssertionError("it does not come to rest")

    async def rest(self) -> None:
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


async def give_back(world: World, name: str) -> None:
    world.api.remove("domainreservations", "", name)
    await world.settle(name)
    assert world.read(name) is None


def by_api(namespace: str = "catalyst-system") -> dict[str, Any]:
    reference = {"namespace": namespace, "name": "account"}
    return {
        "mode": "byo-api",
        "loadBalancerIP": ADDRESS,
        "registrar": {"name": "ovh", "credentialsSecretRef": reference},
    }


def sovereign(world: World, fqdn: str = BANK, account: str = "account") -> None:
    registrar = {"name": "ovh", "credentialsSecretRef": {"name": account}}
    raw = gen.raw_sovereign(gen.spec(domain={"mode": "byo-api", "fqdn": fqdn, "registrar": registrar}))
    world.api.put("sovereigns", raw)
    world.api.change(Key("sovereigns", "team-a", "omantel"), lambda o: o["metadata"].update(uid=gen.UID))
