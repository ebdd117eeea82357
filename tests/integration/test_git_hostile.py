"""Pushing to servers that are slow, broken, hostile or no Git at all: each is told apart, and none takes long."""

from __future__ import annotations

import base64
import errno
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.destinations import Anywhere
from catalyst_operator.adapters.git import git_http, read
from catalyst_operator.adapters.git.newest import MAX_GIT_MEMORY, Repository
from catalyst_operator.adapters.git.push import push
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.kit.pushed import OverlayChange
from catalyst_operator.core.kit.repository import RepositoryQuestion
from catalyst_operator.errors import GitDenied, GitError, GitMissing, GitRejected, GitUnavailable
from tests.integration.lab_git_server import _certificate

pytestmark = pytest.mark.integration

FOLDER = "clusters/acme.example.com"
CHANGE = OverlayChange(FOLDER, {f"{FOLDER}/sync.yaml": "a: 1\n"}, "Render acme.example.com")
PASSWORD = "пароль-correct-horse"
SHORT = 0.4
SOON = 5.0
HEAD = b"1" * 40

Respond = Callable[["Request"], None]


class Request:
    """One request, and the connection to answer on."""

    body = b""

    def __init__(self, connection: ssl.SSLSocket, head: bytes, over: threading.Event) -> None:
        self._connection = connection
        self.over = over
        self.line, *lines = head.decode("latin-1").split("\r\n")
        self.headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        self.authorization = next((line.partition(": ")[2] for line in lines if line.startswith("Authorization")), "")

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def answer(self, body: bytes, kind: str = "text/html", status: str = "200 OK", more: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        self.send(f"{head}{more}\r\n".encode() + body)

    def drip(self, data: bytes) -> None:
        """A byte now and then, each well within every timeout, until the other side has had enough."""
        for byte in data:
            self.send(bytes([byte]))
            if self.over.wait(0.02):
                return


class Server:
    """Answers every request as the test says."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.respond: Respond = lambda request: request.answer(b"")
        self.handshakes = True
        self.seen: list[Request] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SOON)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._talk, args=(connection,)))
                self._threads[-1].start()

    def _talk(self, plain: socket.socket) -> None:
        with plain, suppress(OSError, ValueError):
            if not self.handshakes:
                self._over.wait()
                return
            plain.settimeout(SOON)
            with self._tls.wrap_socket(plain, server_side=True) as connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(1) or b"\r\n\r\n"
                request = Request(connection, head, self._over)
                request.body = connection.recv(int(request.headers.get("content-length", "0")) or 0)
                self.seen.append(request)
                self.respond(request)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return _certificate(tmp_path_factory.mktemp("hostile"))


@contextmanager
def serving(certificate: tuple[Path, Path]) -> Iterator[Server]:
    made = Server(*certificate)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[Server]:
    with serving(certificate) as made:
        yield made


@pytest.fixture
def repository(server: Server, certificate: tuple[Path, Path]) -> Repository:
    url = f"{server.url}/acme/gitops"
    return Repository(url, GitRef(branch="main"), "pusher", SecretStr(PASSWORD), certificate[0].read_text())


def refused(repository: Repository, kind: type[GitError], limit_seconds: float = SOON) -> str:
    """The words of the refusal, which holds no password and comes soon."""
    began = time.monotonic()
    with pytest.raises(kind) as failure:
        push(repository, CHANGE, {}, limit_seconds=limit_seconds, destinations=Anywhere())
    assert time.monotonic() - began < SOON
    assert PASSWORD not in repr(failure.value)
    return str(failure.value)


def packet(data: bytes) -> bytes:
    return f"{len(data) + 4:04x}".encode() + data


def slow_head(request: Request) -> None:
    request.drip(b"HTTP/1.1 200 OK\r\nX-Waste: " + b"w" * 10_000)


def slow_body(request: Request) -> None:
    request.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n")
    request.drip(b"ffff" + b"w" * 10_000)


@pytest.mark.parametrize("slow", [slow_head, slow_body])
def test_a_server_that_drips_is_left_in_time(server: Server, repository: Repository, slow: Respond) -> None:
    """It never runs into a timeout, and would hold one of two places for ever."""
    server.respond = slow
    assert refused(repository, GitUnavailable, SHORT) == "it was not done within 0.4 s"


def test_a_server_that_never_shakes_hands_is_left_in_time(server: Server, repository: Repository) -> None:
    server.handshakes = False
    assert refused(repository, GitUnavailable, SHORT) == "it was not done within 0.4 s"


def test_a_name_with_thousands_of_addresses_is_left_in_time(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them can be reached, and each takes its time to say so."""
    tried: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        numbers = range(1, 4001)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.{n >> 8}.{n & 255}", port)) for n in numbers]

    def unreachable(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        tried.append(address[0])
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(git_http, "create_connection", unreachable)
    assert "there is no way to it" in refused(repository, GitUnavailable)
    assert tried == [f"192.0.0.{n}" for n in range(1, git_http.MAX_HOST_ADDRESSES + 1)]


def test_a_name_that_the_resolver_completes_to_one_of_the_cluster_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The search path of a Pod: only the name that was found says that it is a Service."""
    tried: list[object] = []

    def resolve(host: str, port: int, *, flags: int = 0, **_: object) -> list[object]:
        name = f"{host}.svc.cluster.local" if flags & socket.AI_CANONNAME else ""
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, name, ("10.96.7.7", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(git_http, "create_connection", lambda *to, **_: tried.append(to))
    with pytest.raises(GitMissing, match="none that the operator connects to"):
        push(Repository("https://gitea.team-b/acme/gitops", GitRef(branch="main")), CHANGE, {})
    assert not tried


def test_a_web_page_is_no_repository(server: Server, repository: Repository) -> None:
    """Such as a login page, which answers 200 to everything."""
    server.respond = lambda request: request.answer(b"<html>Sign in</html>")
    assert refused(repository, GitMissing) == "what answers there is not a Git server"


def test_another_server_never_sees_the_password(
    server: Server, repository: Repository, certificate: tuple[Path, Path]
) -> None:
    with serving(certificate) as elsewhere:
        target = f"{elsewhere.url}/acme/gitops.git"
        more = f"Location: {target}/info/refs?service=git-upload-pack\r\n"
        server.respond = lambda request: request.answer(b"", status="301 Moved Permanently", more=more)
        assert refused(repository, GitMissing) == f"it sends on to {target}"
        assert not elsewhere.seen


def test_what_moved_on_the_same_server_is_followed(server: Server, repository: Repository) -> None:
    """Some servers send from a name without .git to the one with it."""

    def respond(request: Request) -> None:
        if ".git/" in request.line:
            request.answer(b"", status="404 Not Found")
        else:
            target = request.line.split()[1].replace("/info/", ".git/info/")
            request.answer(b"", status="301 Moved Permanently", more=f"Location: {target}\r\n")

    server.respond = respond
    assert "no such repository" in refused(repository, GitMissing)
    assert [request.line.split()[1].split("?")[0] for request in server.seen] == [
        "/acme/gitops/info/refs",
        "/acme/gitops.git/info/refs",
    ]
    sent = [base64.b64decode(request.authorization.removeprefix("Basic ")).decode() for request in server.seen]
    assert sent == [f"pusher:{PASSWORD}"] * 2


def test_nothing_is_downloaded_from_elsewhere(
    server: Server, repository: Repository, certificate: tuple[Path, Path]
) -> None:
    """Git's protocol lets a server name other addresses for parts of what it has."""
    with serving(certificate) as elsewhere:
        uri = f"{elsewhere.url}/pack-{HEAD.decode()}.pack"

        def respond(request: Request) -> None:
            result = "application/x-git-upload-pack-result"
            if request.line.startswith("GET"):
                offered = packet(b"version 2\n") + packet(b"ls-refs\n") + packet(b"fetch=shallow\n") + b"0000"
                request.answer(offered, result.replace("result", "advertisement"))
            elif b"ls-refs" in request.body:
                request.answer(packet(HEAD + b" refs/heads/main\n") + b"0000", result)
            else:
                named = packet(b"packfile-uris\n") + packet(f"{uri} sha1 {HEAD.decode()}\n".encode()) + b"0001"
                request.answer(packet(b"shallow-info\n") + b"0001" + named + packet(b"packfile\n") + b"0000", result)

        server.respond = respond
        assert refused(repository, GitMissing) == f"it sends on to {uri}"
        assert len(server.seen) == 3
        assert not elsewhere.seen


def test_sending_on_comes_to_an_end(server: Server, repository: Repository) -> None:
    more = "Location: /acme/gitops/info/refs?service=git-upload-pack\r\n"
    server.respond = lambda request: request.answer(b"", status="302 Found", more=more)
    assert refused(repository, GitMissing) == "it only sends on to other addresses"


def test_an_answer_without_end_is_cut_off(server: Server, repository: Repository) -> None:
    def respond(request: Request) -> None:
        request.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n")
        request.send(packet(b"# service=git-upload-pack\n") + b"0000")
        line = packet(HEAD + b" refs/heads/" + b"w" * 60_000 + b"\n")
        while not request.over.is_set():
            request.send(line)

    server.respond = respond
    assert "too large" in refused(repository, GitRejected)


def test_a_pack_that_unpacks_to_more_than_there_is_memory_for_is_refused(
    server: Server, repository: Repository
) -> None:
    """Some kilobytes of zeros, as an old server without protocol 2 would send them."""
    size = MAX_GIT_MEMORY // 2 + 1
    content = zlib.compress(b"\0" * size)
    header, rest = bytes([0x80 | 3 << 4 | size & 0xF]), size >> 4
    while rest > 0x7F:
        header, rest = header + bytes([0x80 | rest & 0x7F]), rest >> 7
    pack = b"PACK" + struct.pack(">II", 2, 1) + header + bytes([rest]) + content + b"\0" * 20

    def respond(request: Request) -> None:
        if request.line.startswith("GET"):
            head = packet(HEAD + b" HEAD\0shallow side-band-64k\n") + packet(HEAD + b" refs/heads/main\n")
            body = packet(b"# service=git-upload-pack\n") + b"0000" + head + b"0000"
            request.answer(body, "application/x-git-upload-pack-advertisement")
            return
        chunks = b"".join(packet(b"\1" + pack[at : at + 60_000]) for at in range(0, len(pack), 60_000))
        body = packet(b"shallow " + HEAD) + b"0000" + packet(b"NAK\n") + chunks + b"0000"
        request.answer(body, "application/x-git-upload-pack-result")

    server.respond = respond
    assert len(pack) < 1 << 16
    assert "too large" in refused(repository, GitRejected)


def test_a_password_that_is_sent_back_is_not_passed_on(server: Server, repository: Repository) -> None:
    def respond(request: Request) -> None:
        user = base64.b64decode(request.authorization.removeprefix("Basic "))
        request.answer(packet(b"who is " + user + b"?\n") + b"0000", "application/x-git-upload-pack-advertisement")

    server.respond = respond
    words = refused(repository, GitUnavailable)
    assert words.startswith("it does not answer as Git does (")
    assert "correct-horse" not in words
    assert "[redacted]" in words


def test_what_it_calls_its_objects_is_not_passed_on(server: Server, repository: Repository) -> None:
    """Megabytes, or the password."""
    called = b"object-format=" + b"correct-horse" * 4000

    def respond(request: Request) -> None:
        head = packet(HEAD + b" refs/heads/main\0shallow side-band-64k " + called + b"\n")
        body = packet(b"# service=git-upload-pack\n") + b"0000" + head + b"0000"
        request.answer(body, "application/x-git-upload-pack-advertisement")

    server.respond = respond
    question = RepositoryQuestion(repository.url, repository.followed)
    with pytest.raises(GitRejected) as failure:
        read.look(repository, question, limit_seconds=SOON, destinations=Anywhere())
    assert "another kind than sha1" in str(failure.value)
    assert "horse" not in str(failure.value)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("403 Forbidden", GitDenied, "the user may not use it"),
        ("410 Gone", GitMissing, "no such repository"),
        ("429 Too Many Requests", GitUnavailable, "status 429"),
        ("502 Bad Gateway", GitUnavailable, "status 502"),
    ],
)
def test_statuses_are_told_apart(
    server: Server, repository: Repository, status: str, kind: type[GitError], words: str
) -> None:
    server.respond = lambda request: request.answer(b"", status=status)
    assert words in refused(repository, kind)


def test_a_certificate_for_another_name_is_told_as_that(server: Server, repository: Repository) -> None:
    """Another authority would not help."""
    url = f"https://localhost:{server.port}/acme/gitops"
    words = refused(
        Repository(url, GitRef(branch="main"), "pusher", repository.password, repository.authority), GitUnavailable
    )
    assert words.startswith("its certificate is not trusted: ")
    assert "localhost" in words
    assert "ca.crt" not in words
