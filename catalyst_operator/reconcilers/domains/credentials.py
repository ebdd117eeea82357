"""The registrar's Secret: whose it may be, and where it is read.

A reservation names a Secret in another namespace, and the operator may read all of them. So that nobody has it read, or
use, what is not theirs, it reads a Secret only for the Sovereign that is reserved for and that names it itself; without
a Sovereign, only in the operator's own namespace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr, ValidationError

from catalyst_operator.adapters import kube, secrets
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.api.domain_reservation import DomainReservation, ReservationRegistrar
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import naming
from catalyst_operator.core.domains.observation import RegistrarCredentials
from catalyst_operator.core.moving import identity


@dataclass(frozen=True)
class Found:
    """The Secret, if it may be read and is there."""

    credentials: RegistrarCredentials | None = None
    denied: str = ""
    content: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)


async def owner(client: Kube, reservation: DomainReservation) -> Sovereign | None:
    """The Sovereign that the reservation is for, if it exists and asks for this name."""
    reference = reservation.spec.sovereign_ref
    if reference is None:
        return None
    raw = await client.find(kube.SOVEREIGNS, reference.namespace, reference.name)
    if raw is None:
        return None
    try:
        found = Sovereign.parse(raw)
    except ValidationError:
        return None
    if found.spec.domain.fqdn != reservation.metadata.name or identity.claimed(found) != reference.uid:
        return None
    # What it claims needs no confirmation here: it is in the very place that the name is reserved for, and is only
    # asked for what its own namespace holds.
    return found.known_as(reference.uid)


async def find(client: Kube, reservation: DomainReservation, owned: Sovereign | None, own_namespace: str) -> Found:
    """The registrar's credentials. Raises ApiError when they could not be looked for."""
    registrar = reservation.spec.registrar
    if registrar is None:
        return Found()
    if denied := _denied(reservation, registrar, owned, own_namespace):
        return Found(denied=denied)
    reference = registrar.credentials_secret_ref
    secret = await client.find(kube.SECRETS, reference.namespace, reference.name)
    if secret is None and owned is not None:
        # What the owner's namespace took along when it was deleted, there still is a copy of.
        secret = await client.find(kube.SECRETS, own_namespace, naming.registrar_secret(owned.metadata.uid))
    return Found() if secret is None else _content(secret)


def _denied(
    reservation: DomainReservation, registrar: ReservationRegistrar, owned: Sovereign | None, own_namespace: str
) -> str:
    reference = registrar.credentials_secret_ref
    where = f"Secret {reference.namespace}/{reference.name}"
    if reservation.spec.sovereign_ref is None:
        if reference.namespace == own_namespace:
            return ""
        return f"{where} is not read: without a Sovereign, it has to be in the operator's namespace {own_namespace}."
    if owned is None:
        return f"{where} is not read: the Sovereign of spec.sovereignRef does not exist, or asks for another name."
    named = owned.spec.domain.registrar
    mine = (owned.metadata.namespace, named.credentials_secret_ref.name if named else "")
    if (reference.namespace, reference.name) == mine:
        return ""
    return f"{where} is not read: Sovereign {owned.metadata.namespace}/{owned.metadata.name} does not name it."


def _content(secret: Object) -> Found:
    content = {key: SecretStr(text) for key, text in secrets.texts(secret).items()}
    return Found(RegistrarCredentials(kube.version_of(secret)), content=content)
