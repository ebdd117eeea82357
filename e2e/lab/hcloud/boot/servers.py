"""All servers that boot: told by the cloud what happens to them, and found again after the emulator was restarted."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from e2e.lab.hcloud.boot.balancers import Balancers, targets
from e2e.lab.hcloud.boot.host import Host
from e2e.lab.hcloud.boot.machine import Machine, Site
from e2e.lab.hcloud.boot.node_lifecycle import GRACE_SECONDS, NodeLifecycle
from e2e.lab.hcloud.boot.place import Place, disks
from e2e.lab.hcloud.boot.user_data import NotCloudConfig
from e2e.lab.hcloud.cloud import Cloud
from e2e.lab.hcloud.store import Object
from e2e.lab.layout import Layout

API_PORT = 6443


class Servers:
    """The cloud's hook where servers boot."""

    def __init__(self, cloud: Cloud, layout: Layout, host: Host, node_grace: float = GRACE_SECONDS) -> None:
        self._cloud, self._layout, self._host = cloud, layout, host
        self._site = Site(host, cloud.boots, self._find, self._mates, cloud.clock, self._save, _say)
        self._machines: dict[int, Machine] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._balancers = Balancers(cloud, host)
        self._nodes = NodeLifecycle(node_grace, self._apis)

    # --- what the cloud tells ---

    def on_server_started(self, server: Object) -> None:
        machine = self._machine(server) if self._cloud.boots.boots(server["project"]) else None
        if machine:
            self._spawn(machine.power_on(afresh=True))

    def on_server_stopped(self, server: Object) -> None:
        machine = self._machines.get(server["id"])
        if machine:
            self._spawn(self._end(machine, machine.power_off))

    def on_server_deleted(self, server: Object) -> None:
        machine = self._machines.pop(server["id"], None)
        if machine:
            self._spawn(self._end(machine, machine.discard))

    async def resume(self) -> None:
        """Take up what an emulator before this one left: running servers go on, others are ended."""
        for server in self._cloud.store.all("servers"):
            machine = self._machine(server) if self._cloud.boots.boots(server["project"]) else None
            if machine and server["status"] == "running":
                await machine.power_on(afresh=False)
            elif machine:
                self._falls_silent(machine)
        await self._end_orphans()
        await self._balancers.start()

    async def reset(self) -> None:
        """All servers are gone."""
        machines, self._machines = self._machines, {}
        await asyncio.gather(*(machine.discard() for machine in machines.values()))

    async def discard(self, project: str) -> None:
        """Take away what runs on a project's servers; the cloud still has them, as if they had lost their disks."""
        gone = self.of_project(project)
        for machine in gone:
            self._machines.pop(machine.place.number)
        await asyncio.gather(*(machine.discard() for machine in gone))
        self._balancers.look()

    async def close(self) -> None:
        """Stop looking after them; what runs goes on."""
        await self._balancers.close()
        await self._nodes.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for machine in self._machines.values():
            await machine.let_go()

    # --- what the lab's own API asks for ---

    def get(self, number: int) -> Machine | None:
        """The server with this id, if it boots."""
        return self._machines.get(number)

    def of_project(self, project: str) -> list[Machine]:
        return [machine for machine in self._machines.values() if machine.project == project]

    # --- inside ---

    def _machine(self, server: Object) -> Machine | None:
        """None for a server without a public address, which has no way to be reached."""
        number = server["id"]
        if number not in self._machines:
            address = self._cloud.public_address(number)
            if address is None:
                _say(f"server {server['name']} has no public IPv4 address, so it does not boot")
                return None
            place = Place(self._layout, number, server["name"], address, self._host.group)
            self._machines[number] = Machine(server, place, self._site)
        return self._machines[number]

    def _save(self, server: Object) -> None:
        """Keep it, unless it was deleted meanwhile."""
        if self._cloud.store.get("servers", server["id"]):
            self._cloud.store.save("servers", server)

    def _find(self, server: Object, address: str) -> list[Machine]:
        """The server or the load balancer at a private address of its networks, or at a public address."""
        networks = {net["network"] for net in server["private_net"]}
        for other in self._cloud.store.all("servers"):
            public = self._cloud.public_address(other["id"])
            if address == public or _is_at(other, networks, address):
                return self._running([other["id"]])
        for balancer in self._cloud.store.all("load_balancers"):
            if address == balancer["ipv4"] or _is_at(balancer, networks, address):
                return self._running(targets(balancer, API_PORT))
        return []

    def _running(self, numbers: Iterable[int]) -> list[Machine]:
        """Those that boot and have power."""
        found = ((self._machines.get(number), self._cloud.store.get("servers", number)) for number in numbers)
        return [machine for machine, server in found if machine and server and _is_running(server)]

    def _mates(self, cluster: str) -> list[Machine]:
        return [machine for machine in self._machines.values() if cluster and machine.cluster == cluster]

    async def _end(self, machine: Machine, end: Callable[[], Awaitable[None]]) -> None:
        """What Flux ran on a control plane that ends goes on at another one of its cluster."""
        cluster, had = machine.cluster, machine.has_controllers
        await end()
        self._falls_silent(machine)
        mates = self._running(mate.place.number for mate in self._mates(cluster) if mate is not machine)
        others = [mate for mate in mates if mate.has_api]
        if had and others:
            min(others, key=lambda mate: mate.place.number).start_controllers()

    def _falls_silent(self, machine: Machine) -> None:
        """It has no power, or is gone, and its node is not heard of."""
        try:
            self._nodes.silent(machine.project, machine.first_boot().node_name)
        except (NotCloudConfig, AttributeError, KeyError, TypeError, ValueError):
            return  # It never came up.

    def _apis(self, project: str) -> list[Machine] | None:
        """Control planes of a project that have power; None where it has no servers."""
        machines = self.of_project(project)
        running = self._running(machine.place.number for machine in machines)
        return [machine for machine in running if machine.has_api] if machines else None

    async def _end_orphans(self) -> None:
        """Servers that are gone or off, with what still runs on them."""
        running = {server["id"] for server in self._cloud.store.where("servers", _is_running)}
        for disk in disks(self._layout).glob("*"):
            if int(disk.name) in running:
                continue
            place = Place.of_disk(self._layout, disk)
            if place is None:
                shutil.rmtree(disk)
                continue
            await place.stop_all()
            await self._host.remove(place.address)
            if self._cloud.store.get("servers", place.number) is None:
                await asyncio.to_thread(place.discard)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _say(f"{type(error).__name__}: {error}")


def _is_at(item: Object, networks: set[int], address: str) -> bool:
    return any(net["network"] in networks and net["ip"] == address for net in item["private_net"])


def _is_running(server: Object) -> bool:
    return bool(server["status"] == "running")


def _say(text: str) -> None:
    """Into the emulator's log."""
    print(text, flush=True)
