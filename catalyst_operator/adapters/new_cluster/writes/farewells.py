"""Gives up the operator's rights on a new cluster, and looks whether they are gone: the proof of a hand-off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster.remote import Connect
from catalyst_operator.clock import Clock
from catalyst_operator.core.access import transfer
from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.identity import NODE_REMOVER, OBSERVER, SEEDER, Access
from catalyst_operator.core.errors import codes
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.errors import ApiError, NotFound, Refused, TooMuch, Unavailable, Untrusted

CLUSTER_ROLE_BINDINGS = Kind("rbac.authorization.k8s.io/v1", "clusterrolebindings", namespaced=False)
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io/v1", "rolebindings")
SEEDED = (FLUX_NAMESPACE, transfer.NAMESPACE)
"""Namespaces in which the seeder may fill Secrets; clusters that are older than the second know only the first."""
HELM_RELEASES = Kind("helm.toolkit.fluxcd.io/v2", "helmreleases")


async def give_up(
    connect: Connect, access: Callable[[str], Awaitable[Access]], *, key: str, clock: Clock
) -> FarewellReport:
    """Each identity takes away its own rights, and then asks for what it could see or change before. `access` mints for
    a user. Whatever was refused already stays refused, so it may be repeated; never raises ApiError."""
    try:
        seeder, remover, observer = await access(SEEDER), await access(NODE_REMOVER), await access(OBSERVER)
    except ApiError as error:
        return FarewellReport(key, clock(), False, message=str(error))
    try:
        async with connect(seeder) as remote:
            for namespace in SEEDED:
                await _forbidden(remote.delete(ROLE_BINDINGS, namespace, SEEDER))
            looks = [await _forbidden(remote.get(ROLE_BINDINGS, namespace, SEEDER)) for namespace in SEEDED]
        async with connect(remover) as remote:
            await _forbidden(remote.delete(CLUSTER_ROLE_BINDINGS, "", NODE_REMOVER))
            remover_refused = await _forbidden(remote.get(CLUSTER_ROLE_BINDINGS, "", NODE_REMOVER))
        async with connect(observer) as remote:
            await _forbidden(remote.delete(CLUSTER_ROLE_BINDINGS, "", OBSERVER))
            observer_refused = await _forbidden(remote.may_list(HELM_RELEASES, FLUX_NAMESPACE))
    except ApiError as error:
        return FarewellReport(key, clock(), False, message=str(error), error=_in_the_way(error))
    until = min(seeder.expires, remover.expires, observer.expires)
    if not (all(looks) and remover_refused and observer_refused):
        return FarewellReport(key, clock(), False, until, "the API server still accepts the certificates")
    return FarewellReport(key, clock(), True, until)


def _in_the_way(error: ApiError) -> ErrorEntry | None:
    """Of an answer that did not come from the new cluster. What it answers itself is told as it is."""
    told = f"The new cluster cannot be asked whether it refuses the operator: {error}"
    if isinstance(error, Untrusted):
        return codes.REMOTE_UNTRUSTED.entry(told)
    if isinstance(error, TooMuch):
        return codes.REMOTE_TOO_BIG.entry(told)
    return codes.API_UNREACHABLE.entry(told) if isinstance(error, Unavailable) else None


async def _forbidden(request: Awaitable[object]) -> bool:
    """Whether the right to ask this is gone. That something is not there says that the right to look is. A refusal of
    any other kind, such as a 401 of an API server that does not know its own certificates, proves nothing and is raised
    as it is."""
    try:
        await request
    except Refused as refused:
        if refused.status != HTTPStatus.FORBIDDEN:
            raise
        return True
    except NotFound:
        return False
    return False
