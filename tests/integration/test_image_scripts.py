"""The scripts around `make image` tell what is missing, in words about the command that people typed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.image import mirror
from tests.integration import tofu
from tests.support.paths import REPOSITORY

SCRIPTS = REPOSITORY / "deploy" / "images"
NEEDED = ("bash", "cat", "dirname", "env", "sed", "sha256sum")


MODULE = REPOSITORY / "infra" / "hetzner"


def run(
    script: str, folder: Path, *arguments: str, docker: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A script on a machine that has a docker of that text, and neither podman, skopeo nor crane."""
    for name in NEEDED:
        (folder / name).symlink_to(shutil.which(name) or name)
    (folder / "docker").write_text(f"#!/usr/bin/env bash\n{docker}\n")
    (folder / "docker").chmod(0o755)
    command = [str(SCRIPTS / script), *arguments]
    surroundings = {"PATH": str(folder), **(environment or {})}
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)


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


def test_a_build_is_of_the_platform_and_mirror_that_are_asked_for(tmp_path: Path) -> None:
    environment = {"TOFU_PROVIDER_MIRROR": "https://mirror.example"}
    done = run("build", tmp_path, "x:1", "linux/arm64", docker='printf "%s\\n" "$@"', environment=environment)
    words = done.stdout.splitlines()
    assert words[words.index("--platform") + 1] == "linux/arm64"
    assert "TOFU_PROVIDER_MIRROR=https://mirror.example" in words
    assert "HCLOUD_PROVIDER_VERSION=1.68.0" in words


def test_a_build_of_this_machine_names_no_platform(tmp_path: Path) -> None:
    done = run("build", tmp_path, "x:1", docker='printf "%s\\n" "$@"')
    assert "--platform" not in done.stdout
    assert "TOFU_PROVIDER_MIRROR=" in done.stdout.splitlines()


def test_a_mirror_that_opentofu_would_not_take_is_refused_at_once(tmp_path: Path) -> None:
    environment = {"TOFU_PROVIDER_MIRROR": "http://mirror.example"}
    done = run("build", tmp_path, "x:1", docker="exit 0", environment=environment)
    assert done.returncode == 1
    assert 'TOFU_PROVIDER_MIRROR is "http://mirror.example"' in done.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of who fetches a provider from a network mirror, which has a newer one too."""
    files = tmp_path / "files"
    for provider in (files / tofu.PROVIDER, files / tofu.PROVIDER.replace("1.68.0", "1.69.0")):
        provider.parent.mkdir(parents=True)
        provider.write_text("of no use, but of one hash")
    mirror.fill(tmp_path / "mirror", files)
    certificate = tmp_path / "mirror.crt"
    with mirror.serve(tmp_path / "mirror", certificate, port=0) as url:
        path = f"{tofu.find('tofu').parent}:/usr/bin:/bin"
        yield {"PATH": path, "HOME": str(tmp_path), "SSL_CERT_FILE": str(certificate), "TOFU_PROVIDER_MIRROR": url}


def locked(folder: Path, environment: dict[str, str], *platforms: str) -> subprocess.CompletedProcess[str]:
    (folder / "versions.tf").write_text((MODULE / "versions.tf").read_text())
    command = [str(SCRIPTS / "lock-provider"), str(folder), *platforms]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_providers_hashes_are_written_for_the_version_of_the_image(tmp_path: Path, served: dict[str, str]) -> None:
    module = tmp_path / "module"
    module.mkdir()
    done = locked(module, served, "linux_amd64")
    assert done.returncode == 0, done.stderr
    lock = (module / ".terraform.lock.hcl").read_text()
    assert re.search(r'version +\= "1\.68\.0"', lock)
    assert re.search(r'constraints = "~> 1\.68"', lock)
    assert re.search(r'"h1:[\w+/]{43}="', lock)


def test_both_platforms_are_locked_or_none(tmp_path: Path, served: dict[str, str]) -> None:
    """The mirror has one of them; half a lock would fail on the other's machine, later."""
    module = tmp_path / "module"
    module.mkdir()
    done = locked(module, served)
    assert done.returncode == 1
    assert "does not have a package" in done.stderr and "linux_arm64" in done.stderr
    assert not (module / ".terraform.lock.hcl").exists()


def test_locking_without_opentofu_says_where_to_get_it(tmp_path: Path) -> None:
    done = run("lock-provider", tmp_path, docker="exit 0")
    assert done.returncode == 1
    assert "make lab-tools" in done.stderr
