"""`/_lab/`: what the real API does not have. It needs no token and is only for the lab.

GET    /_lab/inventory[?project=name|?token=...]   every object by kind, as the API shows them
GET    /_lab/servers/{id}/user_data                the text as it was ordered
GET    /_lab/requests                              every write: time, method, path, project, status, name
GET    /_lab/projects                              projects, without their tokens
POST   /_lab/projects {token, project, readonly, limits, boots}   make a token valid; `project` defaults to a new one;
                                                   with `boots` its servers do, where the emulator belongs to a lab
DELETE /_lab/projects {token}                      make a token invalid; the project's objects stay
GET    /_lab/faults    POST /_lab/faults    DELETE /_lab/faults     see `faults`
GET    /_lab/delays    POST /_lab/delays           see `delays`
POST   /_lab/offers {server_type, location, available, retired, monthly}    sold out, back again, retired, dearer
POST   /_lab/reset                                 forget everything but the tokens known at the start
What is about booting servers is in `boot.api`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, ValidationError

from e2e.lab.hcloud.boot.api import BootApi
from e2e.lab.hcloud.catalogue import Catalogue, OfferChange
from e2e.lab.hcloud.cloud import Call, Cloud
from e2e.lab.hcloud.delays import Delays
from e2e.lab.hcloud.errors import ApiError
from e2e.lab.hcloud.faults import Effect, Fault
from e2e.lab.hcloud.projects import DEFAULT_PROJECT, TOKEN_LENGTH, Access, digest
from e2e.lab.hcloud.routes import (
    certificates,
    firewalls,
    floating_ips,
    images,
    load_balancers,
    networks,
    placement_groups,
    primary_ips,
    servers,
    ssh_keys,
    volumes,
)

_KINDS = (
    servers.KIND,
    networks.KIND,
    firewalls.KIND,
    ssh_keys.KIND,
    placement_groups.KIND,
    load_balancers.KIND,
    volumes.KIND,
    primary_ips.KIND,
    floating_ips.KIND,
    certificates.KIND,
    images.KIND,
)


class LimitsRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    servers: NonNegativeInt | None = None
    load_balancers: NonNegativeInt | None = None
    volumes: NonNegativeInt | None = None
    networks: NonNegativeInt | None = None
    primary_ips: NonNegativeInt | None = None
    requests_per_hour: PositiveInt | None = None


class ProjectRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str
    project: str | None = None
    readonly: bool = False
    limits: LimitsRequest | None = None
    boots: bool | None = None


class TokenRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str


_Handler = Callable[[web.Request], Awaitable[web.Response]]


def routes(cloud: Cloud) -> list[web.RouteDef]:
    """The routes of the lab."""
    api = _LabApi(cloud)
    table: list[tuple[str, str, _Handler]] = [
        ("GET", "inventory", api.inventory),
        ("GET", "servers/{id}/user_data", api.user_data),
        ("GET", "requests", api.requests),
        ("GET", "projects", api.projects),
        ("POST", "projects", api.admit),
        ("DELETE", "projects", api.revoke),
        ("GET", "faults", api.faults),
        ("POST", "faults", api.add_fault),
        ("DELETE", "faults", api.clear_faults),
        ("GET", "delays", api.delays),
        ("POST", "delays", api.set_delays),
        ("POST", "offers", api.change_offer),
        ("POST", "reset", api.reset),
        *BootApi(cloud).table(),
    ]
    return [web.route(method, f"/_lab/{path}", _answering(cloud, handler)) for method, path, handler in table]


def _answering(cloud: Cloud, handler: _Handler) -> _Handler:
    async def answer(request: web.Request) -> web.Response:
        cloud.actions.advance()
        try:
            return await handler(request)
        except ApiError as error:
            return web.json_response(error.body(), status=error.status)
        except (ValidationError, json.JSONDecodeError) as error:
            return web.json_response(ApiError("invalid_input", str(error)).body(), status=422)
        finally:
            cloud.store.commit()

    return answer


class _LabApi:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._tokens_at_start = cloud.projects.token_digests()

    async def inventory(self, request: web.Request) -> web.Response:
        wanted = request.query.get("project")
        if token := request.query.get("token"):
            wanted = self._cloud.projects.access(token).project
        names = [wanted] if wanted else sorted(self._project_names())
        found: dict[str, list[Any]] = {kind.plural: [] for kind in _KINDS}
        for name in names:
            call = Call(self._cloud, Access(name), {}, {}, {}, Effect())
            for kind in _KINDS:
                found[kind.plural] += [{**kind.render(call, item), "project": name} for item in call.all(kind.plural)]
        return web.json_response(found)

    def _project_names(self) -> set[str]:
        owners = {item["project"] for kind in _KINDS for item in self._cloud.store.all(kind.plural)}
        return owners | self._cloud.projects.names()

    async def user_data(self, request: web.Request) -> web.Response:
        text = request.match_info["id"]
        server = self._cloud.store.get("servers", int(text) if text.isdigit() else None)
        if server is None:
            raise ApiError("not_found", "server not found")
        return web.Response(text=server["user_data"])

    async def requests(self, _request: web.Request) -> web.Response:
        return web.json_response({"requests": self._cloud.store.log()})

    async def projects(self, _request: web.Request) -> web.Response:
        return web.json_response({"projects": self._cloud.projects.listing()})

    async def admit(self, request: web.Request) -> web.Response:
        wanted = ProjectRequest.model_validate(await request.json())
        if len(wanted.token) != TOKEN_LENGTH:
            raise ApiError("invalid_input", f"a token has {TOKEN_LENGTH} characters")
        access = Access(wanted.project or f"project-{digest(wanted.token)[:8]}", wanted.readonly)
        limits = wanted.limits.model_dump(exclude_none=True) if wanted.limits else None
        self._cloud.projects.admit(wanted.token, access, limits)
        if wanted.boots is not None:
            self._cloud.boots.set_boots(access.project, wanted.boots)
        return web.json_response({"project": access.project, "readonly": access.readonly}, status=201)

    async def revoke(self, request: web.Request) -> web.Response:
        self._cloud.projects.revoke(TokenRequest.model_validate(await request.json()).token)
        return web.Response(status=204)

    async def faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": self._cloud.faults.listing()})

    async def add_fault(self, request: web.Request) -> web.Response:
        fault = self._cloud.faults.add(Fault.model_validate(await request.json()))
        return web.json_response({"fault": fault.model_dump()}, status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._cloud.faults.clear()
        return web.Response(status=204)

    async def delays(self, _request: web.Request) -> web.Response:
        return web.json_response(self._cloud.delays.model_dump())

    async def set_delays(self, request: web.Request) -> web.Response:
        self._cloud.set_delays(Delays.model_validate(await request.json()))
        return await self.delays(request)

    async def change_offer(self, request: web.Request) -> web.Response:
        self._cloud.change_offer(OfferChange.model_validate(await request.json()))
        return web.Response(status=204)

    async def reset(self, _request: web.Request) -> web.Response:
        self._cloud.store.clear()
        self._cloud.actions.forget()
        self._cloud.catalogue = Catalogue()
        self._cloud.store.set_setting("offers", [])
        self._cloud.faults.clear()
        self._cloud.set_delays(Delays())
        self._cloud.projects.forget_all_but(self._tokens_at_start)
        self._cloud.boots.forget(DEFAULT_PROJECT)
        self._cloud.limiter.reset()
        await self._cloud.hook.reset()
        return web.Response(status=204)
