"""Reading Hetzner Cloud's API: one project, through one session, with GET requests only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

import aiohttp
from pydantic import BaseModel, SecretStr, TypeAdapter

from catalyst_operator.adapters import answers
from catalyst_operator.adapters.project.hetzner_answers import Object, accept, json_object, read
from catalyst_operator.api import labels
from catalyst_operator.clock import Clock
from catalyst_operator.core.project.hetzner import ENDPOINT, TOKEN_LENGTH, well_formed
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import CloudUnauthorized, CloudUnavailable

PROJECT_LOOK_SECONDS = 20.0
PER_PAGE = 50
MAX_PAGES = 20
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
    """The project that a token opens. An empty endpoint is Hetzner's own; a proxy of the environment is used. Raises
    CloudError, also when what is done with it takes longer than the limit."""
    _check_shape(token.get_secret_value())
    authorization = f"Bearer {token.get_secret_value()}"
    headers = {"Authorization": authorization, "User-Agent": labels.OPERATOR_NAME, **answers.UNCOMPRESSED}
    late = False
    try:
        async with (
            asyncio.timeout(limit_seconds),
            aiohttp.ClientSession(headers=headers, auto_decompress=False, trust_env=True) as session,
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
        item: Item = read(f"answer about {kind}", TypeAdapter(model), body.get(kind.removesuffix("s")))
        return item

    async def all(self, kind: str, model: type[Item], query: Mapping[str, str]) -> list[Item]:
        """All objects of a kind that fit the query. Raises CloudError."""
        items: list[Item] = []
        for page in range(1, MAX_PAGES + 1):
            body = await self._get(kind, {**query, "page": str(page), "per_page": str(PER_PAGE)})
            items += read(f"list of {kind}", TypeAdapter(list[model]), body.get(kind))  # type: ignore[valid-type]
            if read(f"list of {kind}", TypeAdapter(_Page), body).meta.pagination.next_page is None:
                return items
        raise CloudUnavailable(f"the project has more than {MAX_PAGES * PER_PAGE} {kind}")

    async def _get(self, path: str, query: Mapping[str, str]) -> Object:
        """The JSON of one answer. A redirect is not followed: the token is for this endpoint alone."""
        try:
            async with self._session.get(f"{self._endpoint}/{path}", params=query, allow_redirects=False) as response:
                content = await self._talk.body(response.headers, response.content.iter_any())
                return accept(path, response.status, response.headers, json_object(content), self._clock())
        except (aiohttp.ClientError, OSError) as error:
            reason = f"did not answer ({type(error).__name__}: {error})"
        except answers.Unusable as error:
            reason = f"sends {error}"
        # Raised here, since some of those errors hold the request with its headers and would come along as context.
        raise CloudUnavailable(shorten(f"Hetzner's API {reason}"))
