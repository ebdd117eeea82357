"""Servers of tests that serve beside the test, in a thread of theirs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

POLL_SECONDS = 0.01
"""How long the end of one takes at most."""


@contextmanager
def in_thread(server: BaseServer) -> Iterator[None]:
    """Serve until the block ends, whatever ends it; then the server is closed."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
