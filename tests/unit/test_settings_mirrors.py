"""Settings of an installation without internet: read whole at start, and a wrong one is named."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalyst_operator.adapters.new_cluster import authorities as made
from catalyst_operator.core.air_gap.proxies import ServerProxy
from catalyst_operator.errors import SettingsError
from catalyst_operator.settings import Settings

LEAST = {"CATALYST_IMAGE": "registry.example/catalyst-operator:1"}
DIGEST = "0123456789abcdef" * 4


def test_mirrors_and_digests_are_taken_over() -> None:
    core = Settings.from_env(
        LEAST
        | {
            "CATALYST_MIRRORS": "https://github.com/=https://mirror.example/github/,oci://ghcr.io/=oci://mirror.example/",
            "CATALYST_RELEASE_DIGESTS": f"2026-04/k3s={DIGEST}, 2026-04/helm={DIGEST}",
        }
    ).core
    assert core.mirrors.of("https://github.com/x") == "https://mirror.example/github/x"
    assert core.charts == "oci://mirror.example/openova-io"
    assert core.release_digests == {"2026-04": {"k3s": DIGEST, "helm": DIGEST}}


def test_authorities_and_proxies_are_taken_over(tmp_path: Path) -> None:
    pem = made.make(datetime(2026, 11, 30, tzinfo=UTC)).files["server-ca.crt"]
    (tmp_path / "ca.crt").write_text(pem)
    core = Settings.from_env(
        LEAST
        | {
            "CATALYST_AUTHORITIES": str(tmp_path / "ca.crt"),
            "HTTPS_PROXY": "http://proxy.example:3128",
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "CATALYST_SERVER_PROXY": "http://10.0.9.9:3128",
            "CATALYST_SERVER_NO_PROXY": ".corp.example",
        }
    ).core
    assert core.authorities == (pem,)
    assert core.run_proxy["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert "10.96.0.1" in core.run_proxy["NO_PROXY"].split(",")
    assert core.server_proxy == ServerProxy("http://10.0.9.9:3128", (".corp.example",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CATALYST_MIRRORS", "https://github.com/"),
        ("CATALYST_MIRRORS", "https://github.com/=http://mirror.example/"),
        ("CATALYST_RELEASE_DIGESTS", f"k3s={DIGEST}"),
        ("CATALYST_RELEASE_DIGESTS", "2026-04/k3s=unknown"),
        ("CATALYST_SERVER_PROXY", "http://me:secret@proxy.example"),
        ("HTTPS_PROXY", "proxy.example:3128"),
    ],
)
def test_a_wrong_one_is_named_with_what_is_expected(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .*expected"):
        Settings.from_env(LEAST | {name: value})


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_of_authorities_that_is_none_is_named(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"CATALYST_AUTHORITIES='.*ca\.crt': .*expected"):
        Settings.from_env(LEAST | {"CATALYST_AUTHORITIES": str(file)})
