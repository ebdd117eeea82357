"""Dynadot: the name servers of domains that are registered there, through its API 3 in JSON.

`set_ns` takes hosts that the account knows, so those it lacks are added first. Children are refused: `set_dns2`
replaces all records of a zone, or with `add_dns_to_current_setting` adds to them, but cannot take a single one away,
and the documents do not count NS among the types of a sub-record. The key is in the query of every URL, so no URL
may ever be logged.

Written after dynadot.com/domain/api-commands (domain_info, get_ns, server_list, add_ns, set_ns, account_info;
threads and requests a minute) and the help page on the API key (list of addresses). Answers have HTTP status 200
whatever happens, and ResponseCode is 0, or -1 for every error: only its text tells which, or its status, as in
`system_busy`. Some answers have SuccessCode instead. The documents list no texts; those below are quoted by programs
that use the API (acme.sh's dns_dynadot, the clients of 7c, level23 and openova-io). A text that is not among them is
told in Dynadot's own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import SecretStr

from catalyst_operator.adapters.registrars.http import Api, HttpAnswer, Parts
from catalyst_operator.adapters.registrars.nameservers import check_some, tidy
from catalyst_operator.adapters.registrars.vendor import Credentials, Vendor, secret
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import (
    RegistrarError,
    RegistrarForbidden,
    RegistrarRefused,
    RegistrarUnauthorized,
)

PATH = "/api3.json"
MOST_SERVERS = 13
REST_SECONDS = 1.0
"""Between two requests: a regular account has one thread and 60 requests a minute."""

UNKNOWN_KEY = ("invalid key", "invalid api key")
NOT_THERE = "could not find domain in your account"
TOO_MANY = ("too many requests", "rate limit")
PASSING = ("connection to main server", "processing another request", "system_busy", "system busy", "try again")
"""There is a problem with it, or it is busy or offline."""
UNREGISTERED = "needs to be registered with an ip address"
LOCKED = "unlock your domain"
ADDRESS = re.compile(r"\bip\b")
"""About the list of addresses; nobody quotes its text."""


class DynadotCredentials(Credentials):
    """The key of the account."""

    api_key: SecretStr


class _Refused(Exception):
    """An answer with an error. Its text goes into messages only by way of `Api`: an echo could hold the key."""

    def __init__(self, text: str) -> None:
        super().__init__("refused")
        self.text = text


class Dynadot:
    """One key's access. One request at a time."""

    def __init__(self, credentials: DynadotCredentials, api: Api) -> None:
        self._key = secret(credentials.api_key)
        self._api = api
        self._asked = False

    async def validate(self, domain: Domain) -> None:
        """See Registrar. A key has all rights in its account."""
        _check_registered(domain)
        await self._read("domain_info", domain)

    async def get(self, domain: Domain) -> RegistrarView:
        """See Registrar. Servers of Dynadot's own are reported like others."""
        _check_registered(domain)
        return RegistrarView(await self._servers(domain))

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        """See Registrar."""
        _check_registered(domain)
        check_some(domain, hosts)
        wanted = tidy(hosts)
        if len(wanted) > MOST_SERVERS:
            raise RegistrarRefused(
                f"Dynadot takes at most {MOST_SERVERS} name servers, and {len(wanted)} are asked for"
            )
        if await self._servers(domain) == wanted:
            return
        known = await self._known(domain)
        for host in wanted:
            if host not in known:
                await self._change("add_ns", domain, {"host": host})
        await self._change(
            "set_ns", domain, {"domain": domain.name} | {f"ns{n}": host for n, host in enumerate(wanted)}
        )

    async def _servers(self, domain: Domain) -> tuple[str, ...]:
        body = await self._read("get_ns", domain)
        # The documents write it both ways.
        content = body.get("NsContent", body.get("nsContent"))
        if not isinstance(content, dict):
            raise self._api.unclear("answered get_ns without the servers")
        return tidy(host for name, host in content.items() if name.startswith("Host") and isinstance(host, str))

    async def _known(self, domain: Domain) -> tuple[str, ...]:
        """The hosts that the account knows already."""
        listed = (await self._read("server_list", domain)).get("ServerList")
        if not isinstance(listed, list):
            raise self._api.unclear("answered server_list without a list")
        names = [server.get("ServerName") for server in listed if isinstance(server, dict)]
        return tidy(name for name in names if isinstance(name, str))

    async def _read(self, command: str, domain: Domain) -> Mapping[str, Any]:
        parameters = {} if command == "server_list" else {"domain": domain.name}
        try:
            return await self._ask(command, parameters)
        except _Refused as refused:
            text = refused.text
        raise self._meaning(text, domain, ()) or await self._judged(text, domain)

    async def _change(self, command: str, domain: Domain, parameters: Mapping[str, str]) -> None:
        await self._rest()
        try:
            self._body(await self._api.change("GET", PATH, **self._parts(command, parameters)))
            return
        except _Refused as refused:
            text = refused.text
        raise self._meaning(text, domain, tuple(parameters.values())) or RegistrarRefused(
            self._api.quoting(f"Dynadot refuses to change the name servers of {domain.name}", text),
            "Set them in Dynadot's control panel, which tells why, or set domain.mode to byo-manual.",
        )

    async def _judged(self, text: str, domain: Domain) -> RegistrarError:
        """What a text that nobody knows means: whether the key is any good for something else tells."""
        try:
            await self._ask("account_info", {})
        except _Refused as refused:
            return self._meaning(refused.text, domain, ()) or self._of_every_request(refused.text)
        return RegistrarRefused(
            self._api.quoting(f"Dynadot does not show {domain.name} to this key", text),
            "Look at the domain in Dynadot's control panel, or set domain.mode to byo-manual.",
        )

    def _of_every_request(self, text: str) -> RegistrarError:
        if not ADDRESS.search(text.lower()):
            return self._api.unclear("refuses every request", text)
        return RegistrarForbidden(
            self._api.quoting("Dynadot does not take requests from this address", text),
            "Under Tools > API in Dynadot's control panel, add the address that the operator calls from to the list, "
            "or remove the list.",
        )

    async def _ask(self, command: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        await self._rest()
        return self._body(await self._api.read("GET", PATH, **self._parts(command, parameters)))

    async def _rest(self) -> None:
        if self._asked:
            await self._api.rest(REST_SECONDS)
        self._asked = True

    def _parts(self, command: str, parameters: Mapping[str, str]) -> Parts:
        return Parts(params={"key": self._key, "command": command, **parameters})

    def _body(self, answer: HttpAnswer) -> Mapping[str, Any]:
        """What is in the envelope of a success. Raises _Refused; the envelope of an error may have another name."""
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise _unknown_key()
        outer = answer.json()
        if not answer.ok and isinstance(outer, dict):
            # As Dynadot's RESTful API does.
            raise _Refused(str(outer.get("message") or f"HTTP status {answer.status}"))
        body = next(iter(outer.values()), None) if isinstance(outer, dict) else None
        if not answer.ok or not isinstance(body, dict):
            raise self._api.unclear(f"answered with HTTP status {answer.status} and not as documented")
        header = _header(body)
        code = str(header.get("ResponseCode", header.get("SuccessCode")))
        if code == "0":
            return body
        raise _Refused(str(header.get("Error") or header.get("Status") or f"code {code}"))

    def _meaning(self, text: str, domain: Domain, hosts: Sequence[str]) -> RegistrarError | None:
        """What a known text means. None for any other."""
        folded = text.lower()
        if any(known in folded for known in UNKNOWN_KEY):
            return _unknown_key()
        if any(known in folded for known in TOO_MANY):
            return self._api.limited()
        if any(known in folded for known in PASSING):
            return self._api.passing("is busy or has no connection to its main server", text)
        return _about_domain(folded, domain, hosts)


def _about_domain(folded: str, domain: Domain, hosts: Sequence[str]) -> RegistrarError | None:
    """What a known text means that is about the domain or its servers."""
    if NOT_THERE in folded:
        return RegistrarRefused(
            f"{domain.name} is not in the Dynadot account of this key",
            "Use a key of the account that holds the domain, or set domain.registrar to where it is registered.",
        )
    if UNREGISTERED in folded:
        host = next((host for host in hosts if f"'{host}'" in folded), "a name server")
        return RegistrarRefused(
            f"Dynadot wants {host} to be registered with an address before a domain uses it",
            "Register it with its address in the name server section of Dynadot's control panel.",
        )
    if LOCKED in folded:
        return RegistrarRefused(
            f"{domain.name} is locked at Dynadot", "Unlock it in Dynadot's control panel; it goes on by itself."
        )
    return None


def _header(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the code is: with some commands, in a header of a name of its own."""
    found = (value for name, value in body.items() if name.endswith("Header") and isinstance(value, dict))
    return next(found, body)


def _unknown_key() -> RegistrarError:
    return RegistrarUnauthorized(
        "Dynadot does not accept the key",
        "Put the API Production Key of Tools > API in Dynadot's control panel into the Secret as api-key; a new one "
        "takes some minutes to work.",
    )


def _check_registered(domain: Domain) -> None:
    if not domain.is_registered:
        raise RegistrarRefused(
            f"Dynadot's API cannot delegate {domain.name} without replacing all other records of {domain.registered}",
            f"Set domain.mode to byo-manual and the NS records by hand, or use {domain.registered} itself.",
        )


VENDOR = Vendor("Dynadot", "https://api.dynadot.com", (DynadotCredentials,), Dynadot)
