"""Where everything of the lab lies and which addresses it takes.

One place, so that the parts of the lab, the tests and the clean-up agree: what is not named here is not
touched when the lab is taken down. Addresses are fixed, therefore one lab runs per machine at a time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

BRIDGE = "lab0"
NODE_ADDRESS = "10.99.0.1"
NODE_NETWORK = f"{NODE_ADDRESS}/24"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
POD_BRIDGE = "cni-lab"
POD_RANGE = "10.244.0.0/24"
NODE_NAME = "node1"

API_URL = f"https://{NODE_ADDRESS}:6443"
PUBLIC_RANGE = "10.99.64.0/18"
"""Of the emulated cloud's public addresses: on this machine, so that booted servers can be reached from Pods."""

HCLOUD_LISTEN = f"{NODE_ADDRESS}:8090"
HCLOUD_URL = f"http://{HCLOUD_LISTEN}"
REGISTRARS_LISTEN = f"{NODE_ADDRESS}:8092"
REGISTRARS_URL = f"http://{REGISTRARS_LISTEN}"
REGISTRARS = ("cloudflare", "dynadot", "godaddy", "namecheap", "ovh")
"""The emulated vendors: each has a path of its name there."""
GIT_LISTEN = f"{NODE_ADDRESS}:8443"
GIT_URL = f"https://{GIT_LISTEN}/openova/openova.git"

DNS_SERVERS = {"dns-sovereigns": "10.99.0.53", "dns-parent": "10.99.0.54", "dns-parent-second": "10.99.0.55"}
"""The lab's PowerDNS servers by the name of their process -> address, port 53 and API port 8181."""
DNS_API_PORT = 8181
DNS_API_KEY = "catalyst-lab"
DNS_DOMAIN = "lab.test"
"""The zone that the name servers' own names are in."""
NAMESERVERS = {"ns1.lab.test": DNS_SERVERS["dns-sovereigns"], "ns2.lab.test": DNS_SERVERS["dns-sovereigns"]}
"""What domains are delegated to."""
PARENTS = {"a.parent.lab.test": "dns-parent", "b.parent.lab.test": "dns-parent-second"}
"""What the zones above are served by: name of the server -> its process."""
POOL_DOMAIN = "omani.works"

CGROUP = "catalyst-lab"
"""Every Pod's cgroup lies below this one, which is how its processes are found after a crash."""

CLUSTERS_GROUP = 6_443_000
"""Group of what runs on booted servers, which cutting a server off does not concern. Nobody else has it."""

CNI_NETWORK = "catalyst-lab"

MACHINE_OWNER = Path("/run/catalyst-lab.json")
"""Names the lab that holds the machine's addresses; outside any checkout, so that another checkout finds it."""

MACHINE_LOCK = Path("/run/catalyst-lab.lock")


@dataclass(frozen=True)
class Layout:
    """The lab's own folder, `.lab` of a checkout, and what lies in it."""

    root: Path

    @classmethod
    def of_checkout(cls, checkout: Path = REPOSITORY) -> Layout:
        return cls(checkout.resolve() / ".lab")

    @property
    def checkout(self) -> Path:
        return self.root.parent

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def env_file(self) -> Path:
        return self.root / "env"

    @property
    def bin(self) -> Path:
        """Links to the built tools: LAB_BIN."""
        return self.root / "bin"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def audit_log(self) -> Path:
        return self.log / "audit.log"

    @property
    def run(self) -> Path:
        """One file per process of the lab, see `processes`."""
        return self.root / "run"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Generated configuration of the components."""
        return self.root / "config"

    @property
    def data(self) -> Path:
        """What the components write: etcd, containerd, kubelet. Mounts lie only below this."""
        return self.root / "data"

    @property
    def containerd_socket(self) -> Path:
        return self.data / "containerd.sock"

    @property
    def clusters(self) -> Path:
        """A folder with an administrator's kubeconfig for each control plane of the emulated cloud that boots."""
        return self.root / "clusters"

    @property
    def hcloud_token(self) -> Path:
        return self.root / "hcloud-token"

    @property
    def dns_key(self) -> Path:
        """The API key of the lab's PowerDNS servers, for its own processes."""
        return self.config / "dns-key"

    @property
    def layers(self) -> Path:
        """Image layers that change with every edit."""
        return self.root / "layers"

    @property
    def images_record(self) -> Path:
        """Which images, by digest of their inputs, the node has."""
        return self.root / "images.json"


def cache_folder() -> Path:
    """Where built tools and image layers are kept between labs and checkouts; LAB_CACHE overrides it."""
    override = os.environ.get("LAB_CACHE")
    if override:
        return Path(override)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "catalyst-lab"
