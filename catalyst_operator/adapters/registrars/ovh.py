"""OVHcloud: name servers of a registered domain as a task that it carries out, and NS records where it has the zone.

After the console at eu.api.ovh.com/console (/domain and /domain/zone) and "First steps with the OVHcloud APIs", which
has the signature. The console lists no codes of refusals; those below are what clients have published of its answers,
and a refusal with another code is told by its HTTP status. What it says of tasks is their states; that a failed one
says why in `comment` is from published answers, too.

A domain whose servers are OVHcloud's own is of the type `hosted` and becomes `external` before it gets others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from catalyst_operator.adapters.registrars.http import Answer, Api
from catalyst_operator.adapters.registrars.nameservers import DELEGATION_TTL, check_hidden, check_some, full_name, tidy
from catalyst_operator.adapters.registrars.vendor import Credentials, Vendor, secret
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import (
    RegistrarError,
    RegistrarForbidden,
    RegistrarRefused,
    RegistrarUnauthorized,
)

FUNCTION = "DomainDnsUpdate"
"""What the tasks that change name servers are called."""
UNDER_WAY = frozenset({"todo", "doing"})
BROKEN = frozenset({"error", "problem", "cancelled"})
EXTERNAL = "external"
RIGHTS = (
    "GET /domain/*, PUT /domain/*, POST /domain/*/nameServers/update, and for names below a registered domain also "
    "POST and DELETE /domain/zone/*"
)
ENDPOINTS = {
    "ovh-eu": "https://eu.api.ovh.com/1.0",
    "ovh-ca": "https://ca.api.ovh.com/1.0",
    "ovh-us": "https://api.us.ovhcloud.com/1.0",
}

Item = TypeVar("Item")


class OvhCredentials(Credentials):
    """A key of an application, as made at eu.api.ovh.com/createToken, with the consumer key that was validated for it.
    `endpoint` is ovh-eu, unless the account is at ovh-ca or ovh-us."""

    application_key: SecretStr
    application_secret: SecretStr
    consumer_key: SecretStr
    endpoint: SecretStr = SecretStr("")


class _Domain(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name_server_type: str = Field(default="", alias="nameServerType")


class _Server(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    host: str
    to_delete: bool = Field(default=False, alias="toDelete")


class _Task(BaseModel):
    id: int
    status: str
    comment: str | None = None


class _Record(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: int
    sub_domain: str = Field(default="", alias="subDomain")
    field_type: str = Field(alias="fieldType")
    target: str


class _Refusal(NamedTuple):
    error: type[RegistrarUnauthorized | RegistrarForbidden | RegistrarRefused]
    message: str
    remedy: str


_NEW_KEYS = "Make keys at eu.api.ovh.com/createToken (or your region's) and put all three into the Secret."
_UNKNOWN = _Refusal(RegistrarUnauthorized, "OVHcloud does not accept the keys", _NEW_KEYS)
_SIGNED = _Refusal(
    RegistrarUnauthorized, "OVHcloud does not accept the signature: the application secret does not fit", _NEW_KEYS
)
_NOT_GRANTED = _Refusal(
    RegistrarForbidden,
    "OVHcloud's consumer key lacks a right",
    f"Make one with these rights, and put it into the Secret as consumer-key: {RIGHTS}.",
)
_NOT_THERE = _Refusal(
    RegistrarRefused,
    "the domain, or a zone of it, is not in this OVHcloud account",
    "Check the domain's name, and that the keys are of the account that holds it.",
)
_CONFLICT = _Refusal(
    RegistrarRefused,
    "OVHcloud does not change this domain's name servers now",
    "See in OVHcloud's control panel whether the domain is locked, has DNSSEC, or has another change under way.",
)
_NOT_ACCEPTED = _Refusal(
    RegistrarRefused,
    "OVHcloud does not accept the request",
    "Look at the domain in OVHcloud's control panel, or choose byo-manual and make the change there.",
)
_CODES: Mapping[str, _Refusal] = {
    "INVALID_KEY": _UNKNOWN,
    "INVALID_CREDENTIAL": _UNKNOWN,
    "NOT_CREDENTIAL": _UNKNOWN,
    "INVALID_SIGNATURE": _SIGNED,
    "NOT_GRANTED_CALL": _NOT_GRANTED,
}
_STATUSES: Mapping[int, _Refusal] = {
    HTTPStatus.UNAUTHORIZED: _UNKNOWN,
    HTTPStatus.FORBIDDEN: _NOT_GRANTED,
    HTTPStatus.NOT_FOUND: _NOT_THERE,
    HTTPStatus.CONFLICT: _CONFLICT,
    HTTPStatus.BAD_REQUEST: _NOT_ACCEPTED,
}


class Ovh:
    """One OVHcloud account; see `registrar.Registrar`."""

    def __init__(self, credentials: OvhCredentials, api: Api) -> None:
        self._credentials = credentials
        self._api = _at_home(credentials, api)
        self._ahead: int | None = None
        """How many seconds OVHcloud's clock is ahead of ours: a signature that is off by more is refused."""

    async def validate(self, domain: Domain) -> None:
        """See Registrar."""
        await self._domain(domain)
        if domain.is_registered:
            return
        if not await self._records(domain, domain.label, "NS"):
            await self._check_hidden(domain, ())

    async def get(self, domain: Domain) -> RegistrarView:
        """See Registrar."""
        if not domain.is_registered:
            return RegistrarView(tidy(record.target for record in await self._records(domain, domain.label, "NS")))
        servers = await self._each(f"{_path(domain)}/nameServer", _Server)
        hosts = tidy(server.host for server in servers if not server.to_delete)
        last = await self._last_task(domain)
        if last is None:
            return RegistrarView(hosts)
        pending = f"OVHcloud's task {last.id} is {last.status}" if last.status in UNDER_WAY else ""
        why = f": {last.comment}" if last.comment else ""
        failed = shorten(f"OVHcloud's task {last.id} ended as {last.status}{why}") if last.status in BROKEN else ""
        return RegistrarView(hosts, pending, failed)

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        """See Registrar."""
        check_some(domain, hosts)
        wanted = tidy(hosts)
        if domain.is_registered:
            await self._flip(domain, wanted)
        else:
            await self._delegate(domain, wanted)

    async def _flip(self, domain: Domain, wanted: tuple[str, ...]) -> None:
        """A change that is under way is not joined by a second one: OVHcloud would refuse it."""
        seen = await self.get(domain)
        if seen.pending or seen.nameservers == wanted:
            return
        found = await self._domain(domain)
        if found.name_server_type != EXTERNAL:
            await self._change("PUT", _path(domain), {"nameServerType": EXTERNAL})
        body = {"nameServers": [{"host": host} for host in wanted]}
        await self._change("POST", f"{_path(domain)}/nameServers/update", body)

    async def _delegate(self, domain: Domain, wanted: tuple[str, ...]) -> None:
        """Records are added before others go, and all of it is published at once by the refresh."""
        zone = _zone(domain)
        there = await self._records(domain, domain.label, "NS")
        if wanted and not there:
            await self._check_hidden(domain, wanted)
        known = {host: record for record in there for host in tidy([record.target])}
        for host in wanted:
            if host not in known:
                body = {"fieldType": "NS", "subDomain": domain.label, "target": f"{host}.", "ttl": DELEGATION_TTL}
                await self._change("POST", f"{zone}/record", body)
        for record in there:
            if tidy([record.target])[0] not in wanted:
                await self._change("DELETE", f"{zone}/record/{record.id}")
        # Also when nothing had to change: an earlier attempt may have ended just before this.
        await self._change("POST", f"{zone}/refresh")

    async def _check_hidden(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        records = await self._each(f"{_zone(domain)}/record", _Record)
        found = ((full_name(domain, one.sub_domain), one.field_type) for one in records)
        check_hidden(domain, hosts, found, "OVHcloud")

    async def _domain(self, domain: Domain) -> _Domain:
        return self._parsed(_Domain, await self._read(_path(domain)))

    async def _records(self, domain: Domain, label: str, kind: str) -> list[_Record]:
        query = {"fieldType": kind, "subDomain": label}
        return await self._each(f"{_zone(domain)}/record", _Record, query)

    async def _last_task(self, domain: Domain) -> _Task | None:
        ids = await self._ids(f"{_path(domain)}/task", {"function": FUNCTION})
        return self._parsed(_Task, await self._read(f"{_path(domain)}/task/{max(ids)}")) if ids else None

    async def _each(self, path: str, model: type[Item], query: Mapping[str, str] | None = None) -> list[Item]:
        """OVHcloud lists identifiers, and tells of each when asked for it."""
        ids = await self._ids(path, query)
        return [self._parsed(model, await self._read(f"{path}/{number}")) for number in sorted(ids)]

    async def _ids(self, path: str, query: Mapping[str, str] | None = None) -> tuple[int, ...]:
        return self._parsed(tuple[int, ...], await self._read(path, query))

    # --- one request --------------------------------------------------------------------------------------------------

    async def _read(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        headers = await self._headers("GET", path, query, "")
        return self._accepted(await self._api.read("GET", path, headers=headers, params=query or {}))

    async def _change(self, method: str, path: str, body: Any = None) -> None:
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        headers = await self._headers(method, path, None, text)
        self._accepted(await self._api.change(method, path, headers=headers, content=text.encode()))

    async def _headers(self, method: str, path: str, query: Mapping[str, str] | None, body: str) -> dict[str, str]:
        keys = self._credentials
        stamp = str(int(self._api.now().timestamp()) + await self._clock_ahead())
        parts = (
            secret(keys.application_secret),
            secret(keys.consumer_key),
            method,
            self._api.url(path, query),
            body,
            stamp,
        )
        # OVHcloud's scheme is SHA-1; nothing else is accepted.
        signature = hashlib.sha1("+".join(parts).encode(), usedforsecurity=False).hexdigest()
        return {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Ovh-Application": secret(keys.application_key),
            "X-Ovh-Consumer": secret(keys.consumer_key),
            "X-Ovh-Timestamp": stamp,
            "X-Ovh-Signature": f"$1${signature}",
        }

    async def _clock_ahead(self) -> int:
        if self._ahead is None:
            theirs = self._parsed(int, await self._api.read("GET", "/auth/time"))
            self._ahead = theirs - int(self._api.now().timestamp())
        return self._ahead

    def _accepted(self, answer: Answer) -> Answer:
        """A success as it is. Raises what a refusal means; an answer that is not JSON is a proxy's."""
        if answer.ok:
            return answer
        body = answer.json()
        code = str(body.get("errorCode") or "") if isinstance(body, dict) else ""
        refusal = _CODES.get(code) or _STATUSES.get(answer.status)
        if not isinstance(body, dict) or refusal is None:
            raise self._api.puzzled(f"answered with HTTP status {answer.status} and without a reason")
        raise refusal.error(refusal.message, refusal.remedy)

    def _parsed(self, model: type[Item], answer: Answer) -> Item:
        try:
            return TypeAdapter(model).validate_python(answer.json())
        except ValidationError:
            error: RegistrarError = self._api.puzzled("answered otherwise than its documents say")
        raise error


def _at_home(credentials: OvhCredentials, api: Api) -> Api:
    """The region that the account is in; a proxy's or an emulator's address stands for any of them."""
    region = secret(credentials.endpoint)
    if region and region not in ENDPOINTS:
        raise RegistrarUnauthorized(
            "endpoint in the Secret is none of OVHcloud's", f"Set it to one of {', '.join(ENDPOINTS)}, or leave it out."
        )
    return api.at(ENDPOINTS[region]) if region and api.base == ENDPOINTS["ovh-eu"] else api


def _path(domain: Domain) -> str:
    return f"/domain/{quote(domain.registered, safe='')}"


def _zone(domain: Domain) -> str:
    return f"/domain/zone/{quote(domain.registered, safe='')}"


VENDOR = Vendor("OVHcloud", ENDPOINTS["ovh-eu"], (OvhCredentials,), Ovh)
