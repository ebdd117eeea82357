"""GoDaddy's Domains API, version 1, under /godaddy.

Follows the reference at developer.godaddy.com/doc/endpoint/domains: paths, bodies and statuses. It does not list codes;
those here are from answers that clients have published (issues of n3integration/terraform-provider-godaddy, acme.sh,
Posh-ACME): UNABLE_TO_AUTHENTICATE and MALFORMED_CREDENTIALS (401), ACCESS_DENIED (403), UNKNOWN_DOMAIN (404),
INACTIVE_DOMAIN (409), MISSING_NAME_SERVER and FAILED_NAME_SERVER_VALIDATION (422). TOO_MANY_REQUESTS with
`retryAfterSec` is the reference's model ErrorLimit; INVALID_BODY is a name of the lab's own for what the reference
only calls malformed.

Rights of an account: `api` (ten domains, or the club plan). Options of a domain: `status` (default ACTIVE), `zone`
(false for one whose zone GoDaddy does not have). A zone without NS records of its own has GoDaddy's.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from e2e.lab.registrars.accounts import Account, Domain, Record
from e2e.lab.registrars.emulator import Asked, Handler, method_and_path

NAME = "godaddy"
OWN_SERVERS = ("ns01.domaincontrol.com", "ns02.domaincontrol.com")
RIGHT = "api"

_KEY = re.compile(r"sso-key ([A-Za-z0-9_]+):([A-Za-z0-9_]+)")
_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)
_LEAST_TTL = 600
_MOST_RECORDS = 500
"""In one answer: its limit, and what it is without one (n3integration/terraform-provider-godaddy)."""

_REFUSALS = {
    "MALFORMED_CREDENTIALS": (401, "Unauthorized : API Key-Secret is malformed"),
    "UNABLE_TO_AUTHENTICATE": (401, "Unauthorized : Could not authenticate API key/secret"),
    "ACCESS_DENIED": (403, "Authenticated user is not allowed access"),
    "UNKNOWN_DOMAIN": (404, "The given domain is not registered, or does not have a zone file"),
    "INACTIVE_DOMAIN": (409, "The given domain is not eligible to have its nameservers changed"),
    "MISSING_NAME_SERVER": (422, "At least two NS records must be specified in the request body"),
    "FAILED_NAME_SERVER_VALIDATION": (422, "Failed to update nameservers"),
    "INVALID_BODY": (400, "Request was malformed"),
}

_Answering = Callable[[Asked, Account, Domain], Awaitable[web.Response]]


class Refused(Exception):
    """The request ends with the refusal of this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class GoDaddy:
    """See the module's documentation."""

    name = NAME
    secret_parameters: frozenset[str] = frozenset()

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        domain, records = "/v1/domains/{domain}", "/v1/domains/{domain}/records/{type}/{name}"
        return (
            ("GET", domain, self._known(_details)),
            ("PATCH", domain, self._known(_update)),
            ("GET", f"{domain}/records", self._known(_all_records)),
            ("GET", records, self._known(_records)),
            ("PUT", records, self._known(_replace)),
            ("DELETE", records, self._known(_delete)),
        )

    async def what(self, request: web.Request) -> str:
        return method_and_path(NAME, request)

    def limited(self, seconds: int) -> web.Response:
        body = {"code": "TOO_MANY_REQUESTS", "message": "Too many requests", "retryAfterSec": seconds}
        return web.json_response(body, status=429)

    def refusal(self, code: str) -> web.Response:
        status, message = _REFUSALS[code]
        return web.json_response({"code": code, "message": message}, status=status)

    def unknown(self, request: web.Request) -> web.Response:
        return web.json_response({"code": "NOT_FOUND", "message": "Not Found : no such path"}, status=404)

    def _known(self, answering: _Answering) -> Handler:
        """The handler for a domain of the account whose key the request has."""

        async def handle(asked: Asked) -> web.Response:
            try:
                account = _authenticated(asked)
                domain = account.domain(asked.request.match_info["domain"])
                if domain is None:
                    raise Refused("UNKNOWN_DOMAIN")
                return await answering(asked, account, domain)
            except Refused as refused:
                return self.refusal(refused.code)

        return handle


def _authenticated(asked: Asked) -> Account:
    match = _KEY.fullmatch(asked.request.headers.get("Authorization", ""))
    if match is None:
        raise Refused("MALFORMED_CREDENTIALS")
    account = asked.world.accounts.by_credential(NAME, "api-key", match[1])
    if account is None or account.credentials.get("api-secret") != match[2]:
        raise Refused("UNABLE_TO_AUTHENTICATE")
    asked.account = account
    if not account.may(RIGHT):
        raise Refused("ACCESS_DENIED")
    return account


async def _details(_asked: Asked, _account: Account, domain: Domain) -> web.Response:
    body = {
        "domain": domain.name,
        "status": _status(domain),
        "locked": True,
        "nameServers": domain.nameservers or None,
        "renewAuto": True,
    }
    return web.json_response(body)


async def _update(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    body = await _json(asked, dict)
    if domain.locked or _status(domain) != "ACTIVE":
        raise Refused("INACTIVE_DOMAIN")
    hosts = body.get("nameServers")
    if set(body) != {"nameServers"} or not isinstance(hosts, list):
        raise Refused("INVALID_BODY")
    if len(hosts) < 2:
        raise Refused("MISSING_NAME_SERVER")
    if not all(_is_host(host) for host in hosts):
        raise Refused("FAILED_NAME_SERVER_VALIDATION")
    await asked.flip(domain, [host.lower() for host in hosts])
    return web.Response()


async def _all_records(_asked: Asked, _account: Account, domain: Domain) -> web.Response:
    _check_zone(domain)
    others = [one for one in domain.records if one.type != "NS"]
    return web.json_response([_shown(one, domain) for one in (_of(domain) + others)[:_MOST_RECORDS]])


async def _records(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    name, _kind = _target(asked, domain)
    found = [_shown(one, domain) for one in _of(domain)]
    return web.json_response([one for one in found if one["name"] == name])


async def _replace(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    name, kind = _target(asked, domain)
    body = await _json(asked, list)
    if name == "@" or not body or not all(_is_record(entry) for entry in body):
        raise Refused("INVALID_BODY")
    full = f"{name}.{domain.name}"
    kept = [one for one in domain.records if (one.name, one.type) != (full, kind)]
    new = [
        Record(id=asked.world.accounts.new_id(), name=full, type=kind, content=e["data"], ttl=e["ttl"]) for e in body
    ]
    domain.records = kept + new
    await asked.delegate(domain, full)
    return web.Response()


async def _delete(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    name, kind = _target(asked, domain)
    full = f"{name}.{domain.name}"
    kept = [one for one in domain.records if (one.name, one.type) != (full, kind)]
    if name == "@" or len(kept) == len(domain.records):
        raise Refused("UNKNOWN_DOMAIN")
    domain.records = kept
    await asked.delegate(domain, full)
    return web.Response(status=204)


def _target(asked: Asked, domain: Domain) -> tuple[str, str]:
    """Name and type that the path asks for, of a zone that is here."""
    _check_zone(domain)
    kind = asked.request.match_info["type"]
    if kind != "NS":
        raise Refused("INVALID_BODY")
    return asked.request.match_info["name"], kind


def _of(domain: Domain) -> list[Record]:
    """The NS records of the zone, its own among them."""
    own = domain.find(domain.name, "NS") or [Record(name=domain.name, type="NS", content=host) for host in OWN_SERVERS]
    return own + [one for one in domain.records if one.type == "NS" and one.name != domain.name]


def _check_zone(domain: Domain) -> None:
    if domain.options.get("zone", True) is False:
        raise Refused("UNKNOWN_DOMAIN")


def _shown(record: Record, domain: Domain) -> dict[str, Any]:
    return {"data": record.content, "name": _label(record, domain), "ttl": record.ttl, "type": record.type}


def _label(record: Record, domain: Domain) -> str:
    return record.name.removesuffix(domain.name).removesuffix(".") or "@"


def _status(domain: Domain) -> str:
    return str(domain.options.get("status", "ACTIVE"))


def _is_host(value: Any) -> bool:
    return isinstance(value, str) and _HOST.fullmatch(value) is not None


def _is_record(entry: Any) -> bool:
    known = isinstance(entry, dict) and set(entry) == {"data", "ttl"}
    return known and _is_host(entry["data"]) and isinstance(entry["ttl"], int) and entry["ttl"] >= _LEAST_TTL


async def _json(asked: Asked, kind: type[Any]) -> Any:
    """The body, which must say that it is JSON and be of this kind."""
    if asked.request.content_type != "application/json":
        raise Refused("INVALID_BODY")
    try:
        body = await asked.request.json()
    except ValueError:
        body = None
    if not isinstance(body, kind):
        raise Refused("INVALID_BODY")
    return body
