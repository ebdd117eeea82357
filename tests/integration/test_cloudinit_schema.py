"""cloud-init itself judges what servers are told; a cloud-config that it misreads boots a machine that does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cloud_init import TRUST, render, sample, schema_errors, shellcheck
from tests.integration.tofu import MODULE, OpenTofu

pytestmark = pytest.mark.integration


def test_every_server_is_told_a_valid_cloud_config(tmp_path: Path) -> None:
    everything = sample(
        registries_yaml="mirrors: {}",
        boot_manifests={"10-observer.yaml": "kind: Role\n"},
        trusted_authorities=[TRUST.files["server-ca.crt"]],
        proxy={"url": "http://proxy.example:3128"},
    )
    for boot in render(OpenTofu.without_provider(tmp_path), everything).all:
        assert schema_errors(boot.cloud_config, tmp_path) == ""


def test_the_check_refuses_what_is_wrong(tmp_path: Path) -> None:
    assert "runcmd: 5 is not of type 'array'" in schema_errors("#cloud-config\nruncmd: 5\n", tmp_path)


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    scripts = sorted((MODULE / "scripts").glob("*.sh"))
    assert scripts
    assert shellcheck(*scripts) == ""
