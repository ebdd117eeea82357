"""A network between a client and a server on this machine, which can be cut and healed.

While it is cut nothing is passed on, in either direction, and nobody is told. What comes then waits, as it would in the
sender's kernel, and goes on when the network is healed; unless its sender has reset the connection meanwhile.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 64 * 1024
LOOK_SECONDS = 0.1


class Wire:
    """Leads from `port` of 127.0.0.1 to another one."""

    def __init__(self, listener: socket.socket, target: int) -> None:
        self.port = int(listener.getsockname()[1])
        self._listener = listener
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._closed = False

    def cut(self) -> None:
        self._whole.clear()

    def heal(self) -> None:
        self._whole.set()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                _start(self._join, taken)

    def close(self) -> None:
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.heal()

    def _join(self, taken: socket.socket) -> None:
        self._whole.wait()
        if self._closed or _is_reset(taken):
            taken.close()
            return
        other = socket.create_connection(("127.0.0.1", self._target))
        _start(self._pump, taken, other)
        self._pump(other, taken)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        source.settimeout(LOOK_SECONDS)
        with suppress(OSError):
            while not self._closed:
                self._whole.wait()
                if _is_reset(source):
                    break
                try:
                    piece = source.recv(PIECE)
                except TimeoutError:
                    continue
                # It may have been cut while this one waited for something to come.
                self._whole.wait()
                if not piece or _is_reset(source):
                    break
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


def _is_reset(held: socket.socket) -> bool:
    return bool(held.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _start(work: object, *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]


@contextmanager
def wire(target: int) -> Iterator[Wire]:
    """A network to a port of 127.0.0.1, whole at first."""
    made = Wire(socket.create_server(("127.0.0.1", 0)), target)
    _start(made.serve)
    try:
        yield made
    finally:
        made.close()
