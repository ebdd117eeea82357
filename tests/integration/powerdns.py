"""A real PowerDNS server of a test's own, on an address of the loopback network nobody else has."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.lab import powerdns
from e2e.lab.powerdns import Place
from e2e.support.waiting import OFTEN, wait_for

START_SECONDS = 30.0
_ADDRESSES = itertools.count(1)


@contextmanager
def powerdns_server(folder: Path, dns_port: int | None = None) -> Iterator[Place]:
    """Serve from `folder` until the block ends. Servers that are to be asked on one port, as name servers are, get the
    same `dns_port`: each has an address of its own."""
    number = os.getpid() % 250 + 1, next(_ADDRESSES)
    place = Place(folder, f"127.53.{number[0]}.{number[1]}", dns_port or free_dns_port(), _free(socket.SOCK_STREAM))
    command = [str(word) for word in powerdns.prepare(place)]
    with (folder / "log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _await(place, process)
            yield place
        finally:
            process.terminate()


def _await(place: Place, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        assert process.poll() is None, (place.folder / "log").read_text(errors="replace")
        return powerdns.answers(place)

    wait_for(answers, "PowerDNS to answer", seconds=START_SECONDS, every=OFTEN)


def free_dns_port() -> int:
    """A port that nobody has, neither by UDP nor by TCP."""
    while True:
        port = _free(socket.SOCK_DGRAM)
        with socket.socket(type=socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
