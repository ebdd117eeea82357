"""The pin gate over every place where a version stands: each changed alone is refused, as people edit it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import yaml

from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import pins, releases
from catalyst_operator.core.kit.pin_sites import ADOPTED, CILIUM, FLUX, Adopted, KitRelease, Rendered
from catalyst_operator.core.kit.releases import Release, ReleaseCatalogue
from tests.support import gen, pin_gate
from tests.support.paths import REPOSITORY

ROWS = (REPOSITORY / pins.ROWS).read_text(encoding="utf-8")
SCRIPT = (REPOSITORY / "infra/hetzner/scripts/bootstrap-cluster.sh").read_text(encoding="utf-8")
CILIUM_VALUES = (REPOSITORY / "infra/hetzner/cilium-values.yaml").read_text(encoding="utf-8")
BUMPED = "bumped"
"""A release of the tests' own, with the next Flux; no bp-flux wraps it yet."""
NEXT_ROW = """
  bumped:
    downloads:
      k3s: &k3s {version: v1.32.4+k3s1, url: "https://example.com/v1.32.4%2Bk3s1/k3s", sha256: null, checksums_url: "https://example.com/sums"}
      gateway_api: *k3s
      helm: *k3s
      cilium: {version: 1.16.5, url: "https://helm.cilium.io/cilium-1.16.5.tgz", sha256: null, checksums_url: "https://helm.cilium.io/index.yaml"}
      flux: {version: v2.5.1, url: "https://example.com/flux2/v2.5.1/install.yaml", sha256: null, checksums_url: "https://example.com/sums"}
    kit: {bp-flux: 1.2.0, bp-cilium: 1.1.1}
charts:
  bp-flux:
    1.2.0: {wraps: flux2, version: 2.15.0, app_version: 2.5.1}"""
NEXT_ROWS = ROWS.replace("\ncharts:\n  bp-flux:", NEXT_ROW)


def node_env(release: Release) -> dict[str, str]:
    """What cloudinit.tf makes of a release's downloads in node.env (an integration test renders the real one)."""
    pairs = ((program.download.upper(), program.booted(release)) for program in ADOPTED)
    return {k: v for name, pin in pairs for k, v in ((f"{name}_VERSION", pin.version), (f"{name}_URL", pin.url))}


@dataclass(frozen=True)
class Sites:
    """Every place where a pin stands, as people edit it."""

    name: str = ""
    rows: str = ROWS
    files: Mapping[str, str] = field(
        default_factory=lambda: {p.chart: (REPOSITORY / p.file).read_text(encoding="utf-8") for p in ADOPTED}
    )
    cilium_values: str = CILIUM_VALUES
    script: str = SCRIPT
    node_env: Mapping[str, str] = field(default_factory=lambda: node_env(releases.load().get()))

    @property
    def release(self) -> Release:
        return releases.parse(self.rows).get(self.name or None)

    def row(self, old: str, new: str) -> Sites:
        return replace(self, rows=exchanged(self.rows, old, new))

    def file(self, program: Adopted, old: str, new: str) -> Sites:
        return replace(self, files={**self.files, program.chart: exchanged(self.files[program.chart], old, new)})

    def boot(self, old: str, new: str) -> Sites:
        return replace(self, script=exchanged(self.script, old, new))

    def values(self, old: str, new: str) -> Sites:
        return replace(self, cilium_values=exchanged(self.cilium_values, old, new))

    def node(self, name: str, value: str) -> Sites:
        assert name in self.node_env
        return replace(self, node_env={**self.node_env, name: value})

    def violations(self) -> list[str]:
        catalogue: ReleaseCatalogue = releases.parse(self.rows)
        substituted = kit.values(gen.sovereign(), self.release, pull_secret=seeds.PULL)
        found = {p.chart: pin_gate.kit_release(p, substituted, self.files[p.chart]) for p in ADOPTED}
        rendered = Rendered(
            node_env=self.node_env,
            booted=pin_gate.booted(self.script),
            cilium_values=yaml.safe_load(self.cilium_values),
            kit={chart: release for chart, release in found.items() if release},
        )
        return pins.violations(self.release, catalogue, rendered)


def exchanged(text: str, old: str, new: str) -> str:
    """The text with one place changed; a case that changes nothing would prove nothing."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new)


Change = Callable[[Sites], Sites]
FLUX_URL = "https://github.com/fluxcd/flux2/releases/download/v2.4.0/install.yaml"
PRESERVED = "    preserveValues: true\n"
VENDOR_CHART = "1.1.2: {wraps: flux2, version: 2.14.1, app_version: 2.4.0}"
CILIUM_CHART = "1.1.1: {wraps: cilium, version: 1.16.5, app_version: 1.16.5}"
ALONE: dict[str, tuple[Change, str]] = {
    "release: Flux's version": (
        lambda s: s.row("version: v2.4.0\n        url: " + FLUX_URL, "version: v2.5.1\n        url: " + FLUX_URL),
        "Release 2026-04 of catalyst_operator/core/kit/releases.yaml boots Flux 2.5.1, but fetches it from " + FLUX_URL,
    ),
    "release: Flux's url": (
        lambda s: s.row(f"url: {FLUX_URL}", f"url: {FLUX_URL.replace('2.4.0', '2.3.0')}"),
        "boots Flux 2.4.0, but fetches it from " + FLUX_URL.replace("2.4.0", "2.3.0"),
    ),
    "release: Cilium's version": (
        lambda s: s.row("version: 1.16.5\n        url", "version: 1.17.0\n        url"),
        "boots Cilium 1.17.0, but its bp-cilium 1.1.1 wraps cilium 1.16.5, which is Cilium 1.16.5",
    ),
    "release: Cilium's url": (
        lambda s: s.row("cilium-1.16.5.tgz", "cilium-1.16.50.tgz"),
        "boots Cilium 1.16.5, but fetches it from https://helm.cilium.io/cilium-1.16.50.tgz",
    ),
    "release: bp-flux": (
        lambda s: s.row("bp-flux: 1.1.2", "bp-flux: 1.1.1"),
        "boots Flux 2.4.0, but its bp-flux 1.1.1 wraps flux2 2.13.0, which is Flux 2.3.0",
    ),
    "release: a bp-flux that nobody knows": (
        lambda s: s.row("bp-flux: 1.1.2", "bp-flux: 1.1.3"),
        "has bp-flux 1.1.3, of which `charts` in that file says nothing",
    ),
    "release: no bp-flux": (
        lambda s: s.row("      bp-flux: 1.1.2\n", ""),
        "names no version of bp-flux, and clusters/_template/bootstrap-kit/03-flux.yaml needs one",
    ),
    "release: bp-cilium": (
        lambda s: s.row("bp-cilium: 1.1.1", "bp-cilium: 1.1.0"),
        "has bp-cilium 1.1.0, of which `charts` in that file says nothing",
    ),
    "bp-flux: the chart that it wraps": (
        lambda s: s.row(VENDOR_CHART, VENDOR_CHART.replace("2.14.1", "2.13.0")),
        "bp-flux 1.1.2 of catalyst_operator/core/kit/releases.yaml wraps flux2 2.13.0, which ships Flux 2.3.0, "
        "but it says 2.4.0",
    ),
    "bp-flux: its appVersion": (
        lambda s: s.row(VENDOR_CHART, VENDOR_CHART.replace("2.4.0", "2.3.0")),
        "boots Flux 2.4.0, but its bp-flux 1.1.2 wraps flux2 2.14.1, which is Flux 2.3.0",
    ),
    "bp-cilium: the chart that it wraps": (
        lambda s: s.row(CILIUM_CHART, CILIUM_CHART.replace("version: 1.16.5, a", "version: 1.15.0, a")),
        "wraps cilium 1.15.0, of which `upstream` in that file says nothing",
    ),
    "bp-cilium: its appVersion": (
        lambda s: s.row(CILIUM_CHART, CILIUM_CHART.replace("app_version: 1.16.5", "app_version: 1.15.0")),
        "boots Cilium 1.16.5, but its bp-cilium 1.1.1 wraps cilium 1.16.5, which is Cilium 1.15.0",
    ),
    "flux2: its appVersion": (
        lambda s: s.row("2.14.1: 2.4.0", "2.14.1: 2.4.1"),
        "wraps flux2 2.14.1, which ships Flux 2.4.1, but it says 2.4.0",
    ),
    "cloud-init: Flux's version": (
        lambda s: s.node("FLUX_VERSION", "v2.3.0"),
        "Cloud-init boots Flux 2.3.0, but release 2026-04 says 2.4.0",
    ),
    "cloud-init: Flux's url": (
        lambda s: s.node("FLUX_URL", FLUX_URL.replace("2.4.0", "2.3.0")),
        "but calls it 2.4.0",
    ),
    "cloud-init: a candidate of Flux": (
        lambda s: s.node("FLUX_URL", FLUX_URL.replace("2.4.0", "2.4.0-rc.1")),
        "but calls it 2.4.0",
    ),
    "cloud-init: no Flux at all": (
        lambda s: replace(s, node_env={k: v for k, v in s.node_env.items() if not k.startswith("FLUX_")}),
        "Cloud-init boots Flux of no version, but release 2026-04 says 2.4.0",
    ),
    "cloud-init: Cilium's version": (
        lambda s: s.node("CILIUM_VERSION", "1.15.0"),
        "Cloud-init boots Cilium 1.15.0, but release 2026-04 says 1.16.5",
    ),
    "cloud-init: Cilium's url": (
        lambda s: s.node("CILIUM_URL", "https://helm.cilium.io/cilium-1.15.0.tgz"),
        "Cloud-init fetches Cilium from https://helm.cilium.io/cilium-1.15.0.tgz, but calls it 1.16.5",
    ),
    "cloud-init: Cilium's values": (
        lambda s: s.values("MTU: 1450", "MTU: 1500"),
        "The values of Cilium in clusters/_template/bootstrap-kit/01-cilium.yaml are not those of "
        "infra/hetzner/cilium-values.yaml",
    ),
    "first boot: Flux under another name": (
        lambda s: s.boot("as_helm_release flux flux-system", "as_helm_release flux2 flux-system"),
        "First boot makes release flux2 in flux-system of Flux, but the kit upgrades flux in flux-system",
    ),
    "first boot: Flux in another namespace": (
        lambda s: s.boot("as_helm_release flux flux-system", "as_helm_release flux flux"),
        "First boot makes release flux in flux of Flux, but the kit upgrades flux in flux-system",
    ),
    "first boot: Flux that no Helm release has": (
        lambda s: s.boot('as_helm_release flux flux-system "$CACHE_DIR/flux-install.yaml"', "to_json"),
        "First boot makes no Helm release of Flux",
    ),
    "first boot: Cilium under another name": (
        lambda s: s.boot("helm install cilium ", "helm install cni "),
        "First boot makes release cni in kube-system of Cilium, but the kit upgrades cilium in kube-system",
    ),
    "first boot: Cilium in another namespace": (
        lambda s: s.boot('cilium.tgz" --namespace kube-system', 'cilium.tgz" --namespace cilium'),
        "First boot makes release cilium in cilium of Cilium, but the kit upgrades cilium in kube-system",
    ),
    "kit: bp-flux, whatever the release says": (
        lambda s: s.file(FLUX, "${BP_FLUX_VERSION:=1.1.2}", "1.1.1"),
        "03-flux.yaml brings Flux 2.3.0 by bp-flux 1.1.1, over the 2.4.0 that cloud-init boots",
    ),
    "kit: bp-flux where nobody gives it a version": (
        lambda s: s.file(FLUX, ":=1.1.2}", ":=1.1.1}"),
        "03-flux.yaml has bp-flux 1.1.1 where nobody gives it a version, but the default release 2026-04 says 1.1.2",
    ),
    "kit: another bp-cilium": (
        lambda s: s.file(CILIUM, "${BP_CILIUM_VERSION:=1.1.1}", "1.0.0"),
        "01-cilium.yaml installs bp-cilium 1.0.0, but release 2026-04 says 1.1.1",
    ),
    "kit: no bp-flux": (
        lambda s: s.file(FLUX, "chart: bp-flux", "chart: flux2"),
        "03-flux.yaml has no HelmRelease of bp-flux",
    ),
    "kit: Flux under another name": (
        lambda s: s.file(FLUX, "  releaseName: flux\n", ""),
        "03-flux.yaml makes release flux-system-bp-flux in flux-system, but first boot made flux in flux-system",
    ),
    "kit: Flux in another namespace": (
        lambda s: s.file(FLUX, "targetNamespace: flux-system", "targetNamespace: flux"),
        "03-flux.yaml makes release flux in flux, but first boot made flux in flux-system",
    ),
    "kit: Flux without its values": (
        lambda s: s.file(FLUX, PRESERVED, ""),
        "03-flux.yaml does not say upgrade.preserveValues: true",
    ),
    "kit: a field that Flux 2.4 does not know": (
        lambda s: s.file(FLUX, PRESERVED, f"{PRESERVED}    disableTakeOwnership: false\n"),
        "03-flux.yaml has disableTakeOwnership, but release 2026-04 boots Flux 2.4.0, which does not know it",
    ),
    "kit: the same field for installing": (
        lambda s: s.file(FLUX, "  install:\n", "  install:\n    disableTakeOwnership: false\n"),
        "03-flux.yaml has disableTakeOwnership, but release 2026-04 boots Flux 2.4.0, which does not know it",
    ),
    "kit: Cilium in another namespace": (
        lambda s: s.file(CILIUM, "targetNamespace: kube-system", "targetNamespace: cilium"),
        "01-cilium.yaml makes release cilium in cilium, but first boot made cilium in kube-system",
    ),
    "kit: Helm's record of Cilium elsewhere": (
        lambda s: s.file(CILIUM, "  storageNamespace: kube-system\n", ""),
        "01-cilium.yaml looks for Helm's record of cilium in flux-system, but first boot left it in kube-system",
    ),
    "kit: Cilium's values": (
        lambda s: s.file(CILIUM, "MTU: 1450", "MTU: 1500"),
        "would change the network under every Pod",
    ),
    "kit: Cilium without values": (
        lambda s: s.file(CILIUM, "    cilium:\n", "    wrong:\n"),
        "would change the network under every Pod",
    ),
}


def test_what_is_shipped_agrees() -> None:
    """Or every case below would pass for the wrong reason."""
    assert Sites().violations() == []


@pytest.mark.parametrize("pin", ALONE)
def test_each_pin_changed_alone_is_refused(pin: str) -> None:
    """A pin that can move alone is a cluster that can lose its Flux."""
    change, told = ALONE[pin]
    found = change(Sites()).violations()
    assert any(told in sentence for sentence in found), found
    assert all(sentence[0].isupper() or sentence.startswith(("bp-", "clusters/")) for sentence in found)
    assert all(sentence.endswith(".") for sentence in found)


def test_the_seeds_incident_is_refused_however_it_comes_about() -> None:
    """Flux 2.4.0 boots, and release and kit agree upon bp-flux 1.1.1, which is around flux2 2.13.0."""
    agreed = Sites().row("bp-flux: 1.1.2", "bp-flux: 1.1.1").file(FLUX, ":=1.1.2}", ":=1.1.1}")
    assert any("2.3.0" in told and "over the 2.4.0" in told for told in agreed.violations())
    [told] = pins.release_violations(agreed.release, releases.parse(agreed.rows))
    assert told == (
        "Release 2026-04 of catalyst_operator/core/kit/releases.yaml boots Flux 2.4.0, but its bp-flux 1.1.1 wraps "
        "flux2 2.13.0, which is Flux 2.3.0. Change both together."
    )


def bumped() -> Sites:
    """A Sovereign that names another release than the default."""
    return Sites(BUMPED, NEXT_ROWS, node_env=node_env(releases.parse(NEXT_ROWS).get(BUMPED)))


def test_a_second_release_is_judged_by_the_same_gate() -> None:
    """The kit's files stay those of the default; what a release pins is substituted in them."""
    assert bumped().violations() == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("bp-flux: 1.2.0", "bp-flux: 1.1.2", "boots Flux 2.5.1, but its bp-flux 1.1.2 wraps flux2 2.14.1"),
        ("version: 2.15.0", "version: 2.14.1", "ships Flux 2.4.0, but it says 2.5.1"),
        ("flux: {version: v2.5.1", "flux: {version: v2.4.0", "boots Flux 2.4.0, but its bp-flux 1.2.0 wraps"),
    ],
)
def test_a_bump_of_one_pin_only_is_refused(old: str, new: str, told: str) -> None:
    """The runbook's four places have to move in one change."""
    assert any(told in sentence for sentence in bumped().row(old, new).violations())


def test_a_newer_flux_knows_the_field_of_its_component() -> None:
    """The component adds it for just these releases."""
    with_field = bumped().file(FLUX, PRESERVED, f"{PRESERVED}    disableTakeOwnership: false\n")
    assert with_field.violations() == []


def test_a_kit_that_insists_on_a_version_needs_no_default() -> None:
    """Whoever then uses the template without the operator is told so by Flux."""
    assert Sites().file(FLUX, "${BP_FLUX_VERSION:=1.1.2}", "${BP_FLUX_VERSION}").violations() == []


def test_a_helm_release_that_leaves_names_out_is_read_as_flux_does() -> None:
    """helm-controller composes what is not given, and a gate that guessed otherwise would be content."""
    meta, chart = {"name": "bp-flux", "namespace": "flux-system"}, {"chart": {"spec": {"version": "1.1.2"}}}
    plain = KitRelease.of({"metadata": meta, "spec": chart})
    assert (plain.release_name, plain.namespace, plain.storage_namespace) == ("bp-flux", "flux-system", "flux-system")
    elsewhere: dict[str, Any] = {"metadata": meta, "spec": {**chart, "targetNamespace": "kube-system"}}
    found = KitRelease.of(elsewhere)
    assert (found.release_name, found.namespace) == ("kube-system-bp-flux", "kube-system")
    assert found.storage_namespace == "flux-system"


@pytest.mark.parametrize(
    ("url", "is_it"),
    [
        ("https://x/v2.4.0/install.yaml", True),
        ("https://x/cilium-2.4.0.tgz", True),
        ("https://x/2.4.0", True),
        ("https://x/v2.4.01/install.yaml", False),
        ("https://x/v12.4.0/install.yaml", False),
        ("https://x/v2.4.0-rc.1/install.yaml", False),
        ("https://x/v2.4.0.1/install.yaml", False),
        ("https://x/v1.2.4.0/install.yaml", False),
        ("https://x/v2x4x0/install.yaml", False),
        ("", False),
    ],
)
def test_a_version_stands_in_a_url_as_a_whole(url: str, is_it: bool) -> None:
    """A prefix of another version is another version."""
    assert pins.is_of_version(url, "2.4.0") is is_it


def test_no_version_is_of_no_url() -> None:
    """Nothing would be found in everything."""
    assert not pins.is_of_version("https://x/v2.4.0", "")
