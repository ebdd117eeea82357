"""People with a repository of their own get the same files, and refusals that name the field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalyst_operator import render
from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import releases
from tests.support import gen
from tests.support.postbuild import TEMPLATE

FQDN = "omantel.omani.works"
FOLDER = f"clusters/{FQDN}"
URL = "https://git.example/a"
SIGNED_TAG = {"url": URL, "ref": {"tag": "v1.0.0"}, "verify": {"secretRef": {"name": "keys"}}}
CROSSPLANE = gen.spec(crossplane={"credentialsSecretRef": {"name": "own-token"}})
Render = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Render:
    """Render a Sovereign, or any text, into `out` beside it."""

    def run(*mods: gen.RawMod, text: str | None = None, **options: Any) -> int:
        file = tmp_path / "sovereign.yaml"
        file.write_text(yaml.safe_dump(gen.raw_sovereign(*mods)) if text is None else text, encoding="utf-8")
        return render.main(file, tmp_path / "out", **options)

    return run


def written(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): path.read_text("utf-8") for path in sorted(out.rglob("*")) if path.is_file()}


def test_it_writes_what_mode_commit_would_push(run: Render, tmp_path: Path) -> None:
    """One rendering, whoever pushes it; the shared template comes along."""
    mods = (gen.spec(components=["umami"], gitops={"url": "https://git.example/a", "ref": {"branch": "live"}}),)
    assert run(*mods) == render.RENDERED
    release = releases.load().get()
    overlay = kit.overlay(
        gen.sovereign(*mods), release, pull_secret=seeds.PULL, place="branch live of https://git.example/a"
    )
    template = {
        f"clusters/_template/{path.relative_to(TEMPLATE)}": path.read_text("utf-8")
        for path in TEMPLATE.rglob("*")
        if path.is_file()
    }
    assert written(tmp_path / "out") == {**template, **overlay}


def test_a_template_that_is_there_is_kept(run: Render, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is somebody's own by then."""
    mine = tmp_path / "out" / "clusters" / "_template" / "mine.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine: true\n")
    assert run() == render.RENDERED
    assert list(written(tmp_path / "out")) == [
        "clusters/_template/mine.yaml",
        f"{FOLDER}/kustomization.yaml",
        f"{FOLDER}/sync.yaml",
    ]
    assert "kept, because it was there: " in capsys.readouterr().out


def test_another_template_can_be_given(run: Render, tmp_path: Path) -> None:
    """The image is not the only place to have one."""
    other = tmp_path / "other"
    (other / "bootstrap-kit").mkdir(parents=True)
    (other / "bootstrap-kit" / "kustomization.yaml").write_text("resources: []\n")
    assert run(folder=other) == render.RENDERED
    assert "clusters/_template/bootstrap-kit/kustomization.yaml" in written(tmp_path / "out")


def test_the_checkouts_template_is_the_default() -> None:
    """What is tested is what is shipped."""
    assert render.default_template() == TEMPLATE


@pytest.mark.parametrize(
    ("gitops", "said", "unsaid"),
    [
        (
            {},
            [
                "set gitops.url to",
                f"gitops.path to {FOLDER}",
                "the branch or the tag that has it",
                "commit it and push it.",
            ],
            [],
        ),
        ({"url": "https://git.example/a"}, ["set gitops.ref to", f"gitops.path to {FOLDER}"], ["gitops.url"]),
        (
            {"url": "https://git.example/a", "path": FOLDER, "ref": {"branch": "live"}},
            ["push it to branch live."],
            ["gitops."],
        ),
        (
            {"mode": "Commit", "url": "https://git.example/a", "credentialsSecretRef": {"name": "git"}},
            ["there is nothing to do"],
            ["commit and push", "gitops.path"],
        ),
    ],
)
def test_it_says_what_to_do_next(
    run: Render, capsys: pytest.CaptureFixture[str], gitops: dict[str, Any], said: list[str], unsaid: list[str]
) -> None:
    """Files that the cluster does not follow are of no use."""
    assert run(gen.spec(gitops=gitops)) == render.RENDERED
    told = capsys.readouterr().out
    assert f"{FOLDER}/sync.yaml" in told
    assert [part for part in said if part not in told] == []
    assert [part for part in unsaid if part in told.replace("spec.gitops.mode", "")] == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"controlPlane": {"size": "cx42"}}, "spec.controlPlane.size: cx42 is no longer sold in this location: use "),
        ({"controlPlane": {"size": "cax21"}}, "spec.controlPlane.size: is an Arm type"),
        ({"controlPlane": {"size": "t3-large"}}, "spec.controlPlane.size: t3-large is no server type of Hetzner"),
        ({"workers": {"size": "cpx31", "replicas": 1}}, "spec.workers.size: cpx31 is no longer sold"),
        (
            {"controlPlane": {"size": "cx33", "sizeFallbacks": ["cpx32", "cx42"]}},
            "spec.controlPlane.sizeFallbacks: cx42 is no longer sold",
        ),
    ],
)
def test_sizes_that_admission_refuses_are_refused(
    run: Render, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: dict[str, Any], told: str
) -> None:
    assert run(gen.spec(regions=[{"location": "fsn1"}], **wrong)) == render.REFUSED
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_size_that_is_sold_elsewhere_is_taken_there(run: Render) -> None:
    """cpx31 is retired in Europe only."""
    sold = gen.spec(regions=[{"location": "ash"}], controlPlane={"size": "cpx31"})
    assert run(sold) == render.RENDERED


def test_wrong_fields_are_named_and_not_shown(run: Render, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, in the names that people write; what was written may be a secret in the wrong place."""
    wrong = {"adminEmail": "hunter2", "colour": "red", "organization": {"name": "a{b}"}, "regions": [{"location": "x"}]}
    assert run(gen.spec(**wrong)) == render.REFUSED
    told = capsys.readouterr().err
    lines = {line.partition(": ")[2].partition(": ")[0]: line.rpartition(": ")[2] for line in told.splitlines()}
    assert {"spec.adminEmail", "spec.colour", "spec.organization.name", "spec.regions[0].location"} <= set(lines)
    assert lines["spec.colour"] == "is no field of a Sovereign"
    assert "hunter2" not in told
    assert not (tmp_path / "out").exists()


def test_what_is_missing_is_named(run: Render, capsys: pytest.CaptureFixture[str]) -> None:
    """pydantic's own words are for programmers."""

    def without(raw: gen.Raw) -> None:
        del raw["spec"]["adminEmail"]

    assert run(without) == render.REFUSED
    assert capsys.readouterr().err.endswith("sovereign.yaml: spec.adminEmail: is required\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no Sovereigns"),
        ("kind: Secret\n", "has no Sovereigns"),
        ("kind: Sovereign\n---\nkind: Sovereign\n", "has 2 Sovereigns"),
        ("kind: Sovereign\napiVersion: v1\n", "apiVersion: must be catalyst.openova.io/v1alpha1"),
        ("a: [", "is no YAML"),
        ("a: b: c", "is no YAML"),
    ],
)
def test_other_files_are_refused(run: Render, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    """In words, and without a traceback."""
    assert run(text=text) == render.REFUSED
    assert told in capsys.readouterr().err


def test_other_objects_in_the_file_do_not_matter(run: Render) -> None:
    """People keep the Secret beside it."""
    secret = "kind: Secret\n---\n"
    assert run(text=secret + yaml.safe_dump(gen.raw_sovereign())) == render.RENDERED


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in the command."""
    assert render.main(tmp_path / "none.yaml", tmp_path / "out") == render.REFUSED
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mods", "options", "told"),
    [
        ((gen.spec(components=["harbour"]),), {}, "did you mean harbor?"),
        ((), {"release": "1999"}, "there is no release '1999'"),
        ((gen.spec(release="1999"),), {}, "there is no release '1999'"),
        ((), {"folder": Path("/nonexistent")}, "has no template"),
        ((CROSSPLANE,), {}, "spec.gitops: url and ref are required with spec.crossplane"),
        ((CROSSPLANE, gen.spec(gitops={"url": URL})), {}, "spec.gitops: url and ref are required"),
        ((CROSSPLANE, gen.spec(gitops=SIGNED_TAG)), {}, "spec.gitops.ref.commit is required"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    run: Render,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mods: tuple[gen.RawMod, ...],
    options: dict[str, Any],
    told: str,
) -> None:
    """Before anything is written."""
    assert run(*mods, **options) == render.REFUSED
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_to(run: Render, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Sovereign is right, so that is another exit code."""
    (tmp_path / "out").write_text("a file\n")
    assert run() == render.FAILED
    assert "cannot be written" in capsys.readouterr().err


def test_what_is_followed_is_told_in_the_files_once_it_is_known(run: Render, tmp_path: Path) -> None:
    """The comment in the files tells people where they are followed; the operator's own default is not known here."""
    assert run() == render.RENDERED
    assert "Flux follows" not in written(tmp_path / "out")[f"{FOLDER}/sync.yaml"]


def test_its_crossplane_is_told_where_the_module_is(run: Render, tmp_path: Path) -> None:
    """Beside the kit, in the repository that the cluster follows."""
    assert run(CROSSPLANE, gen.spec(gitops={"url": URL, "ref": {"tag": "v1"}})) == render.RENDERED
    assert f"git::{URL}//infra/hetzner?ref=refs/tags/v1%5E0" in written(tmp_path / "out")[f"{FOLDER}/sync.yaml"]
