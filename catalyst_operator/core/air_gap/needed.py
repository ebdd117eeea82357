"""Whatever a Sovereign of a release fetches, from the very data that servers and clusters are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from catalyst_operator.core.air_gap.mirrors import ADOPTION_PROVIDER, CHARTS, REGISTRIES
from catalyst_operator.core.kit.releases import Release
from catalyst_operator.core.settings import CoreSettings

FILE, GIT, CHART, PACKAGE = "file", "git", "chart", "package"
_CHART = re.compile(
    r"""^ +chart: (?P<chart>[a-z0-9-]+)\n +version: (?:\$\{\w+:=(?P<default>[^}\n]+)\}|"?(?P<fixed>[\w.+-]+)"?)$""",
    re.MULTILINE,
)
"""In a HelmRelease: the version of the tree, which the release may replace where there is a variable, or nobody."""


@dataclass(frozen=True)
class Needed:
    """One thing to mirror."""

    kind: str
    name: str
    version: str
    url: str
    """At its vendor's; empty for a repository that only a spec names."""
    fetched: str
    """Where it is fetched with the settings in force."""
    sha256: str = ""
    checksums_url: str = ""
    """Where the vendor publishes the checksum of a file that has none here."""


def needed(release: Release, settings: CoreSettings, template: Mapping[str, str]) -> tuple[Needed, ...]:
    """Files, repository, charts and packages. `template` is the kit's, path -> text."""
    return (
        *_files(release, settings),
        _repository(settings),
        *_charts(release, settings, template),
        _package(settings),
    )


def notes(release: Release, settings: CoreSettings) -> tuple[str, ...]:
    """What is not in the list, and what is wrong with it, a sentence or two each."""
    k3s = release.downloads.k3s.url
    unvouched = release.unvouched(settings.mirrors, settings.digests_of(release.name))
    wrong = (
        f"No sha256 of {', '.join(unvouched)}, which mirrors serve: set CATALYST_RELEASE_DIGESTS." if unvouched else ""
    )
    images = (
        "Images are not listed: what the charts pull stands in the charts alone. k3s lists its own in "
        f"{k3s.rpartition('/')[0]}/k3s-images.txt, Flux in its install.yaml. Mirror the registries whole, by rows "
        "oci://docker.io/=..., and see what is pulled on a cluster that has internet: `crictl images`."
    )
    tofu = (
        "With spec.crossplane, the OpenTofu of Crossplane fetches the provider hetznercloud/hcloud from "
        "registry.opentofu.org by itself; no setting sends that elsewhere. Runs fetch nothing: theirs is in the image."
    )
    return tuple(filter(None, (wrong, images, tofu)))


def as_data(release: Release, settings: CoreSettings, template: Mapping[str, str]) -> dict[str, Any]:
    """All of it, for programs."""
    items = [asdict(one) for one in needed(release, settings, template)]
    return {"release": release.name, "items": items, "notes": list(notes(release, settings))}


def as_text(release: Release, settings: CoreSettings, template: Mapping[str, str]) -> str:
    """All of it, for people: a line for each thing, and lines with blanks before them for what is to know of it."""
    lines = [f"Release {release.name} fetches:"]
    for one in needed(release, settings, template):
        lines.append(f"{one.kind} {one.name} {one.version} {one.url or '(the URL that spec.gitops.url names)'}")
        if one.fetched != one.url:
            lines.append(f"    from {one.fetched}")
        if one.kind == FILE:
            lines.append(f"    sha256 {one.sha256 or f'unknown, the vendor says it in {one.checksums_url}'}")
    return "\n".join([*lines, "", *notes(release, settings)])


def _files(release: Release, settings: CoreSettings) -> Iterator[Needed]:
    digests = settings.digests_of(release.name)
    for name, download in release.downloads:
        sha256 = digests.get(name, download.sha256) or ""
        fetched = settings.mirrors.of(download.url)
        yield Needed(FILE, name, download.version, download.url, fetched, sha256, download.checksums_url or "")


def _repository(settings: CoreSettings) -> Needed:
    url = settings.default_git_url
    return Needed(GIT, "kit and module", settings.default_git_tag, url, settings.mirrors.of(url))


def _charts(release: Release, settings: CoreSettings, template: Mapping[str, str]) -> Iterator[Needed]:
    """Those of the whole template: which components a Sovereign has is its spec's to say."""
    for chart, fixed, default in sorted({found.group("chart", "fixed", "default") for found in _found(template)}):
        places = (settings.chart_registry or CHARTS, settings.charts or CHARTS)
        version = fixed or release.kit.get(chart, default)
        yield Needed(CHART, chart, version, *(f"{place}/{chart}" for place in places))


def _found(template: Mapping[str, str]) -> Iterator[re.Match[str]]:
    return (found for text in template.values() for found in _CHART.finditer(text))


def _package(settings: CoreSettings) -> Needed:
    """Only clusters with spec.crossplane fetch it."""
    named = settings.adoption_provider or ADOPTION_PROVIDER
    places = (f"{REGISTRIES}://{package}" for package in (named, settings.adoption_package or named))
    return Needed(PACKAGE, "provider-opentofu", re.split("[:@]", named.rpartition("/")[2], maxsplit=1)[1], *places)
