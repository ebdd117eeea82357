"""PowerDNS' REST API, as far as zones and their record sets go. One object serves one server.

Whose a zone is stands in its account; whose a record set is, in the account of its comment. Both are written together
with what they mark, so that no crash leaves anything without its owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import BaseModel, SecretStr, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from catalyst_operator.adapters import answers
from catalyst_operator.api.labels import OPERATOR_NAME
from catalyst_operator.core.domains.claims.names import absolute, plain
from catalyst_operator.core.domains.zone import RRset, Zone
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import DnsConflict, DnsDenied, DnsRefused, DnsUnavailable

POWERDNS_SECONDS = 5.0
"""For one request, from the connection to the last byte of the answer."""
POWERDNS_ATTEMPTS = 2
MAX_ZONE_BYTES, MAX_ZONE_VALUES = 16 * answers.MIB, 8 * answers.MAX_ANSWER_VALUES
"""Of an answer: an old server gives a pool domain's whole zone, with the records of thousands of Sovereigns."""
COMMENT = "Made by catalyst-operator; removed with its DomainReservation."
URL_SETTING = "the operator's setting CATALYST_POWERDNS_URL"
KIND = "Native"
"""The servers share a database. With secondaries that transfer zones, have them follow by a catalog or superprimary."""

Object = dict[str, Any]


class _Record(BaseModel):
    content: str
    disabled: bool = False


class _Comment(BaseModel):
    content: str = ""
    account: str = ""


class _RRset(BaseModel):
    name: str
    type: str
    ttl: int = 0
    records: tuple[_Record, ...] = ()
    comments: tuple[_Comment, ...] = ()


class _Zone(BaseModel):
    name: str
    account: str = ""
    rrsets: tuple[_RRset, ...] = ()


class PowerDns:
    """One server, by the URL of its API such as http://powerdns:8081. The client is not closed here."""

    def __init__(
        self,
        url: str,
        key: SecretStr,
        client: httpx.AsyncClient,
        *,
        server_id: str = "localhost",
        limit_seconds: float = POWERDNS_SECONDS,
    ) -> None:
        self._base = f"{url.rstrip('/')}/api/v1/servers/{server_id}/zones"
        self._headers = {
            "X-API-Key": key.get_secret_value(),
            "User-Agent": OPERATOR_NAME,
            "Accept": "application/json",
            **answers.UNCOMPRESSED,
        }
        self._client = client
        self._limit_seconds = limit_seconds
        self._shared = _SharedReads()
        self.selects = True
        """Whether it gives the record sets of one name when asked for them; 4.7 and older give all."""
        self._writing = asyncio.Lock()
        """Over SQLite, of two changes at a time one fails; other databases have them wait for each other."""

    async def zone(self, name: str, only: str = "") -> Zone | None:
        """The zone with all its record sets, or with those of one name only (older servers give all the same); None if
        there is no such zone. Raises DnsError."""
        if not only or not self.selects:
            # A pool's zone has the records of thousands of names, and many passes at once want to see it.
            return await self._shared.read(name, lambda: self._read(f"/{absolute(name)}"))
        found = await self._read(f"/{absolute(name)}?rrset_name={absolute(only)}")
        self.selects = found is None or all(rrset.name == only for rrset in found.rrsets)
        return found

    async def _read(self, path: str) -> Zone | None:
        answer = await self._repeatedly("GET", path)
        return None if answer is None else _parsed(answer)

    async def create(self, zone: Zone) -> None:
        """Raises DnsConflict when a zone of the name exists."""
        async with self._writing:
            made = await self._once("POST", "", wire(zone))
        if made is None:
            # Elsewhere a 404 says that a zone is not there; here, that there is nothing that could have one.
            raise DnsUnavailable(f"it has no zones at that address; see {URL_SETTING}")

    async def change(self, zone: str, changes: Sequence[RRset]) -> None:
        """Replace record sets, or remove those without values; all of them or none."""
        body = {"rrsets": [{**_wire(rrset), "changetype": _change(rrset)} for rrset in changes]}
        async with self._writing:
            await self._repeatedly("PATCH", f"/{absolute(zone)}", body)

    async def delete(self, zone: str) -> None:
        """Deleting what is gone is fine."""
        async with self._writing:
            await self._repeatedly("DELETE", f"/{absolute(zone)}")

    async def _repeatedly(self, method: str, path: str, body: Object | None = None) -> Object | None:
        """A request whose repetition changes nothing, tried once more when nobody answered."""
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(DnsUnavailable),
            stop=stop_after_attempt(POWERDNS_ATTEMPTS),
            wait=wait_fixed(0.2),
            reraise=True,
        )
        return await attempts(self._once, method, path, body)

    async def _once(self, method: str, path: str, body: Object | None = None) -> Object | None:
        """The JSON of the answer, {} where it has none, or None for what is not there."""
        request = self._client.build_request(
            method, self._base + path, headers=self._headers, json=body, timeout=self._limit_seconds
        )
        try:
            async with asyncio.timeout(self._limit_seconds):
                response, content = await self._answer(request)
        except answers.Unusable as error:
            reason = f"it sends {error}"
        except (TimeoutError, httpx.TimeoutException):
            reason = f"it did not answer within {self._limit_seconds:g} s"
        except (httpx.HTTPError, OSError) as error:
            reason = f"it did not answer ({f'{type(error).__name__}: {error}'.removesuffix(': ')})"
        else:
            return _accept(response, content)
        # Raised here: httpx' errors hold the request with its headers.
        raise DnsUnavailable(shorten(reason))

    async def _answer(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        response = await self._client.send(request, stream=True)
        try:
            talk = answers.Talk(MAX_ZONE_BYTES)
            return response, await talk.body(response.headers, response.aiter_bytes())
        finally:
            await response.aclose()


class _SharedReads:
    """Of readings of one zone there is one at a time. Whoever asks meanwhile shares the next one with all that do, so
    that nobody is given what was read before they asked."""

    def __init__(self) -> None:
        self._next: dict[str, asyncio.Task[Zone | None]] = {}
        self._running: dict[str, asyncio.Task[Zone | None]] = {}

    async def read(self, name: str, read: Callable[[], Awaitable[Zone | None]]) -> Zone | None:
        """What `read` finds, begun by this call or by another one after it. Raises as `read` does."""
        if name not in self._next:
            task = self._next[name] = asyncio.create_task(self._in_turn(name, read), name=f"read zone {name}")
            # Whoever asked may have been given up.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._next[name])

    async def _in_turn(self, name: str, read: Callable[[], Awaitable[Zone | None]]) -> Zone | None:
        if name in self._running:
            await asyncio.wait((self._running[name],))
        self._running[name] = self._next.pop(name)
        try:
            return await read()
        finally:
            del self._running[name]


def _accept(response: httpx.Response, content: bytes) -> Object | None:
    status, body = response.status_code, _json(content)
    if status == HTTPStatus.NOT_FOUND and "error" not in body:
        # A proxy before it, or somebody else: a zone that is there must not be taken for gone.
        raise DnsUnavailable(f"HTTP status 404 comes from somebody else; see {URL_SETTING}")
    if status == HTTPStatus.NOT_FOUND:
        return None
    if response.is_success:
        return body
    said = shorten(str(body.get("error", "")) or f"HTTP status {status}")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise DnsDenied("it does not accept the API key")
    if status == HTTPStatus.CONFLICT:
        raise DnsConflict(f"it says: {said}")
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        raise DnsRefused(f"it refused the change: {said}")
    raise DnsUnavailable(f"it answered with an error: {said}")


def _json(content: bytes) -> Object:
    """The object that an answer holds, {} where it has none. Raises DnsUnavailable for one of too many values."""
    try:
        body = answers.parsed(content, MAX_ZONE_VALUES) if content else {}
    except answers.TooLong as error:
        raise DnsUnavailable(f"it sends {error}") from None
    except answers.Unusable:
        return {}
    return body if isinstance(body, dict) else {}


def _parsed(answer: Mapping[str, Any]) -> Zone:
    try:
        found = _Zone.model_validate(answer)
    except ValidationError as error:
        raise DnsUnavailable(f"its answer cannot be read ({error.errors()[0]['msg']})") from None
    return Zone(plain(found.name), found.account, tuple(map(_rrset, found.rrsets)))


def _rrset(found: _RRset) -> RRset:
    values = tuple(sorted(record.content for record in found.records if not record.disabled))
    return RRset(plain(found.name), found.type, found.ttl, values, _mark(found.comments))


def _mark(comments: Sequence[_Comment]) -> str:
    """Whose it is: as our own comment says, whatever people have noted beside it."""
    ours = (comment.account for comment in comments if comment.content == COMMENT)
    return next(ours, comments[0].account if comments else "")


def wire(zone: Zone) -> Object:
    """A zone to create, as the API takes it."""
    return {
        "name": absolute(zone.name),
        "kind": KIND,
        "account": zone.mark,
        "soa_edit_api": "DEFAULT",
        "nameservers": [],
        "rrsets": [_wire(rrset) for rrset in zone.rrsets],
    }


def _wire(rrset: RRset) -> Object:
    named: Object = {"name": absolute(rrset.name), "type": rrset.type}
    if not rrset.values:
        return named
    return {
        **named,
        "ttl": rrset.ttl,
        "records": [{"content": value, "disabled": False} for value in rrset.values],
        "comments": [{"content": COMMENT, "account": rrset.mark}],
    }


def _change(rrset: RRset) -> str:
    return "REPLACE" if rrset.values else "DELETE"
