"""The Sovereign's own folder: small, the same each time, and telling Flux what boot told it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from jinja2 import UndefinedError

from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.overlay import _template
from tests.support import gen
from tests.support.postbuild import TEMPLATE

RELEASE = releases.load().get()
FOLDER = "clusters/omantel.omani.works"
CLOUD_INIT = TEMPLATE.parents[1] / "infra" / "hetzner" / "cloudinit.tf"


def texts(*mods: gen.RawMod) -> dict[str, str]:
    return kit.overlay(
        gen.sovereign(*mods), RELEASE, pull_secret=seeds.PULL, place="branch main of https://git.example/a"
    )


def parsed(name: str, *mods: gen.RawMod) -> Any:
    return yaml.safe_load(texts(*mods)[f"{FOLDER}/{name}"])


def test_it_is_two_files_in_the_sovereigns_folder() -> None:
    """Whatever else lies there is removed by the push."""
    assert list(texts()) == [f"{FOLDER}/kustomization.yaml", f"{FOLDER}/sync.yaml"]
    assert kit.overlay_path("omantel.omani.works") == FOLDER


def test_equal_sovereigns_have_equal_files() -> None:
    """A push without a change would be a commit without a meaning."""
    mods = (gen.spec(components=["harbor", "umami"]),)
    swapped = (gen.spec(components=["umami", "harbor"]),)
    assert texts(*mods) == texts(*mods) == texts(*swapped) != texts()


def test_it_names_the_template_and_the_components() -> None:
    """A component that is deselected is gone from it."""
    assert parsed("kustomization.yaml") == {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../_template/bootstrap-kit", "sync.yaml"],
    }
    added = parsed("kustomization.yaml", gen.spec(components=["umami"]))["components"]
    assert added == ["../_template/components/umami"]
    assert all((TEMPLATE.parent / path.removeprefix("../") / "kustomization.yaml").is_file() for path in added)


def test_the_kustomization_is_the_one_of_boot() -> None:
    """Otherwise the first reconciliation would undo what boot told it."""
    found = parsed("sync.yaml")
    told = _boot()
    assert found["metadata"]["name"] == "omantel.omani.works-bootstrap-kit"
    assert found["metadata"]["namespace"] == told["namespace"]
    same = ("interval", "retryInterval", "timeout", "prune")
    assert {name: str(found["spec"][name]).lower() for name in same} == {name: told[name] for name in same}
    assert found["spec"]["sourceRef"] == {"kind": "GitRepository", "name": "openova-public"}
    assert set(found["spec"]) == {*same, "path", "sourceRef", "postBuild"}


def _boot() -> dict[str, str]:
    """The simple fields of the Kustomization in cloudinit.tf."""
    _, _, text = CLOUD_INIT.read_text(encoding="utf-8").partition('kind       = "Kustomization"')
    return dict(re.findall(r'(\w+)\s+= "?([\w-]+)"?', text.partition("items")[0]))


def test_it_leads_to_itself_or_to_where_the_spec_says() -> None:
    """Boot and Git name one path."""
    assert parsed("sync.yaml")["spec"]["path"] == FOLDER
    own = parsed("sync.yaml", gen.spec(gitops={"path": "platform/omantel"}))
    assert own["spec"]["path"] == "platform/omantel"


def test_the_values_are_those_of_mode_template_and_are_not_replaced_in_turn() -> None:
    """Values are quoted for the kit; one more reading would take the quotes away."""
    mods = (gen.spec(organization={"name": "- A: *b #c, 'd' & !e | @ % true"}),)
    found = parsed("sync.yaml", *mods)
    assert found["spec"]["postBuild"]["substitute"] == kit.values(gen.sovereign(*mods), RELEASE, pull_secret=seeds.PULL)
    assert found["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"


def test_a_folder_that_loses_the_kustomization_does_not_take_the_cluster_with_it() -> None:
    """Flux would prune the Kustomization that follows the folder, and with it everything it has applied."""
    assert parsed("sync.yaml")["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/prune"] == "disabled"


def test_every_file_says_who_writes_it() -> None:
    """Edits by hand are lost at the next change."""
    for text in texts().values():
        assert text.startswith("# Sovereign omantel.omani.works, release 2026-04.")
        assert "branch main of https://git.example/a" in text
        assert "Written by catalyst-operator" in text
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_a_variable_that_is_not_there_is_no_empty_text() -> None:
    """A slip in a file's text must not be found on a cluster."""
    with pytest.raises(UndefinedError, match="nobody"):
        _template("{{ nobody }}").render({})


def test_a_registry_of_charts_lies_in_git_too() -> None:
    """What a cluster is told must not depend on how it is told."""
    files = kit.overlay(gen.sovereign(), RELEASE, pull_secret=seeds.PULL, chart_registry="oci://mirror.example/c")
    values = yaml.safe_load(files[f"{FOLDER}/sync.yaml"])["spec"]["postBuild"]["substitute"]
    assert values["CHART_REGISTRY"] == "oci://mirror.example/c"


def test_the_name_of_the_registrys_secret_lies_in_git_too() -> None:
    """The same."""
    files = kit.overlay(gen.sovereign(gen.spec(imagePullSecretRef={"name": "mine"})), RELEASE, pull_secret="login")
    values = yaml.safe_load(files[f"{FOLDER}/sync.yaml"])["spec"]["postBuild"]["substitute"]
    assert values["PULL_SECRET_REF"] == '{"name": "login"}'
