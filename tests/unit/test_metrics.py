"""Metrics: what an alert is written on has to be there, say what it says, and go with what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.decide import decide
from catalyst_operator.core.record import PhaseEntry, PhaseState, RunEntry, RunState
from catalyst_operator.metrics import DRIFTS, Metrics
from tests.support import gen
from tests.unit.core.decide import drifts

PLACE = {"namespace": "team-a", "name": "omantel"}


class Scraped:
    """Metrics, and what a scrape finds of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)

    def value(self, series: str, /, **labels: str) -> float | None:
        return self.registry.get_sample_value(series, labels)

    def series(self, name: str) -> int:
        return sum(sample.name == name for family in self.registry.collect() for sample in family.samples)


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


def status(*mods: gen.SceneMod) -> SovereignStatus:
    found = decide(gen.observation(*mods)).status
    assert found is not None
    return found


def test_who_leads_is_asked_at_each_scrape(scraped: Scraped) -> None:
    leads = [False, True]
    scraped.metrics.leads(lambda: leads.pop(0))
    assert [scraped.value("catalyst_is_leader") for _ in range(2)] == [0, 1]


# --- runs and phases --------------------------------------------------------------------------------------------------


def test_a_run_that_ended_is_counted_by_what_it_did_and_how_it_ended(scraped: Scraped) -> None:
    for run in (gen.succeeded(), gen.failed(attempt=2), gen.failed(attempt=3), gen.succeeded(4, RunVerb.PLAN)):
        scraped.metrics.run_ended(run)
    assert scraped.value("catalyst_runs_total", verb="apply", result="Succeeded") == 1
    assert scraped.value("catalyst_runs_total", verb="apply", result="Failed") == 2
    assert scraped.value("catalyst_runs_total", verb="plan", result="Succeeded") == 1
    assert scraped.value("catalyst_runs_total", verb="destroy", result="Succeeded") is None


def test_each_phase_tells_how_long_it_took(scraped: Scraped) -> None:
    run = with_phase(gen.failed(), "tofu-apply", seconds=272)
    scraped.metrics.run_ended(run)
    apply = {"verb": "apply", "phase": "tofu-apply", "result": "Failed"}
    assert scraped.value("catalyst_run_phase_seconds_sum", **apply) == 272
    assert scraped.value("catalyst_run_phase_seconds_bucket", **apply, le="120.0") == 0
    assert scraped.value("catalyst_run_phase_seconds_bucket", **apply, le="300.0") == 1
    plan = {"verb": "apply", "phase": "tofu-plan", "result": "Succeeded"}
    assert scraped.value("catalyst_run_phase_seconds_sum", **plan) == 5


def test_a_phase_that_never_ran_took_no_time(scraped: Scraped) -> None:
    """Else the zeros of what was skipped would hide how long it takes."""
    scraped.metrics.run_ended(gen.failed(phase="tofu-plan"))
    assert scraped.series("catalyst_run_phase_seconds_count") == 2
    scraped.metrics.run_ended(gen.run(RunState.LOST))
    assert scraped.series("catalyst_run_phase_seconds_count") == 2


def test_a_phase_whose_end_was_never_reported_is_not_measured(scraped: Scraped) -> None:
    started = PhaseEntry("tofu-apply", PhaseState.FAILED, started=gen.NOW)
    scraped.metrics.run_ended(gen.run(RunState.INTERRUPTED, phases=(started,)))
    assert scraped.series("catalyst_run_phase_seconds_count") == 0


def test_clocks_that_disagree_never_make_a_negative_time(scraped: Scraped) -> None:
    scraped.metrics.run_ended(with_phase(gen.failed(), "tofu-apply", seconds=-3))
    found = scraped.value("catalyst_run_phase_seconds_sum", verb="apply", phase="tofu-apply", result="Failed")
    assert found == 0


def with_phase(run: RunEntry, name: str, *, seconds: float) -> RunEntry:
    """The run with this time for one of its phases."""
    begun = gen.NOW - timedelta(seconds=seconds)
    phases = (replace(p, started=begun, finished=gen.NOW) if p.name == name else p for p in run.phases)
    return replace(run, phases=tuple(phases))


def test_the_end_of_a_run_is_told_once_when_it_is_recorded() -> None:
    """What is counted is what `decide` calls ended: neither a run in flight nor one that had ended before."""
    run = gen.run()
    there = gen.seen(jobs=(gen.job(run),), pods=(gen.pod(run, "tofu-apply"),))
    over = gen.seen(jobs=(gen.job(run),), pods=(gen.finished_pod(run),))
    assert decide(gen.observation(gen.known(run), there)).ended is None
    o = gen.observation(gen.known(run), over)
    ended = decide(o)
    assert ended.ended is not None
    assert (ended.ended.state, {p.state for p in ended.ended.phases}) == (RunState.SUCCEEDED, {PhaseState.SUCCEEDED})
    assert decide(gen.after(o, ended)).ended is None


# --- reconciles and conditions ----------------------------------------------------------------------------------------


def test_conditions_are_numbers(scraped: Scraped) -> None:
    scraped.metrics.observe("team-a", "omantel", status(gen.known(gen.failed())))
    assert scraped.value("catalyst_sovereign_condition", **PLACE, type="Ready") == 0
    assert scraped.value("catalyst_sovereign_condition", **PLACE, type="TofuInit") == 1
    assert scraped.value("catalyst_sovereign_condition", **PLACE, type="TofuOutput") == -1


def test_a_condition_that_is_gone_has_no_number(scraped: Scraped) -> None:
    """Stalled is present only while True: an alert on it must end."""
    scraped.metrics.observe("team-a", "omantel", status(gen.known(gen.failed(terminal=True))))
    assert scraped.value("catalyst_sovereign_condition", **PLACE, type="Stalled") == 1
    scraped.metrics.observe("team-a", "omantel", status(gen.known(gen.succeeded())))
    assert scraped.value("catalyst_sovereign_condition", **PLACE, type="Stalled") is None


def test_a_sovereign_that_is_gone_leaves_no_series(scraped: Scraped) -> None:
    scraped.metrics.observe("team-a", "omantel", status())
    scraped.metrics.observe("team-b", "omantel", status())
    scraped.metrics.forget("team-a", "omantel")
    assert scraped.value("catalyst_sovereign_condition", **PLACE, type="Ready") is None
    assert scraped.value("catalyst_sovereign_condition", namespace="team-b", name="omantel", type="Ready") == 0
    scraped.metrics.forget("team-a", "omantel")


def test_reconciles_are_measured_and_those_that_failed_counted(scraped: Scraped) -> None:
    with scraped.metrics.reconcile():
        pass
    with pytest.raises(ValueError, match="no"), scraped.metrics.reconcile():
        raise ValueError("no")
    assert scraped.value("catalyst_reconcile_seconds_count") == 2
    assert scraped.value("catalyst_reconcile_errors_total") == 1


# --- drift ------------------------------------------------------------------------------------------------------------


def test_what_drifts_is_counted_while_somebody_wants_to_know(scraped: Scraped) -> None:
    plan = replace(drifts.FOUND, add=2, off=(drifts.OFF,))
    scraped.metrics.observe("team-a", "omantel", status(gen.of(drifts.REPORT), drifts.found(plan)))
    counts = [scraped.value("catalyst_sovereign_drift", **PLACE, what=what) for what in DRIFTS]
    assert counts == [2, 1, 0, 1]
    scraped.metrics.observe("team-a", "omantel", status(drifts.found(plan)))
    assert scraped.series("catalyst_sovereign_drift") == 0
    scraped.metrics.observe("team-a", "omantel", status(gen.of(drifts.REPORT), drifts.found(plan)))
    scraped.metrics.forget("team-a", "omantel")
    assert scraped.series("catalyst_sovereign_drift") == 0
