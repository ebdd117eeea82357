"""`make run`: the operator of this tree on the host, against the lab, with the very rights it has in a cluster.

Those in the cluster are scaled to zero meanwhile: a status has only one writer.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import yaml

from e2e.lab import images
from e2e.lab.layout import API_URL, GIT_URL, HCLOUD_URL, Layout
from e2e.support import operator
from e2e.support.kubectl import Kubectl

KUBECONFIG = "operator.kubeconfig"


def main() -> None:
    """Replaces this process by the operator."""
    layout = Layout.of_checkout()
    kubectl = Kubectl.of_lab(layout)
    operator.install(kubectl, layout)
    kubectl("-n", operator.NAMESPACE, "scale", operator.DEPLOYMENT, "--replicas=0")
    environ = {
        **os.environ,
        "KUBECONFIG": str(write_kubeconfig(kubectl, layout)),
        "HCLOUD_ENDPOINT": f"{HCLOUD_URL}/v1",
        "CATALYST_GIT_URL": GIT_URL,
        "SSL_CERT_FILE": str(layout.pki / "ca.crt"),
        "CATALYST_IMAGE": images.OPERATOR_IMAGE,
        "CATALYST_IMAGE_PULL_POLICY": "Never",
        "CATALYST_POLL_INTERVAL": "2s",
        "CATALYST_RETRY_BASE": "3s",
        "CATALYST_LOG_LEVEL": "DEBUG",
    }
    print(f"The operator runs here now; back into the cluster: kubectl -n {operator.NAMESPACE} scale ", end="")
    print(f"{operator.DEPLOYMENT} --replicas={operator.REPLICAS}", flush=True)
    os.execve(sys.executable, [sys.executable, "-m", "catalyst_operator"], environ)  # noqa: S606 - a program of ours


def write_kubeconfig(kubectl: Kubectl, layout: Layout) -> Path:
    """A kubeconfig of the operator's service account, valid for a day."""
    admin = yaml.safe_load(layout.kubeconfig.read_text())
    token = kubectl("-n", operator.NAMESPACE, "create", "token", "catalyst-operator", "--duration=24h")
    cluster = {
        "server": API_URL,
        "certificate-authority-data": admin["clusters"][0]["cluster"]["certificate-authority-data"],
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "operator"}}],
        "current-context": "lab",
    }
    path = layout.root / KUBECONFIG
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
    return path


if __name__ == "__main__":
    main()
