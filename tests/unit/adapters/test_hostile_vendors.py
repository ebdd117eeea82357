"""Vendors that answer anything: each reader takes bounded memory and time, and tells it as a vendor that is broken.

Real HTTP over this machine's loopback. Where time is limited, the limit is given to what reads.
"""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from catalyst_operator.adapters.answers import MAX_ANSWER_BYTES, MIB
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.adapters.project import hetzner_preflight, hetzner_project
from catalyst_operator.adapters.registrars.connect import connect, keys_of
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.core.domains.registrar import Domain
from catalyst_operator.core.project.identity import ProjectQuestion
from catalyst_operator.core.project.preflight import Wanted
from catalyst_operator.errors import CatalystError, CloudUnavailable, DnsUnavailable, RegistrarUnavailable
from tests.support.gen import TOKEN, UID

PATIENCE = 10.0
"""Seconds; enough for all that is not said to take longer."""
SHORT = 0.2
MOST_MIB = 40
"""Of memory for one answer of any kind, as Python counts it."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Read = Callable[["Vendor", float], Awaitable[object]]


@dataclass
class Vendor:
    """A server whose answers a test chooses."""

    url: str
    client: httpx.AsyncClient
    answer: Answer | None = None
    seen: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.path_qs)
        assert self.answer is not None
        return await self.answer(request)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Vendor]:
    app = web.Application()
    async with httpx.AsyncClient(trust_env=False) as client:
        vendor = Vendor("", client, answer)
        app.router.add_route("*", "/{path:.*}", vendor.handle)
        server = TestServer(app)
        await server.start_server(access_log=None, shutdown_timeout=0)
        vendor.url = str(server.make_url("")).rstrip("/")
        try:
            yield vendor
        finally:
            await server.close()


# --- who reads --------------------------------------------------------------------------------------------------------


async def preflight(vendor: Vendor, seconds: float) -> object:
    wanted = Wanted(UID, "acme-12345", "fsn1", {"acme-12345-worker-0": ("cpx22",)})
    return await hetzner_preflight.look(vendor.url, SecretStr(TOKEN), wanted, limit_seconds=seconds)


async def project(vendor: Vendor, seconds: float) -> object:
    question = ProjectQuestion(UID, "acme-12345", members=True)
    return await hetzner_project.look(vendor.url, SecretStr(TOKEN), question, limit_seconds=seconds)


async def powerdns(vendor: Vendor, seconds: float) -> object:
    return await PowerDns(vendor.url, SecretStr("key"), vendor.client, limit_seconds=seconds).zone("acme.test")


def registrar(name: RegistrarName) -> Read:
    async def read(vendor: Vendor, seconds: float) -> object:
        keys = {key: SecretStr("203.0.113.5") for key in keys_of(name)[0].required}
        account = connect(name, keys, client=vendor.client, endpoint=vendor.url, limit_seconds=seconds, pause=_at_once)
        return await account.get(Domain("acme.com", "acme.com"))

    return read


async def _at_once(_seconds: float) -> None:
    """Repeat without a rest."""


READERS: dict[str, tuple[Read, type[CatalystError]]] = {
    "preflight": (preflight, CloudUnavailable),
    "project": (project, CloudUnavailable),
    "powerdns": (powerdns, DnsUnavailable),
    **{name.value: (registrar(name), RegistrarUnavailable) for name in RegistrarName},
}


# --- what is answered -------------------------------------------------------------------------------------------------


def whole(body: bytes, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=headers)

    return answer


def in_pieces(piece: bytes, pause: float = 0, limit: int = 1 << 30) -> Answer:
    """The piece again and again, until nobody listens."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(limit // len(piece)):
            await response.write(piece)
            await asyncio.sleep(pause)
        return response

    return answer


NONSENSE: dict[str, Answer] = {
    "empty items": whole(b'{"items":[' + b"{}," * 600_000 + b"{}]}"),
    "deep nesting": whole(b'{"a":' + b"[" * 60_000),
    "deeper nesting": whole(b"[" * 500_000),
    "a compressed bomb": whole(gzip.compress(b" " * (256 * MIB)), **{"Content-Encoding": "gzip"}),
    "bombs in a bomb": whole(gzip.compress(gzip.compress(b" " * (256 * MIB))), **{"Content-Encoding": "gzip, gzip"}),
    "a number of a thousand digits": whole(b'{"server_types":[{"id":' + b"9" * 4000 + b"}]}"),
    "more digits than Python reads": whole(b'{"retryAfterSec":' + b"9" * 5000 + b"}"),
    "no number": whole(b'{"server_types": NaN, "success": Infinity}'),
    "another encoding": whole(b'{"name": "\xff\xfe"}'),
    "half a letter": whole(b'{"title": "\\ud800", "success": true, "\\udfff": {}}'),
    "a page for people": whole(b"<html>" + b"<p>" * 100_000),
    "deep XML": whole(b"<ApiResponse>" + b"<a>" * 500_000),
    "nothing": whole(b""),
    "a text": whole(b'"' + b"x" * MIB + b'"'),
}


@contextmanager
def little_memory(most_mib: float = MOST_MIB) -> Iterator[None]:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield
        peak = (tracemalloc.get_traced_memory()[1] - before) / MIB
    finally:
        tracemalloc.stop()
    assert peak < most_mib, f"{peak:.0f} MiB"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_nonsense_is_told_as_such_and_costs_little(reader: str, nonsense: str) -> None:
    read, error = READERS[reader]
    async with serving(NONSENSE[nonsense]) as vendor:
        with little_memory(), pytest.raises(error) as caught:
            await read(vendor, PATIENCE)
    assert 0 < len(str(caught.value)) < 600


@pytest.mark.parametrize("reader", READERS)
async def test_an_answer_without_end_is_not_read_to_its_end(reader: str) -> None:
    read, error = READERS[reader]
    async with serving(in_pieces(b" " * 65536)) as vendor:
        with little_memory(), pytest.raises(error, match=r"an answer of more than (2|16) MiB"):
            await read(vendor, PATIENCE)


@pytest.mark.parametrize("reader", READERS)
async def test_an_answer_that_drips_is_none(reader: str) -> None:
    """A byte now and then runs into no timeout of a connection."""
    read, error = READERS[reader]
    began = time.monotonic()
    async with serving(in_pieces(b" ", SHORT / 20)) as vendor:
        with pytest.raises(error, match=f"did not answer within {SHORT:g} s"):
            await read(vendor, SHORT)
    assert time.monotonic() - began < PATIENCE


# --- lists without end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["preflight", "project"])
async def test_pages_of_a_project_without_end_are_not_all_turned(reader: str) -> None:
    """The page that follows is always the same one."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({request.path.strip("/"): [], "meta": {"pagination": {"next_page": 2}}})

    read, error = READERS[reader]
    async with serving(answer) as vendor:
        with pytest.raises(error, match="more than 1000"):
            await read(vendor, PATIENCE)


async def test_pages_of_a_registrar_without_end_are_not_all_turned() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        info = {"total_pages": 10**18}
        return web.json_response({"success": True, "errors": [], "result": [], "result_info": info})

    async with serving(answer) as vendor:
        with pytest.raises(RegistrarUnavailable, match="more than 50 pages"):
            await registrar(RegistrarName.CLOUDFLARE)(vendor, PATIENCE)
        assert len(vendor.seen) == 50


async def test_many_answers_that_are_each_small_enough_are_not_all_read() -> None:
    """OVHcloud lists numbers, and each is asked for by itself."""
    one = b'{"id": 1, "host": "' + b"x" * (MAX_ANSWER_BYTES - 100) + b'"}'

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/auth/time"):
            return web.Response(body=b"1772366400")
        if request.path.endswith("/nameServer"):
            return web.json_response(list(range(1000)))
        return web.Response(body=one)

    async with serving(answer) as vendor:
        with pytest.raises(RegistrarUnavailable, match="answers of more than 16 MiB together"):
            await registrar(RegistrarName.OVH)(vendor, PATIENCE)


# --- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RegistrarName)
@pytest.mark.parametrize(
    "header", ["9" * 5000, "-1", "1e400", "Mon, 99 Foo 99999 99:99:99 +9999", "\u0663", "x" * 8000]
)
async def test_no_wait_that_a_vendor_asks_for_is_too_odd(name: RegistrarName, header: str) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": header})

    async with serving(answer) as vendor:
        with pytest.raises(CatalystError, match=r"takes no more requests|HTTP status 429"):
            await registrar(name)(vendor, PATIENCE)
