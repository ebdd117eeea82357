"""Dynadot: the name servers of domains that are registered there, through its API 3 in JSON.

`set_ns` takes hosts that the account knows, so those it lacks are added first. Children are refused: `set_dns2`
replaces all records of a zone, or with `add_dns_to_current_setting` adds to them, but cannot take a single one away,
and the documents do not count NS among the types of a sub-record. The key is in the query of every URL, so no URL
may ever be logged.

Written after dynadot.com/domain/api-commands (domain_info, get_ns, server_list, add_ns, set_ns, account_info;
threads and requests a minute) and the help page on the API key (list of addresses). Answers have HTTP status 200
whatever happens, and ResponseCode is 0, or -1 for every error: only its text tells which. The documents list no
texts; those below are quoted by programs that use the API (acme.sh's dns_dynadot, the clients of level23 and
openova-io).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    RegistrarUnavailable,
)

PATH = "/api3.json"
MOST_SERVERS = 13
REST_SECONDS = 1.0
"""Between two requests: a regular account has one thread and 60 requests a minute."""

UNKNOWN_KEY = "invalid key"
NOT_THERE = "could not find domain in your account"
PASSING = "connection to main server"
"""There is a problem with it, or it is busy or offline."""
UNREGISTERED = "needs to be registered with an ip address"


class DynadotCredentials(Credentials):
    """The key of the account."""

    api_key: SecretStr


class _Refused(Exception):
    """An answer with an error. The text is for comparison alone: an echo could hold the key."""

    def __init__(self, text: str) -> None:
        super().__init__("refused")
        self.text = text.lower()


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
            raise self._api.puzzled("answered get_ns without the servers")
        return tidy(host for name, host in content.items() if name.startswith("Host") and isinstance(host, str))

    async def _known(self, domain: Domain) -> tuple[str, ...]:
        """The hosts that the account knows already."""
        listed = (await self._read("server_list", domain)).get("ServerList")
        if not isinstance(listed, list):
            raise self._api.puzzled("answered server_list without a list")
        names = [server.get("ServerName") for server in listed if isinstance(server, dict)]
        return tidy(name for name in names if isinstance(name, str))

    async def _read(self, command: str, domain: Domain) -> Mapping[str, Any]:
        parameters = {} if command == "server_list" else {"domain": domain.name}
        try:
            return await self._ask(command, parameters)
        except _Refused as refused:
            text = refused.text
        raise _meaning(text, domain, ()) or await self._judged(domain)

    async def _change(self, command: str, domain: Domain, parameters: Mapping[str, str]) -> None:
        await self._rest()
        try:
            self._body(await self._api.change("GET", PATH, **self._parts(command, parameters)))
            return
        except _Refused as refused:
            text = refused.text
        raise _meaning(text, domain, tuple(parameters.values())) or RegistrarRefused(
            f"Dynadot refuses to change the name servers of {domain.name}",
            "Set them in Dynadot's control panel, which tells why, or set domain.mode to byo-manual.",
        )

    async def _judged(self, domain: Domain) -> RegistrarError:
        """What a text that nobody knows means: whether the key is any good for something else tells."""
        try:
            await self._ask("account_info", {})
        except _Refused as refused:
            return _meaning(refused.text, domain, ()) or RegistrarForbidden(
                "Dynadot knows the key, but refuses its requests",
                "If Tools > API in Dynadot's control panel lists addresses, add the one that the operator calls from.",
            )
        return RegistrarRefused(
            f"Dynadot does not show {domain.name} to this key",
            "Look at the domain in Dynadot's control panel, or set domain.mode to byo-manual.",
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
        outer = answer.json()
        body = next(iter(outer.values()), None) if isinstance(outer, dict) else None
        if not answer.ok or not isinstance(body, dict):
            raise self._api.puzzled(f"answered with HTTP status {answer.status} and not as documented")
        header = body.get("ResponseHeader", body)
        code = header.get("ResponseCode") if isinstance(header, dict) else None
        if str(code) == "0":
            return body
        if str(code) != "-1":
            raise self._api.puzzled("answered without a code that is documented")
        raise _Refused(str(header.get("Error", "")))


def _meaning(text: str, domain: Domain, hosts: Sequence[str]) -> RegistrarError | None:
    """What a known text means. None for any other."""
    if UNKNOWN_KEY in text:
        return RegistrarUnauthorized(
            "Dynadot does not accept the key",
            "Put the API Production Key of Tools > API in Dynadot's control panel into the Secret as api-key; a new "
            "one takes some minutes to work.",
        )
    if NOT_THERE in text:
        return RegistrarRefused(
            f"{domain.name} is not in the Dynadot account of this key",
            "Use a key of the account that holds the domain, or set domain.registrar to where it is registered.",
        )
    if PASSING in text:
        return RegistrarUnavailable("Dynadot's API has no connection to its main server")
    if UNREGISTERED in text:
        host = next((host for host in hosts if f"'{host}'" in text), "a name server")
        return RegistrarRefused(
            f"Dynadot wants {host} to be registered with an address before a domain uses it",
            "Register it with its address in the name server section of Dynadot's control panel.",
        )
    return None


def _check_registered(domain: Domain) -> None:
    if not domain.is_registered:
        raise RegistrarRefused(
            f"Dynadot's API cannot delegate {domain.name} without replacing all other records of {domain.registered}",
            f"Set domain.mode to byo-manual and the NS records by hand, or use {domain.registered} itself.",
        )


VENDOR = Vendor("Dynadot", "https://api.dynadot.com", (DynadotCredentials,), Dynadot)
