"""A work folder of OpenTofu with the test's module, against the emulator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.lab.timeline import Timeline
from e2e.lab.toolchain import provider_mirror
from tests.integration.tofu import find

MODULE = Path(__file__).with_name("module")

_CLI_CONFIG = """\
provider_installation {{
  filesystem_mirror {{
    path = "{mirror}"
  }}
}}
"""


@dataclass(frozen=True)
class Tofu:
    """OpenTofu, and a folder in which it was initialised with the provider that these sources make."""

    program: Path
    home: Path

    @classmethod
    def prepared(cls, home: Path) -> Tofu:
        (home / "tofu.rc").write_text(_CLI_CONFIG.format(mirror=provider_mirror(Timeline())))
        tofu = cls(find("tofu"), home)
        shutil.copytree(MODULE, home / "module")
        ran = tofu.run("init", "-input=false", cwd=home / "module", environment={})
        assert ran.returncode == 0, f"tofu init failed:\n{ran.stdout}\n{ran.stderr}"
        return tofu

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        """Of its commands: nothing of the user's settings, and `more`."""
        base = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "TF_CLI_CONFIG_FILE": str(self.home / "tofu.rc"),
            "TF_IN_AUTOMATION": "1",
            "TF_CLI_ARGS": "-no-color",
        }
        return base | more

    def run(self, *arguments: str, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), *arguments],
            cwd=cwd,
            env=self.environment(environment),
            capture_output=True,
            text=True,
            check=False,
        )


@dataclass
class Cluster:
    """The module's cluster in one project; variables are given with each command."""

    tofu: Tofu
    folder: Path
    endpoint: str
    token: str

    @classmethod
    def create(cls, tofu: Tofu, folder: Path, endpoint: str, token: str) -> Cluster:
        shutil.copytree(tofu.home / "module", folder, symlinks=True)
        return cls(tofu, folder, endpoint, token)

    def run(self, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        environment = {"HCLOUD_TOKEN": self.token, "HCLOUD_ENDPOINT": self.endpoint}
        given = {
            f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in variables.items()
        }
        return self.tofu.run(*arguments, cwd=self.folder, environment=environment | given)

    def must(self, *arguments: str, **variables: Any) -> str:
        ran = self.run(*arguments, **variables)
        assert ran.returncode == 0, f"tofu {' '.join(arguments)} failed:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def apply(self, *options: str, **variables: Any) -> str:
        return self.must("apply", "-auto-approve", "-input=false", *options, **variables)

    def apply_fails(self, **variables: Any) -> str:
        """What an apply that must fail says."""
        ran = self.run("apply", "-auto-approve", "-input=false", **variables)
        assert ran.returncode == 1, f"the apply was to fail:\n{ran.stdout}"
        return " ".join((ran.stdout + ran.stderr).replace("│", " ").split())

    def changes(self, **variables: Any) -> dict[str, list[str]]:
        """What a plan would do: address -> actions, without what it leaves alone."""
        self.must("plan", "-input=false", "-out=plan", **variables)
        plan = json.loads(self.must("show", "-json", "plan"))
        return {
            change["address"]: change["change"]["actions"]
            for change in plan["resource_changes"]
            if change["change"]["actions"] not in (["no-op"], ["read"])
        }

    def state(self) -> dict[str, dict[str, Any]]:
        """The managed resources in the state by address."""
        shown = json.loads(self.must("show", "-json"))
        resources = shown.get("values", {}).get("root_module", {}).get("resources", [])
        return {item["address"]: item for item in resources if item["mode"] == "managed"}

    def destroy(self) -> str:
        return self.must("destroy", "-auto-approve", "-input=false")
