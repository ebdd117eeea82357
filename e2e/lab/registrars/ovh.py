"""OVHcloud's API 1.0, as far as domains go, under /ovh.

Follows the schema behind the console at eu.api.ovh.com/console (/domain, /domain/zone, /auth: paths, bodies, states of
tasks, `nameServers` in the body of an update), the guides "Configure the DNS of your Domain Name" (hosted and external)
and "Tasks Management" (todo, doing, done, cancelled, error), and "First steps with the OVHcloud APIs" (the signature,
over the URL as it was sent). Codes of refusals are those that python-ovh and issues of php-ovh, lego and Posh-ACME
know: INVALID_KEY, INVALID_CREDENTIAL, NOT_CREDENTIAL, NOT_GRANTED_CALL (403), INVALID_SIGNATURE and QUERY_TIME_OUT
(400). In no document: the answer to too many requests, here 429 with Retry-After; that a second change is refused while
a task is under way; when a name server has `isUsed` and `toDelete`; what filters that are "like" a value let through,
here whatever contains it.

A change of name servers is a task: `todo` at first, and carried out a second later, or what the account's option
`task_seconds` says. The fault `task_error` lets it end as `error` with that comment. Rights of an account are `read`,
`write` and `zone`, and its consumer key has rules for them. Options of a domain: `type` (default external), `zone`
(false for one without a zone here), `zone_servers` (those that serve its zone, by default the domain's own). What is
changed in a zone takes effect with its refresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from e2e.lab.registrars.accounts import Account, Domain, Record
from e2e.lab.registrars.emulator import Asked, Handler, method_and_path

NAME = "ovh"
READ, WRITE, ZONE = "read", "write", "zone"
_RULES = {
    READ: (("GET", "/*"),),
    WRITE: (("PUT", "/domain/*"), ("POST", "/domain/*/nameServers/update")),
    ZONE: (("POST", "/domain/zone/*"), ("DELETE", "/domain/zone/*")),
}
"""Of a consumer key with these rights."""
_SKEW = 30
"""Seconds that a timestamp may be off."""
_FUNCTION = "DomainDnsUpdate"
_UNDER_WAY = ("todo", "doing")
_REFUSALS = {
    "INVALID_KEY": (403, "This application key is invalid"),
    "INVALID_CREDENTIAL": (403, "This credential does not exist"),
    "NOT_CREDENTIAL": (403, "You must login first"),
    "NOT_GRANTED_CALL": (403, "This call has not been granted"),
    "INVALID_SIGNATURE": (400, "Invalid signature"),
    "QUERY_TIME_OUT": (400, "Query out of time"),
    "NOT_FOUND": (404, "The requested object does not exist"),
    "CONFLICT": (409, "A task of this kind is under way already"),
    "INVALID_BODY": (400, "Invalid parameters"),
}

_Answering = Callable[[Asked, Account, Domain], Awaitable[web.Response]]


class Refused(Exception):
    """The request ends with the refusal of this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Ovh:
    """See the module's documentation."""

    name = NAME
    secret_parameters: frozenset[str] = frozenset()

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        domain, zone = "/domain/{domain}", "/domain/zone/{domain}"
        return (
            ("GET", "/auth/time", self._time),
            ("GET", "/auth/currentCredential", self._credential),
            # Before the domains', which would match them.
            ("GET", zone, self._known(_zone_details, READ)),
            ("GET", f"{zone}/record", self._known(_record_ids, READ)),
            ("GET", f"{zone}/record/{{id}}", self._known(_record, READ)),
            ("POST", f"{zone}/record", self._known(_add_record, ZONE)),
            ("DELETE", f"{zone}/record/{{id}}", self._known(_delete_record, ZONE)),
            ("POST", f"{zone}/refresh", self._known(_refresh, ZONE)),
            ("GET", domain, self._known(_details, READ)),
            ("PUT", domain, self._known(_edit, WRITE)),
            ("GET", f"{domain}/nameServer", self._known(_server_ids, READ)),
            ("GET", f"{domain}/nameServer/{{id}}", self._known(_server, READ)),
            ("POST", f"{domain}/nameServers/update", self._known(_update, WRITE)),
            ("GET", f"{domain}/task", self._known(_task_ids, READ)),
            ("GET", f"{domain}/task/{{id}}", self._known(_task, READ)),
        )

    async def what(self, request: web.Request) -> str:
        return method_and_path(NAME, request)

    def limited(self, seconds: int) -> web.Response:
        body = {"message": "Too many requests"}
        return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})

    def refusal(self, code: str) -> web.Response:
        status, message = _REFUSALS[code]
        return web.json_response({"errorCode": code, "message": message}, status=status)

    def unknown(self, request: web.Request) -> web.Response:
        return web.json_response({"message": "Got an invalid (or empty) URL"}, status=404)

    async def _time(self, asked: Asked) -> web.Response:
        return web.json_response(int(asked.world.now().timestamp()))

    async def _credential(self, asked: Asked) -> web.Response:
        """Any key may ask about itself."""
        try:
            account = await _authenticated(asked)
        except Refused as refused:
            return self.refusal(refused.code)
        rules = [
            {"method": method, "path": path} for right in _RULES if account.may(right) for method, path in _RULES[right]
        ]
        return web.json_response({"credentialId": 1, "status": "validated", "expiration": None, "rules": rules})

    def _known(self, answering: _Answering, right: str) -> Handler:
        """The handler for a domain of the account whose keys signed the request."""

        async def handle(asked: Asked) -> web.Response:
            try:
                account = await _authenticated(asked)
                if not account.may(right):
                    raise Refused("NOT_GRANTED_CALL")
                domain = account.domain(asked.request.match_info["domain"])
                if domain is None:
                    raise Refused("NOT_FOUND")
                await _carry_out(asked, account, domain)
                return await answering(asked, account, domain)
            except Refused as refused:
                return self.refusal(refused.code)

        return handle


async def _authenticated(asked: Asked) -> Account:
    headers = asked.request.headers
    account = asked.world.accounts.by_credential(NAME, "application-key", headers.get("X-Ovh-Application", ""))
    if account is None:
        raise Refused("INVALID_KEY")
    keys = account.credentials
    consumer = headers.get("X-Ovh-Consumer", "")
    if not consumer:
        raise Refused("NOT_CREDENTIAL")
    if consumer != keys["consumer-key"]:
        raise Refused("INVALID_CREDENTIAL")
    stamp = headers.get("X-Ovh-Timestamp", "")
    if not stamp.isdigit() or abs(int(stamp) - asked.world.now().timestamp()) > _SKEW:
        raise Refused("QUERY_TIME_OUT")
    body = (await asked.request.read()).decode()
    url = f"http://{headers['Host']}{asked.request.raw_path}"
    text = "+".join((keys["application-secret"], consumer, asked.request.method, url, body, stamp))
    wanted = f"$1${hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}"
    if headers.get("X-Ovh-Signature") != wanted:
        raise Refused("INVALID_SIGNATURE")
    asked.account = account
    return account


# --- the domain -------------------------------------------------------------------------------------------------------


async def _details(_asked: Asked, _account: Account, domain: Domain) -> web.Response:
    return web.json_response({"domain": domain.name, "nameServerType": _type(domain), "transferLockStatus": "locked"})


async def _edit(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    body = await _json(asked)
    if set(body) != {"nameServerType"} or body["nameServerType"] not in ("external", "hosted"):
        raise Refused("INVALID_BODY")
    domain.options["type"] = body["nameServerType"]
    return web.Response()


async def _server_ids(_asked: Asked, _account: Account, domain: Domain) -> web.Response:
    return web.json_response([server["id"] for server in _servers(domain)])


async def _server(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    number = int(asked.request.match_info["id"])
    found = next((server for server in _servers(domain) if server["id"] == number), None)
    if found is None:
        raise Refused("NOT_FOUND")
    return web.json_response(found)


def _servers(domain: Domain) -> list[dict[str, Any]]:
    """Those in use and, while a task is under way, those to come."""
    coming = next((task["hosts"] for task in _tasks(domain) if task["status"] in _UNDER_WAY), None)
    hosts = [*domain.nameservers, *(host for host in coming or () if host not in domain.nameservers)]
    return [
        {
            "id": 33578504 + number,
            "host": host,
            "ip": None,
            "isUsed": host in domain.nameservers,
            "toDelete": coming is not None and host not in coming,
        }
        for number, host in enumerate(hosts)
    ]


async def _update(asked: Asked, account: Account, domain: Domain) -> web.Response:
    body = await _json(asked)
    servers = body.get("nameServers")
    if _type(domain) != "external" or not isinstance(servers, list) or len(servers) < 2:
        raise Refused("INVALID_BODY")
    if domain.locked or any(task["status"] in _UNDER_WAY for task in _tasks(domain)):
        raise Refused("CONFLICT")
    seconds = float(account.options.get("task_seconds", 1))
    task = {
        "id": len(_tasks(domain)) + 1001,
        "function": _FUNCTION,
        "status": "todo",
        "comment": None,
        "due": (asked.world.now() + timedelta(seconds=seconds)).isoformat(),
        "hosts": [str(server["host"]).lower() for server in servers],
        "error": asked.effect.task_error,
    }
    domain.options.setdefault("tasks", []).append(task)
    return web.json_response(_shown_task(task))


async def _carry_out(asked: Asked, _account: Account, domain: Domain) -> None:
    """The tasks whose time has come."""
    for task in _tasks(domain):
        if task["status"] != "todo" or datetime.fromisoformat(task["due"]) > asked.world.now():
            continue
        if task["error"]:
            task.update(status="error", comment=task["error"])
        else:
            await asked.flip(domain, task["hosts"])
            task.update(status="done")


async def _task_ids(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    wanted = asked.request.query.get("function", _FUNCTION)
    return web.json_response([task["id"] for task in _tasks(domain) if wanted in task["function"]])


async def _task(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    number = int(asked.request.match_info["id"])
    found = next((task for task in _tasks(domain) if task["id"] == number), None)
    if found is None:
        raise Refused("NOT_FOUND")
    return web.json_response(_shown_task(found))


def _tasks(domain: Domain) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = domain.options.get("tasks", [])
    return found


def _shown_task(task: dict[str, Any]) -> dict[str, Any]:
    return {key: task[key] for key in ("id", "function", "status", "comment")}


def _type(domain: Domain) -> str:
    return str(domain.options.get("type", "external"))


# --- its zone ---------------------------------------------------------------------------------------------------------


async def _zone_details(_asked: Asked, _account: Account, domain: Domain) -> web.Response:
    _zone(domain)
    servers = domain.options.get("zone_servers", domain.nameservers)
    return web.json_response({"name": domain.name, "nameServers": servers, "hasDnsAnycast": False})


async def _record_ids(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    query = asked.request.query
    found = [
        int(record.id, 16)
        for record in _zone(domain)
        if query.get("fieldType", record.type) == record.type and query.get("subDomain", "") in _label(record, domain)
    ]
    return web.json_response(found)


async def _record(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    record = _by_id(asked, domain)
    target = f"{record.content}." if record.type == "NS" else record.content
    body = {"id": int(record.id, 16), "zone": domain.name, "subDomain": _label(record, domain), "ttl": record.ttl}
    return web.json_response({**body, "fieldType": record.type, "target": target})


async def _add_record(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    body = await _json(asked)
    _zone(domain)
    if not {"fieldType", "target"} <= set(body) or not str(body["target"]).endswith("."):
        raise Refused("INVALID_BODY")
    label = str(body.get("subDomain", ""))
    record = Record(
        id=asked.world.accounts.new_id(),
        name=f"{label}.{domain.name}" if label else domain.name,
        type=str(body["fieldType"]),
        content=str(body["target"]).removesuffix("."),
        ttl=int(body.get("ttl", 3600)),
    )
    domain.records.append(record)
    return web.json_response({"id": int(record.id, 16)})


async def _delete_record(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    domain.records.remove(_by_id(asked, domain))
    return web.Response()


async def _refresh(asked: Asked, _account: Account, domain: Domain) -> web.Response:
    """Whatever was published before and is not there any more goes, too."""
    published: list[str] = domain.options.setdefault("published", [])
    names = {record.name for record in _zone(domain) if record.type == "NS" and record.name != domain.name}
    for name in sorted({*names, *published}):
        await asked.delegate(domain, name)
    published[:] = sorted(names)
    return web.Response()


def _by_id(asked: Asked, domain: Domain) -> Record:
    number = int(asked.request.match_info["id"])
    found = next((record for record in _zone(domain) if int(record.id, 16) == number), None)
    if found is None:
        raise Refused("NOT_FOUND")
    return found


def _zone(domain: Domain) -> list[Record]:
    if domain.options.get("zone", True) is False:
        raise Refused("NOT_FOUND")
    return domain.records


def _label(record: Record, domain: Domain) -> str:
    return record.name.removesuffix(domain.name).removesuffix(".")


async def _json(asked: Asked) -> dict[str, Any]:
    try:
        body = await asked.request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused("INVALID_BODY")
    return body
