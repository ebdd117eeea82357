"""kopf as it is set up here, with thousands of objects: they are read in pages, and what was told is let go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import kopf
import pytest
from aiohttp import web

from catalyst_operator import handlers
from catalyst_operator.api import labels
from catalyst_operator.reconcilers.sovereign import Key
from e2e.support.waiting import until

COUNT = handlers.LIST_PAGE * 2 + 1
PATIENCE = 60.0
LESS_THAN_KOPF = 4.0
VERBS = ["list", "watch", "patch"]
SERVED = {
    "v1": {"pods": "Pod", "namespaces": "Namespace"},
    "batch/v1": {"jobs": "Job"},
    labels.API_VERSION: {"sovereigns": "Sovereign", "domainreservations": "DomainReservation"},
}


class ApiServer:
    """Lists so many Sovereigns, in pages where it is asked to, and has no news."""

    def __init__(self) -> None:
        self.pages: list[int] = []
        """How many Sovereigns each answer had."""
        self.watched = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request)
        plural = request.path.rpartition("/")[2]
        if any(plural in kinds for kinds in SERVED.values()):
            return web.json_response(self._listed(request, plural))
        return web.json_response(_discovered(request.path))

    def _listed(self, request: web.Request, plural: str) -> dict[str, Any]:
        first, limit = (int(request.query.get(name, 0)) for name in ("continue", "limit"))
        found = [_sovereign(n) for n in range(COUNT)] if plural == "sovereigns" else []
        page = found[first : first + limit] if limit else found
        rest = first + len(page) < len(found)
        if plural == "sovereigns":
            self.pages.append(len(page))
        return {
            "metadata": {"resourceVersion": "5", **({"continue": str(first + limit)} if rest else {})},
            "items": page,
        }

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.watched += 1
        await asyncio.Event().wait()
        return response


def _sovereign(number: int) -> dict[str, Any]:
    meta = {"namespace": "team-a", "name": f"s-{number}", "uid": f"u-{number}", "resourceVersion": "5"}
    return {"apiVersion": labels.API_VERSION, "kind": "Sovereign", "metadata": meta}


def _discovered(path: str) -> dict[str, Any]:
    if path == "/api":
        return {"versions": ["v1"]}
    if path == "/apis":
        versions = [tuple(version.split("/")) for version in SERVED if "/" in version]
        told = [(group, {"groupVersion": f"{group}/{version}", "version": version}) for group, version in versions]
        return {"groups": [{"name": group, "versions": [v], "preferredVersion": v} for group, v in told]}
    kinds = SERVED[path.removeprefix("/apis/").removeprefix("/api/")]
    return {
        "resources": [
            {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": True, "verbs": VERBS}
            for plural, kind in kinds.items()
        ]
    }


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    found = ApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    config = {
        "clusters": [{"name": "x", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "x", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield found
    await runner.cleanup()


def kept() -> int:
    """The objects of which kopf still holds the last event."""
    return sum(task.get_name().startswith("worker for") for task in asyncio.all_tasks())


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The objects that kopf made a copy of to compare it with the next."""
    found: list[object] = []
    build = kopf.DiffBaseStorage.build

    def counted(storage: kopf.DiffBaseStorage, **kwargs: Any) -> Any:
        found.append(kwargs["body"])
        return build(storage, **kwargs)

    monkeypatch.setattr(kopf.DiffBaseStorage, "build", counted)
    return found


async def test_thousands_are_read_in_pages_and_let_go_once_they_are_told(
    server: ApiServer, copied: list[object]
) -> None:
    registry, stop = kopf.OperatorRegistry(), asyncio.Event()
    woken: set[Key] = set()
    handlers.register(registry, lambda key, _: woken.add(key), woken.add, lambda _: None, lambda: None, api_server="")
    running = asyncio.create_task(kopf.operator(registry=registry, clusterwide=True, standalone=True, stop_flag=stop))
    try:
        await until(lambda: len(woken) == COUNT and server.watched, seconds=PATIENCE)
        assert server.pages == [handlers.LIST_PAGE, handlers.LIST_PAGE, 1]
        # kopf would keep each for five seconds by itself, and so all of them at once.
        await until(lambda: kept() == 0, seconds=LESS_THAN_KOPF)
        assert copied == [], "no handler asks what was changed"
    finally:
        stop.set()
        await running
