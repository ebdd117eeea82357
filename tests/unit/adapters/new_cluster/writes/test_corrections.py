"""What the new cluster follows is corrected by two patches and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster.writes.corrections import correct
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.access.source import CorrectionReport, Followed
from catalyst_operator.errors import ApiError, NotFound, Refused, Unavailable
from tests.support.gen import NOW

FQDN = "omantel.omani.works"
FOLLOWED = Followed("https://git.example/acme/kit.git", GitRef(branch="main"), "clusters/mine", "catalyst-git")


class Remote:
    """A new cluster that takes patches, or refuses them."""

    def __init__(self, error: ApiError | None = None) -> None:
        self.patches: dict[tuple[str, str, str], Any] = {}
        self._error = error

    async def merge(self, kind: Kind, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        if self._error:
            raise self._error
        self.patches[kind.plural, namespace, name] = patch
        return {}


async def corrected(remote: Remote, followed: Followed = FOLLOWED) -> CorrectionReport:
    @asynccontextmanager
    async def connect(_access: Access) -> AsyncIterator[Remote]:
        yield remote

    async def access() -> Access:
        return Access(("203.0.113.10:6443",), FQDN, "ca", "certificate", SecretStr("key"), NOW)

    return await correct(connect, access, followed=followed, fqdn=FQDN, clock=lambda: NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("secret", "reference"), [("catalyst-git", {"name": "catalyst-git"}), ("", None)], ids=["private", "public"]
)
async def test_both_objects_are_told(secret: str, reference: dict[str, str] | None) -> None:
    remote, followed = Remote(), replace(FOLLOWED, secret=secret)
    assert await corrected(remote, followed) == CorrectionReport(followed.key, NOW)
    assert remote.patches == {
        ("gitrepositories", "flux-system", "openova-public"): {
            "spec": {
                "url": FOLLOWED.url,
                "ref": {"branch": "main", "tag": None, "commit": None},
                "secretRef": reference,
                "verify": None,
            }
        },
        ("kustomizations", "flux-system", f"{FQDN}-bootstrap-kit"): {"spec": {"path": "clusters/mine"}},
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused(403, "may not patch"), "ERR_REMOTE_UNAUTHORIZED"),
        (Unavailable(0, "nobody answers"), "ERR_API_UNREACHABLE"),
    ],
)
async def test_a_refusal_is_told(error: ApiError, code: str) -> None:
    report = await corrected(Remote(error))
    assert report.error is not None
    assert report.error.code == code
    assert "spec.gitops could not be carried to the new cluster" in report.error.message


async def test_what_is_not_there_is_for_the_next_look() -> None:
    assert await corrected(Remote(NotFound(404, "gone"))) == CorrectionReport(FOLLOWED.key, NOW)
