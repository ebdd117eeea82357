"""Everything around servers that boot: DHCP, names, metadata service and vendors, with what goes wrong there."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from e2e.boot import layout, programs
from e2e.boot.layout import GATEWAY, METADATA, PUBLIC, public_address
from e2e.boot.metadata import Told
from e2e.boot.network import Network
from e2e.boot.serving import Answer, HttpServer, Request, context, listening
from e2e.boot.vendors import Vendors, address
from e2e.lab.commands import run
from e2e.support.waiting import OFTEN, wait_for


@dataclass
class Downloads:
    """One server's, and what goes wrong with them; files are named as by `Vendors.url_of`."""

    asked: list[str] = field(default_factory=list)
    """In their order."""
    failing: Counter[str] = field(default_factory=Counter)
    """How many more times a file is answered with 503."""
    silent: Counter[str] = field(default_factory=Counter)
    """How many more times a request for it is accepted and never answered."""
    gone: bool = False
    """Nothing can be had any more."""


@dataclass
class World:
    """Several do not know of each other."""

    network: Network
    folder: Path
    """Its own: logs, and the servers' disks."""
    vendors: Vendors
    authority: Path
    """The certificate that servers have to trust the vendors by, PEM."""
    servers: dict[str, Told] = field(default_factory=dict)
    """What each hears at the metadata service, by public address."""
    downloads: dict[str, Downloads] = field(default_factory=dict)
    """By public address."""

    def add(self, told: Told) -> Downloads:
        """A server, or one in the place of another."""
        where = public_address(told.number)
        self.servers[where], self.downloads[where] = told, Downloads()
        return self.downloads[where]

    def metadata(self, request: Request) -> Answer:
        told = self.servers.get(request.client)
        return Answer(404, b"no such server") if told is None else told.answer(request)

    def download(self, request: Request) -> Answer:
        wanted, downloads = address(f"https://{request.host}{request.path}"), self.downloads[request.client]
        downloads.asked.append(wanted)
        if downloads.silent[wanted] > 0:
            downloads.silent[wanted] -= 1
            threading.Event().wait()
        if downloads.gone or downloads.failing[wanted] > 0:
            downloads.failing[wanted] -= 1
            return Answer(503, b"not now")
        content = self.vendors.files.get(wanted)
        return Answer(404, b"not found") if content is None else Answer(200, content)


@contextmanager
def world(name: str, vendors: Vendors) -> Iterator[World]:
    """Make it; `cleanup` takes away what is left of it."""
    folder = layout.folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = _certificate(folder, vendors.names)
    made = World(Network(name), folder, vendors, certificate)
    with ExitStack() as stack:
        made.network.make()
        stack.enter_context(_dhcp(made.network, folder))
        tls = context(certificate, key)
        for where, port, respond, secured in (
            (METADATA, 80, made.metadata, None),
            (GATEWAY, 80, made.download, None),
            (GATEWAY, 443, made.download, tls),
        ):
            stack.callback(HttpServer(listening(made.network.world, where, port), respond, secured).stop)
        yield made


@contextmanager
def _dhcp(network: Network, folder: Path) -> Iterator[None]:
    (folder / "dnsmasq.log").unlink(missing_ok=True)
    command = network.dhcp_command(programs.dnsmasq(), folder)
    with (folder / "dnsmasq.out").open("wb") as out:
        process = subprocess.Popen(command, env=programs.environment(), stdout=out, stderr=out)
    try:
        log = folder / "dnsmasq.log"
        wait_for(
            lambda: log.exists() and "DHCP, static leases only" in log.read_text(),
            f"dnsmasq on {PUBLIC}",
            seconds=10,
            shown=(folder / "dnsmasq.out").read_text,
            every=OFTEN,
        )
        yield
    finally:
        process.kill()
        process.wait()


def _certificate(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """Of all vendors, and its own authority."""
    certificate, key = folder / "vendors.crt", folder / "vendors.key"
    run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=vendors of the test", "-days", "30", "-keyout", key, "-out", certificate),
            *("-addext", f"subjectAltName={','.join(f'DNS:{name}' for name in names)}"),
        ]
    )
    return certificate, key
