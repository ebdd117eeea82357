"""What of a Git repository a new cluster follows: a tag, a branch, or one commit.

Why: docs/decisions/0067-a-release-is-followed-by-its-tag.md
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core.settings import CoreSettings


@dataclass(frozen=True)
class GitRef:
    """One of the three; the others are empty."""

    branch: str = ""
    tag: str = ""
    commit: str = ""

    @property
    def given(self) -> dict[str, str]:
        """As Flux and the module take it: `{"tag": "v1.0.0"}`."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def name(self) -> str:
        """`v1.0.0`."""
        return self.branch or self.tag or self.commit

    def __str__(self) -> str:
        """For people: `tag v1.0.0`."""
        return ", ".join(f"{name} {value}" for name, value in self.given.items())


def asked(spec: SovereignSpec) -> GitRef | None:
    """What the spec asks for, if it does."""
    given = spec.gitops.ref
    return GitRef(given.branch or "", given.tag or "", given.commit or "") if given else None


def wanted(spec: SovereignSpec, settings: CoreSettings) -> GitRef:
    """What the spec asks for, else the tag of the operator's own version: the tree that it was tried with."""
    return asked(spec) or GitRef(tag=settings.default_git_tag)
