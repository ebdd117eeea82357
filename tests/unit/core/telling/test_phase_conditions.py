"""What each phase's condition says, and of which run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api.common import Truth
from catalyst_operator.api.conditions import CONDITIONS, ConditionType
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.record import PhaseState, RunEntry, RunState, StopCause
from catalyst_operator.core.runs.reading import read
from catalyst_operator.core.telling.phase_conditions import PHASE_CONDITIONS, Told, phase_condition, shown
from catalyst_operator.core.tofu.plan_gate import EXIT_APPROVAL_NEEDED
from tests.support import gen
from tests.support.gen import NOW, ended_container, pod

INIT, PLAN, APPLY, OUTPUT = PHASE_CONDITIONS
DOCUMENTED = {doc.type: {reason.value for reason in doc.reasons} for doc in CONDITIONS}
RUN = gen.run()


def told(run: RunEntry | None, type_: ConditionType, *mods: gen.SceneMod) -> Told:
    found = phase_condition(gen.observation(*mods), run, type_)
    assert found[1] in DOCUMENTED[type_], "a reason that the reference does not list"
    assert found[2].endswith(".")
    return found


def at(phase: str, container: Any = None, run: RunEntry = RUN, **values: Any) -> RunEntry:
    """The run as its Pod tells it, with this phase in this state."""
    return read(run, gen.job(run), pod(run, phase, container, **values), None, NOW)


# --- one phase after the other ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("tofu-init", ("Unknown/Running", "Unknown/Waiting", "Unknown/Waiting", "Unknown/Waiting")),
        ("tofu-plan", ("True/Succeeded", "Unknown/Running", "Unknown/Waiting", "Unknown/Waiting")),
        ("plan-gate", ("True/Succeeded", "Unknown/Running", "Unknown/Waiting", "Unknown/Waiting")),
        ("tofu-apply", ("True/Succeeded", "True/Succeeded", "Unknown/Running", "Unknown/Waiting")),
        ("tofu-output", ("True/Succeeded", "True/Succeeded", "True/Succeeded", "Unknown/Running")),
    ],
)
def test_conditions_mirror_the_containers(phase: str, expected: tuple[str, ...]) -> None:
    """The plan is only good once the gate let it pass."""
    run = at(phase)
    found = [told(run, type_)[:2] for type_ in PHASE_CONDITIONS]
    assert tuple(f"{truth}/{reason}" for truth, reason in found) == expected


def test_looking_for_orphans_has_no_condition_of_its_own() -> None:
    run = at("adopt", run=gen.run(adopt=True))
    assert [told(run, type_)[1] for type_ in (INIT, PLAN)] == ["Succeeded", "Waiting"]


def test_before_the_first_run_and_before_its_pod() -> None:
    assert told(None, APPLY) == ("Unknown", "Waiting", "No run with this phase has been started yet.")
    assert told(RUN, APPLY) == ("Unknown", "Waiting", f"Job {RUN.job} has not started yet.")


# --- ends that are no failures ----------------------------------------------------------------------------------------


def cancelled(cause: StopCause, phase: str = "tofu-apply") -> RunEntry:
    return at(phase, ended_container(1), gen.run(stopping=cause), deletion=NOW)


@pytest.mark.parametrize(
    ("run", "type_", "truth", "reason", "words", "why"),
    [
        (
            cancelled(StopCause.REQUESTED),
            *(APPLY, "Unknown", "Cancelled", f"Job {RUN.job} was stopped on request before tofu-apply had ended."),
            "that it ended with an error is what was asked for",
        ),
        (
            cancelled(StopCause.SUPERSEDED, "tofu-plan"),
            *(
                PLAN,
                "Unknown",
                "Cancelled",
                f"Job {RUN.job} was stopped because the spec was edited before tofu-plan had",
            ),
            "it is planned again",
        ),
        (cancelled(StopCause.REQUESTED), OUTPUT, "Unknown", "Cancelled", "before tofu-output had ended", "not reached"),
        (cancelled(StopCause.REQUESTED), INIT, "True", "Succeeded", "OpenTofu was initialised", "what went well did"),
        (cancelled(StopCause.STUCK), APPLY, "False", "Failed", "tofu-apply failed in 5s", "that is an error"),
        (gen.run(RunState.LOST), APPLY, "Unknown", "RunLost", "vanished before its end was seen", "nobody knows"),
        (
            at("plan-gate", ended_container(EXIT_APPROVAL_NEEDED, gen.GATE_MESSAGE)),
            *(PLAN, "False", "AwaitingApproval", f"The plan {'d' * 64} waits for spec.approvePlan."),
            "the gate did its work",
        ),
        (
            at("plan-gate", ended_container(EXIT_APPROVAL_NEEDED, gen.GATE_MESSAGE)),
            *(APPLY, "Unknown", "Skipped", "was not reached: an earlier phase ended the run"),
            "nothing was touched",
        ),
    ],
)
def test_how_a_run_ended(run: RunEntry, type_: ConditionType, truth: Truth, reason: str, words: str, why: str) -> None:
    found = told(run, type_)
    assert (found[0], found[1]) == (truth, reason), why
    assert words in found[2]


def test_why_a_phase_failed_is_told_once_its_pod_has_ended() -> None:
    """Its log is read then; until that, a guess from the tail of it would have to be taken back."""
    view = pod(RUN, "tofu-apply", ended_container(1, "tail"), phase="Running")
    ending = read(RUN, gen.job(RUN), view, None, NOW)
    assert told(ending, APPLY)[1:] == ("Running", "tofu-apply ended with exit code 1; its Pod is ending.")
    assert told(at("tofu-apply", ended_container(1, "tail")), APPLY)[:2] == ("False", "Failed")


def test_an_interruption_is_told_by_its_cause() -> None:
    evicted = at("tofu-apply", ended_container(1), reason="Evicted", message="low on memory")
    assert told(evicted, APPLY)[2] == "tofu-apply failed in 5s (exit code 1): Evicted: low on memory."


def test_adopted_objects_are_counted() -> None:
    plan = replace(gen.PLAN, add=1, adopt=2)
    run = gen.succeeded(plan=plan)
    assert told(run, PLAN)[2] == "Planned in 5s: 1 to add, 0 to change, 0 to destroy, 2 to adopt."
    assert told(run, APPLY)[2] == "Applied in 5s: 1 added, 0 changed, 0 destroyed, 2 adopted."


# --- of which run -----------------------------------------------------------------------------------------------------

FIRST = gen.succeeded(attempt=1)
SECOND = gen.run(attempt=2)
DRY = gen.succeeded(attempt=2, verb=RunVerb.PLAN)
DESTROY = gen.run(attempt=2, verb=RunVerb.DESTROY)


@pytest.mark.parametrize(
    ("runs", "type_", "attempt", "why"),
    [
        ((), APPLY, None, "there was none"),
        ((FIRST, SECOND), APPLY, 2, "the latest, also before its Pod is there"),
        ((FIRST, DRY), PLAN, 2, "a dry run plans"),
        ((FIRST, DRY), INIT, 2, "and initialises"),
        ((FIRST, DRY), APPLY, 1, "but does not apply: what stands was applied by the run before"),
        ((FIRST, DRY), OUTPUT, 1, "nor does it read outputs"),
        ((DRY,), APPLY, None, "nothing was ever applied"),
        ((FIRST, DESTROY), APPLY, 1, "a destroy is told by the condition Deleting"),
        ((DESTROY,), INIT, None, "so it has none of these"),
    ],
)
def test_the_run_that_a_condition_speaks_of(
    runs: tuple[RunEntry, ...], type_: ConditionType, attempt: int | None, why: str
) -> None:
    last = runs[-1] if runs else None
    found = shown(gen.record(*runs), last, type_)
    assert (found.attempt if found else None) == attempt, why


def test_the_latest_run_is_told_as_it_stands_now_not_as_it_was_recorded() -> None:
    now = at("tofu-plan", run=SECOND)
    assert shown(gen.record(FIRST, SECOND), now, INIT) is now


def test_what_the_record_does_not_hold_any_more_stays_as_status_had_it() -> None:
    """After many attempts to destroy, the last apply is not among the runs that are kept."""
    before = {"type": "TofuApply", "status": "True", "reason": "Succeeded", "message": "Applied in 5s."}
    made = gen.status(conditions=[{**before, "lastTransitionTime": "2026-11-22T11:00:00Z"}])
    assert told(None, APPLY, gen.of(made)) == ("True", "Succeeded", "Applied in 5s.")


def test_a_phase_took_as_long_as_all_its_containers() -> None:
    started = NOW - timedelta(seconds=40)
    phases = tuple(
        replace(p, started=started) if p.name == "tofu-plan" else p
        for p in gen.phases_until("plan-gate", end=PhaseState.SUCCEEDED)
    )
    assert told(gen.succeeded(phases=phases), PLAN)[2].startswith("Planned in 30s:")
