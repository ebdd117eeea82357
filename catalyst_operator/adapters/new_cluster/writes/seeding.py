"""Fills the Secrets that a new cluster was born with, as the identity that may do that and nothing else.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from catalyst_operator.adapters import kube, secrets
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.new_cluster.remote import Connect
from catalyst_operator.clock import Clock
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.access.seeds import Seed, SeedReport, delivered
from catalyst_operator.core.errors import codes
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE
from catalyst_operator.errors import ApiError, NotFound, Refused, TooMuch


async def deliver(
    client: Kube,
    connect: Connect,
    access: Callable[[], Awaitable[Access]],
    *,
    namespace: str,
    seeds: Iterable[Seed],
    key: str,
    clock: Clock,
) -> SeedReport:
    """Copy the owner's Secrets in `namespace` to where the new cluster expects them. What was delivered before
    something failed is in the report; never raises ApiError."""
    seeded: dict[str, str] = {}
    try:
        async with connect(await access()) as remote:
            for seed in seeds:
                secret = await client.get(kube.SECRETS, namespace, seed.source)
                wanted = {name: secrets.encoded(text) for name, text in delivered(seed, secrets.texts(secret)).items()}
                try:
                    await remote.merge(kube.SECRETS, FLUX_NAMESPACE, seed.target, {"data": wanted})
                except NotFound:
                    return SeedReport(key, clock(), seeded, absent=seed.target)
                seeded[seed.target] = kube.version_of(secret)
    except NotFound:
        # The owner took a Secret away a moment ago, or a hand-off has removed the authorities.
        return SeedReport(key, clock(), seeded)
    except ApiError as error:
        return SeedReport(key, clock(), seeded, _code(error).entry(f"A Secret could not be delivered: {error}"))
    return SeedReport(key, clock(), seeded)


def _code(error: ApiError) -> codes.Code:
    if isinstance(error, TooMuch):
        return codes.REMOTE_TOO_BIG
    return codes.REMOTE_UNAUTHORIZED if isinstance(error, Refused) else codes.API_UNREACHABLE
