"""The world's HTTP servers: sockets inside its namespace, answered by threads of this program.

So tests see what was asked for, and say what goes wrong, in plain objects.
"""

from __future__ import annotations

import ctypes
import os
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Request:
    """What a server asked for."""

    client: str
    host: str
    path: str
    """As it was sent, percent encoding included."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""


Respond = Callable[[Request], Answer]


def listening(namespace: str, address: str, port: int) -> socket.socket:
    """A socket in a network namespace. A namespace is a thread's, so this is done in one that ends."""

    def listen() -> socket.socket:
        handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {namespace}")
            return socket.create_server((address, port), backlog=64)
        finally:
            os.close(handle)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(listen).result()


class HttpServer(ThreadingHTTPServer):
    """One that answers on a socket that is there already."""

    daemon_threads = True
    # Connections that are kept waiting on purpose are nobody's to wait for.
    block_on_close = False

    def __init__(self, listener: socket.socket, respond: Respond, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(listener.getsockname(), _handler(respond), bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        if tls is not None:
            self.socket = tls.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A server whose plug is pulled breaks its connections off."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


def _handler(respond: Respond) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = respond(Request(self.client_address[0], self.headers.get("Host", ""), self.path))
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """The world notes what is asked for."""

    return Handler


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(certificate, key)
    return found
