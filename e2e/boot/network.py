"""Networks of servers: a public one, and a private one that a server gets later, as at Hetzner's.

A server has a namespace of its own. Its interfaces are ends of pairs; the others are ports of bridges in the world's
namespace, which is router, DHCP server and everything beyond. Nothing of it is seen on the machine itself.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.boot.layout import (
    GATEWAY,
    METADATA,
    PRIVATE,
    PRIVATE_GATEWAY,
    PRIVATE_NIC,
    PRIVATE_RANGE,
    PUBLIC,
    PUBLIC_NIC,
    SERVER_PREFIX,
    WORLD_PREFIX,
    private_address,
    public_address,
)
from e2e.lab.commands import run

NUMBERS = range(10, 100)
"""Of servers: the last part of their addresses."""
MTU = 1450
"""Of Hetzner's private networks."""
_OPTIONS = {
    PUBLIC: ("option:netmask,255.255.255.255", f"option:router,{GATEWAY}", f"option:dns-server,{GATEWAY}"),
    PRIVATE: (
        "option:netmask,255.255.255.255",
        f"option:classless-static-route,{PRIVATE_GATEWAY}/32,0.0.0.0,{PRIVATE_RANGE},{PRIVATE_GATEWAY}",
        f"option:mtu,{MTU}",
        "option:router",
        "option:dns-server",
    ),
}
"""Of DHCP: one address a server, everything else by way of the gateway."""


@dataclass(frozen=True)
class Network:
    """One world's: its servers reach those of no other."""

    name: str

    @property
    def world(self) -> str:
        """The namespace of all that is not a server."""
        return f"{WORLD_PREFIX}{self.name}"

    def namespace(self, number: int) -> str:
        """Of a server."""
        return f"{SERVER_PREFIX}{self.name}-{number}"

    def make(self) -> None:
        """The world's namespace, with both bridges."""
        ip(f"netns add {self.world}")
        ip(
            "link set lo up",
            *(f"link add {bridge} type bridge forward_delay 0" for bridge in (PUBLIC, PRIVATE)),
            *(f"link set {bridge} up" for bridge in (PUBLIC, PRIVATE)),
            f"address add {METADATA}/32 dev lo",
            f"address add {GATEWAY}/32 dev {PUBLIC}",
            f"address add {public_address(1)}/24 dev {PUBLIC}",
            f"address add {PRIVATE_GATEWAY}/{PRIVATE_RANGE.split('/')[1]} dev {PRIVATE}",
            inside=self.world,
        )
        # Of the namespace alone. Who is asked to forward in a private network must not say "go there yourself".
        redirects = (f"net.ipv4.conf.{name}.send_redirects=0" for name in ("all", PRIVATE))
        settings = ("net.ipv4.ip_forward=1", *redirects)
        run(["ip", "netns", "exec", self.world, "sysctl", "--quiet", "--write", *settings])

    def dhcp_command(self, program: Path, folder: Path) -> list[str]:
        """dnsmasq as Hetzner's DHCP, and as a name server that knows one address."""
        hosts = folder / "dhcp-hosts"
        hosts.write_text("".join(f"{line},infinite\n" for number in NUMBERS for line in _leases(number)))
        return [
            *("ip", "netns", "exec", self.world, str(program)),
            *("--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root", "--conf-file=/dev/null"),
            *("--pid-file", "--bind-dynamic", f"--interface={PUBLIC}", f"--interface={PRIVATE}"),
            f"--address=/#/{GATEWAY}",
            f"--dhcp-range=set:{PUBLIC},{public_address(0)},static,255.255.255.0",
            f"--dhcp-range=set:{PRIVATE},{private_address(0)},static,255.255.0.0",
            *(f"--dhcp-option=tag:{network},{option}" for network, given in _OPTIONS.items() for option in given),
            *(f"--dhcp-hostsfile={hosts}", f"--dhcp-leasefile={folder / 'leases'}", "--dhcp-authoritative"),
            *("--log-dhcp", f"--log-facility={folder / 'dnsmasq.log'}"),
        ]

    def plug_in(self, number: int) -> None:
        """A server's network anew, with its public interface."""
        self.unplug(number)
        ip(f"netns add {self.namespace(number)}")
        ip("link set lo up", inside=self.namespace(number))
        self._connect(number, PUBLIC, PUBLIC_NIC, heard=True)

    def attach_private(self, number: int, *, heard: bool = True) -> None:
        """Its private interface appears; unless it is `heard`, nobody answers what it asks."""
        self._connect(number, PRIVATE, PRIVATE_NIC, heard=heard)

    def hear_private(self, number: int) -> None:
        """From now on."""
        ip(f"link set {_port(PRIVATE, number)} master {PRIVATE}", inside=self.world)

    def unplug(self, number: int) -> None:
        """Take a server's network away, if there is one; its ports go with it."""
        if (Path("/run/netns") / self.namespace(number)).exists():
            for network in (PUBLIC, PRIVATE):
                delete = ["ip", "-n", self.world, "link", "delete", _port(network, number)]
                subprocess.run(delete, capture_output=True, check=False)
            ip(f"netns delete {self.namespace(number)}")

    def _connect(self, number: int, network: str, nic: str, *, heard: bool) -> None:
        port = _port(network, number)
        peer = f"peer name {nic} netns {self.namespace(number)} address {_hardware(network, number)}"
        ip(
            f"link add {port} type veth {peer}",
            *([f"link set {port} master {network}"] if heard else []),
            f"link set {port} up",
            inside=self.world,
        )


def ip(*lines: str, inside: str | None = None) -> None:
    """Commands of `ip`, one after the other, in a namespace or on the machine."""
    where = ("-n", inside) if inside else ()
    run(["ip", *where, "-batch", "-"], stdin="\n".join(lines) + "\n")


def _leases(number: int) -> tuple[str, str]:
    return (
        f"{_hardware(PUBLIC, number)},{public_address(number)}",
        f"{_hardware(PRIVATE, number)},{private_address(number)}",
    )


def _port(network: str, number: int) -> str:
    return f"{network[:3]}{number}"


def _hardware(network: str, number: int) -> str:
    return f"{'96' if network == PUBLIC else '86'}:00:00:00:00:{number:02x}"
