"""The emulators as one web application: what happens to every request before and after its handler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web

from e2e.lab.registrars import lab_api
from e2e.lab.registrars.emulator import Asked, Emulator, Handler, World

_POLL_SECONDS = 0.02
_PAGE = "<html><body><h1>{} from a proxy</h1></body></html>"
_REDACTED = "[redacted]"

_Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(world: World, emulators: Sequence[Emulator]) -> web.Application:
    """All vendors, each under its own prefix, and the lab's API."""
    app = web.Application()
    app.router.add_routes(lab_api.routes(world, {emulator.name for emulator in emulators}))
    for emulator in emulators:
        for method, path, handler in emulator.routes():
            app.router.add_route(method, f"/{emulator.name}{path}", _respond(world, emulator, handler))
        app.router.add_route("*", f"/{emulator.name}/{{rest:.*}}", _respond(world, emulator, _unknown(emulator)))
    return app


def _unknown(emulator: Emulator) -> Handler:
    async def unknown(asked: Asked) -> web.Response:
        return emulator.unknown(asked.request)

    return unknown


def _respond(world: World, emulator: Emulator, handler: Handler) -> _Respond:
    async def respond(request: web.Request) -> web.StreamResponse:
        what = await emulator.what(request)
        effect = world.faults.strike(emulator.name, what)
        asked = Asked(world, emulator.name, request, effect)
        if effect.drop_request or effect.hang == "before":
            return await _leave(request, hang=bool(effect.hang))
        response = _spoiled(emulator, asked) or await handler(asked)
        await _note(asked, emulator, what, response.status)
        if effect.drop_response or effect.hang == "after":
            return await _leave(request, hang=bool(effect.hang))
        return response

    return respond


def _spoiled(emulator: Emulator, asked: Asked) -> web.Response | None:
    """The answer where a fault comes before the handler."""
    effect = asked.effect
    if effect.limited_seconds is not None:
        return emulator.limited(effect.limited_seconds)
    if effect.refuse is not None:
        return emulator.refusal(effect.refuse)
    if effect.raw_status is not None:
        if effect.raw_text is not None:
            return web.Response(status=effect.raw_status, text=effect.raw_text, content_type="application/json")
        page = _PAGE.format(effect.raw_status)
        return web.Response(status=effect.raw_status, text=page, content_type="text/html")
    return None


async def _leave(request: web.Request, *, hang: bool) -> web.Response:
    """Close the connection without an answer; with `hang` only once the client has gone."""
    # aiohttp has no event for a client that goes away.
    while hang and request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _note(asked: Asked, emulator: Emulator, what: str, status: int) -> None:
    parameters = dict(asked.request.query)
    if asked.request.content_type == "application/x-www-form-urlencoded":
        parameters |= {name: str(value) for name, value in (await asked.request.post()).items()}
    elif asked.request.body_exists:
        parameters["body"] = await asked.request.text()
    asked.world.log.append(
        {
            "vendor": emulator.name,
            "what": what,
            "parameters": _redacted(parameters, emulator, asked.world.accounts.secrets()),
            "account": asked.account.name if asked.account else "",
            "status": status,
        }
    )


def _redacted(parameters: Mapping[str, str], emulator: Emulator, secrets: set[str]) -> dict[str, str]:
    def clean(name: str, value: str) -> str:
        known = any(secret in value for secret in secrets)
        return _REDACTED if known or name in emulator.secret_parameters else value

    return {name: clean(name, value) for name, value in parameters.items()}
