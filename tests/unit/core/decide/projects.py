"""What is known of the project before a run: looked at, found wanting, not to be asked at the moment."""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.core.project import preflight
from catalyst_operator.core.project.preflight import Report
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import NOW, known, of, seen
from tests.unit.core.decide.table import POLL, RETRY, START, Case

LOOKING = "Checking token, sizes, names and SSH keys with Hetzner before anything is created."
LIMIT_OVER = NOW + timedelta(minutes=5)
REFUSED = preflight.unauthorized("team-a/hcloud", "unable to authenticate")
LIMITED = preflight.rate_limited(LIMIT_OVER)


def ago(**delta: float) -> dict[str, object]:
    """A look so long ago."""
    return {"at": NOW - timedelta(**delta)}


CASES = (
    Case(
        "nobody has looked yet",
        (gen.unlooked,),
        check="preflight_first",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "the last look was at something else: it says nothing of what is wanted now",
        (seen(preflight=Report("another", NOW, gen.PASSED)),),
        check="preflight_first",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "the spec was edited since: other servers are looked for",
        (gen.looked(), of(gen.workers(2))),
        check="preflight_first",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "the token is another since: it may be of another project",
        (gen.looked(gen.IN_THE_WAY), gen.tokened(version="s/2")),
        check="preflight_first",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "a retry was asked for: whoever did so has mended something",
        (gen.looked(gen.IN_THE_WAY), of(RETRY)),
        check="preflight_first",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "what stands already is as it was while the project is looked at",
        (of(gen.workers(2)), known(gen.succeeded()), gen.unlooked),
        check="preflight_first",
        reason="Progressing",
        ready="Unknown",
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "all was well ten minutes ago: that is good enough",
        (gen.looked(**ago(minutes=10)),),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
        shows=("PreflightPassed=True Passed",),
    ),
    Case(
        "all was well longer ago: other people use the project too",
        (gen.looked(**ago(minutes=10, seconds=1)),),
        check="preflight_first",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "something is in the way: code and remedy, and that nothing was started",
        (gen.looked(gen.IN_THE_WAY),),
        check="preflight_first",
        reason="CheckFailed",
        says=(
            "ERR_NAME_CONFLICT",
            "networks/7 omantel exists already",
            "remove it in the project",
            "nothing was started",
        ),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_NAME_CONFLICT",
        shows=("PreflightPassed=False CheckFailed",),
    ),
    Case(
        "a minute later it is looked at again by itself, and told all the while",
        (gen.looked(gen.IN_THE_WAY, **ago(seconds=61)),),
        check="preflight_first",
        reason="CheckFailed",
        says=("networks/7 omantel exists already",),
        summary="Stalled",
        does=("AskPreflight",),
        again=POLL,
        operation="Failed",
        shows=("PreflightPassed=False CheckFailed",),
    ),
    Case(
        "Hetzner does not accept the token: a matter of credentials",
        (gen.looked(*REFUSED),),
        check="preflight_first",
        reason="CredentialsInvalid",
        says=("ERR_TOKEN_INVALID", "does not accept the token", "goes on by itself", "nothing was started"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_TOKEN_INVALID",
    ),
    Case(
        "several checks failed: the first one speaks, and all are in the errors",
        (gen.looked(gen.UNKNOWN_SIZE, gen.IN_THE_WAY),),
        check="preflight_first",
        reason="CheckFailed",
        says=("ERR_SIZE_UNKNOWN", "no server type cpx99"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_SIZE_UNKNOWN",
    ),
    Case(
        "the project's requests are used up: nothing is asked until Hetzner allows it, and the message says when",
        (gen.looked(*LIMITED, retry_at=LIMIT_OVER),),
        check="preflight_first",
        reason="Retrying",
        says=("ERR_RATE_LIMITED", "limit of requests", "Next try at 12:05:00 UTC"),
        again=POLL,
        operation="Error",
        code="ERR_RATE_LIMITED",
        shows=("PreflightPassed=Unknown NotChecked",),
    ),
    Case(
        "three seconds before the limit is over it is not looked at ten seconds later",
        (gen.looked(*LIMITED, retry_at=NOW + timedelta(seconds=3)),),
        check="preflight_first",
        reason="Retrying",
        again=timedelta(seconds=3),
        operation="Error",
        code="ERR_RATE_LIMITED",
    ),
    Case(
        "the limit is over: looked at as announced",
        (gen.looked(*LIMITED, at=NOW - timedelta(minutes=6), retry_at=NOW),),
        check="preflight_first",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "the limit is over within a minute: looked at as announced, and nothing is started unlooked",
        (gen.looked(*LIMITED, at=NOW - timedelta(seconds=30), retry_at=NOW),),
        check="preflight_first",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "Hetzner does not answer the look: that stops nobody, OpenTofu will find out",
        (gen.looked(*preflight.unreachable("the API does not answer")),),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
        shows=("PreflightPassed=Unknown NotChecked",),
    ),
    Case(
        "a missing Secret comes before the look: there is nothing to look with",
        (gen.unlooked, seen(credentials=None)),
        check="credentials_missing",
        reason="CredentialsMissing",
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "an error of the last run comes before the look: the person knows of it, and has to mend it first",
        (gen.unlooked, known(gen.failed("ERR_QUOTA_EXCEEDED", terminal=True))),
        check="failed_for_good",
        reason="RunFailed",
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_QUOTA_EXCEEDED",
    ),
)
