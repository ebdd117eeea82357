"""What first boot leaves on disks, and who may read it."""

from __future__ import annotations

import pytest

from e2e.boot.findings import File
from tests.boot.lives.cluster import ClusterLife
from tests.boot.stage import MANIFEST_SECRET
from tests.integration.cloud_init import TRUST

pytestmark = pytest.mark.boot

OURS = (
    "/usr/local/",
    "/etc/catalyst/",
    "/etc/rancher/",
    "/var/lib/rancher/",
    "/var/lib/catalyst/",
    "/var/cache/catalyst/",
)
"""Where first boot writes."""
SECRETS = [
    *(TRUST.server_token.rpartition(":")[2], TRUST.agent_token.rpartition(":")[2]),
    *(MANIFEST_SECRET, "a-secret-of-a-registry"),
    *(pem.splitlines()[1] for name, pem in TRUST.files.items() if name.endswith(".key")),
]


def holds_secret(file: File) -> bool:
    """A private key of any kind counts, too."""
    return b"PRIVATE KEY-----" in file.content or any(secret.encode() in file.content for secret in SECRETS)


def test_no_secret_is_readable_by_others(cluster: ClusterLife) -> None:
    assert [file for file in cluster.files if holds_secret(file) and not file.private] == []


def test_secrets_are_where_they_are_looked_for(cluster: ClusterLife) -> None:
    """Or the test above would find none because it does not know what they look like."""
    found = {file.path for file in cluster.files if holds_secret(file)}
    assert {
        "/etc/rancher/k3s/config.yaml",
        "/etc/rancher/k3s/registries.yaml",
        "/etc/catalyst/manifests/90-secret.yaml",
        "/var/lib/rancher/k3s/server/tls/server-ca.key",
    } <= found
    assert any(path.startswith("/var/lib/cloud/") for path in found), "cloud-init keeps user_data"


def test_what_first_boot_writes_belongs_to_root(cluster: ClusterLife) -> None:
    """Whoever gets the number that an archive was packed by would own a program that root runs."""
    ours = [file for file in cluster.files if file.path.startswith(OURS)]
    assert [file.path for file in ours if (file.owner, file.group) != (0, 0)] == []
    assert [file.path for file in ours if file.mode & 0o022] == []
    assert "/usr/local/bin/helm" in {file.path for file in ours}
