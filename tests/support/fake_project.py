"""A cloud project behind an HTTP server that answers lists as Hetzner does: by label and in pages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from catalyst_operator.in_job.hcloud import KINDS


class FakeProject:
    """What is in the project. `looks` says how often each kind is still listed before it is gone; `page_size` may be
    smaller than what is asked for, as an API may decide."""

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.looks = 1_000_000
        self.page_size = 50
        self.status = 200
        self.body: str | None = None
        self.location = ""
        """Where a redirect leads."""
        self.seen: list[tuple[str, str, str]] = []
        """Kind, label selector and Authorization header of each request."""

    def answer(self, path: str, authorization: str) -> tuple[int, str]:
        """Status and body of a GET."""
        split = urlsplit(path)
        query = parse_qs(split.query)
        kind, page = split.path.removeprefix("/v1/"), int(query["page"][0])
        self.seen.append((kind, query["label_selector"][0], authorization))
        if kind == KINDS[0]:
            self.looks -= 1
        listed = self.objects.get(kind, []) if self.looks >= 0 else []
        shown = listed[(page - 1) * self.page_size : page * self.page_size]
        following = page + 1 if page * self.page_size < len(listed) else None
        meta = {"pagination": {"page": page, "next_page": following}}
        return self.status, self.body or json.dumps({kind: shown, "meta": meta})


@contextmanager
def served(project: FakeProject) -> Iterator[str]:
    """The project's API; gives its endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = project.answer(self.path, self.headers["Authorization"])
            self.send_response(status)
            if project.location:
                self.send_header("Location", project.location)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()
