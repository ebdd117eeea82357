"""An API server as the benchmark asks it: one bare connection each time, without cache or client library."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from e2e.bench.errors import BenchError
from e2e.lab.layout import API_URL, Layout
from e2e.lab.standins import kubeconfig

Object = dict[str, Any]
CONNECT_SECONDS = 10
TRIES = 4
"""For what can be repeated: an API server may close a connection at any time."""
REPEATABLE = frozenset({"GET", "PATCH"})
MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Api:
    """Where it is, whom to trust, and as whom to speak."""

    url: str
    tls: ssl.SSLContext = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls_name: str | None = None
    """The name in its certificate, where that is not the one in the URL."""

    @classmethod
    def of_lab(cls, layout: Layout) -> Api:
        """The management cluster's, as its administrator."""
        tls = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
        tls.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")
        return cls(API_URL, tls)

    def impersonating(self, user: str) -> Api:
        """The same, speaking as somebody else who may do everything."""
        return replace(self, headers={"Impersonate-User": user, "Impersonate-Group": "system:masters"})

    @classmethod
    def of_kubeconfig(cls, path: Path) -> Api:
        """That of the kubeconfig of a booted server."""
        found = kubeconfig.load(path)
        return cls(found.server, found.tls, found.headers, found.tls_name)

    def connect(self) -> http.client.HTTPSConnection:
        """A connection, which is the caller's to close."""
        return _Connection(urllib.parse.urlsplit(self.url).netloc, self.tls, self.tls_name)


class _Connection(http.client.HTTPSConnection):
    """Verified by another name than the one that is dialled, if there is one."""

    def __init__(self, netloc: str, tls: ssl.SSLContext, tls_name: str | None) -> None:
        super().__init__(netloc, timeout=CONNECT_SECONDS, context=tls)
        self._tls, self._tls_name = tls, tls_name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._tls_name or self.host)


class Client:
    """Requests one after the other over one connection. A context manager."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._connection = api.connect()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __call__(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Object:
        """The answer; what reads, or sets something, is asked again where a connection broke. Raises BenchError for any
        answer that is not a success, and where there is none."""
        headers = {**self._api.headers, "Content-Type": content, "Accept": "application/json"}
        sent = None if body is None else json.dumps(body)
        broken: Exception | None = None
        for _ in range(TRIES if method in REPEATABLE else 1):
            try:
                self._connection.request(method, path, sent, headers)
                response = self._connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()  # the next request opens another
                broken = error
                continue
            if response.status >= http.client.MULTIPLE_CHOICES:
                raise BenchError(f"{method} {path}: {response.status} {text[:500]!r}")
            answer: Object = json.loads(text)
            return answer
        raise BenchError(f"{method} {path}: the connection broke: {broken or 'no answer'}") from broken
