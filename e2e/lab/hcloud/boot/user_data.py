"""Reads user_data as cloud-init does: base64, gzip, a cloud-config's files and commands."""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

HEADER = "#cloud-config"
_BASE64 = {"b64", "base64"}
_GZIP = {"gz", "gzip"}


class NotCloudConfig(ValueError):
    """cloud-init would do nothing with it; the message says why."""


@dataclass(frozen=True)
class File:
    """One file that cloud-init writes."""

    content: str = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True)
class CloudConfig:
    """What of a cloud-config matters here."""

    files: Mapping[str, File]
    """By path."""
    commands: tuple[tuple[str, ...], ...]
    """What runcmd runs, each as its words."""

    def text(self, path: str) -> str:
        """A file's content; empty where there is none."""
        return self.files[path].content if path in self.files else ""


def read(user_data: str) -> CloudConfig:
    """Take user_data apart. Raises NotCloudConfig."""
    text = _unpacked(user_data)
    if not text.startswith(f"{HEADER}\n"):
        raise NotCloudConfig(f"user_data does not begin with the line {HEADER}: cloud-init would take it for no config")
    try:
        document = yaml.safe_load(text)
        files = {entry["path"]: _file(entry) for entry in document.get("write_files") or []}
        commands = tuple(_words(command) for command in document.get("runcmd") or [])
    except (yaml.YAMLError, AttributeError, TypeError, KeyError, ValueError, OSError, EOFError, zlib.error) as error:
        raise NotCloudConfig(f"user_data is no cloud-config: {type(error).__name__}: {str(error)[:200]}") from None
    return CloudConfig(files, commands)


def _unpacked(user_data: str) -> str:
    """Hetzner hands out what was ordered; cloud-init undoes base64 and gzip where it finds them."""
    try:
        raw = base64.b64decode(user_data, validate=True)
    except binascii.Error:
        return user_data
    return _decompressed(raw).decode("utf-8", "replace")


def _decompressed(raw: bytes) -> bytes:
    try:
        return gzip.decompress(raw)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return raw


def _file(entry: Mapping[str, Any]) -> File:
    """The encodings add up in one word, such as `gz+b64`; any other word means plain text."""
    encodings = set(str(entry.get("encoding", "")).lower().split("+"))
    content = entry.get("content", "")
    raw = content if isinstance(content, bytes) else str(content).encode()
    if encodings & _BASE64:
        raw = base64.b64decode(raw)
    if encodings & _GZIP:
        raw = gzip.decompress(raw)
    return File(raw.decode("utf-8", "replace"), int(str(entry.get("permissions", "0644")), 8))


def _words(command: str | list[Any]) -> tuple[str, ...]:
    return tuple(command.split()) if isinstance(command, str) else tuple(map(str, command))
