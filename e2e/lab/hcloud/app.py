"""The emulator as a web application: what happens to every request before and after its handler."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from e2e.lab.hcloud import lab_api, routes
from e2e.lab.hcloud.cloud import Call, Cloud, Reply, Route
from e2e.lab.hcloud.errors import ApiError, not_found
from e2e.lab.hcloud.faults import Effect
from e2e.lab.hcloud.projects import Access
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339

API = "/v1"
_READS = {"GET", "HEAD"}
_MAX_BODY_BYTES = 1024**2

CLOUD = web.AppKey("cloud", Cloud)

_Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(cloud: Cloud) -> web.Application:
    """The application; it ends running actions in the background while it is served."""
    app = web.Application(middlewares=[_unknown_paths], client_max_size=_MAX_BODY_BYTES)
    app[CLOUD] = cloud
    cloud.actions.when_done(routes.all_effects(cloud))
    for route in routes.all_routes():
        app.router.add_route(route.method, API + route.path, _respond(cloud, route))
    app.router.add_routes(lab_api.routes(cloud))
    app.cleanup_ctx.append(_background)
    return app


async def _background(app: web.Application) -> AsyncIterator[None]:
    await app[CLOUD].hook.resume()
    task = asyncio.create_task(app[CLOUD].actions.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await app[CLOUD].hook.close()
    app[CLOUD].store.close()


@web.middleware
async def _unknown_paths(request: web.Request, handler: _Respond) -> web.StreamResponse:
    """Answer what no route knows as the API does, in JSON."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return web.json_response(not_found("resource").body(), status=404)
    except web.HTTPMethodNotAllowed as error:
        return web.json_response(ApiError("not_found", "method not allowed").body(), status=error.status)


def _respond(cloud: Cloud, route: Route) -> _Respond:
    async def respond(request: web.Request) -> web.StreamResponse:
        return await _Exchange(cloud, route, request).answer()

    return respond


class _Exchange:
    """One request and its answer: token, rate limit, faults, the handler, the log."""

    def __init__(self, cloud: Cloud, route: Route, request: web.Request) -> None:
        self._cloud = cloud
        self._route = route
        self._request = request
        self._access: Access | None = None
        self._body: Object = {}
        self._headers = {"X-Correlation-Id": secrets.token_hex(8)}

    async def answer(self) -> web.StreamResponse:
        self._cloud.actions.advance()
        try:
            self._access = self._authenticate()
            self._body = await self._read_body()
            effect = self._strike()
            await asyncio.sleep(effect.delay_seconds)
            if effect.drop_request:
                return self._hang_up()
            response = self._render(self._work(effect))
        except ApiError as error:
            effect = Effect()
            response = web.json_response(error.body(), status=error.status, headers=self._headers)
        self._log(response.status)
        self._cloud.store.commit()
        return self._hang_up() if effect.drop_response else response

    def _authenticate(self) -> Access:
        scheme, _, token = self._request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise ApiError("unauthorized", "unable to authenticate")
        access = self._cloud.projects.access(token.strip())
        limit = self._cloud.projects.limits(access.project).requests_per_hour
        self._headers |= self._cloud.limiter.headers(access.project, limit)
        self._headers |= self._cloud.limiter.take(access.project, limit)
        if access.readonly and self._request.method not in _READS:
            self._access = access
            raise ApiError("token_readonly", "token is only allowed to perform GET requests")
        return access

    async def _read_body(self) -> Object:
        text = await self._request.text()
        if not text:
            return {}
        try:
            body = json.loads(text)
        except json.JSONDecodeError:
            raise ApiError("json_error", "unable to parse JSON in request body") from None
        if not isinstance(body, dict):
            raise ApiError("json_error", "the request body must be a JSON object")
        return body

    def _strike(self) -> Effect:
        path = self._request.path.removeprefix(API)
        return self._cloud.faults.strike(self._project, self._request.method, path, self._body)

    def _work(self, effect: Effect) -> Reply:
        if effect.raw_status:
            return Reply(status=effect.raw_status)
        error = effect.error()
        if error:
            raise error
        assert self._access is not None
        # Time may have passed in a delay: what ended meanwhile counts.
        self._cloud.actions.advance()
        query = {name: self._request.query.getall(name) for name in self._request.query}
        return self._route.handler(Call(self._cloud, self._access, self._request.match_info, query, self._body, effect))

    def _render(self, reply: Reply) -> web.Response:
        if reply.body is None:
            return web.Response(status=reply.status, headers=self._headers)
        return web.json_response(reply.body, status=reply.status, headers=self._headers)

    def _hang_up(self) -> web.StreamResponse:
        if self._request.transport is not None:
            self._request.transport.abort()
        return web.Response()

    @property
    def _project(self) -> str:
        return self._access.project if self._access else "-"

    def _log(self, status: int) -> None:
        """Note a write: never a token, never a body but its name."""
        if self._request.method in _READS:
            return
        entry: dict[str, Any] = {
            "time": rfc3339(self._cloud.clock()),
            "method": self._request.method,
            "path": self._request.path,
            "project": self._project,
            "status": status,
            "name": self._body.get("name"),
        }
        self._cloud.store.append_log(entry)
