"""One table of mirrors: whatever a run, a server or a new cluster fetches is sent to another place by its beginning.

Two kinds of rows. `https://` rows are for files and Git repositories. `oci://` rows are for whole registries: charts,
packages of Crossplane, and the images that servers pull (k3s' registries.yaml).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

import yaml

CHARTS = "oci://ghcr.io/openova-io"
"""Where the kit's template has its charts from, and below, its package of Crossplane's provider for OpenTofu."""
ADOPTION_PROVIDER = "xpkg.upbound.io/upbound/provider-opentofu:v1.1.5"

REGISTRIES = "oci"
EXAMPLE = (
    "expected BEGINNING=MIRROR, such as https://github.com/=https://mirror.example/github/ or "
    "oci://ghcr.io/=oci://mirror.example/ghcr/"
)
_ROW = re.compile(r"(https|oci)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?)/((?:[A-Za-z0-9._%+~-]+/)*)")
"""Ends with '/', so that no other host's name begins with one of the table."""


class MirrorError(ValueError):
    """The table does not say what goes where; the message names the row, what is wrong with it and what is expected."""


@dataclass(frozen=True)
class Mirrors:
    """Beginning of a URL -> what replaces it; the longest one that fits wins. Without rows nothing goes elsewhere."""

    prefixes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def covers(self, url: str) -> bool:
        """Whether a mirror serves it."""
        return self._row(url) is not None

    def of(self, url: str) -> str:
        """Where it is fetched: what a mirror gave is not sent on to another."""
        row = self._row(url)
        return url if row is None else self.prefixes[row] + url[len(row) :]

    def of_package(self, package: str) -> str:
        """The same of a name without scheme, such as xpkg.example/provider:v1."""
        return self.of(f"{REGISTRIES}://{package}").removeprefix(f"{REGISTRIES}://")

    @cached_property
    def registries_yaml(self) -> str:
        """k3s' registries.yaml (https://docs.k3s.io/installation/private-registry) for every node, empty without a row
        for a registry. containerd asks the mirror first and, where it has nothing, the registry itself."""
        found = {urlsplit(source).netloc: _registry(urlsplit(mirror)) for source, mirror in self._registries()}
        return yaml.safe_dump({"mirrors": found}, sort_keys=True) if found else ""

    def _registries(self) -> Iterator[tuple[str, str]]:
        return ((source, mirror) for source, mirror in self.prefixes.items() if source.startswith(f"{REGISTRIES}://"))

    def _row(self, url: str) -> str | None:
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        # Names of hosts have no case; those of the table are written small.
        asked = f"{scheme.lower()}://{host.lower()}{slash}{path}"
        return max((prefix for prefix in self.prefixes if asked.startswith(prefix)), key=len, default=None)


NO_MIRRORS = Mirrors()


def parse(text: str) -> Mirrors:
    """The table: rows BEGINNING=MIRROR, apart by commas or line breaks. Raises MirrorError."""
    found: dict[str, str] = {}
    for row in filter(None, (item.strip() for item in re.split(r"[,\n]", text))):
        source, mirror = _parsed(row)
        if source in found:
            raise MirrorError(f"{source} is there twice; keep one row for it")
        found[source] = mirror
    return Mirrors(MappingProxyType(found))


def _parsed(row: str) -> tuple[str, str]:
    source, sign, mirror = (part.strip() for part in row.partition("="))
    if not sign:
        raise MirrorError(f"{row!r} has no '=': {EXAMPLE}")
    for url in (source, mirror):
        if not _ROW.fullmatch(url):
            raise MirrorError(
                f"{url!r} does not begin with https:// or oci://, or has something else than a host in small letters "
                f"and a path that ends with '/': {EXAMPLE}"
            )
    if urlsplit(source).scheme != urlsplit(mirror).scheme:
        raise MirrorError(f"{row!r} mixes https:// and oci://, which are talked to in different ways: {EXAMPLE}")
    if urlsplit(source).scheme == REGISTRIES and urlsplit(source).path != "/":
        raise MirrorError(
            f"{source!r} is a part of a registry, and servers tell only whole ones apart: expected the registry's "
            "host, such as oci://ghcr.io/"
        )
    return source, mirror


def _registry(mirror: SplitResult) -> dict[str, object]:
    """One row of registries.yaml. A path is set before each image's name, as proxy projects of Harbor want it."""
    path = mirror.path.strip("/")
    rewrite = {"rewrite": {"^(.*)$": f"{path}/$1"}} if path else {}
    return {"endpoint": [f"https://{mirror.netloc}"], **rewrite}
