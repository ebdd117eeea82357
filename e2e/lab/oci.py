"""Writes container images without a container engine: layers are tar files, an image is JSON that names them.

Archives are reproducible: entries sorted, owned by root, with one fixed time. What `ctr images import` gets
is an OCI archive; layers that the node has already are left out of it, since the import finds them by digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

LAYER = "application/vnd.oci.image.layer.v1.tar"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"

TIME = 1_700_000_000
"""Seconds since 1970 on every file: when an image was built is not part of what it is."""


@dataclass(frozen=True)
class Layer:
    """An uncompressed layer; compressing would cost more time than the lab's disk saves."""

    path: Path
    digest: str
    size: int

    @classmethod
    def of(cls, path: Path) -> Layer:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path, f"sha256:{digest}", path.stat().st_size)


@dataclass(frozen=True)
class Image:
    """A name, layers from the lowest up, and the `config` object of the OCI image specification."""

    name: str
    layers: Sequence[Layer]
    config: Mapping[str, Any]

    def config_blob(self) -> bytes:
        return _json(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": self.config,
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in self.layers]},
            }
        )

    def manifest_blob(self) -> bytes:
        layers = [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in self.layers]
        config = _descriptor(CONFIG, self.config_blob())
        return _json({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})

    @property
    def digest(self) -> str:
        return _digest(self.manifest_blob())


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def write_layer(path: Path, tree: Mapping[str, Path], folders: Sequence[str] = ()) -> Layer:
    """Write a layer that holds each file or folder of `tree` under its path in the image, and empty `folders`."""
    unfinished = path.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w", format=tarfile.GNU_FORMAT) as archive:
        for folder in sorted(_parents([*tree, *(f"{folder}/." for folder in folders)])):
            archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
        for target, source in sorted(tree.items()):
            _add(archive, target.lstrip("/"), source)
    unfinished.rename(path)
    return Layer.of(path)


def _parents(paths: Sequence[str]) -> set[str]:
    return {str(parent) for path in paths for parent in Path(path.lstrip("/")).parents if str(parent) != "."}


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, TIME
    return entry


def _add(archive: tarfile.TarFile, name: str, source: Path) -> None:
    """Add a file, link or folder; readable by everybody, writable by root alone."""
    if source.is_symlink():
        entry = _entry(name, tarfile.SYMTYPE, 0o777)
        entry.linkname = str(source.readlink())
        archive.addfile(entry)
    elif source.is_dir():
        archive.addfile(_entry(name, tarfile.DIRTYPE, 0o755))
        for child in sorted(source.iterdir()):
            _add(archive, f"{name}/{child.name}", child)
    else:
        executable = source.stat().st_mode & 0o111
        entry = _entry(name, tarfile.REGTYPE, 0o755 if executable else 0o644)
        entry.size = source.stat().st_size
        with source.open("rb") as content:
            archive.addfile(entry, content)


def write_archive(out: IO[bytes], image: Image, present: Collection[str] = ()) -> None:
    """Write the image as an OCI archive, without the blobs whose digests are `present` where it goes."""
    manifest = image.manifest_blob()
    named = {**_descriptor(MANIFEST, manifest), "annotations": {"io.containerd.image.name": image.name}}
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT, bufsize=1 << 20) as archive:
        _add_bytes(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add_bytes(archive, "index.json", _json({"schemaVersion": 2, "manifests": [named]}))
        for blob in (manifest, image.config_blob()):
            _add_bytes(archive, _blob_path(_digest(blob)), blob)
        for layer in image.layers:
            if layer.digest not in present:
                _add(archive, _blob_path(layer.digest), layer.path)


def _blob_path(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = _entry(name, tarfile.REGTYPE, 0o644)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
