"""The web server: git's protocol for people and controllers, `/_lab/` for the stories.

POST   /_lab/repositories {path, username, password, readonly, template}   make a repository, or give it a further user;
                                                                           without username everybody may read it
GET    /_lab/repositories/{path}/log                  commits of main with their files, the newest first
GET    /_lab/repositories/{path}/files/{file}         a file at the head of main
POST   /_lab/repositories/{path}/commits {files, author, message}   a commit by somebody; a file of null is removed
DELETE /_lab/repositories/{path}                      remove it; one that is not there is removed already
GET    /_lab/faults    POST /_lab/faults {path, status, times}    DELETE /_lab/faults     see `faults`
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from e2e.lab.git_server import backend, commits
from e2e.lab.git_server.faults import BadFault, Faults
from e2e.lab.git_server.git import GitError
from e2e.lab.git_server.repositories import BRANCH, BadPath, Repositories, User, Verdict

_SERVICES = "info/refs|git-upload-pack|git-receive-pack"
_REPOSITORY = r"{path:[^_][^?]*?\.git}"
_TEXTS = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error", 503: "Unavailable"}


def make_app(repositories: Repositories, faults: Faults) -> web.Application:
    """The server's routes over its repositories."""
    lab = _LabApi(repositories, faults)
    app = web.Application(client_max_size=1 << 26)
    table: list[tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]] = [
        ("POST", "repositories", lab.create),
        ("GET", f"repositories/{_REPOSITORY}/log", lab.log),
        ("GET", f"repositories/{_REPOSITORY}/files/{{file:.+}}", lab.read),
        ("POST", f"repositories/{_REPOSITORY}/commits", lab.commit),
        ("DELETE", f"repositories/{_REPOSITORY}", lab.delete),
        ("GET", "faults", lab.faults),
        ("POST", "faults", lab.add_fault),
        ("DELETE", "faults", lab.clear_faults),
    ]
    for method, path, handler in table:
        app.router.add_route(method, f"/_lab/{path}", _telling(handler))
    app.router.add_route("*", f"/{_REPOSITORY}/{{service:{_SERVICES}}}", _Git(repositories, faults).answer)
    return app


class _Git:
    """Git's own protocol, behind basic authentication."""

    def __init__(self, repositories: Repositories, faults: Faults) -> None:
        self._repositories, self._faults = repositories, faults

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path, service = request.match_info["path"], request.match_info["service"]
        if (status := self._faults.take(path)) is not None:
            return _refusal(status)
        write = "git-receive-pack" in (service, request.query.get("service"))
        credentials = _credentials(request)
        verdict = self._repositories.judge(path, credentials, write=write)
        if verdict is not Verdict.ALLOWED:
            return _refusal(verdict.value)
        user = credentials[0] if credentials else None
        return await backend.serve(request, self._repositories.root, f"/{path}/{service}", user)


def _refusal(status: int) -> web.Response:
    headers = {"WWW-Authenticate": 'Basic realm="OpenOva lab"'} if status == 401 else {}
    return web.Response(status=status, headers=headers, text=_TEXTS[status])


def _credentials(request: web.Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password


def _telling(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[..., Awaitable[web.Response]]:
    """Errors of the caller's making, told as such."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (BadPath, BadFault, GitError, KeyError, TypeError, json.JSONDecodeError) as error:
            return web.json_response({"error": str(error)}, status=422)

    return answer


class _LabApi:
    """What no real git server has. Git's commands run in threads: other repositories are served meanwhile."""

    def __init__(self, repositories: Repositories, faults: Faults) -> None:
        self._repositories, self._faults = repositories, faults
        self._writing = asyncio.Lock()

    async def create(self, request: web.Request) -> web.Response:
        wish = await request.json()
        name = wish.get("username")
        user = User(name, wish["password"], bool(wish.get("readonly", False))) if name else None
        async with self._writing:
            await asyncio.to_thread(
                self._repositories.create, wish["path"], user, template=bool(wish.get("template", False))
            )
        return web.json_response({"path": wish["path"]}, status=201)

    async def delete(self, request: web.Request) -> web.Response:
        self._repositories.delete(request.match_info["path"])
        return web.Response(status=204)

    async def log(self, request: web.Request) -> web.Response:
        folder = self._repositories.folder(self._path(request))
        found = await asyncio.to_thread(commits.log, folder, BRANCH)
        return web.json_response({"commits": [asdict(commit) for commit in found]})

    async def read(self, request: web.Request) -> web.Response:
        folder = self._repositories.folder(self._path(request))
        content = await asyncio.to_thread(commits.read, folder, BRANCH, request.match_info["file"])
        return _missing(request.match_info["file"]) if content is None else web.Response(body=content)

    async def commit(self, request: web.Request) -> web.Response:
        wish: dict[str, Any] = await request.json()
        folder = self._repositories.folder(self._path(request))
        async with self._writing:
            sha = await asyncio.to_thread(
                commits.commit_files, folder, BRANCH, wish["files"], wish["author"], wish["message"]
            )
        return web.json_response({"sha": sha}, status=201)

    async def faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": self._faults.listing()})

    async def add_fault(self, request: web.Request) -> web.Response:
        self._faults.add(await request.json())
        return await self.faults(request)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._faults.clear()
        return web.Response(status=204)

    def _path(self, request: web.Request) -> str:
        path = request.match_info["path"]
        if not self._repositories.exists(path):
            raise web.HTTPNotFound(text=f"no repository {path}")
        return path


def _missing(file: str) -> web.Response:
    return web.json_response({"error": f"no file {file}"}, status=404)
