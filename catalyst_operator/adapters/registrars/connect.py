"""Which adapter belongs to which vendor, and which keys of a Secret it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import httpx
from pydantic import SecretStr

from catalyst_operator.adapters.registrars import cloudflare, dynadot, godaddy, namecheap, ovh
from catalyst_operator.adapters.registrars.http import VENDOR_SECONDS, Api, Pause
from catalyst_operator.adapters.registrars.registrar import Registrar
from catalyst_operator.adapters.registrars.vendor import Credentials, KeySet, Vendor, key_set
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.clock import Clock, now
from catalyst_operator.errors import RegistrarCredentialsIncomplete, RegistrarUnauthorized

VENDORS: Mapping[RegistrarName, Vendor] = {
    RegistrarName.CLOUDFLARE: cloudflare.VENDOR,
    RegistrarName.DYNADOT: dynadot.VENDOR,
    RegistrarName.GODADDY: godaddy.VENDOR,
    RegistrarName.NAMECHEAP: namecheap.VENDOR,
    RegistrarName.OVH: ovh.VENDOR,
}


def connect(
    name: RegistrarName,
    credentials: Mapping[str, SecretStr],
    *,
    client: httpx.AsyncClient,
    endpoint: str = "",
    clock: Clock = now,
    limit_seconds: float = VENDOR_SECONDS,
    pause: Pause = asyncio.sleep,
) -> Registrar:
    """An adapter for one account. `credentials` is what the Secret holds, as text; an empty endpoint is the vendor's
    own. Asks nobody. Raises RegistrarCredentialsIncomplete, or RegistrarUnauthorized for a value that cannot be
    one."""
    vendor = VENDORS[name]
    chosen = _chosen(vendor, credentials)
    base = endpoint or vendor.endpoint
    hidden = [value.get_secret_value().strip() for value in credentials.values()]
    api = Api(vendor.title, base, client, clock=clock, limit_seconds=limit_seconds, pause=pause, hidden=hidden)
    return vendor.adapter(chosen, api)


def keys_of(name: RegistrarName) -> tuple[KeySet, ...]:
    """The keys that the Secret needs: one set for each way to authenticate, the preferred one first."""
    return tuple(key_set(way) for way in VENDORS[name].credentials)


def _chosen(vendor: Vendor, given: Mapping[str, SecretStr]) -> Credentials:
    """A value is taken without the white space around it: a newline at its end is the usual slip."""
    values = {key: value.get_secret_value().strip() for key, value in given.items()}
    present = {key: value for key, value in values.items() if value}
    lacking = [(_lacking(way, present), way) for way in vendor.credentials]
    for missing, way in lacking:
        if not missing:
            return _made(vendor, way, present)
    raise _incomplete(vendor, min((missing for missing, _ in lacking), key=len))


def _lacking(way: type[Credentials], present: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(key for key in key_set(way).required if key not in present)


def _made(vendor: Vendor, way: type[Credentials], present: Mapping[str, str]) -> Credentials:
    keys = key_set(way)
    taken = {key: present[key] for key in (*keys.required, *keys.optional) if key in present}
    if odd := [key for key, value in taken.items() if not (value.isascii() and value.isprintable())]:
        raise RegistrarUnauthorized(
            f"{_and(odd)} in the Secret holds characters that no credential of {vendor.title} has",
            "Set it to the value alone, without quotes, line breaks or text around it.",
        )
    return way.model_validate({key: SecretStr(value) for key, value in taken.items()})


def _incomplete(vendor: Vendor, missing: tuple[str, ...]) -> RegistrarCredentialsIncomplete:
    ways = " or ".join(_and(key_set(way).required) for way in vendor.credentials)
    return RegistrarCredentialsIncomplete(
        f"the Secret has no value for {_and(missing)}",
        missing,
        f"Put {vendor.title}'s credentials into the Secret: {ways}. docs/domains.md says where they come from.",
    )


def _and(keys: Sequence[str]) -> str:
    """The keys as a list for people."""
    return " and ".join(filter(None, (", ".join(keys[:-1]), keys[-1])))
