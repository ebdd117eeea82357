"""What git says, in the words of go-git, which is what source-controller uses and the operator has to understand."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

_Wording = Callable[[re.Match[str], str], str]


def go_text(said: str, url: str) -> str:
    """The error of go-git for the standard error of git."""
    for pattern, wording in _TABLE:
        if found := pattern.search(said):
            return wording(found, url)
    return said.removeprefix("fatal: ")


def _discovery(url: str) -> str:
    return f'"{url}/info/refs?service=git-upload-pack"'


def _status(found: re.Match[str], url: str) -> str:
    code = int(found[1])
    if code in _REFUSALS:
        return _REFUSALS[code]
    return f"unexpected client error: unexpected requesting {_discovery(url)} status code: {code}"


def _refused(_found: re.Match[str], url: str) -> str:
    return f"Get {_discovery(url)}: dial tcp {_endpoint(url)}: connect: connection refused"


def _unknown_host(_found: re.Match[str], url: str) -> str:
    return f"Get {_discovery(url)}: dial tcp: lookup {urlsplit(url).hostname} on 10.43.0.10:53: no such host"


def _untrusted(_found: re.Match[str], url: str) -> str:
    reason = "x509: certificate signed by unknown authority"
    return f"Get {_discovery(url)}: tls: failed to verify certificate: {reason}"


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


_REFUSALS = {
    401: "authentication required: Unauthorized",
    403: "authorization failed: Forbidden",
    404: "repository not found: Not Found",
}

_TABLE: list[tuple[re.Pattern[str], _Wording]] = [
    (re.compile(r"returned error: (\d{3})"), _status),
    # With no terminal to ask for a password, or with one that was refused.
    (re.compile(r"could not read Username|could not read Password|Authentication failed"), lambda *_: _REFUSALS[401]),
    (re.compile(r"repository '.*' not found"), lambda *_: _REFUSALS[404]),
    (re.compile(r"Could not resolve host"), _unknown_host),
    (re.compile(r"certificate", re.IGNORECASE), _untrusted),
    (re.compile(r"Connection refused|Failed to connect|Couldn't connect"), _refused),
]
