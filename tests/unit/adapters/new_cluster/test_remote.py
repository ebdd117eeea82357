"""Speaking to a new cluster: to it and nobody else, over whichever address answers."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
from asyncio import sslproto
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from catalyst_operator.adapters.kube import SECRETS, Kind, Object
from catalyst_operator.adapters.new_cluster import authorities, transport
from catalyst_operator.adapters.new_cluster.intake import Intake
from catalyst_operator.adapters.new_cluster.limits import IntakeLimits
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER
from catalyst_operator.errors import (
    ApiError,
    Conflict,
    Gone,
    LeaseLost,
    NotFound,
    Refused,
    TooMuch,
    Unauthorized,
    Unavailable,
    Untrusted,
)
from tests.support.fake_cluster import (
    FQDN,
    FakeCluster,
    connections_to,
    listed,
    refusal,
    release,
    running,
    saying,
    serial_of,
    server_context,
)
from tests.support.fake_cluster import RELEASES_OF_FLUX as RELEASES

HELM_RELEASES = Kind("helm.toolkit.fluxcd.io/v2", "helmreleases")
WHERE = (HELM_RELEASES, "flux-system")
DEAD = "127.0.0.1:1"
PATIENCE = 5.0


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with running(FakeCluster()) as cluster:
        cluster.serve(RELEASES)
        yield cluster


def watching(api: RemoteCluster, silence: float = PATIENCE) -> AbstractAsyncContextManager[AsyncIterator[Object]]:
    """A watch from the beginning on."""
    return api.watch(*WHERE, {"resourceVersion": "1"}, silence=silence)


def limited(cluster: FakeCluster, **limits: Any) -> RemoteCluster:
    """A connection within these limits."""
    return RemoteCluster(cluster.access(), Intake(IntakeLimits(**limits)))


# --- whom it speaks to ------------------------------------------------------------------------------------------------


async def test_it_is_known_to_the_server_by_its_certificate(cluster: FakeCluster) -> None:
    access = cluster.access()
    async with RemoteCluster(access) as api:
        assert await listed(api, *WHERE) == []
    assert cluster.serials == [serial_of(access)]


async def test_a_server_with_another_name_is_not_trusted() -> None:
    """The right authority alone does not do: it may have signed for another machine of the same cluster."""
    async with running(FakeCluster(name="other.omani.works")) as other, RemoteCluster(other.access()) as api:
        with pytest.raises(Untrusted, match=r"its certificate is not accepted \(.*mismatch") as caught:
            await listed(api, *WHERE)
    assert caught.value.status == NO_ANSWER
    assert other.requests == [], "it was told what is asked"


async def test_a_server_of_another_authority_is_not_trusted() -> None:
    """As when somebody else got the address."""
    stranger = FakeCluster(authorities.make(datetime.now(UTC)))
    async with running(stranger):
        ours = replace(FakeCluster().access(), servers=(stranger.server,))
        async with RemoteCluster(ours) as api:
            with pytest.raises(Untrusted, match="its certificate is not accepted"):
                await listed(api, *WHERE)
    assert stranger.requests == []


async def test_what_does_not_speak_tls_is_not_trusted() -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with saying(plain) as server, RemoteCluster(FakeCluster().access(servers=(server,))) as api:
        with pytest.raises(Untrusted, match="does not speak TLS as expected"):
            await listed(api, *WHERE)


async def test_a_server_that_hangs_up_in_the_handshake_is_not_called_a_stranger() -> None:
    """An API server that is just being stopped does that."""
    async with saying(b"") as server, RemoteCluster(FakeCluster().access(servers=(server,))) as api:
        with pytest.raises(Unavailable, match=r"closed the connection|reset by peer"):
            await listed(api, *WHERE)


async def test_nothing_of_the_environment_has_a_say(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with RemoteCluster(cluster.access()) as api:
        assert await listed(api, *WHERE) == []


async def test_a_redirect_is_not_followed(cluster: FakeCluster) -> None:
    cluster.fault = lambda request: web.Response(status=307, headers={"Location": "/elsewhere"})
    async with RemoteCluster(cluster.access()) as api:
        with pytest.raises(Unavailable, match="HTTP status 307"):
            await listed(api, *WHERE)
    assert len(cluster.requests) == 1


def test_the_key_leaves_no_file_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither on a disk, nor as an open file of this process."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = len(list(Path("/proc/self/fd").iterdir()))
    transport.trust(FakeCluster().access(servers=(DEAD,)))
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_no_error_and_no_name_of_it_holds_the_key(cluster: FakeCluster) -> None:
    access = cluster.access()
    secret = access.key.get_secret_value().splitlines()[1]
    await cluster.stop()
    async with RemoteCluster(access) as api:
        with pytest.raises(Unavailable) as caught:
            await listed(api, *WHERE)
        told = (repr(caught.value), str(caught.value), repr(api), repr(api.access))
    assert not any(secret in text for text in told)


# --- which address ----------------------------------------------------------------------------------------------------


async def test_the_server_that_answers_is_asked_first_the_next_time(cluster: FakeCluster) -> None:
    """Of three control planes the first may be the dead one."""
    async with (
        running(FakeCluster()) as second,
        RemoteCluster(cluster.access(servers=(DEAD, second.server, cluster.server))) as api,
    ):
        second.serve(RELEASES)
        for _ in range(3):
            await listed(api, *WHERE)
        assert (len(second.requests), len(cluster.requests)) == (3, 0)
        await second.stop()
        await listed(api, *WHERE)
        assert len(cluster.requests) == 1


async def test_a_broken_server_is_passed_over(cluster: FakeCluster) -> None:
    """One whose etcd is gone answers, but not with anything useful."""
    async with running(FakeCluster()) as broken, RemoteCluster(cluster.access(servers=(broken.server,))) as api:
        broken.fault = lambda request: refusal(503, "etcd is not there")
        with pytest.raises(Unavailable, match="etcd is not there"):
            await listed(api, *WHERE)
        async with RemoteCluster(cluster.access(servers=(broken.server, cluster.server))) as both:
            assert await listed(both, *WHERE) == []


async def test_one_that_is_no_stranger_counts_whatever_the_others_are(cluster: FakeCluster) -> None:
    async with running(FakeCluster(name="other.omani.works")) as stranger:
        access = cluster.access(servers=(stranger.server, cluster.server))
        async with RemoteCluster(access) as api:
            assert await listed(api, *WHERE) == []


async def test_what_is_said_does_not_depend_on_whose_turn_it_is() -> None:
    """Otherwise status would change with every attempt."""
    async with running(FakeCluster(name="other.omani.works")) as stranger:
        access = stranger.access(servers=(stranger.server, DEAD, "127.0.0.1:2"))
        told = set()
        async with RemoteCluster(access) as api:
            for _ in range(3):
                with pytest.raises(Untrusted) as caught:
                    await listed(api, *WHERE)
                told.add(str(caught.value))
    assert len(told) == 1


async def test_a_refused_connection_is_told_as_a_clause() -> None:
    async with RemoteCluster(FakeCluster().access(servers=(DEAD,))) as api:
        with pytest.raises(Unavailable, match=r"^connection refused$") as caught:
            await listed(api, *WHERE)
    assert caught.value.status == NO_ANSWER


async def test_silence_is_not_waited_out(cluster: FakeCluster) -> None:
    cluster.frozen = True
    cluster.fault = lambda request: web.Response(text="{}", headers={"Content-Length": "100"})
    async with limited(cluster, request_seconds=0.2) as api:
        with pytest.raises(Unavailable, match="no answer in time"):
            await asyncio.wait_for(listed(api, *WHERE), PATIENCE)


# --- what it asks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (401, Unauthorized),
        (403, Refused),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Refused),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_refusals_are_typed(cluster: FakeCluster, status: int, error: type[ApiError]) -> None:
    cluster.fault = lambda request: refusal(status, "not today")
    async with RemoteCluster(cluster.access()) as api:
        with pytest.raises(error, match=r"^not today$") as caught:
            await listed(api, *WHERE)
    assert caught.value.status == status


async def test_a_page_of_a_proxy_says_its_status_and_no_more(cluster: FakeCluster) -> None:
    cluster.fault = lambda request: web.Response(status=502, text="<html>" + "secret " * 1000)
    async with RemoteCluster(cluster.access()) as api:
        with pytest.raises(Unavailable, match=r"^HTTP status 502$"):
            await listed(api, *WHERE)


async def test_a_long_refusal_is_cut_and_cleaned(cluster: FakeCluster) -> None:
    cluster.fault = lambda request: refusal(422, f"{'x y' * 300} {'A1' * 32}")
    async with RemoteCluster(cluster.access()) as api:
        with pytest.raises(Refused) as caught:
            await listed(api, *WHERE)
    assert len(str(caught.value)) <= transport.MAX_REFUSAL_WORDS
    assert "A1A1" not in str(caught.value)


@pytest.mark.parametrize("body", ["", "no JSON", "[1]", "{" * 100_000, '{"a":' * 100_000])
async def test_an_answer_that_is_none_is_told_from_silence(cluster: FakeCluster, body: str) -> None:
    cluster.fault = lambda request: web.Response(text=body)
    async with RemoteCluster(cluster.access()) as api:
        with pytest.raises(Unavailable, match="not a JSON object") as caught:
            await listed(api, *WHERE)
    assert caught.value.status == 200


async def test_an_answer_without_end_is_not_read_to_its_end(cluster: FakeCluster) -> None:
    cluster.fault = lambda request: web.Response(text="x" * 1001)
    async with limited(cluster, page_bytes=1000, page_bytes_of={}) as api:
        with pytest.raises(TooMuch, match="more than 1000 bytes"):
            await listed(api, *WHERE)


async def test_a_list_is_read_page_by_page(cluster: FakeCluster) -> None:
    for n in range(25):
        cluster.put(RELEASES, release(f"bp-{n:02}"))
    pages: list[list[str]] = []
    async with limited(cluster, page=10) as api:
        await api.each(*WHERE, lambda items: pages.append([item["metadata"]["name"] for item in items]))
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [name for page in pages for name in page] == [f"bp-{n:02}" for n in range(25)]


async def test_an_object_is_read(cluster: FakeCluster) -> None:
    cluster.put(RELEASES, release("bp-cilium"))
    async with RemoteCluster(cluster.access()) as api:
        assert (await api.get(*WHERE, "bp-cilium"))["kind"] == "HelmRelease"
        with pytest.raises(NotFound):
            await api.get(*WHERE, "bp-flux")


async def test_a_secret_is_filled(cluster: FakeCluster) -> None:
    path = "/api/v1/namespaces/flux-system/secrets"
    cluster.put(path, {"metadata": {"name": "ghcr-pull"}})
    async with RemoteCluster(cluster.access()) as api:
        await api.merge(SECRETS, "flux-system", "ghcr-pull", {"data": {"a": "Yg=="}})
        with pytest.raises(NotFound):
            await api.merge(SECRETS, "flux-system", "other", {"data": {}})
    assert cluster.bodies == [("application/merge-patch+json", {"data": {"a": "Yg=="}})]


async def test_an_object_is_changed_only_as_it_is_expected_to_be(cluster: FakeCluster) -> None:
    """A JSON patch may compare first."""
    cluster.put("/api/v1/namespaces/flux-system/secrets", {"metadata": {"name": "ghcr-pull"}})
    operations = [{"op": "test", "path": "/data", "value": {}}]
    async with RemoteCluster(cluster.access()) as api:
        await api.patch(SECRETS, "flux-system", "ghcr-pull", operations)
        with pytest.raises(NotFound):
            await api.patch(SECRETS, "flux-system", "other", operations)
    assert cluster.bodies[0] == ("application/json-patch+json", operations)


async def test_an_object_is_applied_by_the_server(cluster: FakeCluster) -> None:
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "flux-system"}}
    async with RemoteCluster(cluster.access()) as api:
        await api.apply(SECRETS, manifest)
    method, path, query = cluster.requests[-1]
    assert (method, path) == ("PATCH", "/api/v1/namespaces/flux-system/secrets/a")
    assert query == {"fieldManager": "catalyst-operator", "force": "true"}
    assert cluster.bodies == [("application/apply-patch+yaml", manifest)]


async def test_deleting_what_is_gone_is_fine(cluster: FakeCluster) -> None:
    cluster.put(RELEASES, release("bp-cilium"))
    async with RemoteCluster(cluster.access()) as api:
        for _ in range(2):
            await api.delete(*WHERE, "bp-cilium")
    assert cluster.collections[RELEASES] == {}


async def test_a_watch_tells_what_happens(cluster: FakeCluster) -> None:
    async with RemoteCluster(cluster.access()) as api, watching(api) as events:
        cluster.put(RELEASES, release("bp-cilium"))
        assert (await anext(events))["type"] == "ADDED"
        cluster.drop(RELEASES, "bp-cilium")
        assert (await anext(events))["type"] == "DELETED"


async def test_a_large_event_is_read(cluster: FakeCluster) -> None:
    """Twenty times as large as the largest that is known."""
    async with RemoteCluster(cluster.access()) as api, watching(api) as events:
        cluster.put(RELEASES, {"metadata": {"name": "bp-large"}, "data": "x" * 1_000_000})
        assert len((await anext(events))["object"]["data"]) == 1_000_000


async def test_a_larger_one_is_not(cluster: FakeCluster) -> None:
    async with RemoteCluster(cluster.access()) as api, watching(api) as events:
        cluster.put(RELEASES, {"metadata": {"name": "bp-large"}, "data": "x" * 1_100_000})
        with pytest.raises(TooMuch, match="more than 1 MiB") as caught:
            await anext(events)
    assert caught.value.status == 200


async def test_a_dead_link_is_noticed(cluster: FakeCluster) -> None:
    """Nothing comes any more, and nobody says that it will not."""
    async with RemoteCluster(cluster.access()) as api, watching(api, silence=0.2) as events:
        cluster.frozen = True
        with pytest.raises(Unavailable, match="no answer in time") as caught:
            await asyncio.wait_for(anext(events), PATIENCE)
    assert caught.value.status == NO_ANSWER


async def test_an_event_that_breaks_off_is_not_taken_for_one(cluster: FakeCluster) -> None:
    cluster.raw = json.dumps({"type": "ADDED", "object": release("bp-cilium")}).encode()[:50]
    async with RemoteCluster(cluster.access()) as api, watching(api) as events:
        with pytest.raises(Unavailable, match="not a JSON object"):
            await anext(events)


async def test_a_connection_costs_little_memory(cluster: FakeCluster) -> None:
    """asyncio's own buffers would be most of what a hundred clusters need."""
    async with RemoteCluster(cluster.access()) as api, watching(api):
        buffers = [len(vars(o)["_ssl_buffer"]) for o in gc.get_objects() if isinstance(o, sslproto.SSLProtocol)]
    assert set(buffers) == {transport.TLS_BUFFER}


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_no_connection_is_open_afterwards(cluster: FakeCluster) -> None:
    """Also none that was in use, and none to a server that does not answer a farewell."""
    async with RemoteCluster(cluster.access()) as api:
        await listed(api, *WHERE)
        async with watching(api):
            await listed(api, *WHERE)
            assert connections_to(cluster.port) == 2
            cluster.frozen = True
            await api.close()
            assert connections_to(cluster.port) == 0
        with pytest.raises(Unavailable, match="the connection was closed"):
            await listed(api, *WHERE)
    await api.close()


async def test_a_request_that_was_given_up_holds_no_connection() -> None:
    """TLS wants a farewell, which a server that is stuck or out of reach never says."""
    with stuck_server() as (server, asked):
        async with RemoteCluster(FakeCluster().access(servers=(server,))) as api:
            asking = asyncio.create_task(listed(api, *WHERE))
            assert await asyncio.to_thread(asked.wait, PATIENCE)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.wait_for(api.close(), PATIENCE)
            assert connections_to(int(server.partition(":")[2])) == 0


@pytest.mark.parametrize("rounds", range(1, 6))
async def test_closing_is_ended_by_whoever_began_it(rounds: int) -> None:
    """A watch is cancelled while it closes a connection that has had its day: nobody else knows of that one any more,
    and what is left of it would be an open socket after the event loop is gone."""
    with stuck_server() as (server, asked):
        api = await RemoteCluster(FakeCluster().access(servers=(server,))).__aenter__()
        asking = asyncio.create_task(listed(api, *WHERE))
        assert await asyncio.to_thread(asked.wait, PATIENCE)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        closing = asyncio.create_task(api.close())
        for _ in range(rounds):
            await asyncio.sleep(0)
        if closing.cancel():
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(closing, PATIENCE)
        assert connections_to(int(server.partition(":")[2])) == 0


@contextmanager
def stuck_server() -> Iterator[tuple[str, threading.Event]]:
    """Reads one request, and then does nothing any more: not even what its TLS would do by itself."""
    asked, over = threading.Event(), threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with server_context().wrap_socket(connection, server_side=True) as spoken:
            spoken.recv(1)
            asked.set()
            over.wait(4 * PATIENCE)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            over.set()
            thread.join()


async def test_a_watch_that_was_left_holds_no_connection(cluster: FakeCluster) -> None:
    async with RemoteCluster(cluster.access()) as api:
        async with watching(api):
            pass
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert connections_to(cluster.port) == 0


def test_the_name_to_be_verified_is_the_fqdn() -> None:
    assert FakeCluster().access(servers=(DEAD,)).tls_name == FQDN


@pytest.mark.parametrize("asked", [0, 1])
async def test_a_change_asks_the_fence_when_it_is_made_and_when_it_is_sent(cluster: FakeCluster, asked: int) -> None:
    left = [20.0] * asked

    def fence() -> float:
        if not left:
            raise LeaseLost("another operator may act by now")
        return left.pop()

    async with RemoteCluster(cluster.access(), fence=fence) as api:
        with pytest.raises(LeaseLost):
            await api.merge(SECRETS, "flux-system", "catalyst-git", {"data": {}})
        assert cluster.requests == []
        await listed(api, *WHERE)
    assert left == []
