"""Everything that is sent asks the fence, also in the last moment before its bytes leave."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from aiohttp import web
from kubernetes.aio import client

from catalyst_operator.adapters.kube import SECRETS, Kube
from catalyst_operator.adapters.leadership.fence import hooks, traced
from catalyst_operator.errors import LeaseLost, Unavailable

SECRET = {"kind": "Secret", "metadata": {"name": "a", "namespace": "home"}}


class Lease:
    """Lets so many questions pass, and none after that."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.left = 20.0

    def check(self) -> float:
        if not self.times:
            raise LeaseLost("another operator may act by now")
        self.times -= 1
        return self.left


class Server:
    """Answers everything, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.method)
        return web.json_response({"metadata": {"name": "a"}})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made, app = Server(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def connected(url: str, lease: Lease) -> Kube:
    configuration = client.Configuration(host=url)
    configuration.trace_configs = [traced(lease.check)]
    return Kube(client.ApiClient(configuration), lease.check)


# --- Kubernetes APIs --------------------------------------------------------------------------------------------------


async def test_a_write_is_stopped_once_it_has_its_connection(server: Server) -> None:
    """What it was let begin with is over by then."""
    kube = connected(server.url, Lease(times=1))
    with pytest.raises(LeaseLost):
        await kube.create(SECRET)
    await kube.close()
    assert server.asked == []


async def test_the_same_over_a_connection_that_was_open_already(server: Server) -> None:
    lease = Lease(times=0)
    kube = connected(server.url, lease)
    await kube.get(SECRETS, "home", "a")
    lease.times = 1
    with pytest.raises(LeaseLost):
        await kube.create(SECRET)
    lease.times = 2
    await kube.create(SECRET)
    await kube.close()
    assert server.asked == ["GET", "POST"]


async def test_a_write_takes_no_longer_than_the_lease_lasts() -> None:
    """Nobody answers: what is under way is given up before another operator may begin."""
    lease = Lease(times=2)
    lease.left = 0.05
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kube = connected(f"http://127.0.0.1:{silent.getsockname()[1]}", lease)
        with pytest.raises(Unavailable, match="no answer"):
            await kube.create(SECRET)
        await kube.close()


# --- name servers and registrars --------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [0, 1])
async def test_whatever_goes_to_name_servers_and_registrars_asks_twice(server: Server, times: int) -> None:
    lease = Lease(times)
    async with httpx.AsyncClient(event_hooks=hooks(lease.check), trust_env=False) as http:
        with pytest.raises(LeaseLost):
            await http.get(server.url)
        assert server.asked == []
        lease.times = 3
        await http.patch(server.url, content=b"a")
    assert (server.asked, lease.times) == (["PATCH"], 0), "when it is made, before its head, before its body"


# --- the end of the process -------------------------------------------------------------------------------------------


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


STORY = """
import os, socket, sys
from catalyst_operator.adapters.leadership.fence import cut_connections
held = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
held.setblocking(False)
try:
    while True:
        held.send(b"x" * 65536)
except BlockingIOError:
    pass
if sys.argv[2] == "cut":
    cut_connections()
os._exit(0)
"""


@pytest.mark.parametrize("how", ["cut", "as it is"])
def test_what_the_kernel_could_not_deliver_ends_with_the_process(listening: socket.socket, how: str) -> None:
    """The other side does not read until the process is gone, as after a partition."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    port = str(listening.getsockname()[1])
    subprocess.run([sys.executable, "-c", STORY, port, how], check=True)
    taken, _ = listening.accept()
    with taken:
        if how == "cut":
            with pytest.raises(ConnectionResetError):
                read_all(taken)
        else:
            read_all(taken)


def read_all(held: socket.socket) -> None:
    held.settimeout(20)
    while held.recv(1 << 20):
        pass
