"""Pushes in the background: in turn for each repository, always a report in the end, and nobody waits for them."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.git.overlays import PUSH_PATIENCE_SECONDS, Overlays
from catalyst_operator.adapters.git.push import Pushed
from catalyst_operator.adapters.git.threads import GIT_TALKS_AT_ONCE
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit.pushed import OverlayChange, OverlayReport
from catalyst_operator.errors import GitDenied, GitError, GitMissing, GitRejected, GitUnavailable, GitUntrusted
from tests.support.gen import NOW, UID

PATIENCE = 5.0
PASSWORD = "correct-horse"
REPOSITORY = Repository("https://git.example/acme/gitops.git", GitRef(branch="main"), "pusher", SecretStr(PASSWORD))
OTHER = replace(REPOSITORY, url="https://git.example/other/gitops.git")
FOLDER = "clusters/acme.example.com"
CHANGE = OverlayChange(FOLDER, {f"{FOLDER}/sync.yaml": "a: 1\n"}, "Render it")
NEWER = OverlayChange(FOLDER, {f"{FOLDER}/sync.yaml": "a: 2\n"}, "Render it")
TEMPLATE = {"clusters/_template/kustomization.yaml": "resources: []\n"}
DONE = Pushed("4f1c" * 10, committed=True)


@dataclass
class Begun:
    """A push that blocks its thread until the test says what it comes to."""

    repository: Repository
    change: OverlayChange
    answer: Future[Pushed] = field(default_factory=Future)


class Bench:
    """Overlays over a Git that does what the test says, and what they told."""

    def __init__(self) -> None:
        self.overlays = self.with_patience(PUSH_PATIENCE_SECONDS)
        self.told = asyncio.Queue[str]()
        self.all: list[Begun] = []
        self._begun = asyncio.Queue[Begun]()
        self._loop = asyncio.get_running_loop()

    def with_patience(self, seconds: float) -> Overlays:
        return Overlays(self._push, TEMPLATE, lambda: NOW, seconds)

    def _push(self, repository: Repository, change: OverlayChange, template: Mapping[str, str]) -> Pushed:
        assert template == TEMPLATE
        begun = Begun(repository, change)
        self.all.append(begun)
        self._loop.call_soon_threadsafe(self._begun.put_nowait, begun)
        return begun.answer.result(PATIENCE)

    def ask(
        self,
        uid: str = UID,
        key: str = "key",
        repository: Repository = REPOSITORY,
        change: OverlayChange = CHANGE,
        owner: str = "team-a",
    ) -> None:
        self.overlays.ask(uid, key, repository, change, lambda: self.told.put_nowait(uid), owner=owner)

    async def begun(self) -> Begun:
        """The next push that has begun."""
        return await asyncio.wait_for(self._begun.get(), PATIENCE)

    async def report(self, uid: str = UID) -> OverlayReport:
        """The report, once it was told that there is one."""
        assert await asyncio.wait_for(self.told.get(), PATIENCE) == uid
        found = self.overlays.report(uid)
        assert found is not None
        return found

    async def failed(self, error: Exception) -> OverlayReport:
        """The report of a push that ends so."""
        self.ask()
        (await self.begun()).answer.set_exception(error)
        return await self.report()

    async def end(self) -> None:
        """No thread outlives its test."""
        await self.overlays.close()
        while threads := pushes():
            for begun in self.all:
                if not begun.answer.done():
                    begun.answer.set_exception(GitUnavailable("the test is over"))
            await asyncio.to_thread(threads[0].join, PATIENCE)

    async def nothing_begins(self) -> None:
        """The next that begins is one that has nothing to wait for."""
        self.ask("bystander", repository=OTHER, owner="team-b")
        bystander = await self.begun()
        assert bystander.repository == OTHER
        bystander.answer.set_result(DONE)
        await self.report("bystander")


def pushes() -> list[threading.Thread]:
    """The threads of pushes that have begun and not ended."""
    return [thread for thread in threading.enumerate() if thread.name == "push"]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.end()


async def test_a_push_becomes_a_report(bench: Bench) -> None:
    bench.ask()
    assert bench.overlays.report(UID) is None, "nobody waits for the Git server"
    begun = await bench.begun()
    assert (begun.repository, begun.change) == (REPOSITORY, CHANGE)
    begun.answer.set_result(DONE)
    assert await bench.report() == OverlayReport("key", NOW, CHANGE.digest, DONE.revision)


async def test_the_same_question_is_asked_once(bench: Bench) -> None:
    bench.ask()
    begun = await bench.begun()
    bench.ask()
    await bench.nothing_begins()
    begun.answer.set_result(DONE)
    await bench.report()
    assert bench.told.empty()


@pytest.mark.parametrize(
    ("error", "terminal", "do"),
    [
        (GitDenied("it does not accept the user name and password"), True, "let that user push"),
        (GitMissing("there is no such repository"), True, "Correct spec.gitops.url"),
        (GitRejected("the server refused the commit: protected branch"), True, "which is protected or has a hook"),
        (GitUntrusted("its certificate is not trusted"), False, "under ca.crt"),
        (GitUnavailable("connection refused"), False, "Wait for the server"),
    ],
)
async def test_a_failure_says_what_where_and_whether_it_may_pass(
    bench: Bench, error: GitError, terminal: bool, do: str
) -> None:
    report = await bench.failed(error)
    assert (report.key, report.digest, report.revision) == ("key", "", "")
    assert report.error is not None
    assert (report.error.code, report.error.terminal) == (codes.GIT_PUSH.code, terminal)
    assert report.error.message.endswith(f"pushed to {REPOSITORY.url}, branch main: {error}")
    assert do in report.error.remedy


async def test_a_defect_is_a_report_too_and_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """It must not look to its owner as if the push took for ever."""
    with caplog.at_level(logging.ERROR):
        report = await bench.failed(KeyError("surprise"))
    assert report.error is not None
    assert (report.error.terminal, "KeyError" in report.error.message) == (False, True)
    assert "surprise" in caplog.text
    assert PASSWORD not in caplog.text


async def test_it_can_be_asked_again_once_it_was_answered(bench: Bench) -> None:
    await bench.failed(GitUnavailable("connection refused"))
    bench.ask()
    (await bench.begun()).answer.set_result(DONE)
    assert (await bench.report()).error is None


async def test_newer_content_is_never_overtaken_by_older(bench: Bench) -> None:
    """A push cannot be stopped once it has begun: the newer one waits for its end, though nobody awaits it any more."""
    bench.ask(key="old")
    old = await bench.begun()
    bench.ask(key="new", change=NEWER)
    await bench.nothing_begins()
    old.answer.set_result(DONE)
    new = await bench.begun()
    assert new.change == NEWER
    new.answer.set_result(DONE)
    assert (await bench.report()).digest == NEWER.digest
    assert bench.told.empty(), "the old one said something"


async def test_a_failure_that_nobody_waits_for_is_no_complaint(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """asyncio would log it, with all that led to it."""
    bench.ask(key="old")
    old = await bench.begun()
    (thread,) = pushes()
    bench.ask(key="new", change=NEWER)
    old.answer.set_exception(GitUnavailable("connection refused"))
    new = await bench.begun()
    assert new.change == NEWER
    await asyncio.to_thread(thread.join, PATIENCE)
    bench.all = [new]
    del old
    gc.collect()
    assert not caplog.records


async def test_what_waits_and_is_not_wanted_any_more_never_begins(bench: Bench) -> None:
    bench.ask("first")
    first = await bench.begun()
    bench.ask(key="old")
    await bench.nothing_begins()
    bench.ask(key="new", change=NEWER)
    first.answer.set_result(DONE)
    assert (await bench.begun()).change == NEWER


async def test_pushes_of_one_namespace_wait_for_each_other_and_others_do_not(bench: Bench) -> None:
    bench.ask("one")
    first = await bench.begun()
    bench.ask("two")
    await bench.nothing_begins()
    first.answer.set_exception(GitUnavailable("connection refused"))
    assert (await bench.begun()).repository == REPOSITORY
    assert (await bench.report("one")).error


async def test_so_many_at_once_and_no_more(bench: Bench) -> None:
    """Each may need memory that all of the operator shares."""
    for number in range(GIT_TALKS_AT_ONCE + 1):
        repository = replace(REPOSITORY, url=f"https://git.example/{number}.git")
        bench.ask(str(number), repository=repository, owner=f"team-{number}")
    begun = [await bench.begun() for _ in range(GIT_TALKS_AT_ONCE)]
    assert len(pushes()) == GIT_TALKS_AT_ONCE
    begun[0].answer.set_result(DONE)
    assert (await bench.begun()).repository.url.endswith(f"/{GIT_TALKS_AT_ONCE}.git")


async def test_a_tenants_tarpits_keep_nobody_else_waiting(bench: Bench) -> None:
    """Twenty repositories that accept a connection and never answer: two places for all made another wait for ten
    minutes."""
    for number in range(20):
        repository = replace(REPOSITORY, url=f"https://tarpit.example/{number}.git")
        bench.ask(f"tarpit-{number}", repository=repository, owner="mallory")
    assert "tarpit" in (await bench.begun()).repository.url
    bench.ask(repository=OTHER, owner="team-b")
    begun = await bench.begun()
    assert begun.repository == OTHER
    begun.answer.set_result(DONE)
    assert (await bench.report()).error is None


async def test_one_that_does_not_end_is_reported_and_keeps_its_turn(bench: Bench) -> None:
    bench.overlays = bench.with_patience(0.01)
    bench.ask()
    stuck = await bench.begun()
    report = await bench.report()
    assert report.error is not None
    assert (report.error.terminal, "does not come to an end" in report.error.message) == (False, True)
    bench.ask(key="again", change=NEWER)
    await bench.nothing_begins()
    stuck.answer.set_result(DONE)
    assert (await bench.begun()).change == NEWER


async def test_what_is_forgotten_says_nothing_any_more(bench: Bench) -> None:
    bench.ask()
    (await bench.begun()).answer.set_result(DONE)
    await bench.report()
    bench.ask(key="again")
    again = await bench.begun()
    bench.overlays.forget(UID)
    again.answer.set_result(DONE)
    await bench.nothing_begins()
    assert bench.overlays.report(UID) is None
    assert bench.told.empty()


def test_the_operator_ends_without_waiting_for_a_push() -> None:
    """And the push that ends later finds nobody, which is fine."""

    async def operator() -> Begun:
        bench = Bench()
        bench.ask()
        begun = await bench.begun()
        await asyncio.wait_for(bench.overlays.close(), PATIENCE)
        assert bench.told.empty()
        return begun

    left = asyncio.run(operator())
    (thread,) = pushes()
    assert thread.daemon
    left.answer.set_result(DONE)
    thread.join(PATIENCE)
    assert not thread.is_alive()
