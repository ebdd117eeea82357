"""Every value of the kit is one that its chart reads; what is misspelt is told with its place and what was meant."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.charts import facts, gate
from tests.support.postbuild import TEMPLATE, everything

GITEA, POWERDNS = "bootstrap-kit/10-gitea.yaml", "bootstrap-kit/11-powerdns.yaml"
CERT_MANAGER, FLUX = "bootstrap-kit/02-cert-manager.yaml", "bootstrap-kit/03-flux.yaml"
SOVEREIGN, PATCH = "bootstrap-kit/00-sovereign.yaml", "components/flux-take-ownership/patch.yaml"
Edit = Callable[[Path], None]


def swap(file: str, old: str, new: str) -> Edit:
    """One change in a file of the template."""

    def edit(top: Path) -> None:
        text = (top / file).read_text(encoding="utf-8")
        assert old in text
        (top / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def more(file: str, text: str) -> Edit:
    """Lines at the end of a file of the template."""

    def edit(top: Path) -> None:
        (top / file).write_text((top / file).read_text(encoding="utf-8") + text, encoding="utf-8")

    return edit


def both(first: Edit, second: Edit) -> Edit:
    """Two changes."""

    def edit(top: Path) -> None:
        first(top)
        second(top)

    return edit


def found(tmp_path: Path, *edits: Edit) -> list[str]:
    """What is told of the template after changes."""
    top = tmp_path / "clusters" / "_template"
    shutil.copytree(TEMPLATE, top)
    for edit in edits:
        edit(top)
    return list(gate.violations(top))


def test_the_kit_sets_only_what_its_charts_read() -> None:
    """Or every case below would pass for the wrong reason."""
    assert list(gate.violations()) == []
    assert gate.main() == 0


REFUSED: dict[str, tuple[Edit, str]] = {
    "the wrapped chart's name": (
        swap(GITEA, "    gitea:\n      gitea:\n", "    gittea:\n      gitea:\n"),
        "clusters/_template/bootstrap-kit/10-gitea.yaml: values.gittea.gitea.admin.email: bp-gitea 1.1.2 reads no key "
        "'gittea'; the nearest that it knows is 'gitea' (as of 2026-04-30).",
    ),
    "a vendor's value without the wrapped chart's name": (
        swap(GITEA, "  values:\n", "  values:\n    replicaCount: 2\n"),
        "bootstrap-kit/10-gitea.yaml: values.replicaCount: bp-gitea 1.1.2 reads no key 'replicaCount'",
    ),
    "a value of the chart's own": (
        swap(POWERDNS, "    api:\n      enabled: false\n", "    api:\n      enable: false\n"),
        "values.api.enable: bp-powerdns 1.1.3 reads no value 'api.enable'; the nearest that it knows is 'api.enabled'",
    ),
    "a level too deep": (
        swap(POWERDNS, "    api:\n      enabled: false\n", "    api:\n      enabled:\n        really: false\n"),
        "reads no value 'api.enabled.really'",
    ),
    "a preset in other letters": (
        swap(CERT_MANAGER, "        servicemonitor:\n", "        serviceMonitor:\n"),
        "bp-cert-manager 1.1.1 presets 'servicemonitor' where this says 'cert-manager.prometheus.serviceMonitor'",
    ),
    "a preset with a slip": (
        swap(CERT_MANAGER, "      prometheus:\n", "      promehteus:\n"),
        "bp-cert-manager 1.1.1 presets 'prometheus' where this says 'cert-manager.promehteus'",
    ),
    "a value from a Secret": (
        more(FLUX, "  valuesFrom:\n    - {kind: Secret, name: x, valuesKey: a, targetPath: flux.installCRDs}\n"),
        "03-flux.yaml: valuesFrom[0].targetPath flux.installCRDs: bp-flux 1.1.2 reads no key 'flux'; the nearest that "
        "it knows is 'flux2'",
    ),
    "whole values from the tree": (
        both(
            more(SOVEREIGN, "  more.yaml: |\n    flux: {installCRDs: true}\n"),
            more(FLUX, "  valuesFrom:\n    - {kind: ConfigMap, name: sovereign, valuesKey: more.yaml}\n"),
        ),
        "03-flux.yaml: valuesFrom[0] sovereign: flux.installCRDs: bp-flux 1.1.2 reads no key 'flux'",
    ),
    "whole values from elsewhere": (
        more(FLUX, "  valuesFrom:\n    - {kind: Secret, name: somewhere}\n"),
        "03-flux.yaml: valuesFrom[0]: takes values from an object that is not in the tree",
    ),
    "a patch of a component": (
        more(PATCH, "  values:\n    flux: {installCRDs: true}\n"),
        "flux-take-ownership/patch.yaml: values.flux.installCRDs: bp-flux 1.1.2 reads no key 'flux'",
    ),
    "a chart that nothing is known of": (
        more("components/umami/release.yaml", "  values:\n    hostname: x\n"),
        "components/umami/release.yaml: values.hostname: nothing is known of the values of bp-umami: set none, or add",
    ),
    "an old version": (
        swap("bootstrap-kit/06-spire.yaml", ":=1.1.4}", ":=1.1.3}"),
        "bootstrap-kit/06-spire.yaml: chart.spec.version: bp-spire 1.1.3 is older than 1.1.4 of the facts.",
    ),
    "an old version without a variable": (
        swap("infrastructure/external-dns.yaml", "version: 1.1.2", "version: 1.0.10"),
        "infrastructure/external-dns.yaml: chart.spec.version: bp-external-dns 1.0.10 is older than 1.1.2",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_chart_reads_is_refused(tmp_path: Path, what: str) -> None:
    """File, path, and the nearest name that is known: enough to correct it without the chart at hand."""
    edit, told = REFUSED[what]
    said = found(tmp_path, edit)
    assert any(told in sentence for sentence in said), said


@pytest.mark.parametrize(
    "edit",
    [
        swap(GITEA, "    gitea:\n      gitea:\n", "    gitea:\n      replicaCount: 2\n      gitea:\n"),
        swap(GITEA, "        config:\n", "        config:\n          APP_NAME: x\n"),
        swap(POWERDNS, "    api:\n      enabled: false\n", "    api: {}\n"),
        swap(POWERDNS, "    api:\n", "    catalystBlueprint: {anything: 1}\n    api:\n"),
        more(FLUX, "  valuesFrom:\n    - {kind: Secret, name: x, targetPath: 'flux2.a\\.b[0].c'}\n"),
        swap("bootstrap-kit/06-spire.yaml", ":=1.1.4}", ":=1.1.10}"),
        swap("bootstrap-kit/06-spire.yaml", "${BP_SPIRE_VERSION:=1.1.4}", "${BP_SPIRE_VERSION}"),
        more("components/librechat/release.yaml", "    librechat: {configYaml: x}\n"),
    ],
)
def test_what_a_chart_may_read_passes(tmp_path: Path, edit: Edit) -> None:
    """A vendor's chart takes all of its values, of which nobody here has a list; a newer chart may be used."""
    assert found(tmp_path, edit) == []


@pytest.mark.parametrize(
    ("said", "is_slip"),
    [
        ("serviceMonitor", True),
        ("servicemonitors", True),
        ("servicmonitor", True),
        ("servicemoniotr", True),
        ("servicemonitxr", True),
        ("xservicemonitor", True),
        ("servicemon", False),
        ("podmonitor", False),
        ("srevicemonitro", False),
    ],
)
def test_a_slip_is_told_from_another_name(said: str, is_slip: bool) -> None:
    """One character; more would call names wrong that are right."""
    path = ("cert-manager", "prometheus", said)
    assert bool(facts.load()["bp-cert-manager"].objection(path)) is is_slip


def test_short_names_are_names() -> None:
    """Between three letters almost everything is one character away."""
    assert facts.load()["bp-cilium"].objection(("cilium", "bgp", "enabled")) == ""


def test_the_facts_are_of_what_is_installed_and_have_a_day() -> None:
    """A chart that is gone from the kit has no place here, and whoever reads them has to know how old they are."""
    installed = {release["spec"]["chart"]["spec"]["chart"] for release in everything().values()}
    assert set(facts.load()) <= installed
    assert facts.as_of() == "2026-04-30"
