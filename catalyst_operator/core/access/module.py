"""Where the Sovereign's own Crossplane fetches the OpenTofu module from."""

from __future__ import annotations

from urllib.parse import quote

from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core.access import source
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.settings import CoreSettings

FOLDER = "infra/hetzner"


def fetched(spec: SovereignSpec, settings: CoreSettings) -> str:
    """The module in its repository, as go-getter reads it; empty where no repository is named."""
    url, ref = repository(spec, settings)
    return at(url, ref) if url else ""


def at(url: str, ref: GitRef) -> str:
    """The same of a known place. In a query the '+' that a tag may have stands for a blank."""
    return f"git::{url}//{FOLDER}?ref={quote(ref.name)}"


def repository(spec: SovereignSpec, settings: CoreSettings) -> tuple[str, GitRef]:
    """The one that the kit comes from. In mode Commit the owner's has the kit and need not have the module: then it is
    the operator's own, if it has one."""
    if spec.gitops.mode is GitOpsMode.COMMIT and settings.default_git_url:
        return settings.default_git_url, GitRef(tag=settings.default_git_tag)
    followed = source.wanted(spec, settings)
    return followed.url, followed.ref
