"""The lab's images: what they consist of, and how the node gets them without a registry.

The operator's image has the contents, paths and settings of deploy/images/Dockerfile; a unit test compares
the two.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Collection
from pathlib import Path

from e2e.lab import layers, node, oci, processes
from e2e.lab.cache import cached, digest
from e2e.lab.commands import run
from e2e.lab.errors import BuildFailed, LabError
from e2e.lab.layout import Layout
from e2e.lab.timeline import Timeline

OPERATOR_IMAGE = "localhost/catalyst-operator:lab"
OPERATOR_CONFIG = {
    "User": "65534:65534",
    "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        f"PYTHONPATH={layers.PYTHON_PATH}",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONUNBUFFERED=1",
        f"TF_CLI_CONFIG_FILE={layers.TOFU_RC_PATH}",
    ],
    "Entrypoint": ["python3", "-m", "catalyst_operator"],
}

PAUSE_SOURCE = Path(__file__).with_name("pause.c")
PAUSE_CONFIG = {"User": "65535:65535", "Entrypoint": ["/pause"]}


def operator(layout: Layout, timeline: Timeline) -> oci.Image:
    parts = [
        layers.base(timeline),
        layers.dependencies(timeline),
        layers.provisioning(timeline),
        layers.module(layout, timeline),
        layers.kit(layout),
        layers.app(layout),
    ]
    return oci.Image(OPERATOR_IMAGE, parts, OPERATOR_CONFIG)


def pause(timeline: Timeline) -> oci.Image:
    """The image that holds a Pod's namespaces; containerd starts no Pod without one."""

    def make(out: Path) -> None:
        run(["gcc", "-static", "-O2", "-s", "-o", out / "pause", PAUSE_SOURCE])
        oci.write_layer(out / "layer.tar", {"/pause": out / "pause"})

    folder = cached(f"layers/pause-{digest([PAUSE_SOURCE])}", make, timeline, "pause program", "")
    return oci.Image(node.PAUSE_IMAGE, [oci.Layer.of(folder / "layer.tar")], PAUSE_CONFIG)


def update(layout: Layout, timeline: Timeline) -> bool:
    """Build the images from the sources of now, and give the node those that it lacks; False when it has them all."""
    if processes.find(layout, "containerd") is None:
        raise LabError("the lab is not up, so there is no node to give images to", "run `make lab-up`")
    with timeline.step("images: build"):
        images = (pause(timeline), operator(layout, timeline))
    lacking = [image for image in images if image.digest != record(layout).get(image.name)]
    for image in lacking:
        load(layout, image, timeline)
    return bool(lacking)


def load(layout: Layout, image: oci.Image, timeline: Timeline) -> None:
    """Import an image into the node's store, sending only the layers that it lacks."""
    with timeline.step(f"{image.name.rpartition('/')[2]}: import"):
        _import(layout, image)
    _note(layout, image.name, image.digest)


def load_archive(layout: Layout, archive: Path, timeline: Timeline) -> str:
    """Import an image from a file such as `docker save` writes; its name."""
    with tarfile.open(archive) as whole:
        (manifest,) = json.loads((whole.extractfile("manifest.json") or io.BytesIO()).read())
    (name,) = manifest["RepoTags"]
    with timeline.step(f"{archive.name}: import"):
        run([*_ctr(layout), "images", "import", archive])
    _note(layout, name, manifest["Config"])
    return str(name)


def tag(layout: Layout, image: str, other: str) -> None:
    """Give an image that the node has another name besides."""
    run([*_ctr(layout), "images", "tag", "--force", image, other])


def _note(layout: Layout, name: str, image: str) -> None:
    noted = {**record(layout), name: image}
    layout.images_record.write_text(json.dumps(noted, indent=1) + "\n")


def record(layout: Layout) -> dict[str, str]:
    """Digests of the manifests that were imported, by the image's name."""
    try:
        content: dict[str, str] = json.loads(layout.images_record.read_text())
    except FileNotFoundError:
        return {}
    return content


def _import(layout: Layout, image: oci.Image) -> None:
    command = [*_ctr(layout), "images", "import", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        try:
            oci.write_archive(process.stdin, image, _present(layout))
            process.stdin.close()
        except BrokenPipeError:  # what it has to say is on standard error
            pass
        message = process.stderr.read().decode()
    if process.returncode != 0:
        raise BuildFailed(f"containerd did not take {image.name}: {message}", "read .lab/log/containerd.log")


def _ctr(layout: Layout) -> list[str]:
    return ["ctr", "--address", str(layout.containerd_socket), "--namespace", "k8s.io"]


def _present(layout: Layout) -> Collection[str]:
    """Digests of all blobs in the node's store."""
    return set(run([*_ctr(layout), "content", "list", "--quiet"]).split())
