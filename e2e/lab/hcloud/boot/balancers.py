"""Stand-in for load balancers: listens where they do, and passes each connection on to one of their servers.

Hetzner's goes by the private address and by health checks; here it is the public one, and a server that does not accept
the connection is passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from e2e.lab.errors import LabError
from e2e.lab.hcloud.boot.host import Host
from e2e.lab.hcloud.cloud import Cloud
from e2e.lab.hcloud.store import Object

KIND = "load_balancers"
_CHUNK = 64 * 1024

AddressOf = Callable[[int], str | None]
"""The public address of a server that is up."""


@dataclass(frozen=True)
class Listener:
    """One port of one load balancer."""

    balancer: int
    address: str
    port: int


class Balancers:
    """Keeps the listeners as the load balancers are, of the projects whose servers boot."""

    def __init__(self, cloud: Cloud, host: Host) -> None:
        self._cloud, self._host = cloud, host
        self._open: dict[Listener, asyncio.Server] = {}
        self._addresses: set[str] = set()
        self._changed = asyncio.Event()
        self._turn = itertools.count()
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Follow the load balancers from now on."""
        self._cloud.store.when_changed(KIND, self.look)
        self.look()
        self._keeping = asyncio.create_task(self._keep(), name="load balancers")

    def look(self) -> None:
        """Something may have changed."""
        self._changed.set()

    async def close(self) -> None:
        """Nobody listens any more; the addresses stay."""
        if self._keeping:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        for server in self._open.values():
            server.close()

    async def _keep(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._follow()
            except LabError as error:
                print(f"load balancers: {error}", flush=True)

    async def _follow(self) -> None:
        balancers = [item for item in self._cloud.store.all(KIND) if self._cloud.boots.boots(item["project"])]
        wanted = listeners(balancers)
        for gone in self._open.keys() - wanted:
            self._open.pop(gone).close()
        addresses = {balancer["ipv4"] for balancer in balancers}
        for address in addresses - self._addresses:
            await self._host.add(address)
        for address in self._addresses - addresses:
            await self._host.remove(address)
        self._addresses = addresses
        for new in wanted - self._open.keys():
            await self._listen(new)

    async def _listen(self, listener: Listener) -> None:
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._pass_on(listener, reader, writer)

        try:
            self._open[listener] = await asyncio.start_server(accepted, listener.address, listener.port)
        except OSError as error:
            print(f"load balancer at {listener.address}:{listener.port}: {error}", flush=True)

    async def _pass_on(self, listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for address, port in self._destinations(listener):
            try:
                there, onward = await asyncio.open_connection(address, port)
            except OSError:
                continue
            await asyncio.gather(_pump(reader, onward), _pump(there, writer))
            return
        writer.transport.abort()

    def _destinations(self, listener: Listener) -> list[tuple[str, int]]:
        balancer = self._cloud.store.get(KIND, listener.balancer)
        if balancer is None:
            return []
        found = list(destinations(balancer, listener.port, self._address_of))
        turn = next(self._turn) % max(1, len(found))
        return found[turn:] + found[:turn]

    def _address_of(self, server_id: int) -> str | None:
        server = self._cloud.store.get("servers", server_id)
        if server is None or server["status"] != "running":
            return None
        return self._cloud.public_address(server_id)


def listeners(balancers: list[Object]) -> set[Listener]:
    """Where load balancers listen: a port for each service of those that are public."""
    return {
        Listener(balancer["id"], balancer["ipv4"], service["listen_port"])
        for balancer in balancers
        if balancer["public"]
        for service in balancer["services"]
    }


def destinations(balancer: Object, port: int, address_of: AddressOf) -> Iterator[tuple[str, int]]:
    """Where a connection to a port of a load balancer may be passed on to: the targets that are up, in their order."""
    for service in balancer["services"]:
        if service["listen_port"] == port:
            for target in balancer["targets"]:
                if target["type"] == "server" and (address := address_of(target["server"])):
                    yield address, service["destination_port"]


def targets(balancer: Object, port: int) -> list[int]:
    """The servers that a connection to a port of a load balancer may reach at the same port."""
    if all((service["listen_port"], service["destination_port"]) != (port, port) for service in balancer["services"]):
        return []
    return [target["server"] for target in balancer["targets"] if target["type"] == "server"]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, and pass the end on."""
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()
