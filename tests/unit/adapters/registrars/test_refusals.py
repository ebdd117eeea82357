"""What vendors answer that no document of theirs lists, as people have met it: whose turn it is after each, and whether
they are told what the vendor said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from catalyst_operator.adapters.registrars.http import MOST_WORDS
from catalyst_operator.adapters.suffixes import domain_of
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.errors import (
    RegistrarError,
    RegistrarForbidden,
    RegistrarRateLimited,
    RegistrarRefused,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)
from tests.unit.adapters.registrars.lab import NEW, Lab, zone

KEYS: dict[RegistrarName, dict[str, str]] = {
    RegistrarName.CLOUDFLARE: {"api-token": "u7_kX-b2Q9vN4mLw8Rz1Yt6Ps3Hd5Gf0JcAeBiEo"},
    RegistrarName.DYNADOT: {"api-key": "7Q6s8L9E6r7h9P8s7I6z8W9b7M6u"},
    RegistrarName.GODADDY: {"api-key": "dKy1Tq8wZ_AbCdEf", "api-secret": "Rv5Jm2Xs9QpLkH"},
    RegistrarName.NAMECHEAP: {"api-user": "acmecorp", "api-key": "9b1f2e3d4c5b6a79", "client-ip": "192.0.2.1"},
    RegistrarName.OVH: {
        "application-key": "7kbG7Bk7S9Nt7ZSV",
        "application-secret": "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
        "consumer-key": "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
    },
}
OVH, CLOUDFLARE, DYNADOT, GODADDY, NAMECHEAP = (
    RegistrarName.OVH,
    RegistrarName.CLOUDFLARE,
    RegistrarName.DYNADOT,
    RegistrarName.GODADDY,
    RegistrarName.NAMECHEAP,
)
NOT_THE_CLOCK = "GET (?!.*/auth/time).*"


@dataclass(frozen=True)
class Row:
    """An answer to a request that only reads, and what it means."""

    why: str
    vendor: RegistrarName
    status: int
    body: Any
    error: type[RegistrarError]
    says: str
    unclear: bool = False
    what: str = ".*"


def cloudflare(code: int, message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}


def dynadot(text: str, **more: Any) -> dict[str, Any]:
    return {"Response": {"ResponseCode": "-1", "Error": text, **more}}


def namecheap(number: str, text: str) -> str:
    return (
        '<ApiResponse Status="ERROR" xmlns="http://api.namecheap.com/xml.response"><Errors>'
        f'<Error Number="{number}">{text}</Error></Errors></ApiResponse>'
    )


FREE_TLD = "You cannot use this API for domains with a .cf, .ga, .gq, .ml, or .tk TLD (top-level domain)."
ROWS = (
    # --- OVHcloud
    Row(
        "an expired service is renewed by a person",
        OVH,
        460,
        {"message": "This service is expired"},
        RegistrarRefused,
        "expired",
        what=NOT_THE_CLOCK,
    ),
    Row(
        "a status that nobody knows",
        OVH,
        423,
        {"class": "Client::Locked", "message": "This domain is under dispute"},
        RegistrarUnavailable,
        "This domain is under dispute",
        unclear=True,
        what=NOT_THE_CLOCK,
    ),
    Row(
        "not every 403 is a missing right",
        OVH,
        403,
        {"class": "Client::Forbidden", "message": "This service is suspended"},
        RegistrarForbidden,
        "forbids the request; it says: This service is suspended",
        what=NOT_THE_CLOCK,
    ),
    Row(
        "one that is",
        OVH,
        403,
        {"errorCode": "NOT_GRANTED_CALL", "message": "This call has not been granted"},
        RegistrarForbidden,
        "lacks a right",
        what=NOT_THE_CLOCK,
    ),
    Row("no reason at all", OVH, 401, {}, RegistrarUnauthorized, "does not accept the keys", what=NOT_THE_CLOCK),
    # --- Cloudflare
    Row(
        "a TLD that is not for the API is no missing right",
        CLOUDFLARE,
        403,
        cloudflare(1038, FREE_TLD),
        RegistrarRefused,
        "through its API; it says: You cannot use this API",
        what="GET /zones.*",
    ),
    Row(
        "a 403 of another kind, with a token that is valid",
        CLOUDFLARE,
        403,
        cloudflare(1099, "The zone is held by another account"),
        RegistrarRefused,
        r"The zone is held by another account \(code 1099\)",
        what="GET /zones.*",
    ),
    Row(
        "a right that is missing",
        CLOUDFLARE,
        403,
        cloudflare(9109, "Unauthorized to access requested resource"),
        RegistrarForbidden,
        "the token is valid, but",
        what="GET /zones.*",
    ),
    Row(
        "a token that is for other addresses",
        CLOUDFLARE,
        403,
        cloudflare(9109, "Cannot use the access token from location: 198.51.100.7"),
        RegistrarUnauthorized,
        "from location: 198.51.100.7",
    ),
    Row("no reason at all", CLOUDFLARE, 401, {}, RegistrarUnauthorized, "does not accept the token"),
    Row("another object", CLOUDFLARE, 400, {"detail": "x"}, RegistrarUnavailable, "HTTP status 400", unclear=True),
    # --- Dynadot
    Row("too many", DYNADOT, 200, dynadot("Too many requests"), RegistrarRateLimited, "takes no more requests"),
    Row(
        "one at a time",
        DYNADOT,
        200,
        dynadot("Currently processing another request, please try again later"),
        RegistrarUnavailable,
        "Currently processing another request",
    ),
    Row(
        "busy, by its status",
        DYNADOT,
        200,
        {"GetNsResponse": {"GetNsHeader": {"SuccessCode": "5", "Status": "system_busy"}}},
        RegistrarUnavailable,
        "system_busy",
    ),
    Row("a bad key", DYNADOT, 200, dynadot("Invalid api key"), RegistrarUnauthorized, "does not accept the key"),
    Row("no reason at all", DYNADOT, 401, {}, RegistrarUnauthorized, "does not accept the key"),
    Row(
        "as its other API answers",
        DYNADOT,
        403,
        {"code": 403, "message": "This IP is not in your white list"},
        RegistrarForbidden,
        "from this address; it says: This IP is not in your white list",
    ),
    Row(
        "a text that nobody knows is not taken for the list of addresses",
        DYNADOT,
        200,
        dynadot("your account is under review"),
        RegistrarUnavailable,
        "your account is under review",
        unclear=True,
    ),
    Row(
        "a lock",
        DYNADOT,
        200,
        dynadot("Please unlock your domain firstly."),
        RegistrarRefused,
        "bank.test is locked",
    ),
    # --- GoDaddy
    Row("no reason at all", GODADDY, 401, {}, RegistrarUnauthorized, "does not accept the API key"),
    Row(
        "a refusal without a code",
        GODADDY,
        403,
        {"message": "Domain is on registry hold"},
        RegistrarForbidden,
        "forbids the request; it says: Domain is on registry hold",
    ),
    Row(
        "not every 403 is a closed API",
        GODADDY,
        403,
        {"code": "DOMAIN_PROTECTED", "message": "Domain Protection is on"},
        RegistrarForbidden,
        "forbids the request; it says: Domain Protection is on",
    ),
    Row(
        "one that is",
        GODADDY,
        403,
        {"code": "ACCESS_DENIED", "message": "Authenticated user is not allowed access"},
        RegistrarForbidden,
        "does not let this account use the API",
    ),
    Row(
        "a status that nobody knows",
        GODADDY,
        402,
        {"code": "INSUFFICIENT_FUNDS", "message": "Add a way to pay"},
        RegistrarUnavailable,
        "Add a way to pay",
        unclear=True,
    ),
    Row(
        "a rate limit that is none by its status",
        GODADDY,
        422,
        {"code": "TOO_MANY_REQUESTS", "message": "Too many requests"},
        RegistrarUnavailable,
        "Too many requests",
    ),
    # --- Cloudflare, of which the token is asked about first
    Row(
        "a rate limit that is none by its status",
        CLOUDFLARE,
        400,
        cloudflare(10100, "More than 1200 requests per 300 seconds reached. Please wait"),
        RegistrarRateLimited,
        "takes no more requests",
    ),
    Row(
        "the same under another number",
        CLOUDFLARE,
        400,
        cloudflare(971, "Please wait and consider throttling your request speed"),
        RegistrarRateLimited,
        "takes no more requests",
    ),
    Row(
        "an error of its own says nothing of the token",
        CLOUDFLARE,
        400,
        cloudflare(7003, "Could not route to /user/tokens/verify"),
        RegistrarUnavailable,
        r"does not verify the token; it says: Could not route to /user/tokens/verify \(code 7003\)",
        unclear=True,
    ),
    Row(
        "a token that is not known",
        CLOUDFLARE,
        401,
        cloudflare(1000, "Invalid API Token"),
        RegistrarUnauthorized,
        "does not accept the token; it says: Invalid API Token",
    ),
    Row(
        "a token of another form",
        CLOUDFLARE,
        400,
        cloudflare(6003, "Invalid request headers"),
        RegistrarUnauthorized,
        "does not accept the token",
    ),
    # --- Namecheap
    Row("no reason at all", NAMECHEAP, 401, {}, RegistrarUnauthorized, "does not accept the API user or key"),
    Row(
        "an error that it did not foresee",
        NAMECHEAP,
        200,
        namecheap("5050900", "Unhandled Exceptions"),
        RegistrarUnavailable,
        "Unhandled Exceptions",
    ),
    Row(
        "a number that nobody knows",
        NAMECHEAP,
        200,
        namecheap("2033407", "Domain is on hold"),
        RegistrarUnavailable,
        r"refuses the request; it says: Domain is on hold \(error 2033407\)",
        unclear=True,
    ),
)


def name_of(vendor: RegistrarName) -> str:
    """Cloudflare delegates children only."""
    return "acme.bank.test" if vendor is CLOUDFLARE else "bank.test"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.vendor}: {row.why}")
async def test_what_an_answer_means(lab: Lab, row: Row) -> None:
    lab.account(row.vendor, KEYS[row.vendor], zone("bank.test"))
    text = row.body if isinstance(row.body, str) else json.dumps(row.body)
    lab.fault(row.vendor, row.what, times=9, raw_status=row.status, raw_text=text)
    with lab.raises(row.error, row.says) as caught:
        await lab.connect(row.vendor, KEYS[row.vendor]).validate(domain_of(name_of(row.vendor)))
    assert getattr(caught.value, "unclear", False) is row.unclear
    assert caught.value.remedy or not row.unclear, "whoever has to look is told where"


@pytest.mark.parametrize("vendor", KEYS)
@pytest.mark.parametrize("part", ["all", "some"])
async def test_an_answer_that_quotes_a_credential_is_not_passed_on(lab: Lab, vendor: RegistrarName, part: str) -> None:
    """In the place of words there are none; the fixture looks whether any credential can be read."""
    value = max(KEYS[vendor].values(), key=len)
    quoted = f"nobody knows {value[: 12 if part == 'some' else None].upper()}"
    lab.account(vendor, KEYS[vendor], zone("bank.test"))
    body = {
        CLOUDFLARE: cloudflare(1099, quoted),
        DYNADOT: dynadot(quoted),
        NAMECHEAP: namecheap("2033407", quoted),
    }.get(vendor, {"code": "X", "message": quoted})
    status = 200 if vendor in (DYNADOT, NAMECHEAP) else 418
    text = body if isinstance(body, str) else json.dumps(body)
    lab.fault(vendor, NOT_THE_CLOCK if vendor is OVH else ".*", times=9, raw_status=status, raw_text=text)
    with pytest.raises(RegistrarError) as caught:
        await lab.connect(vendor, KEYS[vendor]).validate(domain_of(name_of(vendor)))
    assert "nobody knows" not in str(caught.value)


async def test_of_a_vendors_words_people_get_as_much_as_they_need(lab: Lab) -> None:
    lab.account(OVH, KEYS[OVH], zone("bank.test"))
    text = json.dumps({"message": "no\n" * 10_000})
    lab.fault(OVH, NOT_THE_CLOCK, raw_status=418, raw_text=text)
    with lab.raises(RegistrarUnavailable, "it says: no no no") as caught:
        await lab.connect(OVH, KEYS[OVH]).validate(domain_of("bank.test"))
    assert len(str(caught.value)) < MOST_WORDS + 100


async def test_a_change_that_is_refused_is_told_in_the_vendors_words(lab: Lab) -> None:
    lab.account(DYNADOT, KEYS[DYNADOT], zone("bank.test"), options={"servers": list(NEW)})
    lab.fault(DYNADOT, "set_ns", raw_status=200, raw_text=json.dumps(dynadot("name server limit reached")))
    with lab.raises(RegistrarRefused, "it says: name server limit reached"):
        await lab.connect(DYNADOT, KEYS[DYNADOT]).set_nameservers(domain_of("bank.test"), NEW)
