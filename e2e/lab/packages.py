"""Debian packages that the lab stands on: checked at every start, installed by `python -m e2e.lab packages`.

The check is one look at dpkg's database, so the warm path costs nothing. While packages are installed, their
services are kept from starting: the lab runs its own etcd and containerd, and a second one would take the
ports.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
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
