"""Where the Sovereign's own Crossplane fetches the OpenTofu module from."""

from __future__ import annotations

from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.sovereign_spec import GitOpsSpec

FOLDER = "infra/hetzner"
DEFAULT_BRANCH = "main"


def source(gitops: GitOpsSpec, default_url: str) -> str:
    """The module in the repository that the kit comes from, as go-getter reads it. Names of branches are of harmless
    characters only."""
    url, branch = repository(gitops, default_url)
    return f"git::{url}//{FOLDER}?ref={branch}"


def repository(gitops: GitOpsSpec, default_url: str) -> tuple[str, str]:
    """Its URL and branch. In mode Commit the owner's has the kit and not the module: then it is the operator's own."""
    if gitops.mode is GitOpsMode.COMMIT:
        return default_url, DEFAULT_BRANCH
    return gitops.url or default_url, gitops.branch
