"""Whose project the token opens: looked at before every run but the first, and before anything else is said of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from catalyst_operator.core.errors import codes
from catalyst_operator.core.record import ProjectEntry, RunState
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import NOW, known, of, spec
from tests.unit.core.decide.table import CONFIRM, POLL, RETRY, START, Case

OTHER = "Other0Token0" + "z" * 52
"""A token that nobody has looked with."""
APPLIED = gen.succeeded()
GROWING = of(gen.workers(2))
AGAIN = (GROWING, known(APPLIED), gen.tokened(OTHER, "s/2"))
"""An edit of what stands, and another token than it was made with."""
LOOKING = "Looking whether the token opens the project that this Sovereign is in."
ELSEWHERE = gen.in_project("")
SILENT = codes.CLOUD_UNAVAILABLE.entry("whose project the token opens is not known, because it timed out")
REFUSED = codes.TOKEN_INVALID.entry("Hetzner does not accept the token: it was revoked")
LIMITED = codes.RATE_LIMITED.entry("Hetzner's limit of requests an hour is used up")
MISMATCH: dict[str, Any] = {
    "check": "run_obstacle",
    "reason": "ProjectMismatch",
    "ready": "True",
    "summary": "Stalled",
    "operation": "Failed",
    "code": "ERR_PROJECT_MISMATCH",
    "again": POLL,
}

CASES = (
    Case(
        "another token than the one it was made with: looked at before preflight asks anything",
        (*AGAIN, gen.unlooked),
        check="run_obstacle",
        reason="Progressing",
        ready="Unknown",
        says=(LOOKING,),
        does=("AskProject",),
        again=POLL,
    ),
    Case(
        "a dry run is looked at, too: its plan would be of another project",
        (of(gen.workers(2), spec(dryRun=True)), known(APPLIED), gen.tokened(OTHER, "s/2")),
        check="run_obstacle",
        reason="Progressing",
        ready="Unknown",
        says=(LOOKING,),
        does=("AskProject",),
        again=POLL,
    ),
    Case(
        "the network is there, with our label: the token is remembered, and it goes on",
        (*AGAIN, gen.in_project()),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=("WriteRecord", *START),
        again=SAFETY,
    ),
    Case(
        "nothing of it is in that project: nothing is run, and nobody waits for it to change by itself",
        (*AGAIN, ELSEWHERE),
        says=(
            "ERR_PROJECT_MISMATCH",
            "The token in Secret team-a/hcloud opens another project",
            "neither its network 4711 nor anything else with its label",
            "Nothing was started",
        ),
        **MISMATCH,
    ),
    Case(
        "both projects are named where people named them",
        (
            of(gen.workers(2), spec(projectID="staging-7")),
            known(APPLIED, project=ProjectEntry("of-another-token", "production-1")),
            ELSEWHERE,
        ),
        says=("(spec.projectID staging-7)", "(spec.projectID was production-1)"),
        **MISMATCH,
    ),
    Case(
        "a retry looks again: somebody may have put the labels back",
        (of(gen.workers(2)), known(APPLIED), gen.tokened(OTHER, "s/2"), ELSEWHERE, of(gen.workers(2), RETRY)),
        check="run_obstacle",
        reason="Progressing",
        ready="Unknown",
        says=(LOOKING,),
        does=("AskProject",),
        again=POLL,
    ),
    Case(
        "a person says that it is the right project, emptied: remembered, answered, and the plan will ask",
        (*AGAIN, ELSEWHERE, of(gen.workers(2), CONFIRM)),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=("WriteRecord", *START),
        again=SAFETY,
    ),
    Case(
        "a person says so before anybody has looked: looked at first",
        (of(gen.workers(2), CONFIRM), known(APPLIED), gen.tokened(OTHER, "s/2")),
        check="run_obstacle",
        reason="Progressing",
        ready="Unknown",
        says=(LOOKING,),
        does=("AskProject",),
        again=POLL,
    ),
    Case(
        "a person says so although nobody asked: answered, so that it does not answer a later question",
        (of(CONFIRM), known(APPLIED)),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        operation="Succeeded",
    ),
    Case(
        "the API does not answer: not known is not wrong, and is waited for",
        (*AGAIN, gen.in_project(error=SILENT)),
        check="run_obstacle",
        reason="Retrying",
        ready="Unknown",
        says=("ERR_CLOUD_UNAVAILABLE", "nothing was started", "it timed out"),
        again=POLL,
        operation="Error",
        code="ERR_CLOUD_UNAVAILABLE",
    ),
    Case(
        "a minute later it is asked again, and told all the while",
        (*AGAIN, gen.in_project(error=SILENT, at=NOW - timedelta(seconds=61))),
        check="run_obstacle",
        reason="Retrying",
        ready="Unknown",
        does=("AskProject",),
        again=POLL,
        operation="Error",
        code="ERR_CLOUD_UNAVAILABLE",
    ),
    Case(
        "the project's requests are used up: not asked before Hetzner allows it",
        (*AGAIN, gen.in_project(error=LIMITED, retry_at=NOW + timedelta(seconds=3))),
        check="run_obstacle",
        reason="Retrying",
        ready="Unknown",
        again=timedelta(seconds=3),
        operation="Error",
        code="ERR_RATE_LIMITED",
    ),
    Case(
        "Hetzner does not know the token: a matter of credentials",
        (*AGAIN, gen.in_project(error=REFUSED)),
        check="run_obstacle",
        reason="CredentialsInvalid",
        ready="True",
        says=("ERR_TOKEN_INVALID", "it was revoked"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_TOKEN_INVALID",
    ),
    Case(
        "the Secret is another, its token is not: it was looked at before",
        (GROWING, known(APPLIED), gen.tokened(version="s/2")),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "applied before anybody remembered projects: looked at once",
        (GROWING, known(APPLIED, project=None)),
        check="run_obstacle",
        reason="Progressing",
        ready="Unknown",
        says=(LOOKING,),
        does=("AskProject",),
        again=POLL,
    ),
    Case(
        "half of a first apply stands somewhere: another token is looked at, too",
        (known(gen.failed()), gen.tokened(OTHER, "s/2")),
        check="run_obstacle",
        reason="Provisioning",
        says=(LOOKING,),
        does=("AskProject",),
        again=POLL,
    ),
    Case(
        "nothing was made with the token of before: any project will do",
        (known(gen.failed("ERR_TOKEN_READONLY", True), nothing_made=True), gen.tokened(OTHER, "s/2")),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "no run is wanted: what stands is not in doubt, whatever the Secret holds",
        (known(APPLIED), gen.tokened(OTHER, "s/2")),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "a run that was recorded is not created with a token that nobody has looked at",
        (known(APPLIED, gen.run(RunState.PENDING, 2), outputs=gen.OUTPUTS, state_serial=7), gen.tokened(OTHER)),
        check="run_obstacle",
        reason="Progressing",
        ready="Unknown",
        says=(LOOKING,),
        does=("AskProject",),
        again=POLL,
    ),
)
