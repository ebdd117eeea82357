"""Where the build keeps what it makes, and what the images are called."""

from __future__ import annotations

from pathlib import Path

from e2e.lab.layout import REPOSITORY, cache_folder

IMAGES = REPOSITORY / "deploy" / "images"

NAME = "localhost/catalyst-operator:dockerfile"

RESULTS = REPOSITORY / "build" / "image"
ARCHIVE = RESULTS / "operator.tar"
"""The image as `docker save` would write it: what the lab's node and the tool for the list of parts read."""
PARTS = RESULTS / "sbom.cdx.json"

STORAGE_MAX_BYTES = 6_000_000_000
"""Layers of earlier builds are kept, because they are the cache; beyond this all are thrown away."""
RUN_ROOT = Path("/run/catalyst-image-build")
"""Gone after a reboot, as the mounts are that it tells of."""


def storage() -> Path:
    """Images and layers of the build: the bases, what was built, and the cache of the next build."""
    return cache_folder() / "image-build"


def versions() -> dict[str, str]:
    """What versions.env says."""
    lines = (IMAGES / "versions.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
