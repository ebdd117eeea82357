"""What first boot leaves on disks, and who may read it."""

from __future__ import annotations

import base64

import pytest

from e2e.boot.findings import File
from e2e.boot.machine import ROOT_CERTIFICATES
from tests.boot.lives.cluster import ClusterLife
from tests.boot.stage import AUTHORITY, MANIFEST_SECRET, Stage
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
TELLING = 60
"""So much of a text that was packed is enough to find it: who keeps it may break its lines."""


@pytest.fixture(scope="module")
def packed(stage: Stage) -> list[bytes]:
    """How secrets look in user_data: as a whole, unpacked, and file by file."""
    found: list[bytes] = []
    for boot in (*stage.rendered.all, *stage.later.all):
        secret = [file for file in boot.document["write_files"] if file["permissions"] == "0600"]
        found += [boot.user_data.encode(), base64.b64decode(boot.user_data)]
        found += [file["content"].encode() for file in secret if "encoding" in file]
    # All begin alike.
    return [text[20 : 20 + TELLING] for text in found]


def holds_secret(file: File, packed: list[bytes]) -> bool:
    """A private key of any kind counts, too."""
    plain = (secret.encode() for secret in SECRETS)
    return b"PRIVATE KEY-----" in file.content or any(text in file.content for text in (*plain, *packed))


def test_no_secret_is_readable_by_others(cluster: ClusterLife, packed: list[bytes]) -> None:
    assert [file for file in cluster.files if not file.private and holds_secret(file, packed)] == []


def test_secrets_are_where_they_are_looked_for(cluster: ClusterLife, packed: list[bytes]) -> None:
    """Or the test above would find none because it does not know what they look like."""
    found = {file.path for file in cluster.files if holds_secret(file, packed)}
    assert {
        "/etc/rancher/k3s/config.yaml",
        "/etc/rancher/k3s/registries.yaml",
        "/etc/catalyst/manifests/90-secret.yaml",
        "/var/lib/rancher/k3s/server/tls/server-ca.key",
    } <= found
    for kept in ("/user-data.txt", "/user-data.txt.i", "/cloud-config.txt"):
        assert any(path.startswith("/var/lib/cloud/") and path.endswith(kept) for path in found), kept


def test_what_first_boot_writes_belongs_to_root(cluster: ClusterLife) -> None:
    """Whoever gets the number that an archive was packed by would own a program that root runs."""
    ours = [file for file in cluster.files if file.path.startswith(OURS)]
    assert [file.path for file in ours if (file.owner, file.group) != (0, 0)] == []
    assert [file.path for file in ours if file.mode & 0o022 and not file.private] == []
    assert "/usr/local/bin/helm" in {file.path for file in ours}


def test_every_server_trusts_the_authorities_that_it_was_told(cluster: ClusterLife) -> None:
    """Besides those it trusts anyway: it fetched everything from servers with other certificates."""
    found = {file.server: file.content.decode() for file in cluster.files if file.path == f"/{ROOT_CERTIFICATES}"}
    assert found.keys() == {file.server for file in cluster.files}
    for trusted in found.values():
        assert AUTHORITY.strip() in trusted
        assert trusted.count("BEGIN CERTIFICATE") > 50
