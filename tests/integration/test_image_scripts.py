"""The scripts around `make image` tell what is missing, in words about the command that people typed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.paths import REPOSITORY

SCRIPTS = REPOSITORY / "deploy" / "images"
NEEDED = ("bash", "cat", "dirname", "env", "sed", "sha256sum")


def run(script: str, folder: Path, *arguments: str, docker: str) -> subprocess.CompletedProcess[str]:
    """A script on a machine that has a docker of that text, and neither podman, skopeo nor crane."""
    for name in NEEDED:
        (folder / name).symlink_to(shutil.which(name) or name)
    (folder / "docker").write_text(f"#!/usr/bin/env bash\n{docker}\n")
    (folder / "docker").chmod(0o755)
    command = [str(SCRIPTS / script), *arguments]
    return subprocess.run(command, env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


def test_pinning_with_a_docker_that_lacks_buildx_says_what_to_install(tmp_path: Path) -> None:
    """Debian's docker.io has none; docker then prints its own help."""
    versions = tmp_path / "versions.env"
    versions.write_text("DEBIAN_IMAGE=registry.example/debian\nDEBIAN_TAG=1\nDEBIAN_DIGEST=\n")
    done = run("pin", tmp_path, str(versions), docker='echo "unknown flag: --format" >&2; exit 125')
    assert done.returncode == 1
    assert "docker with buildx" in done.stderr and "unknown flag" not in done.stderr
    assert versions.read_text().endswith("DEBIAN_DIGEST=\n")


def test_building_without_a_name_tells_the_make_command(tmp_path: Path) -> None:
    done = run("build", tmp_path, docker="exit 0")
    assert done.returncode != 0
    assert "make image IMAGE=registry.example.org/catalyst-operator:0.1.0" in done.stderr
