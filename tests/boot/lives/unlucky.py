"""First boots beside which something does not answer at once: DHCP of the private network, or the vendors."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from e2e.boot.layout import PRIVATE_NIC
from tests.boot.lives.cluster import BEGINS
from tests.boot.stage import FIRST, Stage

LONG_SECONDS = 600
IFUP = f"hc-net-ifup@{PRIVATE_NIC}"


@dataclass
class UnluckyLife:
    """What was seen."""

    log: str
    attempts: int = 0
    """How often k3s was asked for."""


def lease_life(stage: Stage, worlds: ExitStack) -> UnluckyLife:
    """Nobody hears the private interface before its client has given up."""
    server = stage.server(worlds.enter_context(stage.world("lease")), FIRST)
    server.power_on(heard=False)
    server.until_logged(BEGINS)
    server.until(lambda: server.try_run(f"systemctl is-failed {IFUP}").stdout == "failed\n", f"{IFUP} to give up")
    server.hear_private_network()
    server.until_booted(seconds=LONG_SECONDS)
    log = server.log
    server.cut()
    return UnluckyLife(log)


def downloads_life(stage: Stage, worlds: ExitStack) -> UnluckyLife:
    """k3s cannot be had six times, Helm's server accepts once and stays silent."""
    server = stage.server(worlds.enter_context(stage.world("downloads")), FIRST)
    k3s = stage.vendors.url_of("k3s")
    server.downloads.failing[k3s] = 6
    server.downloads.silent[stage.vendors.url_of("helm")] = 1
    server.power_on()
    server.until_booted(seconds=LONG_SECONDS)
    seen = UnluckyLife(server.log, server.downloads.asked.count(k3s))
    server.cut()
    return seen
