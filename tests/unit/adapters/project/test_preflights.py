"""Looks in the background: never two for one question, always a report in the end."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.pace import Pace
from catalyst_operator.adapters.project.preflights import REPEAT_PAUSE, Preflights
from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.core.errors import codes
from catalyst_operator.core.project.identity import fingerprint
from catalyst_operator.core.project.preflight import CHECKS, CloudObject, CloudView, Report, SizeOffer, Wanted
from catalyst_operator.errors import CloudRateLimited, CloudUnauthorized, CloudUnavailable
from tests.support.gen import NOW, TOKEN, UID

PATIENCE = 5.0
WANTED = Wanted(uid=UID, cluster_name="omantel-d2faa", location="fsn1", sizes={"omantel-d2faa-worker-0": ("cpx22",)})
FINE = CloudView(offers={"cpx22": {"fsn1": SizeOffer(True)}}, architectures={"cpx22": "x86"})
PASSED, FAILED, UNKNOWN = PreflightResult.PASSED, PreflightResult.FAILED, PreflightResult.UNKNOWN


class Cloud:
    """A project that answers each look with the next thing that the test gives it, and waits for that."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[CloudView | Exception] = asyncio.Queue()
        self.asked: list[Wanted] = []
        self.arrived = asyncio.Semaphore(0)
        self.given_up = asyncio.Event()

    async def look(self, token: SecretStr, wanted: Wanted) -> CloudView:
        assert token.get_secret_value() == TOKEN
        self.asked.append(wanted)
        self.arrived.release()
        try:
            answer = await self.answers.get()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer


class Bench:
    """Preflights over one fake project, and what they told."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.preflights = Preflights(self.cloud.look, lambda: NOW)
        self.told = asyncio.Queue[str]()

    def ask(self, key: str = "key", uid: str = UID, wanted: Wanted = WANTED) -> None:
        self.preflights.ask(uid, key, SecretStr(TOKEN), wanted, lambda: self.told.put_nowait(uid))

    async def report(self, uid: str = UID) -> Report:
        """The report, once it was told that there is one."""
        assert await asyncio.wait_for(self.told.get(), PATIENCE) == uid
        found = self.preflights.report(uid)
        assert found is not None
        return found

    async def under_way(self) -> None:
        """One more look has reached the cloud."""
        await asyncio.wait_for(self.cloud.arrived.acquire(), PATIENCE)


async def test_a_look_becomes_a_report() -> None:
    bench = Bench()
    bench.ask()
    assert bench.preflights.report(UID) is None, "nobody waits for the cloud"
    bench.cloud.answers.put_nowait(FINE)
    report = await bench.report()
    assert (report.key, report.at, report.retry_at, report.failed) == ("key", NOW, None, ())
    assert [check.name for check in report.checks] == list(CHECKS)
    assert bench.cloud.asked == [WANTED]


async def test_what_is_in_the_way_is_judged() -> None:
    bench = Bench()
    bench.ask()
    taken = CloudObject("networks", 7, "omantel-d2faa")
    bench.cloud.answers.put_nowait(CloudView(FINE.offers, FINE.architectures, (taken,)))
    assert [check.name for check in (await bench.report()).failed] == ["names"]


async def test_the_same_question_is_asked_once() -> None:
    bench = Bench()
    for _ in range(3):
        bench.ask()
        await asyncio.sleep(0)
    bench.cloud.answers.put_nowait(FINE)
    await bench.report()
    assert len(bench.cloud.asked) == 1
    assert bench.told.empty()


async def test_it_can_be_asked_again_once_it_was_answered() -> None:
    bench = Bench()
    for answer, results in ((CloudUnavailable("no answer"), {UNKNOWN}), (FINE, {PASSED})):
        bench.ask()
        bench.cloud.answers.put_nowait(answer)
        assert {check.result for check in (await bench.report()).checks} == results
    assert len(bench.cloud.asked) == 2


async def test_another_question_replaces_the_one_under_way() -> None:
    bench = Bench()
    bench.ask("old")
    await bench.under_way()
    bench.ask("new")
    await asyncio.wait_for(bench.cloud.given_up.wait(), PATIENCE)
    bench.cloud.answers.put_nowait(FINE)
    assert (await bench.report()).key == "new"
    assert bench.told.empty(), "the old one said something"


async def test_an_old_report_stays_until_there_is_a_new_one() -> None:
    bench = Bench()
    bench.ask("old")
    bench.cloud.answers.put_nowait(FINE)
    old = await bench.report()
    await bench.under_way()
    bench.ask("new")
    await bench.under_way()
    assert bench.preflights.report(UID) is old
    await bench.preflights.close()


async def test_two_sovereigns_do_not_wait_for_each_other() -> None:
    bench = Bench()
    bench.ask(uid="one")
    bench.ask(uid="two")
    await bench.under_way()
    await bench.under_way()
    bench.cloud.answers.put_nowait(FINE)
    bench.cloud.answers.put_nowait(FINE)
    assert {await asyncio.wait_for(bench.told.get(), PATIENCE) for _ in range(2)} == {"one", "two"}


async def test_a_refused_token_is_a_report() -> None:
    bench = Bench()
    bench.ask()
    bench.cloud.answers.put_nowait(CloudUnauthorized("it is not known there, or was revoked"))
    (failed,) = (await bench.report()).failed
    assert failed.error is not None
    assert (failed.name, failed.error.code) == ("token", codes.TOKEN_INVALID.code)


async def test_silence_is_a_report() -> None:
    bench = Bench()
    bench.ask()
    bench.cloud.answers.put_nowait(CloudUnavailable("Hetzner's API did not answer within 20 s"))
    report = await bench.report()
    assert {check.result for check in report.checks} == {UNKNOWN}
    assert "did not answer within 20 s" in report.checks[0].message
    assert report.retry_at is None


async def test_a_full_rate_limit_says_when_to_ask_again() -> None:
    bench = Bench()
    bench.ask()
    until = NOW + timedelta(minutes=9)
    bench.cloud.answers.put_nowait(CloudRateLimited(until))
    report = await bench.report()
    assert ({check.result for check in report.checks}, report.retry_at) == ({UNKNOWN}, until)


async def test_a_defect_holds_nothing_up_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.ask()
    with caplog.at_level(logging.ERROR):
        bench.cloud.answers.put_nowait(KeyError("surprise"))
        report = await bench.report()
    assert {check.result for check in report.checks} == {UNKNOWN}
    assert "surprise" in caplog.text
    assert TOKEN not in caplog.text


async def test_what_is_forgotten_says_nothing_any_more() -> None:
    bench = Bench()
    bench.ask(uid="one")
    bench.cloud.answers.put_nowait(FINE)
    await bench.report("one")
    bench.ask("again", uid="one")
    bench.ask(uid="two")
    for _ in range(3):
        await bench.under_way()
    bench.preflights.forget("one")
    await asyncio.wait_for(bench.cloud.given_up.wait(), PATIENCE)
    assert bench.preflights.report("one") is None
    bench.cloud.answers.put_nowait(FINE)
    assert (await bench.report("two")).key == "key"
    assert bench.told.empty()


async def test_forgetting_what_was_never_asked_for_is_fine() -> None:
    Bench().preflights.forget(UID)


async def test_closing_gives_up_what_is_under_way() -> None:
    bench = Bench()
    bench.ask()
    await bench.under_way()
    await asyncio.wait_for(bench.preflights.close(), PATIENCE)
    assert bench.cloud.given_up.is_set()
    assert bench.preflights.report(UID) is None


# --- looks that nothing waits for -------------------------------------------------------------------------------------


async def test_one_that_nothing_waits_for_waits_for_others_with_the_token() -> None:
    """And one that a run waits for takes its place."""
    bench, paused = Bench(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds:
            await paused.wait()

    bench.preflights = Preflights(bench.cloud.look, lambda: NOW, Pace(30.0, sleep=sleep, clock=lambda: 0.0))
    for uid in ("first", "second"):
        bench.preflights.ask(uid, "key", SecretStr(TOKEN), WANTED, partial(bench.told.put_nowait, uid), patient=True)
    await bench.under_way()
    bench.cloud.answers.put_nowait(FINE)
    assert (await bench.report("first")).mark == fingerprint("first", SecretStr(TOKEN))
    assert len(bench.cloud.asked) == 1, "the second waits"
    bench.ask(uid="second")
    await bench.under_way()
    bench.cloud.answers.put_nowait(FINE)
    assert (await bench.report("second")).key == "key"
    assert len(bench.cloud.asked) == 2
    await bench.preflights.close()


def test_what_the_repeated_looks_of_a_project_cost() -> None:
    """3,600 requests an hour are what a project has; most are for OpenTofu and for people."""
    kinds, pages_of_sizes = 6, 2
    assert 3600 / REPEAT_PAUSE * (kinds + pages_of_sizes) <= 3600 / 3
