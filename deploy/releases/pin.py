"""`python -m deploy.releases.pin [FILE]`: writes the sha256 of each download of each release into releases.yaml.

A file is fetched as a node would fetch it, by the same functions (infra/hetzner/scripts/lib.sh): it counts only if it
has the sha256 that its vendor publishes, read over TLS. From then on nodes believe the release, not what a vendor's
server says on the day of their first boot. A sha256 that is there already is compared with both and never changed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.releases import Download

ROOT = Path(__file__).parents[2]
RELEASES = ROOT / "catalyst_operator/core/kit/releases.yaml"
LIBRARY = ROOT / "infra/hetzner/scripts/lib.sh"


class PinError(Exception):
    """A download cannot be pinned; the message says why."""


@dataclass(frozen=True)
class Place:
    """A download, and where in the file its sha256 stands."""

    title: str
    download: Download
    start: int
    end: int


def places(text: str) -> Iterator[Place]:
    """All downloads, in the order of the file."""
    catalogue = releases.parse(text)
    for release, row in _entries(_entry(yaml.compose(text), "releases")):
        for name, entry in _entries(_entry(row, "downloads")):
            digest = _entry(entry, "sha256")
            download = getattr(catalogue.get(release).downloads, name)
            yield Place(f"{release}: {name}", download, digest.start_mark.index, digest.end_mark.index)


def _entries(node: Any) -> Iterator[tuple[str, Any]]:
    """Of a mapping, with the values as nodes, which know where they stand."""
    yield from ((key.value, value) for key, value in node.value)


def _entry(node: Any, name: str) -> Any:
    return dict(_entries(node))[name]


def digest_of(download: Download) -> str:
    """What the file has, once it is known to be the vendor's. Raises PinError."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        script = f"set -euo pipefail; source {LIBRARY}; fetch DOWNLOAD {file}"
        ran = subprocess.run(
            ["bash", "-c", script], env=_told(download, folder), stderr=subprocess.PIPE, text=True, check=False
        )
        if ran.returncode != 0:
            raise PinError(ran.stderr.strip())
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    if download.sha256 not in (None, found):
        raise PinError(f"pinned is {download.sha256}, but file and vendor say {found}")
    return found


def _told(download: Download, folder: str) -> dict[str, str]:
    """As node.env tells it; where the vendor publishes a checksum, that one has to confirm the file."""
    pinned = "" if download.checksums_url else download.sha256 or ""
    return {
        **os.environ,
        "CACHE_DIR": folder,
        "DOWNLOAD_URL": download.url,
        "DOWNLOAD_SHA256": pinned,
        "DOWNLOAD_CHECKSUMS_URL": download.checksums_url or "",
    }


def pinned(text: str) -> tuple[str, int]:
    """The text with all that could be pinned, and how many downloads could not."""
    failed = 0
    for place in reversed(list(places(text))):
        try:
            digest = digest_of(place.download)
        except PinError as error:
            failed += 1
            print(f"{place.title}: not pinned: {error}", file=sys.stderr)
        else:
            text = f"{text[: place.start]}{digest}{text[place.end :]}"
            print(f"{place.title}: {digest}")
    return text, failed


def main(arguments: list[str]) -> int:
    """0 when all downloads of all releases are pinned."""
    file = Path(arguments[0]) if arguments else RELEASES
    text, failed = pinned(file.read_text(encoding="utf-8"))
    releases.parse(text)
    file.write_text(text, encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
