"""The shape of every emulated vendor, and what its handlers are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from aiohttp import web

from e2e.lab.registrars.accounts import Account, Accounts, Domain
from e2e.lab.registrars.faults import Effect, Faults
from e2e.lab.registrars.registry import Registry, parent


def utc_now() -> datetime:
    """The time of signatures and tasks."""
    return datetime.now(UTC)


@dataclass
class World:
    """All that the vendors share."""

    registry: Registry
    accounts: Accounts = field(default_factory=Accounts)
    faults: Faults = field(default_factory=Faults)
    log: list[dict[str, Any]] = field(default_factory=list)
    """Every request: vendor, what, parameters without credentials, account, status."""
    now: Callable[[], datetime] = utc_now


@dataclass
class Asked:
    """One request to one vendor. A handler notes whose it is in `account`, for the log."""

    world: World
    vendor: str
    request: web.Request
    effect: Effect
    account: Account | None = None

    async def flip(self, domain: Domain, hosts: Sequence[str]) -> None:
        """Give a registered domain other name servers, here and in its parent's DNS."""
        await self.world.registry.publish(parent(domain.name), domain.name, tuple(hosts))
        domain.nameservers = list(hosts)

    async def delegate(self, domain: Domain, name: str) -> None:
        """Have the NS records that the domain's zone holds for a child of it take effect."""
        await self.world.registry.publish(domain.name, name, domain.hosts(name))


Handler = Callable[[Asked], Awaitable[web.Response]]


class Emulator(Protocol):
    """One vendor. Its module says which documents it follows."""

    name: str
    """Its path prefix, and the vendor's name in accounts and faults."""
    secret_parameters: frozenset[str]
    """Parameters of the query or a form that never reach the log."""

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        """Method, path below the prefix, handler. Paths are as aiohttp's router takes them."""
        ...

    async def what(self, request: web.Request) -> str:
        """The name of a request, for the log and for faults: `GET /zones`, or a command."""
        ...

    def limited(self, seconds: int) -> web.Response:
        """The answer to too many requests."""
        ...

    def refusal(self, code: str) -> web.Response:
        """The refusal with this code. Raises KeyError for one that the documents do not have."""
        ...

    def unknown(self, request: web.Request) -> web.Response:
        """The answer to a path or method that is not emulated."""
        ...


def method_and_path(vendor: str, request: web.Request) -> str:
    """The name of a request, where commands are not parameters."""
    return f"{request.method} {request.path.removeprefix(f'/{vendor}')}"
