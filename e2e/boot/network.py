"""Networks of servers: a public one, and a private one that a server gets later, as at Hetzner's.

A server has a namespace of its own. Its interfaces are ends of pairs; the others are ports of bridges in the world's
namespace, which is router, DHCP server and everything beyond. Nothing of it is seen on the machine itself.
"""

from __future__ import annotations

import subprocess
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
    WORLD,
    namespace,
    private_address,
    public_address,
)
from e2e.lab.commands import run

NUMBERS = range(10, 100)
"""Of servers: the last part of their addresses."""
MTU = "1450"
"""Of Hetzner's private networks."""


def ip(*lines: str, inside: str | None = None) -> None:
    """Commands of `ip`, one after the other, in a namespace or on the machine."""
    where = ("-n", inside) if inside else ()
    run(["ip", *where, "-batch", "-"], stdin="\n".join(lines) + "\n")


def make_world() -> None:
    """The world's namespace, with both bridges."""
    ip(f"netns add {WORLD}")
    ip(
        "link set lo up",
        *(f"link add {bridge} type bridge forward_delay 0" for bridge in (PUBLIC, PRIVATE)),
        *(f"link set {bridge} up" for bridge in (PUBLIC, PRIVATE)),
        f"address add {METADATA}/32 dev lo",
        f"address add {GATEWAY}/32 dev {PUBLIC}",
        f"address add {public_address(1)}/24 dev {PUBLIC}",
        f"address add {PRIVATE_GATEWAY}/{PRIVATE_RANGE.split('/')[1]} dev {PRIVATE}",
        inside=WORLD,
    )
    settings = [
        "net.ipv4.ip_forward=1",
        "net.ipv4.conf.all.send_redirects=0",
        f"net.ipv4.conf.{PRIVATE}.send_redirects=0",
    ]
    run(["ip", "netns", "exec", WORLD, "sysctl", "--quiet", "--write", *settings])


def dhcp_command(program: Path, folder: Path) -> list[str]:
    """dnsmasq as Hetzner's DHCP: one address a server, everything else by way of the gateway. It names servers, too."""
    hosts = folder / "dhcp-hosts"
    hosts.write_text(
        "".join(
            f"{_hardware(nic, number)},{address(number)},infinite\n"
            for number in NUMBERS
            for nic, address in ((PUBLIC, public_address), (PRIVATE, private_address))
        )
    )
    options = {
        PUBLIC: ("option:netmask,255.255.255.255", f"option:router,{GATEWAY}", f"option:dns-server,{GATEWAY}"),
        PRIVATE: (
            "option:netmask,255.255.255.255",
            f"option:classless-static-route,{PRIVATE_GATEWAY}/32,0.0.0.0,{PRIVATE_RANGE},{PRIVATE_GATEWAY}",
            f"option:mtu,{MTU}",
            "option:router",
            "option:dns-server",
        ),
    }
    return [
        *(
            "ip",
            "netns",
            "exec",
            WORLD,
            str(program),
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
        ),
        *("--conf-file=/dev/null", "--pid-file", "--bind-dynamic", f"--interface={PUBLIC}", f"--interface={PRIVATE}"),
        f"--address=/#/{GATEWAY}",
        f"--dhcp-range=set:{PUBLIC},{public_address(0)},static,255.255.255.0",
        f"--dhcp-range=set:{PRIVATE},{private_address(0)},static,255.255.0.0",
        *(f"--dhcp-option=tag:{network},{option}" for network, given in options.items() for option in given),
        *(f"--dhcp-hostsfile={hosts}", f"--dhcp-leasefile={folder / 'leases'}", "--dhcp-authoritative"),
        *("--log-dhcp", f"--log-facility={folder / 'dnsmasq.log'}"),
    ]


def plug_in(number: int) -> None:
    """A server's network anew, with its public interface."""
    unplug(number)
    ip(f"netns add {namespace(number)}")
    ip("link set lo up", inside=namespace(number))
    _connect(number, PUBLIC, PUBLIC_NIC, attached=True)


def attach_private(number: int, *, answered: bool = True) -> None:
    """Its private interface appears; unless `answered`, nobody hears what it asks."""
    _connect(number, PRIVATE, PRIVATE_NIC, attached=answered)


def let_private_be_heard(number: int) -> None:
    """After an attachment that was not answered."""
    ip(f"link set {_port(PRIVATE, number)} master {PRIVATE}", inside=WORLD)


def unplug(number: int) -> None:
    """Take a server's network away, if there is one; its ports go with it."""
    if (Path("/run/netns") / namespace(number)).exists():
        for network in (PUBLIC, PRIVATE):
            subprocess.run(
                ["ip", "-n", WORLD, "link", "delete", _port(network, number)], capture_output=True, check=False
            )
        ip(f"netns delete {namespace(number)}")


def _connect(number: int, network: str, nic: str, *, attached: bool) -> None:
    port = _port(network, number)
    peer = f"peer name {nic} netns {namespace(number)} address {_hardware(network, number)}"
    ip(
        f"link add {port} type veth {peer}",
        *([f"link set {port} master {network}"] if attached else []),
        f"link set {port} up",
        inside=WORLD,
    )


def _port(network: str, number: int) -> str:
    return f"{network[:3]}{number}"


def _hardware(network: str, number: int) -> str:
    return f"{'96' if network == PUBLIC else '86'}:00:00:00:00:{number:02x}"
