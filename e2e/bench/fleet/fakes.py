"""The fake new clusters as the benchmark drives them: changes, silence, and what they know of who watches them."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from catalyst_operator.core.access.identity import API_PORT
from e2e.bench.apis import Api
from e2e.bench.changes import Sent
from e2e.bench.errors import BenchError
from e2e.bench.fleet import processes
from e2e.bench.fleet.objects import Kit
from e2e.bench.hostile.shapes import Shape
from e2e.lab.hcloud.boot.host import Host
from e2e.lab.layout import BRIDGE, Layout

LOG = "bench-fakes.log"


@dataclass(frozen=True)
class Fake:
    """One fake new cluster. `trust` are its authorities' files."""

    name: str
    address: str
    kit: Kit
    trust: Mapping[str, str]
    hostile: bool = False
    """Whether it can be told to do its worst."""

    @property
    def api(self) -> Api:
        """For a bare watcher."""
        tls = ssl.create_default_context(cadata=self.trust["server-ca.crt"])
        return Api(f"https://{self.address}:{API_PORT}", tls)


@dataclass(frozen=True)
class Report:
    """The changes since the last report, and since when the operator watches each cluster."""

    sent: tuple[Sent, ...]
    watched: Mapping[str, float | None]
    served: Mapping[str, tuple[int, int]]
    """Requests and bytes of each hostile one, since it was told what to do."""


class Fakes:
    """Some of them, in one process."""

    def __init__(self, layout: Layout, fakes: Sequence[Fake]) -> None:
        self.fakes = tuple(fakes)
        self._log = (layout.log / LOG).open("ab")
        self._process = processes.start(layout, "e2e.bench.fleet", self._log, pipes=True)

    def serve(self) -> None:
        """Return once all listen."""
        for fake in self.fakes:
            files = {name: fake.trust[name] for name in ("server-ca.crt", "server-ca.key", "client-ca.crt")}
            who = {"name": fake.name, "address": fake.address, "hostile": fake.hostile}
            self._tell(do="serve", trust=files, **who, **asdict(fake.kit))
            self._hear()

    def change(self, name: str, release: str, number: int) -> None:
        """Change a HelmRelease; when that was is in the next report."""
        self._tell(do="change", name=name, release=release, number=number)

    def behave(self, name: str, shape: Shape | None) -> None:
        """Have a hostile one do this from now on, or behave."""
        self._tell(do="behave", name=name, shape=shape.value if shape else "")

    def report(self) -> Report:
        """Of now."""
        self._tell(do="report")
        told = json.loads(self._hear())
        sent = tuple(Sent(key, number, at) for key, number, at in told["sent"])
        return Report(sent, told["watched"], told["served"])

    def freeze(self) -> None:
        """Connections are taken by the kernel, and nothing is ever answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _tell(self, **order: object) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise BenchError(f"the fake API servers have ended; see .lab/log/{LOG}") from error

    def _hear(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"the fake API servers have ended; see .lab/log/{LOG}")
        return line


@contextmanager
def serving(layout: Layout, *groups: Sequence[Fake]) -> Iterator[list[Fakes]]:
    """A process for each group, until the end."""
    running: list[Fakes] = []
    try:
        for group in groups:
            running.append(Fakes(layout, group))
            running[-1].serve()
        yield running
    finally:
        for fakes in running:
            fakes.close()


@contextmanager
def cut(fakes: Sequence[Fake]) -> Iterator[None]:
    """Packets to and from them are dropped, and nobody is told, while this holds."""
    try:
        for fake in fakes:
            asyncio.run(Host(BRIDGE).cut(fake.address))
        yield
    finally:
        mend(fakes)


def mend(fakes: Sequence[Fake]) -> None:
    """Undo a cut, that of a benchmark that was killed included."""
    for fake in fakes:
        asyncio.run(Host(BRIDGE).mend(fake.address))
