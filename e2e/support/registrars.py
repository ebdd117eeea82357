"""The emulated registrars as the stories see them: accounts with domains, and what goes wrong."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from e2e.lab.layout import REGISTRARS_URL
from e2e.support.kubectl import Object


def call(method: str, path: str, body: Object | None = None) -> Any:
    """One request to the lab's side of the emulators."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{REGISTRARS_URL}/_lab/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read() or b"null")


@contextmanager
def account(vendor: str, credentials: dict[str, str], domain: str, *servers: str, **more: Any) -> Iterator[None]:
    """An account that holds a domain with these name servers; gone afterwards, with all faults."""
    held = {"name": domain, "nameservers": list(servers)}
    body = {"vendor": vendor, "name": domain, "credentials": credentials, "domains": [held], **more}
    call("POST", "accounts", body)
    try:
        yield
    finally:
        call("DELETE", "accounts", {"vendor": vendor, "name": domain})
        call("DELETE", "faults")


def fault(vendor: str, what: str, *, times: int = 1, **effect: Any) -> None:
    """Something that goes wrong with the requests to come."""
    call("POST", "faults", {"vendor": vendor, "what": what, "times": times, "effect": effect})


def asked(vendor: str) -> list[Object]:
    """What the vendor was asked, oldest first."""
    listed: list[Object] = call("GET", "requests")
    return [entry for entry in listed if entry["vendor"] == vendor]
