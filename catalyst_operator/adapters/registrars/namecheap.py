"""Namecheap: name servers of a registered domain, and NS records where Namecheap's own DNS serves the domain.

Written after namecheap.com/support/api: Introduction, Global parameters, and the methods domains.dns.getList,
setCustom, setDefault, getHosts and setHosts. Requests are forms sent by POST, as Namecheap's own Go client does, so
that the key stands in no URL; that HTTP 405 means too many requests is from that client.

setHosts replaces all host records of a zone at once: what is not sent is deleted. A child is delegated by reading them,
changing the NS records of this one name, writing all of them and reading them again. That is done only where everything
read can be written back as it was: no record types that setHosts does not take, none that are switched off or updated
by dynamic DNS, and of the kinds of mail only those whose records Namecheap's documents explain. Somebody who changes
the zone by other means within the same second or two may lose that change, or undo this one. Two Sovereigns below one
domain take turns.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from ipaddress import IPv4Address
from weakref import WeakValueDictionary
from xml.etree.ElementTree import Element

from pydantic import SecretStr

from catalyst_operator.adapters.registrars import namecheap_answers as answers
from catalyst_operator.adapters.registrars.http import Api, HttpAnswer
from catalyst_operator.adapters.registrars.namecheap_answers import Host, HostZone
from catalyst_operator.adapters.registrars.nameservers import DELEGATION_TTL, check_hidden, check_some, full_name, tidy
from catalyst_operator.adapters.registrars.vendor import Credentials, Vendor, secret
from catalyst_operator.adapters.suffixes import NotRegistrable, split
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import RegistrarRefused, RegistrarUnauthorized, RegistrarUnavailable

OWN_SERVERS = ("dns1.registrar-servers.com", "dns2.registrar-servers.com")
"""Namecheap's BasicDNS: gone back to by setDefault, which also brings back the zone's services."""
TYPES = {"A", "AAAA", "ALIAS", "CAA", "CNAME", "MX", "MXE", "NS", "TXT", "URL", "URL301", "FRAME"}
"""What setHosts takes."""
EMAIL_TYPES = {"NONE", "MX", "MXE", "FWD"}
"""Kinds of mail whose host records can be written back. With others (OX, GMAIL) records are there that setHosts is
documented to take with MX alone."""

_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
"""Whose turn it is to rewrite a zone, by registered domain; only among adapters of this process."""


class NamecheapCredentials(Credentials):
    """The account's name and API key, and the IPv4 address on its allow-list. `user-name` is for the API users of
    somebody else's account."""

    api_user: SecretStr
    api_key: SecretStr
    client_ip: SecretStr
    user_name: SecretStr = SecretStr("")


class Namecheap:
    """One Namecheap account; see `registrar.Registrar`."""

    def __init__(self, credentials: NamecheapCredentials, api: Api) -> None:
        _check_address(secret(credentials.client_ip))
        self._credentials = credentials
        self._api = api

    async def validate(self, domain: Domain) -> None:
        """See Registrar."""
        if domain.is_registered:
            await self._read("getList", domain)
            return
        zone = await self._zone(domain)
        _check_rewritable(domain, zone)
        if not _delegation(domain, zone):
            _check_hidden(domain, zone, ())

    async def get(self, domain: Domain) -> RegistrarView:
        """See Registrar."""
        if domain.is_registered:
            listed = await self._read("getList", domain)
            return RegistrarView(tidy(server.text or "" for server in answers.children(listed, "nameserver")))
        return RegistrarView(tidy(host.address for host in _delegation(domain, await self._zone(domain))))

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        """See Registrar."""
        check_some(domain, hosts)
        wanted = tidy(hosts)
        if not domain.is_registered:
            async with _turns.setdefault(domain.registered, asyncio.Lock()):
                await self._delegate(domain, wanted)
        elif wanted == OWN_SERVERS:
            await self._change("setDefault", domain, {}, "Updated")
        else:
            await self._change("setCustom", domain, {"Nameservers": ",".join(wanted)}, "Updated")

    async def _delegate(self, domain: Domain, wanted: tuple[str, ...]) -> None:
        zone = await self._zone(domain)
        there = _delegation(domain, zone)
        if tidy(host.address for host in there) == wanted:
            return
        _check_rewritable(domain, zone)
        if not there:
            _check_hidden(domain, zone, wanted)
        new = [Host(domain.label, "NS", host, ttl=str(DELEGATION_TTL)) for host in wanted]
        hosts = [host for host in zone.hosts if host not in there] + new
        if not hosts:
            raise RegistrarRefused(
                f"nothing would be left of the zone of {domain.registered}, and Namecheap wants one host record",
                "Remove them in Namecheap's control panel.",
            )
        await self._change("setHosts", domain, {**_form(hosts), "EmailType": zone.email_type}, "IsSuccess")
        if _counted((await self._zone(domain)).hosts) != _counted(hosts):
            raise self._api.unclear(
                f"shows other host records than it was sent: look at those of {domain.registered} in its control panel"
            )

    async def _zone(self, domain: Domain) -> HostZone:
        result = await self._read("getHosts", domain)
        if not answers.is_true(result, "IsUsingOurDNS"):
            raise RegistrarRefused(answers.NOT_SERVED.message, answers.NOT_SERVED.remedy)
        return answers.host_zone(result)

    async def _read(self, method: str, domain: Domain) -> Element:
        return self._result(await self._api.read("POST", "/xml.response", form=self._parameters(method, domain)))

    async def _change(self, method: str, domain: Domain, values: Mapping[str, str], done: str) -> None:
        form = {**self._parameters(method, domain), **values}
        result = self._result(await self._api.change("POST", "/xml.response", form=form))
        if not answers.is_true(result, done):
            raise self._api.unclear("did not confirm the change")

    def _parameters(self, method: str, domain: Domain) -> dict[str, str]:
        user = secret(self._credentials.api_user)
        label, suffix = _split(domain)
        return {
            "ApiUser": user,
            "ApiKey": secret(self._credentials.api_key),
            "UserName": secret(self._credentials.user_name) or user,
            "ClientIp": secret(self._credentials.client_ip),
            "Command": f"namecheap.domains.dns.{method}",
            "SLD": label,
            "TLD": suffix,
        }

    def _result(self, answer: HttpAnswer) -> Element:
        """What the command is about. Raises what a refusal means."""
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            raise self._api.limited()
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise RegistrarUnauthorized(answers.KEY.message, answers.KEY.remedy)
        if not answer.ok:
            raise self._api.unclear(f"answered with HTTP status {answer.status}")
        try:
            response = answers.read(answer.content)
        except answers.Unreadable as error:
            reason = str(error)
        else:
            if answers.TOO_MANY_REQUESTS in response.errors:
                raise self._api.limited()
            if refused := answers.refusal(response.errors):
                raise refused.error(refused.message, refused.remedy)
            if response.errors:
                raise self._unknown(response.errors)
            if response.result is not None:
                return response.result
            reason = "answered without a result"
        raise self._api.unclear(reason)

    def _unknown(self, errors: Mapping[str, str]) -> RegistrarUnavailable:
        """The error for numbers that are in no table, in Namecheap's words."""
        said = "; ".join(f"{text.strip() or 'no reason'} (error {number})" for number, text in errors.items())
        if errors.keys() & answers.PASSING:
            return self._api.passing("failed", said)
        return self._api.unclear("refuses the request", said)


def _check_address(address: str) -> None:
    try:
        IPv4Address(address)
    except ValueError:
        reason = "client-ip in the Secret is not an IPv4 address"
    else:
        return
    raise RegistrarUnauthorized(
        reason,
        "Set it to the IPv4 address from which the operator's requests reach the internet; Namecheap takes no other.",
    )


def _split(domain: Domain) -> tuple[str, str]:
    try:
        return split(domain.registered)
    except NotRegistrable as error:
        reason = str(error)
    raise RegistrarRefused(reason, "Name a domain that can be registered.")


def _delegation(domain: Domain, zone: HostZone) -> list[Host]:
    """The NS records of a child."""
    return [host for host in zone.hosts if host.type.upper() == "NS" and host.name.lower() == domain.label]


def _check_hidden(domain: Domain, zone: HostZone, hosts: tuple[str, ...]) -> None:
    records = ((full_name(domain, host.name), host.type.upper()) for host in zone.hosts)
    check_hidden(domain, hosts, records, "Namecheap")


def _check_rewritable(domain: Domain, zone: HostZone) -> None:
    """Raises RegistrarRefused for a zone of which something would be lost or altered if it were written back."""
    odd = sorted({host.type.upper() for host in zone.hosts} - TYPES)
    if zone.email_type.upper() not in EMAIL_TYPES:
        reason = "its mail is set up in a way that may not outlast it"
    elif odd:
        reason = "it has host records of a type that Namecheap's API does not take"
    elif not all(host.settled for host in zone.hosts):
        reason = "it has host records that are switched off or updated by dynamic DNS, which may not outlast it"
    else:
        return
    raise RegistrarRefused(
        f"Namecheap's API can only rewrite the whole zone of {domain.registered}, and {reason}",
        f"Add the NS records for {domain.name} in Namecheap's control panel, and choose byo-manual.",
    )


def _form(hosts: Sequence[Host]) -> dict[str, str]:
    """The parameters of setHosts, numbered from 1; what a record does not have is left out."""
    form: dict[str, str] = {}
    for number, host in enumerate(hosts, 1):
        values = {
            "HostName": host.name,
            "RecordType": host.type,
            "Address": host.address,
            "MXPref": host.mx_pref,
            "TTL": host.ttl,
        }
        form |= {f"{name}{number}": value for name, value in values.items() if value}
    return form


def _counted(hosts: Sequence[Host]) -> Counter[tuple[str, str, str, str, str]]:
    return Counter(host.key for host in hosts)


VENDOR = Vendor("Namecheap", "https://api.namecheap.com", (NamecheapCredentials,), Namecheap)
