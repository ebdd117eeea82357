"""A new cluster's API server as it is after its first boot: a real one, with authorities that the operator made."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from catalyst_operator.adapters.new_cluster import authorities, minting
from catalyst_operator.core.access import boot, seeds
from catalyst_operator.core.access.identity import Access
from e2e.support.waiting import OFTEN, wait_for
from tests.integration.apiserver import START_TIMEOUT, Api, ApiError, _etcd, find_tool, free_port, process
from tests.integration.flux import _crds
from tests.support.fake_cluster import FQDN, server_certificate

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_SERVED = {
    "Namespace": ("/api/v1", "namespaces"),
    "Secret": ("/api/v1", "secrets"),
    "ClusterRole": (_RBAC, "clusterroles"),
    "ClusterRoleBinding": (_RBAC, "clusterrolebindings"),
    "Role": (_RBAC, "roles"),
    "RoleBinding": (_RBAC, "rolebindings"),
}


class NewCluster:
    """Its API server can be stopped and started again; its etcd runs on."""

    def __init__(self, folder: Path, etcd_url: str) -> None:
        self.trust = authorities.make(datetime.now(UTC))
        self.port = free_port()
        self._folder = folder
        self._token = secrets.token_hex(16)
        self._etcd_url = etcd_url
        self._running = ExitStack()
        folder.mkdir(parents=True)
        for name in ("server-ca.crt", "client-ca.crt", "service.key"):
            (folder / name).write_text(self.trust.files[name])
        (folder / "server.pem").write_text(server_certificate(self.trust, FQDN))
        (folder / "tokens.csv").write_text(f"{self._token},admin,admin,system:masters\n")

    @property
    def api(self) -> Api:
        """An administrator's client."""
        return Api(f"https://127.0.0.1:{self.port}", self._token, self._folder / "server-ca.crt")

    def access(self, user: str, lifetime: timedelta = timedelta(hours=1)) -> Access:
        """A freshly minted certificate."""
        return minting.access(
            self.trust.files,
            servers=(f"127.0.0.1:{self.port}",),
            fqdn=FQDN,
            user=user,
            groups=(),
            now=datetime.now(UTC),
            lifetime=lifetime,
        )

    def start(self) -> None:
        """Return once it answers."""
        folder = self._folder
        command = [
            find_tool("kube-apiserver"),
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={self.port}",
            f"--tls-cert-file={folder / 'server.pem'}",
            f"--tls-private-key-file={folder / 'server.pem'}",
            f"--client-ca-file={folder / 'client-ca.crt'}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'service.key'}",
            f"--service-account-signing-key-file={folder / 'service.key'}",
            "--service-cluster-ip-range=10.43.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
            "--shutdown-delay-duration=0s",
        ]
        alive = self._running.enter_context(process(command, folder))
        wait_until(lambda: alive() and self.api.is_ready(), "the API server is ready", START_TIMEOUT)

    def stop(self) -> None:
        self._running.close()

    def install_flux(self) -> None:
        """Flux's kinds, and nobody who acts on them."""
        for file in _crds():
            self.api.create(CRDS, yaml.safe_load(file.read_text("utf-8")))

    def install_rights(self) -> None:
        """What first boot applies."""
        for text in boot.manifests(FQDN, seeds.PULL).values():
            for manifest in yaml.safe_load_all(text):
                served, plural = _SERVED[manifest["kind"]]
                namespace = manifest["metadata"].get("namespace")
                within = f"/namespaces/{namespace}" if namespace else ""
                self.api.create(f"{served}{within}/{plural}", manifest)


@contextmanager
def new_cluster(folder: Path) -> Iterator[NewCluster]:
    """Etcd and the API server, with namespace flux-system and nothing else."""
    with _etcd(find_tool("etcd"), folder / "etcd") as url:
        cluster = NewCluster(folder / "apiserver", url)
        try:
            cluster.start()
            cluster.api.create("/api/v1/namespaces", {"metadata": {"name": "flux-system"}})
            yield cluster
        finally:
            cluster.stop()


def wait_until(condition: Callable[[], Any], what: str, timeout: float = 30.0) -> None:
    """Wait for a condition that another process brings about."""
    wait_for(lambda: _holds(condition), what, seconds=timeout, every=OFTEN)


def _holds(condition: Callable[[], Any]) -> bool:
    try:
        return bool(condition())
    except ApiError:
        return False
