"""Certificates of the lab's cluster: one authority, and one certificate for each component.

Each has the rights that its owner has in a real cluster. EC keys, because making RSA keys would take longer than
starting the API server. `openssl` is called instead of a Python package so that the lab needs nothing beyond Debian's
packages to start.
"""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from e2e.lab.commands import run
from e2e.lab.layout import API_SERVICE_ADDRESS, API_URL, NODE_ADDRESS, NODE_NAME, Layout

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
DAYS = "365"


@dataclass(frozen=True)
class Certificate:
    name: str
    subject: str
    alternative_names: str = ""


CERTIFICATES = (
    Certificate(
        "apiserver",
        "CN = kube-apiserver",
        "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
        f"IP:127.0.0.1,IP:{API_SERVICE_ADDRESS},IP:{NODE_ADDRESS}",
    ),
    Certificate("apiserver-kubelet-client", "O = system:masters\nCN = kube-apiserver-kubelet-client"),
    Certificate("admin", "O = system:masters\nCN = lab-admin"),
    Certificate("controller-manager", "CN = system:kube-controller-manager"),
    Certificate("scheduler", "CN = system:kube-scheduler"),
    Certificate("proxy", "CN = system:kube-proxy"),
    Certificate("git", "CN = git", f"IP:{NODE_ADDRESS}"),
    Certificate("node", f"O = system:nodes\nCN = system:node:{NODE_NAME}", f"DNS:{NODE_NAME},IP:{NODE_ADDRESS}"),
)
"""Users that need a kubeconfig are among these; the others only serve or call one peer."""

KUBECONFIG_USERS = ("admin", "controller-manager", "scheduler", "proxy", "node")


def create(layout: Layout) -> None:
    """Make the authority, all certificates, the service account key and the kubeconfigs, replacing earlier ones."""
    layout.pki.mkdir(parents=True, exist_ok=True)
    _authority(layout.pki)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda certificate: _issue(layout.pki, certificate), CERTIFICATES))
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", layout.pki / "service-accounts.key")
    for user in KUBECONFIG_USERS:
        _write_kubeconfig(layout, user, kubeconfig_of(layout, user))


def kubeconfig_of(layout: Layout, user: str) -> Path:
    return layout.kubeconfig if user == "admin" else layout.pki / f"{user}.kubeconfig"


def _openssl(*arguments: str | Path) -> None:
    run(["openssl", *arguments])


def _config(pki: Path, name: str, subject: str, extensions: str) -> Path:
    """A configuration of our own: Debian's would add the extensions of an authority to every certificate."""
    path = pki / f"{name}.cnf"
    request = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = ext"
    path.write_text(f"{request}\n[name]\n{subject}\n[ext]\n{extensions}\n")
    return path


def _authority(pki: Path) -> None:
    extensions = (
        "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign,digitalSignature\n"
        "subjectKeyIdentifier = hash"
    )
    config = _config(pki, "ca", "CN = lab-ca", extensions)
    _openssl("req", "-x509", *KEY, "-config", config, "-days", DAYS, "-keyout", pki / "ca.key", "-out", pki / "ca.crt")


def _issue(pki: Path, certificate: Certificate) -> None:
    name = certificate.name
    extensions = [
        "basicConstraints = critical,CA:FALSE",
        "keyUsage = critical,digitalSignature",
        "extendedKeyUsage = clientAuth,serverAuth",
        "authorityKeyIdentifier = keyid",
    ]
    if certificate.alternative_names:
        extensions.append(f"subjectAltName = {certificate.alternative_names}")
    config = _config(pki, name, certificate.subject, "\n".join(extensions))
    files = ("-keyout", pki / f"{name}.key", "-out", pki / f"{name}.crt")
    authority = ("-CA", pki / "ca.crt", "-CAkey", pki / "ca.key")
    _openssl("req", "-x509", *KEY, "-config", config, "-days", DAYS, *authority, *files)


def _write_kubeconfig(layout: Layout, user: str, path: Path) -> None:
    def encoded(file: str) -> str:
        return base64.b64encode((layout.pki / file).read_bytes()).decode()

    cluster = {"server": API_URL, "certificate-authority-data": encoded("ca.crt")}
    credentials = {"client-certificate-data": encoded(f"{user}.crt"), "client-key-data": encoded(f"{user}.key")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
        "current-context": "lab",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1) + "\n")
