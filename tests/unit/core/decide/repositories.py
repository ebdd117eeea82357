"""The Git repository that the new cluster is to follow: read before anything is spent."""

from __future__ import annotations

from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.access.seeds import SecretView
from catalyst_operator.core.kit.git_causes import GitCause
from catalyst_operator.core.kit.repository import RepositoryQuestion, RepositoryView, judge, unreadable
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import known, of, spec
from tests.unit.core.decide.table import POLL, START, Case

ASKED = RepositoryQuestion("https://github.com/openova-io/openova", GitRef(branch="mian"))
NO_BRANCH = judge(ASKED, RepositoryView(default_branch="main"))
SILENT = unreadable(ASKED, "connection refused", GitCause.SILENT, passing=True)
WRONG = of(spec(gitops={"ref": {"branch": "mian"}}))
COMMIT = gen.PUSHED
SECRET = gen.seen(owner_secrets={"git": SecretView("g/1", frozenset({"username", "password"}))})

CASES = (
    Case(
        "nobody has read the Git repository yet: nothing is bought for what may not be there",
        (gen.unread,),
        check="preflight_first",
        reason="Provisioning",
        says=("Reading the Git repository before anything is created",),
        does=("AskRepository",),
        again=SAFETY,
    ),
    Case(
        "neither project nor repository were looked at: both are asked at the same time",
        (gen.unlooked, gen.unread),
        check="preflight_first",
        reason="Provisioning",
        says=("with Hetzner and reading the Git repository before",),
        does=("AskPreflight", "AskRepository"),
        again=SAFETY,
    ),
    Case(
        "the branch does not exist: no server is bought, and what is there is named",
        (WRONG, gen.read(NO_BRANCH)),
        check="preflight_first",
        reason="CheckFailed",
        says=(
            "ERR_GIT_READ: nothing was started",
            "no branch mian",
            "default branch is main",
            "Correct spec.gitops.ref, or push",
        ),
        code="ERR_GIT_READ",
        summary="Stalled",
        shows=("PreflightPassed=False CheckFailed",),
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a dry run says so as well",
        (of(spec(gitops={"ref": {"branch": "mian"}}, dryRun=True)), gen.read(NO_BRANCH)),
        check="preflight_first",
        reason="CheckFailed",
        says=("no branch mian",),
        code="ERR_GIT_READ",
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the project is wrong and the branch is too: both are told at once",
        (WRONG, gen.looked(gen.IN_THE_WAY), gen.read(NO_BRANCH)),
        check="preflight_first",
        reason="CheckFailed",
        says=("ERR_NAME_CONFLICT", "Also: ERR_GIT_READ (lastErrors)."),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the Git server does not answer: it is asked again, and nothing is bought meanwhile",
        (WRONG, gen.read(SILENT)),
        check="preflight_first",
        reason="Retrying",
        says=("nothing was started", "from the management cluster: connection refused", "tried again by itself"),
        code="ERR_GIT_READ",
        again=POLL,
        operation="Error",
    ),
    Case(
        "what failed a while ago is read again, and goes on to be told until then",
        (WRONG, gen.read(NO_BRANCH), gen.later(gen.SETTINGS.preflight_interval + gen.SECOND)),
        check="preflight_first",
        reason="CheckFailed",
        does=("AskRepository",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "a dry run in mode Commit pushes nothing: it asks whether it might",
        (of(spec(gitops=COMMIT, dryRun=True)), SECRET, gen.unread),
        check="preflight_first",
        reason="Provisioning",
        says=("Reading the Git repository",),
        does=("AskRepository",),
        again=SAFETY,
    ),
    Case(
        "a dry run of an edit in mode Commit: the cluster that stands goes on to follow what was pushed before",
        (of(spec(gitops=COMMIT, dryRun=True, components=["harbor"])), SECRET, known(gen.succeeded())),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=("SeedCluster", *START),
        again=SAFETY,
    ),
    Case(
        "there is a cluster: its own Flux tells, and an edit of its servers waits for no Git server",
        (of(gen.workers(2)), known(gen.succeeded()), gen.unread),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
)
