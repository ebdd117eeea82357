"""A benchmark of twenty minutes survives a connection that breaks, and tells what it has when a section fails."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.bench import __main__ as bench
from e2e.bench import report, surroundings
from e2e.bench.apis import TRIES, Api, Client
from e2e.bench.errors import BenchError
from e2e.bench.idle import Idle
from e2e.bench.streams import watch
from e2e.bench.surroundings import Surroundings
from e2e.bench.workplace import Workplace
from e2e.support.kubectl import Kubectl
from tests.unit.bench.test_bench import results

Answer = Callable[[int, str], bytes | None]
"""By the number of the connection and the request's first line: what is sent before it is closed."""


class Plain(Api):
    """Without TLS, which is none of the subject here."""

    def connect(self) -> http.client.HTTPSConnection:
        address = urllib.parse.urlsplit(self.url).netloc
        return http.client.HTTPConnection(address, timeout=5)  # type: ignore[return-value]


class Server:
    """Answers one request on each connection, and closes it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.requests: list[str] = []

    @property
    def api(self) -> Api:
        return Plain(f"https://127.0.0.1:{self._listener.getsockname()[1]}", ssl.create_default_context())

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(65536).decode().partition("\r\n")[0]
                self.requests.append(request)
                said = self._answer(len(self.requests), request)
                if said is not None:
                    connection.sendall(said)


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    server = Server(answer)
    server.start()
    try:
        yield server
    finally:
        server.close()


def ok(body: Any) -> bytes:
    text = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


# --- reading again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_what_can_be_asked_again_is(method: str) -> None:
    with serving(lambda n, _: ok({"n": n}) if n == 3 else None) as server, Client(server.api) as client:
        assert client(method, "/x", {} if method == "PATCH" else None) == {"n": 3}
    assert len(server.requests) == 3


def test_but_not_for_ever() -> None:
    with (
        serving(lambda *_: None) as server,
        Client(server.api) as client,
        pytest.raises(BenchError, match="GET /x: the connection broke"),
    ):
        client("GET", "/x")
    assert len(server.requests) == TRIES


def test_nothing_is_made_twice() -> None:
    """It may have been made before the connection broke."""
    with (
        serving(lambda *_: None) as server,
        Client(server.api) as client,
        pytest.raises(BenchError, match="POST /x"),
    ):
        client("POST", "/x", {})
    assert len(server.requests) == 1


def test_a_refusal_is_an_answer() -> None:
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with (
        serving(lambda *_: refused) as server,
        Client(server.api) as client,
        pytest.raises(BenchError, match="403"),
    ):
        client("GET", "/x")
    assert len(server.requests) == 1


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


def event(kind: str, version: int, **rest: Any) -> bytes:
    meta = {"resourceVersion": str(version), "name": f"n{version}"}
    return json.dumps({"type": kind, "object": {"metadata": meta, **rest}}).encode() + b"\n"


def test_a_watch_goes_on_from_where_it_broke_off() -> None:
    """Nothing is heard twice, and nothing is lost: the version says from where."""
    parts = {1: event("ADDED", 5) + event("BOOKMARK", 9), 2: event("MODIFIED", 10)[:20], 3: event("MODIFIED", 12)}

    def answer(number: int, _: str) -> bytes | None:
        return HEAD + parts[number] if number in parts else None

    with serving(answer) as server, watch(server.api, "/things") as stream:
        stream.first(lambda found: found["metadata"]["name"] == "n12", "the last", seconds=5)
        assert [item.what["metadata"]["name"] for item in stream.heard] == ["n5", "n12"]
        asked = [
            urllib.parse.parse_qs(line.split()[1].partition("?")[2])["resourceVersion"] for line in server.requests
        ]
        assert asked[:3] == [["0"], ["9"], ["9"]]


def test_a_watch_that_the_server_ends_is_over() -> None:
    said = HEAD + event("ERROR", 1, message="too old")
    with serving(lambda *_: said) as server, watch(server.api, "/things") as stream:
        with pytest.raises(BenchError, match="too old"):
            stream.first(lambda _: True, "anything", seconds=5)
        assert len(server.requests) == 1


# --- what was measured ------------------------------------------------------------------------------------------------

AROUND = Surroundings("2026-11-22 03:00 UTC", 2, 8.0, "6.1", "v1.34.4", "sha256:0123456789abcdef", 0)
IDLE = [Idle(0, 30, 80, 0.1, 0, {}, 0)]


@pytest.mark.parametrize(
    "error",
    [
        BenchError("it did not come"),
        ConnectionResetError("reset"),
        http.client.RemoteDisconnected("closed"),
        KeyError(),
    ],
)
def test_a_section_that_fails_takes_nothing_from_the_others(error: Exception) -> None:
    def fail() -> Any:
        raise error

    found = report.Results(AROUND)
    bench.measured(found, "runs", lambda: {"series": results().series})
    bench.measured(found, "fleet", fail)
    bench.measured(found, "idle", lambda: {"idle": IDLE})
    assert (len(found.series), found.idle) == (1, IDLE)
    assert list(found.failed) == ["fleet"]
    text = report.as_text(found)
    assert "fleet could not be measured" in text
    assert "80.0 MiB" in text
    assert json.loads(json.dumps(report.as_json(found)))["failed"] == found.failed


@pytest.mark.parametrize("failed", [{}, {"fleet": "it broke"}])
def test_the_documentation_gets_only_what_is_whole(
    failed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"{bench.BEGIN}\nold\n{bench.END}\n")
    monkeypatch.setattr(bench, "DOCS_FILE", page)
    monkeypatch.setattr(bench, "JSON_FILE", tmp_path / "build" / "bench.json")
    bench.publish(report.Results(AROUND, idle=IDLE, failed=failed), write_docs=True)
    assert ("old" in page.read_text()) is bool(failed)
    assert json.loads((tmp_path / "build" / "bench.json").read_text())["idle"][0]["resident_mib"] == 80


class Bench:
    """`python -m e2e.bench` whose workplace is nowhere."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.cleared = 0
        monkeypatch.setattr(bench, "JSON_FILE", tmp_path / "build" / "bench.json")
        monkeypatch.setattr(Kubectl, "of_lab", lambda layout: None)
        monkeypatch.setattr(surroundings, "look", lambda kubectl, layout: AROUND)
        monkeypatch.setattr(Workplace, "clear", self._clear)
        self.json = tmp_path / "build" / "bench.json"

    def _clear(self, _: Any = None) -> None:
        self.cleared += 1


@pytest.mark.parametrize(
    ("error", "code"), [(BenchError("it broke"), bench.EXIT_FAILED), (KeyboardInterrupt(), bench.EXIT_INTERRUPTED)]
)
def test_what_was_measured_is_published_whatever_becomes_of_the_rest(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = Bench(monkeypatch, tmp_path)

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(bench, "measure_idle", lambda *_: IDLE)
    monkeypatch.setattr(bench, "measure_fleet", fail)
    assert bench.main(["--installed", "--only", "idle,fleet"]) == code
    assert json.loads(there.json.read_text())["idle"][0]["resident_mib"] == 80
    assert there.cleared == 2


def test_all_went_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Bench(monkeypatch, tmp_path)
    monkeypatch.setattr(bench, "measure_idle", lambda *_: IDLE)
    assert bench.main(["--installed", "--only", "idle"]) == 0


def test_signals_are_afterwards_what_they_were(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever calls it goes on, and must not be interrupted by its handlers."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    Bench(monkeypatch, tmp_path)
    monkeypatch.setattr(bench, "measure_idle", lambda *_: IDLE)
    bench.main(["--installed", "--only", "idle"])
    assert [signal.getsignal(number) for number in numbers] == before


def test_every_section_can_be_measured() -> None:
    options = bench.parser().parse_args([])
    assert {"latency", *bench.sections(None, options)} == set(bench.SECTIONS)  # type: ignore[arg-type]
