"""The lab's part of the machine's network: a bridge with the node's address, routes, packet rules, kernel settings.

Nothing of the lab may leave the machine: the Service range and the emulated cloud's public range are routed to a
bridge without ports, so that what kube-proxy does not translate, and what is meant for a server that is not up, dies
there, and what Pods send to anywhere but the machine itself is rejected.
Kernel settings that Kubernetes changes are noted down and put back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from e2e.lab.cache import digest
from e2e.lab.commands import run
from e2e.lab.layout import (
    BRIDGE,
    CLUSTERS_GROUP,
    DNS_SERVERS,
    NODE_NETWORK,
    POD_BRIDGE,
    PUBLIC_RANGE,
    SERVICE_RANGE,
    Layout,
)
from e2e.lab.processes import boot_id

OWN_CHAINS = re.compile(r"^(KUBE-|CNI-|CATALYST-LAB)")
"""Chains of kube-proxy and the kubelet, of the CNI plugins, and ours."""

SYSCTL = Path("/proc/sys")
BRIDGE_FILTER = SYSCTL / "net/bridge/bridge-nf-call-iptables"
SETTINGS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/bridge/bridge-nf-call-iptables",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
)
"""What kube-proxy, the kubelet, the CNI plugins and the lab itself change."""

CUT_CHAIN = "CATALYST-LAB-CUT"
"""Holds a pair of rules for each API server whose connections are cut, see `hcloud.boot.host`."""

RULES = """\
*filter
:CATALYST-LAB-FORWARD - [0:0]
:CATALYST-LAB-INPUT - [0:0]
:CATALYST-LAB-OUTPUT - [0:0]
:{cut} - [0:0]
-A CATALYST-LAB-FORWARD -i {pods} -o {pods} -j ACCEPT
-A CATALYST-LAB-FORWARD -i {pods} -j REJECT
-A CATALYST-LAB-INPUT -j {cut}
-A CATALYST-LAB-INPUT -i {pods} -j ACCEPT
-A CATALYST-LAB-OUTPUT -p tcp --syn -m owner --gid-owner {clusters} -j CONNMARK --set-mark {mark}
-A CATALYST-LAB-OUTPUT ! -o lo -m conntrack --ctstate NEW -m owner --gid-owner {clusters} -j REJECT
-A CATALYST-LAB-OUTPUT -j {cut}
-A {cut} -m connmark --mark {mark} -j RETURN
-I FORWARD 1 -j CATALYST-LAB-FORWARD
-I INPUT 1 -j CATALYST-LAB-INPUT
-I OUTPUT 1 -j CATALYST-LAB-OUTPUT
COMMIT
"""
"""Processes of booted servers reach the machine's own addresses only. The connections that they open are marked: what
cuts a server off does not cut these."""

MARK_OF_CLUSTERS = "0x6443"


def is_current(layout: Layout) -> bool:
    """Whether what `set_up` made is what it would make now: a lab of an earlier checkout lacks what is new."""
    path = settings_file(layout)
    return path.exists() and json.loads(path.read_text()).get("version") == version()


def version() -> str:
    """Changes with what `set_up` makes."""
    return digest([], RULES, NODE_NETWORK, SERVICE_RANGE, PUBLIC_RANGE, *DNS_SERVERS.values())


def set_up(layout: Layout) -> None:
    """Make the bridge, its route and the rules; expects that `take_down` left none of them."""
    _load_bridge_filter()
    _note_settings(layout)
    run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    run(["ip", "address", "add", NODE_NETWORK, "dev", BRIDGE])
    for address in DNS_SERVERS.values():
        run(["ip", "address", "add", f"{address}/32", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    for unreal in (SERVICE_RANGE, PUBLIC_RANGE):
        run(["ip", "route", "add", unreal, "dev", BRIDGE])
    rules = RULES.format(pods=POD_BRIDGE, cut=CUT_CHAIN, clusters=CLUSTERS_GROUP, mark=MARK_OF_CLUSTERS)
    run(["iptables-restore", "--noflush", "--wait"], stdin=rules)
    (SYSCTL / "net/ipv4/ip_forward").write_text("1")
    BRIDGE_FILTER.write_text("1")


def _load_bridge_filter() -> None:
    """Without it, packets between Pods of one bridge pass by kube-proxy's rules: no Service would reach a Pod."""
    if not BRIDGE_FILTER.exists():
        run(["modprobe", "br_netfilter"], remedy="the kernel must have br_netfilter, built in or as a module")


def take_down(layout: Layout) -> None:
    """Remove all of it, whatever part is there; routes go with their bridge."""
    for bridge in (POD_BRIDGE, BRIDGE):
        if Path("/sys/class/net", bridge).exists():
            run(["ip", "link", "delete", bridge])
    for family in ("iptables", "ip6tables"):
        _remove_rules(family)
    _restore_settings(layout)


def _remove_rules(family: str) -> None:
    removal = "".join(removal_of(table) for table in _tables(run([f"{family}-save"])))
    if removal:
        run([f"{family}-restore", "--noflush", "--wait"], stdin=removal)


def _tables(saved: str) -> list[list[str]]:
    """The output of iptables-save as one list of lines for each table."""
    return [table.splitlines() for table in re.findall(r"^\*.*?^COMMIT$", saved, re.MULTILINE | re.DOTALL)]


def removal_of(table: list[str]) -> str:
    """Input for `iptables-restore --noflush` that takes the lab's chains, and jumps to them, out of one table."""
    chains = [line[1:].split()[0] for line in table if line.startswith(":")]
    own = [chain for chain in chains if OWN_CHAINS.match(chain)]
    if not own:
        return ""
    jumps = [line for line in table if line.startswith("-A ") and _jumps_from_foreign(line, own)]
    lines = [
        table[0],
        *(f":{chain} - [0:0]" for chain in own),
        *(f"-D{line[2:]}" for line in jumps),
        *(f"-X {chain}" for chain in own),
        "COMMIT\n",
    ]
    return "\n".join(lines)


def _jumps_from_foreign(rule: str, own: Iterable[str]) -> bool:
    source = rule.split()[1]
    target = re.search(r" -[jg] (\S+)", rule)
    return source not in own and target is not None and target[1] in own


def settings_file(layout: Layout) -> Path:
    """What the machine's settings were before, and which version of the network is set up."""
    return layout.root / "kernel-settings.json"


def _note_settings(layout: Layout) -> None:
    present = [name for name in SETTINGS if (SYSCTL / name).exists()]
    noted = {name: (SYSCTL / name).read_text().strip() for name in present}
    content = {"boot": boot_id(), "version": version(), "settings": noted}
    settings_file(layout).write_text(json.dumps(content, indent=1) + "\n")


def _restore_settings(layout: Layout) -> None:
    """A reboot has put them back already, and may have brought other values."""
    path = settings_file(layout)
    if not path.exists():
        return
    noted = json.loads(path.read_text())
    for name, value in noted["settings"].items() if noted["boot"] == boot_id() else ():
        if (SYSCTL / name).read_text().strip() != value:
            (SYSCTL / name).write_text(value)
    path.unlink()
