"""What k3s' controllers and kubelets would do to objects: there is neither scheduler nor container.

Once Cilium's objects are there, Nodes become Ready, Deployments Available and Jobs complete; a Node that was deleted
takes its password, and a control plane's member of etcd, along.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from e2e.boot.layout import FAULTS
from e2e.boot.standins.k3s.disk import Disk
from e2e.lab.hcloud.boot import membership, nodes
from e2e.lab.hcloud.boot.kubectl import Kubectl, KubectlFailed, Object
from e2e.lab.hcloud.boot.node_password import NAMESPACE, secret_name

EVERY = 1.0
HANGING_JOBS = Path(FAULTS) / "hanging-jobs"
"""While it is there, no Job ends."""
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "local-path"},
    "provisioner": "rancher.io/local-path",
    "volumeBindingMode": "WaitForFirstConsumer",
}


async def controllers(disk: Disk, kubectl: Kubectl) -> None:
    """For as long as k3s runs."""
    await kubectl.apply_objects([STORAGE_CLASS])
    while True:
        try:
            await _turn(disk, kubectl)
        except KubectlFailed as failed:
            disk.say(f"ERRO: {failed}")
        await asyncio.sleep(EVERY)


async def _turn(disk: Disk, kubectl: Kubectl) -> None:
    found = json.loads(await kubectl("get", "nodes,deployments.apps,daemonsets.apps,jobs.batch", "-A", "-o", "json"))
    objects: list[Object] = found["items"]
    has_network = any(item["kind"] == "DaemonSet" and item["metadata"]["name"] == "cilium" for item in objects)
    for item in objects:
        if item["kind"] == "Node" and "deletionTimestamp" in item["metadata"]:
            await _clear_up(disk, kubectl, item)
        elif (status := _wanted(item, has_network)) and not _holds(item, status["conditions"][0]["type"]):
            await _set_status(kubectl, item, status)


def _wanted(item: Object, has_network: bool) -> Object | None:
    """The status that an object gets; None where nothing speaks for it."""
    if item["kind"] == "Job" and not HANGING_JOBS.exists():
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        done = [_condition(kind) for kind in ("SuccessCriteriaMet", "Complete")]
        return {"conditions": done, "startTime": now, "completionTime": now, "succeeded": 1}
    if not has_network:
        return None
    if item["kind"] == "Node":
        return {"conditions": [_condition("Ready")]}
    if item["kind"] == "Deployment":
        count = item["spec"].get("replicas", 1)
        fields = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
        generation = {"observedGeneration": item["metadata"]["generation"]}
        return {**dict.fromkeys(fields, count), **generation, "conditions": [_condition("Available")]}
    return None


def _condition(kind: str) -> Object:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {"type": kind, "status": "True", "reason": "StandIn", "lastTransitionTime": now}


def _holds(item: Object, kind: str) -> bool:
    conditions: list[dict[str, Any]] = item.get("status", {}).get("conditions", [])
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


async def _set_status(kubectl: Kubectl, item: Object, status: Object) -> None:
    metadata = item["metadata"]
    where = ("-n", metadata["namespace"]) if "namespace" in metadata else ()
    patch = json.dumps({"status": status})
    await kubectl("patch", item["kind"].lower(), metadata["name"], *where, "--subresource=status", "-p", patch)


async def _clear_up(disk: Disk, kubectl: Kubectl, node: Object) -> None:
    """The Node itself stays until it is done, because of its finalizers."""
    name = node["metadata"]["name"]
    await kubectl("delete", "secret", secret_name(name), "-n", NAMESPACE, "--ignore-not-found")
    member = node["metadata"].get("annotations", {}).get(nodes.MEMBER_NAME)
    if member:
        await asyncio.to_thread(_remove_member, disk, member)
    await kubectl("patch", "node", name, "--type=merge", "-p", json.dumps({"metadata": {"finalizers": None}}))


def _remove_member(disk: Disk, name: str) -> None:
    etcd = membership.gateway(disk)
    for member in etcd.members():
        if member.name == name:
            etcd.remove(member.number)
