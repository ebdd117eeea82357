"""The images that the Dockerfile begins with, made on this machine under the names that versions.env has for them.

Debian's is what Debian's packages make, as the published one is; OpenTofu's holds the lab's own `tofu`. So the
Dockerfile is built without a registry, and without a change.
"""

from __future__ import annotations

from pathlib import Path

from e2e.image import buildah, place
from e2e.lab import layers, oci, toolchain
from e2e.lab.cache import cached, digest
from e2e.lab.commands import run
from e2e.lab.timeline import Timeline

DEBIAN = [
    "mmdebstrap",
    "--quiet",
    "--mode=root",
    # The packages that Debian marks as required, and apt: what the slim images consist of.
    "--variant=minbase",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "--include=usr-is-merged",
    *(f"--dpkgopt=path-exclude={pattern}" for pattern in layers.UNWANTED),
    "--skip=output/dev",
    "bookworm",
]


def prepare(timeline: Timeline) -> None:
    """Have both bases in the build's storage."""
    versions = place.versions()
    debian = _debian(timeline)
    tofu = toolchain.build(toolchain.TOFU, timeline) / "tofu"
    _have(f"{versions['DEBIAN_IMAGE']}:{versions['DEBIAN_TAG']}", debian.parent.name, debian, "/")
    _have(f"{versions['TOFU_IMAGE']}:{versions['TOFU_TAG']}", tofu.parent.name, tofu, layers.TOFU_PATH)


def _debian(timeline: Timeline) -> Path:
    def make(out: Path) -> None:
        run([*DEBIAN, out / "debian.tar"], environment={"SOURCE_DATE_EPOCH": str(oci.TIME)})

    return (
        cached(f"layers/debian-{digest([], *DEBIAN)}", make, timeline, "Debian base image", "1 minute") / "debian.tar"
    )


def _have(name: str, key: str, *content: str | Path) -> None:
    """The image of this content has a second name with its key: whether it is there costs one look."""
    keyed = f"localhost/base:{key}"
    if not buildah.exists(keyed):
        buildah.from_tree(keyed, *content)
    buildah.buildah("tag", keyed, name)
