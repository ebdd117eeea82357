"""A cluster that comes to be: its first control plane, those that join, one in the place of another, and a reboot."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from e2e.boot.findings import File, files
from e2e.boot.layout import METADATA
from e2e.boot.machine import Machine
from tests.boot.stage import FIRST, SECOND, WORKER, Stage

BEGINS = "step private-network: begins"
ASK = f"curl --silent --max-time 2 http://{METADATA}/hetzner/v1/userdata | wc -c"
"""How much of user_data may still be read."""
KINDS = "api-resources --verbs=list --output=name"
REJECTED = "Node password rejected"


@dataclass
class ClusterLife:
    """What was seen."""

    waited_for_network: str = ""
    """The first one's log before its private network was attached."""
    log: str = ""
    """The first one's, of its whole first boot."""
    files: list[File] = field(default_factory=list)
    """On the disks of all."""
    readable_user_data: dict[str, str] = field(default_factory=dict)
    """Bytes, by server, once they had booted."""
    objects: dict[str, Any] = field(default_factory=dict)
    """By `Kind namespace/name`."""
    nodes: dict[str, str] = field(default_factory=dict)
    """Whether they are Ready."""
    members: list[str] = field(default_factory=list)
    """Of etcd."""
    worker_attempts: int = 0
    """How often a worker asked for k3s, which failed three times."""
    worker_log: str = ""
    refused: str = ""
    """What a worker in the place of another was told."""
    worker_again: str = ""
    """Its log once the dead one's Node was deleted."""
    rebooted_order: list[str] = field(default_factory=list)
    """Of the first one's units after its reboot."""
    rebooted_readable: str = ""
    rebooted_log: str = ""


def cluster_life(stage: Stage, worlds: ExitStack) -> ClusterLife:
    world, life = worlds.enter_context(stage.world("cluster")), ClusterLife()
    first = stage.server(world, FIRST)
    first.power_on(private=False)
    first.until_logged(BEGINS)
    life.waited_for_network = first.log
    first.attach_private_network()
    first.until_booted()
    life.log = first.log
    life.objects = _objects(first)

    second, worker = stage.server(world, SECOND), stage.server(world, WORKER)
    k3s = stage.vendors.url_of("k3s")
    worker.downloads.failing[k3s] = 3
    for server in (second, worker):
        server.power_on()
    for server in (second, worker):
        server.until_booted()
    life.worker_attempts, life.worker_log = worker.downloads.asked.count(k3s), worker.log
    # A worker has booted when its kubelet is well; that its Node is Ready shows on a control plane, a moment later.
    first.until(lambda: all(ready == "True" for ready in _nodes(first).values()), "every Node to be Ready")
    life.nodes = _nodes(first)
    life.members = _members(first)
    life.readable_user_data = {server.told.name: server.run(ASK).strip() for server in (first, second, worker)}
    life.files = [file for server in (first, second, worker) for file in files(server.disk, server.told.name)]

    worker.cut()
    again = stage.server(world, WORKER, instance=2, later=True)
    again.power_on()
    again.until_logged("step k3s-start: begins")
    again.until(lambda: REJECTED in _journal(again), f"'{REJECTED}' in its journal")
    life.refused = again.log
    first.kubectl(f"delete node {again.told.name}")
    again.until_booted()
    life.worker_again = again.log

    first.reboot()
    first.until(lambda: first.try_run("systemctl is-active k3s").stdout == "active\n", "k3s after a reboot")
    first.until(lambda: first.try_run("kubectl get --raw /readyz").returncode == 0, "its API server after a reboot")
    life.rebooted_order = first.run(
        "journalctl --boot --output=cat --unit=k3s --unit=catalyst-metadata-blackhole"
    ).splitlines()
    life.rebooted_readable = first.run(ASK).strip()
    life.rebooted_log = first.log
    for server in (first, second, again):
        server.cut()
    return life


def _journal(server: Machine) -> str:
    return server.try_run("journalctl --unit=k3s-agent --output=cat").stdout


def _objects(server: Machine) -> dict[str, Any]:
    kinds = server.run(f"kubectl {KINDS}").split()
    listed = json.loads(server.kubectl(f"get {','.join(kinds)} --all-namespaces --show-managed-fields --output=json"))
    return {named(item): item for item in listed["items"]}


def named(item: dict[str, Any]) -> str:
    """How an object is called in `ClusterLife.objects`."""
    metadata = item["metadata"]
    return f"{item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def _nodes(server: Machine) -> dict[str, str]:
    path = '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
    lines = server.kubectl(f"get nodes --output=jsonpath='{path}'").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def _members(server: Machine) -> list[str]:
    nodes = json.loads(server.kubectl("get nodes --output=json"))["items"]
    names = (node["metadata"].get("annotations", {}).get("etcd.k3s.cattle.io/node-name") for node in nodes)
    return sorted(name for name in names if name)
