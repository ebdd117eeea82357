"""The node: configuration of containerd, the CNI plugins and the kubelet, and their clean-up.

Everything they write is below the lab's folder, mounts included, so that one look at the mount table finds
what a killed lab left behind.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from e2e.lab.commands import run
from e2e.lab.layout import CGROUP, CNI_NETWORK, NODE_ADDRESS, POD_BRIDGE, POD_RANGE, Layout

PAUSE_IMAGE = "localhost/pause:1"
SHIM_SOCKETS = Path("/run/containerd/s")
LOG_LINKS = Path("/var/log/containers")
CNI_CACHE = Path("/var/lib/cni")


def write_config(layout: Layout) -> None:
    (layout.config / "containerd.toml").write_text(_containerd(layout))
    (layout.config / "kubelet.json").write_text(json.dumps(_kubelet(layout), indent=1) + "\n")
    cni = layout.config / "cni"
    cni.mkdir(exist_ok=True)
    (cni / "10-lab.conflist").write_text(json.dumps(_cni(layout), indent=1) + "\n")
    (layout.config / "resolv.conf").touch()


def _containerd(layout: Layout) -> str:
    data = layout.data
    return f"""\
version = 2
root = "{data}/containerd"
state = "{data}/containerd-run"

[grpc]
  address = "{layout.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{data}/containerd-opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  netns_mounts_under_state_dir = true
  # Where a machine does not allow lowering OOM scores, runc would die without this.
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{layout.config}/cni"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{data}/runc"
"""


def _cni(layout: Layout) -> dict[str, object]:
    """No masquerading: Pods talk to the machine and to each other, and to nothing else (see `network`)."""
    addresses = {
        "type": "host-local",
        "dataDir": str(layout.data / "cni-addresses"),
        "ranges": [[{"subnet": POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": POD_BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": addresses}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": CNI_NETWORK, "plugins": [bridge, ports]}


def _kubelet(layout: Layout) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.pki / "node.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "node.key"),
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        # Not every machine has systemd, cgroup v2 or no swap; a test machine need not.
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "podLogsDir": str(layout.data / "pod-logs"),
        "volumePluginDir": str(layout.data / "volume-plugins"),
        # There is no cluster DNS: look-ups are refused at once in the Pod itself instead of timing out or leaving.
        "clusterDNS": ["127.0.0.1"],
        "clusterDomain": "cluster.local",
        "resolvConf": str(layout.config / "resolv.conf"),
        # Images were imported, not pulled: nothing could bring a collected one back.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi"},
        "serializeImagePulls": False,
    }


def containerd_answers(layout: Layout) -> bool:
    """True when containerd serves, its CRI part included."""
    if not layout.containerd_socket.is_socket():
        return False
    command = ["ctr", "--address", str(layout.containerd_socket), "plugins", "list", "id==cri"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return listed.returncode == 0 and " ok" in listed.stdout


def is_ready(url: str, context: ssl.SSLContext) -> bool:
    """True when the Node object at `url` has the condition Ready."""
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as response:
            node = json.load(response)
    except (urllib.error.URLError, OSError):
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))


def prepare(layout: Layout) -> None:
    """Make the cgroup that all Pods lie in, in every hierarchy: the kubelet wants it to exist, with all controllers."""
    layout.data.mkdir(parents=True, exist_ok=True)
    for hierarchy in _cgroup_hierarchies():
        _delegate_controllers(hierarchy)
        (hierarchy / CGROUP).mkdir(exist_ok=True)


def _delegate_controllers(hierarchy: Path) -> None:
    """On cgroup v2 a child has only the controllers that its parent passes on; v1 has no such file."""
    available = hierarchy / "cgroup.controllers"
    if available.exists() and (names := available.read_text().split()):
        (hierarchy / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in names))


def _cgroup_hierarchies() -> list[Path]:
    """The mount points of all cgroup file systems: one on v2, one for each controller on v1."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return [Path(line.split()[1]) for line in mounts if line.split()[2] in {"cgroup", "cgroup2"}]


def clean_up(layout: Layout) -> None:
    """Remove mounts, cgroups and the few files outside the lab's folder. Its processes must have ended."""
    unmount_below(layout.root)
    for hierarchy in _cgroup_hierarchies():
        _remove_cgroup(hierarchy / CGROUP)
    _remove_links(layout)
    _remove_dead_sockets()
    _remove_cni_cache()


def mounts_below(folder: Path) -> list[str]:
    """Mount points at or below a folder, in the order in which they were made."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in points if Path(point).is_relative_to(folder)]


def unmount_below(folder: Path) -> None:
    """Latest first, lazily: a namespace that a dead container held may still have one in use."""
    for point in reversed(mounts_below(folder)):
        run(["umount", "--lazy", point])


def _remove_cgroup(folder: Path) -> None:
    if not folder.is_dir():
        return
    for child in folder.iterdir():
        if child.is_dir():
            _remove_cgroup(child)
    folder.rmdir()


def _remove_links(layout: Layout) -> None:
    """The kubelet links container logs into /var/log/containers, whatever its configuration says."""
    for link in LOG_LINKS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(layout.root):
            link.unlink()


def _remove_cni_cache() -> None:
    """The CNI library notes each sandbox's networks, loopback included, in files named after the sandbox."""
    prefix = f"{CNI_NETWORK}-"
    for sandbox in {path.name.removeprefix(prefix).rpartition("-")[0] for path in CNI_CACHE.glob(f"*/{prefix}*")}:
        for cached in CNI_CACHE.glob(f"*/*-{sandbox}-*"):
            cached.unlink()


def _remove_dead_sockets() -> None:
    """Sockets of killed shims; those that any process still listens on are another containerd's."""
    open_sockets = {line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()}
    for socket in SHIM_SOCKETS.glob("*"):
        if str(socket) not in open_sockets:
            with contextlib.suppress(FileNotFoundError):
                socket.unlink()
