"""What a Git repository has to have before a cluster is bought that follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.kit.git_causes import GitCause, remedy
from catalyst_operator.core.kit.repository import (
    RepositoryQuestion,
    RepositoryView,
    folders_of,
    is_asked,
    judge,
    key_of,
    unreadable,
)
from tests.support import gen

KIT = "clusters/_template/bootstrap-kit"
MAIN = GitRef(branch="main")
ASKED = RepositoryQuestion("https://git.example/acme/kit.git", MAIN, (KIT,), "git")
COMMIT = "4f1c" * 10
TAGGED, PINNED = replace(ASKED, ref=GitRef(tag="v1.0.0")), replace(ASKED, ref=GitRef(commit=COMMIT))
PASSED, FAILED, UNKNOWN = PreflightResult.PASSED, PreflightResult.FAILED, PreflightResult.UNKNOWN
MANY = tuple(f"clusters/{n}" for n in range(5))


@pytest.mark.parametrize(
    ("view", "asked", "result", "says"),
    [
        (RepositoryView(COMMIT, "main"), ASKED, PASSED, f"branch main, is at 4f1c4f1c4f1c and has {KIT}."),
        (RepositoryView("", "trunk"), ASKED, FAILED, "has no branch main; its default branch is trunk."),
        (RepositoryView("", "a\x1b[2J\u202eb"), ASKED, FAILED, "default branch is a"),
        (RepositoryView(), ASKED, FAILED, "has no branch main; it has no default branch."),
        (RepositoryView(COMMIT, "main", (KIT,)), ASKED, FAILED, f"and has no folder {KIT}."),
        (
            RepositoryView(COMMIT, "main", MANY),
            ASKED,
            FAILED,
            "clusters/0, clusters/1, clusters/2 and 2 more.",
        ),
        (RepositoryView(COMMIT, lacking=None), ASKED, UNKNOWN, "that commit is too large"),
        (RepositoryView(), replace(ASKED, folders=(), pushes=True), PASSED, "the operator makes it"),
        (RepositoryView(COMMIT), replace(ASKED, folders=(), pushes=True), PASSED, "is at 4f1c4f1c4f1c."),
        (RepositoryView(COMMIT, "main"), TAGGED, PASSED, f", tag v1.0.0, is at 4f1c4f1c4f1c and has {KIT}."),
        (RepositoryView("", "main"), TAGGED, FAILED, "has no tag v1.0.0; its default branch is main."),
        (RepositoryView(COMMIT, "main"), PINNED, PASSED, f", commit {COMMIT}, is there and has {KIT}."),
        (RepositoryView(COMMIT, "main", (KIT,)), PINNED, FAILED, f"is there and has no folder {KIT}."),
    ],
)
def test_what_a_repository_answers(
    view: RepositoryView, asked: RepositoryQuestion, result: PreflightResult, says: str
) -> None:
    check = judge(asked, view)
    assert (check.name, check.result) == ("git", result)
    assert says in check.message
    assert check.message.isprintable()
    assert (check.error.code if check.error else "") == ("ERR_GIT_READ" if result is FAILED else "")


@pytest.mark.parametrize(
    ("passing", "says"),
    [
        (True, "cannot be read from the management cluster: connection refused. It is tried again by itself."),
        (False, "cannot be read: connection refused."),
    ],
)
def test_who_could_not_read_it_and_whether_that_passes(passing: bool, says: str) -> None:
    """The new cluster may have a way that the operator has not; money is spent only on what is known to work."""
    check = unreadable(ASKED, "connection refused", GitCause.SILENT, passing=passing)
    assert check.result is FAILED
    assert says in check.message
    assert check.error is not None
    assert check.error.terminal is not passing


def test_each_cause_has_a_remedy_of_its_own() -> None:
    """Somebody whose certificate is not trusted is not sent to look for a branch."""
    for pushes in (False, True):
        told = [remedy(cause, pushes=pushes) for cause in GitCause]
        assert len(set(told)) == len(told)


def test_what_flux_applies_besides_its_path() -> None:
    assert folders_of(f"./{KIT}", ("../components/harbor", "../components/cnpg", ".")) == (
        KIT,
        "clusters/_template/components/harbor",
        "clusters/_template/components/cnpg",
    )


@pytest.mark.parametrize(
    ("gitops", "dry", "asked", "why"),
    [
        ({}, False, True, "the shared template is the cluster's from the first second"),
        (gen.PUSHED, False, False, "the push tells more"),
        (gen.PUSHED, True, True, "a dry run does not push"),
        (
            {**gen.PUSHED, "path": "clusters/mine"},
            False,
            True,
            "what is followed is not what is pushed",
        ),
    ],
)
def test_when_it_is_looked_at(gitops: dict[str, object], dry: bool, asked: bool, why: str) -> None:
    assert is_asked(gen.sovereign(gen.spec(gitops=gitops, dryRun=dry)).spec) is asked, why


def test_what_makes_another_question() -> None:
    keys = {
        key_of(ASKED, "s/1", ""),
        key_of(replace(ASKED, ref=GitRef(branch="next")), "s/1", ""),
        key_of(replace(ASKED, folders=()), "s/1", ""),
        key_of(ASKED, "s/2", ""),
        key_of(ASKED, "s/1", "please"),
    }
    assert len(keys) == 5
    assert key_of(replace(ASKED), "s/1", "") in keys
