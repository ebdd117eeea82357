"""What is in an image: every path with its kind, mode, owner and content, as the layers leave it one upon the other."""

from __future__ import annotations

import hashlib
import json
import stat
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
PACKAGE_FILES = "var/lib/dpkg/info/"
MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
"""Links into /usr."""
BYTECODE_HEADER = 16
"""Bytes of a .pyc that tell Python's version and the source's hash; those behind them may differ for one source."""


@dataclass(frozen=True)
class Entry:
    kind: str
    """file, folder, link, or what else tar knows."""
    mode: int
    owner: str
    content: str
    """Digest of a file, target of a link."""
    text: str = ""
    """Of a package's list of files."""

    @property
    def shown(self) -> str:
        return f"{self.kind} {stat.filemode(self.mode)[1:]} {self.owner}"


Contents = dict[str, Entry]
"""Paths without a slash at the start."""


def of_layers(layers: Iterable[IO[bytes]]) -> Contents:
    """Contents of an image with these layers, from the lowest up."""
    contents: Contents = {}
    for layer in layers:
        with tarfile.open(fileobj=layer) as archive:
            _apply(contents, archive)
    return contents


def of_files(layers: Iterable[Path]) -> Contents:
    """As `of_layers`, for files."""
    return of_layers(_opened(layers))


def _opened(layers: Iterable[Path]) -> Iterator[IO[bytes]]:
    for layer in layers:
        with layer.open("rb") as file:
            yield file


@contextmanager
def _saved(archive: Path) -> Iterator[tuple[tarfile.TarFile, dict[str, Any]]]:
    with tarfile.open(archive) as whole:
        (manifest,) = json.load(_member(whole, "manifest.json"))
        yield whole, manifest


def of_archive(archive: Path) -> Contents:
    """Contents of the one image in an archive such as `docker save` writes."""
    with _saved(archive) as (whole, manifest):
        return of_layers(_member(whole, name) for name in manifest["Layers"])


def config_of_archive(archive: Path) -> dict[str, Any]:
    """User, environment and entry point of the image in it, as the OCI specification has them."""
    with _saved(archive) as (whole, manifest):
        config: dict[str, Any] = json.load(_member(whole, manifest["Config"]))["config"]
        return config


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file in {archive.name!r}")
    return file


def _apply(contents: Contents, archive: tarfile.TarFile) -> None:
    for member in archive:
        path = member.name.removeprefix("./").strip("/")
        folder, _, name = path.rpartition("/")
        if name == OPAQUE:
            _remove_below(contents, folder)
        elif name.startswith(WHITEOUT):
            gone = f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")
            contents.pop(gone, None)
            _remove_below(contents, gone)
        elif path not in ("", "."):
            contents[path] = _entry(contents, archive, member, path)


def _remove_below(contents: Contents, folder: str) -> None:
    for path in [path for path in contents if path.startswith(f"{folder}/")]:
        del contents[path]


def _entry(contents: Contents, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> Entry:
    if member.islnk():
        return contents[member.linkname.removeprefix("./").strip("/")]
    owner, mode = f"{member.uid}:{member.gid}", stat.S_IMODE(member.mode)
    if member.isfile():
        data = _member_bytes(archive, member)
        digest = hashlib.sha256(data[:BYTECODE_HEADER] if path.endswith(".pyc") else data).hexdigest()
        listed = path.startswith(PACKAGE_FILES) and path.endswith(".list")
        return Entry("file", mode, owner, digest, data.decode() if listed else "")
    kind = "folder" if member.isdir() else "link" if member.issym() else f"type {member.type.decode()}"
    return Entry(kind, mode, owner, member.linkname)


def _member_bytes(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def packages(contents: Contents) -> dict[str, set[str]]:
    """The files of each Debian package by its name, and those in which dpkg keeps what it knows of it."""
    found: dict[str, set[str]] = {}
    for path, entry in contents.items():
        if path.startswith(PACKAGE_FILES):
            name = path.removeprefix(PACKAGE_FILES).rpartition(".")[0].partition(":")[0]
            found.setdefault(name, set()).update({path}, map(_in_usr, entry.text.splitlines()))
    return found


def _in_usr(listed: str) -> str:
    """Packages of Debian 12 still list /bin/mount, which is in /usr/bin."""
    path = listed.strip("/")
    return f"usr/{path}" if path.partition("/")[0] in MERGED else path
