"""Programs of Debian packages that are unpacked beside the machine, never installed: installed, some would act."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.lab.cache import cached, digest
from e2e.lab.commands import run
from e2e.lab.timeline import Timeline


def unpacked(name: str, packages: Sequence[str]) -> Path:
    """The folder that they are unpacked in; filled once per machine and list of packages."""

    def make(out: Path) -> None:
        downloads = out / "downloads"
        downloads.mkdir()
        # The sandbox user of apt could not write there.
        command = ["apt-get", "download", "--quiet", "-o", "APT::Sandbox::User=root", *packages]
        run(command, cwd=downloads, remedy="if apt does not know the packages, run `apt-get update`")
        for package in downloads.glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, out], check=True)
            package.unlink()
        downloads.rmdir()

    return cached(f"unpacked/{name}-{digest([], *packages)}", make, Timeline(), f"unpack {name}", "")
