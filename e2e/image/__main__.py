"""Builds the users' image, and fails where it is not what it should be: `python -m e2e.image`.

1. The Dockerfile is built as it is, from local bases and a local mirror for the provider.
2. A provider that does not fit the hashes is refused by the same build.
3. Modes of files, its list of files against the lab's image, its settings, its list of parts.

It leaves build/image/operator.tar, which a story takes with --operator-image, and build/image/sbom.cdx.json.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from e2e.image import bases, buildah, checks, contents, context, differences, mirror, parts, place
from e2e.lab import images, oci, toolchain
from e2e.lab.errors import BuildFailed, LabError
from e2e.lab.layout import Layout
from e2e.lab.timeline import Timeline

HASH = re.compile(r"\b(h1:|zh:)([\w+/]+)")
REFUSED = "is it the one of infra/hetzner/.terraform.lock.hcl?"


def main() -> int:
    timeline = Timeline()
    try:
        build(timeline)
        found = look(timeline)
    except LabError as error:
        print(f"image: {error}\n  what to do: {error.remedy}", file=sys.stderr)
        return 1
    print(timeline.table(), file=sys.stderr)
    print("\n".join(found) or f"the image is as it should be; its parts: {place.PARTS}")
    return 1 if found else 0


def build(timeline: Timeline) -> None:
    """Build the image and write it to `place.ARCHIVE`."""
    buildah.make_room()
    with timeline.step("bases"):
        bases.prepare(timeline)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mirror.fill(folder / "mirror", toolchain.provider_mirror(timeline))
        with mirror.serve(folder / "mirror", folder / "mirror.crt") as url:
            _build(folder, url, timeline)
    with timeline.step("write the archive"):
        buildah.save(place.ARCHIVE)


def _build(folder: Path, url: str, timeline: Timeline) -> None:
    tree, home, trusted = folder / "tree", folder / "home", folder / "trusted"
    context.copy(tree)
    context.home(home)
    context.lock(tree, url, folder / "mirror.crt", timeline)
    trusted.mkdir()
    shutil.copy(folder / "mirror.crt", trusted / "mirror.crt")
    # No digests: they are those of the published bases. The folder of authorities is one that Go reads.
    arguments = {**place.versions(), "DEBIAN_DIGEST": "", "TOFU_DIGEST": "", "TOFU_PROVIDER_MIRROR": url}
    mounts = {home: "/root", trusted: "/etc/pki/tls/certs:ro"}
    with timeline.step("build", expected="5 minutes, later some seconds"):
        buildah.build(tree, arguments, mounts)
    with timeline.step("refuse another provider"):
        _refuse_another_provider(tree, arguments, mounts)


def _refuse_another_provider(tree: Path, arguments: dict[str, str], mounts: dict[Path, str]) -> None:
    """The same build, with hashes that are another provider's."""
    lock = tree / "infra/hetzner/.terraform.lock.hcl"
    lock.write_text(HASH.sub(lambda found: found[1] + found[2].swapcase()[::-1], lock.read_text()))
    try:
        buildah.build(tree, arguments, mounts, name=f"{place.NAME}-refused")
    except LabError as error:
        if REFUSED not in str(error):
            raise
    else:
        raise BuildFailed("an image was built with a provider that does not fit the hashes", "mend module-layer")


def look(timeline: Timeline) -> list[str]:
    """A sentence for each fault of the image that was built."""
    layout = Layout.of_checkout()
    with timeline.step("the lab's image"):
        lab = images.operator(layout, timeline)
    with timeline.step("compare"):
        users = contents.of_archive(place.ARCHIVE)
        found = checks.faults(users)
        found += differences.complaints(
            differences.table(), users, contents.of_files(layer.path for layer in lab.layers)
        )
        found += _settings(lab)
    with timeline.step("list of parts"):
        return found + parts.faults(parts.write(place.ARCHIVE, timeline))


def _settings(lab: oci.Image) -> list[str]:
    """User, environment and entry point, against those of the lab's image."""
    users = contents.config_of_archive(place.ARCHIVE)
    return [
        f"{name} is {users.get(name)!r}, in the lab's image {value!r}"
        for name, value in lab.config.items()
        if users.get(name) != value
    ]


if __name__ == "__main__":
    sys.exit(main())
