"""The record survives being written and read, and counts right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import record
from catalyst_operator.core.record import (
    HISTORY_LENGTH,
    ErrorEntry,
    OutputsEntry,
    PhaseEntry,
    PlanEntry,
    Record,
    RunEntry,
    RunState,
    SizeChoice,
    StopCause,
)
from tests.support import gen

times = st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
texts = st.text(max_size=12)
names = st.lists(texts, max_size=3).map(tuple)
entries = st.builds(
    RunEntry,
    phases=st.lists(st.builds(PhaseEntry, started=st.none() | times, finished=st.none() | times)).map(tuple),
    plan=st.none() | st.builds(PlanEntry, replacing=names, destroying=names, powering_off=names),
    errors=st.lists(st.builds(ErrorEntry, addresses=names)).map(tuple),
    tries=st.integers(1, 9),
    adopt=st.booleans(),
    stopping=st.none() | st.sampled_from(StopCause),
    stepped_down=st.booleans(),
    created=times,
    finished=st.none() | times,
    fraction=st.floats(0, 1),
)
records = st.builds(
    Record,
    runs=st.lists(entries, max_size=3).map(tuple),
    outputs=st.none() | st.builds(OutputsEntry, st.lists(texts).map(tuple), texts),
    handled=st.dictionaries(texts, texts, max_size=2),
    orphans=st.booleans(),
    sizes=st.dictionaries(texts, st.builds(SizeChoice, texts, texts), max_size=3),
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(records)
def test_what_is_written_is_read(made: Record) -> None:
    assert record.from_json(record.to_json(made)) == made


def test_a_record_of_an_older_operator_is_read() -> None:
    """Fields that were added since have defaults: an upgrade must not lose what it recorded before."""
    old = '{"uid": "u", "attempts": 1, "runs": [{"verb": "apply", "digest": "d", "attempt": 1, "credentials": "c",'
    old += '"generation": 1, "created": "2026-01-01T00:00:00Z", "job": "apply-d-1"}]}'
    assert record.from_json(old).last == RunEntry(
        RunVerb.APPLY, "d", 1, "c", 1, datetime(2026, 1, 1, tzinfo=UTC), "apply-d-1"
    )


BEFORE_SIZES = """
{
 "uid": "u", "attempts": 2, "applied_digest": "d", "touched": true, "destroyed": false, "state_serial": 7,
 "outputs": {"control_plane_ips": ["203.0.113.10"], "load_balancer_ip": "203.0.113.20"},
 "handled": {"catalyst.openova.io/retryRequestedAt": "1"},
 "runs": [
  {
   "verb": "apply", "digest": "d", "attempt": 2, "credentials": "c", "generation": 1,
   "created": "2026-01-01T00:00:00Z", "job": "apply-d-2", "approved": "", "retry": "1", "state": "Failed",
   "finished": "2026-01-01T00:01:00Z", "cause": "", "fraction": 0.0,
   "phases": [
    {"name": "tofu-init", "state": "Failed", "started": null, "finished": null, "exit_code": 1, "message": "no"}
   ],
   "plan": {"digest": "p", "add": 9, "change": 0, "destroy": 0, "replacing": [], "why": ""},
   "errors": [{"code": "ERR_TOFU", "message": "m", "remedy": "r", "terminal": false}]
  }
 ]
}
"""
"""A record as an operator wrote it that knew neither sizes nor orphans nor stopping."""


def test_a_record_with_an_ended_run_of_an_older_operator_is_read() -> None:
    found = record.from_json(BEFORE_SIZES)
    run = found.last
    assert run is not None
    assert (found.sizes, found.orphans, found.outputs) == ({}, False, replace(gen.OUTPUTS, network_id=""))
    assert (run.tries, run.adopt, run.stopping, run.stepped_down) == (1, False, None, False)
    assert run.plan == PlanEntry("p", 9, 0, 0)
    assert run.errors == (ErrorEntry("ERR_TOFU", "m", "r", False),)
    assert record.from_json(record.to_json(found)) == found


@pytest.mark.parametrize("text", ["", "{}", "null", '{"uid": 1, "attempts": "many"}', '{"uid": "u", "runs": [{}]}'])
def test_what_is_not_a_record_is_refused_and_never_taken_for_an_empty_one(text: str) -> None:
    with pytest.raises(ValidationError):
        record.from_json(text)


def test_a_new_run_is_announced() -> None:
    made = gen.record(gen.succeeded()).with_new_run(gen.run(RunState.PENDING, 2))
    assert (made.attempts, made.last) == (2, gen.run(RunState.PENDING, 2))


def test_the_history_is_bounded() -> None:
    made = gen.record()
    for attempt in range(1, 12):
        made = made.with_new_run(gen.failed(attempt=attempt))
    assert [run.attempt for run in made.runs] == list(range(12 - HISTORY_LENGTH, 12))
    assert made.attempts == 11


def test_at_most_the_latest_run_is_active() -> None:
    """One that was announced but never made is given up by the next."""
    made = gen.record(gen.run(RunState.PENDING)).with_new_run(gen.run(RunState.PENDING, 2))
    assert [run.active for run in made.runs] == [False, True]


def test_an_apply_revives_what_was_destroyed() -> None:
    destroyed = replace(gen.record(gen.succeeded(1, RunVerb.DESTROY)), destroyed=True)
    assert not destroyed.with_new_run(gen.run(RunState.PENDING, 2)).destroyed


def test_a_run_is_replaced_by_its_attempt() -> None:
    made = gen.record(gen.run(attempt=1), gen.run(attempt=2))
    ended = gen.failed(attempt=2)
    assert made.with_run(ended).runs == (gen.run(attempt=1), ended)


def test_the_latest_of_a_verb() -> None:
    apply, destroy = gen.failed(attempt=1), gen.failed(attempt=2, verb=RunVerb.DESTROY)
    made = gen.record(apply, destroy)
    assert (made.last, made.last_of(RunVerb.APPLY), gen.record().last_of(RunVerb.APPLY)) == (destroy, apply, None)


def test_a_run_ends_only_once() -> None:
    """Each state but the first two is an end."""
    assert [state for state in RunState if gen.run(state).active] == [RunState.PENDING, RunState.RUNNING]
    assert gen.run(RunState.LOST).finished == gen.NOW - timedelta(seconds=10)


def test_a_plan_announces_no_change_of_what_was_applied() -> None:
    """A dry run of an applied Sovereign must not start an apply once it is over; a run that applies leaves neither."""
    applied = gen.applied()
    assert applied.with_new_run(gen.run(RunState.PENDING, 2, RunVerb.PLAN)).applied_digest == applied.applied_digest
    assert applied.with_new_run(gen.run(RunState.PENDING, 2)).applied_digest == ""


def test_sizes_and_orphans_stay_when_a_run_is_announced() -> None:
    sizes = {"worker-0": SizeChoice("cpx32", "cpx22")}
    made = replace(gen.applied(), sizes=sizes, orphans=True).with_new_run(gen.run(RunState.PENDING, 2))
    assert (made.sizes, made.orphans) == (sizes, True)


def test_a_run_that_was_given_up_keeps_that_it_was_to_stop() -> None:
    given_up = gen.run(RunState.PENDING, stopping=StopCause.REQUESTED)
    first, _ = gen.record(given_up).with_new_run(gen.run(RunState.PENDING, 2)).runs
    assert (first.state, first.stopping) == (RunState.LOST, StopCause.REQUESTED)
