"""The list of what is to be mirrored names what servers, Flux and Crossplane are really told, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from catalyst_operator import mirror_list
from catalyst_operator.adapters import template
from catalyst_operator.core.air_gap import mirrors, needed
from catalyst_operator.core.air_gap.needed import CHART, FILE, GIT, PACKAGE, Needed
from catalyst_operator.core.kit import releases
from catalyst_operator.core.runs.tfvars import tfvars
from catalyst_operator.core.settings import CoreSettings
from tests.support import gen
from tests.support.gen import SETTINGS
from tests.support.postbuild import TEMPLATE, everything, objects, substituted

RELEASE = releases.load().get()
TEXTS = template.read(TEMPLATE)
DIGEST = "0123456789abcdef" * 4
MIRRORED = replace(
    SETTINGS,
    mirrors=mirrors.parse(
        "https://github.com/=https://m.example/gh/,oci://ghcr.io/=oci://m.example/,oci://xpkg.upbound.io/=oci://m.example/x/"
    ),
    release_digests={RELEASE.name: {"k3s": DIGEST}},
)
OTHERS = replace(MIRRORED, chart_registry="oci://ghcr.io/mine", adoption_provider="ghcr.io/mine/provider:v9")
EACH = pytest.mark.parametrize("settings", [SETTINGS, MIRRORED, OTHERS], ids=["vendors", "mirrors", "other places"])
CROSSPLANE = gen.spec(crossplane={"credentialsSecretRef": {"name": "own"}})


def of(kind: str, settings: CoreSettings) -> list[Needed]:
    return [one for one in needed.needed(RELEASE, settings, TEXTS) if one.kind == kind]


@EACH
def test_files_are_those_that_servers_are_told(settings: CoreSettings) -> None:
    told = tfvars(gen.sovereign(), settings)["release"]["downloads"]
    listed = {one.name: (one.version, one.fetched, one.sha256 or None) for one in of(FILE, settings)}
    assert listed == {name: (one["version"], one["url"], one["sha256"]) for name, one in told.items()}
    assert all(one.sha256 or one.checksums_url for one in of(FILE, settings))


@EACH
def test_charts_are_those_that_the_kit_installs(settings: CoreSettings) -> None:
    values = tfvars(gen.sovereign(), settings)["kit_values"]
    [repository] = [obj for _, obj in objects("bootstrap-kit") if obj["kind"] == "HelmRepository"]
    place = substituted(repository, values)["spec"]["url"]
    specs = [substituted(one, values)["spec"]["chart"]["spec"] for one in everything().values()]
    listed = {(one.fetched, one.version) for one in of(CHART, settings)}
    assert listed == {(f"{place}/{spec['chart']}", spec["version"]) for spec in specs}


@EACH
def test_repository_and_package_are_those_that_the_cluster_is_told(settings: CoreSettings) -> None:
    told = tfvars(gen.sovereign(CROSSPLANE), settings)
    [git], [package] = of(GIT, settings), of(PACKAGE, settings)
    assert (git.fetched, {"tag": git.version}) == (told["git"]["url"], told["git"]["ref"])
    step = next(obj for _, obj in objects("components/adoption") if obj["metadata"].get("name") == "adoption-provider")
    named = substituted(step, told["kit_values"])["spec"]["postBuild"]["substitute"]["ADOPTION_PROVIDER"]
    assert package.fetched == f"oci://{named}"
    assert named.endswith(f":{package.version}")


def test_what_is_not_known_is_said() -> None:
    notes = " ".join(needed.notes(RELEASE, MIRRORED))
    assert "No sha256 of flux, which mirrors serve" in notes
    assert "Images are not listed" in notes
    assert "releases/download/v1.31.4%2Bk3s1/k3s-images.txt" in notes
    assert "registry.opentofu.org" in notes
    assert "No sha256" not in " ".join(needed.notes(RELEASE, SETTINGS))


def test_people_read_where_each_thing_comes_from() -> None:
    text = needed.as_text(RELEASE, MIRRORED, TEXTS)
    assert (
        f"    from https://m.example/gh/k3s-io/k3s/releases/download/v1.31.4%2Bk3s1/k3s\n    sha256 {DIGEST}\n" in text
    )
    assert "chart bp-flux 1.1.2 oci://ghcr.io/openova-io/bp-flux\n    from oci://m.example/openova-io/bp-flux\n" in text
    nowhere = needed.as_text(RELEASE, replace(SETTINGS, default_git_url=""), TEXTS)
    assert "(the URL that spec.gitops.url names)" in nowhere


def test_the_command_lists_for_programs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALYST_MIRRORS", "https://github.com/=https://m.example/")
    assert mirror_list.main(None, "json") == mirror_list.LISTED
    listed = json.loads(capsys.readouterr().out)
    assert listed["release"] == RELEASE.name
    assert {one["kind"] for one in listed["items"]} == {FILE, GIT, CHART, PACKAGE}
    assert listed["notes"]
    assert mirror_list.main(None, "text") == mirror_list.LISTED
    assert capsys.readouterr().out.startswith(f"Release {RELEASE.name} fetches:\n")


def test_the_command_refuses_what_it_cannot_list(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mirror_list.main("2001-01", "text") == mirror_list.REFUSED
    assert "no release '2001-01'" in capsys.readouterr().err
    monkeypatch.setenv("CATALYST_MIRRORS", "nothing")
    assert mirror_list.main(None, "text") == mirror_list.REFUSED
    assert "CATALYST_MIRRORS" in capsys.readouterr().err
