"""Drift: when the cloud is checked, what that keeps waiting (nothing), what is done about what was found (what the spec
says)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api.labels import ANNOTATION_REBUILD
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.queue import turn
from catalyst_operator.core.queue.order import Entry, Queue, RunKind
from catalyst_operator.core.record import DriftEntry, ErrorEntry, HandOff, PlanEntry, RebuildEntry, RunEntry, RunState
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import NOW, SceneMod, known, of, seen, spec
from tests.support.tofu import OTHER_TOKEN
from tests.unit.core.decide.table import CANCEL, NO_CODE, POLL, RETRY, START, Case, at_work

HOUR = timedelta(hours=1)
LOOK, WANTED = RunKind.LOOK, RunKind.WANTED
REPORT = spec(driftDetection={"interval": "24h"})
REPAIR = spec(driftDetection={"interval": "24h", "mode": "Repair"})
LONG_AGO = NOW - 40 * HOUR
APPLIED = gen.succeeded(created=LONG_AGO, finished=LONG_AGO)
BORN = replace(gen.READY, since=LONG_AGO, watch_since=LONG_AGO)
PROJECT = turn.project_mark(gen.observation(gen.tokened()))
ADDRESS, OFF = "hcloud_firewall.this", "hcloud_server.worker[0]"
FOUND = PlanEntry(digest="c" * 64, add=0, change=1, destroy=0, differing=(ADDRESS,))
LABELLED = replace(FOUND, differing=(), of_others=(ADDRESS,), others=1)
STOPPED = PlanEntry(digest="e" * 64, add=0, change=0, destroy=0, off=(OFF,))
REFUSED = ErrorEntry("ERR_PLAN_REFUSED", "it would be replaced", "Leave it.", True)
AGAIN = RebuildEntry(f"{naming.cluster_name('omantel', gen.UID)}-worker-0", "worker-0")
WELL: dict[str, object] = {"check": "converged", "reason": "Succeeded", "ready": "True", "summary": ""}
WELL |= {"operation": "Succeeded"}


def check(state: RunState = RunState.RUNNING, attempt: int = 2, **values: object) -> RunEntry:
    """A drift check; one that ended did so ten seconds ago."""
    return gen.run(state, attempt, RunVerb.PLAN, drift_check=True, **values)


def stands(*runs: RunEntry, **values: object) -> SceneMod:
    """Applied long ago, so that a check is due unless one of these runs says otherwise."""
    return known(APPLIED, *runs, **{"bootstrap": BORN, **values})


def runs(*kinds: RunKind, waiting: tuple[RunKind, ...] = ()) -> SceneMod:
    """Runs of these kinds are under way in the same project, and others wait for their turn."""
    made = [Entry(f"uid-{number}", "team-b", PROJECT, kind, LONG_AGO) for number, kind in enumerate((*kinds, *waiting))]
    return seen(queue=Queue(tuple(made[: len(kinds)]), tuple(made[len(kinds) :])))


def found(plan: PlanEntry, error: ErrorEntry | None = None, **values: object) -> SceneMod:
    """The last check found this, and its plan was published."""
    run = check(RunState.FAILED if error else RunState.SUCCEEDED, plan=plan, errors=(error,) if error else ())
    entry = DriftEntry(NOW - gen.SECOND * 10, run.digest, plan, plan.off, error)
    return stands(run, **{"drift": entry, "published_plan": plan.digest, **values})


def case(why: str, *given: SceneMod, **values: object) -> Case:
    """A row in which all is well, but for what it says otherwise."""
    return Case(why, given, **{**WELL, **values})  # type: ignore[arg-type]


CASES = (
    case(
        "a drift check is due and another one is under way in its project: it asks again later, and Ready stays",
        of(REPORT),
        stands(),
        runs(LOOK),
        does=(),
        again=SAFETY,
        shows=("Drifted=Unknown NotChecked",),
    ),
    case(
        "a drift check is due, and what somebody asked for waits for the same place: that comes first",
        of(REPORT),
        stands(),
        runs(WANTED, WANTED, waiting=(WANTED,)),
        does=(),
        again=SAFETY,
    ),
    case(
        "a drift check for which there is room is recorded and made as a dry run is",
        of(REPORT),
        stands(),
        runs(WANTED),
        does=START,
        again=SAFETY,
    ),
    case("without spec.driftDetection nobody looks", stands(), does=(), again=None),
    case(
        "within an hour of an apply there is no drift check",
        of(REPORT),
        known(gen.succeeded(), bootstrap=BORN),
        does=(),
    ),
    case(
        "a drift check under way is followed beside all else, whoever waits, and Ready stays",
        of(REPORT),
        stands(check()),
        at_work(check(), "tofu-plan"),
        runs(LOOK, WANTED, WANTED, waiting=(WANTED,)),
        again=SAFETY,
    ),
    case(
        "the operator died between recording a drift check and creating its Job",
        of(REPORT),
        stands(check(RunState.PENDING)),
        does=("TakeTurn", "PrepareNamespace", "WriteInputs", "GiveBootSecrets", "CreateJob"),
        again=SAFETY,
    ),
    case(
        "the operator died between the two, and others began runs since: the check is given up, or two would wait for "
        "each other",
        of(REPORT),
        stands(check(RunState.PENDING)),
        runs(LOOK),
        does=("WriteRecord",),
        shows=("Drifted=Unknown NotChecked",),
    ),
    case(
        "the operator died between the two, and the token was replaced since: the check is given up",
        of(REPORT),
        stands(check(RunState.PENDING)),
        gen.tokened(OTHER_TOKEN),
        does=("WriteRecord",),
        shows=("Drifted=Unknown NotChecked",),
    ),
    case(
        "a drift check is not in the way of an edit: it is stopped at once",
        of(REPORT, gen.workers(2)),
        stands(check()),
        at_work(check(), "tofu-plan"),
        check="stopping",
        reason="Progressing",
        says=("a drift check, is being stopped",),
        ready="Unknown",
        summary="Reconciling",
        operation="Processing",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    case(
        "a drift check is not in the way of another apply that a person asks for",
        of(REPORT, RETRY),
        stands(check()),
        at_work(check(), "tofu-plan"),
        check="stopping",
        reason="Progressing",
        ready="Unknown",
        summary="Reconciling",
        operation="Processing",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    case(
        "a drift check is not in the way of a server that is to be made again",
        of(REPORT, gen.annotated(rebuild=f"{naming.cluster_name('omantel', gen.UID)}-worker-0")),
        stands(check(), rebuild=AGAIN, handled={ANNOTATION_REBUILD: AGAIN.request}),
        at_work(check(), "tofu-plan"),
        check="stopping",
        reason="Progressing",
        ready="Unknown",
        summary="Reconciling",
        operation="Processing",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    case(
        "drift detection is switched off while it checks",
        stands(check()),
        at_work(check(), "tofu-plan"),
        check="stopping",
        reason="Progressing",
        ready="Unknown",
        summary="Reconciling",
        operation="Processing",
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    case(
        "a drift check is cancelled on request, and Ready stays",
        of(REPORT, CANCEL),
        stands(check()),
        at_work(check(), "tofu-plan"),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    case(
        "a drift check that comes to no end is stopped",
        of(REPORT),
        stands(check(created=NOW - HOUR)),
        at_work(check(), "tofu-init"),
        does=("WriteRecord", "DeleteJob"),
        again=SAFETY,
    ),
    case(
        "suspended: no drift check is begun",
        of(REPORT, spec(suspend=True)),
        stands(),
        check="suspended",
        reason="Suspended",
        operation="Waiting",
        does=(),
    ),
    case(
        "suspended: a drift check under way goes on to its end",
        of(REPORT, spec(suspend=True)),
        stands(check()),
        at_work(check(), "tofu-plan"),
        check="suspended",
        reason="Suspended",
        operation="Waiting",
    ),
    case(
        "the hand-off waits for a drift check that is under way: the state must not have two masters",
        of(REPORT, gen.annotated(handOffRequestedAt="now")),
        stands(check()),
        at_work(check(), "tofu-plan"),
        again=SAFETY,
    ),
    case(
        "after the hand-off there is no drift check, and nothing is told of drift",
        of(REPORT),
        stands(hand_off=HandOff(started=LONG_AGO, finished=LONG_AGO)),
        seen(token_copy=None, has_cluster_secrets=False, state=None, cluster=None),
        check="handed_off",
        reason="HandedOff",
        does=("ForgetCluster",),
    ),
    case(
        "another token when a drift check is due: whose project it opens is looked at first",
        of(REPORT),
        stands(),
        gen.tokened(OTHER_TOKEN),
        does=("AskProject",),
        again=POLL,
        code=NO_CODE,
    ),
    case(
        "the token of another project when a drift check is due: nothing is run, and Ready stays",
        of(REPORT),
        stands(),
        gen.tokened(OTHER_TOKEN),
        gen.in_project(found=""),
        does=(),
        again=POLL,
        code="ERR_PROJECT_MISMATCH",
        shows=("Drifted=Unknown NotChecked", "PreflightPassed=False CheckFailed"),
    ),
    case(
        "no token when a drift check is due: nothing is run with an old one",
        of(REPORT),
        stands(),
        gen.tokened(None),
        does=(),
        code="ERR_SECRET_MISSING",
        shows=("Drifted=Unknown NotChecked",),
    ),
    case(
        "mode Report: what differs is told, and nothing is done",
        of(REPORT),
        found(FOUND),
        shows=("Drifted=True DriftDetected",),
        code=NO_CODE,
    ),
    case(
        "the plan of what differs is put where its owner can read it, once",
        of(REPORT),
        found(FOUND, published_plan=""),
        does=("PublishPlan", "WriteRecord"),
        shows=("Drifted=True DriftDetected",),
    ),
    case(
        "mode Repair: what was applied is applied again, and the gate judges it",
        of(REPAIR),
        found(FOUND),
        check="new_run",
        reason="Progressing",
        ready="Unknown",
        summary="Reconciling",
        operation="Processing",
        does=START,
        again=SAFETY,
        shows=("Drifted=True DriftDetected",),
    ),
    case(
        "mode Repair: what would be destroyed or made again waits for a person, as after an edit",
        of(REPAIR),
        known(
            APPLIED,
            check(RunState.SUCCEEDED, plan=FOUND),
            gen.run(RunState.AWAITING_APPROVAL, 3, plan=FOUND),
            applied_digest="",
            outputs=gen.OUTPUTS,
            state_serial=7,
            bootstrap=BORN,
            drift=DriftEntry(NOW, check().digest, FOUND),
        ),
        check="awaiting_approval",
        reason="AwaitingApproval",
        says=('{"spec":{"approvePlan":"' + "c" * 64,),
        summary="Stalled",
        operation="Waiting",
        shows=("Drifted=True DriftDetected",),
    ),
    case(
        "a server that somebody powered off is told as such, and no change of what was asked for",
        of(REPAIR),
        found(STOPPED),
        shows=("Drifted=True ServersOff",),
        code=NO_CODE,
    ),
    case(
        "labels of others are no drift, and nothing is applied to take them away",
        of(REPAIR),
        found(LABELLED),
        shows=("Drifted=False NoDrift",),
        code=NO_CODE,
    ),
    case(
        "mode Repair: what the gate refuses is told and not tried",
        of(REPAIR),
        found(FOUND, REFUSED),
        shows=("Drifted=True DriftDetected",),
        code="ERR_PLAN_REFUSED",
    ),
    case(
        "a drift check that came to nothing is told beside the rest",
        of(REPORT),
        stands(check(RunState.FAILED, errors=(ErrorEntry("ERR_CLOUD_UNAVAILABLE", "no answer", "Wait.", False),))),
        shows=("Drifted=Unknown NotChecked",),
        code="ERR_CLOUD_UNAVAILABLE",
    ),
)
