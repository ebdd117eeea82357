"""Proxies: of runs, which stand where the operator stands, and of servers, which may stand elsewhere.

Nothing here has a password: a run's environment and a server's user_data are read by others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

URLS, EXCEPTIONS = ("HTTPS_PROXY", "HTTP_PROXY"), "NO_PROXY"
NEVER = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1", "169.254.169.254", ".svc", ".cluster.local")
"""Whom no run asks through a proxy, besides its API server: itself, the metadata service, the cluster."""
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", re.ASCII)
_EXCEPTION = re.compile(r"[A-Za-z0-9.:/*_-]+", re.ASCII)


class ProxyError(ValueError):
    """No proxy that runs or servers could be told. The message names the variable, and never its value: that may hold a
    password."""


@dataclass(frozen=True)
class ServerProxy:
    """How servers reach what is outside; the module adds the cluster's own networks and names to the exceptions."""

    url: str
    exceptions: tuple[str, ...] = ()

    @property
    def variable(self) -> dict[str, Any]:
        """The module's variable `proxy`."""
        return {"url": self.url, "exceptions": list(self.exceptions)}


def of_runs(environ: Mapping[str, str], api_server: str) -> dict[str, str]:
    """A run's variables, of the operator's own ones; none without a proxy. `api_server` is the URL of the one that
    keeps the state, which no run asks through a proxy. Raises ProxyError."""
    urls = {name: checked(name, environ[name]) for name in URLS if environ.get(name)}
    exceptions = environ.get(EXCEPTIONS, "")
    if not urls:
        return {}
    given = split(EXCEPTIONS, exceptions)
    api = (urlsplit(api_server).hostname or "",)
    return {**urls, EXCEPTIONS: ",".join(dict.fromkeys(filter(None, (*NEVER, *api, *given))))}


def ports(urls: Iterable[str]) -> set[int]:
    """Where proxies listen."""
    parts = map(urlsplit, urls)
    return {part.port or (80 if part.scheme == "http" else 443) for part in parts}


def checked(name: str, url: str) -> str:
    """A proxy's URL. Raises ProxyError."""
    if not _URL.fullmatch(url):
        raise ProxyError(
            f"{name}: expected the URL of an HTTP proxy without user name and password, which others could read, such "
            "as http://proxy.example.com:3128"
        )
    return url


def split(name: str, text: str) -> tuple[str, ...]:
    """Hosts, domains and networks of a list with commas. Raises ProxyError."""
    found = tuple(filter(None, (item.strip() for item in text.split(","))))
    if wrong := [item for item in found if not _EXCEPTION.fullmatch(item)]:
        raise ProxyError(
            f"{name}: {wrong[0]!r}: expected hosts, domains and networks, such as .example.com,192.0.2.0/24"
        )
    return found
