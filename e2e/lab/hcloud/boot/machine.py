"""One server of the emulated cloud: its power, its address, its API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from e2e.lab.hcloud.boot import control_plane, first_boot, flux, membership
from e2e.lab.hcloud.boot.booting import Booting
from e2e.lab.hcloud.boot.boots import Boots
from e2e.lab.hcloud.boot.cluster import has_flux_namespace, start_controllers, write_kit_faults
from e2e.lab.hcloud.boot.first_boot import FirstBoot
from e2e.lab.hcloud.boot.host import Host
from e2e.lab.hcloud.boot.place import Place
from e2e.lab.hcloud.store import Object

Find = Callable[[Object, str], "list[Machine]"]
"""The servers that a server reaches at an address: one, or those behind a load balancer."""


@dataclass(frozen=True)
class Site:
    """What all servers share."""

    host: Host
    boots: Boots
    find: Find
    mates: Callable[[str], list[Machine]]
    """The control planes of a cluster."""
    clock: Callable[[], float]
    save: Callable[[Object], None]
    """Keeps a changed server."""
    say: Callable[[str], None]


class Machine:
    """A server and what runs on it."""

    def __init__(self, server: Object, place: Place, site: Site) -> None:
        self.place = place
        self._server, self._site = server, site
        self._power = asyncio.Lock()
        self._booting: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def address(self) -> str:
        """Its public one."""
        return self.place.address

    @property
    def project(self) -> str:
        return str(self._server["project"])

    @property
    def private_addresses(self) -> list[str]:
        return [net["ip"] for net in self._server["private_net"]]

    def first_boot(self) -> FirstBoot:
        """What it was told. Raises NotCloudConfig."""
        return first_boot.read(self._server["user_data"])

    def behind(self, address: str) -> list[Machine]:
        """Whom it reaches at an address of its private network, or at a public one."""
        return self._site.find(self._server, address)

    def say(self, text: str) -> None:
        """To the server's own log and to the emulator's."""
        self.place.say(text)
        self._site.say(f"server {self.name}: {text}")

    # --- power ---

    async def power_on(self, *, afresh: bool) -> None:
        """Give it its address and let it boot; `afresh` ends what ran before."""
        async with self._power:
            await self._end_boot()
            if afresh:
                await self.place.stop_all()
                self._server["api_stopped"] = False
            self.place.prepare()
            await self._site.host.add(self.address)
            booting = Booting(self, self._site.boots, self._site.clock)
            self._booting = asyncio.create_task(booting.run(), name=f"boot of {self.name}")

    async def power_off(self) -> None:
        """As when the plug is pulled; what is on its disk stays."""
        async with self._power:
            await self._end_boot()
            await self.place.stop_all()
            await self._site.host.remove(self.address)

    async def discard(self) -> None:
        """It is gone, and so is its disk."""
        await self.power_off()
        await asyncio.to_thread(self.place.discard)

    async def let_go(self) -> None:
        """Stop looking after it; what runs goes on."""
        async with self._power:
            await self._end_boot()

    async def _end_boot(self) -> None:
        if self._booting:
            self._booting.cancel()
            await asyncio.wait([self._booting])
            self._booting = None

    # --- its API server ---

    @property
    def has_api(self) -> bool:
        """Whether it is a control plane whose boot got that far."""
        return self.place.kubeconfig.exists()

    async def act(self, action: str) -> None:
        """stop, start, restart: end and start it; cut, mend: let nothing through to it, without notice, and again."""
        if action in ("stop", "restart"):
            self._server["api_stopped"] = True
            await self.place.stop(control_plane.APISERVER)
        if action in ("start", "restart"):
            self._server["api_stopped"] = False
            self.start_api()
        if action == "cut":
            await self._site.host.cut(self.address)
        if action == "mend":
            await self._site.host.mend(self.address)
        self._site.save(self._server)

    def start_api(self) -> None:
        """Start it, unless it runs or was stopped on purpose."""
        if self._server.get("api_stopped"):
            return
        self.place.start(control_plane.APISERVER, control_plane.apiserver(self.place, self.first_boot()), {})

    # --- what runs on one control plane of a cluster ---

    @property
    def cluster(self) -> str:
        """Which one it is a control plane of; empty for none."""
        found = membership.read(self.place)
        return found.cluster if found else ""

    @property
    def has_controllers(self) -> bool:
        return self.place.runs(flux.STANDINS)

    def start_controllers(self) -> None:
        """Unless another control plane of its cluster has them."""
        if not any(other.has_controllers for other in self._site.mates(self.cluster) if other is not self):
            start_controllers(self.place)

    async def put_kit_faults(self, faults: dict[str, Any]) -> None:
        """Tell the stand-ins of its cluster, where Flux' namespace is: before that, the boot will."""
        if self.has_controllers and await has_flux_namespace(self.place):
            await write_kit_faults(self.place, faults)
