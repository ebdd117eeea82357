"""Reading Hetzner Cloud's API: one project, through one session, with GET requests only.

What cannot be read as documented is an error, never an empty answer: a guess could say that something is missing which
is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from catalyst_operator.adapters import answers
from catalyst_operator.api import labels
from catalyst_operator.clock import Clock
from catalyst_operator.core.project.hetzner import ENDPOINT, TOKEN_LENGTH, well_formed
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import CloudNotFound, CloudRateLimited, CloudUnauthorized, CloudUnavailable

PROJECT_LOOK_SECONDS = 20.0
PER_PAGE = 50
MAX_PAGES = 20
REFILL_PATIENCE = timedelta(minutes=10)
"""The limit refills evenly, and RateLimit-Reset says when it is full. Enough for a look and a run is there sooner."""
REFUSALS = {
    "unauthorized": "it is not known there, or was revoked",
    "forbidden": "it may not read the project",
}
"""The codes by which the API itself refuses a token, and what they mean; a proxy's 401 or 403 has none of them."""
NOT_FOUND = "not_found"

Object = dict[str, Any]
Item = TypeVar("Item", bound=BaseModel)


class _Pagination(BaseModel):
    next_page: int | None


class _Meta(BaseModel):
    pagination: _Pagination


class _Page(BaseModel):
    meta: _Meta


@contextlib.asynccontextmanager
async def opened(
    endpoint: str, token: SecretStr, clock: Clock, limit_seconds: float = PROJECT_LOOK_SECONDS
) -> AsyncIterator[HetznerApi]:
    """The project that a token opens. An empty endpoint is Hetzner's own. Raises CloudError, also when what is done
    with it takes longer than the limit."""
    _check_shape(token.get_secret_value())
    authorization = f"Bearer {token.get_secret_value()}"
    headers = {"Authorization": authorization, "User-Agent": labels.OPERATOR_NAME, **answers.UNCOMPRESSED}
    late = False
    try:
        async with (
            asyncio.timeout(limit_seconds),
            aiohttp.ClientSession(headers=headers, auto_decompress=False) as session,
        ):
            yield HetznerApi(session, endpoint or ENDPOINT, clock)
    except TimeoutError:
        late = True
    # Raised here, so that no error that holds the request with its headers comes along as context.
    if late:
        raise CloudUnavailable(f"Hetzner's API did not answer within {limit_seconds:g} s")


def _check_shape(token: str) -> None:
    """What has another shape is refused by OpenTofu's provider as well, and need not be sent to anyone."""
    if len(token) != TOKEN_LENGTH:
        raise CloudUnauthorized(f"it has {len(token)} characters instead of {TOKEN_LENGTH}")
    if not well_formed(token):
        raise CloudUnauthorized("it has other characters than letters and digits")


class HetznerApi:
    """One project, through one session."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, clock: Clock) -> None:
        self._session = session
        self._endpoint = endpoint.rstrip("/")
        self._clock = clock
        self._talk = answers.Talk()

    async def one(self, kind: str, id_: str, model: type[Item]) -> Item:
        """The object of this id. Raises CloudError; CloudNotFound if the project has none."""
        body = await self._get(f"{kind}/{id_}", {})
        item: Item = _read(f"answer about {kind}", TypeAdapter(model), body.get(kind.removesuffix("s")))
        return item

    async def all(self, kind: str, model: type[Item], query: Mapping[str, str]) -> list[Item]:
        """All objects of a kind that fit the query. Raises CloudError."""
        items: list[Item] = []
        for page in range(1, MAX_PAGES + 1):
            body = await self._get(kind, {**query, "page": str(page), "per_page": str(PER_PAGE)})
            items += _read(f"list of {kind}", TypeAdapter(list[model]), body.get(kind))  # type: ignore[valid-type]
            if _read(f"list of {kind}", TypeAdapter(_Page), body).meta.pagination.next_page is None:
                return items
        raise CloudUnavailable(f"the project has more than {MAX_PAGES * PER_PAGE} {kind}")

    async def _get(self, path: str, query: Mapping[str, str]) -> Object:
        """The JSON of one answer. A redirect is not followed: the token is for this endpoint alone."""
        try:
            async with self._session.get(f"{self._endpoint}/{path}", params=query, allow_redirects=False) as response:
                content = await self._talk.body(response.headers, response.content.iter_any())
                return self._accept(path, response, _json(content))
        except (aiohttp.ClientError, OSError) as error:
            reason = f"did not answer ({type(error).__name__}: {error})"
        except answers.Unusable as error:
            reason = f"sends {error}"
        # Raised here, since some of those errors hold the request with its headers and would come along as context.
        raise CloudUnavailable(shorten(f"Hetzner's API {reason}"))

    def _accept(self, path: str, response: aiohttp.ClientResponse, body: Object) -> Object:
        """The body of a success. Nothing else that was answered is passed on: an echo could hold the token."""
        if response.status == HTTPStatus.OK:
            return body
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise CloudRateLimited(self._until(response.headers.get("RateLimit-Reset", "")))
        code = _code(body)
        if refusal := REFUSALS.get(code):
            raise CloudUnauthorized(refusal)
        if code == NOT_FOUND:
            raise CloudNotFound(f"the project has no {path}")
        raise CloudUnavailable(f"Hetzner's API answered with HTTP status {response.status}")

    def _until(self, reset: str) -> datetime:
        now, patience = self._clock(), REFILL_PATIENCE.total_seconds()
        wait = float(reset) - now.timestamp() if reset.isdecimal() else patience
        return now + timedelta(seconds=min(max(wait, 1.0), patience))


def _read(what: str, model: TypeAdapter[Any], body: object) -> Any:
    """Raises CloudUnavailable for what is not as documented."""
    try:
        return model.validate_python(body)
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]
    where = ".".join(map(str, reason["loc"]))
    raise CloudUnavailable(shorten(f"Hetzner's {what} cannot be read ({where}: {reason['msg']})"))


def _json(content: bytes) -> Object:
    """The object that an answer holds; an empty one if it holds something else, as a proxy's page does. Raises
    TooLong."""
    try:
        body = answers.parsed(content)
    except answers.TooLong:
        raise
    except answers.Unusable:
        return {}
    return body if isinstance(body, dict) else {}


def _code(body: Object) -> str:
    error = body.get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""
