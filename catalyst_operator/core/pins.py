"""The pin gate: what first boot installs and what the kit then takes over are the same versions (DESIGN §7).

A cluster was lost to this once: first boot installed Flux 2.4.0, the kit's bp-flux wrapped 2.3.0, Helm could not put
the older CRDs over the newer ones, and its rollback deleted Flux. Nothing repairs that in place, so the pins are
compared wherever they stand, in `make verify` and again before anything is spent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalyst_operator.core.releases import Catalogue, Chart, Release


@dataclass(frozen=True)
class Adopted:
    """A program that first boot installs as a Helm release, which the kit's chart then upgrades."""

    name: str
    """As people call it."""
    download: str
    """Its download in a release, and the beginning of its variables on a node."""
    chart: str
    release_name: str
    namespace: str


FLUX = Adopted("Flux", "flux", "bp-flux", "flux", "flux-system")
CILIUM = Adopted("Cilium", "cilium", "bp-cilium", "cilium", "kube-system")
ADOPTED = (FLUX, CILIUM)


@dataclass(frozen=True)
class KitRelease:
    """A HelmRelease of the kit, as Flux on the new cluster will see it."""

    version: str
    release_name: str
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rendered:
    """What a new cluster is told, with a release: variables of the first node, Cilium's values there, and the kit's
    HelmReleases after substitution, by chart."""

    node_env: Mapping[str, str]
    cilium_values: Mapping[str, Any]
    kit: Mapping[str, KitRelease]


def release_violations(release: Release, catalogue: Catalogue) -> list[str]:
    """Where a release disagrees with what is known of its charts, each a sentence; empty for a sound one."""
    return [told for program in ADOPTED for told in _of_release(program, release, catalogue)]


def violations(release: Release, catalogue: Catalogue, rendered: Rendered) -> list[str]:
    """Where anything that a new cluster is told disagrees with anything else, each a sentence."""
    found = release_violations(release, catalogue)
    for program in ADOPTED:
        found += [*_of_boot(program, release, rendered), *_of_kit(program, release, catalogue, rendered)]
    values = rendered.kit[CILIUM.chart].values.get("cilium") if CILIUM.chart in rendered.kit else None
    if values is not None and values != rendered.cilium_values:
        found.append(
            "The values of Cilium in clusters/_template/bootstrap-kit/01-cilium.yaml are not those of "
            "infra/hetzner/cilium-values.yaml: the kit's first reconciliation would change the network under every "
            "Pod. Make them the same."
        )
    return found


def _of_release(program: Adopted, release: Release, catalogue: Catalogue) -> Iterator[str]:
    version = release.kit.get(program.chart)
    chart = _chart(program, version, catalogue)
    where = f"Release {release.name} of core/releases.yaml"
    if version is None:
        yield f"{where} names no version of {program.chart}, so nobody knows what the kit makes of {program.name}."
    elif chart is None:
        yield f"{where} has {program.chart} {version}, of which `charts` in the same file says nothing. Add it."
    elif _bare(getattr(release.downloads, program.download).version) != _bare(chart.app_version):
        booted = _bare(getattr(release.downloads, program.download).version)
        yield (
            f"{where} boots {program.name} {booted}, but its {program.chart} {version} wraps {chart.wraps} "
            f"{chart.version}, which is {program.name} {_bare(chart.app_version)}. Change both together."
        )


def _of_boot(program: Adopted, release: Release, rendered: Rendered) -> Iterator[str]:
    """The rendered first boot installs what the release says."""
    prefix = program.download.upper()
    wanted = _bare(getattr(release.downloads, program.download).version)
    told, url = rendered.node_env.get(f"{prefix}_VERSION", ""), rendered.node_env.get(f"{prefix}_URL", "")
    if _bare(told) != wanted:
        yield f"Cloud-init boots {program.name} {_bare(told) or 'of no version'}, but its release says {wanted}."
    if wanted not in url:
        yield f"Cloud-init fetches {program.name} from {url or 'nowhere'}, which is not its version {wanted}."


def _of_kit(program: Adopted, release: Release, catalogue: Catalogue, rendered: Rendered) -> Iterator[str]:
    """The kit's HelmRelease takes over just that."""
    found = rendered.kit.get(program.chart)
    if found is None:
        yield f"The kit has no HelmRelease of {program.chart}, so nothing takes over what first boot installed."
        return
    chart = _chart(program, found.version, catalogue)
    booted = _bare(rendered.node_env.get(f"{program.download.upper()}_VERSION", ""))
    if found.version != release.kit.get(program.chart):
        yield (
            f"The kit installs {program.chart} {found.version}, but release {release.name} says "
            f"{release.kit.get(program.chart)}."
        )
    if chart is not None and _bare(chart.app_version) != booted:
        yield (
            f"The kit's {program.chart} {found.version} brings {program.name} {_bare(chart.app_version)} over the "
            f"{booted} that cloud-init boots: Helm would roll back and delete it. Change both together."
        )
    place = (found.release_name, found.namespace)
    if place != (program.release_name, program.namespace):
        yield (
            f"The kit installs {program.chart} as release {place[0]} in {place[1]}, but first boot made release "
            f"{program.release_name} in {program.namespace}: there would be two."
        )


def _chart(program: Adopted, version: str | None, catalogue: Catalogue) -> Chart | None:
    return catalogue.charts.get(program.chart, {}).get(version or "")


def _bare(version: str) -> str:
    return version.removeprefix("v")
