"""The little of Hetzner Cloud's API that the containers of a run use themselves: to list what carries the Sovereign's
label, to start and stop servers, and to remove what OpenTofu does not know of. Whatever is made is for OpenTofu alone.

Standard library only.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from catalyst_operator.adapters import answers
from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.core.project.hetzner import ENDPOINT, NOT_FOUND, TOKEN_REFUSALS, error_code

KINDS = (
    "servers",
    "load_balancers",
    "networks",
    "firewalls",
    "ssh_keys",
    "placement_groups",
    "volumes",
    "primary_ips",
    "floating_ips",
    "certificates",
    "images",
)
"""What is looked for by label. Of images only snapshots: backups go with their server."""
EXIT_UNAUTHORIZED = 7
TROUBLE = (OSError, http.client.HTTPException, ValueError)
"""What they raise: the API refused, is out of reach, hung up, or did not answer in JSON."""
_MAX_ERROR_BYTES, _MAX_CODE = 65536, 100
REQUEST_SECONDS = 20.0
"""For one request, from the connection to the last byte of the answer."""
MAX_PAGES = 20
_PAGE_SIZE = 50


class Answered(OSError):
    """An answer that is an error. `code` is Hetzner's word for it; empty where it is not the API that answered."""

    def __init__(self, status: int, code: str) -> None:
        self.code = code
        if code in TOKEN_REFUSALS:
            super().__init__("Hetzner does not accept the token")
        else:
            super().__init__(f"HTTP Error {status} ({code or 'no answer of the API itself'})")


def labelled(kind: str) -> list[dict[str, Any]]:
    """All objects of a kind in the project that carry this Sovereign's UID label. Raises one of TROUBLE."""
    return listed(kind, f"{LABEL_SOVEREIGN_UID}={os.environ['CATALYST_SOVEREIGN_UID']}")


def listed(kind: str, selector: str) -> list[dict[str, Any]]:
    """All objects of a kind in the project that a label selector selects. Raises one of TROUBLE."""
    found: list[dict[str, Any]] = []
    kept = {"type": "snapshot"} if kind == "images" else {}
    for page in range(1, MAX_PAGES + 1):
        query = {"label_selector": selector, **kept, "per_page": _PAGE_SIZE, "page": page}
        answer = _call("GET", f"/{kind}?{urllib.parse.urlencode(query)}")
        found += _objects(answer, kind)
        if answer["meta"]["pagination"]["next_page"] is None:
            return found
    raise ValueError(f"the project has more than {MAX_PAGES} pages of {kind} labelled {selector}")


def one(kind: str, number: int) -> dict[str, Any] | None:
    """The object of this id; None if the project has none. Raises one of TROUBLE."""
    try:
        answer = _call("GET", f"/{kind}/{number}")
    except Answered as error:
        if error.code == NOT_FOUND:
            return None
        raise
    found = answer.get(kind.removesuffix("s"))
    if not isinstance(found, dict) or found.get("id") != number:
        raise ValueError(f"the answer to GET /{kind}/{number} is none of Hetzner's API")
    return found


def server_status(number: str) -> str:
    """What a server is doing, such as `running` or `off`. Raises one of TROUBLE."""
    server = _call("GET", f"/servers/{number}").get("server")
    if not isinstance(server, dict):
        raise ValueError(f"the answer to GET /servers/{number} is none of Hetzner's API")
    return str(server.get("status", ""))


def power_on(number: str) -> None:
    """Start a server that is off. Raises one of TROUBLE."""
    _call("POST", f"/servers/{number}/actions/poweron")


def act(kind: str, number: int, action: str) -> None:
    """Start an action that needs to be told nothing, such as `poweroff` or `detach`. Raises one of TROUBLE."""
    _call("POST", f"/{kind}/{number}/actions/{action}")


def relabel(kind: str, number: int, labels: Mapping[str, str]) -> None:
    """Replace all labels of an object. Raises one of TROUBLE."""
    _call("PUT", f"/{kind}/{number}", {"labels": dict(labels)})


def delete(kind: str, number: int) -> None:
    """Ask for an object to be deleted: some can still be read for some seconds. Raises one of TROUBLE."""
    _call("DELETE", f"/{kind}/{number}")


def _objects(answer: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """An answer that is not the API's must not be taken for an empty project."""
    objects, meta = answer.get(kind), answer.get("meta")
    pagination = meta.get("pagination") if isinstance(meta, dict) else None
    if not isinstance(objects, list) or not isinstance(pagination, dict) or "next_page" not in pagination:
        raise ValueError(f"the answer to GET /{kind} is none of Hetzner's API")
    if not all(isinstance(found, dict) and {"id", "name"} <= found.keys() for found in objects):
        raise ValueError(f"the answer to GET /{kind} has something else than {kind} in it")
    return objects


def exit_code(error: Exception) -> int:
    """Of a container whose look at the project ended with this error."""
    return EXIT_UNAUTHORIZED if isinstance(error, Answered) and error.code in TOKEN_REFUSALS else 1


def _call(method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    endpoint = os.environ.get("HCLOUD_ENDPOINT", ENDPOINT)
    headers = {"Authorization": f"Bearer {os.environ['HCLOUD_TOKEN']}", **answers.UNCOMPRESSED}
    content = None if body is None else json.dumps(body).encode()
    if content is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(  # noqa: S310 - the endpoint is the operator's setting
        endpoint + path, data=content, method=method, headers=headers
    )
    answer = _within(REQUEST_SECONDS, lambda: _sent(request))
    # Most deletions are answered with nothing at all.
    result = answers.parsed(answer) if answer or method != "DELETE" else {}
    if not isinstance(result, dict):
        raise ValueError("the answer is no JSON object")
    return result


def _sent(request: urllib.request.Request) -> bytes:
    try:
        response = _OPENER.open(request, timeout=REQUEST_SECONDS)
    except urllib.error.HTTPError as error:
        with error:
            answered = Answered(error.code, _code(error.read(_MAX_ERROR_BYTES)))
    else:
        return _content(response)
    # Raised here: the other error holds the request with its headers.
    raise answered


def _code(body: bytes) -> str:
    """The API's own word for an error; empty where somebody else says something."""
    try:
        told = answers.parsed(body)
    except answers.Unusable:
        return ""
    return error_code(told)[:_MAX_CODE]


def _content(response: Any) -> bytes:
    with response:
        answers.check_uncompressed(response.headers)
        content: bytes = response.read(answers.MAX_ANSWER_BYTES + 1)
    if len(content) > answers.MAX_ANSWER_BYTES:
        raise answers.TooLong(f"an answer of more than {answers.mebibytes(answers.MAX_ANSWER_BYTES)}")
    return content


def _within(seconds: float, request: Callable[[], bytes]) -> bytes:
    """What the request brings. Raises TimeoutError when time is up, and what it raises: a server that sends a byte now
    and then runs into no timeout of a socket. Such a request is left to itself, which keeps no process alive."""
    outcome: list[bytes | Exception] = []

    def run() -> None:
        try:
            outcome.append(request())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError(f"no answer within {seconds:g} s")
    came = outcome.pop()
    if isinstance(came, Exception):
        raise came
    return came


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token along to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)
