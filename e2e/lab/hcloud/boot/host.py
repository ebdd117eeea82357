"""What booting asks of this machine's network: servers' addresses, and connections cut without notice.

Addresses of the loopback range need nothing: without a device, nothing is changed here.
"""

from __future__ import annotations

import asyncio
import contextlib

from e2e.lab.commands import run
from e2e.lab.errors import LabError
from e2e.lab.layout import CLUSTERS_GROUP
from e2e.lab.network import CUT_CHAIN

API_PORT = "6443"


class NotPossible(Exception):
    """The emulator was started without a device."""


class Host:
    """Changes the network where a device is given, such as the lab's bridge. Everything may be done twice."""

    def __init__(self, device: str | None = None) -> None:
        self._device = device

    @property
    def group(self) -> int | None:
        """The group id of what runs on servers; none without a device, since only root can change it."""
        return CLUSTERS_GROUP if self._device else None

    async def add(self, address: str) -> None:
        """Make it an address of this machine."""
        if self._device:
            await asyncio.to_thread(run, ["ip", "address", "replace", f"{address}/32", "dev", self._device])

    async def remove(self, address: str) -> None:
        """Nobody answers there any more, and nothing is cut off."""
        if self._device:
            await self.mend(address)
            with contextlib.suppress(LabError):  # it is not there
                await asyncio.to_thread(run, ["ip", "address", "delete", f"{address}/32", "dev", self._device])

    async def cut(self, address: str) -> None:
        """Drop what goes to and comes from its API server, so that neither side learns of it: no FIN, no RST."""
        if not self._device:
            raise NotPossible
        for rule in _rules(address):
            if not await self._iptables("-C", rule):
                await self._iptables("-A", rule)

    async def mend(self, address: str) -> None:
        """Undo a cut."""
        for rule in _rules(address) if self._device else ():
            while await self._iptables("-D", rule):
                pass

    async def _iptables(self, verb: str, rule: list[str]) -> bool:
        with contextlib.suppress(LabError):
            await asyncio.to_thread(run, ["iptables", "--wait", verb, CUT_CHAIN, *rule])
            return True
        return False


def _rules(address: str) -> tuple[list[str], list[str]]:
    to = ["-p", "tcp", "-d", address, "--dport", API_PORT, "-j", "DROP"]
    back = ["-p", "tcp", "-s", address, "--sport", API_PORT, "-j", "DROP"]
    return to, back
