"""Talks with registrars: what is read and set, what is remembered of it, and what no report may hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.registrars.talks import RegistrarTalks
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.core.domains.observation import RegistrarReport, Trouble
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import (
    CatalystError,
    RegistrarCredentialsIncomplete,
    RegistrarForbidden,
    RegistrarRateLimited,
    RegistrarRefused,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)
from tests.support import gen
from tests.support.reservations import APEX, HOSTS, OLD

DOMAIN = Domain(APEX, APEX)
CREDENTIAL = "hunter2hunter2hunter2"
ACCOUNT = (RegistrarName("ovh"), {"application-secret": SecretStr(CREDENTIAL)})


@dataclass
class Vendor:
    """A registrar whose calls fail as a test says: the call, and what it raises."""

    hosts: tuple[str, ...] = OLD
    fails: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise self.fails[name]

    async def validate(self, domain: Domain) -> None:
        self._call("validate")

    async def get(self, domain: Domain) -> RegistrarView:
        self._call("get")
        return RegistrarView(self.hosts)

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        self._call("set")
        self.hosts = hosts


class Bench:
    """Talks about one name, and the time."""

    def __init__(self) -> None:
        self.now: datetime = gen.NOW
        self.vendor = Vendor()
        self.connects: Exception | None = None
        self.accounts: list[Mapping[str, SecretStr]] = []
        self.talks = self.patient(60.0)
        self.woken = 0

    def patient(self, seconds: float) -> RegistrarTalks:
        """Talks that may each take so long."""
        return RegistrarTalks(self._connect, lambda: self.now, limit_seconds=seconds)

    def _connect(self, _name: RegistrarName, account: Mapping[str, SecretStr]) -> Vendor:
        self.accounts.append(account)
        if self.connects:
            raise self.connects
        return self.vendor

    async def ask(self, hosts: tuple[str, ...] | None = None, key: str = "key") -> RegistrarReport:
        self.talks.ask("uid", key, ACCOUNT, DOMAIN, hosts, self._wake)
        for _ in range(10):
            await asyncio.sleep(0)
        report = self.talks.report("uid")
        assert report is not None
        return report

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.talks.close()


async def test_reading_changes_nothing(bench: Bench) -> None:
    bench.vendor.hosts = ("ns2.old.test", "ns1.old.test")
    report = await bench.ask()
    assert bench.vendor.calls == ["validate", "get"]
    assert report.view == RegistrarView(OLD), "sorted"
    assert (report.problem, report.set_at, report.tried_at, bench.woken) == (None, None, None, 1)


async def test_what_is_set_is_read_back(bench: Bench) -> None:
    report = await bench.ask(HOSTS)
    assert bench.vendor.calls == ["set", "get"]
    assert report.view == RegistrarView(HOSTS)
    assert (report.set_at, report.tried_at, report.set_to) == (gen.NOW, gen.NOW, HOSTS)


async def test_a_later_look_still_knows_of_the_change(bench: Bench) -> None:
    await bench.ask(HOSTS)
    bench.now += timedelta(minutes=3)
    report = await bench.ask()
    assert (report.at, report.set_at, report.set_to) == (bench.now, gen.NOW, HOSTS)


async def test_other_credentials_know_nothing_of_it(bench: Bench) -> None:
    await bench.ask(HOSTS)
    report = await bench.ask(key="another")
    assert (report.key, report.set_at, report.tried_at, report.set_to) == ("another", None, None, ())


TROUBLES: list[tuple[CatalystError, Trouble]] = [
    (RegistrarCredentialsIncomplete("the key api-key is missing", ("api-key",)), Trouble.INCOMPLETE),
    (RegistrarUnauthorized("no", "Correct it."), Trouble.UNAUTHORIZED),
    (RegistrarForbidden("no", "Correct it."), Trouble.FORBIDDEN),
    (RegistrarRefused("no", "Correct it."), Trouble.REFUSED),
    (RegistrarRateLimited("no", gen.NOW), Trouble.RATE_LIMITED),
    (RegistrarUnavailable("no", ""), Trouble.UNAVAILABLE),
    (RegistrarUnavailable("no", "", unclear=True), Trouble.UNCLEAR),
]


@pytest.mark.parametrize(("error", "trouble"), TROUBLES, ids=[t.name for _, t in TROUBLES])
@pytest.mark.parametrize("call", ["validate", "get"])
async def test_a_failure_is_a_report_and_keeps_what_was_seen_before(
    bench: Bench, call: str, error: CatalystError, trouble: Trouble
) -> None:
    await bench.ask()
    bench.vendor.fails[call] = error
    bench.vendor.hosts = HOSTS
    report = await bench.ask()
    assert report.problem is not None and report.problem.trouble is trouble
    assert report.problem.message == str(error)
    assert report.view == RegistrarView(OLD), "what was seen last"
    assert report.problem.until == (gen.NOW if trouble is Trouble.RATE_LIMITED else None)


async def test_a_secret_that_lacks_a_key_is_a_report(bench: Bench) -> None:
    bench.connects = RegistrarCredentialsIncomplete("the key api-key is missing", ("api-key",))
    report = await bench.ask()
    assert report.problem is not None and report.problem.trouble is Trouble.INCOMPLETE
    assert (report.view, bench.vendor.calls) == (None, [])


async def test_a_change_that_failed_was_tried_and_is_not_taken_for_accepted(bench: Bench) -> None:
    """Whether it was carried out is seen by the next look; when it was tried is not forgotten by that."""
    await bench.ask()
    bench.vendor.fails["set"] = RegistrarUnavailable("it did not answer", "")
    report = await bench.ask(HOSTS)
    assert (report.set_at, report.tried_at, report.view) == (None, gen.NOW, RegistrarView(OLD))
    assert report.problem is not None
    bench.now += timedelta(seconds=5)
    report = await bench.ask()
    assert (report.set_at, report.tried_at, report.problem) == (None, gen.NOW, None)


async def test_a_change_that_is_accepted_and_cannot_be_read_back_was_accepted(bench: Bench) -> None:
    await bench.ask()
    bench.vendor.fails["get"] = RegistrarRateLimited("no", gen.NOW)
    report = await bench.ask(HOSTS)
    assert (report.set_at, report.set_to, report.view) == (gen.NOW, HOSTS, RegistrarView(OLD))
    assert report.problem is not None


async def test_a_bug_is_a_report_too(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.vendor.fails["get"] = KeyError("nameServers")
    report = await bench.ask()
    assert report.problem is not None and report.problem.trouble is Trouble.UNAVAILABLE
    assert "see the operator's log" in report.problem.message
    assert "KeyError" in caplog.text
    assert CREDENTIAL not in caplog.text


async def test_a_talk_that_has_no_end_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor that lists ever more, in answers that each are in time, holds up the namespace's other names only so
    long."""

    async def for_ever(_domain: Domain) -> RegistrarView:
        await asyncio.Event().wait()
        raise AssertionError

    bench.talks = bench.patient(0.01)
    monkeypatch.setattr(bench.vendor, "get", for_ever)
    told = asyncio.Event()
    bench.talks.ask("uid", "key", ACCOUNT, DOMAIN, HOSTS, told.set)
    await told.wait()
    report = bench.talks.report("uid")
    assert report is not None and report.problem is not None
    assert (report.problem.trouble, report.set_at) == (Trouble.UNAVAILABLE, gen.NOW)
    assert report.problem.message == "the talk with ovh was not over within 0.01 s"


@pytest.mark.parametrize("hosts", [tuple(f"ns{n}.test" for n in range(5000)), ("x" * 255,)], ids=["many", "long"])
async def test_what_no_domain_can_have_is_not_kept(bench: Bench, hosts: tuple[str, ...]) -> None:
    bench.vendor.hosts = hosts
    report = await bench.ask()
    assert report.view is None
    assert report.problem is not None and report.problem.trouble is Trouble.UNCLEAR


async def test_no_credential_is_in_a_report(bench: Bench) -> None:
    assert CREDENTIAL not in repr(await bench.ask(HOSTS))


async def test_whoever_is_forgotten_is_not_remembered(bench: Bench) -> None:
    await bench.ask()
    bench.talks.forget("uid")
    assert bench.talks.report("uid") is None


async def test_the_same_trouble_again_and_again_is_counted(bench: Bench) -> None:
    bench.vendor.fails["validate"] = RegistrarUnavailable("no", unclear=True)
    assert [(await bench.ask()).tries for _ in range(3)] == [1, 2, 3]
    bench.vendor.fails["validate"] = RegistrarUnavailable("no")
    assert (await bench.ask()).tries == 1, "it is another one"
    assert (await bench.ask(key="another")).tries == 1
    del bench.vendor.fails["validate"]
    assert ((await bench.ask()).problem, (await bench.ask()).tries) == (None, 1)


@pytest.mark.parametrize("error", [RegistrarForbidden("no"), RegistrarRefused("no")])
async def test_a_change_that_is_refused_is_remembered_over_looks_that_go_well(
    bench: Bench, error: CatalystError
) -> None:
    await bench.ask()
    bench.vendor.fails["set"] = error
    for count in (1, 2):
        report = await bench.ask(HOSTS)
        assert (report.problem, report.refusals, report.set_at) == (None, count, None)
        assert report.refused is not None and report.refused.message == "no"
        assert (await bench.ask()).refused == report.refused
    del bench.vendor.fails["set"]
    report = await bench.ask(HOSTS)
    assert (report.refused, report.refusals, report.set_to) == (None, 0, HOSTS)
