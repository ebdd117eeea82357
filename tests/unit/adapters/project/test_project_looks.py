"""Looks at whose project it is: whatever happens there is a report, and only an answer is one that says something."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.project.project_looks import ProjectLooks
from catalyst_operator.core.project.identity import ProjectAnswer, ProjectQuestion, ProjectReport
from catalyst_operator.errors import CloudError, CloudRateLimited, CloudUnauthorized, CloudUnavailable
from tests.support.gen import NOW, TOKEN, UID

PATIENCE = 5.0
QUESTION = ProjectQuestion(UID, "omantel-d2faa", "4711", secret="team-a/hcloud")
LIMIT_OVER = NOW + timedelta(minutes=9)


async def report_of(answer: ProjectAnswer | Exception) -> ProjectReport:
    """The report after a look that ended so."""
    told = asyncio.Event()

    async def look(token: SecretStr, question: ProjectQuestion) -> ProjectAnswer:
        assert (token.get_secret_value(), question) == (TOKEN, QUESTION)
        if isinstance(answer, Exception):
            raise answer
        return answer

    looks = ProjectLooks(look, lambda: NOW)
    looks.ask(UID, "key", SecretStr(TOKEN), QUESTION, told.set)
    assert looks.report(UID) is None, "nobody waits for the cloud"
    await asyncio.wait_for(told.wait(), PATIENCE)
    found = looks.report(UID)
    assert found is not None
    looks.forget(UID)
    assert looks.report(UID) is None
    await looks.close()
    return found


@pytest.mark.parametrize("found", ["networks/4711 omantel-d2faa", ""])
async def test_an_answer_is_a_report(found: str) -> None:
    assert await report_of(ProjectAnswer(found)) == ProjectReport("key", NOW, ProjectAnswer(found))


@pytest.mark.parametrize(
    ("error", "code", "terminal", "says"),
    [
        (
            CloudUnauthorized("it was revoked"),
            "ERR_TOKEN_INVALID",
            True,
            "in Secret team-a/hcloud: it was revoked",
        ),
        (CloudUnavailable("it timed out"), "ERR_CLOUD_UNAVAILABLE", False, "is not known, because it timed out"),
        (CloudError("it is broken"), "ERR_CLOUD_UNAVAILABLE", False, "it is broken"),
    ],
)
async def test_what_is_not_known_is_never_an_answer(error: Exception, code: str, terminal: bool, says: str) -> None:
    report = await report_of(error)
    assert report.answer is None
    assert report.error is not None
    assert (report.error.code, report.error.terminal) == (code, terminal)
    assert says in report.error.message
    assert report.retry_at is None


async def test_a_full_rate_limit_says_when_to_ask_again() -> None:
    report = await report_of(CloudRateLimited(LIMIT_OVER))
    assert report.error is not None
    assert (report.answer, report.error.code, report.retry_at) == (None, "ERR_RATE_LIMITED", LIMIT_OVER)


async def test_a_defect_is_no_answer_either_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        report = await report_of(KeyError("surprise"))
    assert (report.answer, report.error is not None) == (None, True)
    assert "surprise" in caplog.text
    assert TOKEN not in caplog.text
