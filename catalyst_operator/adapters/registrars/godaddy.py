"""GoDaddy: name servers of a registered domain, and NS records where GoDaddy hosts the domain's zone.

The Domains API, version 1, by the reference at developer.godaddy.com/doc/endpoint/domains: paths, bodies and statuses.
The reference does not list the codes of refusals; those below are what clients have published of its answers, and a
code that is not among them is told by its HTTP status and in GoDaddy's own words. Since May 2024 the API is closed to
accounts with fewer than ten domains and without a Discount Domain Club plan; no document of GoDaddy's reference says
so, its support does.

A domain that has left GoDaddy's name servers may keep a zone there that nobody asks any more. It is told by the zone's
own NS records: they name other servers than the domain has.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from catalyst_operator.adapters.registrars.http import Api, HttpAnswer, retry_after
from catalyst_operator.adapters.registrars.nameservers import DELEGATION_TTL, check_hidden, check_some, full_name, tidy
from catalyst_operator.adapters.registrars.vendor import Credentials, Vendor, secret
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import (
    RegistrarError,
    RegistrarForbidden,
    RegistrarRefused,
    RegistrarUnauthorized,
)

ACTIVE, PENDING = "ACTIVE", "PENDING"
"""A domain's status when all is well, and how the statuses begin that say that it is being worked on."""
ZONE = "@"
"""The name of a zone's own records."""

MOST_RECORDS = 500
"""Of a zone in one answer. No document says how to ask for more, so that a full answer may be a part of all."""

PASSING = frozenset({"TOO_MANY_REQUESTS", "TIMEOUT", "SERVICE_UNAVAILABLE", "UNAVAILABLE"})
"""Codes of refusals that pass, with whatever HTTP status they come."""

Item = TypeVar("Item")


class GoDaddyCredentials(Credentials):
    """A key for production, as made at developer.godaddy.com/keys."""

    api_key: SecretStr
    api_secret: SecretStr


class _Details(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    status: str
    name_servers: tuple[str, ...] | None = Field(default=None, alias="nameServers")


class _Record(BaseModel):
    name: str = ZONE
    type: str = "NS"
    data: str


class _Refusal(NamedTuple):
    error: type[RegistrarUnauthorized | RegistrarForbidden | RegistrarRefused]
    message: str
    remedy: str


_KEY_REMEDY = (
    "Make a key for the environment Production at developer.godaddy.com/keys and put its two parts into the Secret."
)
_UNKNOWN_KEY = _Refusal(RegistrarUnauthorized, "GoDaddy does not accept the API key and secret", _KEY_REMEDY)
_CLOSED = _Refusal(
    RegistrarForbidden,
    "GoDaddy does not let this account use the API for the domain",
    "GoDaddy's API is open to accounts with at least ten domains or a Discount Domain Club plan. "
    "Otherwise choose byo-manual and set the name servers in GoDaddy's control panel.",
)
_FORBIDDEN = _Refusal(
    RegistrarForbidden,
    "GoDaddy forbids the request",
    "Look at the account and the domain in GoDaddy's control panel, or choose byo-manual and set the name servers "
    "there.",
)
_NOT_THERE = _Refusal(
    RegistrarRefused,
    "the domain, or a zone of it, is not in this GoDaddy account",
    "Check the domain's name, and that the API key belongs to the account that holds it.",
)
_NOT_ELIGIBLE = _Refusal(
    RegistrarRefused,
    "GoDaddy does not let this domain's name servers be changed now",
    "Check in GoDaddy's control panel that the domain is active; changes of a domain with Domain Protection need a "
    "second factor and are made there.",
)
_NO_SUCH_SERVERS = _Refusal(
    RegistrarRefused,
    "GoDaddy does not accept these name servers",
    "GoDaddy wants at least two name servers, each a host that resolves and is known to the registry.",
)
_NOT_ACCEPTED = _Refusal(
    RegistrarRefused,
    "GoDaddy does not accept the request",
    "Check the domain in GoDaddy's control panel, or choose byo-manual and make the change there.",
)

_CODES: Mapping[str, _Refusal] = {
    "UNABLE_TO_AUTHENTICATE": _UNKNOWN_KEY,
    "MALFORMED_CREDENTIALS": _UNKNOWN_KEY,
    "ACCESS_DENIED": _CLOSED,
    "UNKNOWN_DOMAIN": _NOT_THERE,
    "INACTIVE_DOMAIN": _NOT_ELIGIBLE,
    "MISSING_NAME_SERVER": _NO_SUCH_SERVERS,
    "FAILED_NAME_SERVER_VALIDATION": _NO_SUCH_SERVERS,
}
_STATUSES: Mapping[int, _Refusal] = {
    HTTPStatus.UNAUTHORIZED: _UNKNOWN_KEY,
    HTTPStatus.FORBIDDEN: _FORBIDDEN,
    HTTPStatus.NOT_FOUND: _NOT_THERE,
    HTTPStatus.CONFLICT: _NOT_ELIGIBLE,
    HTTPStatus.UNPROCESSABLE_ENTITY: _NOT_ACCEPTED,
    HTTPStatus.BAD_REQUEST: _NOT_ACCEPTED,
}


class GoDaddy:
    """One GoDaddy account; see `registrar.Registrar`."""

    def __init__(self, credentials: GoDaddyCredentials, api: Api) -> None:
        self._credentials = credentials
        self._api = api

    async def validate(self, domain: Domain) -> None:
        """See Registrar."""
        details = await self._details(domain)
        if details.status != ACTIVE:
            raise RegistrarRefused(f"{domain.registered} is not active at GoDaddy", _NOT_ELIGIBLE.remedy)
        if domain.is_registered:
            return
        zone = await self._hosts(domain, ZONE)
        if not set(zone) & set(tidy(details.name_servers or ())):
            raise RegistrarRefused(
                f"{domain.registered} is not served by its zone at GoDaddy: its name servers are others",
                f"Make the NS records for {domain.name} where {domain.registered} is served, and choose byo-manual.",
            )
        if not await self._hosts(domain, domain.label):
            await self._check_hidden(domain, ())

    async def get(self, domain: Domain) -> RegistrarView:
        """See Registrar."""
        if not domain.is_registered:
            return RegistrarView(await self._hosts(domain, domain.label))
        details = await self._details(domain)
        pending = "GoDaddy is working on the domain" if details.status.startswith(PENDING) else ""
        return RegistrarView(tidy(details.name_servers or ()), pending)

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        """See Registrar."""
        check_some(domain, hosts)
        wanted = tidy(hosts)
        if domain.is_registered:
            await self._change("PATCH", _path(domain), json={"nameServers": wanted})
        elif (there := await self._hosts(domain, domain.label)) != wanted:
            await self._delegate(domain, there, wanted)

    async def _delegate(self, domain: Domain, there: tuple[str, ...], wanted: tuple[str, ...]) -> None:
        """PUT and DELETE concern the NS records of this one name alone."""
        path = _path(domain, domain.label)
        if not wanted:
            await self._change("DELETE", path)
            return
        if not there:
            await self._check_hidden(domain, wanted)
        await self._change("PUT", path, json=[{"data": host, "ttl": DELEGATION_TTL} for host in wanted])

    async def _check_hidden(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        path = f"{_path(domain)}/records"
        records = self._parsed(tuple[_Record, ...], await self._read(path))
        check_hidden(domain, hosts, ((full_name(domain, one.name), one.type) for one in records), "GoDaddy")
        if len(records) >= MOST_RECORDS:
            raise RegistrarRefused(
                f"GoDaddy shows only the first {MOST_RECORDS} records of {domain.registered}, so that nobody sees "
                f"whether the delegation of {domain.name} would hide others",
                f"Make the NS records for {domain.name} in GoDaddy's control panel, and choose byo-manual.",
            )

    async def _details(self, domain: Domain) -> _Details:
        return self._parsed(_Details, await self._read(_path(domain)))

    async def _hosts(self, domain: Domain, name: str) -> tuple[str, ...]:
        """Where the NS records of a name in the domain's zone point."""
        records = self._parsed(tuple[_Record, ...], await self._read(_path(domain, name)))
        return tidy(record.data for record in records)

    async def _read(self, path: str) -> HttpAnswer:
        return self._accepted(await self._api.read("GET", path, hint=_wait, headers=self._headers()))

    async def _change(self, method: str, path: str, json: Any = None) -> None:
        self._accepted(await self._api.change(method, path, hint=_wait, headers=self._headers(), json=json))

    def _headers(self) -> dict[str, str]:
        key, value = secret(self._credentials.api_key), secret(self._credentials.api_secret)
        return {"Authorization": f"sso-key {key}:{value}", "Accept": "application/json"}

    def _accepted(self, answer: HttpAnswer) -> HttpAnswer:
        """A success as it is. Raises what a refusal means; an answer that is no JSON object is not GoDaddy's own, but a
        proxy's."""
        if answer.ok:
            return answer
        body = answer.json()
        if not isinstance(body, dict):
            raise self._api.unclear(f"answered with HTTP status {answer.status} and without a reason")
        code, said = (str(body.get(key) or "") for key in ("code", "message"))
        if code in PASSING:
            raise self._api.passing("has no time for the request", said or code)
        if known := _CODES.get(code):
            raise known.error(known.message, known.remedy)
        refusal = _STATUSES.get(answer.status)
        if refusal is None:
            raise self._api.unclear(f"refuses the request with HTTP status {answer.status}", said or code)
        raise refusal.error(self._api.quoting(refusal.message, said or code), refusal.remedy)

    def _parsed(self, model: type[Item], answer: HttpAnswer) -> Item:
        try:
            return TypeAdapter(model).validate_python(answer.json())
        except ValidationError:
            error: RegistrarError = self._api.unclear("answered otherwise than its documents say")
        raise error


def _path(domain: Domain, name: str = "") -> str:
    """The domain, or the NS records of a name in its zone."""
    records = f"/records/NS/{quote(name, safe='@')}" if name else ""
    return f"/v1/domains/{quote(domain.registered, safe='')}{records}"


def _wait(answer: HttpAnswer, now: datetime) -> timedelta | None:
    """How long a rate limit lasts: GoDaddy says it in the body."""
    body = answer.json()
    seconds = body.get("retryAfterSec") if isinstance(body, dict) else None
    if isinstance(seconds, int) and 0 < seconds < timedelta(days=1).total_seconds():
        return timedelta(seconds=seconds)
    return retry_after(answer, now)


VENDOR = Vendor("GoDaddy", "https://api.godaddy.com", (GoDaddyCredentials,), GoDaddy)
