"""PowerDNS' API as the adapter speaks it: what is sent, what each answer means, and what no message may hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.powerdns import COMMENT, PowerDns, wire
from catalyst_operator.core.domains.zone import RRset, new_zone
from catalyst_operator.errors import DnsConflict, DnsDenied, DnsError, DnsRefused, DnsUnavailable
from e2e.support.waiting import until
from tests.support.reservations import ADDRESS, NAME, SERVERS, UID

KEY = "s3cretK3yOfPowerDns"
ZONES = "/api/v1/servers/localhost/zones"
A = RRset(NAME, "A", 300, (ADDRESS,), UID)


class Server:
    """Answers each request with the next of what it was given, or with the last one again."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


Connect = Callable[..., tuple[PowerDns, Server]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    clients: list[httpx.AsyncClient] = []

    def made(*answers: httpx.Response | Exception, url: str = "http://powerdns.test:8081/") -> tuple[PowerDns, Server]:
        server = Server(*answers)
        clients.append(httpx.AsyncClient(transport=httpx.MockTransport(server)))
        return PowerDns(url, SecretStr(KEY), clients[-1]), server

    yield made
    for client in clients:
        await client.aclose()


def answer(status: int = 200, body: Any = None) -> httpx.Response:
    return httpx.Response(status, json=body) if body is not None else httpx.Response(status)


def found(*rrsets: dict[str, Any], account: str = UID) -> httpx.Response:
    return answer(200, {"name": f"{NAME}.", "account": account, "rrsets": list(rrsets)})


def rrset(*comments: tuple[str, str], disabled: bool = False) -> dict[str, Any]:
    return {
        "name": f"{NAME}.",
        "type": "A",
        "ttl": 300,
        "records": [{"content": ADDRESS, "disabled": disabled}],
        "comments": [{"content": content, "account": account} for content, account in comments],
    }


def other(name: str) -> dict[str, Any]:
    return {"name": f"{name}.", "type": "NS", "ttl": 900, "records": [], "comments": []}


# --- what is sent -----------------------------------------------------------------------------------------------------


async def test_a_zone_is_created_whole_with_its_owner(connect: Connect) -> None:
    server, seen = connect(answer(201, {}))
    await server.create(new_zone(NAME, UID, ADDRESS, SERVERS))
    (request,) = seen.requests
    assert (request.method, request.url.path, request.headers["X-API-Key"]) == ("POST", ZONES, KEY)
    body = json.loads(request.content)
    assert (body["name"], body["kind"], body["account"]) == (f"{NAME}.", "Native", UID)
    assert {comment["account"] for found in body["rrsets"] for comment in found["comments"]} == {UID}
    assert all(found["name"].endswith(".") for found in body["rrsets"])


async def test_changes_are_one_request(connect: Connect) -> None:
    server, seen = connect(answer(204))
    await server.change("omani.works", [A, RRset(f"old.{NAME}", "A", 300, (), UID)])
    (request,) = seen.requests
    assert (request.method, request.url.path) == ("PATCH", f"{ZONES}/omani.works.")
    replaced, deleted = json.loads(request.content)["rrsets"]
    assert replaced["changetype"] == "REPLACE" and replaced["records"] == [{"content": ADDRESS, "disabled": False}]
    assert deleted == {"name": f"old.{NAME}.", "type": "A", "changetype": "DELETE"}


async def test_one_name_of_a_large_zone_is_asked_for_alone(connect: Connect) -> None:
    server, seen = connect(found())
    await server.zone("omani.works", NAME)
    assert seen.requests[0].url.params["rrset_name"] == f"{NAME}."


async def test_an_older_server_that_gives_the_whole_zone_anyway_is_asked_for_it_once_for_all(connect: Connect) -> None:
    server, seen = connect(found(rrset(), other(f"next.{NAME}")))
    await server.zone("omani.works", NAME)
    told = await asyncio.gather(*(server.zone("omani.works", f"n{number}.omani.works") for number in range(20)))
    assert all(zone and len(zone.rrsets) == 2 for zone in told)
    assert [str(request.url.query) for request in seen.requests[1:]] == ["b''"]


async def test_nobody_is_given_what_was_read_before_they_asked(connect: Connect) -> None:
    """A pass that has just changed the zone must see its change."""
    server, seen = connect(found(), found(rrset()))
    first = asyncio.create_task(server.zone("omani.works"))
    await until(lambda: seen.requests, seconds=10)
    later = await asyncio.gather(server.zone("omani.works"), server.zone("omani.works"))
    assert (await first) != later[0] == later[1]
    assert len(seen.requests) == 2


async def test_a_reading_that_fails_is_everybodys_failure_and_the_next_one_is_another(connect: Connect) -> None:
    server, _ = connect(answer(422, {"error": "no"}), found())
    told = await asyncio.gather(*(server.zone("omani.works") for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [DnsRefused] * 3
    assert await server.zone("omani.works") is not None


def test_what_was_made_is_read_back_as_it_was() -> None:
    made = new_zone(NAME, UID, ADDRESS, SERVERS)
    body = wire(made)
    assert [r["type"] for r in body["rrsets"]] == [r.type for r in made.rrsets]


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comments", "mark"),
    [
        ((), ""),
        (((COMMENT, UID),), UID),
        ((("asked for by the shop", "admin"),), "admin"),
        ((("asked for by the shop", "admin"), (COMMENT, UID)), UID),
        (((COMMENT, UID), ("asked for by the shop", "admin")), UID),
        ((("asked for by the shop", ""), (COMMENT, UID)), UID),
    ],
    ids=["nobody's", "ours", "somebody's", "with a note before ours", "with a note after ours", "without an account"],
)
async def test_a_note_that_somebody_adds_does_not_make_it_theirs(
    connect: Connect, comments: tuple[tuple[str, str], ...], mark: str
) -> None:
    """Else the delegation would stay in the pool for ever, and nobody could have the name again."""
    server, _ = connect(found(rrset(*comments)))
    zone = await server.zone(NAME)
    assert zone is not None and zone.rrsets[0].mark == mark


async def test_a_record_that_is_switched_off_is_not_there(connect: Connect) -> None:
    server, _ = connect(found(rrset((COMMENT, UID), disabled=True)))
    zone = await server.zone(NAME)
    assert zone is not None and zone.rrsets[0].values == ()


async def test_names_are_compared_in_lower_case(connect: Connect) -> None:
    body = {"name": "Omantel.Omani.Works.", "account": UID, "rrsets": [rrset() | {"name": "API.Omantel.Omani.Works."}]}
    server, _ = connect(answer(200, body))
    zone = await server.zone(NAME)
    assert zone is not None and (zone.name, zone.rrsets[0].name) == (NAME, f"api.{NAME}")


# --- what answers mean ------------------------------------------------------------------------------------------------


async def test_what_is_not_there(connect: Connect) -> None:
    server, _ = connect(answer(404, {"error": "Not Found"}))
    assert await server.zone(NAME) is None
    await server.delete(NAME)


REFUSALS = [
    (answer(401), DnsDenied, "does not accept the API key"),
    (answer(403), DnsDenied, "does not accept the API key"),
    (answer(422, {"error": "RRset a.b. IN A: Conflicts with pre-existing RRset"}), DnsRefused, "Conflicts with"),
    (answer(400, {"error": "bad"}), DnsRefused, "bad"),
    (answer(500, {"error": "database is locked"}), DnsUnavailable, "database is locked"),
    (answer(502), DnsUnavailable, "HTTP status 502"),
    (answer(302), DnsUnavailable, "HTTP status 302"),
    (httpx.ConnectError("connection refused"), DnsUnavailable, "did not answer"),
    (httpx.ReadTimeout("", request=httpx.Request("GET", "http://powerdns.test")), DnsUnavailable, "within 5 s"),
]


# What is not a creation is tried once more after a while: one of each kind of refusal will do.
CALLS = [("create", *row) for row in REFUSALS] + [
    (call, *row) for call in ("zone", "change", "delete") for row in REFUSALS if row[1] is not DnsUnavailable
]


@pytest.mark.parametrize(("call", "given", "kind", "says"), CALLS, ids=[str(n) for n in range(len(CALLS))])
async def test_every_refusal_says_why_and_holds_no_key(
    connect: Connect, call: str, given: httpx.Response | Exception, kind: type[DnsError], says: str
) -> None:
    server, _ = connect(given)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "zone": lambda: server.zone(NAME),
        "create": lambda: server.create(new_zone(NAME, UID, ADDRESS, SERVERS)),
        "change": lambda: server.change(NAME, [A]),
        "delete": lambda: server.delete(NAME),
    }
    with pytest.raises(DnsError) as refused:
        await calls[call]()
    assert (type(refused.value), says in str(refused.value)) == (kind, True), refused.value
    whole = f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"
    assert KEY not in whole and KEY not in str(vars(refused.value))


async def test_a_zone_that_exists_is_told_from_a_failure(connect: Connect) -> None:
    server, seen = connect(answer(409, {"error": "Conflict"}))
    with pytest.raises(DnsConflict):
        await server.create(new_zone(NAME, UID, ADDRESS, SERVERS))
    assert len(seen.requests) == 1, "a creation is not repeated: whose is it then?"


@pytest.mark.parametrize("text", ["default backend - 404", "<html>404 Not Found</html>", "", "{}", "[]"])
@pytest.mark.parametrize("call", ["zone", "create", "change", "delete"])
async def test_only_powerdns_itself_says_that_a_zone_is_not_there(connect: Connect, call: str, text: str) -> None:
    """An ingress before it has a page of its own: a zone would be left behind for ever, as one that is gone."""
    given = httpx.Response(404, text=text)
    server, seen = connect(*([given] * 2))
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "zone": lambda: server.zone(NAME),
        "create": lambda: server.create(new_zone(NAME, UID, ADDRESS, SERVERS)),
        "change": lambda: server.change(NAME, [A]),
        "delete": lambda: server.delete(NAME),
    }
    with pytest.raises(DnsUnavailable, match=r"404.*CATALYST_POWERDNS_URL"):
        await calls[call]()
    assert seen.requests[0].headers["Accept"] == "application/json", "else its own is no JSON either"


async def test_a_server_that_has_no_zones_at_all_does_not_count_as_success(connect: Connect) -> None:
    """With a wrong path every one of PowerDNS' is a 404: to look, that is a zone that does not exist; to create one, it
    is not."""
    server, _ = connect(answer(404, {"error": "Not Found"}))
    with pytest.raises(DnsUnavailable, match="CATALYST_POWERDNS_URL"):
        await server.create(new_zone(NAME, UID, ADDRESS, SERVERS))


@pytest.mark.parametrize("body", [[], "text", {}, {"name": 7}, {"name": "a.", "rrsets": "none"}])
async def test_what_is_no_zone_is_not_read_as_an_empty_one(connect: Connect, body: Any) -> None:
    server, _ = connect(answer(200, body))
    with pytest.raises(DnsUnavailable):
        await server.zone(NAME)


async def test_a_page_of_a_proxy_is_no_zone(connect: Connect) -> None:
    server, _ = connect(httpx.Response(200, text="<html>Sign in</html>"))
    with pytest.raises(DnsUnavailable, match="cannot be read"):
        await server.zone(NAME)


async def test_a_lost_answer_is_asked_for_once_more(connect: Connect) -> None:
    server, seen = connect(httpx.ConnectError("reset"), found())
    assert await server.zone(NAME) is not None
    assert len(seen.requests) == 2


async def test_a_refusal_is_not_repeated(connect: Connect) -> None:
    server, seen = connect(answer(403))
    with pytest.raises(DnsDenied):
        await server.zone(NAME)
    assert len(seen.requests) == 1


async def test_a_long_answer_does_not_fill_status(connect: Connect) -> None:
    server, _ = connect(answer(422, {"error": "x" * 5000}))
    with pytest.raises(DnsRefused) as refused:
        await server.change(NAME, [A])
    assert len(str(refused.value)) < 1000
