"""The emulated cloud as one object: its parts, and what one request may use of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from e2e.lab.hcloud.actions import Actions
from e2e.lab.hcloud.addresses import DOCUMENTATION
from e2e.lab.hcloud.boot.boots import Boots
from e2e.lab.hcloud.catalogue import Catalogue, OfferChange
from e2e.lab.hcloud.delays import Delays
from e2e.lab.hcloud.errors import ApiError, invalid_input, not_found
from e2e.lab.hcloud.faults import Effect, Faults
from e2e.lab.hcloud.projects import Access, Projects
from e2e.lab.hcloud.ratelimit import RateLimiter
from e2e.lab.hcloud.store import Object, Store


class ServerHook(Protocol):
    """Told what happens to servers; what a lab adds to let servers do something. `server` is as stored."""

    def on_server_started(self, server: Object) -> None:
        """Called each time a server goes to `running`, also when it ran before, as at a reboot."""

    def on_server_stopped(self, server: Object) -> None:
        """Called each time a server goes to `off`."""

    def on_server_deleted(self, server: Object) -> None:
        """Called when a server is gone."""

    async def resume(self) -> None:
        """Called once, before the first request: servers may run since an emulator before this one."""

    async def reset(self) -> None:
        """Called when all servers are gone at once."""

    async def close(self) -> None:
        """Called when the emulator ends."""


class NoHook:
    """Servers that do nothing."""

    def on_server_started(self, server: Object) -> None:
        pass

    def on_server_stopped(self, server: Object) -> None:
        pass

    def on_server_deleted(self, server: Object) -> None:
        pass

    async def resume(self) -> None:
        pass

    async def reset(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Cloud:
    """All parts of the emulated cloud."""

    def __init__(
        self,
        state_dir: Path,
        *,
        clock: Callable[[], float] = time.time,
        catalogue: Catalogue | None = None,
        public_ranges: Sequence[IPv4Network] = DOCUMENTATION,
    ) -> None:
        self.clock = clock
        self.hook: ServerHook = NoHook()
        self.public_ranges = public_ranges
        self.store = Store(state_dir)
        self.catalogue = catalogue or Catalogue()
        self.actions = Actions(self.store, clock)
        self.faults = Faults(self.store)
        self.projects = Projects(self.store)
        self.boots = Boots(self.store)
        self.limiter = RateLimiter(clock)
        self.delays = Delays.model_validate(self.store.setting("delays") or {})
        for change in self.store.setting("offers") or []:
            self.catalogue.change_offer(OfferChange.model_validate(change))

    def change_offer(self, change: OfferChange) -> None:
        self.catalogue.change_offer(change)
        self.store.set_setting("offers", [*(self.store.setting("offers") or []), change.model_dump()])

    def public_address(self, server_id: int) -> str | None:
        """A server's public IPv4 address."""
        own = self.store.where("primary_ips", lambda ip: ip["assignee_id"] == server_id and ip["type"] == "ipv4")
        return next((ip["ip"] for ip in own), None)

    def set_delays(self, delays: Delays) -> None:
        self.delays = delays
        self.store.set_setting("delays", delays.model_dump())


class Request(BaseModel):
    """Base of every request's body: a field that the API does not know is refused, types are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


AnyRequest = TypeVar("AnyRequest", bound=Request)


@dataclass(frozen=True)
class Reply:
    """An answer that is not an error; None as body is an answer without one."""

    body: Object | None = None
    status: int = 200


NO_CONTENT = Reply(status=204)


@dataclass(frozen=True)
class Call:
    """One request of a project, and the cloud that answers it."""

    cloud: Cloud
    access: Access
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: Object
    effect: Effect

    @property
    def project(self) -> str:
        return self.access.project

    @property
    def store(self) -> Store:
        return self.cloud.store

    def parse(self, model: type[AnyRequest]) -> AnyRequest:
        """The body as a model; what does not fit is `invalid_input` with the fields' names."""
        try:
            return model.model_validate(self.body)
        except ValidationError as error:
            fields = [(".".join(map(str, item["loc"])) or "body", item["msg"]) for item in error.errors()]
            names = ", ".join(f"'{name}'" for name, _ in fields)
            raise invalid_input(f"invalid input in field {names}", fields) from None

    def find(self, kind: str, number: int | None) -> Object | None:
        """The project's object with this id."""
        return self.store.get(kind, number, self.project)

    def need(self, kind: str, number: int | None, what: str) -> Object:
        """The project's object with this id, or `not_found`."""
        found = self.find(kind, number)
        if found is None:
            raise not_found(what)
        return found

    def all(self, kind: str) -> list[Object]:
        return self.store.all(kind, self.project)

    def first(self, name: str) -> str | None:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    def start(self, command: str, seconds: float, *resources: tuple[str, int]) -> Object:
        """Start an action and show it; a fault may make it fail, or run for ever."""
        failing = self.effect.action_error
        error: dict[str, Any] | None = failing.model_dump() if failing else None
        if self.effect.action_seconds is not None:
            seconds = self.effect.action_seconds
        action = self.cloud.actions.start(self.project, command, seconds, *resources, error=error)
        if self.effect.stuck:
            self.cloud.actions.hold(action)
        return self.cloud.actions.render(action)

    def quick(self, command: str, *resources: tuple[str, int]) -> Object:
        """Start an action of the usual length."""
        return self.start(command, self.cloud.delays.action_seconds, *resources)

    def check_limit(self, kind: str, what: str) -> None:
        """Refuse one more object than the project may have."""
        limit = getattr(self.cloud.projects.limits(self.project), kind)
        if limit is not None and len(self.all(kind)) >= limit:
            raise ApiError("resource_limit_exceeded", f"{what} limit exceeded")


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A method and a path below `/v1`, and what answers it."""

    method: str
    path: str
    handler: Handler
