"""Settings of an installation without internet: read whole at start, and a wrong one is named."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CATALYST_MIRRORS", "https://github.com/"),
        ("CATALYST_MIRRORS", "https://github.com/=http://mirror.example/"),
        ("CATALYST_RELEASE_DIGESTS", f"k3s={DIGEST}"),
        ("CATALYST_RELEASE_DIGESTS", "2026-04/k3s=unknown"),
    ],
)
def test_a_wrong_one_is_named_with_what_is_expected(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .*expected"):
        Settings.from_env(LEAST | {name: value})
