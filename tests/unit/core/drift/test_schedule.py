"""When drift is checked for: at each Sovereign's own times, which follow from nothing but its UID and the interval."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.scalars import format_duration
from catalyst_operator.core.drift.schedule import next_check
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import HandOff, Record, RunEntry, RunState
from tests.support import gen
from tests.support.gen import NOW, SETTINGS

HOUR = timedelta(hours=1)
ANY = settings(derandomize=True, database=None, deadline=None)
INTERVALS = st.timedeltas(HOUR, 720 * HOUR).map(lambda found: timedelta(seconds=int(found.total_seconds())))
AGES = st.timedeltas(timedelta(0), 3000 * HOUR)
UIDS = st.uuids().map(str)


def wanting(interval: timedelta, uid: str = gen.UID) -> Observation:
    """A Sovereign that wants to be checked for drift so often."""
    mods = (gen.spec(driftDetection={"interval": format_duration(interval)}), gen.meta(uid=uid))
    return gen.observation(gen.of(*mods))


def applied(age: timedelta, *checks: RunEntry) -> Record:
    """Applied so long ago, and checked since."""
    at = NOW - age
    bootstrap = replace(gen.READY, since=at)
    return gen.record(gen.succeeded(created=at - gen.SECOND, finished=at), *checks, bootstrap=bootstrap)


def check(age: timedelta, state: RunState = RunState.SUCCEEDED) -> RunEntry:
    """A drift check that was made so long ago, and took ten seconds."""
    at, plan = NOW - age, gen.PLAN if state is RunState.SUCCEEDED else None
    end = {"created": at, "finished": at + 10 * gen.SECOND, "plan": plan}
    return gen.run(state, 2, RunVerb.PLAN, drift_check=True, **end)


def due(o: Observation, record: Record) -> datetime:
    found = next_check(o, record)
    assert found is not None
    return found


@ANY
@given(UIDS, INTERVALS, AGES, AGES)
def test_never_within_an_hour_of_an_apply(uid: str, interval: timedelta, age: timedelta, checked: timedelta) -> None:
    o = wanting(interval, uid)
    for record in (applied(age), applied(age, check(min(age, checked))), applied(age, check(age, RunState.FAILED))):
        assert due(o, record) >= NOW - age + HOUR


@ANY
@given(UIDS, INTERVALS, AGES)
def test_in_every_interval_there_is_one(uid: str, interval: timedelta, age: timedelta) -> None:
    o = wanting(interval, uid)
    assert due(o, applied(age)) <= NOW - age + HOUR + interval
    old = applied(age + 2 * interval + HOUR, check(age))
    first = due(o, old)
    assert NOW - age < first <= NOW - age + interval
    later = applied(age + 2 * interval + HOUR, check(NOW - first))
    assert due(o, later) == first + interval, "and so it goes on"


@ANY
@given(UIDS, INTERVALS, AGES)
def test_it_follows_from_uid_and_interval_whenever_it_is_asked(uid: str, interval: timedelta, age: timedelta) -> None:
    o = wanting(interval, uid)
    record = applied(age + interval + HOUR, check(age))
    later = replace(o, now=o.now + 17 * HOUR)
    assert due(o, record) == due(later, record)


def test_those_that_were_applied_at_one_time_are_spread_over_the_interval() -> None:
    """A thousand Sovereigns: no tenth of the interval has more than twice its share."""
    record, interval = applied(48 * HOUR, check(30 * HOUR)), 24 * HOUR
    tenths = [0] * 10
    for number in range(1000):
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))
        at = due(wanting(interval, uid), record)
        tenths[int((at - (NOW - 30 * HOUR)) / interval * 10) % 10] += 1
    assert min(tenths) > 50, tenths
    assert max(tenths) < 200, tenths


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.INTERRUPTED, RunState.LOST])
def test_one_that_came_to_nothing_is_made_again_in_an_hour(state: RunState) -> None:
    o = wanting(720 * HOUR)
    record = applied(800 * HOUR, check(timedelta(minutes=5), state))
    assert due(o, record) == NOW - timedelta(minutes=5) + 10 * gen.SECOND + HOUR


def test_one_that_a_person_stopped_is_not_made_again_before_its_time() -> None:
    o = wanting(720 * HOUR)
    stopped, done = (applied(800 * HOUR, check(HOUR, state)) for state in (RunState.CANCELLED, RunState.SUCCEEDED))
    assert due(o, stopped) == due(o, done)


def test_a_node_whose_clock_is_ahead_does_not_put_it_off() -> None:
    ahead = replace(check(timedelta(minutes=5), RunState.FAILED), finished=NOW + 1000 * HOUR)
    assert due(wanting(720 * HOUR), applied(800 * HOUR, ahead)) <= NOW + HOUR


@pytest.mark.parametrize(
    ("o", "record"),
    [
        (gen.observation(), applied(48 * HOUR)),
        (wanting(HOUR), gen.record()),
        (wanting(HOUR), replace(applied(48 * HOUR), hand_off=HandOff(NOW))),
        (wanting(HOUR), replace(applied(48 * HOUR), hand_off=HandOff(NOW, finished=NOW))),
    ],
    ids=["nobody wants it", "nothing was made", "the hand-off has begun", "handed off"],
)
def test_there_is_none(o: Observation, record: Record) -> None:
    assert next_check(o, record) is None


def test_an_operator_may_look_more_often() -> None:
    o = wanting(720 * HOUR)
    often = replace(o, settings=replace(SETTINGS, drift_longest_interval=HOUR))
    assert due(often, applied(800 * HOUR, check(timedelta(minutes=1)))) <= NOW + HOUR
