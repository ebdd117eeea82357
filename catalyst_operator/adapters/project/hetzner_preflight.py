"""A look at a Hetzner Cloud project before anything is spent there. It only ever reads: OpenTofu alone changes things.

A look costs about seven of the 3,600 requests that a project has an hour, and shares them with OpenTofu.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from pydantic import AwareDatetime, BaseModel, SecretStr

from catalyst_operator.adapters.project.hetzner_api import PROJECT_LOOK_SECONDS, HetznerApi, opened
from catalyst_operator.api import labels
from catalyst_operator.clock import Clock, now
from catalyst_operator.core.project import ssh_keys
from catalyst_operator.core.project.preflight import CloudObject, CloudView, SizeOffer, Wanted

SERVER_TYPES, SSH_KEYS = "server_types", "ssh_keys"


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
    async with opened(endpoint, token, clock, limit_seconds) as project:
        types, found = await _lists(project, wanted)
    return _view(wanted, types, found, clock)


async def _lists(project: HetznerApi, wanted: Wanted) -> tuple[list[_ServerType], dict[str, list[_Object]]]:
    """All lists at the same time; the first error ends the others."""
    kinds = [kind for kind, names in wanted.names.items() if names]
    try:
        async with asyncio.TaskGroup() as group:
            types = group.create_task(project.all(SERVER_TYPES, _ServerType, {}))
            found = {
                kind: group.create_task(project.all(kind, _Object, _query(kind, wanted.names[kind]))) for kind in kinds
            }
    except ExceptionGroup as failed:
        error = failed.exceptions[0]
    else:
        return types.result(), {kind: task.result() for kind, task in found.items()}
    raise error


def _view(wanted: Wanted, types: list[_ServerType], found: Mapping[str, list[_Object]], clock: Clock) -> CloudView:
    marks = {ssh_keys.fingerprint(key) for key in wanted.ssh_public_keys}
    named = ((kind, item) for kind, items in found.items() for item in items if item.name in wanted.names[kind])
    return CloudView(
        offers={item.name: {offer.name: _offer(offer, clock) for offer in item.locations} for item in types},
        architectures={item.name: item.architecture for item in types},
        objects=tuple(_object(kind, item) for kind, item in named),
        keys={
            item.fingerprint: _object(SSH_KEYS, item) for item in found.get(SSH_KEYS, ()) if item.fingerprint in marks
        },
    )


def _offer(offer: _Offer, clock: Clock) -> SizeOffer:
    gone = offer.deprecation is not None and offer.deprecation.unavailable_after <= clock()
    return SizeOffer(available=offer.available, retired=gone)


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
