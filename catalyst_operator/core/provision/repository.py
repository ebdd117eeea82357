"""Where the look at the Git repository stands that the new cluster is to follow: no server is bought for a branch, a
folder or credentials that are wrong. Once there is a cluster, its own Flux tells."""

from __future__ import annotations

from dataclasses import dataclass

from catalyst_operator.api import labels
from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.actions import AskRepository
from catalyst_operator.core.kit.repository import RepositoryQuestion, folders_of, is_asked, key_of
from catalyst_operator.core.project.preflight import Report
from catalyst_operator.core.provision.preflight_due import is_fresh
from catalyst_operator.core.runs.attempts import requested
from catalyst_operator.core.scene import Scene


@dataclass(frozen=True)
class RepositoryStanding:
    """The report on what is wanted now, if there is one that is still good, and whether to look."""

    report: Report | None
    ask: tuple[AskRepository, ...] = ()


def standing(scene: Scene) -> RepositoryStanding | None:
    """What is known of the repository, and whether to look; None where nothing has to be known."""
    question = asked(scene)
    if question is None:
        return None
    o, secret = scene.o, scene.o.owner_secrets.get(question.secret)
    key = key_of(question, secret.version if secret else "", requested(o, labels.ANNOTATION_RETRY))
    ask = (AskRepository(key, question),)
    report = o.repository
    if report is None or report.key != key:
        return RepositoryStanding(None, ask)
    if is_fresh(o, report):
        return RepositoryStanding(report)
    # A check that failed goes on to be told until the next look says otherwise.
    return RepositoryStanding(report if report.failed else None, ask)


def asked(scene: Scene) -> RepositoryQuestion | None:
    """What has to be there before anything is spent. What was just pushed need not be looked for, and where no
    repository is named there is none to look at."""
    spec, git = scene.o.sovereign.spec, scene.variables.get("git")
    if scene.record.outputs is not None or git is None or not git["url"] or not is_asked(spec):
        return None
    gitops = spec.gitops
    pushes = gitops.mode is GitOpsMode.COMMIT
    return RepositoryQuestion(
        url=git["url"],
        ref=GitRef(**git["ref"]),
        folders=() if pushes and gitops.path is None else folders_of(git["path"], tuple(git["components"])),
        secret=gitops.credentials_secret_ref.name if gitops.credentials_secret_ref else "",
        pushes=pushes,
    )
