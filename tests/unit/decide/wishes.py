"""What the spec asks for: whether it can be carried out, is to be, and has been; dry runs."""

from __future__ import annotations

from catalyst_operator.api.labels import ANNOTATION_RETRY
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.observation import LockView
from catalyst_operator.core.scene import SAFETY
from tests import gen
from tests.gen import known, of, seen, spec
from tests.unit.decide.table import POLL, RETRY, START, Case

DRY = spec(dryRun=True)
PLAN = RunVerb.PLAN
PLANNED = gen.succeeded(verb=PLAN)
STRANGE = gen.digest(spec(controlPlane={"size": "cx99"}), verb=PLAN)

CASES = (
    Case(
        "a release that this operator does not know is for the author of the spec",
        (of(spec(release="no-such-release")),),
        check="spec_invalid",
        reason="InvalidSpec",
        says=("no-such-release", "spec.release"),
        summary="Stalled",
        operation="Failed",
    ),
    Case(
        "suspended: nothing is started",
        (of(spec(suspend=True)),),
        check="suspended",
        reason="Suspended",
        says=("spec.suspend", "false"),
        summary="",
        operation="Waiting",
    ),
    Case(
        "suspended comes before a missing Secret: whoever paused it does not want to be asked for anything",
        (of(spec(suspend=True)), seen(credentials=None)),
        check="suspended",
        reason="Suspended",
        summary="",
        operation="Waiting",
    ),
    Case(
        "a dry run: a plan is made, and nothing but a plan",
        (of(DRY),),
        check="new_run",
        reason="Provisioning",
        says=("Job plan-", "is being created"),
        does=START,
        again=SAFETY,
    ),
    Case(
        "a dry run spends nothing, so it is told what it would cost, and how to go on",
        (of(DRY), known(PLANNED)),
        check="planned",
        reason="DryRun",
        says=(
            "Dry run: 9 to add, 0 to change, 0 to destroy",
            "EUR a month in all",
            "Nothing was created or changed",
            "set spec.dryRun to false",
        ),
        summary="",
        operation="Waiting",
        shows=("TofuPlan=True Succeeded", "TofuApply=Unknown Waiting"),
    ),
    Case(
        "a price that is not known is not guessed",
        (of(DRY, spec(controlPlane={"size": "cx99"})), known(gen.succeeded(verb=PLAN, digest=STRANGE))),
        check="planned",
        reason="DryRun",
        says=("0 to destroy. Nothing was created",),
        summary="",
        operation="Waiting",
    ),
    Case(
        "a dry run of an edited spec is another plan",
        (of(DRY, gen.workers(2)), known(PLANNED)),
        check="new_run",
        reason="Provisioning",
        says=("Job plan-",),
        does=START,
        again=SAFETY,
    ),
    Case(
        "a retry of a dry run plans again: what stands in the project may have changed",
        (of(DRY, RETRY), known(PLANNED)),
        check="new_run",
        reason="Provisioning",
        says=("Job plan-",),
        does=START,
        again=SAFETY,
    ),
    Case(
        "a retry of a dry run is answered once",
        (of(DRY, RETRY), known(PLANNED, handled={ANNOTATION_RETRY: "now"})),
        check="planned",
        reason="DryRun",
        summary="",
        operation="Waiting",
    ),
    Case(
        "the dry run is off: what was planned is done, and planned again for that",
        (of(gen.meta(generation=2)), known(PLANNED)),
        check="new_run",
        reason="Provisioning",
        says=("Job apply-",),
        does=START,
        again=SAFETY,
    ),
    Case(
        "a dry run of what stands already: it is as it was, so Ready is Unknown while the plan is made",
        (of(DRY, gen.workers(2)), known(gen.succeeded())),
        check="new_run",
        reason="Progressing",
        says=("Job plan-",),
        ready="Unknown",
        does=START,
        again=SAFETY,
    ),
    Case(
        "a dry run of what stands already: the conditions still tell of the apply",
        (of(DRY), known(gen.succeeded(), gen.succeeded(2, PLAN))),
        check="planned",
        reason="DryRun",
        says=("Dry run: 9 to add",),
        summary="",
        operation="Waiting",
        shows=("TofuApply=True Succeeded", "TofuOutput=True Succeeded"),
    ),
    Case(
        "a dry run of what stands already is off again, and nothing was edited: nothing is to be done",
        (of(gen.meta(generation=3)), known(gen.succeeded(), gen.succeeded(2, PLAN))),
        check="converged",
        reason="AwaitingFluxBootstrap",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "a dry run that failed is tried again like any other run",
        (of(DRY), known(gen.failed(phase="tofu-plan", verb=PLAN))),
        check="backing_off",
        reason="Retrying",
        says=("tofu-plan of Job plan-", "next try at 12:00:10 UTC"),
        again=POLL,
        operation="Error",
    ),
    Case(
        "suspended comes before a dry run: not even a plan is made",
        (of(DRY, spec(suspend=True)),),
        check="suspended",
        reason="Suspended",
        summary="",
        operation="Waiting",
    ),
    Case(
        "a dry run needs a token too: OpenTofu asks Hetzner what exists",
        (of(DRY), seen(credentials=None)),
        check="credentials_missing",
        reason="CredentialsMissing",
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "a dry run that is done is not disturbed by a project in which something is wrong since",
        (of(DRY), known(PLANNED), gen.looked(gen.IN_THE_WAY)),
        check="planned",
        reason="DryRun",
        summary="",
        operation="Waiting",
        shows=("PreflightPassed=False CheckFailed",),
    ),
    Case(
        "applied as wanted: nothing to do until Flux answers",
        (known(gen.succeeded()),),
        check="converged",
        reason="AwaitingFluxBootstrap",
        says=("203.0.113.20", "Flux"),
        summary="",
        operation="Succeeded",
    ),
    Case(
        "applied as wanted: a Secret that was removed since is nobody's concern",
        (known(gen.succeeded()), seen(credentials=None)),
        check="converged",
        reason="AwaitingFluxBootstrap",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "applied as wanted: whoever holds the lock of the state is in nobody's way",
        (known(gen.succeeded()), seen(lock=LockView("1", "lia@laptop"))),
        check="converged",
        reason="AwaitingFluxBootstrap",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "applied as wanted: no look at the project is needed",
        (known(gen.succeeded()), gen.unlooked),
        check="converged",
        reason="AwaitingFluxBootstrap",
        summary="",
        operation="Succeeded",
    ),
)
