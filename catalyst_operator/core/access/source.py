"""What the new cluster's Flux follows, and how it is corrected as long as Flux has applied nothing.

First boot makes the GitRepository and the Kustomization (infra/hetzner/cloudinit.tf). A wrong branch, tag or path would
be there for good, on a cluster that nobody can enter yet; once something was applied, Git is the owner's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core import kit
from catalyst_operator.core.access import git_ref, seeds
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.phase1.views import SOURCE, ClusterView, kit_name
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.settings import CoreSettings


@dataclass(frozen=True)
class Followed:
    """A folder of a repository, and which commit of it."""

    url: str
    ref: GitRef
    path: str
    secret: str = ""
    """The Secret on the new cluster with user name and password, or with authorities alone; empty: neither."""
    verify: str = ""
    """What has to be signed, by one of the keys in the Secret `seeds.GIT_KEYS`; empty: nothing."""

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.ref} of {self.url}"

    @property
    def key(self) -> str:
        """Tells one correction from another."""
        return digest_of([self.url, self.ref.given, self.path, self.secret, self.verify])


@dataclass(frozen=True)
class CorrectionReport:
    """What the last correction came to."""

    key: str
    at: datetime
    error: ErrorEntry | None = None


def wanted(spec: SovereignSpec, settings: CoreSettings) -> Followed:
    """What the spec asks for: the shared template, or the Sovereign's own folder."""
    own = spec.gitops.mode is GitOpsMode.COMMIT
    path = kit.overlay_path(spec.domain.fqdn) if own else settings.default_git_path
    url, secret = spec.gitops.url or settings.default_git_url, spec.gitops.credentials_secret_ref
    return Followed(
        # Credentials are for the host that their owner named, and go to no other.
        url=url if secret else settings.mirrors.of(url),
        ref=git_ref.wanted(spec, settings),
        path=spec.gitops.path or path,
        secret=seeds.GIT if secret else seeds.AUTHORITIES if settings.authorities else "",
        verify=spec.gitops.verify.mode.value if spec.gitops.verify else "",
    )


def seen(view: ClusterView, fqdn: str) -> Followed | None:
    """What the new cluster was told; None while not all of it is there to be seen."""
    source, applies = view.source(SOURCE), view.kustomization(kit_name(fqdn))
    if source is None or applies is None:
        return None
    return Followed(source.url, source.ref, applies.path, source.secret, source.verify)
