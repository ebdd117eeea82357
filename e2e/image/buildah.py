"""Builds images without a container engine: Debian's buildah as root, with storage of its own and no registry.

Each command has a mount namespace of its own, so that none leaves a mount on the machine, however it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from e2e.image import place
from e2e.lab.commands import run
from e2e.lab.errors import LabError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def buildah(*arguments: str | Path) -> str:
    """Standard output of one command."""
    storage = ("--storage-driver", "overlay", "--root", str(place.storage()), "--runroot", str(place.RUN_ROOT))
    command = ["unshare", "--mount", "buildah", *storage, *arguments]
    return run(command, remedy="`make lab-packages` installs buildah; it needs root").strip()


def exists(name: str) -> bool:
    try:
        buildah("inspect", "--type", "image", name)
    except LabError:
        return False
    return True


def from_tree(name: str, *content: str | Path) -> None:
    """Make an image of one layer: a tar, or a file and its path in the image."""
    container = buildah("from", "scratch")
    try:
        buildah("add", "--quiet", container, *content)
        buildah("config", "--env", f"PATH={PATH}", container)
        buildah("commit", "--quiet", container, name)
    finally:
        buildah("rm", container)


def build(context: Path, arguments: Mapping[str, str], mounts: Mapping[Path, str], *, name: str = place.NAME) -> None:
    """Build the context's Dockerfile. `mounts` are there while its commands run, and in no layer."""
    options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    options += [f"--volume={source}:{target}" for source, target in mounts.items()]
    how = ("--layers", "--force-rm", "--pull-never", "--isolation=chroot", "--network=host")
    buildah("bud", *how, *options, "--file", context / "deploy/images/Dockerfile", "--tag", name, context)


def save(archive: Path) -> None:
    """Write the built image into a file, in place of what is there."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.unlink(missing_ok=True)
    buildah("push", "--quiet", place.NAME, f"docker-archive:{archive}:{place.NAME}")


def make_room() -> None:
    """Remove what a build left that was killed, and all layers once they are more than a cache should be."""
    buildah("rm", "--all")
    used = run(["du", "-s", "-B1", place.storage()])
    if int(used.split()[0]) > place.STORAGE_MAX_BYTES:
        buildah("rmi", "--all", "--force")
