"""Debian packages that the lab stands on: checked at every start, installed by `python -m e2e.lab packages`.

The check is one look at dpkg's database, so the warm path costs nothing. The services of what is installed are
kept from starting, now and at the next boot: the lab runs its own etcd, containerd and PowerDNS, and second ones
would take the ports.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2e.lab.errors import PackagesMissing
from e2e.lab.timeline import Timeline

LIST = Path(__file__).with_name("debian-packages.txt")
POLICY = Path("/usr/sbin/policy-rc.d")


def wanted() -> list[str]:
    lines = (line.split("#")[0].strip() for line in LIST.read_text().splitlines())
    return [line for line in lines if line]


def missing() -> list[str]:
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted()]
    shown = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    installed = {line.split()[0] for line in shown if line.endswith(" installed")}
    return [package for package in wanted() if package not in installed]


def require() -> None:
    """Refuse to go on without a package."""
    lacking = missing()
    if lacking:
        raise PackagesMissing(f"Debian packages are not installed: {' '.join(lacking)}", "run `make lab-packages`")


def install(timeline: Timeline) -> None:
    """Install what is missing; does nothing, and contacts nobody, when all is there."""
    lacking = missing()
    if not lacking:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with timeline.step(f"installing {len(lacking)} Debian packages", expected="1 minute"), _services_kept_down():
        subprocess.run(["apt-get", "update", "--quiet"], check=True, env=environment)
        command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *lacking]
        subprocess.run(command, check=True, env=environment)
        _disable(lacking)


def _disable(packages: Sequence[str]) -> None:
    """Debian has a service started at every boot as soon as its package is installed. Those of packages that were
    there before are somebody's, and stay as they are."""
    shown = subprocess.run(["dpkg-query", "--listfiles", *packages], capture_output=True, text=True, check=True).stdout
    services = services_in(shown.splitlines())
    if services and shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", "--quiet", *services], check=True)


def services_in(files: Iterable[str]) -> list[str]:
    """The services of systemd among a package's files; a template such as `pdns@.service` is none by itself."""
    units = (Path(file) for file in files if "/systemd/system/" in file)
    return sorted(unit.name for unit in units if unit.suffix == ".service" and not unit.stem.endswith("@"))


@contextmanager
def _services_kept_down() -> Iterator[None]:
    """Answer 101, "not allowed", to packages that ask whether to start their service; then put back what was there."""
    before = POLICY.read_bytes() if POLICY.exists() else None
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            POLICY.unlink()
        else:
            POLICY.write_bytes(before)
