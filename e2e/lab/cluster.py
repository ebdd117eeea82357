"""The components of the management cluster: what each is started with, and how one sees that it is ready.

A real control plane and a real node, on fixed addresses of the lab's bridge and of loopback. Differences from
production are few and each is said where it is made.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from e2e.lab import node, pki
from e2e.lab.cache import digest
from e2e.lab.layout import (
    API_URL,
    BRIDGE,
    DNS_API_PORT,
    DNS_SERVERS,
    GIT_LISTEN,
    GIT_URL,
    HCLOUD_LISTEN,
    HCLOUD_URL,
    NODE_ADDRESS,
    NODE_NAME,
    PARENTS,
    POD_RANGE,
    PUBLIC_RANGE,
    REGISTRARS_LISTEN,
    REGISTRARS_URL,
    REPOSITORY,
    SERVICE_RANGE,
    Layout,
)
from e2e.lab.waiting import answers

HCLOUD = Path(__file__).with_name("hcloud")
GIT_SERVER = Path(__file__).with_name("git_server")
REGISTRARS = Path(__file__).with_name("registrars")
TEMPLATE = REPOSITORY / "clusters"
"""What the git server's public repository is made of."""

ETCD_URL = "http://127.0.0.1:2379"

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
        {
            "level": "None",
            "users": [
                "system:apiserver",
                "system:kube-controller-manager",
                "system:kube-scheduler",
                "system:kube-proxy",
                "kube-apiserver-kubelet-client",
            ],
        },
        {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}
"""Every write by anyone but the cluster's own components: tests count the operator's writes in it."""


@dataclass(frozen=True)
class Component:
    """A process of the lab."""

    name: str
    command: Sequence[str | Path]
    ready: Callable[[], bool]
    timeout: float = 60
    """Seconds until it must be ready, generous: a loaded machine is slow, not broken."""
    environment: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Path] = ()
    """Files of this repository that it runs."""
    prepare: Callable[[], object] = lambda: None
    """Done each time before it starts, so that one that is started again has the configuration of now."""

    @property
    def version(self) -> str:
        """Changes with the command and the sources: a process of another version must be started anew."""
        return digest(self.sources, *map(str, self.command), *self.environment.values())


def base_environment(layout: Layout) -> dict[str, str]:
    """The developer's own environment (proxies, KUBECONFIG, credentials) stays out of the lab."""
    system = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    return {"PATH": os.pathsep.join([str(layout.bin), *system]), "HOME": str(layout.data), "LANG": "C.UTF-8"}


def write_config(layout: Layout) -> None:
    layout.config.mkdir(parents=True, exist_ok=True)
    (layout.config / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY, indent=1) + "\n")
    node.write_config(layout)


def trust(layout: Layout) -> ssl.SSLContext:
    """How the lab's own probes know the lab's servers from others."""
    return ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))


def api_trust(layout: Layout) -> ssl.SSLContext:
    """How they reach the API server: as its administrator."""
    context = trust(layout)
    context.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")
    return context


def etcd(layout: Layout) -> Component:
    """Without fsync: the lab's data does not outlive it, and tests must not wait for the disk."""
    command: list[str | Path] = [
        "etcd",
        "--unsafe-no-fsync",
        f"--data-dir={layout.data / 'etcd'}",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--log-level=warn",
    ]
    return Component("etcd", command, lambda: answers(f"{ETCD_URL}/health"))


def apiserver(layout: Layout) -> Component:
    certificates = layout.pki
    command: list[str | Path] = [
        layout.bin / "kube-apiserver",
        f"--etcd-servers={ETCD_URL}",
        f"--bind-address={NODE_ADDRESS}",
        f"--advertise-address={NODE_ADDRESS}",
        "--secure-port=6443",
        f"--tls-cert-file={certificates / 'apiserver.crt'}",
        f"--tls-private-key-file={certificates / 'apiserver.key'}",
        f"--client-ca-file={certificates / 'ca.crt'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={certificates / 'service-accounts.key'}",
        f"--service-account-signing-key-file={certificates / 'service-accounts.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        # Without it `kubectl logs` looks the node's name up in DNS.
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-client-certificate={certificates / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={certificates / 'apiserver-kubelet-client.key'}",
        f"--kubelet-certificate-authority={certificates / 'ca.crt'}",
        f"--audit-policy-file={layout.config / 'audit-policy.json'}",
        f"--audit-log-path={layout.audit_log}",
        "--profiling=false",
    ]
    return Component("kube-apiserver", command, lambda: answers(f"{API_URL}/readyz", api_trust(layout)))


def controller_manager(layout: Layout) -> Component:
    command: list[str | Path] = [
        layout.bin / "kube-controller-manager",
        f"--kubeconfig={pki.kubeconfig_of(layout, 'controller-manager')}",
        "--bind-address=127.0.0.1",
        f"--service-account-private-key-file={layout.pki / 'service-accounts.key'}",
        f"--root-ca-file={layout.pki / 'ca.crt'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        f"--flex-volume-plugin-dir={layout.data / 'volume-plugins'}",
    ]
    return Component("kube-controller-manager", command, _tls_health(layout, 10257))


def scheduler(layout: Layout) -> Component:
    command: list[str | Path] = [
        layout.bin / "kube-scheduler",
        f"--kubeconfig={pki.kubeconfig_of(layout, 'scheduler')}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]
    return Component("kube-scheduler", command, _tls_health(layout, 10259))


def _tls_health(layout: Layout, port: int) -> Callable[[], bool]:
    """Health of a component that serves with a certificate it signed itself, on loopback."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return lambda: answers(f"https://127.0.0.1:{port}/healthz", context)


def proxy(layout: Layout) -> Component:
    command: list[str | Path] = [
        layout.bin / "kube-proxy",
        f"--kubeconfig={pki.kubeconfig_of(layout, 'proxy')}",
        f"--hostname-override={NODE_NAME}",
        f"--cluster-cidr={POD_RANGE}",
        "--proxy-mode=iptables",
        "--healthz-bind-address=127.0.0.1:10256",
        "--metrics-bind-address=127.0.0.1:10249",
        # Connection tracking belongs to the machine; kube-proxy may not be allowed to resize it.
        "--conntrack-max-per-core=0",
    ]
    return Component("kube-proxy", command, lambda: answers("http://127.0.0.1:10256/healthz"))


def containerd(layout: Layout) -> Component:
    command: list[str | Path] = ["containerd", "--config", layout.config / "containerd.toml"]
    return Component("containerd", command, lambda: node.containerd_answers(layout))


def kubelet(layout: Layout) -> Component:
    command: list[str | Path] = [
        layout.bin / "kubelet",
        f"--config={layout.config / 'kubelet.json'}",
        f"--kubeconfig={pki.kubeconfig_of(layout, 'node')}",
        f"--root-dir={layout.data / 'kubelet'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    ]
    return Component("kubelet", command, lambda: node_ready(layout))


def node_ready(layout: Layout) -> bool:
    return node.is_ready(f"{API_URL}/api/v1/nodes/{NODE_NAME}", api_trust(layout))


def hcloud(layout: Layout) -> Component:
    """The emulator of the Hetzner Cloud API; what runs on its servers it starts itself."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "e2e.lab.hcloud",
        f"--listen={HCLOUD_LISTEN}",
        f"--token-file={layout.hcloud_token}",
        f"--state-dir={layout.data / 'hcloud'}",
        f"--public-range={PUBLIC_RANGE}",
        f"--lab={layout.root}",
        f"--device={BRIDGE}",
    ]
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    return Component(
        "hcloud",
        command,
        lambda: answers(f"{HCLOUD_URL}/_lab/inventory"),
        environment=environment,
        sources=_files(HCLOUD),
    )


def git(layout: Layout) -> Component:
    """A git server over HTTPS, with the bootstrap kit of this checkout and what stories make there."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "e2e.lab.git_server",
        f"--listen={GIT_LISTEN}",
        f"--root={layout.data / 'git'}",
        f"--certificate={layout.pki / 'git.crt'}",
        f"--key={layout.pki / 'git.key'}",
        f"--template={TEMPLATE}",
    ]
    return Component(
        "git",
        command,
        lambda: answers(f"{GIT_URL}/info/refs?service=git-upload-pack", trust(layout)),
        environment={"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
        sources=[*_files(GIT_SERVER), *_files(TEMPLATE)],
    )


def registrars(layout: Layout) -> Component:
    """The emulated registrars; what is changed there takes effect in the parents' zones."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "e2e.lab.registrars",
        f"--listen={REGISTRARS_LISTEN}",
        f"--powerdns-key-file={layout.dns_key}",
        *(f"--powerdns=http://{DNS_SERVERS[server]}:{DNS_API_PORT}" for server in PARENTS.values()),
    ]
    return Component(
        "registrars",
        command,
        lambda: answers(f"{REGISTRARS_URL}/_lab/accounts"),
        environment={"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
        sources=_files(REGISTRARS),
    )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
