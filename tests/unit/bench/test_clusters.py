"""The benchmark of new clusters: which change arrived when, and what is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalyst_operator.core.phase1.components import component
from catalyst_operator.core.phase1.flux import helm_release
from e2e.bench import changes, new_cluster, report_new_cluster, targets
from e2e.bench.changes import Arrival, Numbers, Sent
from e2e.bench.errors import BenchError
from e2e.bench.new_cluster import Followed, Series
from e2e.bench.streams import Stamped, Stream
from tests.support import fake_cluster

KEY = "one/bp-a"


def heard(*items: tuple[float, int]) -> list[Stamped[Numbers]]:
    """What a watch told of `KEY`."""
    return [Stamped(at, {KEY: number}) for at, number in items]


# --- changes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
def test_a_change_is_found_again_where_the_operator_puts_it(number: int) -> None:
    release = {**fake_cluster.release("bp-a")}
    release["status"] = {"conditions": changes.with_change(release, number, "2026-11-22T12:00:00Z")}
    assert changes.in_release("one", release) == {KEY: number}
    shown = component("bp-a", helm_release(release))
    status = {"components": [{"name": "bp-a", "message": shown.message}, {"name": "bp-b"}]}
    assert changes.in_sovereign({"metadata": {"name": "one"}, "status": status}) == {KEY: number}


def test_two_changes_in_a_row_give_two_states() -> None:
    release = fake_cluster.release("bp-a")
    states = set()
    for number in (1, 2):
        release["status"] = {"conditions": changes.with_change(release, number, "2026-11-22T12:00:00Z")}
        states.add(component("bp-a", helm_release(release)).state)
    assert len(states) == 2


def test_what_was_not_changed_has_no_number() -> None:
    assert changes.in_release("one", {"metadata": {"name": "bp-a"}}) == {}
    assert changes.in_sovereign({"metadata": {"name": "one"}}) == {}


@pytest.mark.parametrize(
    ("told", "expected", "reason"),
    [
        (((1.0, 3), (2.0, 4)), Arrival(1.0, 3), "its own event"),
        (((1.0, 2), (2.0, 5)), Arrival(2.0, 5), "overtaken: a later one tells of it as well"),
        (((1.0, 3), (2.0, 3), (3.0, 1)), Arrival(1.0, 3), "told again, or taken back, it has arrived all the same"),
        (((1.0, 2),), None, "never told"),
        ((), None, "nothing was heard"),
    ],
)
def test_a_change_arrives_with_the_first_event_that_has_it(
    told: tuple[tuple[float, int], ...], expected: Arrival | None, reason: str
) -> None:
    assert changes.arrivals([Sent(KEY, 3, 0.5)], heard(*told)) == [expected], reason


def test_changes_of_other_components_are_not_confused() -> None:
    events: list[Stamped[Numbers]] = [Stamped(1.0, {KEY: 1, "one/bp-b": 9}), Stamped(2.0, {KEY: 2})]
    found = changes.arrivals([Sent(KEY, 2, 0.0), Sent("one/bp-b", 9, 0.0), Sent("two/bp-a", 1, 0.0)], events)
    assert found == [Arrival(2.0, 2), Arrival(1.0, 9), None]


# --- a new cluster ----------------------------------------------------------------------------------------------------


def stream(*items: tuple[float, int]) -> Stream[Numbers]:
    made: Stream[Numbers] = Stream()
    for item in heard(*items):
        made.add(item.at, item.what)
    return made


def test_each_change_has_its_floor_and_the_operators_share() -> None:
    sent = [Sent(KEY, 1, 10.0), Sent(KEY, 2, 11.0)]
    found, overtaken = new_cluster.match(sent, stream((10.25, 1), (11.25, 2)), stream((11.5, 2)))
    assert found == [Followed(0.25, 1.25), Followed(0.25, 0.25)]
    assert [change.whole for change in found] == [1.5, 0.5]
    assert overtaken == 1


def test_a_lost_change_is_no_measurement() -> None:
    with pytest.raises(BenchError, match="change 2"):
        new_cluster.match([Sent(KEY, 2, 11.0)], stream((11.25, 2)), stream((11.5, 1)))


def series(stage: str, operator: float) -> Series:
    return Series(stage, 12, 0.1, (Followed(0.01, operator), Followed(0.03, operator)), 1)


def test_the_slower_stage_is_held_against_the_targets() -> None:
    found = [series("one", 0.1), series("other", 0.3)]
    assert dict(report_new_cluster.held(found)) == pytest.approx(
        {targets.CHANGE_USUAL: 0.31, targets.CHANGE_RARE: 0.33}
    )
    assert report_new_cluster.held([]) == []


def test_report_has_floor_ratio_and_every_change() -> None:
    found = series("one", 0.09)
    text = report_new_cluster.as_text([found])
    assert "10.0 times" in text
    assert "1 told only by a later one" in text
    as_json: dict[str, Any] = json.loads(json.dumps(report_new_cluster.as_json(found)))
    assert as_json["changes"] == [{"floor": 0.01, "operator": 0.09}, {"floor": 0.03, "operator": 0.09}]
    assert as_json["whole"]["p50"] == pytest.approx(0.1)
