"""Dynadot's API 3 in JSON, as far as name servers go.

Follows dynadot.com/domain/api-commands: domain_info, get_ns, server_list, add_ns, set_ns with ns0 to ns12,
account_info, one thread for a regular account; and the help page on the API key, which has a list of addresses.
Every answer has HTTP status 200; ResponseCode is the number 0, or the text "-1" for an error. The documents do not
list the texts of errors: they are those that programs quote (acme.sh's dns_dynadot, the clients of level23 and
openova-io), but for three that nobody quotes and that are made up here: a parameter that is missing, an address that
is not on the list, and a host that is known already. HTTP 429 is documented for the RESTful API of the same address
only.

Credential: `api-key`. Options of an account: `servers`, the hosts it knows; `addresses`, the list of addresses that
may call; `needs_address`, hosts that are known but have no address yet.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from e2e.lab.registrars.accounts import Account, Domain
from e2e.lab.registrars.emulator import Asked, Handler

NAME = "dynadot"
MOST_SERVERS = 13
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")

INVALID_KEY = "invalid key"
NOT_FOUND = "could not find domain in your account"
BUSY = "connection to main server is busy"
OFFLINE = "problem with connection to main server"
UNREGISTERED = "'{}' needs to be registered with an ip address before it can be used."
MISSING = "missing or invalid parameter: {}"
ADDRESS = "this ip address may not use the api"
KNOWN = "name server is in your account already"
TEXTS = {
    "invalid_key": INVALID_KEY,
    "not_found": NOT_FOUND,
    "busy": BUSY,
    "offline": OFFLINE,
    "unknown": "an error nobody has heard of",
}
"""What a fault may refuse with."""

_Command = Callable[[Asked, Account], Awaitable[web.Response]]


class Refusal(Exception):
    """A request that is answered with an error."""


class Dynadot:
    """See the module."""

    name = NAME
    secret_parameters = frozenset({"key"})

    def __init__(self) -> None:
        self._at_work: set[str] = set()
        self._commands: Mapping[str, _Command] = {
            "account_info": _account_info,
            "domain_info": _domain_info,
            "get_ns": _get_ns,
            "server_list": _server_list,
            "add_ns": _add_ns,
            "set_ns": _set_ns,
        }

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        """See Emulator."""
        return [("GET", "/api3.json", self._answer)]

    async def what(self, request: web.Request) -> str:
        """See Emulator."""
        return request.query.get("command", "")

    def limited(self, seconds: int) -> web.Response:
        """See Emulator."""
        return web.json_response({"code": 429, "message": "Too many requests"}, status=429)

    def refusal(self, code: str) -> web.Response:
        """See Emulator. The codes are those of TEXTS."""
        return _failure("", TEXTS[code])

    def unknown(self, request: web.Request) -> web.Response:
        """See Emulator."""
        return web.Response(status=404, text="Not Found")

    async def _answer(self, asked: Asked) -> web.Response:
        command = asked.request.query.get("command", "")
        try:
            account = _authenticate(asked)
            if command not in self._commands:
                raise Refusal(MISSING.format("command"))
            return await self._alone(account, command, asked)
        except Refusal as refused:
            return _failure(command, str(refused))

    async def _alone(self, account: Account, command: str, asked: Asked) -> web.Response:
        """One request at a time."""
        if account.name in self._at_work:
            raise Refusal(BUSY)
        self._at_work.add(account.name)
        try:
            return await self._commands[command](asked, account)
        finally:
            self._at_work.discard(account.name)


def _authenticate(asked: Asked) -> Account:
    account = asked.world.accounts.by_credential(NAME, "api-key", asked.request.query.get("key", ""))
    if account is None:
        raise Refusal(INVALID_KEY)
    asked.account = account
    if asked.request.remote not in account.options.get("addresses", [asked.request.remote]):
        raise Refusal(ADDRESS)
    return account


def _envelope(command: str) -> str:
    return "".join(part.title() for part in command.split("_")) + "Response"


def _failure(command: str, text: str) -> web.Response:
    return web.json_response({_envelope(command): {"ResponseCode": "-1", "Status": "error", "Error": text}})


def _success(command: str, content: Mapping[str, Any]) -> web.Response:
    return web.json_response({_envelope(command): {"ResponseCode": 0, "Status": "success", **content}})


def _domain(asked: Asked, account: Account) -> Domain:
    found = account.domain(asked.request.query.get("domain", ""))
    if found is None:
        raise Refusal(NOT_FOUND)
    return found


async def _account_info(_asked: Asked, account: Account) -> web.Response:
    return _success("account_info", {"AccountInfo": {"Username": account.name}})


async def _domain_info(asked: Asked, account: Account) -> web.Response:
    domain = _domain(asked, account)
    servers = [{"ServerId": str(n), "ServerName": host} for n, host in enumerate(domain.nameservers)]
    settings = {"Type": "Name Servers", "NameServers": servers}
    info = {"Name": domain.name, "NameServerSettings": settings, "Locked": "yes", "Status": "active"}
    return _success("domain_info", {"DomainInfo": info})


async def _get_ns(asked: Asked, account: Account) -> web.Response:
    hosts = _domain(asked, account).nameservers
    return _success("get_ns", {"NsContent": {f"Host{n}": host for n, host in enumerate(hosts)}})


async def _server_list(_asked: Asked, account: Account) -> web.Response:
    known = account.options.get("servers", [])
    servers = [{"ServerId": str(n), "ServerName": host} for n, host in enumerate(known)]
    return _success("server_list", {"ServerList": servers})


async def _add_ns(asked: Asked, account: Account) -> web.Response:
    host, known = asked.request.query.get("host", ""), account.options.setdefault("servers", [])
    if not _HOST.fullmatch(host):
        raise Refusal(MISSING.format("host"))
    if host in known:
        raise Refusal(KNOWN)
    known.append(host)
    return _success("add_ns", {"AddNsContent": {"Server": {"Host": host, "ServerId": len(known) - 1}}})


async def _set_ns(asked: Asked, account: Account) -> web.Response:
    domain = _domain(asked, account)
    given = {name: value for name, value in asked.request.query.items() if re.fullmatch(r"ns\d+", name)}
    hosts = [given.get(f"ns{number}", "") for number in range(len(given))]
    if not hosts or "" in hosts or len(hosts) > MOST_SERVERS:
        raise Refusal(MISSING.format("ns0 - ns12"))
    for host in hosts:
        if host not in account.options.get("servers", []) or host in account.options.get("needs_address", []):
            raise Refusal(UNREGISTERED.format(host))
    await asked.flip(domain, hosts)
    return _success("set_ns", {})
