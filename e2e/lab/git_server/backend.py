"""The bridge between HTTP and `git http-backend`, which speaks CGI: the protocol is git's own from end to end."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from aiohttp import web

from e2e.lab.git_server.git import environment

_CHUNK = 1 << 16
_HEADER_LIMIT = 1 << 16


async def serve(request: web.Request, root: Path, path: str, user: str | None) -> web.StreamResponse:
    """Let git answer a request for `path` below `root`."""
    process = await asyncio.create_subprocess_exec(
        "git", "http-backend", stdin=PIPE, stdout=PIPE, env=_environment(request, root, path, user), limit=_HEADER_LIMIT
    )
    feeding = asyncio.create_task(_feed(request, process))
    try:
        return await _answer(request, process)
    finally:
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding
        await _reap(process)


def _environment(request: web.Request, root: Path, path: str, user: str | None) -> dict[str, str]:
    # No CONTENT_LENGTH and no content encoding: the web server has already unpacked the body, git reads it to its end.
    more = {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_ADDR": request.remote or "",
    }
    if user:
        more["REMOTE_USER"] = user
    return environment(root, **more)


async def _feed(request: web.Request, process: Process) -> None:
    assert process.stdin
    with contextlib.suppress(ConnectionError):
        async for chunk in request.content.iter_chunked(_CHUNK):
            process.stdin.write(chunk)
            await process.stdin.drain()
    process.stdin.close()


async def _answer(request: web.Request, process: Process) -> web.StreamResponse:
    assert process.stdout
    status, headers = 200, {}
    while line := (await process.stdout.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers[name] = value.strip()
    if not headers and status == 200:
        return web.Response(status=500, text="git gave no answer\n")
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    while chunk := await process.stdout.read(_CHUNK):
        await response.write(chunk)
    await response.write_eof()
    return response


async def _reap(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
    if process.returncode is None:
        process.kill()
        await process.wait()
