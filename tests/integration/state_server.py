"""A small server that speaks the protocol of OpenTofu's http backend, with locks, behind a user name and a password."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.in_thread import in_thread

USER, PASSWORD = "tofu", "http-password-of-the-tests"


@dataclass
class StateServer:
    """What it holds: path -> state, path -> information about the lock."""

    port: int = 0
    states: dict[str, bytes] = field(default_factory=dict)
    locks: dict[str, bytes] = field(default_factory=dict)
    refuse_writes: bool = False
    """Answer each write with 503, as a store that is being moved does."""

    @property
    def address(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def state_server() -> Iterator[StateServer]:
    """Serve until the block ends."""
    held = StateServer()
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, code: int, body: bytes = b"") -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self) -> bytes | None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") == expected:
                return body
            self._answer(401)
            return None

        def do_GET(self) -> None:
            if self._body() is not None:
                found = held.states.get(self.path)
                self._answer(200 if found else 404, found or b"")

        def do_POST(self) -> None:
            body, (path, _, query) = self._body(), self.path.partition("?")
            if body is None:
                return
            if held.refuse_writes:
                self._answer(503)
            elif path in held.locks and f"ID={json.loads(held.locks[path])['ID']}" not in query:
                self._answer(423, held.locks[path])
            else:
                held.states[path] = body
                self._answer(200)

        def do_LOCK(self) -> None:
            body = self._body()
            if body is not None:
                path = self.path.removesuffix("/lock")
                taken = held.locks.setdefault(path, body)
                self._answer(200 if taken is body else 423, taken)

        def do_UNLOCK(self) -> None:
            if self._body() is not None:
                held.locks.pop(self.path.removesuffix("/lock"), None)
                self._answer(200)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.port = server.server_port
    with in_thread(server):
        yield held
