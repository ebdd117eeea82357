"""Adapters against the emulated registrars, on loopback, with a guard against credentials that people could read."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import pytest
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from catalyst_operator.adapters.registrars.connect import connect
from catalyst_operator.adapters.registrars.http import Pause
from catalyst_operator.adapters.registrars.registrar import Registrar
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.errors import RegistrarError
from e2e.lab.registrars.accounts import Account, Domain, Record
from e2e.lab.registrars.app import make_app
from e2e.lab.registrars.emulator import World
from e2e.lab.registrars.faults import Effect, Fault
from e2e.lab.registrars.registry import MemoryRegistry
from e2e.lab.registrars.vendors import all_vendors

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD, NEW = ("ns1.old.test", "ns2.old.test"), ("ns1.openova.test", "ns2.openova.test")
LIMIT_SECONDS = 2.0
"""For one request; a fault that lets a request hang should not cost more."""

Error = TypeVar("Error", bound=RegistrarError)


async def no_pause(_seconds: float) -> None:
    """Repeat at once."""


@dataclass
class Lab:
    """The emulators, and a client for the adapters."""

    url: str
    client: httpx.AsyncClient
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    world: World = field(init=False)
    now: datetime = NOW
    pause: Pause = no_pause
    seen: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.registry, now=lambda: self.now)

    def account(self, vendor: RegistrarName, credentials: Mapping[str, str], *domains: Domain, **more: Any) -> Account:
        """An account that exists."""
        account = Account(vendor=vendor, credentials=dict(credentials), domains=list(domains), **more)
        self.world.accounts.put(account)
        return account

    def connect(
        self, vendor: RegistrarName, credentials: Mapping[str, str], *, limit_seconds: float = LIMIT_SECONDS
    ) -> Registrar:
        """An adapter with these credentials."""
        return connect(
            vendor,
            {key: SecretStr(value) for key, value in credentials.items()},
            client=self.client,
            endpoint=f"{self.url}/{vendor}",
            clock=lambda: self.now,
            limit_seconds=limit_seconds,
            pause=self.pause,
        )

    def fault(self, vendor: RegistrarName, what: str = ".*", *, after: int = 0, times: int = 1, **effect: Any) -> None:
        """Something that goes wrong with the requests to come."""
        wrong = Effect.model_validate(effect)
        self.world.faults.add(Fault(vendor=vendor, what=what, effect=wrong, after=after, times=times))

    def asked(self, vendor: RegistrarName) -> list[str]:
        """The names of the requests that the vendor answered or carried out."""
        return [entry["what"] for entry in self.world.log if entry["vendor"] == vendor]

    @contextmanager
    def raises(self, kind: type[Error], match: str = "") -> Iterator[pytest.ExceptionInfo[Error]]:
        """Like pytest.raises for exactly this kind, and what is raised is looked at for credentials as well."""
        with pytest.raises(kind, match=match or None) as caught:
            yield caught
        assert type(caught.value) is kind, caught.value
        self.seen.append(caught.value)


@asynccontextmanager
async def serve() -> AsyncIterator[Lab]:
    """The emulators on a port of their own."""
    async with httpx.AsyncClient(trust_env=False) as client:
        lab = Lab("", client)
        server = TestServer(make_app(lab.world, all_vendors()))
        await server.start_server(access_log=None)
        lab.url = str(server.make_url("")).rstrip("/")
        try:
            yield lab
        finally:
            await server.close()


def printed(error: BaseException) -> str:
    """Whatever Python would print of an error and of all that hangs on it."""
    texts = ["".join(traceback.format_exception(error))]
    chain: list[BaseException | None] = [error]
    while (current := chain.pop()) is not None:
        texts.append(f"{current} {current!r} {current.args!r} {vars(current)!r}")
        chain += [current.__cause__ or current.__context__]
    return "\n".join(texts)


def zone(name: str, *records: tuple[str, str, str], nameservers: tuple[str, ...] = OLD, **more: Any) -> Domain:
    """A domain in an account, with records of its zone as (name, type, content)."""
    found = [Record(name=owner, type=kind, content=content) for owner, kind, content in records]
    return Domain(name=name, nameservers=list(nameservers), records=found, **more)
