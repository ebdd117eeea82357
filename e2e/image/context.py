"""What is given to the build: this tree's sources, hashes for the lab's provider, and the machine's settings for pip.

Nothing of this machine is written into the Dockerfile: its settings are mounted while the build's commands run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from e2e.image import place
from e2e.lab import toolchain
from e2e.lab.commands import run
from e2e.lab.layout import REPOSITORY
from e2e.lab.timeline import Timeline

NOT_COPIED = shutil.ignore_patterns("__pycache__", ".terraform", "*.tfstate*")
PIP_SETTINGS = ("cert", "extra-index-url", "index-url", "proxy", "retries", "timeout", "trusted-host")


def sources() -> list[str]:
    """What Dockerfile.dockerignore lets into the build."""
    lines = (place.IMAGES / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def copy(context: Path) -> None:
    """Copy the sources, the Dockerfile and what is beside it."""
    for source in [*sources(), *(f"deploy/images/{file.name}" for file in place.IMAGES.iterdir())]:
        origin, target = REPOSITORY / source, context / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, target, ignore=NOT_COPIED, dirs_exist_ok=True)
        else:
            shutil.copy2(origin, target)


def lock(context: Path, mirror: str, certificate: Path, timeline: Timeline) -> None:
    """Have deploy/images/lock-provider write the hashes of the lab's provider, in place of the real one's."""
    tofu = toolchain.build(toolchain.TOFU, timeline)
    path = f"{tofu}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = {"PATH": path, "TOFU_PROVIDER_MIRROR": mirror, "SSL_CERT_FILE": str(certificate)}
    module = context / "infra" / "hetzner"
    (module / ".terraform.lock.hcl").unlink(missing_ok=True)
    run([context / "deploy/images/lock-provider", module, "linux_amd64"], environment=environment)


def home(folder: Path) -> None:
    """A home folder for root in the build, with pip's settings of this machine and the authorities they name."""
    settings = _pip_settings()
    if "cert" in settings:
        folder.mkdir(parents=True)
        shutil.copy(settings["cert"], folder / "authorities.crt")
        settings["cert"] = "/root/authorities.crt"
    config = folder / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))


def _pip_settings() -> dict[str, str]:
    """Of all places that pip reads, the environment last, which wins."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    pairs = (line.partition("=") for line in listed.stdout.splitlines())
    named = {name.rpartition(".")[2]: value.strip("'") for name, _, value in sorted(pairs, key=_of_environment)}
    return {name: value for name, value in named.items() if name in PIP_SETTINGS}


def _of_environment(pair: tuple[str, str, str]) -> bool:
    return pair[0].startswith(":env:")
