"""The sidecar that saves a refused state: a real process, real signals, and an API server over TLS."""

from __future__ import annotations

import base64
import errno
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.core.naming import ERRORED_STATE_SECRET
from e2e.support.waiting import OFTEN, wait_for
from tests.support import fake_project
from tests.support.certificates import self_signed
from tests.support.fake_project import FakeProject
from tests.support.gen import TOKEN
from tests.support.in_thread import in_thread

PATIENCE = 20
STATE = b'{"encrypted_data":"..."}\x00\xff'
DRIVER = """
import pathlib, signal, sys, threading, time
from catalyst_operator.in_job import state_keeper

def announce():
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        time.sleep(0.001)
    print("ready", flush=True)

threading.Thread(target=announce).start()
account, processes, termination_log = map(pathlib.Path, sys.argv[1:])
sys.exit(state_keeper.main(account, pause=0.01, processes=processes, termination_log=termination_log))
"""
"""Says when it would hear a signal, which is when a test may send one."""


class Api:
    """Takes one Secret, after refusing so often, and before that answers so often with what is no HTTP."""

    def __init__(self, refusals: int = 0, garbage: int = 0) -> None:
        self.refusals = refusals
        self.garbage = garbage
        self.calls: list[tuple[str, str, str, dict[str, Any]]] = []
        self.tried = threading.Event()

    def take(self, method: str, path: str, headers: Any, body: bytes) -> int:
        self.calls.append((method, path, headers["Authorization"], json.loads(body)))
        self.tried.set()
        self.refusals -= 1
        return 503 if self.refusals >= 0 else 200


@contextmanager
def served(api: Api, folder: Path) -> Iterator[int]:
    """Over TLS, with a certificate of our own as the service account's ca.crt."""

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if api.garbage:
                api.garbage -= 1
                self.wfile.write(b"this is no HTTP\r\n\r\n")
                return
            self.send_response(api.take(self.command, self.path, self.headers, body))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.crt", folder / "key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with in_thread(server):
        yield server.server_port


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account's folder: token and CA."""
    folder = tmp_path_factory.mktemp("account")
    self_signed(folder / "ca.crt", folder / "key", "api")
    (folder / "token").write_text("service-account-token")
    return folder


@contextmanager
def keeper(
    account: Path, work: Path, port: int, processes: Path | None = None, hetzner: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The sidecar, waiting in its work directory; no process runs beside it unless there is one in `processes`."""
    place = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
    told = {"CATALYST_RUN_NAMESPACE": "sov-a-12345", "PYTHONPATH": str(Path.cwd())}
    env = {**os.environ, **place, **told, **(hetzner or {})}
    command = [sys.executable, "-c", DRIVER, str(account), str(processes or work / "processes"), str(work / "said")]
    with subprocess.Popen(command, cwd=work, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_told_to_stop_with_nothing_to_save_it_stops(account: Path, tmp_path: Path) -> None:
    with keeper(account, tmp_path, 1) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_a_refused_state_is_saved_as_it_is(account: Path, tmp_path: Path) -> None:
    api = Api()
    with served(api, account) as port, keeper(account, tmp_path, port) as process:
        (tmp_path / "errored.tfstate").write_bytes(STATE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    ((method, path, authorization, body),) = api.calls
    assert method == "PATCH"
    assert path.startswith(f"/api/v1/namespaces/sov-a-12345/secrets/{ERRORED_STATE_SECRET}?fieldManager=")
    assert authorization == "Bearer service-account-token"
    assert base64.b64decode(body["data"]["tfstate"]) == STATE


def test_it_tries_on_while_it_is_refused_and_however_often_it_is_told_to_stop(account: Path, tmp_path: Path) -> None:
    api = Api(refusals=5)
    with served(api, account) as port, keeper(account, tmp_path, port) as process:
        (tmp_path / "errored.tfstate").write_bytes(STATE)
        process.send_signal(signal.SIGTERM)
        assert api.tried.wait(PATIENCE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert len(api.calls) == 6


def told(comm: Path, name: str) -> None:
    """A look of the sidecar finds a process of this name, as soon as it looks."""

    def written() -> bool:
        try:
            process = os.open(comm, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:  # Nobody reads yet.
            assert error.errno == errno.ENXIO
            return False
        os.write(process, f"{name}\n".encode())
        os.close(process)
        return True

    wait_for(written, "it to look for processes", seconds=PATIENCE, every=0.001)


def test_while_a_tofu_is_at_work_it_waits_for_what_that_leaves(account: Path, tmp_path: Path) -> None:
    """When a Pod is deleted, both containers are told to stop at once, and OpenTofu takes its time."""
    api, comm = Api(), tmp_path / "beside" / "42" / "comm"
    comm.parent.mkdir(parents=True)
    os.mkfifo(comm)
    with served(api, account) as port, keeper(account, tmp_path, port, tmp_path / "beside") as process:
        process.send_signal(signal.SIGTERM)
        told(comm, "tofu")
        (tmp_path / "errored.tfstate").write_bytes(STATE)
        told(comm, "pause")
        assert process.wait(PATIENCE) == 0
    assert base64.b64decode(api.calls[0][3]["data"]["tfstate"]) == STATE


def test_an_answer_that_is_no_http_is_no_reason_to_give_up(account: Path, tmp_path: Path) -> None:
    api = Api(garbage=2)
    with served(api, account) as port, keeper(account, tmp_path, port) as process:
        (tmp_path / "errored.tfstate").write_bytes(STATE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert (api.garbage, len(api.calls)) == (0, 1)


def test_it_does_not_talk_to_a_server_that_is_not_ours(account: Path, tmp_path: Path) -> None:
    """Another CA in the service account: the state and the token stay here."""
    stranger = tmp_path / "account"
    stranger.mkdir()
    (stranger / "token").write_text("service-account-token")
    system = ssl.create_default_context().get_ca_certs(binary_form=True)[0]
    (stranger / "ca.crt").write_text(ssl.DER_cert_to_PEM_cert(system))
    api = Api()
    with served(api, account) as port, keeper(stranger, tmp_path, port) as process:
        (tmp_path / "errored.tfstate").write_bytes(STATE)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert "could not save" in process.stdout.readline()
        process.kill()
    assert api.calls == []


# --- servers that OpenTofu left off -----------------------------------------------------------------------------------


def test_a_server_that_the_plan_powered_off_and_that_is_off_is_started(account: Path, tmp_path: Path) -> None:
    """Hetzner had no room for its new size, and nothing else would ever start it."""
    api, project = Api(), FakeProject()
    project.power = {"10": "off"}
    (tmp_path / "powered-off.json").write_text('{"hcloud_server.control_plane[0]": "10"}')
    with served(api, account) as port, fake_project.served(project) as endpoint:
        hetzner = {"HCLOUD_ENDPOINT": endpoint, "HCLOUD_TOKEN": TOKEN}
        with keeper(account, tmp_path, port, hetzner=hetzner) as process:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
    assert project.started == [("10", f"Bearer {TOKEN}")]
    said = json.loads((tmp_path / "said").read_text())
    assert said == {"started": ["hcloud_server.control_plane[0]"], "off": []}


def test_servers_are_started_although_the_state_cannot_be_saved(account: Path, tmp_path: Path) -> None:
    """The control plane must not stay off for as long as the API server is away."""
    api, project = Api(refusals=1_000_000), FakeProject()
    project.power = {"10": "off"}
    (tmp_path / "errored.tfstate").write_bytes(STATE)
    (tmp_path / "powered-off.json").write_text('{"hcloud_server.control_plane[0]": "10"}')
    with served(api, account) as port, fake_project.served(project) as endpoint:
        hetzner = {"HCLOUD_ENDPOINT": endpoint, "HCLOUD_TOKEN": TOKEN}
        with keeper(account, tmp_path, port, hetzner=hetzner) as process:
            process.send_signal(signal.SIGTERM)
            wait_for(lambda: project.started, "a server to be started", seconds=PATIENCE, every=OFTEN)
            assert process.poll() is None, "it goes on saving"
            api.refusals = 0
            assert process.wait(PATIENCE) == 0
    assert base64.b64decode(api.calls[-1][3]["data"]["tfstate"]) == STATE


def test_a_state_is_saved_whatever_hetzner_does(account: Path, tmp_path: Path) -> None:
    """It is saved nowhere else, and the next run would make everything a second time."""
    api, project = Api(refusals=2), FakeProject()
    project.power, project.hang_up = {"10": "off"}, 2
    (tmp_path / "errored.tfstate").write_bytes(STATE)
    (tmp_path / "powered-off.json").write_text('{"hcloud_server.control_plane[0]": "10"}')
    with served(api, account) as port, fake_project.served(project) as endpoint:
        hetzner = {"HCLOUD_ENDPOINT": endpoint, "HCLOUD_TOKEN": TOKEN}
        with keeper(account, tmp_path, port, hetzner=hetzner) as process:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
    assert base64.b64decode(api.calls[-1][3]["data"]["tfstate"]) == STATE
    assert len(project.started) == 1


def test_without_a_plan_that_powers_anything_off_hetzner_is_not_asked(account: Path, tmp_path: Path) -> None:
    """A plan, a destroy, and every apply that only adds."""
    with served(Api(), account) as port, keeper(account, tmp_path, port) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert not (tmp_path / "said").exists()
