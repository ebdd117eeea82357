"""What all registrars' adapters have from their one client: repeats, waits, and errors without credentials."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from catalyst_operator.adapters.registrars.http import ATTEMPTS, Api, HttpAnswer, retry_after
from catalyst_operator.errors import RegistrarRateLimited, RegistrarUnavailable
from tests.unit.adapters.registrars.lab import printed

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = "hunter2hunter2hunter2"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
Respond = Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers requests one after the other with what it is given; an exception is a connection that breaks."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self.rests: list[float] = []
        self._answers = list(answers)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def api(self) -> Api:
        """A client whose rests take no time."""

        async def rest(seconds: float) -> None:
            self.rests.append(seconds)

        client = httpx.AsyncClient(transport=httpx.MockTransport(self._respond), follow_redirects=True)
        return Api("Vendor", "https://api.vendor.test/v1/", client, clock=lambda: NOW, pause=rest)


OK = httpx.Response(200, json={"fine": True})
BROKEN = httpx.Response(503)


class TestRepeats:
    @pytest.mark.parametrize(
        "passing", [BROKEN, httpx.Response(408), httpx.ConnectError("refused"), httpx.ReadError("reset")]
    )
    async def test_a_read_is_repeated(self, passing: httpx.Response | Exception) -> None:
        server = Server(passing, OK)
        assert (await server.api().read("GET", "/things")).json() == {"fine": True}
        assert len(server.requests) == 2

    async def test_for_a_few_seconds_only(self) -> None:
        server = Server(BROKEN)
        with pytest.raises(RegistrarUnavailable, match="HTTP status 503"):
            await server.api().read("GET", "/things")
        assert len(server.requests) == ATTEMPTS
        assert sum(server.rests) < 5

    @pytest.mark.parametrize("final", [httpx.Response(401), httpx.Response(404)])
    async def test_a_refusal_is_not_repeated(self, final: httpx.Response) -> None:
        server = Server(final)
        assert not (await server.api().read("GET", "/things")).ok
        assert len(server.requests) == 1

    @pytest.mark.parametrize("trouble", [BROKEN, httpx.ConnectError("refused"), httpx.ReadTimeout("late")])
    async def test_a_change_is_never_repeated(self, trouble: httpx.Response | Exception) -> None:
        server = Server(trouble, OK)
        with pytest.raises(RegistrarUnavailable):
            await server.api().change("PUT", "/things", json={})
        assert len(server.requests) == 1


@pytest.mark.parametrize("text", ["", "<html>", "[" * 100_000, "9" * 5000])
async def test_what_is_no_json_holds_no_value(text: str) -> None:
    server = Server(httpx.Response(200, text=text))
    assert (await server.api().read("GET", "/things")).json() is None


class TestWaits:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("120", 120),
            ("0", 1),
            ("Sun, 01 Mar 2026 12:05:00 GMT", 300),
            ("Sun, 01 Mar 2026 11:00:00 GMT", 1),
            ("999999999999999999999", 3600),
            ("9" * 5000, 3600),
            ("soon", 60),
            ("", 60),
        ],
    )
    async def test_until_the_vendor_says(self, header: str, seconds: int) -> None:
        server = Server(httpx.Response(429, headers={"Retry-After": header}))
        with pytest.raises(RegistrarRateLimited) as caught:
            await server.api().read("GET", "/things")
        assert caught.value.until == NOW + timedelta(seconds=seconds)
        assert caught.value.remedy
        assert len(server.requests) == 1

    async def test_a_vendor_with_a_hint_elsewhere(self) -> None:
        server = Server(httpx.Response(429, json={"wait": 7}))

        def hint(answer: HttpAnswer, now: datetime) -> timedelta | None:
            return timedelta(seconds=answer.json()["wait"])

        with pytest.raises(RegistrarRateLimited) as caught:
            await server.api().change("PUT", "/things", hint=hint)
        assert caught.value.until == NOW + timedelta(seconds=7)

    def test_a_date_without_a_zone_is_none(self) -> None:
        answer = HttpAnswer(429, httpx.Headers({"Retry-After": "Sun, 01 Mar 2026 12:05:00 -0000"}), b"")
        assert retry_after(answer, NOW) is None


class TestWhatIsSent:
    async def test_redirects_are_not_followed(self) -> None:
        """The credentials are for this address alone."""
        server = Server(httpx.Response(302, headers={"Location": "https://elsewhere.test/"}))
        with pytest.raises(RegistrarUnavailable, match="redirect"):
            await server.api().change("GET", "/things", headers=HEADERS)
        assert [request.url.host for request in server.requests] == ["api.vendor.test"]

    async def test_cookies_of_others_are_not(self) -> None:
        server = Server(httpx.Response(200, headers={"Set-Cookie": "session=theirs"}))
        api = server.api()
        for _ in range(2):
            await api.read("GET", "/things")
        assert all("Cookie" not in request.headers for request in server.requests)

    async def test_the_url_is_the_one_that_was_signed(self) -> None:
        server = Server(OK)
        api = server.api()
        await api.read("GET", "/things", params={"name": "a b&c/d"})
        assert str(server.requests[0].url) == api.url("/things", {"name": "a b&c/d"})

    async def test_a_form(self) -> None:
        server = Server(OK)
        await server.api().change("POST", "/things", form={"ns": "a,b"})
        assert server.requests[0].content == b"ns=a%2Cb"

    async def test_another_address_of_the_same_vendor(self) -> None:
        server = Server(OK)
        await server.api().at("https://eu.vendor.test/").read("GET", "/things")
        assert str(server.requests[0].url) == "https://eu.vendor.test/things"


class TestCredentials:
    @pytest.mark.parametrize(
        "trouble",
        [
            httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'"),
            httpx.ReadTimeout("late"),
            httpx.UnsupportedProtocol(f"no scheme in {TOKEN}"),
            httpx.Response(500, text=f"token {TOKEN} is broken"),
            httpx.Response(429, text=TOKEN),
        ],
    )
    async def test_are_in_no_error(self, trouble: httpx.Response | Exception) -> None:
        server = Server(trouble)
        for attempt in (server.api().read, server.api().change):
            with pytest.raises((RegistrarUnavailable, RegistrarRateLimited)) as caught:
                await attempt("GET", "/things", headers=HEADERS, params={"key": TOKEN})
            assert TOKEN not in printed(caught.value)
            assert caught.value.__cause__ is None

    async def test_why_there_is_no_connection_is_told(self) -> None:
        with pytest.raises(RegistrarUnavailable, match=r"Vendor's API did not answer \(ConnectError: no such host\)"):
            await Server(httpx.ConnectError("no such host")).api().read("GET", "/things")

    async def test_are_in_no_line_of_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        await Server(OK).api().read("GET", "/things", params={"key": TOKEN})
        assert any("api.vendor.test" in record.getMessage() for record in caplog.records)
        assert not any(TOKEN in f"{record.getMessage()} {record.args!r}" for record in caplog.records)
