"""What every server needs in its user_data, or its first boot would end in a node that never comes up.

Each check yields sentences for people: what is missing, and what would come of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from e2e.lab.hcloud.boot import checks_cluster, demands, tokens
from e2e.lab.hcloud.boot.first_boot import (
    CHOOSE_SCRIPT,
    CLUSTER_SCRIPT,
    K3S_CONFIG,
    NODE_ENV,
    NODE_SCRIPT,
    SCRIPTS,
    UNITS,
    FirstBoot,
    Role,
)

BOOTSTRAP_UNIT = "catalyst-bootstrap.service"
UNIT_FILES = (BOOTSTRAP_UNIT, "catalyst-metadata-blackhole.service")
NODE_SCRIPTS = ("lib.sh", "await-private-address.sh", NODE_SCRIPT)
NODE_STEPS = ("private-network", "metadata-service", "kernel-settings", "ca-files", "k3s-binary", "k3s-start")
_EXEC = re.compile(r"^ExecStart(?:Pre)?=[-+!@:]*(\S+)(?: (\S+))?", re.MULTILINE)


def refusals(boot: FirstBoot, server: str) -> list[str]:
    """Why the server of this name does not come up; empty when it does."""
    checks = [_files(boot), _start(boot), _node(boot, server), _steps(boot), demands.pins(boot, "k3s")]
    if boot.role is not Role.WORKER:
        checks.append(_server(boot))
    checks.append(checks_cluster.refusals(boot) if boot.role is Role.FIRST else _joining(boot))
    return [sentence for check in checks for sentence in check]


def _files(boot: FirstBoot) -> Iterator[str]:
    service = boot.env.get("K3S_SERVICE", "k3s.service")
    for path in (NODE_ENV, K3S_CONFIG, *(f"{UNITS}{unit}" for unit in (*UNIT_FILES, service))):
        if not boot.config.text(path).strip():
            yield f"{path} is not written"
    for script in NODE_SCRIPTS:
        yield from demands.script_written(boot, script, executable=script != "lib.sh")
    for script in sorted(_started_by_units(boot) - {*NODE_SCRIPTS, CHOOSE_SCRIPT, CLUSTER_SCRIPT}):
        yield from demands.script_written(boot, script)


def _started_by_units(boot: FirstBoot) -> set[str]:
    """The scripts of ours that any unit starts."""
    units = (file.content for path, file in boot.config.files.items() if path.startswith(UNITS))
    started = (path for unit in units for path, _ in _EXEC.findall(unit))
    return {path.removeprefix(SCRIPTS) for path in started if path.startswith(SCRIPTS)}


def _start(boot: FirstBoot) -> Iterator[str]:
    """runcmd starts the one unit, which starts what is there."""
    starts = [words for words in boot.config.commands if words[:1] == ("systemctl",) and BOOTSTRAP_UNIT in words]
    if not any("--now" in words or "start" in words for words in starts):
        yield f"runcmd does not start {BOOTSTRAP_UNIT}: nothing would happen on the server"
    unit = boot.config.text(f"{UNITS}{BOOTSTRAP_UNIT}")
    started = [path for path, _ in _EXEC.findall(unit)]
    wanted = [f"{SCRIPTS}{NODE_SCRIPT}", *checks_cluster.scripts(boot)]
    if started != wanted:
        yield f"{BOOTSTRAP_UNIT} starts {', '.join(started) or 'nothing'}, not {', '.join(wanted)}"
    service = boot.env.get("K3S_SERVICE", "")
    mode = "agent" if boot.role is Role.WORKER else "server"
    if ("/usr/local/bin/k3s", mode) not in _EXEC.findall(boot.config.text(f"{UNITS}{service}")):
        yield f"the unit {service or 'K3S_SERVICE'} does not start `/usr/local/bin/k3s {mode}`"


def _node(boot: FirstBoot, server: str) -> Iterator[str]:
    if boot.node_name != server:
        yield f"NODE_NAME in node.env is '{boot.node_name}', and the server is '{server}'"
    for key, value in (("node-name", boot.node_name), ("node-ip", boot.node_ip)):
        if not value or boot.k3s.get(key) != value:
            yield f"{key} in k3s' configuration is '{boot.k3s.get(key, '')}', and node.env says '{value}'"


def _steps(boot: FirstBoot) -> Iterator[str]:
    yield from demands.steps_known(boot, NODE_SCRIPT, NODE_STEPS)


def _server(boot: FirstBoot) -> Iterator[str]:
    """What all k3s servers have to agree on."""
    if boot.k3s.get("flannel-backend") != "none":
        yield "k3s' flannel-backend is not none: flannel and Cilium would both want to be the Pods' network"
    if boot.k3s.get("disable-network-policy") is not True:
        yield "k3s' disable-network-policy is not true: k3s and Cilium would both enforce NetworkPolicies"
    if boot.k3s.get("disable-kube-proxy") is not True:
        yield "k3s' disable-kube-proxy is not true: Cilium replaces kube-proxy, and both would write rules"
    disabled = boot.disabled
    for addon in ("traefik", "servicelb"):
        if addon not in disabled:
            yield f"k3s' {addon} is not disabled: it would take the ports of Cilium's gateway"
    if "local-storage" in disabled:
        yield "k3s' local-storage is disabled: no volume would ever bind"
    if not boot.tls_names:
        yield "k3s has no tls-san: its certificate would not carry the Sovereign's name, by which it is verified"
    yield from demands.token(boot, "token", tokens.SERVER)
    yield from demands.token(boot, "agent-token", tokens.AGENT)


def _joining(boot: FirstBoot) -> Iterator[str]:
    yield from demands.script_written(boot, CHOOSE_SCRIPT)
    unit = boot.config.text(f"{UNITS}{boot.env.get('K3S_SERVICE', '')}")
    if f"{SCRIPTS}{CHOOSE_SCRIPT}" not in [path for path, _ in _EXEC.findall(unit)]:
        yield f"k3s' unit does not start {CHOOSE_SCRIPT}: k3s would not be told whom to join"
    if not boot.join_addresses or not all(re.fullmatch(r"[0-9.]+", address) for address in boot.join_addresses):
        yield "JOIN_ADDRESSES in node.env are not the addresses of control planes: there is nobody to join"
    if boot.node_ip in boot.join_addresses:
        yield "JOIN_ADDRESSES in node.env names the server itself: it would wait for itself"
    if "server" in boot.k3s:
        yield f"server in k3s' configuration is for {CHOOSE_SCRIPT} to choose, at each start"
    if boot.k3s.get("cluster-init"):
        yield "k3s' configuration has cluster-init on a server that joins: it would be a cluster of its own"
    if boot.role is Role.WORKER:
        yield from demands.token(boot, "token", tokens.AGENT)
