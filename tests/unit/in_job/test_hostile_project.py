"""An API that answers anything, as the containers of a run meet it: they end in time, in little memory, and told."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catalyst_operator.adapters.answers import MIB
from catalyst_operator.in_job import hcloud, leftovers, power
from catalyst_operator.in_job.leftovers import Patience
from catalyst_operator.in_job.power import PowerPatience, Started
from tests.support.gen import TOKEN, UID
from tests.support.in_thread import in_thread

SHORT = Patience(deadline=0, pause=0.01)
AT_ONCE = PowerPatience(deadline=0, pause=0.01)
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
Say = Callable[[threading.Event], Iterator[bytes]]
"""What a server says, until the event says that the test is over."""


def endless(piece: bytes) -> Say:
    def say(over: threading.Event) -> Iterator[bytes]:
        yield HEAD + b"\r\n"
        while not over.is_set():
            yield piece

    return say


def dripping(begin: bytes) -> Say:
    """A byte now and then."""

    def say(over: threading.Event) -> Iterator[bytes]:
        yield begin
        while not over.wait(0.02):
            yield b"x"

    return say


def whole(body: bytes, *headers: bytes) -> Say:
    return lambda _: iter([HEAD + b"".join(h + b"\r\n" for h in headers) + b"\r\n", body])


def page(kind: str, *objects: object, following: object = None) -> bytes:
    return json.dumps({kind: objects, "meta": {"pagination": {"next_page": following}}}).encode()


@contextmanager
def saying(say: Say) -> Iterator[str]:
    """The endpoint of a server that says it to every request."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            try:
                for piece in say(over):
                    self.wfile.write(piece)
            except OSError:
                return  # Nobody listens any more.

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    with in_thread(server):
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            over.set()


HOSTILE: dict[str, tuple[Say, str]] = {
    "without end": (endless(b" " * 65536), "an answer of more than 2 MiB"),
    "many values": (whole(b"[" + b"{}," * 500_000 + b"{}]"), "more than 65536 values"),
    "deep nesting": (whole(b"[" * 60_000), "an answer that is not JSON"),
    "not a number": (whole(b'{"servers": NaN}'), "NaN in place of a number"),
    "many digits": (whole(b'{"servers": ' + b"9" * 5000 + b"}"), "more than 20 digits"),
    "compressed": (whole(gzip.compress(b" " * 64 * MIB), b"Content-Encoding: gzip"), "a compressed answer"),
    "another encoding": (whole(b'{"a": "\xff"}'), "an answer that is not JSON"),
    "not HTTP": (lambda _: iter([b"SSH-2.0-OpenSSH_9.6\r\n"]), "SSH-2.0"),
    "nothing": (lambda _: iter([]), "without response"),
    "cut short": (whole(b'{"servers": [', b"Content-Length: 100"), "an answer that is not JSON"),
    "a long header": (lambda _: iter([HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n"]), "header line"),
    "a body that drips": (dripping(HEAD + b"\r\n{"), "no answer within 0.3 s"),
    "headers that drip": (dripping(HEAD + b"X: "), "no answer within 0.3 s"),
    "no objects": (whole(page("servers", 1, "two")), "something else than servers"),
    "without names": (whole(page("servers", {"id": 1})), "something else than servers"),
    "pages without end": (whole(page("servers", following=1)), "more than 20 pages of servers"),
    "an odd next page": (whole(page("servers", following={"page": "x"})), "more than 20 pages of servers"),
}


@pytest.fixture(params=HOSTILE)
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What a container has to say of the API that it meets."""
    say, words = HOSTILE[request.param]
    monkeypatch.setattr(hcloud, "REQUEST_SECONDS", 0.3 if "within" in words else 20.0)
    with saying(say) as endpoint:
        monkeypatch.setenv("HCLOUD_ENDPOINT", endpoint)
        monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)
        monkeypatch.setenv("CATALYST_SOVEREIGN_UID", UID)
        yield words


def test_what_is_left_is_not_known(told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert leftovers.main(tmp_path / "log", SHORT) == 1
    captured = capsys.readouterr()
    assert told in captured.err
    assert len(captured.err) < 1000


def test_a_server_counts_as_not_started(told: str) -> None:
    """Nothing is raised: the sidecar has a state to save after this."""
    assert power.start({"hcloud_server.worker[0]": "10"}, AT_ONCE) == Started((), ("hcloud_server.worker[0]",))
