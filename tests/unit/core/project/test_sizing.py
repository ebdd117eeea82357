"""The ladder of sizes: which size each server gets, and that one which stands keeps its size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.api.phases import RunVerb, ServerRole
from catalyst_operator.core.evidence import gather
from catalyst_operator.core.project import sizing
from catalyst_operator.core.project.sizing import (
    Choices,
    Server,
    current,
    from_the_top,
    goal,
    in_turn,
    later,
    resizes,
    size_of,
    stepped_down,
    tried_next,
)
from catalyst_operator.core.record import Record, RunState, SizeChoice
from catalyst_operator.core.tofu.apply_progress import Diagnostic, Progress, ResourceProgress
from tests.support import gen
from tests.support.gen import NOW, RawMod

WORKER = Server(ServerRole.WORKER, 0, ("a", "b", "c"))
SECOND = Server(ServerRole.WORKER, 1, ("a", "b", "c"))
ALONE = Server(ServerRole.CONTROL_PLANE, 0, ("a",))
B_FOR_A = SizeChoice("b", "a")
C_FOR_A = SizeChoice("c", "a")


# --- what a spec asks for ---------------------------------------------------------------------------------------------


def test_servers_have_the_names_and_addresses_of_the_module() -> None:
    control_plane = gen.spec(controlPlane={"size": "cpx22", "replicas": 3, "sizeFallbacks": ["cpx32", "cx33"]})
    found = sizing.servers(gen.sovereign(control_plane, gen.workers(2)).spec)
    assert [(server.key, server.address) for server in found] == [
        ("control-plane-0", "hcloud_server.control_plane[0]"),
        ("control-plane-1", "hcloud_server.control_plane[1]"),
        ("control-plane-2", "hcloud_server.control_plane[2]"),
        ("worker-0", "hcloud_server.worker[0]"),
        ("worker-1", "hcloud_server.worker[1]"),
    ]
    assert [server.ladder for server in found] == [("cpx22", "cpx32", "cx33")] * 3 + [("cpx32",)] * 2


def test_without_workers_there_are_none() -> None:
    assert [server.role for server in sizing.servers(gen.sovereign().spec)] == [ServerRole.CONTROL_PLANE]


# --- which size -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "size", "next_ones", "why"),
    [
        (None, "a", ("a", "b", "c"), "nothing was chosen: the spec's size first"),
        (SizeChoice("a", "a"), "a", ("a", "b", "c"), "it has the spec's size"),
        (B_FOR_A, "b", ("b", "c"), "it stepped down, and does not go up by itself"),
        (C_FOR_A, "c", ("c",), "it is on the last rung"),
        (SizeChoice("b", "x"), "a", ("a", "b", "c"), "the spec's size was edited since: that is followed"),
        (SizeChoice("z", "a"), "z", ("z",), "a fallback that was taken off the list meanwhile: kept, nothing below"),
    ],
)
def test_the_size_of_a_server(choice: SizeChoice | None, size: str, next_ones: tuple[str, ...], why: str) -> None:
    choices = {WORKER.key: choice} if choice else {}
    assert (size_of(WORKER, choices), tried_next(WORKER, choices)) == (size, next_ones), why


def test_the_choice_of_one_server_is_no_other_ones() -> None:
    assert size_of(SECOND, {WORKER.key: B_FOR_A}) == "a"


@pytest.mark.parametrize(
    ("choices", "failed", "expected", "why"),
    [
        ({}, {WORKER}, {WORKER.key: B_FOR_A}, "the next size of the one that failed"),
        ({WORKER.key: B_FOR_A}, {WORKER}, {WORKER.key: C_FOR_A}, "and the next"),
        ({WORKER.key: C_FOR_A}, {WORKER}, None, "no size is left"),
        ({}, {WORKER, SECOND}, {WORKER.key: B_FOR_A, SECOND.key: B_FOR_A}, "each of those that failed"),
        ({WORKER.key: C_FOR_A}, {WORKER, SECOND}, None, "one of them cannot be had: waiting is all that helps"),
        ({SECOND.key: B_FOR_A}, {WORKER}, {WORKER.key: B_FOR_A, SECOND.key: B_FOR_A}, "the others keep theirs"),
        ({}, {ALONE}, None, "without fallbacks there is no ladder"),
        ({}, set(), None, "no server failed"),
        (
            {WORKER.key: SizeChoice("b", "x")},
            {WORKER},
            {WORKER.key: B_FOR_A},
            "from the size that the spec asks by now",
        ),
    ],
)
def test_stepping_down(choices: Choices, failed: set[Server], expected: dict[str, SizeChoice] | None, why: str) -> None:
    found = stepped_down((ALONE, WORKER, SECOND), choices, {server.address for server in failed})
    assert found == expected, why


def test_what_failed_and_is_no_server_has_no_ladder() -> None:
    assert stepped_down((WORKER,), {}, {"hcloud_load_balancer.this"}) is None


@pytest.mark.parametrize(
    ("choices", "failed", "expected", "why"),
    [
        ({WORKER.key: C_FOR_A, SECOND.key: B_FOR_A}, {WORKER}, {SECOND.key: B_FOR_A}, "only the one that failed"),
        ({WORKER.key: C_FOR_A}, set(), {WORKER.key: C_FOR_A}, "nothing failed"),
        ({SECOND.key: B_FOR_A}, {WORKER}, {SECOND.key: B_FOR_A}, "it was at the top already"),
        ({"worker-7": B_FOR_A}, {WORKER}, {"worker-7": B_FOR_A}, "what is not asked for now may still stand"),
    ],
)
def test_from_the_top(choices: Choices, failed: set[Server], expected: dict[str, SizeChoice], why: str) -> None:
    found = from_the_top((ALONE, WORKER, SECOND), choices, {server.address for server in failed})
    assert found == expected, why


def test_after_a_success_every_server_is_held_to_what_it_has() -> None:
    choices = {WORKER.key: B_FOR_A, "worker-7": B_FOR_A, ALONE.key: SizeChoice("b", "x")}
    assert in_turn((ALONE, WORKER, SECOND), choices, ()) == {
        ALONE.key: SizeChoice("a", "a"),
        WORKER.key: B_FOR_A,
        SECOND.key: SizeChoice("a", "a"),
    }


# --- one resize after the other ---------------------------------------------------------------------------------------

FIRST, OTHER = Server(ServerRole.CONTROL_PLANE, 0, ("b",)), Server(ServerRole.CONTROL_PLANE, 1, ("b",))
A, B = SizeChoice("a", "a"), SizeChoice("b", "b")
GROUP = (FIRST, OTHER, Server(ServerRole.WORKER, 0, ("b",)), Server(ServerRole.WORKER, 1, ("b",)))
ALL = frozenset(server.key for server in GROUP)
KEYS = ("control-plane-0", "control-plane-1", "worker-0", "worker-1")


@pytest.mark.parametrize(
    ("choices", "made", "sizes", "waiting", "why"),
    [
        ((A, A, A, A), ALL, "baaa", KEYS[1:], "the first control plane, and nobody else"),
        ((B, A, A, A), ALL, "bbaa", KEYS[2:], "the next one"),
        ((B, B, A, A), ALL, "bbba", KEYS[3:], "workers after the control planes, one by one as well"),
        ((B, B, B, A), ALL, "bbbb", (), "the last"),
        ((B, B, B, B), ALL, "bbbb", (), "all is done"),
        ((A, A, A, None), ALL - {"worker-1"}, "aaab", KEYS[:3], "what is missing is made first"),
        ((None, None, None, None), (), "bbbb", (), "nothing stands yet"),
        ((A, A, A, A), (), "bbbb", (), "what was chosen but never made is made with the size that is asked for now"),
        ((A, None, None, None), {"control-plane-0"}, "abbb", KEYS[:1], "a first apply that broke off"),
        ((SizeChoice("b", "a"), A, A, A), ALL, "bbaa", KEYS[2:], "it has that size already, as its fallback"),
    ],
)
def test_turns(
    choices: tuple[SizeChoice | None, ...], made: frozenset[str], sizes: str, waiting: tuple[str, ...], why: str
) -> None:
    chosen = {server.key: choice for server, choice in zip(GROUP, choices, strict=True) if choice}
    turn = in_turn(GROUP, chosen, made)
    assert "".join(turn[server.key].size for server in GROUP) == sizes, why
    assert tuple(server.key for server in later(GROUP, chosen, made)) == waiting, why


def test_a_server_that_waits_is_still_shown_with_what_it_has() -> None:
    choices = dict.fromkeys(ALL, A)
    assert [current(server, choices, ALL) for server in GROUP] == ["a"] * 4
    assert [current(server, choices, ()) for server in GROUP] == ["b"] * 4, "to be made"


def test_the_goal_is_the_same_until_all_is_done_and_another_for_another_size() -> None:
    choices: dict[str, SizeChoice] = dict.fromkeys(ALL, A)
    goals = {goal(GROUP, choices)}
    for _ in GROUP:
        choices = in_turn(GROUP, choices, ALL)
        goals.add(goal(GROUP, choices))
    assert resizes(GROUP, choices, ALL) == ()
    assert len(goals) == 1
    assert goal((*GROUP[:3], WORKER), choices) not in goals


runs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(runs, st.integers(0, 3))
def test_no_run_powers_two_servers_off_and_all_get_there(edits: list[tuple[str, str, bool]], workers: int) -> None:
    """Whatever is edited, in the middle of it too, and whether runs succeed or fail."""
    control = [Server(ServerRole.CONTROL_PLANE, n, ("a",)) for n in range(3)]
    stands = {s.key: A for s in (*control, *(Server(ServerRole.WORKER, n, ("a",)) for n in range(workers)))}
    choices, has = dict(stands), dict.fromkeys(stands, "a")
    steps = [*edits, *[(*edits[-1][:2], True)] * len(stands)]
    for size, worker_size, succeeds in steps:
        wanted = [
            *(Server(ServerRole.CONTROL_PLANE, n, (size,)) for n in range(3)),
            *(Server(ServerRole.WORKER, n, (worker_size,)) for n in range(workers)),
        ]
        turn = in_turn(wanted, choices, stands)
        off = [key for key, choice in turn.items() if choice.size != has[key]]
        assert len(off) <= 1, off
        if succeeds:
            choices = turn
            has = {key: choice.size for key, choice in turn.items()}
    goals = {s.key: s.ladder[0] for s in wanted}
    assert has == goals


# --- whatever happens -------------------------------------------------------------------------------------------------

SIZES = ("cpx22", "cpx32", "cx33", "cx43")
ladders = st.permutations(SIZES).flatmap(lambda sizes: st.integers(1, 4).map(lambda n: tuple(sizes[:n])))


@dataclass
class Ladders:
    """A group of servers, runs that try to make them, and a cloud in which sizes come and go."""

    ladder: tuple[str, ...]
    count: int
    choices: dict[str, SizeChoice] = field(default_factory=dict)
    standing: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Server -> the size it was made with, and what the spec asked for then."""
    failed: set[str] = field(default_factory=set)
    """Addresses of the last run for which no size is left."""

    def wanted(self) -> tuple[Server, ...]:
        return tuple(Server(ServerRole.WORKER, n, self.ladder) for n in range(self.count))

    def run(self, available: frozenset[str], reaches: int) -> None:
        """One attempt: servers are made in turn; it ends after `reaches` of them, as if it was interrupted."""
        self.choices = from_the_top(self.wanted(), self.choices, self.failed)
        planned = {server: size_of(server, self.choices) for server in self.wanted()}
        self._nothing_that_stands_is_resized(planned)
        self.failed = set()
        for server in [s for s in self.wanted() if s.key not in self.standing][:reaches]:
            if planned[server] in available:
                self.standing[server.key] = planned[server], self.ladder[0]
            else:
                self.failed.add(server.address)
        stand = {server.key for server in self.wanted()} <= self.standing.keys()
        if stand:
            self._succeeded(planned)
        else:
            self._may_step_down(planned)

    def _nothing_that_stands_is_resized(self, planned: dict[Server, str]) -> None:
        for server, size in planned.items():
            made, asked = self.standing.get(server.key, (size, ""))
            assert size == made or asked != self.ladder[0], f"{server.key} is {made}, and {size} was planned"

    def _succeeded(self, planned: dict[Server, str]) -> None:
        """What is not wanted is gone, and what the spec's edits asked for was done."""
        self.standing = {server.key: (size, self.ladder[0]) for server, size in planned.items()}
        self.choices = in_turn(self.wanted(), self.choices, ())

    def _may_step_down(self, planned: dict[Server, str]) -> None:
        stepped = stepped_down(self.wanted(), self.choices, self.failed)
        if stepped is None:
            return
        self.choices, self.failed = stepped, set()
        lower = {server: size_of(server, stepped) for server in self.wanted()}
        rungs = [
            self.ladder.index(lower[s]) - self.ladder.index(size) for s, size in planned.items() if size in self.ladder
        ]
        assert all(step in (0, 1) for step in rungs)
        assert any(lower[s] != size for s, size in planned.items()), "a step leads somewhere"


events = st.one_of(
    st.tuples(st.just("run"), st.frozensets(st.sampled_from(SIZES)), st.integers(0, 4)),
    st.tuples(st.just("scale"), st.integers(0, 4)),
    st.tuples(st.just("fallbacks"), ladders),
    st.tuples(st.just("size"), ladders),
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(ladders, st.integers(1, 4), st.lists(events, max_size=14))
def test_a_server_that_stands_gets_another_size_only_by_an_edit_of_the_specs(
    ladder: tuple[str, ...], count: int, happened: list[tuple[Any, ...]]
) -> None:
    group = Ladders(ladder, count)
    for kind, *values in happened:
        if kind == "run":
            group.run(*values)
        elif kind == "scale":
            group.count = values[0]
        elif kind == "fallbacks":
            first, rest = group.ladder[0], [size for size in values[0] if size != group.ladder[0]]
            group.ladder = (first, *rest)
        else:
            group.ladder = values[0]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(ladders, st.lists(st.frozensets(st.integers(0, 3)), max_size=40))
def test_stepping_down_terminates(ladder: tuple[str, ...], failures: list[frozenset[int]]) -> None:
    """Each step costs a rung of some server, whoever fails and in whichever order."""
    wanted = tuple(Server(ServerRole.WORKER, n, ladder) for n in range(4))
    choices: dict[str, SizeChoice] = {}
    steps = 0
    for failed in failures:
        stepped = stepped_down(wanted, choices, {wanted[n].address for n in failed})
        steps += stepped is not None
        choices = stepped if stepped is not None else choices
    assert steps <= len(wanted) * (len(ladder) - 1)


def test_a_group_that_gets_nothing_at_all_tries_every_size_and_then_begins_again() -> None:
    group = Ladders(("a", "b", "c"), 2)
    tried = []
    for _ in range(7):
        group.run(frozenset(), 9)
        tried.append(size_of(WORKER, group.choices))
    # What the next run would try; after the last rung it is still that rung, until the next attempt begins.
    assert tried == ["b", "c", "c", "b", "c", "c", "b"]


# --- what a run's end makes of it -------------------------------------------------------------------------------------

LADDER: RawMod = gen.spec(workers={"size": "cpx32", "replicas": 2, "sizeFallbacks": ["cx33"]})
FULL = Diagnostic("error during placement (resource_unavailable, 01ab)", "", "hcloud_server.worker[1]")
STANDING = {"worker-1": SizeChoice("cx33", "cpx32")}


def after(*mods: RawMod, action: str = "create", sizes: Choices | None = None, good: bool = False) -> Record:
    """The record once the end of an apply of two workers was read, with the spec as it is then."""
    run = gen.run(digest=gen.digest(LADDER, sizes=sizes or {}))
    ended = gen.finished_pod(run) if good else gen.pod(run, "tofu-apply", gen.ended_container(1))
    progress = Progress({FULL.address: ResourceProgress(action, NOW, "failed")}, (FULL,), True)
    seen = gen.seen(jobs=(gen.job(run),), pods=(ended,), progress=None if good else progress)
    return gather(gen.observation(gen.of(LADDER, *mods), gen.known(run, sizes=sizes or {}), seen)).record


def test_a_server_that_was_not_to_be_had_is_tried_with_its_next_size() -> None:
    record = after()
    assert record.sizes == STANDING
    assert record.last is not None
    assert (record.last.state, record.last.stepped_down) == (RunState.FAILED, True)


def test_a_ladder_that_was_edited_during_the_run_is_begun_anew() -> None:
    record = after(gen.meta(generation=2))
    assert record.sizes == {}
    assert record.last is not None
    assert not record.last.stepped_down


def test_only_servers_that_do_not_exist_yet_step_down() -> None:
    """As spec.workers.sizeFallbacks promises: a size that an existing server cannot be changed to is the person's to
    correct, and no other size was asked for."""
    record = after(action="update")
    assert record.sizes == {}
    assert record.last is not None
    assert not record.last.stepped_down


def test_a_success_holds_every_server_to_its_size() -> None:
    sizes = after(sizes=STANDING, good=True).sizes
    assert sizes == {
        "control-plane-0": SizeChoice("cpx22", "cpx22"),
        "worker-0": SizeChoice("cpx32", "cpx32"),
        "worker-1": SizeChoice("cx33", "cpx32"),
    }


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (gen.workers(1), "one worker fewer"),
        (gen.workers(0), "no workers"),
        (gen.workers(2, "cx43"), "another size"),
    ],
)
def test_an_edit_during_the_run_that_is_taken_back_resizes_nothing(edit: RawMod, why: str) -> None:
    """The run made what it was asked for; the edit was never carried out."""
    record = after(edit, gen.meta(generation=2), sizes=STANDING, good=True)
    spec = gen.sovereign(LADDER).spec
    assert {s.key: size_of(s, record.sizes) for s in sizing.servers(spec)}["worker-1"] == "cx33", why


@pytest.mark.parametrize("verb", [RunVerb.PLAN, RunVerb.DESTROY])
def test_only_an_apply_chooses_sizes(verb: RunVerb) -> None:
    run = gen.run(verb=verb)
    seen = gen.seen(jobs=(gen.job(run),), pods=(gen.finished_pod(run),))
    o = gen.observation(gen.of(LADDER), gen.known(replace(run), sizes=STANDING), seen)
    assert gather(o).record.sizes == STANDING
