"""OVHcloud's API, signed: one request, lists of what has identifiers, and what a refusal means.

"First steps with the OVHcloud APIs" has the signature; the codes are those that OVHcloud's own clients know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

from pydantic import SecretStr, TypeAdapter, ValidationError

from catalyst_operator.adapters.registrars.http import Api, HttpAnswer
from catalyst_operator.adapters.registrars.vendor import Credentials, secret
from catalyst_operator.errors import (
    RegistrarError,
    RegistrarForbidden,
    RegistrarRefused,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)

OUT_OF_TIME = "QUERY_TIME_OUT"
EXPIRED = 460
"""HTTP status of OVHcloud's own for a service that was not renewed."""
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


class _Refusal(NamedTuple):
    error: type[RegistrarUnauthorized | RegistrarForbidden | RegistrarRefused]
    message: str
    remedy: str


_NEW_KEYS = "Make keys at eu.api.ovh.com/createToken (or your region's) and put all three into the Secret."
_UNKNOWN = _Refusal(RegistrarUnauthorized, "OVHcloud does not accept the keys", _NEW_KEYS)
_SIGNED = _Refusal(
    RegistrarUnauthorized, "OVHcloud does not accept the signature: the application secret does not fit", _NEW_KEYS
)
NOT_GRANTED = _Refusal(
    RegistrarForbidden,
    "OVHcloud's consumer key lacks a right",
    f"Make one with these rights, and put it into the Secret as consumer-key: {RIGHTS}.",
)
_FORBIDDEN = _Refusal(
    RegistrarForbidden,
    "OVHcloud forbids the request",
    f"See in OVHcloud's control panel whether the account, the keys or the service are restricted; the consumer key "
    f"needs these rights: {RIGHTS}.",
)
_EXPIRED = _Refusal(
    RegistrarRefused,
    "OVHcloud says that the domain, or a zone of it, is expired",
    "Renew it in OVHcloud's control panel.",
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
    "NOT_GRANTED_CALL": NOT_GRANTED,
    "RESOURCE_EXPIRED": _EXPIRED,
}
_STATUSES: Mapping[int, _Refusal] = {
    HTTPStatus.UNAUTHORIZED: _UNKNOWN,
    HTTPStatus.FORBIDDEN: _FORBIDDEN,
    HTTPStatus.NOT_FOUND: _NOT_THERE,
    HTTPStatus.CONFLICT: _CONFLICT,
    HTTPStatus.BAD_REQUEST: _NOT_ACCEPTED,
    EXPIRED: _EXPIRED,
}


class OvhApi:
    """One account's API, in the region that it is in."""

    def __init__(self, credentials: OvhCredentials, api: Api) -> None:
        self._credentials = credentials
        self._api = _at_home(credentials, api)
        self._ahead: int | None = None
        """How many seconds OVHcloud's clock is ahead of ours: a signature that is off by more is refused."""

    def passing(self, what: str) -> RegistrarUnavailable:
        """The error for what has to wait."""
        return self._api.passing(what)

    def words(self, said: str) -> str:
        """What OVHcloud said, for people; nothing of what quotes one of the keys."""
        return self._api.words(said)

    async def each(self, path: str, model: type[Item], query: Mapping[str, str] | None = None) -> list[Item]:
        """OVHcloud lists identifiers, and tells of each when asked for it."""
        ids = await self.ids(path, query)
        return [self.parsed(model, await self.read(f"{path}/{number}")) for number in sorted(ids)]

    async def ids(self, path: str, query: Mapping[str, str] | None = None) -> tuple[int, ...]:
        """The identifiers that a list has."""
        return self.parsed(tuple[int, ...], await self.read(path, query))

    async def read(self, path: str, query: Mapping[str, str] | None = None) -> HttpAnswer:
        """Ask for something; repeated for a few seconds. Raises RegistrarError."""
        headers = await self._headers("GET", path, query, "")
        return self._accepted(await self._api.read("GET", path, headers=headers, params=query or {}))

    async def change(self, method: str, path: str, body: Any = None) -> None:
        """Ask for a change, once. Raises RegistrarError."""
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
            theirs = self.parsed(int, await self._api.read("GET", "/auth/time"))
            self._ahead = theirs - int(self._api.now().timestamp())
        return self._ahead

    def _accepted(self, answer: HttpAnswer) -> HttpAnswer:
        """A success as it is. Raises what a refusal means; an answer that is not JSON is a proxy's."""
        if answer.ok:
            return answer
        body = answer.json()
        if not isinstance(body, dict):
            raise self._api.unclear(f"answered with HTTP status {answer.status} and without a reason")
        code, said = (str(body.get(key) or "") for key in ("errorCode", "message"))
        if code == OUT_OF_TIME:
            self._ahead = None
            raise self._api.passing("found the time of the request too far from its own")
        if known := _CODES.get(code):
            raise known.error(known.message, known.remedy)
        refusal = _STATUSES.get(answer.status)
        if refusal is None:
            raise self._api.unclear(f"refuses the request with HTTP status {answer.status}", said or code)
        raise refusal.error(self._api.quoting(refusal.message, said or code), refusal.remedy)

    def parsed(self, model: type[Item], answer: HttpAnswer) -> Item:
        """What an answer holds. Raises RegistrarUnavailable where that is not as documented."""
        try:
            return TypeAdapter(model).validate_python(answer.json())
        except ValidationError:
            error: RegistrarError = self._api.unclear("answered otherwise than its documents say")
        raise error


def _at_home(credentials: OvhCredentials, api: Api) -> Api:
    """The region that the account is in; a proxy's or an emulator's address stands for any of them."""
    region = secret(credentials.endpoint)
    if region and region not in ENDPOINTS:
        raise RegistrarUnauthorized(
            "endpoint in the Secret is none of OVHcloud's", f"Set it to one of {', '.join(ENDPOINTS)}, or leave it out."
        )
    return api.at(ENDPOINTS[region]) if region and api.base == ENDPOINTS["ovh-eu"] else api
