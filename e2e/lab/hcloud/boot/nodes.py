"""Stand-in for kubelets: the Node objects of booted servers, and whether they are Ready."""

from __future__ import annotations

from datetime import UTC, datetime

from e2e.lab.hcloud.boot.first_boot import FirstBoot, Role
from e2e.lab.hcloud.boot.kubectl import Object

_NO_NETWORK = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady"


FINALIZER, ETCD_FINALIZER = "wrangler.cattle.io/node", "wrangler.cattle.io/managed-etcd-controller"
"""k3s clears up after a Node that is deleted: its password, and its member of etcd. See `e2e.lab.standins.k3s`."""
MEMBER_NAME, MEMBER_ADDRESS = "etcd.k3s.cattle.io/node-name", "etcd.k3s.cattle.io/node-address"


def node(boot: FirstBoot, *, ready: bool, member: str = "") -> Object:
    """The Node of a server as k3s registers it, before Cilium is there or after; `member` is its name in etcd."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": boot.node_name,
            "labels": _labels(boot),
            "finalizers": [FINALIZER, *([ETCD_FINALIZER] if member else [])],
            **({"annotations": {MEMBER_NAME: member, MEMBER_ADDRESS: boot.node_ip}} if member else {}),
        },
        "spec": {"podCIDRs": [], "providerID": f"k3s://{boot.node_name}"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": boot.node_ip},
                {"type": "Hostname", "address": boot.node_name},
            ],
            "conditions": [_condition(ready)],
            "nodeInfo": _info(boot),
        },
    }


def _labels(boot: FirstBoot) -> dict[str, str]:
    labels = {
        "kubernetes.io/hostname": boot.node_name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "k3s",
    }
    if boot.role is Role.WORKER:
        return labels
    roles = ("control-plane", "etcd", "master")
    return {**labels, **{f"node-role.kubernetes.io/{role}": "true" for role in roles}}


def _condition(ready: bool) -> Object:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    reason, message = ("KubeletReady", "kubelet is posting ready status") if ready else ("KubeletNotReady", _NO_NETWORK)
    return {
        "type": "Ready",
        "status": str(ready),
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }


def _info(boot: FirstBoot) -> Object:
    """All fields are required; what no server of the lab has is told so."""
    version = boot.env.get("K3S_VERSION", "")
    return {
        "kubeletVersion": version,
        "kubeProxyVersion": version,
        "operatingSystem": "linux",
        "architecture": "amd64",
        "osImage": "lab stand-in",
        "kernelVersion": "none",
        "containerRuntimeVersion": "none",
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
    }
