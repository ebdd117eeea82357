"""Cloudflare: NS records for a child in a zone that Cloudflare serves.

No API of Cloudflare changes the name servers of a registered domain: its Registrar keeps to Cloudflare's own, and
for a domain that is registered elsewhere they are set there. So only children are delegated, in one batch that is
carried out as a whole or not at all. Records that the delegation would hide are never touched: they are a reason to
refuse.

Written after developers.cloudflare.com/api (List Zones, List and Batch DNS Records, both Verify Token), the pages
"Batch record changes", "Delegate subdomains" and "Rate limits", and the Registrar's "Transfer your domain to
Cloudflare". No document has the codes of errors; those below are from issues of programs that use the API,
and a code that is not among them is told in Cloudflare's own words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from catalyst_operator.adapters.registrars.cloudflare_zone import (
    CloudflareRecord,
    CloudflareZone,
    Place,
    check_child,
    check_signed,
    check_zone,
)
from catalyst_operator.adapters.registrars.http import Api, HttpAnswer, Parts
from catalyst_operator.adapters.registrars.nameservers import DELEGATION_TTL, check_hidden, tidy
from catalyst_operator.adapters.registrars.vendor import Credentials, Vendor, secret
from catalyst_operator.api.labels import OPERATOR_NAME
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import (
    RegistrarCredentialsIncomplete,
    RegistrarError,
    RegistrarForbidden,
    RegistrarRefused,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)

COMMENT = f"Delegation by {OPERATOR_NAME}"
CLOUDFLARE_PER_PAGE, CLOUDFLARE_MAX_PAGES = 100, 50
ACCOUNT_TOKEN_PREFIX, USER_TOKEN_PREFIX = "cfat_", "cfut_"
"""Older tokens have neither."""

NAME_TAKEN = {81053, 81054, 81056}
"""Another record stands at the name and cannot stand beside NS records."""
CHANGED_MEANWHILE = {81044, 81057, 81058}
"""A record is gone that was to be deleted, or there already that was to be created."""

NOT_FOR_THE_API = {1038}
"""Domains under .cf, .ga, .gq, .ml and .tk are changed in the dashboard alone."""
RIGHT_MISSING = {9109, 10000}
"""Also said of a token that is unknown."""
REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
NO_TOKEN = {1000, 6003, *RIGHT_MISSING}
"""What is said of a token that is unknown, or has not the form of one, with whatever HTTP status."""
TOO_MANY = {971, 10100}
"""What comes with HTTP 429, and now and then with another status."""

RIGHTS = "Zone / Zone / Read and Zone / DNS / Edit"
NEW_TOKEN = (
    f"Create an API token in Cloudflare's dashboard with the permissions {RIGHTS} for the zone, without a restriction "
    "to addresses that the operator does not have, and put it into the Secret as api-token; for a token that belongs "
    "to an account, put the account's ID there as account-id."
)

Item = TypeVar("Item", bound=BaseModel)


class CloudflareCredentials(Credentials):
    """An API token. One that belongs to an account, not to a user, is verified with the account's ID."""

    api_token: SecretStr
    account_id: SecretStr = SecretStr("")


class _Problem(BaseModel):
    code: int
    message: str = ""


class _Envelope(BaseModel):
    success: bool
    errors: tuple[_Problem, ...] | None = None
    result: Any = None

    @property
    def codes(self) -> set[int]:
        """The numbers of its errors."""
        return {problem.code for problem in self.errors or ()}

    @property
    def said(self) -> str:
        """Its errors in Cloudflare's words, each with its number."""
        return "; ".join(f"{problem.message or 'no reason'} (code {problem.code})" for problem in self.errors or ())


class _Pages(BaseModel):
    total_pages: int = 1


class Cloudflare:
    """One token's access."""

    def __init__(self, credentials: CloudflareCredentials, api: Api) -> None:
        self._account = secret(credentials.account_id)
        self._token = secret(credentials.api_token)
        self._api = api

    async def validate(self, domain: Domain) -> None:
        """See Registrar. Whether the token may write, reading does not tell."""
        check_child(domain)
        await self._verify()
        place = await self._place(domain)
        if not place.delegation:
            check_hidden(domain, (), place.rest, VENDOR.title)

    async def get(self, domain: Domain) -> RegistrarView:
        """See Registrar."""
        if domain.is_registered:
            zone = await self._zone(domain)
            return RegistrarView(tidy(zone.name_servers or ()))
        return RegistrarView((await self._place(domain)).hosts)

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        """See Registrar."""
        check_child(domain)
        wanted = tidy(hosts)
        place = await self._place(domain)
        if place.hosts == wanted:
            return
        if wanted:
            check_signed(domain, place)
        if not place.delegation:
            check_hidden(domain, wanted, place.rest, VENDOR.title)
        await self._batch(domain, place, wanted)

    async def _batch(self, domain: Domain, place: Place, wanted: Sequence[str]) -> None:
        kept = {host: record for record in place.delegation for host in tidy([record.content]) if host in wanted}
        stays = {record.id for record in kept.values()}
        new = {"type": "NS", "name": domain.name, "ttl": DELEGATION_TTL, "comment": COMMENT}
        changes = {
            "deletes": [{"id": record.id} for record in place.delegation if record.id not in stays],
            "posts": [{**new, "content": host} for host in wanted if host not in kept],
        }
        parts = Parts(json=changes, headers=self._headers())
        answer = await self._api.change("POST", f"/zones/{place.zone.id}/dns_records/batch", **parts)
        await self._accept(answer)

    async def _verify(self) -> None:
        """Ask whether the token works, at the address that its kind has. Raises RegistrarUnauthorized."""
        if self._token.startswith(ACCOUNT_TOKEN_PREFIX) and not self._account:
            raise RegistrarCredentialsIncomplete(
                "the Secret has no value for account-id, which a token that belongs to an account needs",
                ("account-id",),
                "Put the account's ID into the Secret as account-id; the overview of the account in Cloudflare's "
                "dashboard shows it.",
            )
        if self._account and not re.fullmatch(r"[0-9a-f]{32}", self._account):
            raise RegistrarUnauthorized("account-id in the Secret is not 32 hexadecimal digits", NEW_TOKEN)
        said = ""
        for owner in self._owners():
            answer = await self._api.read("GET", f"/{owner}/tokens/verify", headers=self._headers())
            envelope = self._understood(answer)
            if envelope.success:
                return _check_active(envelope)
            if answer.status not in REFUSED and not envelope.codes & NO_TOKEN:
                raise self._api.unclear("does not verify the token", envelope.said)
            said = said or envelope.said
        raise RegistrarUnauthorized(self._api.quoting("Cloudflare does not accept the token", said), NEW_TOKEN)

    def _owners(self) -> tuple[str, ...]:
        """Where the token may be known: that an account's ID is given does not make it a token of the account."""
        if not self._account or self._token.startswith(USER_TOKEN_PREFIX):
            return ("user",)
        account = f"accounts/{self._account}"
        return (account,) if self._token.startswith(ACCOUNT_TOKEN_PREFIX) else (account, "user")

    async def _zone(self, domain: Domain) -> CloudflareZone:
        """The zone that serves the domain: the closest one above a child. Raises RegistrarRefused without one."""
        names = [domain.registered]
        for label in reversed(domain.label.split(".")[1:]):
            names.insert(0, f"{label}.{names[0]}")
        for name in names:
            query = {"name": name} | ({"account.id": self._account} if self._account else {})
            zones = [zone for zone in await self._list("/zones", CloudflareZone, query) if zone.name == name]
            if zones:
                return min(zones, key=lambda zone: zone.status != "active")
        raise RegistrarRefused(
            f"the token sees no zone {domain.registered} in Cloudflare",
            f"Give the token the permissions {RIGHTS} for this zone. If Cloudflare does not serve it, set "
            "domain.registrar to where it is registered, or domain.mode to byo-manual.",
        )

    async def _place(self, domain: Domain) -> Place:
        zone = await self._zone(domain)
        check_zone(zone)
        path, query = f"/zones/{zone.id}/dns_records", {"name.endswith": domain.name}
        found = await self._list(path, CloudflareRecord, query)
        here = [record for record in found if record.name == domain.name or record.name.endswith(f".{domain.name}")]
        delegation = tuple(record for record in here if record.name == domain.name and record.type == "NS")
        return Place(zone, delegation, tuple(record for record in here if record not in delegation))

    async def _list(self, path: str, model: type[Item], query: dict[str, str]) -> list[Item]:
        items: list[Item] = []
        for page in range(1, CLOUDFLARE_MAX_PAGES + 1):
            size = str(min(CLOUDFLARE_PER_PAGE, 50 if model is CloudflareZone else CLOUDFLARE_PER_PAGE))
            parts = Parts(params={**query, "page": str(page), "per_page": size}, headers=self._headers())
            answer = await self._api.read("GET", path, **parts)
            envelope = await self._accept(answer)
            items += self._parsed(model, envelope.result)
            if page >= self._pages(answer):
                return items
        raise self._api.unclear(f"lists more than {CLOUDFLARE_MAX_PAGES} pages")

    def _parsed(self, model: type[Item], result: Any) -> list[Item]:
        try:
            return TypeAdapter(list[model]).validate_python(result)  # type: ignore[valid-type]
        except ValidationError:
            reason = "answered with a list that is not as documented"
        raise self._api.unclear(reason)

    def _pages(self, answer: HttpAnswer) -> int:
        info = answer.json().get("result_info")
        try:
            return _Pages.model_validate(info or {}).total_pages
        except ValidationError:
            reason = "answered without a number of pages"
        raise self._api.unclear(reason)

    async def _accept(self, answer: HttpAnswer) -> _Envelope:
        """The envelope of a success. Raises what the answer means otherwise."""
        envelope = self._understood(answer)
        if envelope.success and answer.ok:
            return envelope
        raise await self._refusal(answer, envelope)

    def _understood(self, answer: HttpAnswer) -> _Envelope:
        """What an answer holds, refusals as well. Raises what one means that is not as documented."""
        try:
            envelope = _Envelope.model_validate(answer.json())
        except ValidationError:
            reason = f"answered with HTTP status {answer.status} and no JSON of its own"
        else:
            if envelope.codes & TOO_MANY:
                raise self._api.limited()
            return envelope
        if answer.status == HTTPStatus.UNAUTHORIZED and isinstance(answer.json(), dict):
            raise RegistrarUnauthorized("Cloudflare does not accept the token", NEW_TOKEN)
        raise self._api.unclear(reason)

    async def _refusal(self, answer: HttpAnswer, envelope: _Envelope) -> RegistrarError:
        codes, said = envelope.codes, envelope.said
        if codes & NOT_FOR_THE_API:
            return RegistrarRefused(
                self._api.quoting("Cloudflare lets nobody change this domain through its API", said),
                "Add the NS records in Cloudflare's dashboard, and set domain.mode to byo-manual.",
            )
        if answer.status in REFUSED:
            # The same code stands for a token that is unknown and for one that lacks a right; verifying it tells.
            await self._verify()
        if codes & RIGHT_MISSING:
            return RegistrarForbidden(
                self._api.quoting("the token is valid, but Cloudflare does not let it do this", said),
                f"Give the token the permissions {RIGHTS} for this zone.",
            )
        if 6003 in codes:
            return RegistrarUnauthorized("the token has not the form of a token", NEW_TOKEN)
        if codes & NAME_TAKEN:
            return RegistrarRefused(
                "another record of that name stands in the way of the delegation",
                "Remove the record in Cloudflare's dashboard, or use another name.",
            )
        if codes & CHANGED_MEANWHILE:
            return RegistrarUnavailable("the zone's records changed while they were looked at")
        return RegistrarRefused(
            self._api.quoting(f"Cloudflare refuses the request with HTTP status {answer.status}", said),
            "Look up the code in Cloudflare's documentation, or set domain.mode to byo-manual.",
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def _check_active(verified: _Envelope) -> None:
    """Raises RegistrarUnauthorized for a token that is known, but over."""
    status = verified.result.get("status") if isinstance(verified.result, dict) else None
    if status != "active":
        known = status if status in ("disabled", "expired") else "not active"
        raise RegistrarUnauthorized(f"the token is {known}", NEW_TOKEN)


VENDOR = Vendor("Cloudflare", "https://api.cloudflare.com/client/v4", (CloudflareCredentials,), Cloudflare)
