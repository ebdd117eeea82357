"""`/_lab/`: what no registrar has. It needs no credentials and is only for the lab.

GET    /_lab/accounts[?vendor=...]     accounts with their domains, without credentials
POST   /_lab/accounts {vendor, name, credentials, rights, domains, options}    make an account, or replace it
DELETE /_lab/accounts {vendor, name}   take it back: its credentials are not known any more
GET    /_lab/requests                  every request: vendor, what, parameters without credentials, account, status
GET    /_lab/faults    POST /_lab/faults    DELETE /_lab/faults     see `faults`
POST   /_lab/reset                     forget everything; what is in the DNS stays
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from e2e.lab.registrars.accounts import Account
from e2e.lab.registrars.emulator import World
from e2e.lab.registrars.faults import Fault

_Handler = Callable[[web.Request], Awaitable[web.Response]]


class AccountName(BaseModel):
    """Which account is meant."""

    model_config = ConfigDict(extra="forbid")

    vendor: str
    name: str = "default"


def routes(world: World, vendors: set[str]) -> list[web.RouteDef]:
    """The routes of the lab."""
    api = _LabApi(world, vendors)
    table: list[tuple[str, str, _Handler]] = [
        ("GET", "accounts", api.accounts),
        ("POST", "accounts", api.put_account),
        ("DELETE", "accounts", api.remove_account),
        ("GET", "requests", api.requests),
        ("GET", "faults", api.faults),
        ("POST", "faults", api.add_fault),
        ("DELETE", "faults", api.clear_faults),
        ("POST", "reset", api.reset),
    ]
    return [web.route(method, f"/_lab/{path}", _telling(handler)) for method, path, handler in table]


def _telling(handler: _Handler) -> _Handler:
    """Errors of the caller's making, told as such."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (ValidationError, json.JSONDecodeError) as error:
            return web.json_response({"error": str(error)}, status=422)

    return answer


class _LabApi:
    def __init__(self, world: World, vendors: set[str]) -> None:
        self._world, self._vendors = world, vendors

    async def accounts(self, request: web.Request) -> web.Response:
        vendors = [request.query["vendor"]] if "vendor" in request.query else sorted(self._vendors)
        found = [account for vendor in vendors for account in self._world.accounts.of(vendor)]
        return web.json_response({"accounts": [one.model_dump(mode="json", exclude={"credentials"}) for one in found]})

    async def put_account(self, request: web.Request) -> web.Response:
        account = Account.model_validate(await request.json())
        if account.vendor not in self._vendors:
            return web.json_response({"error": f"vendor is one of {sorted(self._vendors)}"}, status=422)
        self._world.accounts.put(account)
        return web.json_response({"vendor": account.vendor, "name": account.name}, status=201)

    async def remove_account(self, request: web.Request) -> web.Response:
        wanted = AccountName.model_validate(await request.json())
        return web.Response(status=204 if self._world.accounts.remove(wanted.vendor, wanted.name) else 404)

    async def requests(self, _request: web.Request) -> web.Response:
        return web.json_response({"requests": self._world.log})

    async def faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": self._world.faults.listing()})

    async def add_fault(self, request: web.Request) -> web.Response:
        self._world.faults.add(Fault.model_validate(await request.json()))
        return web.json_response({}, status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._world.faults.clear()
        return web.Response(status=204)

    async def reset(self, _request: web.Request) -> web.Response:
        self._world.accounts.clear()
        self._world.faults.clear()
        self._world.log.clear()
        return web.Response(status=204)
