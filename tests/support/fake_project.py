"""A cloud project behind an HTTP server that answers as Hetzner does: lists by label and in pages, and the power of
servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from catalyst_operator.in_job.hcloud import KINDS
from tests.support.in_thread import in_thread

REFUSALS = {401: "unauthorized", 403: "forbidden", 429: "rate_limit_exceeded", 500: "server_error"}
"""Hetzner's words for its errors."""


class FakeProject:
    """What is in the project. `looks` says how often each kind is still listed before it is gone; `page_size` may be
    smaller than what is asked for, as an API may decide."""

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.looks = 1_000_000
        self.page_size = 50
        self.status = 200
        self.body: str | None = None
        """What is answered to every GET instead."""
        self.hang_up = 0
        """So many requests first get no answer: the connection is closed."""
        self.location = ""
        """Where a redirect leads."""
        self.seen: list[tuple[str, str, str]] = []
        """Kind, label selector and Authorization header of each request for a list."""
        self.power: dict[str, str] = {}
        """Server id -> what it is doing."""
        self.refusals = 0
        """So many starts are refused first, as while something else acts on the server."""
        self.starts = True
        """Whether a server that is started runs."""
        self.started: list[tuple[str, str]] = []
        """Server id and Authorization header of each start."""

    def server(self, number: str) -> tuple[int, str]:
        """Status and body of a look at one server."""
        if number not in self.power:
            return 404, self.body or json.dumps({"error": {"code": "not_found"}})
        return self._answered({"server": {"id": int(number), "status": self.power[number]}})

    def _answered(self, body: dict[str, Any]) -> tuple[int, str]:
        """With another status than 200 as Hetzner words it."""
        told = body if self.status not in REFUSALS else {"error": {"code": REFUSALS[self.status]}}
        return self.status, json.dumps(told) if self.body is None else self.body

    def start(self, number: str, authorization: str) -> tuple[int, str]:
        """Status and body of a start."""
        if self.refusals:
            self.refusals -= 1
            return 423, json.dumps({"error": {"code": "locked"}})
        self.started.append((number, authorization))
        self.power[number] = "running" if self.starts else self.power[number]
        return 201, json.dumps({"action": {"id": 1, "status": "running"}})

    def answer(self, path: str, authorization: str) -> tuple[int, str]:
        """Status and body of a GET."""
        split = urlsplit(path)
        if one := re.fullmatch(r"/v1/servers/(\d+)", split.path):
            return self.server(one[1])
        query = parse_qs(split.query)
        kind, page = split.path.removeprefix("/v1/"), int(query["page"][0])
        self.seen.append((kind, query["label_selector"][0], authorization))
        if kind == KINDS[0]:
            self.looks -= 1
        listed = self.objects.get(kind, []) if self.looks >= 0 else []
        shown = listed[(page - 1) * self.page_size : page * self.page_size]
        following = page + 1 if page * self.page_size < len(listed) else None
        meta = {"pagination": {"page": page, "next_page": following}}
        return self._answered({kind: shown, "meta": meta})


@contextmanager
def served(project: FakeProject) -> Iterator[str]:
    """The project's API; gives its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*project.answer(self.path, self.headers["Authorization"]))

        def do_POST(self) -> None:
            asked = re.fullmatch(r"/v1/servers/(\d+)/actions/poweron", self.path)
            assert asked, f"nothing else is ever written: {self.path}"
            self._answer(*project.start(asked[1], self.headers["Authorization"]))

        def _answer(self, status: int, body: str) -> None:
            if project.hang_up:
                project.hang_up -= 1
                return
            self.send_response(status)
            if project.location:
                self.send_header("Location", project.location)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}/v1"
