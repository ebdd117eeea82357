"""The pin gate: what first boot installs and what the kit then takes over are the same versions.

A cluster was lost to this once: first boot installed Flux 2.4.0, the kit's bp-flux wrapped 2.3.0, Helm could not put
the older CRDs over the newer ones, and its rollback deleted Flux. Nothing repairs that in place, so the pins are
compared wherever they stand (`core/kit/pin_sites.py`), in `make verify` and again before anything is spent.

Each sentence says which two places disagree, with both values, and what to do.

Why: docs/explanation.md#versions-that-belong-together
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from catalyst_operator.core.kit.pin_sites import ADOPTED, CILIUM, FLUX, Adopted, Facts, Rendered, bare, chart_of
from catalyst_operator.core.kit.releases import Chart, Release, ReleaseCatalogue

ROWS = "catalyst_operator/core/kit/releases.yaml"


def release_violations(release: Release, catalogue: ReleaseCatalogue) -> list[str]:
    """Where a release disagrees with what is known of its charts, each a sentence; empty for a sound one."""
    return [told for program in ADOPTED for told in _of_release(program, release, catalogue)]


def violations(release: Release, catalogue: ReleaseCatalogue, rendered: Rendered) -> list[str]:
    """Where anything that a new cluster is told disagrees with anything else, each a sentence."""
    return [told for _, found in checks(release, catalogue, rendered) for told in found]


def checks(release: Release, catalogue: ReleaseCatalogue, rendered: Rendered) -> Iterator[tuple[str, list[str]]]:
    """What is compared, as people would put it, and what disagrees there."""
    for program in ADOPTED:
        title = f"{program.name}: the release boots what its {program.chart} wraps"
        yield title, list(_of_release(program, release, catalogue))
        facts = Facts(program, release, catalogue, rendered)
        for title, programs, check in _CHECKS:
            if program in programs:
                yield f"{program.name}: {title}", list(check(facts))


# --- a release by itself ----------------------------------------------------------------------------------------------


def _of_release(program: Adopted, release: Release, catalogue: ReleaseCatalogue) -> Iterator[str]:
    booted, version = program.booted(release), release.kit.get(program.chart)
    chart = chart_of(program, version, catalogue)
    where = f"Release {release.name} of {ROWS}"
    if not is_of_version(booted.url, bare(booted.version)):
        yield (
            f"{where} boots {program.name} {bare(booted.version)}, but fetches it from {booted.url}. "
            "Correct the version or the url."
        )
    if version is None:
        yield f"{where} names no version of {program.chart}, and {program.file} needs one. Add it to its `kit`."
    elif chart is None:
        yield f"{where} has {program.chart} {version}, of which `charts` in that file says nothing. Add it."
    else:
        yield from _of_chart(program, version, chart, catalogue)
        if bare(booted.version) != bare(chart.app_version):
            yield (
                f"{where} boots {program.name} {bare(booted.version)}, but its {program.chart} {version} wraps "
                f"{chart.wraps} {chart.version}, which is {program.name} {bare(chart.app_version)}. "
                "Change both together."
            )


def _of_chart(program: Adopted, version: str, chart: Chart, catalogue: ReleaseCatalogue) -> Iterator[str]:
    """The vendor's own chart says which version of the program it ships."""
    shipped = catalogue.upstream.get(chart.wraps, {}).get(chart.version)
    what = f"{program.chart} {version} of {ROWS} wraps {chart.wraps} {chart.version}"
    if shipped is None:
        yield f"{what}, of which `upstream` in that file says nothing. Add its appVersion."
    elif bare(shipped) != bare(chart.app_version):
        yield (
            f"{what}, which ships {program.name} {bare(shipped)}, but it says {bare(chart.app_version)}. "
            "Wrap the chart whose appVersion that is."
        )


# --- what a new cluster is told ---------------------------------------------------------------------------------------


def _boot_version(facts: Facts) -> Iterator[str]:
    wanted = bare(facts.program.booted(facts.release).version)
    if facts.told != wanted:
        yield (
            f"Cloud-init boots {facts.program.name} {facts.told or 'of no version'}, but release {facts.release.name} "
            f"says {wanted}. Let infra/hetzner/cloudinit.tf take it from the release."
        )


def _boot_url(facts: Facts) -> Iterator[str]:
    if not is_of_version(facts.url, facts.told):
        yield (
            f"Cloud-init fetches {facts.program.name} from {facts.url or 'nowhere'}, but calls it "
            f"{facts.told or 'nothing'}. Correct the release's version or url."
        )


def _boot_place(facts: Facts) -> Iterator[str]:
    program = facts.program
    made, wanted = facts.rendered.booted.get(program.download), (program.release_name, program.namespace)
    if made != wanted:
        told = f"release {made[0]} in {made[1]}" if made else "no Helm release"
        yield (
            f"First boot makes {told} of {program.name}, but the kit upgrades {wanted[0]} in {wanted[1]}: there would "
            "be two. Make infra/hetzner/scripts/bootstrap-cluster.sh and core/kit/pin_sites.py say the same."
        )


def _kit_version(facts: Facts) -> Iterator[str]:
    chart, file, wanted = facts.program.chart, facts.program.file, facts.release.kit.get(facts.program.chart)
    if facts.kit is None:
        yield f"{file} has no HelmRelease of {chart}, so nothing takes over what first boot installed. Add it."
    elif facts.kit.version != wanted:
        yield (
            f"{file} installs {chart} {facts.kit.version}, but release {facts.release.name} says {wanted}. "
            "Make them the same."
        )


def _kit_default(facts: Facts) -> Iterator[str]:
    """What people get who use the template without the operator."""
    default, chart = facts.catalogue.get(), facts.program.chart
    wanted = default.kit.get(chart)
    if facts.kit is not None and facts.kit.default_version not in ("", wanted):
        yield (
            f"{facts.program.file} has {chart} {facts.kit.default_version} where nobody gives it a version, but the "
            f"default release {default.name} says {wanted}. Make them the same."
        )


def _kit_takes_over(facts: Facts) -> Iterator[str]:
    chart = chart_of(facts.program, facts.kit.version, facts.catalogue) if facts.kit else None
    if facts.kit and chart and bare(chart.app_version) != facts.told:
        yield (
            f"{facts.program.file} brings {facts.program.name} {bare(chart.app_version)} by {facts.program.chart} "
            f"{facts.kit.version}, over the {facts.told} that cloud-init boots: Helm would roll back and delete it. "
            "Change both together."
        )


def _kit_place(facts: Facts) -> Iterator[str]:
    found, program = facts.kit, facts.program
    if found is None:
        return
    if (found.release_name, found.namespace) != (program.release_name, program.namespace):
        yield (
            f"{program.file} makes release {found.release_name} in {found.namespace}, but first boot made "
            f"{program.release_name} in {program.namespace}: there would be two. Make them the same."
        )
    if found.storage_namespace != program.namespace:
        yield (
            f"{program.file} looks for Helm's record of {program.release_name} in {found.storage_namespace}, but first "
            f"boot left it in {program.namespace}: it would be installed over. Set storageNamespace."
        )


def _kit_adopts(facts: Facts) -> Iterator[str]:
    if facts.kit is None:
        return
    if not facts.kit.preserves_values:
        yield f"{facts.program.file} does not say upgrade.preserveValues: true, which bp-flux relies on. Add it."
    if facts.kit.decides_ownership and not facts.release.takes_ownership:
        yield (
            f"{facts.program.file} has disableTakeOwnership, but release {facts.release.name} boots Flux {facts.told}, "
            "which does not know it and would refuse the whole kit. Leave it to components/flux-take-ownership."
        )


def _kit_values(facts: Facts) -> Iterator[str]:
    """Of Cilium, which the nodes' network depends on from the first minute."""
    if facts.kit is not None and facts.kit.values.get(facts.program.release_name) != facts.rendered.cilium_values:
        yield (
            f"The values of {facts.program.name} in {facts.program.file} are not those of "
            "infra/hetzner/cilium-values.yaml: the kit's first reconciliation would change the network under every "
            "Pod. Make them the same."
        )


_CHECKS: tuple[tuple[str, tuple[Adopted, ...], Callable[[Facts], Iterator[str]]], ...] = (
    ("cloud-init has the release's version", ADOPTED, _boot_version),
    ("cloud-init fetches that version", ADOPTED, _boot_url),
    ("first boot makes the release that the kit upgrades", ADOPTED, _boot_place),
    ("the kit has the release's chart", ADOPTED, _kit_version),
    ("the kit's own default is the default release's", ADOPTED, _kit_default),
    ("the kit brings the version that booted", ADOPTED, _kit_takes_over),
    ("the kit upgrades the release that boot made", ADOPTED, _kit_place),
    ("the kit adopts what it finds", (FLUX,), _kit_adopts),
    ("the kit keeps the values that booted", (CILIUM,), _kit_values),
)


def is_of_version(url: str, version: str) -> bool:
    """Whether the version stands in the URL as a whole: 2.4.0 is neither in v2.4.01 nor in v2.4.0-rc.1."""
    whole = rf"(?<![A-Za-z0-9.])v?{re.escape(version)}(?!\.?\d|[-+])"
    return bool(version) and re.search(whole, url) is not None
