"""What the API server and containerd tell as it happens, each event stamped when it arrived here.

The watch is as bare as it can be, one connection and one thread, so that it hears of a Pod no later than the operator
does; containerd's own timestamps are exact where those in a Pod's status are whole seconds.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from e2e.bench.apis import Api, Object
from e2e.bench.errors import BenchError
from e2e.lab.layout import Layout

T = TypeVar("T")
WATCH_SECONDS = 3600
"""Longer than any single run; the API server would otherwise end a watch after half an hour or more."""
AGAIN, AGAIN_SECONDS = 20, 0.1
"""How often a watch is taken up again, and how long after it broke off."""


@dataclass(frozen=True)
class Stamped(Generic[T]):
    """Something that was heard, and when, in seconds since the epoch."""

    at: float
    what: T


class Stream(Generic[T]):
    """What was heard so far. A thread adds to it; the measuring side waits for what it needs."""

    def __init__(self) -> None:
        self._heard: list[Stamped[T]] = []
        self._news = threading.Condition()
        self._over = ""

    @property
    def heard(self) -> list[Stamped[T]]:
        """All of it, in the order in which it came."""
        with self._news:
            return list(self._heard)

    @property
    def over(self) -> str:
        """Why nothing more will come; empty while something may."""
        with self._news:
            return self._over

    def add(self, at: float, what: T) -> None:
        with self._news:
            self._heard.append(Stamped(at, what))
            self._news.notify_all()

    def end(self, why: str) -> None:
        """Nothing more will come: whoever waits is told so."""
        with self._news:
            self._over = why
            self._news.notify_all()

    def first(self, wanted: Callable[[T], bool], what: str, *, seconds: float) -> Stamped[T]:
        """The first that is wanted, heard already or still to come. Raises BenchError."""
        deadline = time.monotonic() + seconds
        looked_at = 0
        with self._news:
            while True:
                for item in self._heard[looked_at:]:
                    if wanted(item.what):
                        return item
                looked_at = len(self._heard)
                if self._over:
                    raise BenchError(f"while waiting for {what}: {self._over}")
                if not self._news.wait(deadline - time.monotonic()):
                    raise BenchError(f"waited {seconds:.0f} s for {what}, and it did not come")


@contextmanager
def watch(api: Api, path: str, **query: str) -> Iterator[Stream[Object]]:
    """The objects of a watch, as they were added or changed; the watch stands when this returns."""
    with watch_as(api, path, lambda found: found, **query) as stream:
        yield stream


@contextmanager
def watch_as(api: Api, path: str, read: Callable[[Object], T], **query: str) -> Iterator[Stream[T]]:
    """The same, of which only what `read` makes of each object is kept: for watches that hear much."""
    watching = _Watching(api, path, query, read)
    watching.begin()
    thread = threading.Thread(target=watching.listen, name=f"watch {path}")
    thread.start()
    try:
        yield watching.stream
    finally:
        watching.end()
        thread.join()
        watching.close()


class _Watching(Generic[T]):
    """A watch that goes on from where it was when its connection breaks: twenty minutes of measuring hang on it."""

    def __init__(self, api: Api, path: str, query: Mapping[str, str], read: Callable[[Object], T]) -> None:
        self.stream: Stream[T] = Stream()
        self._api = api
        self._path = path
        self._query = query
        self._read = read
        # From what the watch cache has: without a version the API server may wait for one that no object of the kind
        # gets.
        self._version = "0"
        self._over = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._response: http.client.HTTPResponse | None = None

    def begin(self) -> None:
        """Watch from the last version that was heard. Raises BenchError."""
        connection = self._connection = self._api.connect()
        start = {"watch": "true", "resourceVersion": self._version, "timeoutSeconds": str(WATCH_SECONDS)}
        wanted = urllib.parse.urlencode({**start, **self._query})
        connection.request("GET", f"{self._path}?{wanted}", headers=dict(self._api.headers))
        self._socket = connection.sock
        response = self._response = connection.getresponse()
        if response.status != http.client.OK:
            said = response.read(500)
            raise BenchError(f"the API server refused to watch {self._path}: {response.status} {said!r}")
        self._socket.settimeout(None)

    def listen(self) -> None:
        """Until it is over."""
        why, ended = self._heard()
        for _ in range(AGAIN):
            if ended or self._over.wait(AGAIN_SECONDS):
                break
            self.close()
            try:
                self.begin()
            except (OSError, http.client.HTTPException, BenchError) as error:
                why = f"it cannot be watched again: {error}"
                continue
            if not self._over.is_set():
                why, ended = self._heard()
        self.stream.end(why)

    def end(self) -> None:
        self._over.set()
        # Only this wakes a thread that is blocked in reading; closing the response would wait for it.
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _heard(self) -> tuple[str, bool]:
        """Listen to one connection. Returns why it ended, and whether the watch itself did."""
        assert self._response is not None
        try:
            while line := self._response.readline():
                at = time.time()
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return f"the API server ended the watch: {event['object'].get('message')}", True
                self._version = event["object"]["metadata"].get("resourceVersion", self._version)
                if event["type"] != "BOOKMARK":
                    self.stream.add(at, self._read(event["object"]))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"the watch broke off: {error}", False
        return "the watch was closed", False


@dataclass(frozen=True)
class ContainerEvent:
    """A start or an end in containerd. `process` differs from `container` for what was executed in a container."""

    kind: str  # start | exit
    container: str
    process: str
    at: float
    """By containerd's clock, which is the machine's."""


_EVENT = re.compile(r"(?P<at>\S+ \S+) \+0000 UTC \S+ /tasks/(?P<kind>start|exit) (?P<body>\{.*\})\s*$")


def container_event(line: str) -> ContainerEvent | None:
    """One line of `ctr events`, or None for an event that is neither a start nor an exit."""
    found = _EVENT.match(line)
    if found is None:
        return None
    body = json.loads(found["body"])
    at = datetime.fromisoformat(body.get("exited_at") or f"{found['at']}+00:00").timestamp()
    return ContainerEvent(found["kind"], body["container_id"], body.get("id") or body["container_id"], at)


@contextmanager
def container_events(layout: Layout) -> Iterator[Stream[ContainerEvent]]:
    """The starts and ends of the node's containers. What happens in the first tenth of a second may be missed: ctr
    does not say when it listens."""
    stream: Stream[ContainerEvent] = Stream()
    command = ["ctr", "--address", str(layout.containerd_socket), "--namespace", "k8s.io", "events"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        thread = threading.Thread(target=_collect, args=(process, stream), name="ctr events")
        thread.start()
        try:
            yield stream
        finally:
            process.terminate()
            thread.join()


def _collect(process: subprocess.Popen[str], stream: Stream[ContainerEvent]) -> None:
    for line in process.stdout or ():
        at = time.time()
        event = container_event(line)
        if event is not None:
            stream.add(at, event)
    stream.end("ctr events ended")
