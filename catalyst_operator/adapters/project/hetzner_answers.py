"""What the answers of Hetzner Cloud's API mean: which is a success, and which says that the token is refused, that the
object is not there, or that the limit of requests is used up.

What cannot be read as documented is an error, never an empty answer: a guess could say that something is missing which
is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter, ValidationError

from catalyst_operator.adapters import answers
from catalyst_operator.core.project.hetzner import NOT_FOUND, TOKEN_REFUSALS, error_code
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import CloudNotFound, CloudRateLimited, CloudUnauthorized, CloudUnavailable

REFILL_PATIENCE = timedelta(minutes=10)
"""The limit refills evenly, and RateLimit-Reset says when it is full. Enough for a look and a run is there sooner."""

Object = dict[str, Any]


def accept(path: str, status: int, headers: Mapping[str, str], body: Object, now: datetime) -> Object:
    """The body of a success. Nothing else that was answered is passed on: an echo could hold the token.
    Raises CloudError."""
    if status == HTTPStatus.OK:
        return body
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise CloudRateLimited(_until(headers.get("RateLimit-Reset", ""), now))
    code = error_code(body)
    if refusal := TOKEN_REFUSALS.get(code):
        raise CloudUnauthorized(refusal)
    if code == NOT_FOUND:
        raise CloudNotFound(f"the project has no {path}")
    raise CloudUnavailable(f"Hetzner's API answered with HTTP status {status}")


def _until(reset: str, now: datetime) -> datetime:
    patience = REFILL_PATIENCE.total_seconds()
    wait = float(reset) - now.timestamp() if reset.isdecimal() else patience
    return now + timedelta(seconds=min(max(wait, 1.0), patience))


def read(what: str, model: TypeAdapter[Any], body: object) -> Any:
    """Raises CloudUnavailable for what is not as documented."""
    try:
        return model.validate_python(body)
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]
    where = ".".join(map(str, reason["loc"]))
    raise CloudUnavailable(shorten(f"Hetzner's {what} cannot be read ({where}: {reason['msg']})"))


def json_object(content: bytes) -> Object:
    """The object that an answer holds; an empty one if it holds something else, as a proxy's page does. Raises
    TooLong."""
    try:
        body = answers.parsed(content)
    except answers.TooLong:
        raise
    except answers.Unusable:
        return {}
    return body if isinstance(body, dict) else {}
