"""The boot of one server, from the checks of its user_data to a node that is up.

Every step may be repeated, so a boot that ended in the middle, as when the emulator was restarted, begins anew and
finds what runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from e2e.lab.hcloud.boot import checks, control_plane, joining, membership, node_password, nodes
from e2e.lab.hcloud.boot.boots import BootEffect, Boots
from e2e.lab.hcloud.boot.cluster import Cluster, Surroundings, is_flux_installed
from e2e.lab.hcloud.boot.first_boot import FirstBoot, Role
from e2e.lab.hcloud.boot.joining import NotYet
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

    def behind(self, address: str) -> Sequence[Booted]: ...

    def start_api(self) -> None: ...

    def start_controllers(self) -> None: ...

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
        """systemd starts what failed again. The same reason is told once."""
        work = {Role.FIRST: self._begin, Role.JOINING: self._join, Role.WORKER: self._work}[boot.role]
        told = ""
        while True:
            try:
                return await work(boot)
            except Refused:
                raise
            except NotYet as waits:
                reason = str(waits)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
            if reason != told:
                self._server.say(f"tried again every {RETRY_SECONDS:.0f} s: {reason}")
                told = reason
            await asyncio.sleep(RETRY_SECONDS)

    async def _begin(self, boot: FirstBoot) -> None:
        """On a disk that knows of no cluster: one of its own, whatever others there are."""
        place = self._server.place
        control_plane.write_files(place, boot.ca_files, boot)
        membership.begin(place, boot)
        member = await self._serving(boot)
        around = Surroundings(self._effect, self._kit_faults, self._allowed, self._server.start_controllers)
        await Cluster(place, boot, member, around).bootstrap()
        await self._remembered(boot)

    def _kit_faults(self) -> dict[str, Any]:
        return self._boots.kit_faults(self._server.project)

    async def _join(self, boot: FirstBoot) -> None:
        place = self._server.place
        if membership.read(place) is None:
            contact = await self._joined(boot)
            control_plane.write_files(place, control_plane.authorities(contact.place), boot)
            await membership.join(place, boot, contact.place)
        member = await self._serving(boot)
        await Kubectl(place).apply_objects([nodes.node(boot, ready=True, member=member)])
        if await is_flux_installed(place):
            self._server.start_controllers()
        await self._remembered(boot)

    async def _serving(self, boot: FirstBoot) -> str:
        """etcd and the API server answer; the name in etcd."""
        place = self._server.place
        member = membership.read(place)
        assert member is not None, "it was noted before"
        place.start(control_plane.ETCD, control_plane.etcd(place, boot, member), {})
        await membership.vote(place, control_plane.ETCD)
        await _answering(self._server)
        place.say("the API server answers")
        return member.name

    async def _remembered(self, boot: FirstBoot) -> None:
        """A control plane is its own judge when it starts: another password is only told, as k3s does in an event."""
        place = self._server.place
        try:
            await node_password.ensure(Kubectl(place), boot.node_name, node_password.of(place))
        except NotYet:
            place.say("Deferred node password secret validation failed: the password of another server is remembered")

    async def _work(self, boot: FirstBoot) -> None:
        contact = await self._joined(boot)
        kubectl = Kubectl(contact.place)
        await node_password.ensure(kubectl, boot.node_name, node_password.of(self._server.place))
        await kubectl.apply_objects([nodes.node(boot, ready=True)])

    async def _joined(self, boot: FirstBoot) -> Booted:
        """A control plane that answers and has accepted the token."""
        await self._allowed(lambda effect: effect.never_joins, "it does not join")
        self._server.place.say(f"waits for a control plane at {', '.join(boot.join_addresses)}")
        contact = await self._contact(boot)
        authority = (contact.place.tls / "server-ca.crt").read_text()
        if found := joining.refusals(boot, contact.first_boot(), authority):
            raise Refused("; ".join(found))
        self._server.place.say(f"joins through {contact.place.name}")
        return contact

    async def _contact(self, boot: FirstBoot) -> Booted:
        """The first control plane that answers at one of the addresses, once one does."""
        while True:
            for server in (server for address in boot.join_addresses for server in self._server.behind(address)):
                if server.has_api and await control_plane.answers(server.place):
                    return server
            await asyncio.sleep(LOOK_SECONDS)


async def _answering(server: Booted) -> None:
    while True:
        server.start_api()
        if await control_plane.answers(server.place):
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _until(met: Callable[[], bool]) -> None:
    while True:
        if met():
            return
        await asyncio.sleep(LOOK_SECONDS)
