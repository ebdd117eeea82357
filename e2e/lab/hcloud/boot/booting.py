"""The boot of one server, from the checks of its user_data to a node that is up.

Every step may be repeated, so a boot that ended in the middle, as when the emulator was restarted, begins anew and
finds what runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

from e2e.lab.hcloud.boot import checks, control_plane, joining, nodes
from e2e.lab.hcloud.boot.boots import BootEffect, Boots
from e2e.lab.hcloud.boot.cluster import Cluster, Surroundings
from e2e.lab.hcloud.boot.first_boot import FirstBoot, Role
from e2e.lab.hcloud.boot.kubectl import Kubectl
from e2e.lab.hcloud.boot.place import Place
from e2e.lab.hcloud.boot.user_data import NotCloudConfig

RETRY_SECONDS, LOOK_SECONDS = 2.0, 0.1


class Refused(Exception):
    """The server does not come up; the message says why."""


class Booted(Protocol):
    """What a boot uses of the server that it makes come true, and of its neighbours."""

    place: Place

    @property
    def project(self) -> str: ...

    @property
    def private_addresses(self) -> list[str]: ...

    @property
    def has_api(self) -> bool: ...

    def first_boot(self) -> FirstBoot: ...

    def neighbour(self, private_ip: str) -> Booted | None: ...

    def start_api(self) -> None: ...

    def say(self, text: str) -> None: ...


class Booting:
    """One attempt, from a server's start on."""

    def __init__(self, server: Booted, boots: Boots, clock: Callable[[], float]) -> None:
        self._server, self._boots, self._clock = server, boots, clock
        self._since = clock()

    async def run(self) -> None:
        """Until the server is up, or refuses to come up."""
        try:
            boot = self._checked()
            await self._allowed(lambda effect: effect.never, "nothing happens on it")
            await self._late()
            await self._private_network(boot)
            await self._until_done(boot)
            self._server.say("up")
        except Refused as refused:
            self._server.say(f"does not come up: {refused}")
        except Exception as error:
            self._server.say(f"does not come up, which is the lab's fault: {type(error).__name__}: {error}")
            raise

    def _checked(self) -> FirstBoot:
        try:
            boot = self._server.first_boot()
            found = checks.refusals(boot, self._server.place.name)
        except NotCloudConfig as error:
            raise Refused(str(error)) from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Refused(f"its user_data has not the shape that k3s and Flux expect: {error}") from None
        if found:
            raise Refused("; ".join(found))
        return boot

    async def _allowed(self, held: Callable[[BootEffect], bool], what: str) -> None:
        """Wait while a fault holds it back."""
        if held(self._effect()):
            self._server.say(f"held back by a fault: {what}")
        while held(self._effect()):
            await self._boots.changed()

    def _effect(self) -> BootEffect:
        return self._boots.effect(self._server.project, self._server.place.name)

    async def _late(self) -> None:
        while (left := self._since + self._effect().delay_seconds - self._clock()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._boots.changed(), left)

    async def _private_network(self, boot: FirstBoot) -> None:
        """As await-private-address.sh does, only without end."""
        await _until(lambda: boot.node_ip in self._server.private_addresses)
        self._server.place.say(f"private address {boot.node_ip} is there")

    async def _until_done(self, boot: FirstBoot) -> None:
        """systemd starts a bootstrap that failed again."""
        work = {Role.FIRST: self._begin, Role.JOINING: self._join, Role.WORKER: self._work}[boot.role]
        while True:
            try:
                return await work(boot)
            except Refused:
                raise
            except Exception as error:
                self._server.say(f"tried again in {RETRY_SECONDS:.0f} s: {type(error).__name__}: {error}")
                await asyncio.sleep(RETRY_SECONDS)

    async def _begin(self, boot: FirstBoot) -> None:
        place = self._server.place
        control_plane.write_files(place, boot.ca_files, boot)
        place.start(control_plane.ETCD, control_plane.etcd(place), {})
        await self._api_up()
        await Cluster(place, boot, Surroundings(self._effect, self._kit_faults, self._allowed)).bootstrap()

    def _kit_faults(self) -> dict[str, Any]:
        return self._boots.kit_faults(self._server.project)

    async def _join(self, boot: FirstBoot) -> None:
        first = await self._joined(boot)
        place = self._server.place
        control_plane.write_files(place, first.first_boot().ca_files, boot)
        await self._api_up()
        await Kubectl(place).apply_objects([nodes.node(boot, ready=True)])

    async def _work(self, boot: FirstBoot) -> None:
        first = await self._joined(boot)
        await Kubectl(first.place).apply_objects([nodes.node(boot, ready=True)])

    async def _api_up(self) -> None:
        self._server.start_api()
        await _answering(self._server)
        self._server.place.say("the API server answers")

    async def _joined(self, boot: FirstBoot) -> Booted:
        """The first control plane, once it answers and has accepted the token."""
        await self._allowed(lambda effect: effect.never_joins, "it does not join")
        self._server.place.say(f"waits for a control plane at {', '.join(boot.join_addresses)}")
        await _until(lambda: self._first(boot) is not None)
        first = self._first(boot)
        assert first is not None
        await _answering(first)
        if found := joining.refusals(boot, first.first_boot()):
            raise Refused("; ".join(found))
        return first

    def _first(self, boot: FirstBoot) -> Booted | None:
        """The control plane that began the cluster, once it has an API server: only that one has an etcd here."""
        found = (self._server.neighbour(address) for address in boot.join_addresses)
        return next((s for s in found if s and s.has_api and s.first_boot().role is Role.FIRST), None)


async def _answering(server: Booted) -> None:
    while True:
        if await control_plane.answers(server.place):
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _until(met: Callable[[], bool]) -> None:
    while True:
        if met():
            return
        await asyncio.sleep(LOOK_SECONDS)
