"""Namecheap's API under /namecheap: one path, commands as parameters, XML.

Follows namecheap.com/support/api: Global parameters, and the pages of domains.dns.getList, setCustom, setDefault,
getHosts and setHosts with their error numbers. From Namecheap's own Go client and Terraform provider, and issues of
theirs: HTTP 405 or error 500000 for too many requests, `host` elements in lower case with IsActive and IsDDNSEnabled,
trailing dots on the addresses of NS records, at least two name servers, which record types go with which EmailType,
and the text after 1011150. No document says which numbers setCustom and setHosts have for values that are not
acceptable: here they are 3031510 and 2050900, the nearest that are documented.

Parameters come in a query or a form, their names in any case. Rights of an account: `api` (API access is enabled),
`edit` (domains may be changed). Options of an account: `addresses`, the allow-list; by default what its credentials
have as client-ip. Options of a domain: `email-type`. A record's comment is its MXPref, or `inactive`, or `ddns`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv4Address
from xml.etree.ElementTree import Element, SubElement, tostring

from aiohttp import web

from e2e.lab.registrars.accounts import Account, Domain, Record
from e2e.lab.registrars.emulator import Asked, Handler

NAME = "namecheap"
OWN_SERVERS = ("dns1.registrar-servers.com", "dns2.registrar-servers.com")
RIGHT_API, RIGHT_EDIT = "api", "edit"

_NAMESPACE = "http://api.namecheap.com/xml.response"
_PREFIX = "namecheap.domains.dns."
_TYPES = {"A", "AAAA", "ALIAS", "CAA", "CNAME", "MX", "MXE", "NS", "TXT", "URL", "URL301", "FRAME"}
_EMAIL_TYPES = {"NONE", "MXE", "MX", "FWD", "OX", "GMAIL"}
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)
_MANY = 10

_ERRORS = {
    "1010101": "Parameter APIUser is missing",
    "1010102": "Parameter APIKey is missing",
    "1010104": "Parameter Command is missing",
    "1010105": "Parameter ClientIP is missing",
    "1011102": "API Key is invalid or API access has not been enabled",
    "1011105": "Parameter ClientIP is invalid",
    "1011150": "Invalid request IP: {}",
    "1017101": "Parameter ApiUser is disabled or locked",
    "1019103": "Parameter UserName is not available",
    "2011170": "Command not found",
    "2016166": "Domain is not associated with your account",
    "2019166": "Domain name not found",
    "2030166": "Edit permission for domain is not supported",
    "2030288": "Cannot complete this command as this domain is not using proper DNS servers",
    "2050900": "Unknown response from the provider",
    "3031510": "Error from Enom",
    "3050900": "Unknown error from Enom",
    "500000": "Too many requests",
}

_Parameters = Mapping[str, str]
_Answering = Callable[[Asked, Domain, _Parameters], Awaitable[Element]]


class Refused(Exception):
    """The request ends with this error."""

    def __init__(self, number: str, detail: str = "") -> None:
        super().__init__(number)
        self.number, self.detail = number, detail


class Namecheap:
    """See the module's documentation."""

    name = NAME
    secret_parameters = frozenset({"ApiUser", "ApiKey", "UserName", "ClientIp"})

    def routes(self) -> Sequence[tuple[str, str, Handler]]:
        return (("GET", "/xml.response", self._handle), ("POST", "/xml.response", self._handle))

    async def what(self, request: web.Request) -> str:
        return (await _parameters(request)).get("command", "").removeprefix(_PREFIX)

    def limited(self, seconds: int) -> web.Response:
        return web.Response(status=405)

    def refusal(self, code: str) -> web.Response:
        return _error(Refused(code))

    def unknown(self, request: web.Request) -> web.Response:
        return web.Response(status=404, text="<html>not found</html>", content_type="text/html")

    async def _handle(self, asked: Asked) -> web.Response:
        parameters = await _parameters(asked.request)
        try:
            account = _authenticated(asked, parameters)
            command = parameters.get("command", "")
            answering = _COMMANDS.get(command.removeprefix(_PREFIX).lower())
            if answering is None:
                raise Refused("1010104" if not command else "2011170")
            domain = _domain(account, parameters)
            if not command.lower().startswith(f"{_PREFIX}get") and (domain.locked or not account.may(RIGHT_EDIT)):
                raise Refused("2030166")
            return _answer("OK", command, await answering(asked, domain, parameters))
        except Refused as refused:
            return _error(refused)


async def _parameters(request: web.Request) -> _Parameters:
    """By names in lower case."""
    given = dict(request.query)
    if request.content_type == "application/x-www-form-urlencoded":
        given |= {name: str(value) for name, value in (await request.post()).items()}
    return {name.lower(): value for name, value in given.items()}


def _authenticated(asked: Asked, parameters: _Parameters) -> Account:
    """In the order of the numbers that clients get to see: who, with which key, from where, on whose behalf."""
    for name, number in (("apiuser", "1010101"), ("apikey", "1010102"), ("clientip", "1010105")):
        if not parameters.get(name):
            raise Refused(number)
    account = asked.world.accounts.by_credential(NAME, "api-user", parameters["apiuser"])
    if account is None or account.credentials.get("api-key") != parameters["apikey"] or not account.may(RIGHT_API):
        raise Refused("1011102")
    asked.account = account
    address = parameters["clientip"]
    if not _is_address(address):
        raise Refused("1011105")
    if address not in account.options.get("addresses", [account.credentials.get("client-ip")]):
        raise Refused("1011150", address)
    if parameters.get("username") != (account.credentials.get("user-name") or account.credentials["api-user"]):
        raise Refused("1019103")
    return account


def _domain(account: Account, parameters: _Parameters) -> Domain:
    """The label is without dots; the rest is the suffix, of as many labels as it has."""
    label, suffix = parameters.get("sld", ""), parameters.get("tld", "")
    domain = account.domain(f"{label}.{suffix}")
    if domain is None or "." in label:
        raise Refused("2019166")
    return domain


async def _get_list(_asked: Asked, domain: Domain, _parameters: _Parameters) -> Element:
    result = Element("DomainDNSGetListResult", Domain=domain.name, IsUsingOurDNS=_flag(_served(domain)))
    for host in domain.nameservers:
        SubElement(result, "Nameserver").text = host
    return result


async def _set_custom(asked: Asked, domain: Domain, parameters: _Parameters) -> Element:
    hosts = parameters.get("nameservers", "").split(",")
    if len(hosts) < 2 or not all(_HOST.fullmatch(host) for host in hosts):
        raise Refused("3031510")
    await asked.flip(domain, [host.lower() for host in hosts])
    return Element("DomainDNSSetCustomResult", Domain=domain.name, Updated="true")


async def _set_default(asked: Asked, domain: Domain, _parameters: _Parameters) -> Element:
    await asked.flip(domain, OWN_SERVERS)
    return Element("DomainDNSSetDefaultResult", Domain=domain.name, Updated="true")


async def _get_hosts(_asked: Asked, domain: Domain, _parameters: _Parameters) -> Element:
    _check_served(domain)
    result = Element("DomainDNSGetHostsResult", Domain=domain.name, EmailType=_email_type(domain), IsUsingOurDNS="true")
    for number, record in enumerate(domain.records, 1):
        SubElement(result, "host", _shown(number, record, domain))
    return result


async def _set_hosts(asked: Asked, domain: Domain, parameters: _Parameters) -> Element:
    _check_served(domain)
    records = [_record(number, domain, parameters) for number in _numbers(parameters)]
    email_type = parameters.get("emailtype", "NONE").upper()
    kinds = [record.type for record in records]
    if len(records) > _MANY and asked.request.method != "POST":
        raise Refused("2050900")
    if not records or email_type not in _EMAIL_TYPES or (email_type == "MX") != ("MX" in kinds):
        raise Refused("2050900")
    if (email_type == "MXE") != (kinds.count("MXE") == 1) or kinds.count("MXE") > 1:
        raise Refused("2050900")
    before = domain.model_copy(deep=True)
    domain.records, domain.options["email-type"] = records, email_type
    for name in {one.name for one in (*before.records, *records) if one.type == "NS"}:
        if before.hosts(name) != domain.hosts(name):
            await asked.delegate(domain, name)
    return Element("DomainDNSSetHostsResult", Domain=domain.name, IsSuccess="true")


def _numbers(parameters: _Parameters) -> Sequence[int]:
    """1 to n; a gap ends the list, and what is behind it would be lost, so it is refused."""
    given = sorted(int(name.removeprefix("hostname")) for name in parameters if re.fullmatch(r"hostname\d+", name))
    if given != list(range(1, len(given) + 1)):
        raise Refused("2050900")
    return given


def _record(number: int, domain: Domain, parameters: _Parameters) -> Record:
    label, kind, address = (parameters.get(f"{name}{number}", "") for name in ("hostname", "recordtype", "address"))
    ttl, preference = parameters.get(f"ttl{number}", "1800"), parameters.get(f"mxpref{number}", "10")
    numeric = ttl.isdecimal() and preference.isdecimal()
    if not (label and address and kind in _TYPES and numeric and 60 <= int(ttl) <= 60000):
        raise Refused("2050900")
    return Record(
        name=domain.name if label == "@" else f"{label}.{domain.name}",
        type=kind,
        content=address.removesuffix(".") if kind in ("NS", "CNAME", "MX", "ALIAS") else address,
        ttl=int(ttl),
        comment="" if preference == "10" else preference,
    )


def _shown(number: int, record: Record, domain: Domain) -> dict[str, str]:
    return {
        "HostId": str(number),
        "Name": record.name.removesuffix(domain.name).removesuffix(".") or "@",
        "Type": record.type,
        "Address": record.content + ("." if record.type in ("NS", "CNAME", "MX", "ALIAS") else ""),
        "MXPref": record.comment if record.comment.isdecimal() else "10",
        "TTL": str(record.ttl),
        "AssociatedAppTitle": "",
        "FriendlyName": "",
        "IsActive": _flag(record.comment != "inactive"),
        "IsDDNSEnabled": _flag(record.comment == "ddns"),
    }


_COMMANDS: Mapping[str, _Answering] = {
    "getlist": _get_list,
    "setcustom": _set_custom,
    "setdefault": _set_default,
    "gethosts": _get_hosts,
    "sethosts": _set_hosts,
}


def _answer(status: str, command: str, result: Element | None, errors: Sequence[tuple[str, str]] = ()) -> web.Response:
    root = Element("ApiResponse", xmlns=_NAMESPACE, Status=status)
    listed = SubElement(root, "Errors")
    for number, text in errors:
        SubElement(listed, "Error", Number=number).text = text
    SubElement(root, "Warnings")
    SubElement(root, "RequestedCommand").text = command
    if result is not None:
        SubElement(root, "CommandResponse", Type=command).append(result)
    SubElement(root, "Server").text = "LAB"
    SubElement(root, "GMTTimeDifference").text = "--5:00"
    SubElement(root, "ExecutionTime").text = "0.01"
    body = tostring(root, encoding="utf-8", xml_declaration=True)
    return web.Response(body=body, content_type="text/xml", charset="utf-8")


def _error(refused: Refused) -> web.Response:
    return _answer("ERROR", "", None, [(refused.number, _ERRORS[refused.number].format(refused.detail))])


def _served(domain: Domain) -> bool:
    return set(domain.nameservers) == set(OWN_SERVERS)


def _check_served(domain: Domain) -> None:
    if not _served(domain):
        raise Refused("2030288")


def _email_type(domain: Domain) -> str:
    return str(domain.options.get("email-type", "NONE"))


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _flag(value: bool) -> str:
    return str(value).lower()
