"""What Namecheap answers: XML with a status of its own, numbered errors, and the host records of a zone.

HTTP's status is 200 for refusals as well. The numbers and what they mean are from namecheap.com/support/api (Global
parameters, the pages of the methods, Error codes); 500000 for too many requests and what follows 1011150 are from
issues of Namecheap's own Terraform provider and Go client, as is that elements are `host` where the documents print
`Host`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, fromstring

from catalyst_operator.adapters import answers
from catalyst_operator.errors import RegistrarForbidden, RegistrarRefused, RegistrarUnauthorized

TOO_MANY_REQUESTS = "500000"
PASSING = frozenset({"1050900", "2050900", "3050900", "5050900", "4022288", "4023330"})
"""Errors that Namecheap itself did not foresee, at its own end or at the registry's."""
NOT_ALLOWED_ADDRESS = "1011150"

_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


class Unreadable(Exception):
    """It is not XML as Namecheap's documents show it. The message is a clause, in words of our own."""


@dataclass(frozen=True)
class Response:
    """An answer that could be read."""

    result: Element | None
    """What the command is about; None with an error."""
    errors: Mapping[str, str]
    """Namecheap's text by its number."""


@dataclass(frozen=True)
class Host:
    """A host record, each value as Namecheap gives and takes it."""

    name: str
    type: str
    address: str
    mx_pref: str = ""
    ttl: str = ""
    settled: bool = True
    """Whether setHosts can write it as it is: what has no parameter there is at its default."""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What makes two records the same."""
        preference = self.mx_pref if self.type.upper() == "MX" else ""
        return self.name.lower(), self.type.upper(), self.address.removesuffix("."), preference, self.ttl


@dataclass(frozen=True)
class HostZone:
    """The zone that Namecheap serves for a domain."""

    hosts: tuple[Host, ...]
    email_type: str


class Refusal(NamedTuple):
    """What an error of Namecheap's means."""

    error: type[RegistrarUnauthorized | RegistrarForbidden | RegistrarRefused]
    message: str
    remedy: str


_ALLOW_LIST = (
    "Put the IPv4 address from which the operator's requests reach the internet on the allow-list (Profile, Tools, API "
    "Access, Whitelisted IPs) and into the Secret as client-ip."
)
KEY = Refusal(
    RegistrarUnauthorized,
    "Namecheap does not accept the API user or key, or API access is not enabled for the account",
    "Enable API access (Profile, Tools, API Access; Namecheap wants 20 domains, $50 of balance, or $50 spent within "
    "two years) and put the account's name as api-user and the key as api-key into the Secret.",
)
_ADDRESS_REFUSED = Refusal(RegistrarForbidden, "Namecheap does not take requests from this address", _ALLOW_LIST)
_LOCKED_OUT = Refusal(
    RegistrarForbidden,
    "Namecheap has disabled or locked the account for its API",
    "Sign in to Namecheap and look at the account, or ask its support.",
)
_NO_RIGHT = Refusal(
    RegistrarForbidden,
    "this Namecheap account may not change the domain",
    "Use the API key of the account that holds the domain, or have its owner share the right to change the domain.",
)
_NOT_THERE = Refusal(
    RegistrarRefused,
    "the domain is not in this Namecheap account",
    "Check the domain's name, and that the API user is the account that holds it.",
)
NOT_SERVED = Refusal(
    RegistrarRefused,
    "the domain does not use Namecheap's own DNS, so there is no zone to delegate in",
    "Make the NS records where the domain is served, and choose byo-manual.",
)
_REGISTRY = Refusal(
    RegistrarRefused,
    "the registry behind Namecheap does not accept the request",
    "Check that every name server is a host that resolves, and the domain in Namecheap's control panel.",
)

_NUMBERS: Mapping[str, Refusal] = {
    **dict.fromkeys(("1010101", "1010102", "1011102", "1030408", "1019103", "1016103"), KEY),
    **dict.fromkeys((NOT_ALLOWED_ADDRESS, "1010105", "1011105", "1017105", "1017150"), _ADDRESS_REFUSED),
    **dict.fromkeys(("1017101", "1017103", "1017410", "1017411"), _LOCKED_OUT),
    **dict.fromkeys(("2030166", "4011103"), _NO_RIGHT),
    **dict.fromkeys(("2019166", "2016166", "3016166"), _NOT_THERE),
    "2030288": NOT_SERVED,
    "3031510": _REGISTRY,
}


def refusal(errors: Mapping[str, str]) -> Refusal | None:
    """What the first known error means; None if none is known. With an address that is not allowed it says which one
    Namecheap saw: of its text, only what is an IPv4 address is passed on."""
    known = next((number for number in errors if number in _NUMBERS), None)
    if known is None:
        return None
    found = _NUMBERS[known]
    if known == NOT_ALLOWED_ADDRESS and (seen := _address(errors[known])):
        return found._replace(message=f"Namecheap does not take requests from {seen}")
    return found


def read(content: bytes) -> Response:
    """The answer. Raises Unreadable. What declares a document type is not read: nothing is to be expanded."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("answered in another encoding than UTF-8") from None
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise Unreadable("answered with a document type, which is not read")
    if text.count("<") + text.count("=") > answers.MAX_ANSWER_VALUES:
        raise Unreadable(f"answered with more than {answers.MAX_ANSWER_VALUES} elements and attributes")
    try:
        root = fromstring(text)  # noqa: S314  without a document type there are no entities to expand
    except (ParseError, ValueError):
        raise Unreadable("did not answer in XML") from None
    if _name(root) != "apiresponse" or root.get("Status", "").upper() not in ("OK", "ERROR"):
        raise Unreadable("answered with XML that is not its own")
    errors = {error.get("Number", ""): error.text or "" for error in children(_child(root, "errors"), "error")}
    if root.get("Status", "").upper() == "ERROR" or errors:
        return Response(None, errors)
    command = _child(root, "commandresponse")
    return Response(command[0] if command is not None and len(command) else None, {})


def children(element: Element | None, name: str) -> Iterable[Element]:
    """The elements of this name directly below, whatever their case and namespace."""
    return [child for child in element if _name(child) == name] if element is not None else []


def is_true(element: Element, attribute: str) -> bool:
    """Whether an attribute says true."""
    return element.get(attribute, "").lower() == "true"


def host_zone(result: Element) -> HostZone:
    """The result of getHosts."""
    return HostZone(tuple(map(_host, children(result, "host"))), result.get("EmailType", ""))


def _host(element: Element) -> Host:
    settled = element.get("IsActive", "true").lower() == "true" and not is_true(element, "IsDDNSEnabled")
    return Host(
        name=element.get("Name", ""),
        type=element.get("Type", ""),
        address=element.get("Address", ""),
        mx_pref=element.get("MXPref", ""),
        ttl=element.get("TTL", ""),
        settled=settled,
    )


def _child(element: Element, name: str) -> Element | None:
    return next(iter(children(element, name)), None)


def _name(element: Element) -> str:
    """Without the namespace, in lower case."""
    return element.tag.rpartition("}")[2].lower()


def _address(text: str) -> str:
    found = _ADDRESS.search(text)
    try:
        return str(IPv4Address(found[0])) if found else ""
    except ValueError:
        return ""
