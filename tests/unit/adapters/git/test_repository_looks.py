"""Looks at Git repositories in the background: always a report in the end, and nobody's server keeps others waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.git.repository_looks import RepositoryLook, RepositoryLooks
from catalyst_operator.adapters.git.threads import GIT_TALKS_AT_ONCE, in_turn, turns_of_git
from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.kit.git_causes import GitCause, remedy
from catalyst_operator.core.kit.repository import RepositoryQuestion, RepositoryView
from catalyst_operator.core.project.preflight import Check
from catalyst_operator.errors import (
    GitAnonymous,
    GitAuthorityUnreadable,
    GitCommitMissing,
    GitCommitUnclear,
    GitDenied,
    GitMissing,
    GitRejected,
    GitUnavailable,
    GitUntrusted,
)
from tests.support.gen import NOW, UID

PATIENCE = 5.0
MAIN = GitRef(branch="main")
REPOSITORY = Repository("https://git.example/acme/kit.git", MAIN)
ASKED = RepositoryQuestion(REPOSITORY.url, MAIN, ("clusters/_template/bootstrap-kit",))


def answering(answer: RepositoryView | Exception) -> RepositoryLook:
    async def look(_owner: str, _repository: Repository, _question: RepositoryQuestion) -> RepositoryView:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return look


async def found(answer: RepositoryView | Exception) -> Check:
    looks, told = RepositoryLooks(answering(answer), lambda: NOW), asyncio.Event()
    looks.ask(UID, "key", REPOSITORY, ASKED, told.set, owner="team-a")
    await asyncio.wait_for(told.wait(), PATIENCE)
    report = looks.report(UID)
    assert report is not None
    assert (report.key, report.at) == ("key", NOW)
    looks.forget(UID)
    assert looks.report(UID) is None
    await looks.close()
    (check,) = report.checks
    return check


@pytest.mark.parametrize(
    ("answer", "lasting", "says", "cause"),
    [
        (RepositoryView("", "main"), True, "no branch main", GitCause.REF),
        (RepositoryView("4f1c" * 10, "main", ("kit",)), True, "has no folder kit", GitCause.FOLDER),
        (GitAnonymous("it asks for a user name"), True, "cannot be read: it asks for", GitCause.NO_CREDENTIALS),
        (GitDenied("it does not accept the password"), True, "cannot be read: it does not", GitCause.CREDENTIALS),
        (GitAuthorityUnreadable("ca.crt is no PEM"), True, "cannot be read: ca.crt", GitCause.AUTHORITY),
        (GitUntrusted("its certificate is not trusted"), False, "is not trusted", GitCause.AUTHORITY),
        (GitMissing("there is no such repository"), True, "cannot be read: there is no such", GitCause.REPOSITORY),
        (GitCommitMissing("it does not give out this commit"), True, "does not give out", GitCause.COMMIT),
        (GitCommitUnclear("it hung up"), False, "it hung up", GitCause.COMMIT),
        (GitRejected("it uses sha256"), True, "cannot be read: it uses sha256.", GitCause.REFUSED),
        (GitUnavailable("connection refused"), False, "management cluster: connection refused.", GitCause.SILENT),
        (TimeoutError(), False, "it does not come to an end", GitCause.SILENT),
        (RuntimeError("a defect"), False, "the check itself failed, see the operator's log", GitCause.UNKNOWN),
    ],
)
async def test_what_is_wrong_what_to_do_and_whether_it_may_pass(
    answer: RepositoryView | Exception, lasting: bool, says: str, cause: GitCause
) -> None:
    check = await found(answer)
    assert check.result is PreflightResult.FAILED
    assert says in check.message
    assert check.error is not None
    assert check.error.terminal is lasting
    assert check.error.remedy == remedy(cause)


async def test_what_is_well_is_no_error() -> None:
    check = await found(RepositoryView("4f1c" * 10))
    assert (check.result, check.error) == (PreflightResult.PASSED, None)


@pytest.fixture
async def over() -> AsyncIterator[threading.Event]:
    """Set when the test ends, so that no thread outlives it."""
    event = threading.Event()
    yield event
    event.set()


async def test_the_silent_servers_of_one_namespace_keep_no_other_waiting(over: threading.Event) -> None:
    turns = turns_of_git()
    slow = [
        asyncio.create_task(in_turn(turns, "team-a", over.wait, patience_seconds=PATIENCE, name="read"))
        for _ in range(2 * GIT_TALKS_AT_ONCE)
    ]
    await asyncio.sleep(0)
    assert await in_turn(turns, "team-b", lambda: "done", patience_seconds=PATIENCE, name="read") == "done"
    over.set()
    await asyncio.gather(*slow)
