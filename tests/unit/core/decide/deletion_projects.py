"""Whose project a destroy would work in, and who else uses what it would take away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pydantic import SecretStr

from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import NamespaceView, StateView
from catalyst_operator.core.project.identity import ForeignMember
from catalyst_operator.core.record import HandOff
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import NOW, known, seen, spec
from tests.unit.core.decide.deletions import APPLIED, BEFORE, BROKEN, DESTROY, ORPHAN, going
from tests.unit.core.decide.table import AT_ONCE, CONFIRM, POLL, RETRY, START_DESTROY, Deleted

OTHER = "Other0Token0" + "z" * 52
ELSEWHERE = gen.in_project("")
SILENT = codes.CLOUD_UNAVAILABLE.entry("whose project the token opens is not known, because it timed out")
OWNERS = HandOff(started=NOW, refused=NOW, finished=NOW)
SWEEP_ALL = spec(decommission={"sweep": "All"})
EXPORTED = spec(decommission={"acknowledgeExported": True})
RESTORED = seen(state=StateView(7), archived_state=StateView(7), token_copy=None, has_cluster_secrets=False)
STRANGER = ForeignMember("servers", 77, "somebody-elses", "network omantel-d2faa")
BALANCER = ForeignMember("load_balancers", 8, "made-inside", "network omantel-d2faa")
GONE = gen.failed("ERR_OBJECTS_GONE", True, "plan-gate", attempt=2, verb=DESTROY, generation=2)
"""The state held something, and the project had nothing of it."""

CASES = (
    Deleted(
        "the token is another: looked at before anything is destroyed with it",
        (going(), known(APPLIED), gen.tokened(OTHER, "s/2"), gen.unasked),
        check="run_obstacle",
        deleting="Waiting",
        says=("Looking whether the token opens the project",),
        does=("AskProject",),
        again=POLL,
    ),
    Deleted(
        "it opens another project: nothing is destroyed, and nothing is forgotten",
        (going(), known(APPLIED), gen.tokened(OTHER, "s/2"), ELSEWHERE),
        check="run_obstacle",
        deleting="ProjectMismatch",
        says=("ERR_PROJECT_MISMATCH", "neither its network 4711", "Nothing was started", "projectConfirmedAt"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_PROJECT_MISMATCH",
        ready="ProjectMismatch",
    ),
    Deleted(
        "the same after the hand-off",
        (going(EXPORTED), known(APPLIED, hand_off=OWNERS), RESTORED, gen.tokened(OTHER, "s/2"), ELSEWHERE),
        check="run_obstacle",
        deleting="ProjectMismatch",
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_PROJECT_MISMATCH",
        ready="ProjectMismatch",
    ),
    Deleted(
        "the owner's Secret is gone, and the copy of a later run is of another project",
        (going(), known(APPLIED), seen(credentials=None, token_copy=SecretStr(OTHER)), ELSEWHERE),
        check="run_obstacle",
        deleting="ProjectMismatch",
        says=(f"Secret {gen.SPACE}/provider-token opens another project",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_PROJECT_MISMATCH",
    ),
    Deleted(
        "it opens the right one: remembered, and destroyed",
        (going(), known(APPLIED), gen.tokened(OTHER, "s/2")),
        check="new_destroy",
        deleting="Destroying",
        does=("WriteRecord", *START_DESTROY),
        again=SAFETY,
    ),
    Deleted(
        "the record is gone, and the project is another: the state alone says that something was made",
        (going(), seen(namespace=NamespaceView(), state=StateView(3), has_state_key=True), ELSEWHERE),
        check="run_obstacle",
        deleting="ProjectMismatch",
        says=("nothing with its label is there",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_PROJECT_MISMATCH",
    ),
    Deleted(
        "the API does not answer: not known is not wrong, and nothing is destroyed on a guess",
        (going(), known(APPLIED), gen.tokened(OTHER, "s/2"), gen.in_project(error=SILENT)),
        check="run_obstacle",
        deleting="Waiting",
        says=("ERR_CLOUD_UNAVAILABLE", "it timed out"),
        again=POLL,
        code="ERR_CLOUD_UNAVAILABLE",
    ),
    Deleted(
        "policy Orphan leaves everything where it is, in whatever project that may be",
        (going(ORPHAN), known(APPLIED), gen.tokened(OTHER, "s/2"), ELSEWHERE),
        check="nothing_left",
        deleting="CleaningUp",
        says=("What exists stays",),
        again=AT_ONCE,
    ),
    Deleted(
        "nobody has looked who else uses the network: looked at first, with a token that is known",
        (going(), known(APPLIED), gen.unasked),
        check="run_obstacle",
        deleting="Waiting",
        says=("somebody else uses the Sovereign's network or firewall",),
        does=("AskProject",),
        again=POLL,
    ),
    Deleted(
        "a server and a load balancer of somebody else are in it: named, and nothing is begun",
        (going(), known(APPLIED), gen.in_project(foreign=(STRANGER, BALANCER))),
        check="run_obstacle",
        deleting="Leftovers",
        says=(
            "ERR_LEFTOVERS",
            "servers/77 somebody-elses (network omantel-d2faa), load_balancers/8 made-inside (network omantel-d2faa)",
            "Nothing is destroyed",
            "take them out of the network",
            "set spec.decommission.sweep to All",
        ),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_LEFTOVERS",
        ready="Leftovers",
    ),
    Deleted(
        "its owner wants them deleted too: they are in nobody's way",
        (going(SWEEP_ALL), known(APPLIED), gen.in_project(foreign=(STRANGER, BALANCER))),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "one of them serves others as well: it is never deleted, and named alone",
        (going(SWEEP_ALL), known(APPLIED), gen.in_project(foreign=(STRANGER, replace(BALANCER, shared=True)))),
        check="run_obstacle",
        deleting="Leftovers",
        says=("uses what would go: load_balancers/8",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_LEFTOVERS",
    ),
    Deleted(
        "a minute later it is looked again whether they are gone, and told all the while",
        (going(), known(APPLIED), gen.in_project(foreign=(STRANGER,), at=NOW - timedelta(seconds=61))),
        check="run_obstacle",
        deleting="Leftovers",
        summary="Stalled",
        does=("AskProject",),
        again=POLL,
        operation="Failed",
        code="ERR_LEFTOVERS",
    ),
    Deleted(
        "nobody else was in it a while ago: other people use the project too",
        (going(), known(APPLIED), gen.in_project(at=NOW - timedelta(seconds=61))),
        check="run_obstacle",
        deleting="Waiting",
        does=("AskProject",),
        again=POLL,
    ),
    Deleted(
        "a destroy failed since the last look: it met something that the look did not see",
        (going(RETRY), known(APPLIED, BROKEN, **BEFORE), gen.in_project(at=NOW - timedelta(seconds=30))),
        check="run_obstacle",
        deleting="Waiting",
        does=("AskProject",),
        again=POLL,
    ),
    Deleted(
        "the project had nothing of what the state holds: no success, and no second try",
        (going(), known(APPLIED, GONE, **BEFORE)),
        check="destroy_failed",
        deleting="DestroyFailed",
        says=("ERR_OBJECTS_GONE", "plan-gate of Job destroy-"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_OBJECTS_GONE",
    ),
    Deleted(
        "a person says that all of it is really gone: the next destroy knows, and the word is spent",
        (going(CONFIRM), known(APPLIED, GONE, **BEFORE)),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
)
