"""Ports that tests choose for their servers, while other tests run beside them."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.integration.apiserver import free_port

pytestmark = pytest.mark.integration


def test_a_free_port_is_kept_for_the_server_that_is_to_be_started() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="Address already in use"):
        other.bind(("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    for _ in ("start", "start again"):
        with HTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_no_port_is_given_twice() -> None:
    ports = [free_port() for _ in range(100)]
    assert len(set(ports)) == len(ports)
