"""Releases: named sets of versions (k3s, Cilium, Flux, the kit's charts) that are known to work together.

They are data (`releases.yaml`) because a version that moves alone breaks clusters: a Flux that differs from the
one bp-flux wraps is deleted by the rollback of its own chart. Whatever needs a version asks here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from catalyst_operator.core.air_gap.mirrors import NO_MIRRORS, Mirrors

NO_OVERRIDES: Mapping[str, str] = MappingProxyType({})

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _frozen(value: dict[str, str]) -> Mapping[str, str]:
    return MappingProxyType(value)


class UnknownReleaseError(ValueError):
    """The named release is not in releases.yaml; the message lists those that are."""


class OverrideError(ValueError):
    """A digest was given for a release or download that there is not, is none, or contradicts the release."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Download(_Data):
    """One file that a node fetches at first boot, and by what it is recognised."""

    version: Annotated[str, Field(min_length=1)]
    url: Annotated[str, Field(pattern=r"^https?://")]
    sha256: Sha256 | None
    checksums_url: Annotated[str, Field(pattern="^https://")] | None

    @model_validator(mode="after")
    def _checkable(self) -> Download:
        if self.sha256 is None and self.checksums_url is None:
            raise ValueError(f"{self.url} has neither sha256 nor checksums_url: it would be used unchecked")
        return self


class Downloads(_Data):
    """Everything that first boot fetches."""

    k3s: Download
    gateway_api: Download
    helm: Download
    cilium: Download
    flux: Download


class Release(_Data):
    """One named set. `kit` maps a chart of the bootstrap kit to its version."""

    name: str
    downloads: Downloads
    kit: Annotated[Mapping[str, str], AfterValidator(_frozen)]

    @property
    def takes_ownership(self) -> bool:
        """Whether its Flux knows `disableTakeOwnership` of HelmReleases, which came with 2.5. Where it does not, the
        field makes the API server refuse whatever was applied with it."""
        major, minor = self.downloads.flux.version.removeprefix("v").split(".")[:2]
        return (int(major), int(minor)) >= (2, 5)

    @property
    def unverified(self) -> tuple[str, ...]:
        """The downloads without a sha256 of ours: nodes believe what the vendor publishes when they boot."""
        return tuple(name for name, download in self.downloads if download.sha256 is None)

    def unvouched(self, mirrors: Mirrors, digests: Mapping[str, str] = NO_OVERRIDES) -> tuple[str, ...]:
        """The downloads that a mirror serves and nobody vouches for: servers would have to ask the vendor, whom a
        mirror stands in for, and a mirror's own word proves nothing."""
        return tuple(
            name
            for name, download in self.downloads
            if mirrors.covers(download.url) and name not in digests and download.sha256 is None
        )

    def module_value(
        self, *, mirrors: Mirrors = NO_MIRRORS, digests: Mapping[str, str] = NO_OVERRIDES
    ) -> dict[str, object]:
        """The value of the OpenTofu module's variable `release`.

        Vendors' checksums are never taken from a mirror, which could then serve anything: where nodes cannot
        reach the vendors, `digests` (download name to sha256) must have every download without one.
        """
        unknown = digests.keys() - Downloads.model_fields.keys()
        if unknown:
            raise OverrideError(
                f"sha256 given for {', '.join(sorted(unknown))}, which no release downloads; "
                f"known: {', '.join(Downloads.model_fields)}"
            )
        return {
            "name": self.name,
            "downloads": {
                name: download.model_dump()
                | {"url": mirrors.of(download.url), "sha256": digests.get(name, download.sha256)}
                for name, download in self.downloads
            },
        }


class Chart(_Data):
    """One version of a blueprint's chart: the vendor's chart that it wraps, and the program's version as it says."""

    wraps: str
    version: str
    app_version: str


class ReleaseCatalogue(_Data):
    """All releases, by name, and the one that is meant when none is named."""

    default: str
    releases: Mapping[str, Release]
    charts: Mapping[str, Mapping[str, Chart]]
    """Blueprint's chart -> version -> what its metadata says."""
    upstream: Mapping[str, Mapping[str, str]]
    """Vendor's chart -> version -> its appVersion."""

    @model_validator(mode="after")
    def _default_exists(self) -> ReleaseCatalogue:
        if self.default not in self.releases:
            raise ValueError(f"the default release {self.default!r} is not among the releases")
        return self

    def get(self, name: str | None = None) -> Release:
        """The release of that name, or the default; UnknownReleaseError otherwise."""
        try:
            return self.releases[name or self.default]
        except KeyError:
            known = ", ".join(sorted(self.releases))
            raise UnknownReleaseError(f"there is no release {name!r}; known: {known}") from None


def parse(text: str) -> ReleaseCatalogue:
    """releases.yaml as a Catalogue; pydantic's ValidationError names what is wrong with it."""
    data = yaml.safe_load(text)
    for name, release in data["releases"].items():
        release["name"] = name
    return ReleaseCatalogue.model_validate(data)


@cache
def load() -> ReleaseCatalogue:
    """The releases that this version of the operator ships."""
    return parse(files(__package__).joinpath("releases.yaml").read_text(encoding="utf-8"))


def parse_digests(items: Iterable[str], catalogue: ReleaseCatalogue) -> dict[str, dict[str, str]]:
    """Release -> download -> sha256, of items RELEASE/DOWNLOAD=SHA256. Raises OverrideError."""
    found: dict[str, dict[str, str]] = {}
    for item in items:
        place, _, digest = item.partition("=")
        name, _, download = place.partition("/")
        if name not in catalogue.releases or download not in Downloads.model_fields:
            raise OverrideError(
                f"{item!r} names no download of a release: expected RELEASE/DOWNLOAD=SHA256, of the releases "
                f"{', '.join(sorted(catalogue.releases))} and the downloads {', '.join(Downloads.model_fields)}"
            )
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise OverrideError(f"{item!r}: expected a sha256, which has 64 hexadecimal digits in small letters")
        known = getattr(catalogue.get(name).downloads, download).sha256
        if digest != (known or digest) or digest != found.setdefault(name, {}).setdefault(download, digest):
            raise OverrideError(
                f"{item!r}: expected {known or found[name][download]}, which was said before; one of the two is of "
                "another file"
            )
    return found
