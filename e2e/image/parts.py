"""The list of an image's parts (SBOM, CycloneDX), made by syft: Debian packages, Python packages, Go modules."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from catalyst_operator import __version__
from e2e.image import place
from e2e.lab import toolchain
from e2e.lab.commands import run
from e2e.lab.layout import REPOSITORY
from e2e.lab.timeline import Timeline

NO_VERSION = ("", "UNKNOWN", "(devel)")
BUILT_HERE = ("catalyst.openova.io/lab/tofu", "github.com/openova-io/catalyst-operator/e2e/lab/provider")
"""Main modules of the lab's OpenTofu and provider, which are this repository's own. Users get the published ones."""


def write(archive: Path, timeline: Timeline) -> list[dict[str, Any]]:
    """Write the list for the image in the archive; its components."""
    syft = toolchain.build(toolchain.SYFT, timeline) / "syft"
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = [f"--source-name={project['name']}", f"--source-version={__version__}"]
    # It would ask its publisher for a newer one, and list every file.
    quiet = {"SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_FILE_METADATA_SELECTION": "none"}
    run([syft, "scan", f"docker-archive:{archive}", *name, f"--output=cyclonedx-json={place.PARTS}"], environment=quiet)
    components: list[dict[str, Any]] = json.loads(place.PARTS.read_text(encoding="utf-8"))["components"]
    return [component for component in components if component["type"] in ("library", "application")]


def faults(components: Iterable[dict[str, Any]]) -> list[str]:
    """A sentence for each part of which nobody can tell whether it has a known hole."""
    nameless = (c for c in components if c.get("version", "") in NO_VERSION)
    return [f"{c['name']} has no version" for c in nameless if c["name"] not in BUILT_HERE]
