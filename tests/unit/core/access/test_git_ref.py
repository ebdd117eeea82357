"""What of a repository is followed, and where the default comes from."""

from __future__ import annotations

import tomllib

import pytest

import catalyst_operator
from catalyst_operator.core.access.git_ref import GitRef, asked, wanted
from tests.support import gen
from tests.support.paths import REPOSITORY


@pytest.mark.parametrize(
    ("gitops", "followed"),
    [
        ({}, GitRef(tag=f"v{catalyst_operator.__version__}")),
        ({"ref": {"branch": "main"}}, GitRef(branch="main")),
        ({"ref": {"tag": "v1.0.0"}}, GitRef(tag="v1.0.0")),
        ({"ref": {"commit": "4f1c" * 10}}, GitRef(commit="4f1c" * 10)),
    ],
)
def test_the_operators_own_tag_is_the_default(gitops: dict[str, object], followed: GitRef) -> None:
    spec = gen.sovereign(gen.spec(gitops=gitops)).spec
    assert wanted(spec, gen.SETTINGS) == followed
    assert asked(spec) == (followed if gitops else None)
    assert [str(followed)] == [f"{kind} {name}" for kind, name in followed.given.items()]


def test_the_version_has_one_place() -> None:
    """The package's metadata and the tag that new clusters follow must not differ."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "catalyst_operator.__version__"}
