"""Where the Sovereign's own Crossplane fetches the OpenTofu module from.

Why: docs/decisions/0091-what-crossplane-checks-out.md
"""

from __future__ import annotations

from urllib.parse import quote

from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core.access import source
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.settings import CoreSettings

FOLDER = "infra/hetzner"


def unsigned(spec: SovereignSpec) -> str:
    """Why the module must not be fetched from where the kit is, a sentence; empty where it may. Flux checks what it
    applies, Crossplane checks nothing: of the two only a commit cannot be moved by whoever may push. Admission asks the
    same."""
    ref = spec.gitops.ref
    if spec.crossplane is None or spec.gitops.verify is None or (ref is not None and ref.commit):
        return ""
    return (
        "spec.gitops.ref.commit is required with both spec.gitops.verify and spec.crossplane: Crossplane fetches "
        f"{FOLDER} by itself, and there nobody checks the signature of a tag or a branch. Name the commit, or leave "
        "out one of the two."
    )


def fetched(spec: SovereignSpec, settings: CoreSettings) -> str:
    """The module in its repository, as go-getter reads it; empty where no repository is named."""
    url, ref = repository(spec, settings)
    return at(url, ref) if url else ""


def at(url: str, ref: GitRef) -> str:
    """The same of a known place. In a query the '+' that a tag may have stands for a blank."""
    return f"git::{url}//{FOLDER}?ref={quote(_exactly(ref))}"


def _exactly(ref: GitRef) -> str:
    """What is meant and nothing else, for the `git checkout` that go-getter runs in a fresh clone. A plain name is
    taken for a local branch first, which a clone has of the default branch, whatever that is called. With ^0 it is not.
    """
    if ref.commit:
        return f"{ref.commit}^0"
    return f"refs/tags/{ref.tag}^0" if ref.tag else f"refs/remotes/origin/{ref.branch}^0"


def repository(spec: SovereignSpec, settings: CoreSettings) -> tuple[str, GitRef]:
    """The one that the kit comes from. In mode Commit the owner's has the kit and need not have the module: then it is
    the operator's own, if it has one."""
    if spec.gitops.mode is GitOpsMode.COMMIT and settings.default_git_url:
        return settings.mirrors.of(settings.default_git_url), GitRef(tag=settings.default_git_tag)
    followed = source.wanted(spec, settings)
    return followed.url, followed.ref
