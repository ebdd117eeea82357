"""Cloudflare's API v4, as far as zones, DNS records and the verification of tokens go.

Follows developers.cloudflare.com/api: Verify Token of a user and of an account, List Zones, List and Batch DNS
Records; and the pages "Batch record changes", "Rate limits", "Token formats" and "Delegate subdomains". No document
has the codes and texts of errors: they are those that issues of programs quote (octodns-cloudflare,
favonia/cloudflare-ddns, acme-dns). That records of any type stand in the way of NS records is documented, the code
is known for addresses and aliases only; it is used for all. The code that goes with HTTP 429 is a guess, and nothing
reads it.

Credential: `api-token`. Rights: `zone:read`, `dns:read`, `dns:edit`. Options of an account: `account-id`, 32
hexadecimal digits; `kind` (`user`, or `account` for a token that belongs to the account); `status` (`active`,
`disabled`, `expired`). Options of a domain: `status` (`active`, `pending`) and `type` (`full`, `partial`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from e2e.lab.registrars.accounts import Account, Domain, Record
from e2e.lab.registrars.emulator import Asked, Handler, method_and_path

NAME = "cloudflare"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{40}|cf[ua]t_[A-Za-z0-9]{48}")
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_BATCH_LIMIT = 200

ERRORS: dict[int, tuple[int, str]] = {
    1000: (401, "Invalid API Token"),
    6003: (400, "Invalid request headers"),
    7000: (404, "No route for that URI"),
    7003: (404, "Could not route to that path, perhaps your object identifier is invalid?"),
    9109: (403, "Unauthorized to access requested resource"),
    10000: (403, "Authentication error"),
    9005: (400, "Content for NS record is invalid."),
    9207: (400, "Request body is invalid."),
    9021: (400, "TTL must be between 60 and 86400 seconds, or 1 for Automatic."),
    81044: (404, "Record does not exist."),
    81053: (400, "An A, AAAA, or CNAME record with that host already exists."),
    81056: (400, "NS records with that host already exist."),
    81058: (400, "An identical record already exists."),
}
"""Code: HTTP status and text."""


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Cloudflare:
    """See the module."""

    name = NAME
    secret_parameters: frozenset[str] = frozenset()

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        """See Emulator."""
        records = "/zones/{zone}/dns_records"
        return [
            ("GET", "/user/tokens/verify", _answering(_verify_user)),
            ("GET", "/accounts/{account}/tokens/verify", _answering(_verify_account)),
            ("GET", "/zones", _answering(_zones)),
            ("GET", records, _answering(_list_records)),
            ("POST", f"{records}/batch", self._batch),
        ]

    async def what(self, request: web.Request) -> str:
        """See Emulator."""
        return method_and_path(self.name, request)

    def limited(self, seconds: int) -> web.Response:
        """See Emulator."""
        response = _failure(429, 10429, "More than 1200 requests per 300 seconds reached. Please wait.")
        response.headers["Retry-After"] = str(seconds)
        return response

    def refusal(self, code: str) -> web.Response:
        """See Emulator."""
        status, message = ERRORS[int(code)]
        return _failure(status, int(code), message)

    def unknown(self, request: web.Request) -> web.Response:
        """See Emulator."""
        return self.refusal("7000")

    async def _batch(self, asked: Asked) -> web.Response:
        try:
            return await _batch(asked)
        except Refusal as refused:
            return self.refusal(str(refused.code))


def _answering(handler: Callable[[Asked], web.Response]) -> Handler:
    async def answer(asked: Asked) -> web.Response:
        try:
            return handler(asked)
        except Refusal as refused:
            status, message = ERRORS[refused.code]
            return _failure(status, refused.code, message)

    return answer


def _failure(status: int, code: int, message: str) -> web.Response:
    problem: dict[str, Any] = {"code": code, "message": message}
    if code == 6003:
        problem["error_chain"] = [{"code": 6111, "message": "Invalid format for Authorization header"}]
    body = {"success": False, "errors": [problem], "messages": [], "result": None}
    return web.json_response(body, status=status)


def _success(result: Any, **more: Any) -> web.Response:
    return web.json_response({"success": True, "errors": [], "messages": [], "result": result, **more})


def _page(asked: Asked, items: Sequence[Any], default: int, most: int) -> web.Response:
    query = asked.request.query
    size, page = int(query.get("per_page", default)), int(query.get("page", 1))
    if not 1 <= size <= most or page < 1:
        raise Refusal(9207)
    shown = items[(page - 1) * size : page * size]
    pages = math.ceil(len(items) / size)
    info = {"page": page, "per_page": size, "count": len(shown), "total_count": len(items), "total_pages": pages}
    return _success(shown, result_info=info)


def _token(asked: Asked) -> str:
    scheme, _, token = asked.request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not _TOKEN.fullmatch(token):
        raise Refusal(6003)
    return token


def _holder(asked: Asked) -> Account | None:
    """The account with the token, whatever its status."""
    asked.account = asked.world.accounts.by_credential(NAME, "api-token", _token(asked))
    return asked.account


def _authenticate(asked: Asked, right: str) -> Account:
    account = _holder(asked)
    if account is None or account.options.get("status", "active") != "active":
        raise Refusal(9109)
    if not account.may(right):
        raise Refusal(9109 if right == "zone:read" else 10000)
    return account


def _verify_user(asked: Asked) -> web.Response:
    account = _holder(asked)
    if account is None or account.options.get("kind", "user") != "user":
        raise Refusal(1000)
    return _verified(account)


def _verify_account(asked: Asked) -> web.Response:
    account = _holder(asked)
    wanted = asked.request.match_info["account"]
    if account is None or account.options.get("kind") != "account" or _owner(account) != wanted:
        raise Refusal(1000)
    return _verified(account)


def _verified(account: Account) -> web.Response:
    return _success({"id": _id(account.name), "status": account.options.get("status", "active")})


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _owner(account: Account) -> str:
    return str(account.options.get("account-id") or _id(f"account of {account.name}"))


def _zones(asked: Asked) -> web.Response:
    account = _authenticate(asked, "zone:read")
    owner = _owner(account)
    query = asked.request.query
    found = [
        {
            "id": _id(domain.name),
            "name": domain.name,
            "status": domain.options.get("status", "active"),
            "type": domain.options.get("type", "full"),
            "account": {"id": owner, "name": account.name},
            "name_servers": domain.nameservers,
        }
        for domain in account.domains
        if query.get("name", domain.name) == domain.name and query.get("account.id", owner) == owner
    ]
    return _page(asked, found, 20, 50)


def _zone(asked: Asked, right: str) -> Domain:
    account, wanted = _authenticate(asked, right), asked.request.match_info["zone"]
    found = next((domain for domain in account.domains if _id(domain.name) == wanted), None)
    if found is None:
        raise Refusal(7003)
    return found


def _list_records(asked: Asked) -> web.Response:
    zone, query = _zone(asked, "dns:read"), asked.request.query
    found = [
        {**record.model_dump(), "proxied": False}
        for record in zone.records
        if record.name.endswith(query.get("name.endswith", ""))
        and query.get("name.exact", record.name) == record.name
        and query.get("type", record.type) == record.type
    ]
    return _page(asked, found, 100, 5_000_000)


async def _batch(asked: Asked) -> web.Response:
    """All of it or nothing, deletions first."""
    zone = _zone(asked, "dns:edit")
    try:
        body = await asked.request.json()
        deletes, posts = [one["id"] for one in body.get("deletes", [])], list(body.get("posts", []))
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise Refusal(9207) from None
    if not 0 < len(deletes) + len(posts) <= _BATCH_LIMIT or set(body) - {"deletes", "posts"}:
        raise Refusal(9207)
    if not set(deletes) <= {record.id for record in zone.records}:
        raise Refusal(81044)
    records = [record for record in zone.records if record.id not in deletes]
    gone = [record for record in zone.records if record.id in deletes]
    new = [_created(asked, zone, records, wish) for wish in posts]
    zone.records = records
    if zone.options.get("status", "active") == "active":
        for name in sorted({record.name for record in (*gone, *new) if record.type == "NS"} - {zone.name}):
            await asked.delegate(zone, name)
    return _success({"deletes": [one.model_dump() for one in gone], "posts": [one.model_dump() for one in new]})


def _created(asked: Asked, zone: Domain, records: list[Record], wish: dict[str, Any]) -> Record:
    """One more record among `records`. Only NS records are made here: the operator makes no others."""
    name, content, ttl = wish.get("name"), wish.get("content"), wish.get("ttl", 1)
    comment = wish.get("comment", "")
    if wish.get("type") != "NS" or not isinstance(name, str) or len(str(comment)) > 100:
        raise Refusal(9207)
    if not _HOST.fullmatch(str(content)):
        raise Refusal(9005)
    if not (isinstance(ttl, int) and (ttl == 1 or 60 <= ttl <= 86400)):
        raise Refusal(9021)
    # A name outside the zone is taken to be relative to it, which is hardly ever meant.
    name = name if name == zone.name or name.endswith(f".{zone.name}") else f"{name}.{zone.name}"
    same = [record for record in records if record.name == name]
    if any(record.type == "NS" and record.content == content for record in same):
        raise Refusal(81058)
    if any(record.type not in ("NS", "DS") for record in same):
        raise Refusal(81053)
    new_id = asked.world.accounts.new_id()
    made = Record(id=new_id, name=name, type="NS", content=str(content), ttl=ttl, comment=comment)
    records.append(made)
    return made
