"""A look at a Hetzner Cloud project before anything is spent there. It only ever reads: OpenTofu alone changes things.

A look costs about seven of the 3,600 requests that a project has an hour, and shares them with OpenTofu.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
from pydantic import AwareDatetime, BaseModel, SecretStr, TypeAdapter, ValidationError

from catalyst_operator.api import labels
from catalyst_operator.clock import Clock, now
from catalyst_operator.core.project import ssh_keys
from catalyst_operator.core.project.hetzner import ENDPOINT, TOKEN_LENGTH, well_formed
from catalyst_operator.core.project.preflight import CloudObject, CloudView, SizeOffer, Wanted
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import CloudRateLimited, CloudUnauthorized, CloudUnavailable

PROJECT_LOOK_SECONDS = 20.0
PER_PAGE = 50
MAX_PAGES = 20
REFILL_PATIENCE = timedelta(minutes=10)
"""The limit refills evenly, and RateLimit-Reset says when it is full. Enough for a look and a run is there sooner."""

SERVER_TYPES, SSH_KEYS = "server_types", "ssh_keys"
REFUSALS = {
    "unauthorized": "it is not known there, or was revoked",
    "forbidden": "it may not read the project",
}
"""The codes by which the API itself refuses a token, and what they mean; a proxy's 401 or 403 has none of them."""

Object = dict[str, Any]
Item = TypeVar("Item", bound=BaseModel)


class _Deprecation(BaseModel):
    unavailable_after: AwareDatetime


class _Offer(BaseModel):
    name: str
    available: bool = True
    deprecation: _Deprecation | None = None


class _ServerType(BaseModel):
    name: str
    architecture: str
    locations: tuple[_Offer, ...]


class _Pagination(BaseModel):
    next_page: int | None


class _Meta(BaseModel):
    pagination: _Pagination


class _Page(BaseModel):
    meta: _Meta


class _Object(BaseModel):
    id: int
    name: str
    labels: Mapping[str, str] = {}
    fingerprint: str = ""
    """Only an SSH key has one."""


async def look(
    endpoint: str,
    token: SecretStr,
    wanted: Wanted,
    *,
    clock: Clock = now,
    limit_seconds: float = PROJECT_LOOK_SECONDS,
) -> CloudView:
    """What the project says about `wanted`. An empty endpoint is Hetzner's own. Raises CloudError."""
    _check_shape(token.get_secret_value())
    headers = {"Authorization": f"Bearer {token.get_secret_value()}", "User-Agent": labels.OPERATOR_NAME}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_seconds), aiohttp.ClientSession(headers=headers) as session:
            return await _Project(session, endpoint or ENDPOINT, clock).view(wanted)
    raise CloudUnavailable(f"Hetzner's API did not answer within {limit_seconds:g} s")


def _check_shape(token: str) -> None:
    """What has another shape is refused by OpenTofu's provider as well, and need not be sent to anyone."""
    if len(token) != TOKEN_LENGTH:
        raise CloudUnauthorized(f"it has {len(token)} characters instead of {TOKEN_LENGTH}")
    if not well_formed(token):
        raise CloudUnauthorized("it has other characters than letters and digits")


class _Project:
    """One project, through one session."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, clock: Clock) -> None:
        self._session = session
        self._endpoint = endpoint.rstrip("/")
        self._clock = clock

    async def view(self, wanted: Wanted) -> CloudView:
        """All lists at the same time; the first error ends the others."""
        kinds = [kind for kind, names in wanted.names.items() if names]
        try:
            async with asyncio.TaskGroup() as group:
                types = group.create_task(self._list(SERVER_TYPES, _ServerType, {}))
                found = {
                    kind: group.create_task(self._list(kind, _Object, _query(kind, wanted.names[kind])))
                    for kind in kinds
                }
        except ExceptionGroup as failed:
            error = failed.exceptions[0]
        else:
            return self._view(wanted, types.result(), {kind: task.result() for kind, task in found.items()})
        raise error

    def _view(self, wanted: Wanted, types: list[_ServerType], found: Mapping[str, list[_Object]]) -> CloudView:
        marks = {ssh_keys.fingerprint(key) for key in wanted.ssh_public_keys}
        named = ((kind, item) for kind, items in found.items() for item in items if item.name in wanted.names[kind])
        return CloudView(
            offers={item.name: {offer.name: self._offer(offer) for offer in item.locations} for item in types},
            architectures={item.name: item.architecture for item in types},
            objects=tuple(_object(kind, item) for kind, item in named),
            keys={
                item.fingerprint: _object(SSH_KEYS, item)
                for item in found.get(SSH_KEYS, ())
                if item.fingerprint in marks
            },
        )

    def _offer(self, offer: _Offer) -> SizeOffer:
        gone = offer.deprecation is not None and offer.deprecation.unavailable_after <= self._clock()
        return SizeOffer(available=offer.available, retired=gone)

    async def _list(self, kind: str, model: type[Item], query: Mapping[str, str]) -> list[Item]:
        items: list[Item] = []
        for page in range(1, MAX_PAGES + 1):
            body = await self._get(kind, {**query, "page": str(page), "per_page": str(PER_PAGE)})
            found, is_last = _parsed(kind, model, body)
            items += found
            if is_last:
                return items
        raise CloudUnavailable(f"the project has more than {MAX_PAGES * PER_PAGE} {kind}")

    async def _get(self, kind: str, query: Mapping[str, str]) -> Object:
        """The JSON of one page. A redirect is not followed: the token is for this endpoint alone."""
        try:
            async with self._session.get(f"{self._endpoint}/{kind}", params=query, allow_redirects=False) as response:
                return self._accept(response, _json(await response.read()))
        except (aiohttp.ClientError, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
        # Raised here, since some of those errors hold the request with its headers and would come along as context.
        raise CloudUnavailable(shorten(f"Hetzner's API did not answer ({reason})"))

    def _accept(self, response: aiohttp.ClientResponse, body: Object) -> Object:
        """The body of a success. Nothing else that was answered is passed on: an echo could hold the token."""
        if response.status == HTTPStatus.OK:
            return body
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise CloudRateLimited(self._until(response.headers.get("RateLimit-Reset", "")))
        if refusal := REFUSALS.get(_code(body)):
            raise CloudUnauthorized(refusal)
        raise CloudUnavailable(f"Hetzner's API answered with HTTP status {response.status}")

    def _until(self, reset: str) -> datetime:
        now, patience = self._clock(), REFILL_PATIENCE.total_seconds()
        wait = float(reset) - now.timestamp() if reset.isdecimal() else patience
        return now + timedelta(seconds=min(max(wait, 1.0), patience))


def _query(kind: str, names: Sequence[str]) -> dict[str, str]:
    """One name can be asked for by name; of several, and of keys in other names, only the list tells."""
    return {"name": names[0]} if len(names) == 1 and kind != SSH_KEYS else {}


def _object(kind: str, item: _Object) -> CloudObject:
    owner = [item.labels.get(name, "") for name in (labels.LABEL_SOVEREIGN_NAMESPACE, labels.LABEL_SOVEREIGN)]
    return CloudObject(
        kind=kind,
        id=item.id,
        name=item.name,
        uid=item.labels.get(labels.LABEL_SOVEREIGN_UID, ""),
        sovereign="/".join(owner) if all(owner) else "",
    )


def _parsed(kind: str, model: type[Item], body: Object) -> tuple[list[Item], bool]:
    """The items of a page, and whether it is the last. Raises CloudUnavailable for what is not as documented: a guess
    could say that something is missing which is there."""
    try:
        items = TypeAdapter(list[model]).validate_python(body.get(kind))  # type: ignore[valid-type]
        return items, _Page.model_validate(body).meta.pagination.next_page is None
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]
    where = ".".join(map(str, reason["loc"]))
    raise CloudUnavailable(shorten(f"Hetzner's list of {kind} cannot be read ({where}: {reason['msg']})"))


def _json(content: bytes) -> Object:
    """The object that an answer holds; an empty one if it holds something else, as a proxy's page does."""
    try:
        body = json.loads(content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _code(body: Object) -> str:
    error = body.get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""
