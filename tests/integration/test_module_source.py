"""What Crossplane gets of a repository whose branches and tags are named to mislead: with Git as the go-getter 1.7.8 of
provider-opentofu runs it, and with the newer go-getter in real OpenTofu."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from catalyst_operator.core.access import module
from catalyst_operator.core.access.git_ref import GitRef
from tests.integration.tofu import OpenTofu

pytestmark = pytest.mark.integration

MEANT, ANOTHER = "meant", "another"
FILE = f"{module.FOLDER}/main.tf"
NOBODY = {f"GIT_{who}_{what}": "somebody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
Fetch = Callable[[str, Path], str]
"""The module's file, fetched with a source of `module.at` into a folder."""


def git(folder: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **NOBODY}
    ran = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


class Repository:
    """One commit that is meant, on a branch and under a tag, and another one to mislead with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / module.FOLDER).mkdir(parents=True)
        git(folder, "init", "--quiet", "--initial-branch", "trunk")
        self.meant, self.another = self._commit(MEANT), self._commit(ANOTHER)
        git(folder, "update-ref", "refs/heads/stable", self.meant)
        git(folder, "tag", "--annotate", "--message", "a release", "v1+2", self.meant)

    def mislead(self, *refs: str, default: str = "") -> None:
        for ref in refs:
            git(self.folder, "update-ref", ref, self.another)
        if default:
            git(self.folder, "symbolic-ref", "HEAD", default)

    def _commit(self, text: str) -> str:
        (self.folder / FILE).write_text(f'output "is" {{ value = "{text}" }}\n')
        git(self.folder, "add", ".")
        git(self.folder, "commit", "--quiet", "--message", text)
        return git(self.folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def by_git(source: str, folder: Path) -> str:
    where = urlsplit(source.removeprefix("git::"))
    (ref,) = parse_qs(where.query)["ref"]
    git(folder, "clone", "--quiet", "--", f"{where.scheme}://{where.path.removesuffix(f'//{module.FOLDER}')}", "clone")
    git(folder / "clone", "checkout", "--quiet", ref)
    return (folder / "clone" / FILE).read_text()


def by_tofu(source: str, folder: Path) -> str:
    (folder / "main.tf").write_text(f'module "it" {{\n  source = "{source}"\n}}\n')
    ran = OpenTofu.without_provider(folder).run("init", cwd=folder)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return (folder / ".terraform" / "modules" / "it" / FILE).read_text()


COMMIT, TAG, BRANCH = "commit", "tag", "branch"


def fetched(fetch: Fetch, repository: Repository, kind: str, folder: Path) -> str:
    ref = {COMMIT: GitRef(commit=repository.meant), TAG: GitRef(tag="v1+2"), BRANCH: GitRef(branch="stable")}[kind]
    folder.mkdir()
    return fetch(module.at(f"file://{repository.folder}", ref), folder)


@pytest.mark.parametrize("fetch", [by_git, by_tofu])
@pytest.mark.parametrize("kind", [COMMIT, TAG, BRANCH])
def test_what_has_the_same_name_is_not_taken_for_it(
    fetch: Fetch, kind: str, repository: Repository, tmp_path: Path
) -> None:
    name = {COMMIT: repository.meant, TAG: "v1+2", BRANCH: "stable"}[kind]
    kinds = {COMMIT: ("heads", "tags"), TAG: ("heads", "heads/tags", "heads/refs/tags"), BRANCH: ("tags",)}[kind]
    repository.mislead(*(f"refs/{where}/{name}" for where in kinds))
    assert MEANT in fetched(fetch, repository, kind, tmp_path / "work")


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (COMMIT, "refs/heads/{commit}"),
        (TAG, "refs/heads/v1+2"),
        (TAG, "refs/heads/tags/v1+2"),
        (TAG, "refs/heads/refs/tags/v1+2"),
        (BRANCH, "refs/heads/origin/stable"),
        (BRANCH, "refs/heads/refs/remotes/origin/stable"),
    ],
)
def test_neither_is_the_default_branch_which_a_clone_has_under_its_plain_name(
    kind: str, default: str, repository: Repository, tmp_path: Path
) -> None:
    named = default.format(commit=repository.meant)
    repository.mislead(named, default=named)
    assert MEANT in fetched(by_git, repository, kind, tmp_path / "work")


def test_a_newer_go_getter_lets_a_default_branch_pass_for_a_commit(repository: Repository, tmp_path: Path) -> None:
    """It makes a commit's name of whatever it is given, and gives that to `git checkout`: no source helps. Where this
    fails, what docs/adoption.md says of it can go."""
    named = f"refs/heads/{repository.meant}"
    repository.mislead(named, default=named)
    assert ANOTHER in fetched(by_tofu, repository, COMMIT, tmp_path / "work")
