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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from e2e.bench.apis import Api, Object
from e2e.bench.errors import BenchError
from e2e.lab.layout import Layout

T = TypeVar("T")
WATCH_SECONDS = 3600
"""Longer than any single run; the API server would otherwise end a watch after half an hour or more."""


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
    stream: Stream[T] = Stream()
    connection = api.connect()
    # From what the watch cache has: without a version the API server may wait for one that no object of the kind gets.
    start = {"watch": "true", "resourceVersion": "0", "timeoutSeconds": str(WATCH_SECONDS)}
    wanted = urllib.parse.urlencode({**start, **query})
    connection.request("GET", f"{path}?{wanted}", headers=dict(api.headers))
    response = connection.getresponse()
    if response.status != http.client.OK:
        raise BenchError(f"the API server refused to watch {path}: {response.status} {response.read(500)!r}")
    connection.sock.settimeout(None)
    thread = threading.Thread(target=_listen, args=(response, stream, read), name=f"watch {path}")
    thread.start()
    try:
        yield stream
    finally:
        # Only this wakes a thread that is blocked in reading; closing the response would wait for it.
        connection.sock.shutdown(socket.SHUT_RDWR)
        thread.join()
        connection.close()


def _listen(response: http.client.HTTPResponse, stream: Stream[T], read: Callable[[Object], T]) -> None:
    try:
        while line := response.readline():
            at = time.time()
            event = json.loads(line)
            if event["type"] == "ERROR":
                stream.end(f"the API server ended the watch: {event['object'].get('message')}")
                return
            stream.add(at, read(event["object"]))
    except (OSError, http.client.HTTPException) as error:
        stream.end(f"the watch broke off: {error}")
        return
    stream.end("the watch was closed")


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
