"""What is decided for a Sovereign that is being deleted: tables of rows, each with its reason.

The rule behind all of it: what was made is taken back before the Sovereign may go, and what cannot be taken back keeps
the finalizer and says why. The rows are in the modules of `decide/` beside this one, by what they are about.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api.labels import ANNOTATION_CANCEL
from catalyst_operator.core import conditions, finalize
from catalyst_operator.core.actions import (
    CreateJob,
    PrepareNamespace,
    RemoveFinalizer,
    WriteInputs,
    WriteReceipt,
    WriteRecord,
)
from catalyst_operator.core.decide import decide
from catalyst_operator.core.observation import Observation, StateView
from catalyst_operator.core.record import HandOff, RunState, SizeChoice, StopCause, SweepEntry
from tests.support import gen
from tests.support.gen import NOW, SETTINGS, RawMod, SceneMod, known, seen, spec
from tests.unit.core.decide import (
    deletion_domains,
    deletion_ends,
    deletion_obstacles,
    deletion_overlays,
    deletion_projects,
    deletion_runs,
    queueing,
)
from tests.unit.core.decide.deletions import (
    AFTER,
    ANNOUNCED,
    APPLIED,
    BEFORE,
    DESTROY,
    DESTROYED,
    ORPHAN,
    RUNNING,
    going,
)
from tests.unit.core.decide.table import CANCEL, Deleted, at_work, first_error, names

CASES = (
    *deletion_ends.CASES,
    *deletion_obstacles.CASES,
    *deletion_overlays.CASES,
    *deletion_projects.CASES,
    *deletion_runs.CASES,
    *deletion_domains.CASES,
    *queueing.DELETIONS,
)


def test_a_destroy_after_a_hand_off_looks_for_what_its_crossplane_made() -> None:
    """Our archive ends where its own state begins; an ordinary destroy trusts the state."""
    restored = seen(state=StateView(serial=7), archived_state=StateView(serial=7))
    exported = spec(decommission={"acknowledgeExported": True})
    handed = known(APPLIED, hand_off=HandOff(started=NOW, refused=NOW, finished=NOW))
    for given, adopts in (((going(), known(APPLIED)), False), ((going(exported), handed, restored), True)):
        [made] = [a for a in decide(gen.observation(*given)).actions if isinstance(a, CreateJob)]
        assert made.run.adopt is adopts


def answering(o: Observation) -> str:
    """The name of the check that answers first."""
    scene = finalize.look(o)
    return next(check.__name__ for check in finalize.CHECKS if check(scene))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_decision(case: Deleted) -> None:
    o = gen.observation(*case.given)
    decision = decide(o)
    assert answering(o) == case.check
    assert names(decision.actions) == case.does
    assert decision.requeue_after == case.again
    if not case.deleting:
        assert decision.status is None
        return
    assert decision.status is not None
    status = decision.status
    found = {c.type: c for c in status.conditions}
    assert found["Deleting"].reason == case.deleting
    assert [part for part in case.says if part not in found["Deleting"].message] == [], found["Deleting"].message
    assert [c for c in found if c in ("Reconciling", "Stalled")] == [case.summary]
    assert (status.phase, found["Ready"].status) == ("deleting", "False")
    assert status.last_operation is not None
    assert (status.last_operation.type, status.last_operation.state) == ("Delete", case.operation)
    assert not case.code or first_error(status) == case.code
    assert not case.ready or found["Ready"].reason == case.ready
    assert conditions.violations(status.conditions, o.sovereign.metadata.generation) == []
    assert gen.undocumented(status.conditions) == []


def test_every_check_is_in_the_table() -> None:
    assert {case.check for case in CASES} == {check.__name__ for check in finalize.CHECKS}


@pytest.mark.parametrize("case", [c for c in CASES if c.deleting and not c.goes_on], ids=lambda case: case.why)
def test_looking_again_says_the_same(case: Deleted) -> None:
    o = gen.observation(*case.given)
    once = decide(o)
    assert decide(o) == once
    again = decide(gen.after(o, once))
    assert once.status is not None
    assert again.status is not None
    assert again.status.to_wire() == once.status.to_wire()


def test_a_sovereign_that_somebody_else_holds_is_left_alone() -> None:
    decision = decide(gen.observation(going(gen.meta(finalizers=["someone/else"]))))
    assert decision.actions == ()
    assert decision.status is None


def test_a_destroy_that_failed_twenty_times_still_keeps_the_finalizer() -> None:
    runs = gen.failures(20, verb=DESTROY, generation=2, finished=NOW)[-5:]
    o = gen.observation(going(), known(*runs, **BEFORE))
    decision = decide(o)
    assert not any(isinstance(action, RemoveFinalizer) for action in decision.actions)
    later = replace(o, now=NOW + SETTINGS.retry_cap)
    again = decide(replace(later, project=gen.looked_round(later)))
    created = again.actions[-1]
    assert isinstance(created, CreateJob)
    assert (created.run.attempt, created.run.tries) == (21, 21)


def test_no_row_is_there_twice() -> None:
    assert len({case.why for case in CASES}) == len(CASES)


@pytest.mark.parametrize("check", finalize.CHECKS[1:], ids=lambda check: check.__name__)
def test_the_finalizer_is_only_removed_when_nothing_of_ours_is_left(check: object) -> None:
    """Whatever check answers, a Sovereign whose objects may still exist is not let go under policy Delete."""
    for case in CASES:
        o = gen.observation(*case.given)
        if answering(o) != getattr(check, "__name__", ""):
            continue
        let_go = any(isinstance(action, RemoveFinalizer) for action in decide(o).actions)
        may_exist = finalize.look(o).something_left and o.namespace is not None and o.namespace.ours
        assert not (let_go and may_exist), case.why


def test_a_broken_token_does_not_overwrite_the_copy_that_worked() -> None:
    decision = decide(gen.observation(going(), known(APPLIED), gen.tokened("rubbish")))
    prepared = next(a for a in decision.actions if isinstance(a, PrepareNamespace))
    assert prepared.refresh_token is False


def test_after_a_destroy_the_lower_state_is_no_loss() -> None:
    ended = seen(jobs=(gen.job(RUNNING, complete=True),), pods=(gen.finished_pod(RUNNING),), state=StateView(20))
    decision = decide(gen.observation(going(), known(APPLIED, RUNNING, **BEFORE), ended))
    written = next(a for a in decision.actions if isinstance(a, WriteRecord))
    assert written.record.destroyed
    assert written.record.state_serial == 0


def test_leftovers_are_named_in_the_message() -> None:
    said = '{"left":["servers/42 stray-worker","volumes/7 pvc-1"],"count":12}'
    pod = gen.pod(RUNNING, "leftovers", gen.ended_container(6, said))
    ended = seen(jobs=(gen.job(RUNNING, failed=True),), pods=(pod,))
    status = decide(gen.observation(going(), known(APPLIED, RUNNING, **BEFORE), ended)).status
    assert status is not None
    assert status.last_errors[0].code == "ERR_LEFTOVERS"
    ready = next(c for c in status.conditions if c.type == "Ready")
    assert "servers/42 stray-worker, volumes/7 pvc-1 and 10 more" in ready.message


def receipt(*given: SceneMod) -> dict[str, Any]:
    return next(a for a in decide(gen.observation(*given)).actions if isinstance(a, WriteReceipt)).content


SWEPT = SweepEntry({"servers": (10,), "volumes": (7, 8)}, {"volumes": (7, 8)}, {"volumes": (9,)}, more=3)


def test_the_receipt_lists_every_object() -> None:
    told = receipt(going(ANNOUNCED), known(APPLIED, DESTROYED, **AFTER, sweep=SWEPT))
    assert told["objects"] == {
        "found": {"servers": [10], "volumes": [7, 8]},
        "swept": {"volumes": [7, 8]},
        "left": {},
        "unclear": {"volumes": [9]},
        "notListed": 3,
    }
    assert told["domain"]["reservation"] in ("released", "none")
    assert told["overlay"] == {"state": "none"}
    assert "export" not in told
    assert "stays" not in told


def test_the_receipt_keeps_what_the_owner_stated_of_the_export() -> None:
    export = {"sha256": "a" * 64, "location": "s3://backups/omantel/openbao.snap"}
    told = receipt(going(ANNOUNCED, spec(decommission={"export": export})), known(APPLIED, DESTROYED, **AFTER))
    assert told["export"] == export


@pytest.mark.parametrize(("removed", "state", "commit"), [("", "left", "c0ffee"), ("beef", "removed", "beef")])
def test_the_receipt_tells_what_became_of_the_overlay(removed: str, state: str, commit: str) -> None:
    kept = {"overlay": "d1", "overlay_revision": "c0ffee", "overlay_removed": removed}
    told = receipt(going(ANNOUNCED, deletion_overlays.LEAVE), known(APPLIED, DESTROYED, **AFTER, **kept))
    assert (told["overlay"]["state"], told["overlay"]["commit"]) == (state, commit)
    assert told["overlay"]["folder"] == "clusters/omantel.omani.works"


def test_policy_orphan_tells_what_stays_and_what_it_costs_a_month() -> None:
    given = (going(ANNOUNCED, ORPHAN), known(APPLIED, **BEFORE, made=("control-plane-0", "worker-0")))
    told = receipt(*given)
    assert told["stays"]["servers"] == ["control-plane-0", "worker-0"]
    assert told["stays"]["monthlyCost"]["currency"] == "EUR"
    status = decide(gen.observation(going(ORPHAN), *given[1:])).status
    assert status is not None
    said = next(c for c in status.conditions if c.type == "Deleting").message
    assert f"go on costing about {told['stays']['monthlyCost']['monthly']} EUR a month" in said


def test_what_destroy_runs_removed_adds_up_over_runs_that_failed() -> None:
    said = '{"left":[],"count":0,"found":{"servers":[10],"volumes":[7,1]},"removed":{"volumes":[8]}}'
    pod = gen.pod(RUNNING, "tofu-apply", gen.ended_container(1))
    pod = replace(pod, containers={**pod.containers, "sweep": gen.ended_container(0, said)})
    ended = seen(jobs=(gen.job(RUNNING, failed=True),), pods=(pod,))
    before = SweepEntry({"volumes": (5,)}, {"volumes": (5,)})
    decision = decide(gen.observation(going(), known(APPLIED, RUNNING, **BEFORE, sweep=before), ended))
    written = next(a for a in decision.actions if isinstance(a, WriteRecord)).record.sweep
    assert (written.removed, written.found) == ({"volumes": (5, 8)}, {"servers": (10,), "volumes": (5, 7, 8)})


def test_what_is_in_the_way_of_a_sweep_is_told_in_its_words() -> None:
    said = '{"explanation":"in the way are objects that are shared: servers/42 x.","left":["servers/42 x"],"count":1}'
    pod = gen.pod(RUNNING, "sweep", gen.ended_container(6, said))
    ended = seen(jobs=(gen.job(RUNNING, failed=True),), pods=(pod,))
    status = decide(gen.observation(going(), known(APPLIED, RUNNING, **BEFORE), ended)).status
    assert status is not None
    assert status.last_errors[0].code == "ERR_LEFTOVERS"
    assert "servers/42 x" in status.last_errors[0].message


@pytest.mark.parametrize(("policy", "result"), [((), "destroyed"), ((ORPHAN,), "orphaned")])
def test_the_receipt_says_what_became_of_it(policy: tuple[RawMod, ...], result: str) -> None:
    o = gen.observation(going(ANNOUNCED, *policy), known(APPLIED, DESTROYED, **AFTER))
    receipt = next(a for a in decide(o).actions if isinstance(a, WriteReceipt)).content
    assert (receipt["sovereign"], receipt["uid"], receipt["result"]) == ("team-a/omantel", gen.UID, result)
    assert receipt["removed"] == 9


def test_the_operation_began_with_the_deletion_not_with_the_last_apply() -> None:
    status = decide(gen.observation(going(spec(deletionProtection=True)), known(APPLIED))).status
    assert status is not None
    assert status.last_operation is not None
    assert status.last_operation.start_time == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("phase", "touched"),
    [("tofu-init", False), ("tofu-plan", False), ("plan-gate", False), ("tofu-apply", True), ("tofu-output", True)],
)
def test_only_an_apply_that_was_reached_has_to_be_destroyed(phase: str, touched: bool) -> None:
    run = gen.run()
    ended = seen(jobs=(gen.job(run, failed=True),), pods=(gen.pod(run, phase, gen.ended_container(1, "no")),))
    written = next(
        a for a in decide(gen.observation(known(run, touched=False), ended)).actions if isinstance(a, WriteRecord)
    )
    assert written.record.touched is touched


@pytest.mark.parametrize("state", [RunState.INTERRUPTED, RunState.LOST])
def test_a_run_whose_end_is_not_known_may_have_touched_the_cloud(state: RunState) -> None:
    run = gen.run()
    pod = gen.pod(run, "tofu-plan", gen.ended_container(137), reason="NodeLost")
    ended = seen(pods=(pod,) if state is RunState.INTERRUPTED else ())
    written = next(
        a for a in decide(gen.observation(known(run, touched=False), ended)).actions if isinstance(a, WriteRecord)
    )
    assert written.record.runs[0].state is state
    assert written.record.touched


def test_a_cancelled_destroy_is_recorded_with_the_request_it_answers() -> None:
    o = gen.observation(going(CANCEL), known(APPLIED, RUNNING, **BEFORE), at_work(RUNNING, "tofu-apply"))
    written = next(a.record for a in decide(o).actions if isinstance(a, WriteRecord))
    assert written.last is not None
    assert written.last.stopping is StopCause.REQUESTED
    assert written.handled == {ANNOTATION_CANCEL: "now"}


@pytest.mark.parametrize("orphans", [True, False])
def test_a_destroy_looks_for_what_a_killed_apply_may_have_left(orphans: bool) -> None:
    o = gen.observation(going(), known(gen.run(RunState.INTERRUPTED), touched=True, orphans=orphans))
    created = decide(o).actions[-1]
    assert isinstance(created, CreateJob)
    assert created.run.adopt is orphans


def test_a_destroy_is_given_the_sizes_that_stand() -> None:
    """It validates with what was applied; a release that nobody knows any more is left out instead of blocking it."""
    sizes = {"control-plane-0": SizeChoice("cpx32", "cpx22")}
    o = gen.observation(going(spec(release="no-such-release")), known(APPLIED, sizes=sizes))
    made = next(a for a in decide(o).actions if isinstance(a, WriteInputs))
    assert made.tfvars["control_plane_sizes"] == ["cpx32"]


def test_a_destroy_takes_no_network_that_it_does_not_need() -> None:
    """The module validates every variable, in a destroy too."""
    o = gen.observation(
        gen.of(
            gen.spec(sshAllowedCIDRs=["203.0.113.0/24"], apiAllowedCIDRs=["203.0.113.0/24"], deletionProtection=False),
            gen.deleting,
        ),
        known(gen.succeeded()),
    )
    variables = finalize.look(o).variables
    assert variables["ssh_allowed_cidrs"] == []
    assert "api_allowed_cidrs" not in variables
