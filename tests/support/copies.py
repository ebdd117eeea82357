"""An API server's one answer: it takes the Secrets that a run writes, over TLS, and shows what it was given."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.certificates import self_signed
from tests.support.in_thread import in_thread


@dataclass
class Copies:
    """The content of each Secret's key tfstate, by path without its query."""

    account: Path
    """A service account's folder: token and CA."""
    port: int = 0
    taken: dict[str, bytes] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What the kubelet tells a container of it."""
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port)}


@contextmanager
def copies(account: Path) -> Iterator[Copies]:
    """Serve until the block ends."""
    self_signed(account / "ca.crt", account / "key", "api")
    (account / "token").write_text("service-account-token")
    held = Copies(account)

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            held.taken[self.path.partition("?")[0]] = base64.b64decode(body["data"]["tfstate"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", account / "key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    held.port = server.server_port
    with in_thread(server):
        yield held
