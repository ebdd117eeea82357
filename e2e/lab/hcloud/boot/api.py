"""The part of `/_lab/` that is about booting servers.

GET    /_lab/boots                                 boot faults that stand
POST   /_lab/boots {project, match, effect}        see `boots`
DELETE /_lab/boots {project}                       take back a project's boot faults; without a body everybody's
POST   /_lab/kit_faults {project, faults}          what the stand-ins of the project's clusters read, now and later
POST   /_lab/discard {project}                     end for good what runs on a project's servers; the API does not tell
POST   /_lab/servers/{id}/api {action}             of its API server: stop, start, restart; of what is sent to and from
                                                   it without notice: cut, mend
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from e2e.lab.hcloud.boot.boots import BootFault
from e2e.lab.hcloud.boot.host import NotPossible
from e2e.lab.hcloud.boot.machine import Machine
from e2e.lab.hcloud.boot.servers import Servers
from e2e.lab.hcloud.cloud import Cloud
from e2e.lab.hcloud.errors import ApiError


class KitFaultsRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    project: str
    faults: dict[str, Any]


class ProjectReference(BaseModel):
    model_config = ConfigDict(extra="forbid")

    project: str


class ApiRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    action: Literal["stop", "start", "restart", "cut", "mend"]


class BootApi:
    """Handlers for the table of `lab_api`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def table(self) -> list[tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]]:
        return [
            ("GET", "boots", self.faults),
            ("POST", "boots", self.add_fault),
            ("DELETE", "boots", self.clear_faults),
            ("POST", "kit_faults", self.set_kit_faults),
            ("POST", "discard", self.discard),
            ("POST", "servers/{id}/api", self.act),
        ]

    async def faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": self._cloud.boots.faults()})

    async def add_fault(self, request: web.Request) -> web.Response:
        self._cloud.boots.add_fault(BootFault.model_validate(await request.json()))
        return web.Response(status=204)

    async def clear_faults(self, request: web.Request) -> web.Response:
        body = ProjectReference.model_validate(await request.json()) if request.can_read_body else None
        self._cloud.boots.clear_faults(body.project if body else None)
        return web.Response(status=204)

    async def set_kit_faults(self, request: web.Request) -> web.Response:
        wanted = KitFaultsRequest.model_validate(await request.json())
        self._cloud.boots.set_kit_faults(wanted.project, wanted.faults)
        for machine in self._servers.of_project(wanted.project):
            await machine.put_kit_faults(wanted.faults)
        return web.Response(status=204)

    async def discard(self, request: web.Request) -> web.Response:
        project = ProjectReference.model_validate(await request.json()).project
        self._cloud.boots.set_boots(project, False)
        await self._servers.discard(project)
        return web.Response(status=204)

    async def act(self, request: web.Request) -> web.Response:
        machine = self._machine(request.match_info["id"])
        action = ApiRequest.model_validate(await request.json()).action
        try:
            await machine.act(action)
        except NotPossible:
            raise ApiError("unsupported_error", "connections can be cut where the emulator has a device") from None
        return web.Response(status=204)

    @property
    def _servers(self) -> Servers:
        if not isinstance(self._cloud.hook, Servers):
            raise ApiError("unsupported_error", "servers do not boot: the emulator was started without a lab")
        return self._cloud.hook

    def _machine(self, text: str) -> Machine:
        machine = self._servers.get(int(text)) if text.isdigit() else None
        if machine is None or not machine.has_api:
            raise ApiError("not_found", f"server {text} has no API server")
        return machine
