"""Gives a new cluster the state of its own servers, as the identity that may fill named Secrets and nothing else.

Why: docs/decisions/0069-state-for-crossplane.md
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.new_cluster.remote import Connect, RemoteCluster
from catalyst_operator.adapters.secrets import encoded
from catalyst_operator.clock import Clock
from catalyst_operator.core import naming
from catalyst_operator.core.access import transfer
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.core.errors import codes
from catalyst_operator.core.manifests import packed_state
from catalyst_operator.core.tofu import encryption
from catalyst_operator.errors import ApiError, CatalystError, NotFound, Refused, TofuError, TofuTimeout

KEY_BYTES = 32
Seal = Callable[[bytes, str, str], Awaitable[bytes]]
"""`Sealing.sealed_anew`, in the turn of whose cluster it is."""


@dataclass(frozen=True)
class Estate:
    """What is given away: the state as it lies in its Secret, what opens it, the module's inputs as JSON."""

    state: bytes
    key: str
    inputs: str
    git_login: str = ""
    """How the module is fetched, where that takes a login."""


async def give(
    connect: Connect,
    access: Callable[[], Awaitable[Access]],
    seal: Seal,
    estate: Callable[[], Awaitable[Estate]],
    *,
    key: str,
    clock: Clock,
    timeouts: int = 0,
) -> TransferReport:
    """Once: what was given is left alone, since its Crossplane may have gone on with it. The new key is made here, and
    kept nowhere else. `timeouts`: of the attempts before, in a row. Never raises ApiError."""
    try:
        given, minted = await estate(), await access()
    except CatalystError as error:
        told = f"What the new cluster is to be given cannot be read: {error}"
        return TransferReport(key, clock(), error=codes.STATE_TRANSFER.entry(told))
    try:
        async with connect(minted) as remote:
            if not await _is_filled(remote):
                own_key = encryption.key_text(secrets.token_bytes(KEY_BYTES))
                await _fill(remote, await seal(given.state, given.key, own_key), own_key, given)
    except TofuTimeout as error:
        return TransferReport(key, clock(), error=codes.STATE_TRANSFER.entry(str(error)), timeouts=timeouts + 1)
    except TofuError as error:
        return TransferReport(key, clock(), error=codes.STATE_TRANSFER.entry(str(error)))
    except ApiError as error:
        return _not_done(key, clock, error)
    return TransferReport(key, clock(), done=True)


async def _is_filled(remote: RemoteCluster) -> bool:
    """The identity may not read: a patch that only compares tells."""
    try:
        await remote.patch(kube.SECRETS, transfer.NAMESPACE, transfer.ADOPTION, [_marked(transfer.FILLED)])
    except Refused as refused:
        if refused.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return False
    return True


async def _fill(remote: RemoteCluster, sealed: bytes, own_key: str, given: Estate) -> None:
    state = {"data": {"tfstate": packed_state(sealed)}}
    await remote.merge(kube.SECRETS, transfer.NAMESPACE, naming.STATE_SECRET, state)
    texts = {transfer.KEY: own_key, transfer.INPUTS: given.inputs, transfer.GIT_LOGIN: given.git_login}
    data = {key: encoded(text) for key, text in texts.items() if text}
    filled = {"op": "replace", "path": _MARK_PATH, "value": transfer.FILLED}
    operations = [_marked(transfer.EMPTY), filled, {"op": "add", "path": "/data", "value": data}]
    await remote.patch(kube.SECRETS, transfer.NAMESPACE, transfer.ADOPTION, operations)


_MARK_PATH = f"/metadata/annotations/{transfer.MARK.replace('/', '~1')}"


def _marked(value: str) -> kube.Object:
    return {"op": "test", "path": _MARK_PATH, "value": value}


def _not_done(key: str, clock: Clock, error: ApiError) -> TransferReport:
    if isinstance(error, NotFound):
        return TransferReport(key, clock(), impossible=_NO_PLACE)
    if error.status == HTTPStatus.FORBIDDEN:
        # Rights can come later: in the first moments of an API server, or from a person.
        told = f"The new cluster does not let the operator fill its Secrets {_PLACE}: {error}"
        return TransferReport(key, clock(), error=codes.STATE_TRANSFER.entry(told, remedy=_GIVE_RIGHTS))
    told = f"The OpenTofu state could not be given to the new cluster: {error}"
    if isinstance(error, Refused):
        return TransferReport(key, clock(), error=codes.STATE_TRANSFER.entry(told))
    return TransferReport(key, clock(), error=codes.API_UNREACHABLE.entry(told))


_PLACE = f"{transfer.NAMESPACE}/{transfer.ADOPTION} and {naming.STATE_SECRET}"
_NO_PLACE = f"it has no Secrets {_PLACE} that the operator could fill"
_GIVE_RIGHTS = (
    "It is tried again by itself. If it does not pass, give back the rights that first boot made: on the first control "
    "plane they are in /etc/catalyst/manifests/40-adoption.yaml. For a cluster without that file, see the chapter."
)
