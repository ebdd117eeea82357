"""One client for all registrars: what may be repeated, how long to wait, and what of an answer is never passed on.

Credentials travel in headers and, with two vendors, in the query of the URL. So no error made here holds a request, an
answer, or an exception of httpx that holds one of them, and httpx's own log lines lose their queries.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypedDict, Unpack

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_exponential

from catalyst_operator.adapters import answers
from catalyst_operator.api.labels import OPERATOR_NAME
from catalyst_operator.clock import Clock, now
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import RegistrarRateLimited, RegistrarUnavailable

VENDOR_SECONDS = 15.0
"""For one request, from the connection to the last byte of the answer."""
ATTEMPTS, READ_PATIENCE_SECONDS = 3, 8.0
"""How often a request that only reads is sent, and when no further one is begun."""
DEFAULT_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""After a rate limit: without a hint by the vendor, and at most whatever it says."""

LATE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
"""Statuses below 500 that say nothing of the request itself."""
MOST_WORDS = 200
"""Of what a vendor said."""
TELLING_PART = 8
"""So many characters of a credential in a row are too many to show."""

Pause = Callable[[float], Awaitable[None]]


class Parts(TypedDict, total=False):
    """What a request has besides its method and URL."""

    params: Mapping[str, str]
    headers: Mapping[str, str]
    json: Any
    form: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class HttpAnswer:
    """An answer below HTTP 500, in time, that is neither a redirect nor a rate limit. Its content goes into messages
    only by way of `Api`: an echo could hold credentials."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def json(self) -> Any:
        """The value it holds; None if it is not JSON, as a proxy's page is not, or more than is read."""
        try:
            return answers.parsed(self.content)
        except answers.Unusable:
            return None


Hint = Callable[[HttpAnswer, datetime], timedelta | None]


def retry_after(answer: HttpAnswer, now: datetime) -> timedelta | None:
    """What the header Retry-After asks for, in seconds or as a date; None without one that can be read."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return timedelta(seconds=min(float(text), LONGEST_WAIT.total_seconds()))
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when - now if when.tzinfo else None


class Api:
    """One vendor's API at one address, through a client that others may use as well. One is made for each talk."""

    def __init__(
        self,
        vendor: str,
        base: str,
        client: httpx.AsyncClient,
        *,
        clock: Clock = now,
        limit_seconds: float = VENDOR_SECONDS,
        pause: Pause = asyncio.sleep,
        hidden: Iterable[str] = (),
    ) -> None:
        self.vendor = vendor
        self._base = base.rstrip("/")
        self._client = client
        self._clock = clock
        self._limit_seconds = limit_seconds
        self._pause = pause
        self._hidden = tuple(filter(None, hidden))
        """Credentials: a text that has a part of one is quoted nowhere."""
        self._talk = answers.Talk()

    @property
    def base(self) -> str:
        """The address, without a slash at its end."""
        return self._base

    def at(self, base: str) -> Api:
        """The same at another address, for vendors whose credentials say which of several is theirs."""
        other = copy.copy(self)
        other._base = base.rstrip("/")
        return other

    async def rest(self, seconds: float) -> None:
        """Wait between requests, for vendors that take so many a second."""
        await self._pause(seconds)

    def now(self) -> datetime:
        """The time, for signatures and waits."""
        return self._clock()

    def url(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """The URL exactly as it is sent, for vendors that want it signed. The path begins with a slash."""
        return str(httpx.URL(self._base + path, params=params or None))

    async def read(self, method: str, path: str, *, hint: Hint = retry_after, **parts: Unpack[Parts]) -> HttpAnswer:
        """Ask for something that changes nothing; repeated for a few seconds when nobody answers or the answer is 5xx.
        Raises RegistrarRateLimited and RegistrarUnavailable."""
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(RegistrarUnavailable),
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(READ_PATIENCE_SECONDS),
            wait=wait_exponential(multiplier=0.5, max=2),
            sleep=self._pause,
            reraise=True,
        )
        return await attempts(self._send, method, path, hint, parts)

    async def change(self, method: str, path: str, *, hint: Hint = retry_after, **parts: Unpack[Parts]) -> HttpAnswer:
        """Ask for a change, once. After RegistrarUnavailable it may have been made or not: look before repeating it."""
        return await self._send(method, path, hint, parts)

    def limited(self, wait: timedelta | None = None) -> RegistrarRateLimited:
        """The error for a rate limit, for vendors that do not use HTTP 429 for it."""
        patience = min(max(DEFAULT_WAIT if wait is None else wait, timedelta(seconds=1)), LONGEST_WAIT)
        until = self._clock() + patience
        return RegistrarRateLimited(
            f"{self.vendor} takes no more requests for these credentials until {until:%H:%M:%S} UTC",
            until,
            "Nothing needs to be done: the operator asks again then.",
        )

    def passing(self, what: str, said: str = "") -> RegistrarUnavailable:
        """The error for no answer, or for one that says that it is worth trying again. `what` is a clause, in words of
        our own; `said` is the vendor's text."""
        return RegistrarUnavailable(self.quoting(f"{self.vendor}'s API {what}", said))

    def unclear(self, what: str, said: str = "") -> RegistrarUnavailable:
        """The error for an answer that is not as documented, or for a refusal that nobody knows."""
        return RegistrarUnavailable(
            self.quoting(f"{self.vendor}'s API {what}", said),
            f"Look at the account and the domain in {self.vendor}'s control panel, or set domain.mode to byo-manual.",
            unclear=True,
        )

    def quoting(self, message: str, said: str) -> str:
        """The message, with what the vendor said."""
        words = self.words(said)
        return f"{message}; it says: {words}" if words else message

    def words(self, said: str) -> str:
        """What the vendor said, as much as people need; nothing of it where a part of a credential is in it."""
        folded = said.casefold()
        if any(part in folded for value in self._hidden for part in _parts(value.casefold())):
            return ""
        return shorten(said, MOST_WORDS).rstrip(".")

    async def _send(self, method: str, path: str, hint: Hint, parts: Parts) -> HttpAnswer:
        answer = await self._exchange(method, path, parts)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self.limited(hint(answer, self._clock()))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in LATE:
            raise self.passing(f"answered with HTTP status {answer.status}")
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            raise self.unclear(f"answered with a redirect (HTTP status {answer.status}), which is not followed")
        return answer

    async def _exchange(self, method: str, path: str, parts: Parts) -> HttpAnswer:
        try:
            request = self._request(method, path, parts)
            async with asyncio.timeout(self._limit_seconds):
                return await self._answer(request)
        except answers.Unusable as error:
            wrong = self.unclear(f"sends {error}")
        except (TimeoutError, httpx.TimeoutException):
            wrong = self.passing(f"did not answer within {self._limit_seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            wrong = self.passing(f"did not answer ({_reason(error)})")
        # Raised here, since those errors hold the request with its headers and would come along as context.
        raise wrong

    async def _answer(self, request: httpx.Request) -> HttpAnswer:
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            content = await self._talk.body(response.headers, response.aiter_bytes())
        finally:
            await response.aclose()
        return HttpAnswer(response.status_code, response.headers, content)

    def _request(self, method: str, path: str, parts: Parts) -> httpx.Request:
        """Without the client's cookies: those are what vendors set in answers to other accounts."""
        request = self._client.build_request(
            method,
            self.url(path, parts.get("params")),
            headers={"User-Agent": OPERATOR_NAME, **answers.UNCOMPRESSED, **parts.get("headers", {})},
            json=parts.get("json"),
            data=parts.get("form"),
            content=parts.get("content"),
            timeout=self._limit_seconds,
        )
        request.headers.pop("Cookie", None)
        return request


def _parts(value: str) -> set[str]:
    """What of a credential must be in no text: any part of that length, or all of a short one."""
    return {value[start : start + TELLING_PART] for start in range(max(1, len(value) - TELLING_PART + 1))}


def _reason(error: Exception) -> str:
    """The kind of error; with its text where that cannot quote a header or a URL."""
    kind = type(error).__name__
    return shorten(f"{kind}: {error}") if isinstance(error, httpx.ConnectError) else kind


def _without_queries(record: logging.LogRecord) -> bool:
    """httpx logs every URL at level INFO, and a query may hold a key."""
    if isinstance(record.args, tuple):
        record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
    return True


# At import, so that no request goes out before: whoever makes one has this module.
logging.getLogger("httpx").addFilter(_without_queries)
