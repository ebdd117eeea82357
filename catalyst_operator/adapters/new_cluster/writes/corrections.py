"""Has the new cluster's Flux follow another commit or folder, as the identity that may do that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster.remote import Connect
from catalyst_operator.adapters.new_cluster.watched_cluster import KUSTOMIZATIONS
from catalyst_operator.core.access import seeds
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.access.source import CorrectionReport, Followed
from catalyst_operator.core.errors import codes
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, SOURCE, kit_name
from catalyst_operator.errors import ApiError, NotFound, Refused

GIT_REPOSITORIES = Kind("source.toolkit.fluxcd.io/v1", "gitrepositories")


async def correct(
    connect: Connect,
    access: Callable[[], Awaitable[Access]],
    *,
    followed: Followed,
    fqdn: str,
    clock: Callable[[], datetime],
) -> CorrectionReport:
    """Both objects; what is as it should be already stays so. Never raises ApiError."""
    source = _spec(followed)
    try:
        async with connect(await access()) as remote:
            await remote.merge(GIT_REPOSITORIES, FLUX_NAMESPACE, SOURCE, {"spec": source})
            await remote.merge(KUSTOMIZATIONS, FLUX_NAMESPACE, kit_name(fqdn), {"spec": {"path": followed.path}})
    except NotFound:
        # Somebody removed one of them a moment ago, or a hand-off has removed the authorities: the next look tells.
        return CorrectionReport(followed.key, clock())
    except ApiError as error:
        code = codes.REMOTE_UNAUTHORIZED if isinstance(error, Refused) else codes.API_UNREACHABLE
        told = f"The corrected spec.gitops could not be carried to the new cluster: {error}"
        return CorrectionReport(followed.key, clock(), code.entry(told))
    return CorrectionReport(followed.key, clock())


def _spec(followed: Followed) -> dict[str, Any]:
    """As a merge patch: what is not wanted any more is taken out, since Flux prefers a commit to a tag, and a tag to a
    branch."""
    keys = {"name": seeds.GIT_KEYS}
    return {
        "url": followed.url,
        "ref": {name: value or None for name, value in asdict(followed.ref).items()},
        "secretRef": {"name": followed.secret} if followed.secret else None,
        "verify": {"mode": followed.verify, "secretRef": keys} if followed.verify else None,
    }
