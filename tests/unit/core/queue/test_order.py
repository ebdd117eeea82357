"""Whose turn it is, whatever waits and whatever runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.core.queue.order import (
    LOOKS_SHARE,
    UNKNOWN_PROJECT,
    Bound,
    Entry,
    Queue,
    RunKind,
    RunLimits,
    TurnPlace,
    in_order,
    place,
    places,
)
from tests.support.gen import NOW, SECOND

DESTROY, WANTED, LOOK = RunKind.DESTROY, RunKind.WANTED, RunKind.LOOK


def waits(name: str, since: int = 0, kind: RunKind = WANTED, project: str = "") -> Entry:
    """`namespace/uid`, in a project of its own unless another is given."""
    namespace, uid = name.split("/")
    return Entry(uid, namespace, project or f"project of {uid}", kind, NOW + since * SECOND)


def order(*waiting: Entry, under_way: tuple[Entry, ...] = (), **queue: object) -> list[str]:
    made = Queue(under_way, waiting, **queue)  # type: ignore[arg-type]
    return [entry.uid for entry in in_order(made)]


def test_one_namespace_is_served_in_the_order_of_coming() -> None:
    assert order(waits("a/2", 2), waits("a/1", 1), waits("a/3", 3)) == ["1", "2", "3"]


def test_whoever_floods_the_queue_waits_behind_the_first_of_everybody_else() -> None:
    flood = [waits(f"a/{number}", number) for number in range(5)]
    assert order(*flood, waits("b/x", 10), waits("c/y", 11)) == ["0", "x", "y", "1", "2", "3", "4"]


def test_the_namespace_with_fewest_runs_under_way_is_next() -> None:
    busy = waits("a/0"), waits("b/1"), waits("b/2")
    assert order(waits("b/3", 1), waits("a/4", 2), waits("c/5", 3), under_way=busy) == ["5", "4", "3"]


def test_of_equally_busy_namespaces_the_one_that_was_served_longest_ago_is_next() -> None:
    served = {"a": NOW, "b": NOW - 60 * SECOND}
    assert order(waits("a/1", 1), waits("b/2", 2), waits("c/3", 3), served=served) == ["3", "2", "1"]


def test_a_deletion_comes_before_what_its_namespace_wanted_earlier() -> None:
    assert order(waits("a/1", 1), waits("a/2", 2, DESTROY), waits("b/3", 3)) == ["2", "3", "1"]


def test_a_look_comes_after_everything_that_somebody_waits_for() -> None:
    assert order(waits("a/1", 1, LOOK), waits("b/2", 2), waits("b/3", 3)) == ["2", "3", "1"]


def test_what_there_is_room_for_starts() -> None:
    assert place(Queue(), RunLimits(), waits("a/1")) is None


def test_the_example_of_the_papers() -> None:
    running = tuple(waits(f"a/r{n}", project="p") for n in range(2))
    before = tuple(waits(f"b/{n}", n, project="p") for n in range(2))
    after = tuple(waits(f"c/{n}", 100 + n, project="p") for n in range(10, 19))
    mine = waits("b/me", 3, project="p")
    found = place(Queue(running, (*before, *after)), RunLimits(project=2), mine)
    assert found is not None
    assert (found.of, found.bound, found.under_way, found.most) == (12, Bound.PROJECT, 2, 2)


@pytest.mark.parametrize(
    ("limits", "bound"),
    [
        (RunLimits(operator=1), Bound.OPERATOR),
        (RunLimits(project=1), Bound.PROJECT),
        (RunLimits(namespace=1), Bound.NAMESPACE),
    ],
)
def test_it_is_told_which_limit_holds_it_up(limits: RunLimits, bound: Bound) -> None:
    running = waits("a/1", project="p")
    assert place(Queue((running,)), limits, waits("a/2", project="p")) == TurnPlace(1, 1, bound, 1, 1)


def test_a_full_project_holds_up_nobody_of_another_one() -> None:
    queue = Queue((waits("a/1", project="p"),), (waits("b/2", 1, project="p"),))
    assert place(queue, RunLimits(operator=2, project=1), waits("c/3", 2, project="q")) is None


def test_a_place_counts_those_that_the_same_limit_concerns() -> None:
    queue = Queue((waits("a/1", project="p"),), (waits("b/2", 1, project="q"), waits("b/3", 2, project="p")))
    found = place(queue, RunLimits(project=1), waits("c/4", 3, project="p"))
    assert found is not None
    assert (found.position, found.of) == (1, 2)


def test_a_run_of_which_only_its_pod_is_known_may_be_in_any_project() -> None:
    unknown = replace(waits("a/1"), project=UNKNOWN_PROJECT)
    assert place(Queue((unknown,)), RunLimits(project=1), waits("b/2")) == TurnPlace(1, 1, Bound.PROJECT, 1, 1)


def test_looks_have_a_share_of_the_places() -> None:
    running = tuple(waits(f"a/{n}", kind=LOOK) for n in range(2))
    assert place(Queue(running[:1]), RunLimits(namespace=6), waits("a/x", kind=LOOK)) is None
    assert place(Queue(running), RunLimits(namespace=6), waits("a/x", kind=LOOK)) is not None
    assert place(Queue(running), RunLimits(namespace=6), waits("a/x")) is None


def test_a_look_does_not_take_the_last_place_from_who_waits_for_it() -> None:
    queue = Queue((), (waits("a/1", 1, project="p"),))
    assert place(queue, RunLimits(project=1), waits("b/2", 0, LOOK, project="p")) is not None
    assert place(Queue(), RunLimits(project=1), waits("b/2", 0, LOOK, project="p")) is None


def test_who_is_under_way_already_keeps_the_turn_while_nobody_comes_before_it() -> None:
    mine = waits("a/1")
    assert place(Queue((mine,)), RunLimits(operator=1), mine) is None


# --- whatever there is ------------------------------------------------------------------------------------------------

NAMESPACES = st.sampled_from("abc")
PROJECTS = st.sampled_from(["p", "q", UNKNOWN_PROJECT])
LIMITS = st.builds(RunLimits, st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))


@st.composite
def queues(draw: st.DrawFn) -> Queue:
    number = draw(st.integers(0, 14))
    entries = [
        Entry(
            f"{n:02}",
            draw(NAMESPACES),
            draw(PROJECTS),
            draw(st.sampled_from(RunKind)),
            NOW + timedelta(seconds=draw(st.integers(0, 5))),
        )
        for n in range(number)
    ]
    running = draw(st.integers(0, number))
    return Queue(tuple(entries[:running]), tuple(entries[running:]))


def started(queue: Queue, limits: RunLimits) -> list[Entry]:
    """Those whose turn it is."""
    found = places(queue, limits)
    return [entry for entry in queue.waiting if found[entry.uid] is None]


@given(queues(), LIMITS)
def test_no_limit_is_exceeded_by_what_starts(queue: Queue, limits: RunLimits) -> None:
    new = started(queue, limits)
    if not new:
        return
    together = (*queue.under_way, *new)
    assert len(together) <= limits.operator
    for entry in new:
        projects = Counter(other.project for other in together)
        assert projects[entry.project] <= limits.project
        assert sum(other.namespace == entry.namespace for other in together) <= limits.namespace
        looks = sum(other.kind is LOOK for other in together)
        assert entry.kind is not LOOK or looks <= max(1, limits.operator // LOOKS_SHARE)


@given(queues(), LIMITS)
def test_the_order_in_which_things_were_heard_does_not_matter(queue: Queue, limits: RunLimits) -> None:
    turned = Queue(queue.under_way[::-1], queue.waiting[::-1], queue.served)
    assert places(turned, limits) == places(queue, limits)


@given(queues(), LIMITS)
def test_everybody_decides_alike_whether_looking_from_outside_or_from_its_own_place(
    queue: Queue, limits: RunLimits
) -> None:
    seen = places(queue, limits)
    assert {entry.uid: place(queue, limits, entry) for entry in queue.waiting} == seen


@given(queues(), LIMITS)
def test_as_long_as_runs_end_everybody_comes_to_its_turn(queue: Queue, limits: RunLimits) -> None:
    now = NOW + timedelta(minutes=1)
    for _ in range(len(queue.under_way) + 2 * len(queue.waiting) + 1):
        if not queue.waiting:
            return
        new = started(queue, limits)
        now += SECOND
        left = tuple(entry for entry in queue.waiting if entry not in new)
        served = {**queue.served, **{entry.namespace: now for entry in new}}
        queue = Queue((*queue.under_way[1:], *new), left, served)
    assert not queue.waiting


@given(st.integers(1, 4), st.integers(1, 30))
def test_a_namespace_waits_for_one_run_of_each_other_namespace_however_much_those_ask_for(
    places_: int, flood: int
) -> None:
    """Every run takes equally long, and whoever had a turn asks for the next at once."""
    limits = RunLimits(operator=places_, project=99, namespace=99)
    waiting = [waits(f"a/a{n}", n) for n in range(flood)] + [waits("b/victim", 1000)]
    running = tuple(waits(f"a/r{n}") for n in range(places_))
    queue = Queue(running, tuple(waiting), {"a": NOW + 2000 * SECOND})
    after_one_end = Queue(running[1:], queue.waiting, queue.served)
    assert [entry.uid for entry in started(after_one_end, limits)] == ["victim"]
