"""The shared template as files: all of it, where the repository has it, and nothing where there is none."""

from __future__ import annotations

from pathlib import Path

from catalyst_operator.adapters import template
from tests.support.paths import REPOSITORY


def test_each_file_has_its_place_in_a_repository(tmp_path: Path) -> None:
    """Whatever the folder is called where it was read: overlays refer to the template by this path."""
    for name in ("b/two.yaml", "a.yaml", "b/.hidden", "b/deeper/three.yaml"):
        file = tmp_path / "elsewhere" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}: ä\n", encoding="utf-8")
    (tmp_path / "elsewhere" / "empty").mkdir()
    (tmp_path / "beside.yaml").write_text("no")
    read = template.read(tmp_path / "elsewhere")
    assert read == {
        f"clusters/_template/{name}": f"{name}: ä\n"
        for name in ("a.yaml", "b/.hidden", "b/deeper/three.yaml", "b/two.yaml")
    }


def test_the_order_does_not_depend_on_the_disk(tmp_path: Path) -> None:
    for name in ("c", "a", "d", "b"):
        (tmp_path / name).write_text("")
    assert list(template.read(tmp_path)) == [f"clusters/_template/{name}" for name in "abcd"]


def test_without_a_folder_there_is_no_template(tmp_path: Path) -> None:
    """The operator works without one; repositories have their own."""
    assert template.read(tmp_path / "missing") == {}


def test_a_checkout_has_its_own() -> None:
    """What is pushed from a checkout is what lies in it, not what an image of some other version had."""
    folder = template.default_folder()
    assert folder == REPOSITORY / "clusters" / "_template"
    assert "clusters/_template/bootstrap-kit/kustomization.yaml" in template.read(folder)
