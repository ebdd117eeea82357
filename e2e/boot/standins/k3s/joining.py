"""How servers and agents join: both ends of a talk on port 9345.

As with k3s, who joins compares the authority that it is shown with the hash in its token before it shows the token, and
who lets in compares token, arguments and node password. The shape of what is sent is this stand-in's own.
"""

from __future__ import annotations

import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from e2e.boot.standins.k3s.configuration import Refused
from e2e.lab.hcloud.boot import joining, tokens
from e2e.lab.hcloud.boot.first_boot import FirstBoot
from e2e.lab.hcloud.boot.joining import NotYet
from e2e.lab.hcloud.boot.user_data import CloudConfig

PORT = 9345
SECONDS = 10


def ask(boot: FirstBoot, password: str) -> dict[str, Any]:
    """What a control plane tells who joins. Raises NotYet, or Refused with its words."""
    [address] = boot.join_addresses
    url = f"https://{address}:{PORT}"
    try:
        authority = _get(f"{url}/cacerts", None).decode()
        token = tokens.parse(boot.k3s["token"])
        if token is None or not token.trusts(authority):
            raise Refused("token CA hash does not match the Cluster CA certificate hash")
        told = {"env": dict(boot.env), "k3s": dict(boot.k3s), "password": password}
        answer: dict[str, Any] = json.loads(_get(f"{url}/join", json.dumps(told).encode(), authority))
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")
        raise (NotYet(said) if error.code == 503 else Refused(said)) from None
    except OSError as error:
        raise NotYet(f"failed to get CA certs: {url}: {error}") from None
    return answer


def _get(url: str, body: bytes | None, authority: str | None = None) -> bytes:
    context = ssl.create_default_context(cadata=authority)
    context.check_hostname = False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if authority is None:
        context.verify_mode = ssl.CERT_NONE
    with urllib.request.urlopen(url, body, timeout=SECONDS, context=context) as answer:
        found: bytes = answer.read()
        return found


Admit = Callable[[FirstBoot, str], dict[str, Any]]
"""Lets a node in, given its node password: what it is told. Raises NotYet."""


def serve(tls: Path, boot: FirstBoot, admit: Admit, *, port: int = PORT) -> ThreadingHTTPServer:
    """Answer those that join, in a thread, from now on. `tls` has the authority and the server's certificate."""
    authority = (tls / "server-ca.crt").read_text()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, authority)

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            joiner = FirstBoot(CloudConfig({}, ()), told["env"], told["k3s"])
            if found := joining.refusals(joiner, boot, authority):
                return self._answer(401, "; ".join(found))
            try:
                return self._answer(200, json.dumps(admit(joiner, told["password"])))
            except NotYet as waits:
                return self._answer(503, str(waits))

        def log_message(self, format: str, *args: object) -> None:
            """Who joins logs it."""

        def _answer(self, code: int, text: str) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())

    listener = ThreadingHTTPServer((boot.node_ip, port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "serving.crt", tls / "serving.key")
    listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener
