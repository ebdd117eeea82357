"""Answers that a load balancer, a proxy or a broken connection gives in the API server's place, over HTTP: none of them
is taken for a word of the API server's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from catalyst_operator.adapters.kube import SECRETS, Kube
from catalyst_operator.errors import AlreadyExists, Conflict, NotFound, Refused, Unavailable

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "sov-omantel-d2faa", "name": "state-key"}}


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Kube]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        configuration = client.Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        async with client.ApiClient(configuration) as api:
            yield Kube(api)


def cut_off(chunked: bool) -> Answer:
    """A connection that is closed in the middle of an answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={} if chunked else {"Content-Length": "500"})
        await response.prepare(request)
        await response.write(b'{"kind":"Secret",')
        assert request.transport
        request.transport.abort()
        return response

    return answer


def page(text: str, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, content_type="text/html")

    return answer


def refusal(status: int, reason: str, message: str) -> Answer:
    """As the API server refuses."""

    async def answer(_: web.Request) -> web.StreamResponse:
        told = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": status}
        return web.json_response(told, status=status)

    return answer


BROKEN = {
    "a body that is shorter than announced": cut_off(chunked=False),
    "a chunk that never ends": cut_off(chunked=True),
    "a proxy's page": page("<html>Sign in</html>"),
    "nothing at all": page(""),
    "JSON that is no object": page("[1]"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_an_answer_that_is_broken_is_worth_another_try(answer: Answer) -> None:
    """Whoever asks catches the errors of this package alone: the Lease is renewed by one that must not end."""
    async with serving(answer) as kube:
        with pytest.raises(Unavailable):
            await kube.find(SECRETS, "sov-omantel-d2faa", "state-key")
        with pytest.raises(Unavailable):
            await kube.create_once(SECRET)
        with pytest.raises(Unavailable):
            await kube.delete(SECRETS, "sov-omantel-d2faa", "state-key")


async def test_a_log_that_breaks_off_is_worth_another_try() -> None:
    async with serving(cut_off(chunked=True)) as kube:
        with pytest.raises(Unavailable):
            await kube.log("sov-omantel-d2faa", "apply-1-x", "tofu-apply", limit_bytes=1000)


@pytest.mark.parametrize("text", ["404 page not found\n", "<html>default backend - 404</html>", '{"code": 404}'])
async def test_only_the_api_server_says_that_something_is_not_there(text: str) -> None:
    """Without its state a cluster would be made a second time."""
    async with serving(page(text, 404)) as kube:
        with pytest.raises(Unavailable, match="404"):
            await kube.find(SECRETS, "sov-omantel-d2faa", "tfstate-default-sovereign")
        with pytest.raises(Unavailable, match="404"):
            await kube.delete(SECRETS, "sov-omantel-d2faa", "state-key")


async def test_what_the_api_server_does_not_have_is_not_there() -> None:
    async with serving(refusal(404, "NotFound", 'secrets "state-key" not found')) as kube:
        assert await kube.find(SECRETS, "sov-omantel-d2faa", "state-key") is None
        with pytest.raises(NotFound, match='secrets "state-key" not found'):
            await kube.get(SECRETS, "sov-omantel-d2faa", "state-key")


async def test_an_api_server_that_has_only_just_started_is_worth_another_try() -> None:
    """It knows nobody in its first seconds, and says so."""
    async with serving(refusal(401, "Unauthorized", "Unauthorized")) as kube:
        with pytest.raises(Unavailable, match="401: Unauthorized"):
            await kube.find(SECRETS, "sov-omantel-d2faa", "state-key")


async def test_what_is_forbidden_stays_so() -> None:
    async with serving(refusal(403, "Forbidden", "secrets is forbidden")) as kube:
        with pytest.raises(Refused, match="forbidden"):
            await kube.find(SECRETS, "sov-omantel-d2faa", "state-key")


async def test_what_exists_already_is_left_alone() -> None:
    async with serving(refusal(409, "AlreadyExists", 'secrets "state-key" already exists')) as kube:
        assert await kube.create_once(SECRET) is False
        with pytest.raises(AlreadyExists):
            await kube.create(SECRET)


QUOTA = (
    'Operation cannot be fulfilled on resourcequotas "default": the object has been modified; please apply your '
    "changes to the latest version and try again"
)


@pytest.mark.parametrize("answer", [refusal(409, "Conflict", QUOTA), page("<html>Conflict</html>", 409)])
async def test_a_creation_that_lost_the_race_for_a_quota_created_nothing(answer: Answer) -> None:
    async with serving(answer) as kube:
        with pytest.raises(Conflict) as raised:
            await kube.create_once(SECRET)
    assert not isinstance(raised.value, AlreadyExists)
