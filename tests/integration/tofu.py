"""Real OpenTofu for tests: where it is found, and how it runs without a registry, a network or the user's settings."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.lab.layout import Layout, cache_folder
from tests.support.paths import REPOSITORY

MODULE = REPOSITORY / "infra" / "hetzner"
PROVIDER = "registry.opentofu.org/hetznercloud/hcloud/1.68.0/linux_amd64/terraform-provider-hcloud_v1.68.0"

_CLI_CONFIG = """\
provider_installation {{
  filesystem_mirror {{
    path = "{mirror}"
  }}
}}
"""


class ToolMissing(Exception):
    """A program that the tests need has not been built."""


def find(name: str) -> Path:
    """A program of the lab: from LAB_BIN, from this checkout's lab, or the newest in the lab's cache."""
    folders = [Path(os.environ["LAB_BIN"])] if os.environ.get("LAB_BIN") else []
    folders.append(Layout.of_checkout().bin)
    cached = sorted(cache_folder().glob(f"tools/*/{name}"), key=lambda file: file.stat().st_mtime, reverse=True)
    found = next((file for file in (*(folder / name for folder in folders), *cached) if file.exists()), None)
    if found is None:
        raise ToolMissing(f"{name} is neither in LAB_BIN nor in {cache_folder()}: build it with `make lab-up`")
    return found


def find_provider() -> Path:
    """The lab's stand-in for the provider hetznercloud/hcloud."""
    cached = sorted(cache_folder().glob(f"tools/*/{PROVIDER}"), key=lambda file: file.stat().st_mtime)
    return cached[-1] if cached else find("terraform-provider-hcloud")


@dataclass(frozen=True)
class OpenTofu:
    """`tofu` with settings of its own, kept in `home`."""

    program: Path
    home: Path

    @classmethod
    def with_provider(cls, home: Path) -> OpenTofu:
        """One that finds the provider hcloud in a filesystem mirror, and nothing anywhere else."""
        mirror = home / "providers"
        link = mirror / PROVIDER
        link.parent.mkdir(parents=True)
        shutil.copyfile(find_provider(), link)
        link.chmod(0o755)
        (home / "tofu.rc").write_text(_CLI_CONFIG.format(mirror=mirror))
        return cls(find("tofu"), home)

    @classmethod
    def without_provider(cls, home: Path) -> OpenTofu:
        (home / "tofu.rc").write_text("")
        return cls(find("tofu"), home)

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever its exit code; output is captured, without colours."""
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "TF_CLI_CONFIG_FILE": str(self.home / "tofu.rc"),
            "TF_IN_AUTOMATION": "1",
            "TF_CLI_ARGS": "-no-color",
        }
        return subprocess.run(
            [str(self.program), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )

    def must(self, *arguments: str, cwd: Path) -> str:
        """Run a command that has to succeed; its stdout."""
        ran = self.run(*arguments, cwd=cwd)
        assert ran.returncode == 0, f"tofu {' '.join(arguments)} failed:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout


def copy_of_module(folder: Path) -> Path:
    """The module in a folder of the test's own, where `tofu init` may write."""
    copied = folder / "module"
    shutil.copytree(MODULE, copied, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return copied
