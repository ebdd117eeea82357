"""The pin gate on what a new cluster is really told: cloud-init by OpenTofu, the kit's own files, the charts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from catalyst_operator.core import pins, releases
from catalyst_operator.core.pins import KitRelease, Rendered
from catalyst_operator.core.releases import Catalogue, Chart, Release
from tests import pin_gate
from tests.integration.tofu import OpenTofu

pytestmark = pytest.mark.integration

Told = tuple[Release, Catalogue, Rendered]
Change = Callable[[Told], Told]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The shipped release, as a new cluster would be told it."""
    catalogue: Catalogue = releases.load()
    release = catalogue.get()
    tofu = OpenTofu.without_provider(tmp_path_factory.mktemp("tofu"))
    return release, catalogue, pin_gate.rendered(release, tofu)


def booted(program: str, version: str) -> Change:
    """The release alone: first boot's version."""

    def change(told: Told) -> Told:
        release, catalogue, rendered = told
        download = getattr(release.downloads, program).model_copy(update={"version": version})
        downloads = release.downloads.model_copy(update={program: download})
        return release.model_copy(update={"downloads": downloads}), catalogue, rendered

    return change


def kit_row(chart: str, version: str | None) -> Change:
    """The release alone: the kit's chart."""

    def change(told: Told) -> Told:
        release, catalogue, rendered = told
        kept = {name: v for name, v in release.kit.items() if name != chart}
        kit = kept if version is None else {**kept, chart: version}
        return release.model_copy(update={"kit": kit}), catalogue, rendered

    return change


def chart_row(chart: str, version: str, app_version: str) -> Change:
    """The chart's metadata alone."""

    def change(told: Told) -> Told:
        release, catalogue, rendered = told
        row = Chart(wraps="upstream", version="0", app_version=app_version)
        charts = {**catalogue.charts, chart: {**catalogue.charts[chart], version: row}}
        return release, catalogue.model_copy(update={"charts": charts}), rendered

    return change


def node(name: str, value: str) -> Change:
    """Rendered cloud-init alone."""
    return lambda told: (*told[:2], replace(told[2], node_env={**told[2].node_env, name: value}))


def kit_file(chart: str, **values: object) -> Change:
    """The kit's file alone."""

    def change(told: Told) -> Told:
        release, catalogue, rendered = told
        changed: KitRelease = replace(rendered.kit[chart], **values)  # type: ignore[arg-type]
        return release, catalogue, replace(rendered, kit={**rendered.kit, chart: changed})

    return change


ALONE: dict[str, Change] = {
    "release: Flux that is booted": booted("flux", "v2.5.1"),
    "release: Cilium that is booted": booted("cilium", "1.17.0"),
    "release: bp-flux": kit_row("bp-flux", "1.1.1"),
    "release: bp-flux that nobody knows": kit_row("bp-flux", "1.1.3"),
    "release: no bp-cilium": kit_row("bp-cilium", None),
    "chart: what bp-flux wraps": chart_row("bp-flux", "1.1.2", "2.3.0"),
    "chart: what bp-cilium wraps": chart_row("bp-cilium", "1.1.1", "1.15.0"),
    "cloud-init: Flux's version": node("FLUX_VERSION", "v2.3.0"),
    "cloud-init: Flux's URL": node("FLUX_URL", "https://github.com/fluxcd/flux2/releases/download/v2.3.0/install.yaml"),
    "cloud-init: Cilium's version": node("CILIUM_VERSION", "1.15.0"),
    "cloud-init: Cilium's URL": node("CILIUM_URL", "https://helm.cilium.io/cilium-1.15.0.tgz"),
    "kit: bp-flux": kit_file("bp-flux", version="1.1.1"),
    "kit: bp-cilium": kit_file("bp-cilium", version="1.0.0"),
    "kit: Flux in another namespace": kit_file("bp-flux", namespace="flux"),
    "kit: Cilium under another name": kit_file("bp-cilium", release_name="bp-cilium"),
    "kit: Cilium with other values": kit_file("bp-cilium", values={"cilium": {"kubeProxyReplacement": False}}),
}


def test_what_is_shipped_agrees(told: Told) -> None:
    assert pins.violations(*told) == []


@pytest.mark.parametrize("which", ALONE)
def test_each_pin_changed_alone_is_refused(which: str, told: Told) -> None:
    wrong = pins.violations(*ALONE[which](told))
    assert wrong, f"nobody noticed: {which}"
    assert all(sentence.endswith(".") for sentence in wrong)


def test_the_incident_is_refused(told: Told) -> None:
    """Flux 2.4.0 booted, a bp-flux that wraps 2.3.0: the combination that cost a cluster its Flux."""
    release, catalogue, rendered = kit_file("bp-flux", version="1.1.1")(kit_row("bp-flux", "1.1.1")(told))
    wrong = pins.violations(release, catalogue, rendered)
    assert any("2.3.0" in told and "2.4.0" in told and "delete it" in told for told in wrong), wrong
    assert any("Change both together" in told for told in pins.release_violations(release, catalogue))
