"""Git's smart HTTP with one server, within one deadline, and with errors that people can act on.

Whoever owns a Sovereign names the server: it may be slow, broken or hostile. Credentials go to it alone, over TLS; what
it sends is limited in size; and when time is up its connections are shut, whatever they wait for.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from dulwich.client import AbstractHttpGitClient
from pydantic import SecretStr
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from catalyst_operator.adapters.destinations import OUTSIDE, WORDS, Destinations
from catalyst_operator.adapters.leadership.fence import Fence, unfenced
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import (
    GitAnonymous,
    GitAuthorityUnreadable,
    GitDenied,
    GitError,
    GitMissing,
    GitRejected,
    GitTooLarge,
    GitUnavailable,
    GitUntrusted,
)

TIMEOUT = urllib3.Timeout(connect=10, read=30)
MAX_REDIRECTS = 3
MAX_GIT_ANSWER = 8 << 20
"""Bytes of one answer. Without the contents of files the newest commit of a large repository is a tenth of it."""
TOO_LARGE = (
    "its newest commit is too large, because it has very many files or the server does not leave out their contents "
    "when asked to: use a repository of configuration alone"
)
MAX_HOST_ADDRESSES = 8
"""Of a server, that are tried one after the other: whoever owns the name may give it thousands, and each that cannot be
reached costs seconds that no connection is there to be shut in."""
_LEFT_UNREAD = 1 << 10
_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21}
"""OpenSSL's codes for a certificate whose issuer is not known or not trusted."""
_WORDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((NameResolutionError, LocationParseError), "its name could not be resolved"),
    ((NewConnectionError,), "there is no way to it"),
    ((urllib3.exceptions.TimeoutError, TimeoutError), "it did not answer in time"),
    ((urllib3.exceptions.SSLError, ssl.SSLError), "TLS did not come about with it"),
)


class Client(AbstractHttpGitClient):
    """A repository, as dulwich talks to it. Raises GitError in place of whatever the transport raises."""

    def __init__(
        self,
        url: str,
        username: str,
        password: SecretStr,
        authority: str,
        limit_seconds: float,
        destinations: Destinations = OUTSIDE,
        fence: Fence = unfenced,
    ) -> None:
        """`authority`: PEM to trust instead of the system's. Without user name and password anybody asks. The `fence`
        is asked before anything is sent."""
        super().__init__(url, thin_packs=False, quiet=True)
        self._origin = _origin(url)
        if self._origin[0] != "https":
            raise GitDenied("user name and password are sent over https:// only")
        self._headers = {"User-Agent": "git/catalyst-operator"}
        if username or password.get_secret_value():
            credentials = base64.b64encode(f"{username}:{password.get_secret_value()}".encode()).decode()
            self._headers["Authorization"] = f"Basic {credentials}"
        self._leash = _Leash(limit_seconds)
        self._pool = _Pool(
            *self._origin[1:],
            ssl_context=_trust(authority),
            timeout=TIMEOUT,
            leash=self._leash,
            destinations=destinations,
            fence=fence,
        )
        self._answers: list[_Answer] = []

    def __enter__(self) -> Client:
        self._leash.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leash.end()
        self._finish()
        self._pool.close()

    def may_push(self) -> None:
        """Ask as one who pushes, and push nothing. Raises GitDenied where that is refused already."""
        self.send_pack("", lambda _: {}, _nothing)

    @staticmethod
    def _warn_filter_objects() -> None:
        """A server that leaves nothing out is no news worth a line in the log at every push."""

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[Any, Callable[[int], bytes]]:
        """The answer to a request, for dulwich."""
        with self._telling():
            answer = self._follow(url, {**self._headers, **(headers or {})}, data)
        _check_status(answer.status, pushes="git-receive-pack" in url, named="Authorization" in self._headers)
        if not answer.content_type.startswith("application/x-git-"):
            raise GitMissing("what answers there is not a Git server")
        return answer, answer.read

    def _follow(self, url: str, headers: dict[str, str], data: bytes | Iterator[bytes] | None) -> _Answer:
        """As git does it: what moved is followed, though on this server only, since others are not to see the password;
        a request with a body is not repeated."""
        asked, method = url, "GET" if data is None else "POST"
        self._finish()
        for _ in range(MAX_REDIRECTS):
            self._check_origin(asked)
            response = self._pool.urlopen(
                method, _path(asked), data, headers, retries=False, redirect=False, preload_content=False
            )
            answer = _Answer(response, asked if asked != url else "", self._telling)
            self._answers.append(answer)
            target = response.get_redirect_location()
            if not target or data is not None:
                return answer
            answer.close()
            asked = urljoin(asked, target)
        raise GitMissing("it only sends on to other addresses")

    def _finish(self) -> None:
        """dulwich leaves some answers as they are; the connection is free for the next request once they are closed."""
        while self._answers:
            self._answers.pop().close()

    def _check_origin(self, url: str) -> None:
        if _origin(url) != self._origin:
            raise GitMissing(f"it sends on to {shorten(url.partition('?')[0].removesuffix('/info/refs'), 200)}")

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Errors of the transport by what can be told apart. Their own texts are not passed on: some hold the request
        with its headers, which is also why these are raised out of their reach."""
        told, kind = "", GitUnavailable
        try:
            yield
        except (urllib3.exceptions.HTTPError, OSError) as error:
            told, kind = _words(error), GitUntrusted if _is_of_certificate(error) else GitUnavailable
        if self._leash.expired:
            # A connection that was shut can look like one that has come to its end.
            told, kind = self._leash.words, GitUnavailable
        if told:
            raise kind(told)


def _nothing(*_: object, **__: object) -> tuple[int, Iterator[Any]]:
    return 0, iter(())


class _Answer:
    """A response with what dulwich asks of one."""

    def __init__(
        self,
        response: urllib3.BaseHTTPResponse,
        redirected_to: str,
        telling: Callable[[], contextlib.AbstractContextManager[None]],
    ) -> None:
        self._response, self._telling, self._left = response, telling, MAX_GIT_ANSWER
        self.status, self.headers = response.status, response.headers
        self.content_type = response.headers.get("Content-Type", "")
        self.redirect_location = redirected_to

    def read(self, amount: int | None = None) -> bytes:
        """Raises GitError."""
        with self._telling():
            data = self._response.read(amount)
        self._left -= len(data)
        if self._left < 0:
            raise GitTooLarge(TOO_LARGE)
        return data

    def close(self) -> None:
        """Read the little that is left, so that the connection can be used again; what is more ends with it."""
        if not self._response.closed:
            with contextlib.suppress(GitError), self._telling():
                self._response.read(_LEFT_UNREAD)
        self._response.close()


class _Leash:
    """Shuts connections when time is up: a server that sends a byte now and then never runs into a timeout."""

    def __init__(self, seconds: float) -> None:
        self.words = f"it was not done within {seconds:g} s"
        self.expired = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def start(self) -> None:
        self._timer.start()

    def hold(self, connection: socket.socket) -> None:
        """A duplicate is held: TLS takes the socket itself over while it shakes hands."""
        with self._lock:
            self._sockets.append(connection.dup())
        if self.expired:
            self._expire()

    def end(self) -> None:
        self._timer.cancel()
        with self._lock:
            for held in self._sockets:
                held.close()
            self._sockets.clear()

    def _expire(self) -> None:
        self.expired = True
        with self._lock:
            for held in self._sockets:
                with contextlib.suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)


class _Connection(HTTPSConnection):
    def __init__(
        self, *arguments: Any, leash: _Leash, destinations: Destinations, fence: Fence, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._leash = leash
        self._destinations = destinations
        self._fence = fence

    def send(self, data: Any) -> None:
        """The head of a request, or a piece of its body."""
        self._fence()
        super().send(data)

    def _new_conn(self) -> socket.socket:
        """What is connected to is what was judged: the name is resolved once."""
        made = self._connect(self._addresses())
        self._leash.hold(made)
        return made

    def _addresses(self) -> list[str]:
        if not self._destinations.allows_name(self.host):
            raise GitMissing(WORDS)
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        # A Pod's resolver completes names: `gitea.team-b` is a Service of the cluster to it.
        names = [info[3] for info in found if info[3]]
        if not (all(map(self._destinations.allows_name, names)) and all(map(self._destinations.allows, addresses))):
            raise GitMissing(WORDS)
        return addresses[:MAX_HOST_ADDRESSES]

    def _connect(self, addresses: list[str]) -> socket.socket:
        broken: OSError | None = None
        for address in addresses:
            try:
                return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except TimeoutError as error:
                raise ConnectTimeoutError(self, "no answer in time") from error
            except OSError as error:
                broken = error
        raise NewConnectionError(self, f"no connection: {broken}") from broken


class _Pool(urllib3.HTTPSConnectionPool):
    """Connections to one server, straight to it: proxies of the environment are not used."""

    ConnectionCls = _Connection


def _trust(authority: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority or None)
    except (ssl.SSLError, TypeError, ValueError):
        words = "ca.crt in the Secret is not a certificate in PEM"
    raise GitAuthorityUnreadable(words)


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises GitMissing for what has none."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.hostname:
            return parts.scheme, parts.hostname, parts.port or 443
    raise GitMissing(f"{shorten(url, 200)} is not the address of a server")


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _check_status(status: int, *, pushes: bool, named: bool) -> None:
    match status:
        case 200:
            return
        case 401 if not named:
            raise GitAnonymous("it asks for a user name and a password, or there is no such public repository")
        case 401:
            raise GitDenied(f"it does not accept the user name and password{' for a push' if pushes else ''}")
        case 403 | 404 if pushes:
            raise GitDenied("the user may read it, but not push to it")
        case 403:
            raise GitDenied("the user may not use it")
        case 404 | 410:
            raise GitMissing("there is no such repository, or it is not shown to this user")
        case 413:
            raise GitRejected("the server does not take a commit of this size")
        case _:
            raise GitUnavailable(f"it answered with HTTP status {status}")


def _is_of_certificate(error: Exception) -> bool:
    return isinstance(error, urllib3.exceptions.SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError)


def _words(error: Exception) -> str:
    if _is_of_certificate(error):
        return _of_certificate(error.args[0])
    if isinstance(error, NewConnectionError) and isinstance(error.__cause__, ConnectionRefusedError):
        return "connection refused"
    told = (words for kinds, words in _WORDS if isinstance(error, kinds))
    return next(told, f"the connection broke ({type(error).__name__})")


def _of_certificate(error: ssl.SSLCertVerificationError) -> str:
    hint = "; put the authority's into the Secret under ca.crt" if error.verify_code in _UNKNOWN_AUTHORITY else ""
    return f"its certificate is not trusted: {shorten(error.verify_message, 100).rstrip('.')}{hint}"
