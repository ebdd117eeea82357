"""A control plane as k3s would run it: a member of etcd and an API server, with the authorities given.

Real programs with k3s' arguments where these matter to a client. Difference: there is no controller manager and no
scheduler. etcd waits for the disk: a member that lost what it had voted for, when its plug was pulled, breaks the rest.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from e2e.lab import waiting
from e2e.lab.hcloud.boot import certificates
from e2e.lab.hcloud.boot.certificates import Subject
from e2e.lab.hcloud.boot.checks_cluster import CA_FILES
from e2e.lab.hcloud.boot.first_boot import FirstBoot
from e2e.lab.hcloud.boot.membership import Membership, client_url, peer_url
from e2e.lab.hcloud.boot.place import Place

SERVICE_RANGE, FIRST_SERVICE = "10.43.0.0/16", "10.43.0.1"
ISSUER = "https://kubernetes.default.svc.cluster.local"
ETCD, APISERVER = "etcd", "kube-apiserver"
_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
)


def write_files(place: Place, files: Mapping[str, str], boot: FirstBoot) -> None:
    """Write the authorities, the certificates by them, and an administrator's kubeconfig; once for each server."""
    if place.kubeconfig.exists():
        return
    for name, pem in files.items():
        _write(place.tls / name, pem)
    for name, (authority, subject) in _certificates(boot, place.address).items():
        pair = certificates.issue(files, authority, subject)
        _write(place.tls / f"{name}.crt", pair.chain)
        _write(place.tls / f"{name}.key", pair.key)
    _write(place.kubeconfig, _kubeconfig(place, boot.tls_names[0]))
    place.publish()


def authorities(place: Place) -> dict[str, str]:
    """What a control plane gives to those that join through it: PEM by the path below k3s' TLS directory."""
    files = [place.tls / name for name in CA_FILES]
    return {str(file.relative_to(place.tls)): file.read_text() for file in files}


def _certificates(boot: FirstBoot, address: str) -> dict[str, tuple[str, Subject]]:
    """File -> authority and subject. The public address is not in the server's certificate: k3s knows only its private
    one, so clients have to verify the name."""
    served = Subject(
        "kube-apiserver",
        names=(*boot.tls_names, *_NAMES, boot.node_name),
        addresses=("127.0.0.1", FIRST_SERVICE, boot.node_ip),
    )
    etcd = Subject("etcd-server", names=("localhost", boot.node_name), addresses=("127.0.0.1", boot.node_ip, address))
    return {
        "serving": ("server-ca", served),
        "admin": ("client-ca", Subject("system:admin", groups=("system:masters",))),
        "kubelet-client": ("client-ca", Subject("system:kube-apiserver", groups=("system:masters",))),
        "proxy-client": ("request-header-ca", Subject("system:auth-proxy")),
        "etcd/server": ("etcd/server-ca", etcd),
        "etcd/client": ("etcd/server-ca", Subject("etcd-client")),
        "etcd/peer": ("etcd/peer-ca", etcd),
    }


def etcd(place: Place, boot: FirstBoot, membership: Membership) -> list[str | Path]:
    """The command of its etcd. The private address is told along, for k3s knows members by it; nobody can reach it."""
    tls = place.tls / "etcd"
    url, peer = client_url(place.address), peer_url(place.address)
    return [
        "etcd",
        f"--name={membership.name}",
        f"--data-dir={place.disk / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url},{client_url(boot.node_ip)}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={membership.initial_cluster}",
        f"--initial-cluster-state={membership.state}",
        "--heartbeat-interval=500",
        "--election-timeout=5000",
        "--client-cert-auth",
        f"--trusted-ca-file={tls / 'server-ca.crt'}",
        f"--cert-file={tls / 'server.crt'}",
        f"--key-file={tls / 'server.key'}",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={tls / 'peer-ca.crt'}",
        f"--peer-cert-file={tls / 'peer.crt'}",
        f"--peer-key-file={tls / 'peer.key'}",
        # All servers are on one machine: what connects to one of its addresses comes from that very address.
        "--experimental-peer-skip-client-san-verification",
        "--log-level=warn",
    ]


def apiserver(place: Place, boot: FirstBoot) -> list[str | Path]:
    """The command of the server's API server, with its own etcd."""
    tls = place.tls
    return [
        place.layout.bin / "kube-apiserver",
        f"--etcd-servers={client_url(place.address)}",
        f"--etcd-cafile={tls / 'etcd/server-ca.crt'}",
        f"--etcd-certfile={tls / 'etcd/client.crt'}",
        f"--etcd-keyfile={tls / 'etcd/client.key'}",
        f"--bind-address={place.address}",
        f"--advertise-address={boot.node_ip}",
        "--secure-port=6443",
        f"--tls-cert-file={tls / 'serving.crt'}",
        f"--tls-private-key-file={tls / 'serving.key'}",
        f"--client-ca-file={tls / 'client-ca.crt'}",
        f"--requestheader-client-ca-file={tls / 'request-header-ca.crt'}",
        "--requestheader-allowed-names=system:auth-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={tls / 'proxy-client.crt'}",
        f"--proxy-client-key-file={tls / 'proxy-client.key'}",
        f"--kubelet-client-certificate={tls / 'kubelet-client.crt'}",
        f"--kubelet-client-key={tls / 'kubelet-client.key'}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={tls / 'service.key'}",
        f"--service-account-signing-key-file={tls / 'service.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--profiling=false",
    ]


async def answers(place: Place) -> bool:
    """Whether the server's API server says that it is ready."""
    return await asyncio.to_thread(_answers, place)


def _answers(place: Place) -> bool:
    context = ssl.create_default_context(cafile=str(place.tls / "server-ca.crt"))
    # Only the name is in the certificate, and the address is what is known to be this server's.
    context.check_hostname = False
    context.load_cert_chain(place.tls / "admin.crt", place.tls / "admin.key")
    return waiting.answers(f"https://{place.address}:6443/readyz", context)


def _kubeconfig(place: Place, tls_name: str) -> str:
    def encoded(name: str) -> str:
        return b64encode((place.tls / name).read_bytes()).decode()

    cluster = {
        "server": f"https://{place.address}:6443",
        "tls-server-name": tls_name,
        "certificate-authority-data": encoded("server-ca.crt"),
    }
    user = {"client-certificate-data": encoded("admin.crt"), "client-key-data": encoded("admin.key")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": place.name, "cluster": cluster}],
        "users": [{"name": "admin", "user": user}],
        "contexts": [{"name": place.name, "context": {"cluster": place.name, "user": "admin"}}],
        "current-context": place.name,
    }
    return json.dumps(content, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(path)
